//! The fronts of lines: what stands before the kernel's text.
//!
//! Most lines of a log begin like the one before, apart from the digits of a time. What stands in
//! front of the kernel's time, and whether there is one, is learned from lines that were read at
//! length; nothing is taken for granted of it but that the same bytes mean the same, and that the
//! last digits of a time may be any.

use super::outer::Outer;
use super::printk::{self, late_time, usual_time, value_of_eight};
use crate::record::Caller;
use crate::time::{Clock, Stamp};

/// What stands before a text, and the text, which may go on behind its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Front<'a> {
    pub(crate) stamp: Option<Stamp>,
    pub(crate) caller: Option<Caller>,
    pub(crate) text: &'a [u8],
}

/// Reads the fronts of lines.
#[derive(Clone, Default, Debug)]
pub(crate) struct Fronts {
    kind: Kind,
    outer: Box<Outer>,
    /// Whether `outer` tells a time too, which the kernel's own outdoes.
    tells_time: bool,
    /// The first bytes of the last time, up to a tenth of a second.
    head: u64,
    tenth: Tenth,
    /// Lessons since one was of use.
    lessons: u32,
}

/// After so many lessons in vain only one line in so many is looked into: the fronts of some logs are
/// different in every line.
const LESSONS: u32 = 64;

/// What lines begin with.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Kind {
    /// The kernel's time.
    #[default]
    Time,
    /// Something else, and the kernel's time.
    OuterTime,
    /// Something else or nothing, and no time at all.
    Undated,
    /// A recorder's time, and no other.
    Dated(Stamp),
}

impl Kind {
    /// Whether the kernel's time stands before the text.
    fn is_timed(self) -> bool {
        matches!(self, Kind::Time | Kind::OuterTime)
    }
}

/// The times of lines whose fronts are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dates {
    /// They carry none.
    None,
    /// All the same.
    Same(Stamp),
    /// Those within a tenth of a second.
    Tenth(Tenth),
}

impl Dates {
    /// The earliest that there may be.
    #[inline]
    pub(crate) fn begin(self) -> Option<Stamp> {
        match self {
            Dates::None => None,
            Dates::Same(stamp) => Some(stamp),
            Dates::Tenth(tenth) => Some(Stamp::boot(tenth.micros)),
        }
    }

    /// One of them.
    #[inline]
    pub(crate) fn at(self, tick: Tick) -> Option<Stamp> {
        match self {
            Dates::None => None,
            Dates::Same(stamp) => Some(stamp),
            Dates::Tenth(tenth) => Some(tenth.at(tick)),
        }
    }
}

/// A tenth of a second.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tenth {
    micros: i64,
}

/// A time within a tenth of a second: the five digits that are left, as a number that is the
/// greater the later it is. Most times need only be compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Tick(u64);

impl Tick {
    /// Before every other.
    pub(crate) const NEVER: Tick = Tick(0);

    /// Of lines that carry no time, or all the same.
    const ANY: Tick = Tick(1);
}

impl Tenth {
    /// A time within it.
    #[inline]
    fn at(self, tick: Tick) -> Stamp {
        let micros = value_of_eight(tick.0.swap_bytes() | 0x30_3030);
        Stamp::boot(self.micros + i64::try_from(micros).unwrap_or(0))
    }
}

/// Where the digits of a tick lie in its last eight bytes, and what lies behind them where the
/// text follows: the bracket and a blank.
const TICK_DIGITS: u64 = 0x0000_00ff_ffff_ffff;
const BEHIND_TICK: u64 = u64::from_le_bytes(*b"\0\0\0\0\0] \0");

/// The upper halves of a tick's digits and all of what is behind them, and what they must be.
const TICK_SHAPE: u64 = 0x00ff_fff0_f0f0_f0f0;
const SHAPE_OF_TICKS: u64 = BEHIND_TICK | 0x30_3030_3030;

impl Fronts {
    /// The times that ticks are of.
    #[inline]
    pub(crate) fn dates(&self) -> Dates {
        match self.kind {
            Kind::Time | Kind::OuterTime => Dates::Tenth(self.tenth),
            Kind::Undated => Dates::None,
            Kind::Dated(stamp) => Dates::Same(stamp),
        }
    }

    /// Whether a recorder's time stands in front of the kernel's, or of the text.
    pub(crate) fn are_recorded(&self) -> bool {
        match self.kind {
            Kind::OuterTime => self.tells_time,
            Kind::Dated(_) => true,
            Kind::Time | Kind::Undated => false,
        }
    }

