//! Where one boot ends and the next begins, and what is only printed a second time.
//!
//! A reboot restarts the kernel's clock. Its first lines, the banner among them, are often lost,
//! so the clock is what tells. But a single damaged digit turns a clock back too, and so does a
//! console that prints the log again. A record that is out of time, or a header that came
//! before, is therefore held until the records behind it have told which it is.

use super::replay::{HeaderFingerprint, RecentHeaders, ReplayRun};
use crate::record::Record;
use crate::time::{Clock, Stamp};

/// CPUs' clocks mostly disagree by less than this; a clock that goes back by more is looked into.
const SKEW_MICROS: i64 = 1_000_000;

/// So many records must run on the new clock before it is believed.
const WITNESSES_MIN: u32 = 8;

/// And so many where the clock went back by less than half: CPUs' clocks may disagree by seconds,
/// but then the records of both come in turn.
const WITNESSES_MANY: u32 = 256;

/// Records are held for a decision no longer than this. A boot log may well be this long before
/// its first event.
const HELD_MAX: usize = 32768;

/// Headers of a replay that may be unlike what was printed first, in a row.
const MISSES_MAX: u32 = 2;

/// What a record says about its place in time, besides its clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sign {
    /// Nothing.
    None,
    /// It is a header, and carries a time.
    Header(HeaderFingerprint),
    /// It is the first line of a boot, and carries the kernel's time.
    Banner,
}

impl Sign {
    /// The header that it is.
    pub(crate) fn header(self) -> Option<HeaderFingerprint> {
        match self {
            Sign::Header(header) => Some(header),
            Sign::Banner | Sign::None => None,
        }
    }
}

/// What to do with a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// It goes on the way it came.
    Forward,
    /// It and what follows wait for a decision.
    Hold,
    /// The machine restarted where the holding began; this record is the last one held.
    Reboot,
    /// Nothing was the matter; this record is the last one held.
    FalseAlarm,
    /// What was held was a replay, and so is this record.
    Replay,
    /// What was held was a replay, which is over before this record.
    ReplayOver,
    /// It is part of a replay.
    Drop,
}

/// Follows the kernel's clock and its headers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// The latest time of the present boot.
    latest: Option<i64>,
    memory: RecentHeaders,
    /// Whether a banner or a header of the present boot was seen: another banner is another boot.
    has_begun: bool,
    state: State,
}

#[derive(Clone, Debug, Default)]
enum State {
    /// Records come in the order they were printed.
    #[default]
    Running,
    /// Something came before its time.
    Doubting(Doubt),
    /// The log is being printed again, up to this time.
    Replaying(ReplayRun),
}

#[derive(Clone, Debug)]
struct Doubt {
    cause: Cause,
    held: usize,
    witnesses: u32,
    /// The latest time of what is held.
    latest: i64,
    run: Option<ReplayRun>,
    /// Headers in a row that did not continue the run.
    misses: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    /// A clock was set back.
    Clock,
    /// A header came again.
    Echo,
    /// A boot's first line came again.
    Banner,
}

impl Timeline {
    /// A new boot begins, told by its banner or by the recorder.
    pub(crate) fn restart(&mut self) {
        *self = Timeline::default();
    }

    /// A header goes on its way.
    pub(crate) fn remember(&mut self, header: HeaderFingerprint) {
        self.has_begun = true;
        self.memory.push(header);
    }

    /// Whether a record that is no header is no reason to think twice. The hot path's question.
    #[inline]
    pub(crate) fn is_forward(&mut self, stamp: Option<Stamp>) -> bool {
        if !matches!(self.state, State::Running) {
            return false;
        }
        let Some(stamp) = stamp else { return true };
        if stamp.clock == Clock::Wall {
            return true;
        }
        let latest = self.latest.unwrap_or(stamp.micros);
        if stamp.micros.saturating_add(SKEW_MICROS) < latest {
            return false;
        }
        self.latest = Some(latest.max(stamp.micros));
        true
    }

    /// Whether a header has come before. The hot path's other question.
    #[inline]
    pub(crate) fn is_echo(&mut self, header: HeaderFingerprint) -> bool {
        self.memory.position(header).is_some()
    }

    /// Judges the next record.
    pub(crate) fn turn(&mut self, record: &Record<'_>, sign: Sign) -> Turn {
        let header = sign.header();
        match std::mem::take(&mut self.state) {
            State::Running => self.run(record, sign),
            State::Doubting(doubt) => self.doubt(doubt, record, header),
            State::Replaying(run) => self.replay(run, record, header),
        }
    }

    /// The log ends while records are held.
    pub(crate) fn finish(&mut self) -> Turn {
        match std::mem::take(&mut self.state) {
            State::Doubting(doubt) => match doubt.run {
                Some(run) if run.may_be_replay() || doubt.cause != Cause::Echo => Turn::Replay,
                None if doubt.witnesses > 1 || doubt.cause == Cause::Banner => Turn::Reboot,
                _ => Turn::FalseAlarm,
            },
            State::Running | State::Replaying(_) => Turn::Forward,
        }
    }

