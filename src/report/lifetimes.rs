//! How long freed objects lived, as reports show it.

use crate::ledger;

/// Lifetimes of freed objects, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lifetimes {
    /// How many there are.
    pub count: u64,
    /// The shortest.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// What one in a hundred outlived.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Lifetimes {
    /// Those that the ledger has; none where nothing was freed, or nobody knows when.
    pub(super) fn of(lifetimes: &ledger::Lifetimes) -> Option<Lifetimes> {
        let seconds = |micros: u64| micros as f64 / 1e6;
        Some(Lifetimes {
            count: lifetimes.count(),
            min: seconds(lifetimes.min()?),
            median: seconds(lifetimes.quantile(0.5)?),
            p99: seconds(lifetimes.quantile(0.99)?),
            max: seconds(lifetimes.max()?),
        })
    }
}
