//! A backtrace while its lines are still coming in.

use super::chain::Step;
use super::names::{FrameId, Names};
use super::skeleton::{Part, Parts};
use super::vocabulary::Word;
use super::{Backtrace, Detail, RegisterBlock, Task, chain};
use crate::address::LineNumber;
use crate::record::RegisterLine;
use crate::time::Stamp;

/// A backtrace has fewer frames than this; more are counted as damage.
const STEPS_MAX: usize = 1024;

/// Why a backtrace was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opening {
    /// Nothing spoke against an event.
    Event,
    /// A warning or oops had announced itself.
    Splat,
}

/// What lies between two frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Between {
    /// Nothing of note.
    Frames,
    /// An exception stack: what follows was interrupted.
    Exception,
}

/// A backtrace being put together.
#[derive(Debug)]
pub(crate) struct Dump {
    pub(crate) opening: Opening,
    pub(crate) task: Option<Task>,
    /// Its first line.
    pub(crate) line: LineNumber,
    /// The time of its first line. If it carried one, lines without one are no part of it.
    pub(crate) stamp: Option<Stamp>,
    /// The time of its last line.
    pub(crate) last_stamp: Option<Stamp>,
    /// Whether it followed an event's header or object dump with nothing in between.
    pub(crate) adjacent: bool,
    /// Events whose header came before it: it belongs to one of those.
    pub(crate) headers_before: u64,
    /// Backtraces begun since in other printing contexts.
    pub(crate) overtaken: u32,
    /// Which of the lines around its frames were seen.
    pub(crate) parts: Parts,
    /// Whether a line of it was seen to be damaged or lost.
    pub(crate) cut: bool,
    pub(crate) steps: Vec<Step>,
    /// Index of the next step at each register block, and the block.
    registers: Vec<(usize, Vec<(String, String)>)>,
    /// What came since the last frame.
    between: Between,
    /// Words of the present arm exception stack so far.
    exception_words: usize,
}

impl Dump {
    pub(crate) fn new(opening: Opening, task: Option<Task>, line: LineNumber) -> Dump {
        Dump {
            opening,
            task,
            line,
            stamp: None,
            last_stamp: None,
            adjacent: false,
            headers_before: 0,
            overtaken: 0,
            parts: Parts::default(),
            cut: false,
            steps: Vec::with_capacity(64),
            registers: Vec::new(),
            between: Between::Frames,
            exception_words: 0,
        }
    }

    /// Whether a heading that comes now is this backtrace's own: registers may come before it.
    pub(crate) fn awaits_heading(&self) -> bool {
        !self.parts.contains(Part::Heading)
            && !self.steps.iter().any(|step| matches!(step, Step::Frame(_)))
    }

    /// Its heading comes.
    pub(crate) fn head(&mut self) {
        self.parts.insert(Part::Heading);
    }

    /// Whether `<TASK>` came, and `</TASK>` has not.
    pub(crate) fn awaits_end(&self) -> bool {
        self.parts.contains(Part::Begin) && !self.parts.contains(Part::End)
    }

    /// Whether part of it is missing.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut || self.awaits_end()
    }

    /// Adds a line of the backtrace.
    pub(crate) fn push(&mut self, word: Word, names: &Names) {
        if self.steps.len() >= STEPS_MAX {
            self.cut = true;
            return;
        }
        if let Word::Call { callee, caller } = word {
            self.push_call(callee, caller, names);
        }
        self.steps.extend(word.steps().into_iter().flatten());
    }

    /// arm prints each frame twice: as a caller, and on the next line as the callee. A callee
    /// that the line before did not call is where an interrupt struck, behind its exception
    /// stack, or follows a lost line.
    fn push_call(&mut self, callee: FrameId, caller: FrameId, names: &Names) {
        let function = |step: &Step| match *step {
            Step::Frame(frame) | Step::Struck(frame) => names.frame(frame).function,
            Step::EndOf(_) => None,
        };
        let known = self.steps.last().and_then(function);
        if known.is_none() || known != names.frame(callee).function {
            self.cut |= !self.steps.is_empty() && self.between == Between::Frames;
            self.steps.push(Step::Frame(callee));
        }
        self.steps.push(Step::Frame(caller));
        self.between = Between::Frames;
    }

    /// Adds a line of a register dump. Lines that follow one another make one block.
    pub(crate) fn push_registers(&mut self, line: RegisterLine<'_>, detail: Detail) {
        if line == RegisterLine::ExceptionStack {
            self.exception_words = 0;
            self.between = Between::Exception;
        }
        if detail == Detail::Report {
            return;
        }
        let values = line.values(&mut self.exception_words);
        if values.is_empty() {
            return;
        }
        let at = self.steps.len();
        let has_room = self.registers.len() < STEPS_MAX;
        match self.registers.last_mut() {
            Some((block_at, block)) if *block_at == at => block.extend(values),
            _ if has_room => self.registers.push((at, values)),
            _ => self.cut = true,
        }
    }

    /// The complete backtrace.
    pub(crate) fn backtrace(&self, names: &Names) -> Backtrace {
        let frames_before = |at: usize| {
            self.steps[..at].iter().filter(|step| !matches!(step, Step::EndOf(_))).count()
        };
        let registers = self.registers.iter().map(|(at, values)| RegisterBlock {
            after_frame: frames_before(*at).checked_sub(1),
            values: values.clone(),
        });
        Backtrace { chain: chain::place(&self.steps, names), registers: registers.collect() }
    }
}
