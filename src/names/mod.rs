//! Interned text, frames and call chains: every distinct one is stored once and named by a number.

mod pool;

use crate::address::CodeAddr;
use crate::record::frame::{Aim, FrameRun, FrameText, Place, Reliability};
use crate::symbol::Named;

use pool::Pool;

/// Names a string in [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NameId(u32);

/// A name, or none, in as much room as a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MaybeName(u32);

impl MaybeName {
    /// No pool holds so many.
    const NONE: MaybeName = MaybeName(u32::MAX);

    /// The name, if there is one.
    pub(crate) fn name(self) -> Option<NameId> {
        (self != MaybeName::NONE).then_some(NameId(self.0))
    }
}

impl From<Option<NameId>> for MaybeName {
    fn from(name: Option<NameId>) -> MaybeName {
        name.map_or(MaybeName::NONE, |NameId(number)| MaybeName(number))
    }
}

/// Names a frame in [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FrameId(u32);

impl NameId {
    pub(crate) fn of_number(number: u32) -> NameId {
        NameId(number)
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

impl FrameId {
    pub(crate) fn of_number(number: u32) -> FrameId {
        FrameId(number)
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// Names the frames of one line in [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct FramesId(u32);

/// Names a call chain in [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ChainId(u32);

/// A place in code that a backtrace showed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Frame {
    /// The function, suffixes included; absent for a bare address.
    pub function: Option<NameId>,
    /// Bytes from the function's start.
    pub offset: Option<u64>,
    /// The function's size in bytes.
    pub size: Option<u64>,
    /// The module, absent for the kernel itself.
    pub module: Option<NameId>,
    /// The module's build id.
    pub build_id: Option<NameId>,
    /// The address, where the kernel printed one.
    pub address: Option<CodeAddr>,
    /// The number that stands in the function's place: an address, and never a hash as the one in
    /// brackets may be.
    pub(crate) bare: Option<CodeAddr>,
    /// Whether the unwinder vouches for the frame.
    pub reliability: Reliability,
    /// What it points at.
    pub aim: Aim,
}

/// What the CPU was doing in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Context {
    /// Running a task, in a system call, fault or kernel thread.
    Task,
    /// Serving a soft interrupt.
    Softirq,
    /// Serving a hard interrupt.
    Hardirq,
    /// Serving a non-maskable interrupt.
    Nmi,
}

impl Context {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Context::Task => "task",
            Context::Softirq => "softirq",
            Context::Hardirq => "hardirq",
            Context::Nmi => "nmi",
        }
    }
}

/// What a frame is to the event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// The allocator and its debugging, above the code that called it.
    Allocator,
    /// The code that allocated or freed.
    Caller,
    /// What an interrupt happened to interrupt.
    Interrupted,
}

impl Role {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Role::Allocator => "allocator",
            Role::Caller => "caller",
            Role::Interrupted => "interrupted",
        }
    }
}

/// A frame at its place in a call chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Placed {
    /// The frame.
    pub frame: FrameId,
    /// What the CPU was doing.
    pub context: Context,
    /// What the frame is to the event.
    pub role: Role,
}

/// Distinct strings and frames are stored up to this many each; a log that holds more is hostile
/// or garbage, and its further names fold into one.
const DISTINCT_MAX: usize = 1 << 20;

/// No name is longer: a kernel's symbols have at most 512 bytes, and a line of printk about 1,000.
/// What is longer is garbage, and much of it would fill the memory.
const NAME_BYTES_MAX: usize = 512;

/// No line has more frames: a line of printk has room for about thirty.
const RUN_FRAMES_MAX: usize = 128;

/// All that is interned. Several threads may share it: a name stays what it is.
#[derive(Clone, Debug, Default)]
pub struct Names {
    strings: Pool<Box<str>>,
    frames: Pool<Frame>,
    lists: Pool<Box<[FrameId]>>,
    chains: Pool<Box<[Placed]>>,
}

impl Names {
    /// The string of a name.
    pub fn text(&self, name: NameId) -> &str {
        self.strings.get(name.0)
    }

    /// A frame.
    pub fn frame(&self, frame: FrameId) -> &Frame {
        self.frames.get(frame.0)
    }

    /// The frames of one line, innermost first.
    pub(crate) fn frames(&self, frames: FramesId) -> &[FrameId] {
        self.lists.get(frames.0)
    }

    /// A call chain, innermost frame first.
    pub fn chain(&self, chain: ChainId) -> &[Placed] {
        self.chains.get(chain.0)
    }

    /// The name of a frame's function, suffixes included.
    pub fn function(&self, frame: FrameId) -> Option<&str> {
        self.frame(frame).function.map(|name| self.text(name))
    }

    /// Whether a string was ever interned.
    pub(crate) fn is_known(&self, text: &str) -> bool {
        self.strings.find(text).is_some()
    }

