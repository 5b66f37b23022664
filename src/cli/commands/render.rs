//! `stairway render`

use crate::cli::args::DocumentFormat;
use crate::cli::error::CliError;
use crate::cli::request::RenderRequest;
use crate::cli::session::{Session, Tour};
use crate::pipeline::Loaded;
use crate::render;
use serde_json::Value;
use stairway_core::diff::as_live;
use stairway_core::model::clusterconfig::Config;
use stairway_core::plan::wire::ClusterError;

/// Prints the configs that git asks for.
///
/// # Errors
/// Nothing could be selected, or stdout cannot take it.
pub(crate) fn run(session: &mut Session<'_>, request: &RenderRequest) -> Result<u8, CliError> {
    let tour = Tour {
        work: &request.work,
        verb: "Rendering",
        live: request.as_live,
        at: None,
    };
    let mut documents: Vec<Value> = Vec::new();
    // A file with several clusters comes once for each and is printed once.
    let mut last: Option<String> = None;
    let errors = session.tour(
        &tour,
        &|loaded| shown(loaded, request.as_live),
        &mut |_, (file, mut own): (String, Vec<Value>)| {
            if request.as_live || last.as_ref() != Some(&file) {
                documents.append(&mut own);
            }
            last = Some(file);
            Ok(())
        },
    )?;
    if let Some(text) = written(documents, request.format) {
        session.terminal.data(&text)?;
    }
    Ok(session.fail(errors))
}

fn shown(loaded: &Loaded, live: bool) -> Result<(String, Vec<Value>), ClusterError> {
    let file = loaded.inputs.config.clone();
    match (&loaded.config, &loaded.live) {
        (Config::Eks(desired), Some(read)) if live => Ok((
            file,
            vec![as_live(desired, &read.observation, &loaded.settings)],
        )),
        (Config::EksAnywhere(_), _) if live => Err(ClusterError {
            name: loaded.name.clone(),
            error: format!(
                "`{}` is an EKS Anywhere cluster; its groups have no generations",
                loaded.name
            ),
            hint: Some("leave `--as-live` out".to_owned()),
            ..ClusterError::default()
        }),
        (Config::Eks(_) | Config::EksAnywhere(_), _) => Ok((file, loaded.documents.clone())),
    }
}

/// One document as an object, several as an array.
fn written(mut documents: Vec<Value>, format: DocumentFormat) -> Option<String> {
    let value = match documents.len() {
        0 => return None,
        1 => documents.remove(0),
        _ => Value::Array(documents),
    };
    Some(match format {
        DocumentFormat::Yaml => render::to_yaml(&value),
        DocumentFormat::Json => format!("{value:#}\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_document_is_an_object_and_several_are_an_array() {
        let one = written(vec![json!({"a": 1})], DocumentFormat::Json);
        assert_eq!(one.as_deref(), Some("{\n  \"a\": 1\n}\n"));
        let two = written(vec![json!({}), json!({})], DocumentFormat::Json);
        assert_eq!(two.as_deref(), Some("[\n  {},\n  {}\n]\n"));
        assert_eq!(written(Vec::new(), DocumentFormat::Yaml), None);
    }
}
