//! Which line comes next: backtraces repeat, and so do the lines around them.
//!
//! The last three lines lead to a place, and each place remembers what came next, so that a line
//! need only be compared with what is expected. Fewer lines say too little: return addresses that
//! merely lay on the stack stand between the frames. All lines since the header would say a little
//! more, but make so many places that each costs a look into slow memory.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};

use crate::names::FrameId;

/// Place of a remembered line among all, less than [`ENTRIES_MAX`].
pub(super) type EntryId = u16;

/// So many lines may be remembered: the numbers of three fit into a trail.
pub(super) const ENTRIES_MAX: usize = 1 << 15;

/// A place, less than [`NODES_MAX`].
pub(crate) type NodeId = u16;

/// Where an event's header leads.
const ROOT: NodeId = 0;

/// Where the first line of a backtrace leads: it names a task, and what follows does not depend on
/// which.
const BEHIND_TASK: NodeId = 1;

/// Where registers lead: their lines differ every time.
const BEHIND_REGISTERS: NodeId = 2;

/// At this many places all are forgotten, and learning starts afresh.
const NODES_MAX: usize = 1 << 15;

/// Lines that are compared at each place.
const BRANCHES: usize = 3;

/// What a line is that may come next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    /// A frame.
    Frame(FrameId),
    /// A frame of an entry of a recording.
    EntryFrame(FrameId),
    /// A line around the frames of a backtrace, or between them, that does not end it.
    Around(EntryId),
    /// Another line that is whole and says nothing of its place in time.
    Plain(EntryId),
    /// A line that must be looked at.
    Other(EntryId),
}

/// A line that may come next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    line: Expected,
    /// Where its text lies among all.
    start: u32,
    len: u16,
    to: NodeId,
}

impl Branch {
    /// A line whose text is nowhere: it never comes.
    const NONE: Branch =
        Branch { line: Expected::Other(EntryId::MAX), start: u32::MAX, len: 0, to: ROOT };

    /// A line, and nowhere to go from it yet.
    pub(super) fn new(line: Expected, start: u32, len: u16) -> Branch {
        Branch { line, start, len, to: ROOT }
    }

    /// What it is.
    #[inline]
    pub(crate) fn line(&self) -> Expected {
        self.line
    }

    /// Bytes of its text.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether it is whole and says nothing of its place in time.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        !matches!(self.line, Expected::Other(_))
    }

    /// Its text, of all.
    #[inline]
    pub(super) fn text<'a>(&self, texts: &'a [u8]) -> Option<&'a [u8]> {
        let start = self.start as usize;
        texts.get(start..start + self.len())
    }

    /// Where it leads.
    #[inline]
    pub(crate) fn to(&self) -> NodeId {
        self.to
    }
}

/// What is known of a place: one line of the processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
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

    /// The call site of an event: no number of a line is as great.
    fn of_site(site: FrameId) -> Trail {
        Trail(1 << 47 | u64::from(site.number()))
    }

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

/// From a place, by a line, to another.
#[derive(Clone, Copy, Debug)]
struct Way {
    from: Trail,
    entry: EntryId,
    branch: Branch,
}

/// All places, and where the log is.
#[derive(Clone, Debug)]
pub(super) struct Predictor {
    nodes: Vec<Node>,
    ways: HashTable<Way>,
    /// Where the call sites of a recording's events lead.
    sites: HashMap<FrameId, NodeId, FixedState>,
    hasher: FixedState,
    at: NodeId,
}

impl Default for Predictor {
    fn default() -> Predictor {
        Predictor {
            nodes: vec![Node::behind(Trail::NONE); 3],
            ways: HashTable::new(),
            sites: HashMap::default(),
            hasher: FixedState::default(),
            at: ROOT,
        }
    }
}

impl Predictor {
    /// Whether lines of a backtrace are likely to follow. Behind registers the next line mostly is
    /// one of registers, whatever came behind the last of them.
    #[inline]
    pub(super) fn expects_backtrace(&self) -> bool {
        let [next, ..] = self.branches_at(self.at);
        self.at != BEHIND_REGISTERS && matches!(next.line, Expected::Frame(_) | Expected::Around(_))
    }

    /// What may come next at a place.
    #[inline]
    pub(super) fn branches_at(&self, at: NodeId) -> &[Branch; BRANCHES] {
        &self.nodes[usize::from(at)].next
    }

    /// Where the log is.
    #[inline]
    pub(super) fn at(&self) -> NodeId {
        self.at
    }

    /// The log has come to this place.
    #[inline]
    pub(super) fn arrive(&mut self, at: NodeId) {
        self.at = at;
    }

    /// An event's header comes.
    #[inline]
    pub(super) fn restart(&mut self) {
        self.at = ROOT;
    }

    /// An event of a recording comes: its call site tells its backtrace.
    pub(super) fn begin_at(&mut self, site: FrameId) {
        let nodes = &mut self.nodes;
        self.at = *self.sites.entry(site).or_insert_with(|| {
            let Ok(node) = NodeId::try_from(nodes.len()) else { return ROOT };
            nodes.push(Node::behind(Trail::of_site(site)));
            node
        });
    }

    /// A line of registers comes.
    #[inline]
    pub(super) fn see_registers(&mut self) {
        self.at = BEHIND_REGISTERS;
    }

    /// Everything is forgotten.
    pub(super) fn clear(&mut self) {
        *self = Predictor::default();
    }

    /// A line comes that was not expected.
    pub(super) fn learn(&mut self, entry: EntryId, line: Branch, leads: Leads) {
        if leads == Leads::BehindTask {
            return self.put_first(Branch { to: BEHIND_TASK, ..line });
        }
        let from = self.nodes[usize::from(self.at)].trail;
        let hash = self.hasher.hash_one((from, entry));
        let is_it = |way: &Way| (way.from, way.entry) == (from, entry);
        let known = self.ways.find(hash, is_it).map(|way| way.branch);
        let branch = known.unwrap_or_else(|| self.grow(hash, from, entry, line));
        self.put_first(branch);
    }

    fn put_first(&mut self, branch: Branch) {
        let next = &mut self.nodes[usize::from(self.at)].next;
        next.rotate_right(1);
        next[0] = branch;
        self.at = branch.to;
    }

    /// Another place, and the way to it.
    fn grow(&mut self, hash: u64, from: Trail, entry: EntryId, line: Branch) -> Branch {
        let to = NodeId::try_from(self.nodes.len()).unwrap_or(ROOT);
        self.nodes.push(Node::behind(from.and(entry)));
        let branch = Branch { to, ..line };
        let hasher = &self.hasher;
        self.ways.insert_unique(hash, Way { from, entry, branch }, |way| {
            hasher.hash_one((way.from, way.entry))
        });
        branch
    }

    /// Whether there is no room for more.
    pub(super) fn is_full(&self) -> bool {
        self.nodes.len() >= NODES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_line_of_the_cache() {
        assert_eq!(size_of::<Node>(), 64);
    }
}
