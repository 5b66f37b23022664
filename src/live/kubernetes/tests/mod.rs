//! What the reader makes of objects: tables of them, recordings of a real server, and whole clusters over a socket.

mod hostile;
mod objects;
mod policies;
mod recorded;
mod served;
mod together;

use super::object::Fetched;
use serde_json::Value;

/// A list as the API gives it.
fn listed(items: &[Value]) -> Fetched {
    Ok(items.to_vec())
}

/// A list that could not be read.
fn failed() -> Fetched {
    Err("Listing it failed: the API server answered 503: busy".to_owned())
}
