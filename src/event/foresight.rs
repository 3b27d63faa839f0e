//! Which line comes next: backtraces repeat, and so do the lines around them.
//!
//! The last three lines lead to a place, and each place remembers what came next, so that a line
//! need only be compared with what is expected. Fewer lines say too little: return addresses that
//! merely lay on the stack stand between the frames. All lines since the header would say a little
//! more, but make so many places that each costs a look into slow memory.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::names::FrameId;

/// Place of a remembered line among all, less than [`ENTRIES_MAX`].
pub(super) type EntryId = u32;

/// So many lines may be remembered: the numbers of three fit into a trail.
pub(super) const ENTRIES_MAX: usize = 1 << 15;

/// A place.
type NodeId = u32;

/// Where an event's header leads.
const ROOT: NodeId = 0;

/// Where the first line of a backtrace leads: it names a task, and what follows does not depend on
/// which.
const BEHIND_TASK: NodeId = 1;

/// At this many places all are forgotten, and learning starts afresh.
const NODES_MAX: usize = 1 << 15;

/// Lines that are compared at each place.
const BRANCHES: usize = 3;

/// What a line is that may come next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    /// A frame.
    Frame(FrameId),
    /// A line around the frames of a backtrace, or between them, that does not end it.
    Around,
    /// Another line that is whole and says nothing of its place in time.
    Plain,
    /// A line that must be looked at.
    Other,
}

/// A line that may come next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    pub(super) entry: EntryId,
    /// Where its text lies among all.
    pub(super) start: u32,
    pub(super) len: u32,
    pub(super) line: Expected,
    to: NodeId,
}

impl Branch {
    /// A line whose text is nowhere: it never comes.
    const NONE: Branch =
        Branch { entry: EntryId::MAX, start: u32::MAX, len: 0, line: Expected::Other, to: ROOT };

    /// A line, and nowhere to go from it yet.
    pub(super) fn new(entry: EntryId, start: u32, len: u32, line: Expected) -> Branch {
        Branch { entry, start, len, line, to: ROOT }
    }
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// What came next, the latest that was not expected first.
    next: [Branch; BRANCHES],
    trail: Trail,
}

/// The last three lines, the latest in the lowest 16 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Trail(u64);

impl Trail {
    /// None yet.
    const NONE: Trail = Trail(0xffff_ffff_ffff);

    fn and(self, line: EntryId) -> Trail {
        Trail((self.0 << 16 | u64::from(line)) & 0xffff_ffff_ffff)
    }
}

impl Node {
    fn behind(trail: Trail) -> Node {
        Node { next: [Branch::NONE; BRANCHES], trail }
    }
}

/// Whether what follows a line depends on which line it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leads {
    /// It does.
    On,
    /// It names a task.
    BehindTask,
}

/// All places, and where the log is.
#[derive(Debug)]
pub(super) struct Foresight {
    nodes: Vec<Node>,
    ways: HashTable<(Trail, Branch)>,
    hasher: FixedState,
    at: NodeId,
}

impl Default for Foresight {
    fn default() -> Foresight {
        Foresight {
            nodes: vec![Node::behind(Trail::NONE); 2],
            ways: HashTable::new(),
            hasher: FixedState::default(),
            at: ROOT,
        }
    }
}

impl Foresight {
    /// What may come next.
    #[inline]
    pub(super) fn branches(&self) -> &[Branch; BRANCHES] {
        &self.nodes[self.at as usize].next
    }

    /// It came.
    #[inline]
    pub(super) fn take(&mut self, branch: Branch) {
        self.at = branch.to;
    }

    /// An event's header comes.
    #[inline]
    pub(super) fn restart(&mut self) {
        self.at = ROOT;
    }

    /// Everything is forgotten.
    pub(super) fn clear(&mut self) {
        *self = Foresight::default();
    }

    /// A line comes that was not expected.
    pub(super) fn learn(&mut self, line: Branch, leads: Leads) {
        if leads == Leads::BehindTask {
            return self.put_first(Branch { to: BEHIND_TASK, ..line });
        }
        let from = self.nodes[self.at as usize].trail;
        let hash = self.hasher.hash_one((from, line.entry));
        let known = self.ways.find(hash, |(place, way)| *place == from && way.entry == line.entry);
        let branch = match known {
            Some(&(_, branch)) => branch,
            None => self.grow(hash, line),
        };
        self.put_first(branch);
    }

    fn put_first(&mut self, branch: Branch) {
        let next = &mut self.nodes[self.at as usize].next;
        next.rotate_right(1);
        next[0] = branch;
        self.at = branch.to;
    }

    fn grow(&mut self, hash: u64, line: Branch) -> Branch {
        let from = self.nodes[self.at as usize].trail;
        let to = NodeId::try_from(self.nodes.len()).unwrap_or(ROOT);
        self.nodes.push(Node::behind(from.and(line.entry)));
        let branch = Branch { to, ..line };
        let hasher = &self.hasher;
        self.ways.insert_unique(hash, (from, branch), |(from, branch)| {
            hasher.hash_one((*from, branch.entry))
        });
        branch
    }

    /// Whether there is no room for more.
    pub(super) fn is_full(&self) -> bool {
        self.nodes.len() >= NODES_MAX
    }
}
