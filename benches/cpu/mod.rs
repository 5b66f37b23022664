//! Processor time of this process and of the children that it waited for.

/// Linux counts in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns user and system seconds: fields 14 to 17 of proc(5).
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields
        .split_ascii_whitespace()
        .skip(11)
        .take(4)
        .map(|field| field.parse::<u64>().unwrap_or(0))
        .sum();
    ticks as f64 / TICKS_PER_SECOND
}
