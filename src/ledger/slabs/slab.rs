//! One slab: its freelist and how many of its objects are in use.

use super::freelist::Freelist;
use super::header::{Header, Seen, Spot};
use super::rule::Rule;
use crate::address::{LineNumber, ObjectAddr};
use crate::event::NameId;
use crate::record::Op;

/// The state that headers show.
#[derive(Clone, Default, Debug)]
pub(super) struct State {
    pub(super) list: Freelist,
    pub(super) inuse: Option<u32>,
}

/// Whether a header shows the state that the one before it left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fit {
    /// It does.
    Agrees,
    /// It shows something that was not known, and nothing that was.
    Open,
    /// It does not.
    Breaks,
}

impl State {
    /// How a header fits.
    pub(super) fn fit(&self, seen: &Seen) -> Fit {
        let fits = self.list.admits(0, seen.head)
            && is_same_count(self.inuse, seen.inuse)
            && (seen.next == Spot::Unknown || self.list.admits(1, seen.next));
        let is_head_known = self.list.head() != Spot::Unknown && seen.head != Spot::Unknown;
        let is_count_known = self.inuse.is_some() && seen.inuse.is_some();
        match (fits, is_head_known || is_count_known) {
            (false, _) => Fit::Breaks,
            (true, true) => Fit::Agrees,
            (true, false) => Fit::Open,
        }
    }

    /// Whether head and count are known and as the header shows them.
    pub(super) fn is(&self, seen: &Seen) -> bool {
        seen.head != Spot::Unknown
            && self.list.head() == seen.head
            && (seen.inuse.is_none() || self.inuse == seen.inuse)
            && self.list.admits(1, seen.next)
    }

    /// Whether as many objects are in use as the header shows, as far as both are known.
    pub(super) fn has_count(&self, seen: &Seen) -> bool {
        is_same_count(self.inuse, seen.inuse)
    }

    /// Goes on to what the event leaves, and says which objects that were freed unseen the header
    /// shows.
    pub(super) fn advance(
        &mut self,
        op: Op,
        object: Option<ObjectAddr>,
        seen: &Seen,
        rule: Rule,
    ) -> [Option<ObjectAddr>; 2] {
        let head = self.list.learn_head(seen.head);
        let inuse = seen.inuse.or(self.inuse);
        match op {
            Op::Alloc => {
                self.list.pop(rule);
                self.inuse = inuse.map(|inuse| inuse + 1);
                [head, self.list.learn_head(seen.next)]
            }
            Op::Free => {
                self.list.push(object.map_or(Spot::Unknown, Spot::Object));
                self.inuse = inuse.map(|inuse| inuse.saturating_sub(1));
                [head, None]
            }
        }
    }
}

fn is_same_count(one: Option<u32>, other: Option<u32>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}

/// Events that no header shows; absent objects are not known.
pub(super) type Events = Vec<(Op, Option<ObjectAddr>)>;

/// What a header may mean beside what it was taken for.
#[derive(Clone, Debug)]
pub(super) struct Alternative {
    /// What it leaves then.
    pub(super) state: State,
    /// What happened unseen then.
    pub(super) events: Events,
}

/// A header that may mean several things: the next one of its slab decides.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    /// What happened unseen, if the header means what it was taken for.
    pub(super) events: Events,
    /// The header's line.
    pub(super) line: LineNumber,
    /// What else it may mean.
    pub(super) alternatives: Vec<Alternative>,
    /// What the header counts as.
    pub(super) counted: Counted,
}

/// What a doubtful header counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counted {
    /// As a link, that is none if it means something else.
    Link,
    /// As a break.
    Break,
}

impl Doubt {
    /// A doubt about a header that shows what `before` does not lead to. If a number of it is
    /// damaged, the event left the slab as it would have, or was another slab's.
    pub(super) fn of(header: &Header, before: State, rule: Rule, events: Events) -> Doubt {
        let mut damaged = before.clone();
        let seen = Seen { inuse: None, ..rule.seen(header) };
        damaged.advance(header.op, header.object, &seen, rule);
        let alternatives = [damaged, before];
        Doubt {
            events,
            line: header.line,
            alternatives: alternatives
                .map(|state| Alternative { state, events: Events::new() })
                .into(),
            counted: Counted::Break,
        }
    }
}

/// What the last frees of a slab showed. The kernel prints all objects that it frees in one go
/// before it puts them into the freelist, the first one on top (`free_debug_processing`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bulk {
    pub(super) seen: Seen,
    pub(super) objects: usize,
}

/// How the head of a freelist came there.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum HeadOrigin {
    /// The header of an allocation said so.
    #[default]
    Printed,
    /// An object was freed.
    Freed,
    /// An object was freed that nobody knew to live: perhaps its address is damaged.
    Orphan,
}

/// A slab.
#[derive(Clone, Debug)]
pub(super) struct Slab {
    pub(super) cache: NameId,
    pub(super) state: State,
    pub(super) origin: HeadOrigin,
    /// The frees that may go on in one go.
    pub(super) bulk: Option<Bulk>,
    /// Allocations up to the last header that may be from any slab.
    pub(super) allocs_anywhere: u64,
    pub(super) doubt: Option<Box<Doubt>>,
    /// Under which it is found.
    pub(super) keys: Vec<u64>,
    /// The line of its last header.
    pub(super) line: LineNumber,
}

/// Whether two addresses could be the same one with damaged digits: at most two differ.
pub(super) fn is_near(one: ObjectAddr, other: ObjectAddr) -> bool {
    let differing = one.0 ^ other.0;
    (0..16).filter(|digit| differing >> (4 * digit) & 0xf != 0).count() <= 2
}
