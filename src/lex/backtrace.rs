//! Lines of a backtrace as numbers: quick to copy, to compare and to hash.

use crate::names::{FrameId, NameId};
use crate::record::Mark;

use super::Word;

/// A line of a backtrace, or half of one that says two things.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum BacktraceLine {
    /// A frame with a return address.
    Frame(FrameId),
    /// The place where an interrupt or fault struck, from a register block: an exact address.
    Struck(FrameId),
    /// A context marker.
    Mark(Mark),
    /// `Call Trace:` and its kin.
    Heading,
    /// The hardware's name.
    Hardware(NameId),
    /// A frame of an entry of a recording.
    EntryFrame(FrameId),
}

/// What tells the numbers of lines apart that are no frames.
const KIND: u64 = 0xff << 32;
const STRUCK: u64 = 1 << 32;
const MARK: u64 = 2 << 32;
const HEADING: u64 = 3 << 32;
const HARDWARE: u64 = 4 << 32;
const ENTRY_FRAME: u64 = 5 << 32;

impl BacktraceLine {
    /// The line that a word is, if it says no more than one thing, and that of a backtrace.
    pub(crate) fn of(word: Word) -> Option<BacktraceLine> {
        match word {
            Word::Frame(frame) => Some(BacktraceLine::Frame(frame)),
            Word::Mark(mark) => Some(BacktraceLine::Mark(mark)),
            Word::Heading => Some(BacktraceLine::Heading),
            Word::Hardware(name) => Some(BacktraceLine::Hardware(name)),
            Word::EntryFrame(frame) => Some(BacktraceLine::EntryFrame(frame)),
            _ => None,
        }
    }

    /// The word that it is.
    pub(crate) fn word(self) -> Word {
        match self {
            BacktraceLine::Frame(frame) => Word::Frame(frame),
            BacktraceLine::Struck(frame) => Word::Struck(None, frame),
            BacktraceLine::Mark(mark) => Word::Mark(mark),
            BacktraceLine::Heading => Word::Heading,
            BacktraceLine::Hardware(name) => Word::Hardware(name),
            BacktraceLine::EntryFrame(frame) => Word::EntryFrame(frame),
        }
    }

    /// A number that no other line has.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        match self {
            BacktraceLine::Frame(frame) => u64::from(frame.number()),
            BacktraceLine::Struck(frame) => STRUCK | u64::from(frame.number()),
            BacktraceLine::Mark(mark) => MARK | mark as u64,
            BacktraceLine::Heading => HEADING,
            BacktraceLine::Hardware(name) => HARDWARE | u64::from(name.number()),
            BacktraceLine::EntryFrame(frame) => ENTRY_FRAME | u64::from(frame.number()),
        }
    }

    /// The line of a number.
    pub(crate) fn of_number(number: u64) -> BacktraceLine {
        let low = u32::try_from(number & !KIND).unwrap_or(0);
        match number & KIND {
            STRUCK => BacktraceLine::Struck(FrameId::of_number(low)),
            MARK => BacktraceLine::Mark(Mark::ALL[low as usize % Mark::ALL.len()]),
            HEADING => BacktraceLine::Heading,
            HARDWARE => BacktraceLine::Hardware(NameId::of_number(low)),
            ENTRY_FRAME => BacktraceLine::EntryFrame(FrameId::of_number(low)),
            _ => BacktraceLine::Frame(FrameId::of_number(low)),
        }
    }

    /// What it shows of the lines around a backtrace's frames.
    fn part(self) -> Option<Part> {
        match self {
            BacktraceLine::Mark(Mark::Task) => Some(Part::Begin),
            BacktraceLine::Mark(Mark::TaskEnd) => Some(Part::End),
            BacktraceLine::Heading => Some(Part::Heading),
            BacktraceLine::Hardware(_) => Some(Part::Hardware),
            BacktraceLine::Frame(_)
            | BacktraceLine::Struck(_)
            | BacktraceLine::EntryFrame(_)
            | BacktraceLine::Mark(_) => None,
        }
    }
}

/// A line of the frame around a backtrace's frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// `CPU: … PID: … Comm: …`.
    Task,
    /// `Hardware name: …`.
    Hardware,
    /// `Call Trace:`.
    Heading,
    /// `<TASK>`.
    Begin,
    /// `</TASK>`, or the empty line of mips.
    End,
}

impl Part {
    /// Every part.
    pub(crate) const ALL: [Part; 5] =
        [Part::Task, Part::Hardware, Part::Heading, Part::Begin, Part::End];
}

/// Which of them a backtrace has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Parts(u8);

impl Parts {
    /// Adds one.
    pub(crate) fn insert(&mut self, part: Part) {
        self.0 |= 1 << part as u8;
    }

    /// Adds all that others have.
    pub(crate) fn add(&mut self, others: Parts) {
        self.0 |= others.0;
    }

