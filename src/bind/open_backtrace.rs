//! A backtrace while its lines are still coming in.

use crate::address::{CodeAddr, LineNumber};
use crate::chain;
use crate::chain::Step;
use crate::chain::Steps;
use crate::event::{Backtrace, RegisterBlock, Task};
use crate::lex::{BacktraceLine, HeadingPlace, Part, Parts, Run, Word};
use crate::names::{FrameId, Names};
use crate::record::{ExceptionStack, Mark, RegisterLine};
use crate::time::Stamp;

/// A backtrace has fewer lines than this; more are counted as damage.
const LINES_MAX: usize = 1024;

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
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct OpenBacktrace {
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
    pub(crate) steps: Steps,
    /// Index of the next step at each register block, and the block.
    registers: Vec<(usize, Vec<(String, String)>)>,
    /// What came since the last frame.
    between: Between,
    /// The exception stack whose rows are coming in.
    exception: Option<ExceptionStack>,
}

impl OpenBacktrace {
    pub(crate) fn new(opening: Opening, task: Option<Task>, line: LineNumber) -> OpenBacktrace {
        OpenBacktrace {
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
            steps: Steps::default(),
            registers: Vec::new(),
            between: Between::Frames,
            exception: None,
        }
    }

    /// A new one, in the room of one that is over.
    pub(crate) fn renewed(
        room: Option<Box<OpenBacktrace>>,
        opening: Opening,
        task: Option<Task>,
        line: LineNumber,
    ) -> Box<OpenBacktrace> {
        let fresh = OpenBacktrace::new(opening, task, line);
        match room {
            None => Box::new(fresh),
            Some(mut room) => {
                let steps = std::mem::take(&mut room.steps).emptied();
                *room = OpenBacktrace { steps, ..fresh };
                room
            }
        }
    }

    /// Whether a heading that comes now is this backtrace's own: registers may come before it.
    pub(crate) fn awaits_heading(&self) -> bool {
        !self.parts.contains(Part::Heading) && !self.steps.has_frames()
    }

    /// Its heading comes.
    pub(crate) fn head(&mut self) {
        self.parts.insert(Part::Heading);
    }

    /// Whether a frame begins another backtrace. sparc32, and arm to 3.9, print neither a task nor
    /// a heading: then the next header and the allocator's innermost function tell.
    pub(crate) fn ends_before(&self, events: u64, word: Word, names: &Names) -> bool {
        self.task.is_none()
            && self.headers_before < events
            && self.steps.has_frames()
            && word.unheaded_frame(names).is_some_and(|frame| chain::is_innermost(frame, names))
    }

    /// Whether `<TASK>` came, and `</TASK>` has not.
    pub(crate) fn awaits_end(&self) -> bool {
        self.parts.contains(Part::Begin) && !self.parts.contains(Part::End)
    }

