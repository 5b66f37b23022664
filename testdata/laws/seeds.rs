//! Many seeds on two threads.

/// How many failures each thread collects before it stops.
const FAILURES_MAX: usize = 5;

/// Checks the seeds below `seeds`; fails with the first failures and `hint`.
pub(crate) fn for_each_seed(
    seeds: u64,
    hint: &str,
    check: impl Fn(u64) -> Result<(), String> + Sync,
) {
    let found: Vec<String> = std::thread::scope(|scope| {
        let check = &check;
        let halves: Vec<_> = (0..2)
            .map(|half| {
                scope.spawn(move || {
                    (0..seeds)
                        .filter(|seed| seed % 2 == half)
                        .filter_map(|seed| check(seed).err().map(|e| format!("seed {seed}: {e}")))
                        .take(FAILURES_MAX)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        halves
            .into_iter()
            .flat_map(|half| half.join().expect("no panic"))
            .collect()
    });
    assert!(found.is_empty(), "{}\n{hint}", found.join("\n"));
}
