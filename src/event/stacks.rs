//! Backtraces seen before: what each says, worked out once.

use hashbrown::HashTable;

use super::chain::{self, Origin, Step};
use super::function::Family;
use super::names::{Names, Placed};
use super::steps::Steps;
use super::{Role, Stack};

/// Which frames make a group.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Grouping {
    /// The callers: above the allocator, up to an interrupt's entry.
    #[default]
    Callers,
    /// Every frame, the allocator's and the interrupted ones included.
    FullChain,
}

/// Remembered backtraces are dropped, and learning starts afresh, at this many.
const REMEMBERED_MAX: usize = 1 << 14;

/// What a backtrace says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Meaning {
    pub(crate) origin: Origin,
    pub(crate) stack: Stack,
    /// The kind of cache that its allocator serves.
    pub(crate) family: Option<Family>,
    /// Whether it interrupted another event's printing: that one's backtrace is still to come.
    pub(crate) interrupts_event: bool,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    numbers: Box<[u64]>,
    meaning: Meaning,
}

/// Remembers what backtraces say.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    grouping: Grouping,
    table: HashTable<Entry>,
}

impl Stacks {
    pub(crate) fn new(grouping: Grouping) -> Stacks {
        Stacks { grouping, ..Stacks::default() }
    }

    /// What a backtrace says.
    pub(crate) fn read(&mut self, steps: &Steps, names: &Names) -> Meaning {
        let (hash, numbers) = (steps.hash(), steps.numbers());
        if let Some(entry) = self.table.find(hash, |entry| *entry.numbers == *numbers) {
            return entry.meaning;
        }
        let steps: Vec<Step> = steps.iter().collect();
        let meaning = meaning(&steps, self.grouping, names);
        if self.table.len() >= REMEMBERED_MAX {
            self.table.clear();
        }
        let entry = Entry { hash, numbers: numbers.into(), meaning };
        self.table.insert_unique(hash, entry, |entry| entry.hash);
        meaning
    }
}

fn meaning(steps: &[Step], grouping: Grouping, names: &Names) -> Meaning {
    let complete = chain::place(steps, names);
    let origin = chain::origin(&complete, names);
    let callers = chain::callers(&complete, names);
    let site =
        callers.first().filter(|placed| placed.role == Role::Caller).map(|placed| placed.frame);
    let chain: &[Placed] = match grouping {
        Grouping::Callers => &callers,
        Grouping::FullChain => &complete,
    };
    let family = chain::family(&complete, names);
    let interrupts_event = chain::interrupts_event(&complete, names);
    Meaning {
        origin,
        stack: Stack {
            chain: names.intern_chain(chain),
            callers: names.intern_chain(&callers),
            site,
        },
        family,
        interrupts_event,
    }
}
