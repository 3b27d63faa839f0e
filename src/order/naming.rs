//! Names for bare addresses: what a word's frames are called, as far as the log has told by then.

use foldhash::HashMap;

use crate::lex::Word;
use crate::names::{FrameId, FramesId, Names};
use crate::symbol::Addresses;

/// Lines, frames and lists of frames remembered; at so many all are forgotten.
const REMEMBERED_MAX: usize = 1 << 16;

/// Names bare addresses, and remembers how.
#[derive(Clone, Debug, Default)]
pub(super) struct Naming {
    addresses: Addresses,
    frames: HashMap<FrameId, FrameId>,
    lists: HashMap<FramesId, FramesId>,
}

impl Naming {
    pub(super) fn new(addresses: Addresses) -> Naming {
        Naming { addresses, ..Naming::default() }
    }

    /// Whether there is nothing to name addresses by.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Gives back what names bare addresses.
    pub(super) fn take_addresses(&mut self) -> Addresses {
        std::mem::take(&mut self.addresses)
    }

    /// Another boot begins, in which addresses may have other names.
    pub(super) fn next_boot(&mut self) {
        if !self.is_idle() {
            self.addresses.next_boot();
            self.forget();
        }
    }

    /// The word with its frames named. What else its line says may change what addresses are
    /// called.
    #[inline]
    pub(super) fn word(&mut self, word: Word, text: &[u8], names: &Names) -> Word {
        if self.is_idle() { word } else { self.named(word, text, names) }
    }

    fn named(&mut self, word: Word, text: &[u8], names: &Names) -> Word {
        if self.addresses.see(text) || self.frames.len() >= REMEMBERED_MAX {
            self.forget();
        }
        match word {
            Word::Frame(frame) => Word::Frame(self.frame(frame, names)),
            Word::Struck(mark, frame) => Word::Struck(mark, self.frame(frame, names)),
            Word::Marked(mark, frame) => Word::Marked(mark, self.frame(frame, names)),
            Word::Call { callee, caller } => {
                Word::Call { callee: self.frame(callee, names), caller: self.frame(caller, names) }
            }
            Word::Frames(frames) => Word::Frames(self.list(frames, names)),
            Word::Headed(frames) => Word::Headed(self.list(frames, names)),
            other => other,
        }
    }

    fn frame(&mut self, frame: FrameId, names: &Names) -> FrameId {
        let addresses = &mut self.addresses;
        *self.frames.entry(frame).or_insert_with(|| {
            let bare = names.frame(frame).bare;
            let named = bare.and_then(|bare| addresses.name(bare.0).ok());
            named.map_or(frame, |named| names.intern_named(frame, &named))
        })
    }

    fn list(&mut self, list: FramesId, names: &Names) -> FramesId {
        if let Some(&known) = self.lists.get(&list) {
            return known;
        }
        let frames: Vec<FrameId> =
            names.frames(list).iter().map(|&frame| self.frame(frame, names)).collect();
        let named = names.intern_list(&frames);
        self.lists.insert(list, named);
        named
    }

    fn forget(&mut self) {
        self.frames.clear();
        self.lists.clear();
    }
}
