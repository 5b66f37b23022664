//! Our own executable under the name `eksctl`: what eksctl does, done to the embedded world.
//!
//! A run on a world starts it as it would start eksctl: an argv, files in the
//! working folder, lines on stdout and stderr, an exit code. It can be killed
//! at every point, as eksctl can; what it began in the world goes on.

use super::StepFiles;
use super::world::{Place, play};
use crate::drive::Interrupt;
use crate::files;
use crate::live::WorldStore;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

/// The name under which our executable is the stand-in.
pub const NAME: &str = "eksctl";
/// The variable that names the world's definition.
pub const WORLD: &str = "STAIRWAY_WORLD";
/// The variable that names the cluster in it.
pub const CLUSTER: &str = "STAIRWAY_CLUSTER";

/// eksctl reads configs of this size in memory too.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Returns true when a program with these arguments is to be the stand-in.
pub fn is_meant(argv: &[OsString]) -> bool {
    argv.first()
        .and_then(|own| Path::new(own).file_name())
        .is_some_and(|name| name == NAME)
}

/// Does what eksctl would do and returns the exit code; `world` and `cluster` are the values of
/// [`WORLD`] and [`CLUSTER`].
pub fn main(argv: &[OsString], world: Option<&OsStr>, cluster: Option<&OsStr>) -> u8 {
    let words: Vec<String> = argv
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match stand_in(&words, world, cluster) {
        Ok(exit) => exit,
        Err(why) => {
            // Nobody can be told when stderr is closed.
            let _unreportable = writeln!(io::stderr(), "Error: {why}");
            1
        }
    }
}

fn stand_in(
    words: &[String],
    world: Option<&OsStr>,
    cluster: Option<&OsStr>,
) -> Result<u8, String> {
    let Some(world) = world.filter(|world| !world.is_empty()) else {
        return Err(format!(
            "this is stairway's stand-in for eksctl on its embedded world, and {WORLD} does not name one; the real eksctl is another program"
        ));
    };
    let store = WorldStore::of_operator(Path::new(world)).map_err(|error| error.to_string())?;
    let cluster = match cluster {
        Some(name) => name.to_string_lossy().into_owned(),
        None => {
            let set = store.read().map_err(|error| error.to_string())?;
            let mut names = set.worlds.into_keys();
            match (names.next(), names.next()) {
                (Some(only), None) => only,
                (Some(_) | None, Some(_) | None) => {
                    return Err(format!(
                        "{CLUSTER} does not name one of the world's clusters"
                    ));
                }
            }
        }
    };
    let pace = store.read().map_err(|error| error.to_string())?.pace;
    let mut place = Place::Stored {
        store,
        cluster,
        pace: Duration::from_millis(u64::from(pace)),
    };
    let ended = play(
        &mut place,
        words,
        &named_files(words),
        &mut |text, is_complaint| print(text, is_complaint),
        &|| Interrupt::None,
    )
    .map_err(|error| error.to_string())?;
    Ok(ended.exit)
}

/// A reader that went away must not end the tool.
fn print(text: &str, is_complaint: bool) {
    let _unreportable = if is_complaint {
        io::stderr().write_all(text.as_bytes())
    } else {
        let mut out = io::stdout();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    };
}

/// Reads the files that `-f` names, from the working folder; those that are not there, eksctl
/// complains about.
fn named_files(words: &[String]) -> StepFiles {
    let mut found = StepFiles::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let name = match word.split_once('=') {
            Some(("-f" | "--config-file", name)) => Some(name),
            Some(_) => None,
            None if word == "-f" || word == "--config-file" => words.next().map(String::as_str),
            None => None,
        };
        if let Some(name) = name
            && let Ok(text) = files::read_text(Path::new(name), FILE_BYTES_MAX)
        {
            found.insert(name.to_owned(), text);
        }
    }
    found
}
