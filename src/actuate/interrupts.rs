//! How often the operator asked to stop.

use super::process;
use crate::drive::Interrupt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How often a wait looks up.
const LOOK: Duration = Duration::from_millis(50);

/// A count of SIGINT and SIGTERM. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Interrupts(Arc<AtomicU32>);

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

    /// Counts one more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns how often the operator asked to stop.
    pub fn level(&self) -> Interrupt {
        match self.0.load(Ordering::SeqCst) {
            0 => Interrupt::None,
            1 => Interrupt::Once,
            _ => Interrupt::Twice,
        }
    }

    /// Waits; returns early when the operator asks to stop once more.
    pub fn sleep(&self, time: Duration) {
        let before = self.0.load(Ordering::SeqCst);
        let mut left = time;
        while !left.is_zero() && self.0.load(Ordering::SeqCst) == before {
            let part = left.min(LOOK);
            std::thread::sleep(part);
            left = left.saturating_sub(part);
        }
    }
}
