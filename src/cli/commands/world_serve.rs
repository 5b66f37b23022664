//! `stairway world serve`

use crate::actuate::Interrupts;
use crate::cli::ambient::Ambient;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::ServeRequest;
use crate::cli::session::Session;
use crate::drive::Interrupt;
use crate::files;
use crate::live::WorldStore;
use crate::serve::{
    Endpoint, Ground, KUBECONFIG_MARK, ServeError, ServeOptions, Serving, kubeconfig,
};
use stairway_world::door::{DoorFault, Trouble};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the end of the server is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// A kubeconfig of hundreds of clusters is smaller.
const KUBECONFIG_BYTES_MAX: u64 = 4 << 20;

/// Serves a world until it is told to end.
///
/// # Errors
/// The world cannot be read, a port is taken, or the kubeconfig cannot be written.
pub(super) fn run(session: &mut Session<'_>, request: &ServeRequest) -> Result<u8, CliError> {
    let store = WorldStore::of_operator(&request.file)?;
    let clusters = match &request.cluster {
        Some(name) => vec![name.clone()],
        None => store.read()?.worlds.into_keys().collect(),
    };
    if clusters.is_empty() {
        return Err(CliError::user(format!(
            "Serving `{}` failed: it has no clusters",
            request.file.display()
        )));
    }
    let places = places(request, &store, &clusters);
    for place in &places {
        refuse_foreign(place)?;
    }
    let token = match &request.token {
        Some(token) => token.clone(),
        None => random()?,
    };
    let interrupts = Interrupts::of_process()
        .map_err(|error| CliError::internal(format!("Listening to signals failed: {error}")))?;
    let mut serving = Serving::start(
        Ground::Stored(store),
        &ServeOptions {
            clusters,
            port: request.port,
            token: token.clone(),
            role: request.role,
            tls: request.tls,
            pace: request.pace,
            until_idle: request.until_idle,
        },
    )?;
    let endpoints = serving.endpoints().to_vec();
    if let Some(milliseconds) = request.delay_ms {
        for endpoint in &endpoints {
            let every = DoorFault::of("*", Trouble::Slow(milliseconds));
            serving.with(&endpoint.cluster, |door, _| door.strike(every))?;
        }
    }
    let user = request.role.user();
    match places.as_slice() {
        [one] => write(one, &endpoints, user, &token)?,
        several => {
            for (place, endpoint) in several.iter().zip(&endpoints) {
                write(place, std::slice::from_ref(endpoint), user, &token)?;
            }
        }
    }
    tell(session, &endpoints, &places, request)?;
    while !serving.is_over() && interrupts.level() == Interrupt::None {
        interrupts.sleep(LOOK);
    }
    let why = if serving.is_over() {
        "nobody asked for anything any more"
    } else {
        "as asked"
    };
    serving.stop();
    session.terminal.say(&format!("The server ended, {why}"));
    Ok(exit_code::DONE)
}

/// Returns where kubeconfigs go: one for all, or one for each cluster.
fn places(request: &ServeRequest, store: &WorldStore, clusters: &[String]) -> Vec<PathBuf> {
    match &request.kubeconfig {
        Some(one) => vec![one.clone()],
        None => {
            let of = |name: &String| store.lock_of(name).with_extension("kubeconfig");
            clusters.iter().map(of).collect()
        }
    }
}

/// A kubeconfig of somebody's real clusters must not be lost.
fn refuse_foreign(place: &Path) -> Result<(), CliError> {
    if !files::exists(place) {
        return Ok(());
    }
    let text = files::read_text(place, KUBECONFIG_BYTES_MAX)?;
    if text.starts_with(KUBECONFIG_MARK) {
        return Ok(());
    }
    Err(CliError::refused(format!(
        "Writing the kubeconfig `{}` failed: a file that `world serve` did not write is there",
        place.display()
    ))
    .hint("give another name with `--kubeconfig`"))
}

fn write(place: &Path, endpoints: &[Endpoint], user: &str, token: &str) -> Result<(), CliError> {
    let text = kubeconfig(endpoints, user, token);
    Ok(files::write_private(place, text.as_bytes())?)
}

fn random() -> Result<String, CliError> {
    let bytes = Ambient::nonce()
        .map_err(|error| CliError::internal(format!("Making a token failed: {error}")))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Prints a line for each cluster to stdout: name, endpoint, kubeconfig.
fn tell(
    session: &mut Session<'_>,
    endpoints: &[Endpoint],
    places: &[PathBuf],
    request: &ServeRequest,
) -> Result<(), CliError> {
    let width = endpoints
        .iter()
        .map(|one| one.cluster.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let place = places.get(index).or_else(|| places.first());
        let place = place.map(|place| shown(session.ambient, place));
        let _ = writeln!(
            text,
            "{:width$}  {}  {}",
            endpoint.cluster,
            endpoint.url(),
            place.unwrap_or_default()
        );
    }
    session.terminal.data(&text)?;
    session.terminal.flush()?;
    if let (Some(endpoint), Some(place)) = (endpoints.first(), places.first()) {
        session.terminal.say("Serving until Ctrl-C");
        if request.tls {
            let place = shown(session.ambient, place);
            session.terminal.hint(&format!(
                "`kubectl --kubeconfig {place} --context {} get nodes`",
                endpoint.cluster
            ));
        }
    }
    Ok(())
}

fn shown(ambient: &Ambient, place: &Path) -> String {
    let inner = place.strip_prefix(&ambient.cwd).unwrap_or(place);
    inner.display().to_string()
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::World(error) => error.into(),
            ServeError::Socket { .. } | ServeError::Ports { .. } => {
                Self::user(error.to_string()).hint("leave `--port` out: then any free one is taken")
            }
            ServeError::Certificate(_) | ServeError::Start(_) => Self::internal(error.to_string()),
        }
    }
}