    /// The text of a line that has such a front, and carries no time of the kernel's.
    pub(crate) fn recorded_text<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        matches!(self.kind, Kind::Dated(_)).then(|| line.get(self.outer.len()..)).flatten()
    }

    /// Whether the kernel's time comes first.
    #[inline]
    pub(crate) fn are_bare(&self) -> bool {
        self.kind == Kind::Time
    }

    /// Reads a front that begins with something else than the kernel's time.
    pub(crate) fn tick_behind<'a>(&self, bytes: &'a [u8]) -> Option<(Tick, &'a [u8])> {
        let behind = self.outer.behind(bytes)?;
        match self.kind {
            Kind::Undated | Kind::Dated(_) => Some((Tick::ANY, behind)),
            Kind::Time | Kind::OuterTime => self.bare_tick(behind),
        }
    }

    /// Reads the front of a text that may go on behind the line, if its time is of the same tenth
    /// of a second as the last that was read, and nothing but the text follows.
    #[inline]
    pub(crate) fn bare_tick<'a>(&self, bytes: &'a [u8]) -> Option<(Tick, &'a [u8])> {
        let (front, _) = bytes.split_first_chunk::<16>()?;
        let [head, tail] = [front[..8].first_chunk()?, front[8..].first_chunk()?];
        let (head, tail) = (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
        // Five digits of the fraction are left. None is above 9 if six more make no sixteen.
        let is_tick = head == self.head
            && tail & TICK_SHAPE == SHAPE_OF_TICKS
            && ((tail & TICK_DIGITS) + 0x06_0606_0606) & 0xf0_f0f0_f0f0 == 0x30_3030_3030;
        is_tick.then(|| (Tick((tail << 24).swap_bytes()), &bytes[15..]))
    }

    /// Reads the front of a text that may go on behind the line. Only the shapes of nearly all
    /// are told.
    #[inline]
    pub(crate) fn read<'a>(&mut self, bytes: &'a [u8]) -> Option<Front<'a>> {
        if self.are_bare()
            && let Some((tick, text)) = self.bare_tick(bytes)
        {
            let (caller, text) = match printk::leading_caller(text) {
                Some((caller, text)) => (Some(caller), text),
                None => (None, text),
            };
            return Some(Front { stamp: Some(self.tenth.at(tick)), caller, text });
        }
        self.read_anew(bytes)
    }

    #[cold]
    fn read_anew<'a>(&mut self, bytes: &'a [u8]) -> Option<Front<'a>> {
        let bytes = if self.kind == Kind::Time { bytes } else { self.outer.behind(bytes)? };
        if !self.kind.is_timed() {
            return Some(Front { stamp: self.dates().begin(), caller: None, text: bytes });
        }
        let (micros, len) = usual_time(bytes).or_else(|| late_time(bytes))?;
        if len == 14 {
            self.head = u64::from_le_bytes(*bytes.first_chunk()?);
            self.tenth = Tenth { micros: micros - micros % 100_000 };
        }
        let (caller, text) = printk::behind_time(&bytes[len..]);
        if caller.is_none() && bytes.get(len) == Some(&b'[') {
            return None;
        }
        Some(Front { stamp: Some(Stamp::boot(micros)), caller, text })
    }

    /// What was learned last was of use.
    #[inline]
    pub(crate) fn prove(&mut self) {
        self.lessons = 0;
    }

    /// Whether the next line is worth learning from.
    pub(crate) fn want_lesson(&mut self) -> bool {
        self.lessons = self.lessons.wrapping_add(1);
        self.lessons < LESSONS || self.lessons.is_multiple_of(LESSONS)
    }

    /// Learns what lines begin with.
    pub(crate) fn learn(&mut self, lesson: &Lesson<'_>) -> Learned {
        let Some((kind, outer)) = lesson.kind() else { return Learned::Nothing };
        let is_other_kind = self.kind.is_timed() != kind.is_timed();
        let tells_time = lesson.recorder == Recorder::Dates;
        (self.kind, *self.outer, self.tells_time) = (kind, outer, tells_time);
        if is_other_kind { Learned::Kind } else { Learned::Outer }
    }
}

/// Whether a recorder dated a line, besides the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Recorder {
    /// It did.
    Dates,
    /// It did not.
    Silent,
    /// There is no telling.
    Unclear,
}

/// A line with one record, read at length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lesson<'a> {
    /// All in front of the text, which ends the line.
    pub(crate) front: &'a [u8],
    pub(crate) stamp: Option<Stamp>,
    pub(crate) caller: Option<Caller>,
    pub(crate) recorder: Recorder,
}

impl Lesson<'_> {
    /// What the front is, and what stands in front of the kernel's time or text.
    fn kind(&self) -> Option<(Kind, Outer)> {
        match self.stamp {
            None => {
                Outer::of(self.front).filter(|_| self.caller.is_none()).map(|o| (Kind::Undated, o))
            }
            Some(Stamp { clock: Clock::Boot, .. }) => self.behind_outer(),
            Some(stamp @ Stamp { clock: Clock::Wall, .. }) => {
                let is_absolute = self.caller.is_none() && !holds_span(self.front);
                let outer = Outer::exactly(self.front).filter(|_| is_absolute)?;
                Some((Kind::Dated(stamp), outer))
            }
        }
    }

    fn behind_outer(&self) -> Option<(Kind, Outer)> {
        match (self.time_at()?, self.recorder) {
            (0, _) => Some((Kind::Time, Outer::default())),
            (_, Recorder::Unclear) => None,
            (at, _) => Some((Kind::OuterTime, Outer::of(&self.front[..at])?)),
        }
    }

    /// Where the kernel's time begins.
    fn time_at(&self) -> Option<usize> {
        let is_it = |&at: &usize| {
            printk::stamped(&self.front[at..]).is_some_and(|stamped| {
                let told = (Some(stamped.stamp), stamped.caller);
                stamped.text.is_empty() && told == (self.stamp, self.caller)
            })
        };
        // A caller's bracket may stand behind the time's.
        memchr::memrchr_iter(b'[', self.front).take(2).find(is_it)
    }
}