    fn run(&mut self, record: &Record<'_>, sign: Sign) -> Turn {
        let micros = micros(record);
        let echo = sign.header().and_then(|header| self.memory.position(header));
        let is_forward = self.is_forward(record.stamp);
        let cause = match sign {
            Sign::Banner if self.has_begun => Cause::Banner,
            _ if !is_forward => Cause::Clock,
            _ if echo.is_some() => Cause::Echo,
            _ => {
                self.has_begun |= sign == Sign::Banner;
                return Turn::Forward;
            }
        };
        self.state = State::Doubting(Doubt {
            cause,
            held: 1,
            witnesses: u32::from(cause != Cause::Echo),
            latest: micros,
            run: echo.map(|position| ReplayRun::new(position, micros)),
            misses: 0,
        });
        Turn::Hold
    }

    fn doubt(
        &mut self,
        mut doubt: Doubt,
        record: &Record<'_>,
        header: Option<HeaderFingerprint>,
    ) -> Turn {
        doubt.held += 1;
        let decision = match header {
            Some(header) => self.by_header(&mut doubt, header, micros(record)),
            None => self.by_clock(&mut doubt, record.stamp),
        };
        let decision =
            decision.or_else(|| (doubt.held >= HELD_MAX).then(|| self.by_exhaustion(&doubt)));
        match (decision, doubt.run) {
            (None, _) => {
                self.state = State::Doubting(doubt);
                Turn::Hold
            }
            (Some(Turn::Replay), Some(run)) => {
                self.state = State::Replaying(run);
                Turn::Replay
            }
            (Some(Turn::Reboot), _) => {
                self.memory = RecentHeaders::default();
                self.latest = Some(doubt.latest);
                self.has_begun = true;
                Turn::Reboot
            }
            (Some(decision), _) => decision,
        }
    }

    /// A header tells most: it came before, or it did not.
    fn by_header(
        &mut self,
        doubt: &mut Doubt,
        header: HeaderFingerprint,
        micros: i64,
    ) -> Option<Turn> {
        let Some(run) = &mut doubt.run else { return self.by_first_header(doubt, header, micros) };
        if run.take(header, micros, &self.memory).is_some() {
            doubt.misses = 0;
            return run.is_replay().then_some(Turn::Replay);
        }
        if run.may_be_replay() && self.is_present(micros) {
            return Some(Turn::ReplayOver);
        }
        self.by_miss(doubt, header, micros)
    }

    fn by_first_header(
        &mut self,
        doubt: &mut Doubt,
        header: HeaderFingerprint,
        micros: i64,
    ) -> Option<Turn> {
        if let Some(position) = self.memory.position(header) {
            doubt.run = Some(ReplayRun::new(position, micros));
            return None;
        }
        if doubt.cause == Cause::Banner {
            doubt.see(micros);
            return Some(Turn::Reboot);
        }
        if self.is_present(micros) {
            return Some(Turn::FalseAlarm);
        }
        doubt.see(micros);
        (doubt.witnesses >= self.witnesses_wanted(doubt)).then_some(Turn::Reboot)
    }

    /// A header breaks the run. One that was damaged, or was lost when the log was printed first,
    /// may well be in between.
    fn by_miss(
        &mut self,
        doubt: &mut Doubt,
        header: HeaderFingerprint,
        micros: i64,
    ) -> Option<Turn> {
        doubt.misses += 1;
        if doubt.misses > MISSES_MAX || doubt.cause == Cause::Echo {
            return Some(Turn::FalseAlarm);
        }
        if let Some(position) = self.memory.position(header) {
            doubt.run = Some(ReplayRun::new(position, micros));
        }
        None
    }

    fn witnesses_wanted(&self, doubt: &Doubt) -> u32 {
        let is_far_back = self.latest.is_none_or(|latest| doubt.latest < latest / 2);
        if is_far_back { WITNESSES_MIN } else { WITNESSES_MANY }
    }

    /// Too much is held to wait for more.
    fn by_exhaustion(&self, doubt: &Doubt) -> Turn {
        match (doubt.cause, doubt.run) {
            (Cause::Clock | Cause::Banner, Some(run)) if run.may_be_replay() => Turn::Replay,
            (Cause::Banner, _) => Turn::Reboot,
            (Cause::Clock, None) if doubt.witnesses >= self.witnesses_wanted(doubt) => Turn::Reboot,
            _ => Turn::FalseAlarm,
        }
    }

    fn by_clock(&self, doubt: &mut Doubt, stamp: Option<Stamp>) -> Option<Turn> {
        let stamp = stamp.filter(|stamp| stamp.clock == Clock::Boot)?;
        match doubt.cause {
            Cause::Clock => {}
            Cause::Echo => return None,
            Cause::Banner => {
                doubt.see(stamp.micros);
                return None;
            }
        }
        if self.is_present(stamp.micros) {
            return Some(if doubt.run.is_some() { Turn::ReplayOver } else { Turn::FalseAlarm });
        }
        if stamp.micros.saturating_add(SKEW_MICROS) < doubt.latest {
            return Some(Turn::FalseAlarm);
        }
        doubt.see(stamp.micros);
        None
    }

