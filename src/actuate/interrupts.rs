//! How often the operator asked to stop.

use super::process;
use crate::drive::Interrupt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a wait looks up.
const LOOK: Duration = Duration::from_millis(50);

/// Hears of each wish to stop, at once and on a thread of its own.
pub type HearInterrupt = Arc<dyn Fn(Interrupt) + Send + Sync>;

/// A count of SIGINT and SIGTERM. Clones count together.
#[derive(Clone, Default)]
pub struct Interrupts(Arc<Count>);

#[derive(Default)]
struct Count {
    times: AtomicU32,
    hear: Mutex<Option<HearInterrupt>>,
}

impl std::fmt::Debug for Interrupts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Interrupts").field(&self.0.times).finish()
    }
}

impl Interrupts {
    /// Returns a count that nobody but [`Interrupts::add`] raises.
    pub fn none() -> Self {
        Self::default()
    }

    /// Counts the signals of this process from now on; they no longer end it.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn of_process() -> io::Result<Self> {
        let interrupts = Self::default();
        process::listen(interrupts.clone())?;
        Ok(interrupts)
    }

    /// Counts one more, and lets whoever wants to hear of it know.
    pub fn add(&self) {
        self.0.times.fetch_add(1, Ordering::SeqCst);
        let hear = self.hear().clone();
        if let Some(hear) = hear {
            hear(self.level());
        }
    }

    /// Tells `hear` of each wish to stop from now on, and nobody else.
    pub fn tell(&self, hear: HearInterrupt) {
        *self.hear() = Some(hear);
    }

    fn hear(&self) -> std::sync::MutexGuard<'_, Option<HearInterrupt>> {
        self.0.hear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how often the operator asked to stop.
    pub fn level(&self) -> Interrupt {
        match self.0.times.load(Ordering::SeqCst) {
            0 => Interrupt::None,
            1 => Interrupt::Once,
            _ => Interrupt::Twice,
        }
    }

    /// Waits; returns early when the operator asks to stop once more.
    pub fn sleep(&self, time: Duration) {
        let before = self.0.times.load(Ordering::SeqCst);
        let mut left = time;
        while !left.is_zero() && self.0.times.load(Ordering::SeqCst) == before {
            let part = left.min(LOOK);
            std::thread::sleep(part);
            left = left.saturating_sub(part);
        }
    }
}
