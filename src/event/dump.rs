//! A backtrace while its lines are still coming in.

use super::chain::Step;
use super::names::{FrameId, Names};
use super::vocabulary::Word;
use super::{Backtrace, Detail, RegisterBlock, Task, chain};
use crate::record::{Mark, RegisterLine};

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

/// Whether part of a backtrace is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wholeness {
    /// Nothing speaks for it.
    Whole,
    /// `<TASK>` came, and `</TASK>` has not.
    AwaitsEnd,
    /// A line was seen to be damaged or lost.
    Cut,
}

/// A backtrace being put together.
#[derive(Debug)]
pub(crate) struct Dump {
    pub(crate) opening: Opening,
    pub(crate) task: Option<Task>,
    /// Whether its first line carried a time: then lines without one are no part of it.
    pub(crate) stamped: bool,
    /// Whether it followed an event's header or object dump with nothing in between.
    pub(crate) adjacent: bool,
    /// Events whose header came before it: it belongs to one of those.
    pub(crate) headers_before: u64,
    /// Backtraces begun since in other printing contexts.
    pub(crate) overtaken: u32,
    wholeness: Wholeness,
    pub(crate) steps: Vec<Step>,
    /// Index of the next step at each register block, and the block.
    registers: Vec<(usize, Vec<(String, String)>)>,
    /// Words of the present arm exception stack so far.
    exception_words: usize,
}

impl Dump {
    pub(crate) fn new(opening: Opening, task: Option<Task>) -> Dump {
        Dump {
            opening,
            task,
            stamped: false,
            adjacent: false,
            headers_before: 0,
            overtaken: 0,
            wholeness: Wholeness::Whole,
            steps: Vec::with_capacity(64),
            registers: Vec::new(),
            exception_words: 0,
        }
    }

    /// Whether a frame of it came, apart from the place that was struck.
    pub(crate) fn has_frames(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Frame(_)))
    }

    /// Whether part of it is missing, were it to end here.
    pub(crate) fn is_cut(&self) -> bool {
        self.wholeness != Wholeness::Whole
    }

    /// Whether its own end is still to come.
    pub(crate) fn awaits_end(&self) -> bool {
        self.wholeness == Wholeness::AwaitsEnd
    }

    /// Takes note of a line that is damaged or lost.
    pub(crate) fn cut(&mut self) {
        self.wholeness = Wholeness::Cut;
    }

    /// Takes note of a mark that promises an end, or is one.
    pub(crate) fn see(&mut self, mark: Mark) {
        self.wholeness = match (mark, self.wholeness) {
            (Mark::Task, Wholeness::Whole) => Wholeness::AwaitsEnd,
            (Mark::TaskEnd, Wholeness::AwaitsEnd) => Wholeness::Whole,
            (_, wholeness) => wholeness,
        };
    }

    /// Adds a line of the backtrace.
    pub(crate) fn push(&mut self, word: Word, names: &Names) {
        if self.steps.len() >= STEPS_MAX {
            self.cut();
            return;
        }
        if let Word::Call { callee, caller } = word {
            self.push_call(callee, caller, names);
        }
        self.steps.extend(word.steps().into_iter().flatten());
    }

    /// arm prints each frame twice: as a caller, and on the next line as the callee. A callee
    /// that the line before did not call is where an interrupt struck, or follows a lost line.
    fn push_call(&mut self, callee: FrameId, caller: FrameId, names: &Names) {
        let function = |step: &Step| match *step {
            Step::Frame(frame) | Step::Struck(frame) => names.frame(frame).function,
            Step::EndOf(_) => None,
        };
        let known = self.steps.last().and_then(function);
        if known.is_none() || known != names.frame(callee).function {
            self.steps.push(Step::Frame(callee));
        }
        self.steps.push(Step::Frame(caller));
    }

    /// Adds a line of a register dump. Lines that follow one another make one block.
    pub(crate) fn push_registers(&mut self, line: RegisterLine<'_>, detail: Detail) {
        if detail == Detail::Report {
            return;
        }
        if line == RegisterLine::ExceptionStack {
            self.exception_words = 0;
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
            _ => self.cut(),
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
