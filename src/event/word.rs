//! What a line of kernel text means, its names interned.

use super::Task;
use super::chain::Step;
use super::names::{FrameId, NameId, Names, RunId};
use crate::record::prefix::printk;
use crate::record::{Mark, SlabinfoRow};

/// The meaning of a line that may be remembered: [`crate::record::Text`] with its names interned.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Word {
    Frame(FrameId),
    Struck(Option<Mark>, FrameId),
    Marked(Mark, FrameId),
    Call { callee: FrameId, caller: FrameId },
    Run(RunId),
    Headed(RunId),
    Track,
    Mark(Mark),
    Task(Task),
    Hardware(NameId),
    TaskDetail,
    Heading,
    Dropped(u64),
    Banner(NameId),
    CommandLine,
    BootSeparator,
    SplatBegin,
    SplatEnd,
    Slabinfo(NameId, SlabinfoRow),
    Blank,
    Other,
}

impl Word {
    /// The innermost frame of a line, in the shapes of those architectures whose backtraces may
    /// begin without a heading.
    pub(crate) fn unheaded_frame(self, names: &Names) -> Option<FrameId> {
        match self {
            Word::Call { callee, .. } => Some(callee),
            Word::Run(run) => names.run(run).first().copied(),
            _ => None,
        }
    }

    /// Whether a line's meaning leaves nothing to look for in it. Where the newline behind a
    /// record was lost, a meaning that has no end of its own would swallow the next one.
    pub(crate) fn is_whole(self, text: &[u8]) -> bool {
        self != Word::Other && printk::embedded(text).is_none()
    }

    /// Whether the line is whole and says nothing of its place in time.
    pub(super) fn is_plain(self, text: &[u8]) -> bool {
        !matches!(self, Word::Banner(_)) && self.is_whole(text)
    }

    /// The steps that a line of a backtrace adds.
    pub(crate) fn steps(self) -> [Option<Step>; 2] {
        match self {
            Word::Frame(frame) => [Some(Step::Frame(frame)), None],
            Word::Struck(mark, frame) => [mark.and_then(Step::of_mark), Some(Step::Struck(frame))],
            Word::Marked(mark, frame) => [Step::of_mark(mark), Some(Step::Frame(frame))],
            _ => [None, None],
        }
    }
}