    /// Whether a time belongs to where the log was before the doubt.
    fn is_present(&self, micros: i64) -> bool {
        self.latest.is_some_and(|latest| micros.saturating_add(SKEW_MICROS) >= latest)
    }

    fn replay(
        &mut self,
        mut run: ReplayRun,
        record: &Record<'_>,
        header: Option<HeaderFingerprint>,
    ) -> Turn {
        let micros = micros(record);
        let is_new = self.latest.is_some_and(|latest| record.stamp.is_some() && micros > latest);
        let goes_on = match header {
            Some(header) if run.take(header, micros, &self.memory).is_some() => true,
            // A damaged header breaks the run; the next one that is whole mends it.
            Some(header) => match self.memory.position(header) {
                Some(position) => {
                    run = ReplayRun::new(position, micros);
                    true
                }
                None => !is_new,
            },
            None => !is_new,
        };
        if goes_on {
            self.state = State::Replaying(run);
            return Turn::Drop;
        }
        self.run(record, header.map_or(Sign::None, Sign::Header))
    }
}

impl Doubt {
    fn see(&mut self, micros: i64) {
        self.witnesses += 1;
        self.latest = self.latest.max(micros);
    }
}

fn micros(record: &Record<'_>) -> i64 {
    record.stamp.map_or(0, |stamp| stamp.micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::LineNumber;

    fn at(tenths: i64) -> Record<'static> {
        let stamp = Some(Stamp::boot(tenths * 100_000));
        Record { line: LineNumber(1), stamp, caller: None, text: b"" }
    }

    fn turns(timeline: &mut Timeline, records: &[(i64, Option<u64>)]) -> Vec<Turn> {
        let mut each = |&(tenths, header): &(i64, Option<u64>)| {
            let sign = header.map_or(Sign::None, |header| {
                Sign::Header(HeaderFingerprint { micros: 0, hash: header })
            });
            let turn = timeline.turn(&at(tenths), sign);
            if let (Turn::Forward, Sign::Header(header)) = (turn, sign) {
                timeline.remember(header);
            }
            turn
        };
        records.iter().map(&mut each).collect()
    }

    #[test]
    fn a_restarted_clock_with_new_headers_is_a_reboot() {
        let mut timeline = Timeline::default();
        let mut records = vec![(80, Some(1)), (90, Some(2))];
        records.extend((0..8).map(|tenths| (tenths, None)));
        records.push((9, Some(3)));
        let turns = turns(&mut timeline, &records);
        assert_eq!(turns[2..10], [Turn::Hold; 8]);
        assert_eq!(turns[10], Turn::Reboot);
    }

    #[test]
    fn one_damaged_time_is_none() {
        let turns =
            turns(&mut Timeline::default(), &[(80, None), (90, None), (5, None), (91, None)]);
        assert_eq!(turns[2..], [Turn::Hold, Turn::FalseAlarm]);
    }

    #[test]
    fn clocks_of_cpus_may_disagree_a_little() {
        assert_eq!(
            turns(&mut Timeline::default(), &[(80, None), (75, None), (81, None)]),
            [Turn::Forward; 3]
        );
    }

    #[test]
    fn a_log_that_is_printed_again_is_dropped_up_to_where_it_was() {
        let mut timeline = Timeline::default();
        let first: Vec<(i64, Option<u64>)> =
            (0..20).map(|at| (at, Some(u64::try_from(at).unwrap_or(0)))).collect();
        assert!(turns(&mut timeline, &first).iter().all(|&turn| turn == Turn::Forward));
        let mut again = first.clone();
        again.push((21, Some(100)));
        let turns = turns(&mut timeline, &again);
        assert_eq!(turns[..7], [Turn::Hold; 7]);
        assert_eq!(turns[7], Turn::Replay);
        assert_eq!(turns[8..20], [Turn::Drop; 12]);
        assert_eq!(turns[20], Turn::Forward);
    }

    #[test]
    fn a_banner_begins_a_boot_however_little_time_has_passed() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.turn(&at(0), Sign::Banner), Turn::Forward);
        assert_eq!(
            timeline.turn(&at(3), Sign::Header(HeaderFingerprint { micros: 0, hash: 1 })),
            Turn::Forward
        );
        assert_eq!(timeline.turn(&at(0), Sign::Banner), Turn::Hold);
        assert_eq!(timeline.turn(&at(1), Sign::None), Turn::Hold);
        assert_eq!(
            timeline.turn(&at(2), Sign::Header(HeaderFingerprint { micros: 0, hash: 2 })),
            Turn::Reboot
        );
    }

    #[test]
    fn equal_lines_of_a_clock_that_stands_still_all_count() {
        let mut timeline = Timeline::default();
        let frozen: Vec<(i64, Option<u64>)> =
            (0..12).map(|at| (50, Some(at % 2))).chain([(51, Some(9))]).collect();
        let turns = turns(&mut timeline, &frozen);
        assert!(!turns.contains(&Turn::Replay) && !turns.contains(&Turn::Drop));
        assert_eq!(turns.last(), Some(&Turn::FalseAlarm));
    }
}
