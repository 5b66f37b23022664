//! What commands over clusters have in common: select, run, tell.

use super::ambient::Ambient;
use super::error::CliError;
use super::exit_code;
use super::progress::Progress;
use super::request::Work;
use super::terminal::Terminal;
use crate::eksctl_schema::EksctlSchema;
use crate::pipeline::{ClusterRequest, Loaded, Note, Part, RunOptions, Scope, run, select};
use stairway_core::catalog::Catalog;
use stairway_core::model::Timestamp;
use stairway_core::plan::wire::{ClusterError, Partial};
use stairway_core::report::{Alike, Look, alike};
use std::collections::{BTreeMap, BTreeSet};

/// How many clusters are named before an error that they share.
const NAMES_SHOWN: usize = 12;

/// One run of the program.
pub(crate) struct Session<'a> {
    /// Where it runs.
    pub(crate) ambient: &'a Ambient,
    /// Where it writes.
    pub(crate) terminal: &'a mut Terminal,
    /// Dated facts.
    pub(crate) catalog: &'static Catalog,
}

/// How clusters are gone over.
pub(crate) struct Tour<'w> {
    /// Which clusters.
    pub(crate) work: &'w Work,
    /// What progress calls it: `Planning`.
    pub(crate) verb: &'static str,
    /// Whether the live side is needed.
    pub(crate) live: bool,
    /// The time for which calendars are read.
    pub(crate) at: Option<Timestamp>,
}

/// A selection may be empty by its part; names that match nothing are a mistake.
fn none_seen(scope: &Scope) -> Result<(), CliError> {
    if scope.part != Part::default() {
        return Ok(());
    }
    let named = scope.subjects.join("`, `");
    Err(
        CliError::user(format!("No cluster of the fleet matches `{named}`"))
            .hint("`stairway render --format json` shows the names in `metadata.name`"),
    )
}

/// What a tour leaves besides what was kept.
#[derive(Debug, Default)]
pub(crate) struct Toured {
    /// The clusters that failed, which are not printed yet.
    pub(crate) errors: Vec<ClusterError>,
    /// Those of them whose config is fine and whose live side could not be read, with why in short.
    pub(crate) unread: BTreeMap<String, &'static str>,
    /// The fleet's waves in their order.
    pub(crate) waves: Vec<String>,
    /// Which part of the fleet it was, when not all of it.
    pub(crate) partial: Option<Partial>,
}

impl Toured {
    /// Returns true when no cluster was left out and none failed.
    const fn is_whole(&self) -> bool {
        self.partial.is_none() && self.errors.is_empty()
    }
}