    /// Whether part of it is missing.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut || self.awaits_end()
    }

    /// The outermost frame so far.
    pub(crate) fn outermost(&self) -> Option<FrameId> {
        self.steps.outermost()
    }

    /// Whether there is room for another line.
    fn has_room(&self) -> bool {
        self.steps.numbers().len() < LINES_MAX
    }

    /// Whether lines that follow one another can only be its next ones.
    pub(crate) fn goes_on_with(&self, run: &Run) -> bool {
        let is_own_heading = match run.heading {
            HeadingPlace::None => true,
            HeadingPlace::First => self.awaits_heading(),
            HeadingPlace::Amid => false,
        };
        is_own_heading && self.steps.numbers().len() + run.lines as usize <= LINES_MAX
    }

    /// Adds lines that follow one another and can only be its next ones.
    #[inline]
    pub(crate) fn push_run(&mut self, run: &Run, numbers: &[u64]) {
        self.parts.add(run.parts);
        self.steps.append(run, numbers);
    }

    /// Adds a context marker that does not end the backtrace.
    pub(crate) fn mark(&mut self, mark: Mark) {
        if mark == Mark::Task {
            self.parts.insert(Part::Begin);
        }
        if self.has_room() {
            self.steps.push(BacktraceLine::Mark(mark));
        } else {
            self.cut = true;
        }
    }

    /// Adds a line of the backtrace.
    pub(crate) fn push(&mut self, word: Word, names: &Names) {
        if !self.has_room() {
            self.cut = true;
            return;
        }
        match word {
            Word::Call { callee, caller } => self.push_call(callee, caller, names),
            Word::Frames(frames) | Word::Headed(frames) => {
                names.frames(frames).iter().for_each(|&frame| self.push_frame(frame));
            }
            Word::Frame(frame) => self.push_frame(frame),
            Word::Struck(mark, frame) => {
                self.steps.extend(mark.map(BacktraceLine::Mark));
                self.steps.push(BacktraceLine::Struck(frame));
            }
            Word::Marked(mark, frame) => {
                self.steps.push(BacktraceLine::Mark(mark));
                self.push_frame(frame);
            }
            _ => {}
        }
    }

    fn push_frame(&mut self, frame: FrameId) {
        self.steps.push(BacktraceLine::Frame(frame));
    }

    /// arm prints each frame twice: as a caller, and on the next line as the callee. A callee
    /// that the line before did not call is where an interrupt struck, behind its exception
    /// stack, or follows a lost line.
    fn push_call(&mut self, callee: FrameId, caller: FrameId, names: &Names) {
        let is_known = match self.steps.iter().next_back() {
            Some(Step::Frame(last) | Step::Struck(last)) => is_in(last, callee, names),
            Some(Step::EndOf(_)) | None => false,
        };
        if !is_known {
            self.cut |= !self.steps.is_empty() && self.between == Between::Frames;
            self.push_frame(callee);
        }
        self.push_frame(caller);
        self.between = Between::Frames;
    }

    /// An exception stack comes: what follows was interrupted.
    pub(crate) fn begin_exception(&mut self) {
        self.between = Between::Exception;
    }

    /// Adds a line of a register dump. Lines that follow one another make one block.
    pub(crate) fn push_registers(&mut self, line: RegisterLine<'_>) {
        let values = line.values(&mut self.exception);
        if values.is_empty() {
            return;
        }
        let at = self.steps.len();
        let has_room = self.registers.len() < LINES_MAX;
        match self.registers.last_mut() {
            Some((block_at, block)) if *block_at == at => block.extend(values),
            _ if has_room => self.registers.push((at, values)),
            _ => self.cut = true,
        }
    }

    /// The complete backtrace.
    pub(crate) fn backtrace(&self, names: &Names) -> Backtrace {
        let steps: Vec<Step> = self.steps.iter().collect();
        let frames_before =
            |at: usize| steps[..at].iter().filter(|step| !matches!(step, Step::EndOf(_))).count();
        let registers = self.registers.iter().map(|(at, values)| RegisterBlock {
            after_frame: frames_before(*at).checked_sub(1),
            values: values.clone(),
        });
        Backtrace { chain: chain::place(&steps, names), registers: registers.collect() }
    }
}

/// Functions without a name are taken to be no longer than this.
const FUNCTION_BYTES_MAX: u64 = 1 << 14;

/// Whether a caller as one line prints it lies in the callee of the next. Without names only the
/// addresses tell: a callee's is its function's start, or the caller's own.
fn is_in(caller: FrameId, callee: FrameId, names: &Names) -> bool {
    let (caller, callee) = (names.frame(caller), names.frame(callee));
    match (caller.address, callee.address) {
        _ if caller.function.is_some() || callee.function.is_some() => {
            caller.function == callee.function
        }
        (Some(CodeAddr(at)), Some(CodeAddr(start))) => {
            at.checked_sub(start).is_some_and(|offset| offset < FUNCTION_BYTES_MAX)
        }
        _ => false,
    }
}
