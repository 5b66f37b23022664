//! The thread that renews a lease while it is held.

use super::{Desk, Fault};
use std::io;
use std::sync::{Arc, PoisonError};

/// Begins to renew the lease of this desk, until it is let go of or lost.
pub(super) fn begin(desk: &Arc<Desk>) -> io::Result<()> {
    let desk = Arc::clone(desk);
    std::thread::Builder::new()
        .name("lease".to_owned())
        .spawn(move || keep(&desk))
        .map(|_runs_alone| ())
}

fn keep(desk: &Desk) {
    let id = desk
        .kept()
        .as_ref()
        .map(|kept| kept.holding.mine.id.clone());
    let mut wait = desk.times.renew;
    loop {
        let waited = desk
            .bell
            .wait_timeout_while(desk.kept(), wait, |kept| kept.is_some());
        let (mut guard, _) = waited.unwrap_or_else(PoisonError::into_inner);
        // Let go of, lost, or taken anew: then another thread renews it.
        let Some(kept) = guard
            .as_mut()
            .filter(|kept| kept.lost.is_none() && Some(&kept.holding.mine.id) == id.as_ref())
        else {
            return;
        };
        wait = match desk.renew(kept) {
            Ok(()) => desk.times.renew,
            Err(Fault::Lost(why)) => {
                // Whoever wants to begin something is told.
                kept.lost = Some(why);
                return;
            }
            Err(Fault::Call(_) | Fault::Bad(_)) => desk.times.retry,
        };
    }
}