impl Session<'_> {
    /// Returns how reports look here.
    pub(crate) const fn look(&self) -> Look {
        Look {
            width: self.ambient.width,
            color: self.ambient.color,
            unicode: self.ambient.unicode,
        }
    }

    /// Does `each` on every selected cluster and gives what it returns to `keep`, in a fixed order;
    /// returns the clusters that failed, which are not printed yet.
    ///
    /// # Errors
    /// Nothing could be selected, or `keep` failed.
    pub(crate) fn tour<T: Send>(
        &mut self,
        tour: &Tour<'_>,
        each: &(dyn Fn(&Loaded) -> Result<T, ClusterError> + Sync),
        keep: &mut dyn FnMut(String, T) -> Result<(), CliError>,
    ) -> Result<Vec<ClusterError>, CliError> {
        self.tour_set(tour, each, keep).map(|toured| toured.errors)
    }

    /// Does a tour, and says also which part of the fleet it was.
    ///
    /// # Errors
    /// As [`Self::tour`].
    pub(crate) fn tour_set<T: Send>(
        &mut self,
        tour: &Tour<'_>,
        each: &(dyn Fn(&Loaded) -> Result<T, ClusterError> + Sync),
        keep: &mut dyn FnMut(String, T) -> Result<(), CliError>,
    ) -> Result<Toured, CliError> {
        let Work {
            scope,
            eksctl_schema,
            parallelism,
        } = tour.work;
        let schema = eksctl_schema
            .as_ref()
            .map(|path| EksctlSchema::load(&scope.place(path)))
            .transpose()?;
        let selected = select(scope)?;
        selected.notes.iter().for_each(|n| self.terminal.warn(n));
        let mut toured = Toured {
            waves: selected.waves,
            partial: selected.partial,
            ..Toured::default()
        };
        if let Some(nothing) = &selected.nothing {
            self.terminal.say(nothing);
            return Ok(toured);
        }
        let options = RunOptions {
            at: tour.at,
            now: self.ambient.now,
            parallelism: *parallelism,
            live: tour.live,
            worker: scope.worker.clone(),
            schema: schema.as_ref(),
            outside: self.ambient.outside(),
        };
        let (mut notes, mut seen) = (Vec::new(), BTreeSet::new());
        let progress = Progress::start(
            self.ambient,
            self.terminal,
            tour.verb,
            selected.requests.len(),
        );
        let outcome = run(
            &selected.requests,
            &options,
            self.catalog,
            each,
            &|| progress.advance(1),
            &mut |report| {
                let name = report.name;
                let unread = report.unread.map(|why| (name.clone(), why));
                toured.unread.extend(unread);
                let own = report.notes.into_iter();
                notes.extend(own.map(|note| (name.clone(), note)));
                seen.insert(name.clone());
                match report.outcome {
                    Some(Ok(result)) => keep(name, result),
                    Some(Err(error)) => {
                        toured.errors.push(error);
                        Ok(())
                    }
                    None => Ok(()),
                }
            },
        );
        drop(progress);
        self.tell(notes);
        outcome?;
        if seen.is_empty() {
            none_seen(scope)?;
        }
        if scope.subjects.is_empty() && toured.is_whole() {
            self.tell_strangers(&selected.requests, &seen);
        }
        Ok(toured)
    }

    /// Says which waivers and ignore rules name a cluster that the whole fleet does not have. Where
    /// all entries have names that is an error when the file is read.
    fn tell_strangers(&mut self, requests: &[ClusterRequest], seen: &BTreeSet<String>) {
        let Some(first) = requests.first() else {
            return;
        };
        let settings = &first.settings;
        let waivers = settings.waivers.iter().map(|waiver| &waiver.cluster);
        let rules = settings.ignore.iter().map(|rule| &rule.cluster);
        let named: BTreeSet<&String> = waivers.chain(rules).collect();
        for name in named {
            if !name.contains(['*', '?']) && !seen.contains(name) {
                self.terminal.warn(&format!(
                    "the fleet file has waivers or ignore rules for `{name}`, and no cluster of the fleet is called so"
                ));
            }
        }
    }

    /// Prints notes, those about many clusters as one.
    fn tell(&mut self, notes: Vec<(String, Note)>) {
        let mut stale: BTreeMap<Timestamp, String> = BTreeMap::new();
        let mut count = 0_usize;
        for (name, note) in notes {
            match note {
                Note::Stale(at) => {
                    count += 1;
                    stale.entry(at).or_insert(name);
                }
                Note::Future(at) => self.terminal.warn(&format!(
                    "the observation of `{name}` is dated {at}, which is in the future"
                )),
                Note::Skipped(why) => self.terminal.warn(&format!("skipped `{name}`: {why}")),
                Note::Schema(text) => self.terminal.warn(&format!("{name}: {text}")),
                Note::Trace(line) => self.terminal.say(&line),
            }
        }
        if let Some((oldest, name)) = stale.first_key_value() {
            let what = if count == 1 {
                format!(
                    "the observation of `{name}` was recorded on {}",
                    oldest.day()
                )
            } else {
                format!(
                    "{count} observations are older than a day; the oldest, of `{name}`, was recorded on {}",
                    oldest.day()
                )
            };
            self.terminal
                .warn(&format!("{what}: this is what was true then"));
        }
    }

    /// Prints the clusters that failed to stderr, an error that several share once, and returns the exit code.
    pub(crate) fn fail(&mut self, errors: Vec<ClusterError>) -> u8 {
        let code = if errors.is_empty() {
            exit_code::DONE
        } else {
            exit_code::ERROR
        };
        for Alike { names, error, hint } in alike(&errors) {
            let error = match names.as_slice() {
                [name] if error.contains(&format!("`{name}`")) => error,
                [name] => format!("`{name}`: {error}"),
                _ => {
                    let number = names.len();
                    let shown: Vec<&str> =
                        names.iter().take(NAMES_SHOWN).map(String::as_str).collect();
                    let more = match number - shown.len() {
                        0 => String::new(),
                        more => format!(" and {more} more"),
                    };
                    let shown = shown.join("`, `");
                    format!("{number} clusters (`{shown}`{more}): {error}")
                }
            };
            let shown = CliError::user(error);
            match hint {
                Some(hint) => shown.hint(hint),
                None => shown,
            }
            .print(self.terminal);
        }
        code
    }
}
