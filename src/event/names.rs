//! Interned text, frames and call chains: every distinct one is stored once and named by a number.

use foldhash::fast::FixedState;
use indexmap::IndexSet;

use crate::address::CodeAddr;
use crate::event::{Context, Role};
use crate::record::frame::{Aim, FrameRun, FrameText, Place, Reliability};
use crate::symbol::{Addresses, Named};

/// Names a string in [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NameId(u32);

/// Names a frame in [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FrameId(u32);

impl FrameId {
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

/// Names the frames of one line in [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct RunId(u32);

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
    /// Whether the unwinder vouches for the frame.
    pub reliability: Reliability,
    /// What it points at.
    pub aim: Aim,
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

/// All that is interned.
#[derive(Debug, Default)]
pub struct Names {
    strings: IndexSet<Box<str>, FixedState>,
    frames: IndexSet<Frame, FixedState>,
    runs: IndexSet<Box<[FrameId]>, FixedState>,
    chains: IndexSet<Box<[Placed]>, FixedState>,
    /// What names bare addresses.
    addresses: Option<Box<Addresses>>,
}

impl Names {
    /// Names that take functions for bare addresses.
    pub(crate) fn with_addresses(addresses: Addresses) -> Names {
        let addresses = (!addresses.is_empty()).then(|| Box::new(addresses));
        Names { addresses, ..Names::default() }
    }

    /// Gives back what names bare addresses.
    pub(crate) fn take_addresses(&mut self) -> Addresses {
        self.addresses.take().map_or_else(Addresses::default, |addresses| *addresses)
    }

    /// Takes note of a line for the names of addresses. Tells whether those that were given may be
    /// others now.
    pub(crate) fn see(&mut self, text: &[u8]) -> bool {
        self.addresses.as_mut().is_some_and(|addresses| addresses.see(text))
    }

    /// Another boot begins. Tells whether addresses may have other names in it.
    pub(crate) fn next_boot(&mut self) -> bool {
        self.addresses.as_mut().map(|addresses| addresses.next_boot()).is_some()
    }

    /// The string of a name.
    pub fn text(&self, name: NameId) -> &str {
        &self.strings[name.0 as usize]
    }

    /// A frame.
    pub fn frame(&self, frame: FrameId) -> &Frame {
        &self.frames[frame.0 as usize]
    }

    /// The frames of one line, innermost first.
    pub(crate) fn run(&self, run: RunId) -> &[FrameId] {
        &self.runs[run.0 as usize]
    }

    /// A call chain, innermost frame first.
    pub fn chain(&self, chain: ChainId) -> &[Placed] {
        &self.chains[chain.0 as usize]
    }

    /// The name of a frame's function, suffixes included.
    pub fn function(&self, frame: FrameId) -> Option<&str> {
        self.frame(frame).function.map(|name| self.text(name))
    }

    /// Whether a string was ever interned.
    pub(crate) fn is_known(&self, text: &str) -> bool {
        self.strings.contains(text)
    }

    /// Interns a string; bytes that are not UTF-8 become replacement characters, and what is too
    /// long for a name is cut.
    pub fn intern(&mut self, bytes: &[u8]) -> NameId {
        let text = String::from_utf8_lossy(shortened(bytes));
        if let Some(at) = self.strings.get_index_of(text.as_ref()) {
            return NameId(index(at));
        }
        let text =
            if self.strings.len() < DISTINCT_MAX { &text } else { "(one of too many names)" };
        NameId(index(self.strings.insert_full(text.into()).0))
    }

    /// Interns a frame.
    pub fn intern_frame(&mut self, text: &FrameText<'_>) -> FrameId {
        let frame = self.frame_of(text);
        let frame = match self.frames.get_index_of(&frame) {
            Some(at) => return FrameId(index(at)),
            None if self.frames.len() < DISTINCT_MAX => frame,
            None => self.surplus_frame(),
        };
        FrameId(index(self.frames.insert_full(frame).0))
    }

    /// Interns the frames of one line.
    pub(crate) fn intern_run(&mut self, run: FrameRun<'_>) -> RunId {
        let mut frames: Vec<FrameId> =
            run.frames().take(RUN_FRAMES_MAX).map(|text| self.intern_frame(&text)).collect();
        if self.runs.len() >= DISTINCT_MAX {
            frames.truncate(0);
        }
        RunId(index(self.runs.insert_full(frames.into()).0))
    }

    /// Interns a call chain.
    pub fn intern_chain(&mut self, chain: &[Placed]) -> ChainId {
        if let Some(at) = self.chains.get_index_of(chain) {
            return ChainId(index(at));
        }
        ChainId(index(self.chains.insert_full(chain.into()).0))
    }

    fn frame_of(&mut self, text: &FrameText<'_>) -> Frame {
        let FrameText { place, address, reliability, aim } = *text;
        match place {
            Place::Symbol(symbol) => Frame {
                function: Some(self.intern(symbol.function)),
                offset: symbol.offset,
                size: symbol.size,
                module: symbol.module.map(|module| self.intern(module)),
                build_id: symbol.build_id.map(|id| self.intern(id)),
                address,
                reliability,
                aim,
            },
            Place::Bare(bare) => {
                let frame = Frame {
                    function: None,
                    offset: None,
                    size: None,
                    module: None,
                    build_id: None,
                    address: address.or(Some(bare)),
                    reliability,
                    aim,
                };
                // A number in brackets may be a hash; the one that stands for a name never is.
                self.named(bare).map_or(frame, |named| Frame {
                    address: Some(bare),
                    ..self.place(&named, frame)
                })
            }
        }
    }

    fn named(&mut self, address: CodeAddr) -> Option<Named> {
        self.addresses.as_mut()?.name(address.0).ok()
    }

    fn place(&mut self, named: &Named, frame: Frame) -> Frame {
        let function = named.function.as_ref().map(|name| self.intern(name.as_bytes()));
        Frame {
            function,
            offset: function.map(|_| named.offset),
            size: named.size,
            module: named.module.as_ref().map(|name| self.intern(name.as_bytes())),
            ..frame
        }
    }

    fn surplus_frame(&mut self) -> Frame {
        Frame {
            function: Some(self.intern(b"(one of too many frames)")),
            offset: None,
            size: None,
            module: None,
            build_id: None,
            address: None,
            reliability: Reliability::Unreliable,
            aim: Aim::BehindCall,
        }
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
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
        let mut names = Names::default();
        for (character, bytes) in [("x", 512), ("ä", 512), ("€", 510), ("𝄞", 512)] {
            let name = names.intern(character.repeat(2000).as_bytes());
            assert_eq!(names.text(name), character.repeat(bytes / character.len()));
        }
        let name = names.intern("x".repeat(512).as_bytes());
        assert_eq!(names.text(name).len(), 512);
    }

    #[test]
    fn a_line_of_very_many_frames_is_cut() {
        let mut names = Names::default();
        let text = b"[<c0012a34>] ".repeat(5000);
        let run = names.intern_run(FrameRun::parse(&text).expect("a run"));
        assert_eq!(names.run(run).len(), 128);
    }
}