    /// Whether it has one.
    pub(crate) fn contains(self, part: Part) -> bool {
        self.0 & (1 << part as u8) != 0
    }
}

/// A number for the lines of a run. That of two runs one behind the other follows from theirs, so
/// that it does not matter where a backtrace is cut into runs: a polynomial in [`SPREAD`] modulo
/// 2⁶⁴ (Karp and Rabin, "Efficient randomized pattern-matching algorithms", 1987).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RunHash {
    value: u64,
    /// [`SPREAD`] to the power of the number of lines.
    power: u64,
}

/// An odd number with bits all over: 2⁶⁴ by the golden ratio (Knuth, "The Art of Computer
/// Programming", volume 3, section 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for RunHash {
    fn default() -> RunHash {
        RunHash { value: 0, power: 1 }
    }
}

impl RunHash {
    /// Adds a line.
    #[inline]
    pub(crate) fn push(&mut self, number: u64) {
        self.value = self.value.wrapping_mul(SPREAD).wrapping_add(number);
        self.power = self.power.wrapping_mul(SPREAD);
    }

    /// Adds the lines of a run.
    #[inline]
    pub(crate) fn append(&mut self, run: RunHash) {
        self.value = self.value.wrapping_mul(run.power).wrapping_add(run.value);
        self.power = self.power.wrapping_mul(run.power);
    }

    /// Equal lines have equal hashes; others rarely do.
    pub(crate) fn finish(self) -> u64 {
        // The lowest bits of a polynomial depend on the lowest bits of its terms alone.
        let mixed = (self.value ^ (self.value >> 32)).wrapping_mul(SPREAD);
        mixed ^ (mixed >> 32)
    }
}

/// Where the heading stands among the lines of a run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum HeadingPlace {
    /// There is none.
    #[default]
    None,
    /// Before every frame, and there is no other.
    First,
    /// Elsewhere.
    Amid,
}

/// Lines of a backtrace that follow one another.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Run {
    /// Where their numbers begin in the batch, and how many there are.
    pub(crate) start: u32,
    pub(crate) lines: u32,
    pub(crate) hash: RunHash,
    /// Frames among them.
    pub(crate) frames: u32,
    /// Frames among them that are of an entry of a recording: then all are.
    pub(crate) entry_frames: u32,
    /// Marks among them that end a context.
    pub(crate) context_ends: u32,
    pub(crate) parts: Parts,
    pub(crate) heading: HeadingPlace,
    pub(crate) hardware: Option<NameId>,
}

impl Run {
    /// Adds a frame.
    #[inline]
    pub(crate) fn push_frame(&mut self, number: u64) {
        self.hash.push(number);
        self.lines += 1;
        self.frames += 1;
    }

    /// Adds a frame of an entry of a recording.
    #[inline]
    pub(crate) fn push_entry_frame(&mut self, frame: FrameId) -> u64 {
        let number = BacktraceLine::EntryFrame(frame).number();
        self.hash.push(number);
        self.lines += 1;
        self.entry_frames += 1;
        number
    }

    /// Adds a line around the frames.
    pub(crate) fn push_around(&mut self, line: BacktraceLine) {
        self.hash.push(line.number());
        self.lines += 1;
        match line {
            BacktraceLine::Heading => {
                let is_first = self.frames == 0 && self.heading == HeadingPlace::None;
                self.heading = if is_first { HeadingPlace::First } else { HeadingPlace::Amid };
            }
            BacktraceLine::Hardware(name) => self.hardware = Some(name),
            BacktraceLine::Mark(mark) if mark.ends_context() => self.context_ends += 1,
            _ => {}
        }
        if let Some(part) = line.part() {
            self.parts.insert(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(numbers: &[u64]) -> RunHash {
        numbers.iter().fold(RunHash::default(), |mut hash, &number| {
            hash.push(number);
            hash
        })
    }

    #[test]
    fn every_line_has_a_number_of_its_own() {
        let frame = FrameId::of_number(u32::MAX);
        let name = NameId::of_number(7);
        let mut lines: Vec<BacktraceLine> = Mark::ALL.map(BacktraceLine::Mark).to_vec();
        lines.extend([BacktraceLine::Frame(frame), BacktraceLine::Struck(frame)]);
        lines.extend([BacktraceLine::Heading, BacktraceLine::Hardware(name)]);
        for line in lines {
            assert_eq!(BacktraceLine::of_number(line.number()), line);
        }
    }

    #[test]
    fn a_hash_is_of_the_lines_however_they_are_cut() {
        let numbers = [3, 1, 4, 1, 5];
        for cut in 0..=numbers.len() {
            let (first, second) = numbers.split_at(cut);
            let mut joined = hash(first);
            joined.append(hash(second));
            assert_eq!(joined, hash(&numbers), "{cut}");
        }
        assert_ne!(hash(&[1, 2]).finish(), hash(&[2, 1]).finish());
        assert_ne!(hash(&[1]).finish(), hash(&[1, 1]).finish());
    }
}
