//! Which events must have happened between two headers of a slab.

use super::freelist::Freelist;
use super::header::{Seen, Spot};
use super::rule::Rule;
use super::slab::Events;
use crate::address::ObjectAddr;
use crate::record::Op;

/// More events of one slab than any gap explains; a count that jumps further is damaged.
pub(super) const UNSEEN_MAX: usize = 512;

/// How well the header fits what would have happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Certainty {
    /// Head and count say the same: no single damaged number makes that up.
    Certain,
    /// One damaged number explains it as well.
    Doubtful,
}

/// The fewest events that lead from what is known of a slab to what a header shows.
#[derive(Clone, Debug)]
pub(super) struct Explanation {
    /// The freelist after them.
    pub(super) list: Freelist,
    /// In order; absent objects are not known.
    pub(super) events: Events,
    pub(super) certainty: Certainty,
}

/// What is known of a slab, and what a header shows of it.
pub(super) struct Break<'a> {
    pub(super) list: &'a Freelist,
    pub(super) seen: Seen,
    /// How many more objects are in use than is known of; absent where either is not known.
    pub(super) more: Option<i64>,
    pub(super) rule: Rule,
    pub(super) is_live: &'a dyn Fn(ObjectAddr) -> bool,
}

impl Break<'_> {
    /// The explanation with the fewest events.
    pub(super) fn explain(&self) -> Option<Explanation> {
        match self.more {
            Some(more) => {
                self.popped(more).or_else(|| self.freed(more)).or_else(|| self.both_freed(more))
            }
            None => self.uncounted(),
        }
    }

    /// The object that the header shows as the head.
    fn head(&self) -> Option<ObjectAddr> {
        self.seen.head.object()
    }

    fn is_live(&self, object: Option<ObjectAddr>) -> bool {
        object.is_some_and(|object| (self.is_live)(object))
    }

    /// The list after `count` allocations, and the events that they are.
    fn after_allocs(&self, count: i64) -> Option<Explanation> {
        let count = usize::try_from(count).ok().filter(|&count| count <= UNSEEN_MAX)?;
        let mut list = self.list.clone();
        let mut events = Vec::new();
        for _ in 0..count {
            events.push((Op::Alloc, list.pop(self.rule)?.object()));
        }
        Some(Explanation { list, events, certainty: Certainty::Doubtful })
    }

    /// Allocations alone: the head stood deeper in the freelist.
    fn popped(&self, more: i64) -> Option<Explanation> {
        let mut found = self.after_allocs(more)?;
        let is_known = found.list.head() == self.seen.head && self.seen.head != Spot::Unknown;
        let is_freed = !is_known && self.is_live(self.head());
        let fits = found.list.admits(0, self.seen.head) && found.list.admits(1, self.seen.next);
        // An object that was allocated on the way is in the freelist only if it was freed.
        let is_taken =
            found.events.iter().any(|&(_, object)| object.is_some() && object == self.head());
        if is_freed || is_taken || !fits {
            return None;
        }
        if is_known && more > 0 {
            found.certainty = Certainty::Certain;
        }
        Some(found)
    }

    /// The head was freed last, after allocations where the count asks for them, and after other
    /// frees where it asks for those.
    fn freed(&self, more: i64) -> Option<Explanation> {
        let head = self.head()?;
        let allocs = (more + 1).max(self.allocs_before_free_of(head)).max(0);
        let mut found = self.after_allocs(allocs)?;
        let unknown = usize::try_from(allocs - 1 - more).ok().filter(|&n| n <= UNSEEN_MAX)?;
        if unknown == 0 && !found.list.admits(0, self.seen.next) {
            return None;
        }
        for _ in 0..unknown {
            found.free(None);
        }
        found.free(Some(head));
        if self.is_live(Some(head)) || (allocs, unknown) == (0, 0) || (allocs, unknown) == (1, 0) {
            found.certainty = Certainty::Certain;
        }
        let stands_still = self.list.head() == self.seen.head;
        if stands_still {
            found.certainty = Certainty::Doubtful;
        }
        Some(found)
    }

    /// The head and the one below it were freed last.
    fn both_freed(&self, more: i64) -> Option<Explanation> {
        let (head, next) = (self.head()?, self.seen.next.object()?);
        let deepest = self.allocs_before_free_of(head).max(self.allocs_before_free_of(next));
        let allocs = (more + 2).max(deepest).max(0);
        let mut found = self.after_allocs(allocs)?;
        let unknown = usize::try_from(allocs - 2 - more).ok().filter(|&n| n <= UNSEEN_MAX)?;
        for _ in 0..unknown {
            found.free(None);
        }
        found.free(Some(next));
        found.free(Some(head));
        if self.is_live(Some(head)) && self.is_live(Some(next)) {
            found.certainty = Certainty::Certain;
        }
        Some(found)
    }

    /// What a head without a count says: it stood deeper, or it was freed.
    fn uncounted(&self) -> Option<Explanation> {
        let head = self.head()?;
        let depth = match self.rule {
            Rule::Turned => (1..=2).find(|&allocs| {
                self.after_allocs(allocs).is_some_and(|found| found.list.head() == self.seen.head)
            }),
            _ => self.list.depth_of(head).and_then(|depth| i64::try_from(depth).ok()),
        };
        let found = depth.map_or_else(|| self.freed(-1), |depth| self.popped(depth));
        found.map(|found| Explanation { certainty: Certainty::Doubtful, ..found })
    }

    /// An object in the freelist must be allocated before it can be freed.
    fn allocs_before_free_of(&self, object: ObjectAddr) -> i64 {
        let depth = self.list.depth_of(object).and_then(|depth| i64::try_from(depth).ok());
        depth.map_or(0, |depth| depth + 1)
    }
}

impl Explanation {
    fn free(&mut self, object: Option<ObjectAddr>) {
        self.list.push(object.map_or(Spot::Unknown, Spot::Object));
        self.events.push((Op::Free, object));
    }
}