/// What was learned of the beginnings of lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Learned {
    /// Nothing.
    Nothing,
    /// What stands in front.
    Outer,
    /// That they carry the kernel's time, or that they do not.
    Kind,
}

// [  +0.000012] TRACE …
// [<    0.000012>] TRACE …
/// Whether a bracket may hold the time since the line before: what that makes depends on the line.
fn holds_span(front: &[u8]) -> bool {
    memchr::memchr_iter(b'[', front).any(|at| {
        let behind = &front[at + 1..];
        let mut digits = behind.iter().skip_while(|byte| b"< +-".contains(byte));
        digits.find(|byte| !byte.is_ascii_digit()) == Some(&b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::printk::stamped;
    use super::*;

    #[test]
    fn fronts_are_what_a_single_line_says() {
        let mut fronts = Fronts::default();
        for line in [
            "[    4.818698] TRACE a",
            "[    4.899999][  T154] TRACE a",
            "[    4.899999] [T154] TRACE a",
            "[    4.899999] [  T154]  a",
            "[    5.000000] [    C1]  a",
            "[    4.800001] TRACE a",
            "[    4.900000]TRACE a",
            "[12345.900001] [<c0012a34>] a",
            "[123456.900001] a",
        ] {
            let read = fronts.read(line.as_bytes()).expect(line);
            let printk::Stamped { stamp, caller, text } = stamped(line.as_bytes()).expect(line);
            assert_eq!(read, Front { stamp: Some(stamp), caller, text }, "{line}");
        }
        for line in [
            "[    4.9x9999] TRACE a",
            "[12345.900001 [<c0012a34>] a",
            "[12345.900001][<c0012a34>] a",
            "[123456.90000x] a",
            "[    4.90000",
        ] {
            assert_eq!(fronts.read(line.as_bytes()), None, "{line}");
        }
    }

    /// Learns from a line's front what its time and text are.
    fn learned(front: &str, stamp: Option<Stamp>) -> Option<Fronts> {
        let (front, recorder) = (front.as_bytes(), Recorder::Silent);
        let mut fronts = Fronts::default();
        let learned = fronts.learn(&Lesson { front, stamp, caller: None, recorder });
        (learned != Learned::Nothing).then_some(fronts)
    }

    #[test]
    fn what_stands_before_the_time_is_learned() {
        let time = Some(Stamp::boot(4_818_698));
        for front in ["<6>[    4.818698] ", "Nov 21 23:47:20 host kernel: [    4.818698] ", "> "] {
            let stamp = time.filter(|_| front.contains('['));
            let mut fronts = learned(front, stamp).expect(front);
            let line = format!("{front} dump_stack+0x1/0x2{}", " ".repeat(64));
            let read = fronts.read(line.as_bytes()).expect(front);
            assert_eq!((read.stamp, read.text), (stamp, &line.as_bytes()[front.len()..]));
            assert_eq!(fronts.tick_behind(line.as_bytes()).map(|(_, text)| text), Some(read.text));
        }
    }

    #[test]
    fn lessons_in_vain_become_rare() {
        let mut fronts = Fronts::default();
        let wanted = (0..6400).filter(|_| fronts.want_lesson()).count();
        assert!((100..200).contains(&wanted), "{wanted}");
        fronts.prove();
        assert!(fronts.want_lesson());
    }

    #[test]
    fn a_recorder_s_time_holds_as_long_as_it_is_the_same() {
        let stamp = Some(Stamp::wall(1_000_000));
        let mut fronts = learned("Nov 21 23:47:20 host kernel: ", stamp).expect("a front");
        let line = |second: u32| format!("Nov 21 23:47:{second} host kernel: x{}", " ".repeat(64));
        assert_eq!(fronts.read(line(20).as_bytes()).and_then(|read| read.stamp), stamp);
        assert_eq!(fronts.read(line(21).as_bytes()), None);
    }

    #[test]
    fn a_time_that_is_not_in_the_front_teaches_nothing() {
        let other = Some(Stamp::boot(1));
        for front in ["[    4.818698] ", "6,339,1,-;", ""] {
            assert!(learned(front, other).is_none(), "{front}");
        }
        for front in ["[  +0.000012] ", "[<    0.000012>] ", "[Nov21 19:31] [-12.000012] "] {
            assert!(learned(front, Some(Stamp::wall(1))).is_none(), "{front}");
        }
        assert!(learned("[Sat Nov 21 19:31:05 2026] ", Some(Stamp::wall(1))).is_some());
    }
}
