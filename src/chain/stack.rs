//! Backtraces seen before: what each says, worked out once.

use hashbrown::HashTable;

use crate::record::frame::Reliability;

use super::function::Family;
use super::steps::Steps;
use super::{Printer, Step};
use crate::names::{ChainId, FrameId, Names, Placed, Role};

/// What an event's backtrace says to the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stack {
    /// The call chain, which groups are made by: the callers above the allocator, up to an
    /// interrupt's entry. Frames that the unwinder does not vouch for are no part of it.
    pub chain: ChainId,
    /// What of the backtrace is shown.
    pub shown: ChainId,
    /// The first caller above the allocator.
    pub site: Option<FrameId>,
}

/// How much of a backtrace is shown.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Depth {
    /// The callers: above the allocator, up to an interrupt's entry.
    #[default]
    Callers,
    /// Every frame, the allocator's and the interrupted ones included.
    Complete,
}

/// Remembered backtraces are dropped, and learning starts afresh, at this many.
const REMEMBERED_MAX: usize = 1 << 14;

/// What a backtrace says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StackFacts {
    pub(crate) printer: Printer,
    pub(crate) stack: Stack,
    /// The allocator's own frames: which way through it the event took.
    pub(crate) path: ChainId,
    /// The kind of cache that its allocator serves.
    pub(crate) family: Option<Family>,
    /// Whether it interrupted another event's printing: that one's backtrace is still to come.
    pub(crate) interrupts_event: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    numbers: Box<[u64]>,
    meaning: StackFacts,
}

/// Remembers what backtraces say.
#[derive(Clone, Debug, Default)]
pub(crate) struct StackCache {
    depth: Depth,
    table: HashTable<Entry>,
}

impl StackCache {
    pub(crate) fn new(depth: Depth) -> StackCache {
        StackCache { depth, ..StackCache::default() }
    }

    /// What a backtrace says.
    pub(crate) fn read(&mut self, steps: &Steps, names: &Names) -> StackFacts {
        let (hash, numbers) = (steps.hash(), steps.numbers());
        if let Some(entry) = self.table.find(hash, |entry| *entry.numbers == *numbers) {
            return entry.meaning;
        }
        let steps: Vec<Step> = steps.iter().collect();
        let meaning = meaning(&steps, self.depth, names);
        if self.table.len() >= REMEMBERED_MAX {
            self.table.clear();
        }
        let entry = Entry { hash, numbers: numbers.into(), meaning };
        self.table.insert_unique(hash, entry, |entry| entry.hash);
        meaning
    }
}

fn meaning(steps: &[Step], depth: Depth, names: &Names) -> StackFacts {
    let complete = super::place(steps, names);
    let printer = super::printer(&complete, names);
    let callers = super::callers(&complete, names);
    let site =
        callers.first().filter(|placed| placed.role == Role::Caller).map(|placed| placed.frame);
    let chain = names.intern_chain(&callers);
    let shown = match depth {
        Depth::Callers => chain,
        Depth::Complete => names.intern_chain(&complete),
    };
    let path: Vec<Placed> = complete
        .iter()
        .filter(|placed| {
            placed.role == Role::Allocator
                && names.frame(placed.frame).reliability == Reliability::Reliable
        })
        .copied()
        .collect();
    let family = super::family(&complete, names);
    let interrupts_event = super::interrupts_event(&complete, names);
    StackFacts {
        printer,
        stack: Stack { chain, shown, site },
        path: names.intern_chain(&path),
        family,
        interrupts_event,
    }
}
