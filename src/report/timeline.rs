//! How a group grew over the time of its boot.

use crate::ledger::{Extent, History};
use crate::statistics::{mann_kendall, steps, theil_sen};
use crate::time::seconds;

/// Parts that a boot's time is cut into.
pub const COLUMNS: usize = 32;

/// Allocations and frees in each part of the time from a boot's first line to its last.
#[derive(Clone, PartialEq, Debug)]
pub struct Timeline {
    /// Seconds of the boot's first line.
    pub start: f64,
    /// Seconds of its last line.
    pub end: f64,
    /// Objects that were allocated.
    pub allocs: [u64; COLUMNS],
    /// Those of the group's objects that were freed.
    pub frees: [u64; COLUMNS],
}

/// How fast live objects became more.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Growth {
    /// Objects a second: the median of the slopes between all parts of the time.
    pub objects_per_s: f64,
    /// Its 95 % confidence interval.
    pub low: f64,
    /// Its 95 % confidence interval.
    pub high: f64,
    /// The probability that such a trend is chance.
    pub significance: f64,
}

impl Timeline {
    /// An empty timeline for so many events; none for a single one, which needs no line, and for a log
    /// without times.
    pub(super) fn of_events(events: u64, extent: &Extent) -> Option<Box<Timeline>> {
        extent.log.filter(|_| events > 1).and_then(Timeline::of_boot).map(Box::new)
    }

    /// A timeline without an event; none for a log that takes no time.
    fn of_boot((first, last): (i64, i64)) -> Option<Timeline> {
        let (start, end) = (seconds(first), seconds(last));
        (end > start).then_some(Timeline { start, end, allocs: [0; COLUMNS], frees: [0; COLUMNS] })
    }

    /// Takes what happened to a group.
    pub(super) fn add(&mut self, history: &History) {
        for (middle, bar) in history.bars() {
            let column = self.column(seconds(middle));
            self.allocs[column] += u64::from(bar.allocs);
            self.frees[column] += u64::from(bar.frees);
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the columns"
    )]
    fn column(&self, at: f64) -> usize {
        let share = (at - self.start) / (self.end - self.start);
        (share * COLUMNS as f64).clamp(0.0, COLUMNS as f64 - 1.0) as usize
    }

    /// Live objects at the end of each part.
    pub fn live(&self) -> [u64; COLUMNS] {
        let mut live = 0_u64;
        let mut series = [0; COLUMNS];
        for (at, value) in series.iter_mut().enumerate() {
            live = (live + self.allocs[at]).saturating_sub(self.frees[at]);
            *value = live;
        }
        series
    }

    /// How fast live objects became more.
    pub fn growth(&self) -> Option<Growth> {
        let width = (self.end - self.start) / COLUMNS as f64;
        let live = self.live().map(|objects| objects as f64);
        let points: Vec<(f64, f64)> = live
            .iter()
            .enumerate()
            .map(|(at, &objects)| ((at + 1) as f64 * width, objects))
            .collect();
        let slope = theil_sen(&points)?;
        Some(Growth {
            objects_per_s: slope.median,
            low: slope.low,
            high: slope.high,
            significance: mann_kendall(&steps(&live)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(allocs: impl Fn(usize) -> u64) -> Timeline {
        let mut timeline = Timeline::of_boot((1_000_000, 33_000_000)).expect("it takes time");
        for (at, column) in timeline.allocs.iter_mut().enumerate() {
            *column = allocs(at);
        }
        timeline
    }

    #[test]
    fn steady_growth_has_its_slope() {
        let growth = timeline(|_| 5).growth().expect("there are times");
        assert!((growth.objects_per_s - 5.0).abs() < 1e-9, "{growth:?}");
        assert!(growth.significance < 1e-6, "{growth:?}");
    }

    #[test]
    fn a_burst_is_no_growth() {
        let growth =
            timeline(|at| if at == 2 { 500 } else { 0 }).growth().expect("there are times");
        assert!(growth.objects_per_s.abs() < 1e-9, "{growth:?}");
        assert!(growth.significance > 0.05, "{growth:?}");
    }

    #[test]
    fn a_log_without_time_has_no_timeline() {
        assert_eq!(Timeline::of_boot((5, 5)), None);
    }
}
