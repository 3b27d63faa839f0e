//! Where one boot ends and the next begins.
//!
//! A reboot restarts the kernel's clock. Its first lines, the banner among them, are often lost,
//! so the clock is what tells; but a single damaged digit turns a clock back too. A record that
//! is out of time is therefore held until the records behind it agree with it or with the past.

use crate::record::Record;
use crate::time::{Clock, Stamp};

/// CPUs' clocks disagree by less than this; a reboot sets the clock back by more.
const SKEW_MICROS: i64 = 1_000_000;

/// So many records in a row must run on the new clock.
const WITNESSES: u32 = 8;

/// Records are held for a decision no longer than this.
const HELD_MAX: usize = 64;

/// What to do with a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// It goes on the way it came.
    Forward,
    /// It and what follows wait until it is clear whether the machine restarted.
    Hold,
    /// The machine restarted where the holding began.
    Reboot,
    /// The clock only seemed to be set back.
    FalseAlarm,
}

/// Follows the kernel's clock.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// The latest time of the present boot.
    latest: Option<i64>,
    suspicion: Option<Suspicion>,
}

/// A record was out of time; which clock do the records behind it keep?
#[derive(Debug)]
struct Suspicion {
    witnesses: u32,
    held: usize,
    latest: i64,
}

impl Timeline {
    /// A new boot begins, told by its banner or by the recorder.
    pub(crate) fn restart(&mut self) {
        *self = Timeline::default();
    }

    /// Whether a time is no reason to think twice. The hot path's question.
    #[inline]
    pub(crate) fn is_forward(&mut self, stamp: Stamp) -> bool {
        if stamp.clock == Clock::Wall {
            return self.suspicion.is_none();
        }
        let latest = self.latest.unwrap_or(stamp.micros);
        if self.suspicion.is_some() || stamp.micros + SKEW_MICROS < latest {
            return false;
        }
        self.latest = Some(latest.max(stamp.micros));
        true
    }

    /// Judges the next record.
    pub(crate) fn turn(&mut self, record: &Record<'_>) -> Turn {
        let stamp = record.stamp.filter(|stamp| stamp.clock == Clock::Boot);
        let Some(suspicion) = &mut self.suspicion else {
            return match stamp {
                Some(stamp) if !self.is_forward(stamp) => {
                    self.suspicion =
                        Some(Suspicion { witnesses: 1, held: 1, latest: stamp.micros });
                    Turn::Hold
                }
                _ => Turn::Forward,
            };
        };
        suspicion.held += 1;
        if let Some(stamp) = stamp {
            let is_old_clock =
                self.latest.is_some_and(|latest| stamp.micros + SKEW_MICROS >= latest);
            if is_old_clock || stamp.micros + SKEW_MICROS < suspicion.latest {
                self.suspicion = None;
                return Turn::FalseAlarm;
            }
            suspicion.witnesses += 1;
            suspicion.latest = suspicion.latest.max(stamp.micros);
        }
        if suspicion.witnesses < WITNESSES && suspicion.held < HELD_MAX {
            return Turn::Hold;
        }
        self.latest = Some(suspicion.latest);
        self.suspicion = None;
        Turn::Reboot
    }

    /// The log ends while records are held: whether they belong to a new boot.
    pub(crate) fn finish(&mut self) -> Turn {
        match self.suspicion.take() {
            Some(suspicion) if suspicion.witnesses > 1 => Turn::Reboot,
            Some(_) => Turn::FalseAlarm,
            None => Turn::Forward,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::LineNumber;

    fn turns(seconds: &[f64]) -> Vec<Turn> {
        let mut timeline = Timeline::default();
        let record = |seconds: &f64| Record {
            line: LineNumber(1),
            #[expect(clippy::cast_possible_truncation, reason = "small test times")]
            stamp: Some(Stamp::boot((seconds * 1e6) as i64)),
            caller: None,
            text: b"",
        };
        seconds.iter().map(|seconds| timeline.turn(&record(seconds))).collect()
    }

    #[test]
    fn a_restarted_clock_is_a_reboot_once_others_agree() {
        let mut seconds = vec![8.0, 9.0];
        seconds.extend([0.0; 8]);
        let turns = turns(&seconds);
        assert_eq!(turns[2..9], [Turn::Hold; 7]);
        assert_eq!(turns[9], Turn::Reboot);
    }

    #[test]
    fn one_damaged_time_is_none() {
        assert_eq!(
            turns(&[8.0, 9.0, 0.5, 9.1]),
            [Turn::Forward, Turn::Forward, Turn::Hold, Turn::FalseAlarm]
        );
    }

    #[test]
    fn clocks_of_cpus_may_disagree_a_little() {
        assert_eq!(turns(&[8.0, 7.5, 8.1]), [Turn::Forward; 3]);
    }
}
