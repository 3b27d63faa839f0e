//! Moments to seconds: dates that lack their year or their day go on from the one before.

use super::date::Moment;
use crate::time::{Clock, Stamp};

const DAY: f64 = 86_400.0;

/// Dates without a year count in leap years.
const YEAR: f64 = 366.0 * DAY;

/// The moments of a log, in the order of its lines.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Calendar {
    last: Option<f64>,
    /// What incomplete dates are put ahead by.
    ahead: f64,
}

impl Calendar {
    /// Seconds that only grow where the log's time does.
    pub(super) fn seconds(&mut self, moment: Moment) -> f64 {
        let (seconds, period) = match moment {
            Moment::Date(seconds) => return seconds,
            Moment::InYear(seconds) => (seconds, YEAR),
            Moment::OfDay(seconds) => (seconds, DAY),
        };
        let mut seconds = seconds + self.ahead;
        // A little back is a clock that was set, far back is the next day or year.
        if self.last.is_some_and(|last| last - seconds > period / 2.0) {
            self.ahead += period;
            seconds += period;
        }
        self.last = Some(seconds);
        seconds
    }
}

/// What a recorder's stamp says; nothing for the kernel's own clock.
pub(super) fn moment(stamp: Stamp) -> Option<Moment> {
    let seconds = stamp.seconds();
    match stamp.clock {
        Clock::Boot => None,
        Clock::Wall if seconds < DAY => Some(Moment::OfDay(seconds)),
        Clock::Wall if seconds < YEAR => Some(Moment::InYear(seconds)),
        Clock::Wall => Some(Moment::Date(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_and_new_year_do_not_run_back() {
        let mut calendar = Calendar::default();
        let seconds: Vec<f64> =
            [86_390.0, 10.0, 70_000.0, 5.0].map(|at| calendar.seconds(Moment::OfDay(at))).to_vec();
        assert_eq!(seconds, [86_390.0, DAY + 10.0, DAY + 70_000.0, 2.0 * DAY + 5.0]);
        let mut calendar = Calendar::default();
        let old = calendar.seconds(Moment::InYear(YEAR - 5.0));
        assert!((calendar.seconds(Moment::InYear(5.0)) - old - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_clock_that_is_set_runs_back() {
        let mut calendar = Calendar::default();
        let before = calendar.seconds(Moment::OfDay(5000.0));
        assert!(calendar.seconds(Moment::OfDay(4000.0)) < before);
        assert!((calendar.seconds(Moment::Date(9.0)) - 9.0).abs() < 1e-9);
    }
}