    /// Interns a string; bytes that are not UTF-8 become replacement characters, and what is too
    /// long for a name is cut.
    pub fn intern(&self, bytes: &[u8]) -> NameId {
        let text = String::from_utf8_lossy(shortened(bytes));
        let id = self.strings.intern(text.as_ref(), DISTINCT_MAX, || text.as_ref().into());
        NameId(id.unwrap_or_else(|| self.surplus("(one of too many names)")))
    }

    /// Interns a frame.
    pub fn intern_frame(&self, text: &FrameText<'_>) -> FrameId {
        self.intern_whole(self.frame_of(text))
    }

    /// Interns a frame whose bare address has a name. A number in brackets may be a hash; the one
    /// that stands for a name never is.
    pub(crate) fn intern_named(&self, frame: FrameId, named: &Named) -> FrameId {
        let frame = *self.frame(frame);
        let function = named.function.as_ref().map(|name| self.intern(name.as_bytes()));
        self.intern_whole(Frame {
            function,
            offset: function.map(|_| named.offset),
            size: named.size,
            module: named.module.as_ref().map(|name| self.intern(name.as_bytes())),
            address: frame.bare,
            bare: None,
            ..frame
        })
    }

    fn intern_whole(&self, frame: Frame) -> FrameId {
        FrameId(self.frames.intern(&frame, DISTINCT_MAX, || frame).unwrap_or_else(|| {
            let surplus = self.surplus_frame();
            self.frames.intern(&surplus, usize::MAX, || surplus).unwrap_or_default()
        }))
    }

    /// Interns the frames of one line, each of which `intern` interns.
    pub(crate) fn intern_frames(
        &self,
        run: FrameRun<'_>,
        intern: impl FnMut(FrameText<'_>) -> FrameId,
    ) -> FramesId {
        let frames: Vec<FrameId> = run.frames().take(RUN_FRAMES_MAX).map(intern).collect();
        self.intern_list(&frames)
    }

    /// Interns frames.
    pub(crate) fn intern_list(&self, frames: &[FrameId]) -> FramesId {
        let known = self.lists.intern(frames, DISTINCT_MAX, || frames.into());
        let none = || self.lists.intern(&[][..], usize::MAX, Box::default).unwrap_or_default();
        FramesId(known.unwrap_or_else(none))
    }

    /// Interns a call chain.
    pub fn intern_chain(&self, chain: &[Placed]) -> ChainId {
        ChainId(self.chains.intern(chain, usize::MAX, || chain.into()).unwrap_or_default())
    }

    fn surplus(&self, name: &'static str) -> u32 {
        self.strings.intern(name, usize::MAX, || name.into()).unwrap_or_default()
    }

    fn frame_of(&self, text: &FrameText<'_>) -> Frame {
        let FrameText { place, address, reliability, aim } = *text;
        match place {
            Place::Symbol(symbol) => Frame {
                function: Some(self.intern(symbol.function)),
                offset: symbol.offset,
                size: symbol.size,
                module: symbol.module.map(|module| self.intern(module)),
                build_id: symbol.build_id.map(|id| self.intern(id)),
                address,
                bare: None,
                reliability,
                aim,
            },
            Place::Bare(bare) => Frame {
                function: None,
                offset: None,
                size: None,
                module: None,
                build_id: None,
                address: address.or(Some(bare)),
                bare: Some(bare),
                reliability,
                aim,
            },
        }
    }

    fn surplus_frame(&self) -> Frame {
        Frame {
            function: Some(NameId(self.surplus("(one of too many frames)"))),
            offset: None,
            size: None,
            module: None,
            build_id: None,
            address: None,
            bare: None,
            reliability: Reliability::Unreliable,
            aim: Aim::BehindCall,
        }
    }
}

/// The text, or as many of its first characters as a name may have bytes.
fn shortened(text: &[u8]) -> &[u8] {
    if text.len() <= NAME_BYTES_MAX {
        return text;
    }
    let is_start = |&at: &usize| text[at] & 0b1100_0000 != 0b1000_0000;
    // A character has at most four bytes.
    let end = (NAME_BYTES_MAX - 3..=NAME_BYTES_MAX).rev().find(is_start);
    &text[..end.unwrap_or(NAME_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_end_is_cut_between_two_characters() {
        let names = Names::default();
        for (character, bytes) in [("x", 512), ("ä", 512), ("€", 510), ("𝄞", 512)] {
            let name = names.intern(character.repeat(2000).as_bytes());
            assert_eq!(names.text(name), character.repeat(bytes / character.len()));
        }
        let name = names.intern("x".repeat(512).as_bytes());
        assert_eq!(names.text(name).len(), 512);
    }

    #[test]
    fn a_line_of_very_many_frames_is_cut() {
        let names = Names::default();
        let text = b"[<c0012a34>] ".repeat(5000);
        let run = names.intern_frames(FrameRun::parse(&text).expect("a run"), |frame| {
            names.intern_frame(&frame)
        });
        assert_eq!(names.frames(run).len(), 128);
    }
}
