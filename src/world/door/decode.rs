//! Bodies of POST and PUT: JSON, or the protobuf that kubectl sends for a few kinds.

use super::errors::Refusal;
use super::schema::schema;
use super::{Call, protobuf};
use serde_json::Value;

/// How many characters of a body a message quotes (apiserver, `summarizeData`).
const QUOTED_MAX: usize = 30;

/// Reads the object of a POST or PUT; unknown fields are dropped, refused or warned of.
pub(crate) fn decode(call: &Call<'_>, kind: &str) -> Result<(Value, Vec<String>), Refusal> {
    let header = call.request.header("content-type");
    let media = header.split(';').next().unwrap_or_default().trim();
    let body = &call.request.body;
    let binary = media == "application/vnd.kubernetes.protobuf";
    let read = binary.then(|| protobuf::object(body, kind)).flatten();
    if !matches!(media, "" | "application/json") && read.is_none() {
        let message = "the body of the request was in an unknown format - accepted media types include: application/json";
        return Err(Refusal::new(415, "UnsupportedMediaType", message));
    }
    let mut object: Value = match read {
        Some(object) => object,
        None => serde_json::from_slice(body).map_err(|error| not_json(kind, body, &error))?,
    };
    if !object.is_object() {
        let message = format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: json: cannot unmarshal into Go value ({})",
            summary(body)
        );
        return Err(Refusal::bad_request(message));
    }
    let said = object["kind"].as_str().unwrap_or(kind).to_owned();
    if said != kind {
        let message = format!(
            "{said} in version \"v1\" cannot be handled as a {kind}: the object is of another kind"
        );
        return Err(Refusal::bad_request(message));
    }
    let faults = schema().prune(kind, &mut object);
    let refused = |fault: String| {
        Refusal::bad_request(format!(
            "{kind} in version \"v1\" cannot be handled as a {kind}: {fault}"
        ))
    };
    if let Some((path, found)) = faults.misshapen.first() {
        let fault = format!("json: cannot unmarshal {found} into Go struct field {kind}.{path}");
        return Err(refused(fault));
    }
    let said: Vec<String> = faults
        .unknown
        .iter()
        .map(|p| format!("unknown field \"{p}\""))
        .collect();
    match call.request.param("fieldValidation") {
        Some("Strict") if !said.is_empty() => Err(refused(format!(
            "strict decoding error: {}",
            said.join(", ")
        ))),
        Some("Ignore") => Ok((object, Vec::new())),
        Some(_) | None => Ok((object, said)),
    }
}

fn not_json(kind: &str, body: &[u8], error: &serde_json::Error) -> Refusal {
    let why = if error.is_eof() {
        "unexpected end of JSON input".to_owned()
    } else {
        error.to_string()
    };
    Refusal::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {why} ({})",
        summary(body)
    ))
}

/// As apiserver quotes a body: JSON as it is, anything else in hex, and the beginning only.
fn summary(body: &[u8]) -> String {
    if body.is_empty() {
        return "<empty>".to_owned();
    }
    let head = &body[..body.len().min(QUOTED_MAX)];
    let mut text = if body.starts_with(b"{") {
        String::from_utf8_lossy(head).into_owned()
    } else {
        head.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    if body.len() > QUOTED_MAX {
        text.push_str(" ...");
    }
    text
}
