//! What a line of kernel text means, its names interned.

use crate::names::{FrameId, FramesId, NameId, Names};
use crate::record::ftrace::RecordingNotice;
use crate::record::prefix::printk;
use crate::record::{Mark, SlabinfoRow};

/// The task that was running, as the first line of a stack tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Task {
    /// The CPU; absent before 3.10.
    pub cpu: Option<u32>,
    /// The process id.
    pub pid: u32,
    /// The task's name.
    pub comm: NameId,
    /// The taint flags; the empty string for a kernel that is not tainted.
    pub taint: NameId,
    /// The kernel release.
    pub kernel: Option<NameId>,
    /// The kernel's build id.
    pub build_id: Option<NameId>,
}

/// The meaning of a line that may be remembered: [`crate::record::Text`] with its names interned.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Word {
    Frame(FrameId),
    Struck(Option<Mark>, FrameId),
    Marked(Mark, FrameId),
    Call {
        callee: FrameId,
        caller: FrameId,
    },
    Frames(FramesId),
    /// A frame of an entry of a recording.
    EntryFrame(FrameId),
    /// A line of such a backtrace that is no place in the kernel.
    ProgramFrame,
    Recording(RecordingNotice),
    Headed(FramesId),
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
            Word::Frames(frames) => names.frames(frames).first().copied(),
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
}
