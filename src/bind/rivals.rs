//! A second look at guesses: where an object is freed tells who allocated it.
//!
//! When two headers could have printed a backtrace, one was chosen. If soon after one of the
//! two objects is freed by a function that is known to free what the other's chain allocates,
//! and never what its own does, the two backtraces were the wrong way round.

use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt};

use crate::address::ObjectAddr;
use crate::names::{ChainId, FrameId};

/// Recent allocations that are remembered in order to learn from their frees: one slot for many
/// objects, and the latest keeps it. To learn takes no more than some of them.
const RECENT_BITS: u32 = 12;

/// Pairs that may be waiting for a second look.
const PAIRS_MAX: usize = 64;

/// Functions remembered for each chain that free its objects.
const FREERS_MAX: usize = 16;

/// Whether a free speaks for another chain than the object's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Speaks {
    /// It speaks for the other one.
    ForOther,
    /// It says nothing against the object's own.
    ForOwn,
}

/// Which functions free what which chains allocate, and which events were guesses.
#[derive(Clone, Debug)]
pub(crate) struct Rivals {
    recent: Vec<Option<(ObjectAddr, ChainId)>>,
    freed_at: HashMap<ChainId, Vec<FrameId>>,
    /// Numbers of the two events.
    pairs: VecDeque<(u64, u64)>,
}

impl Default for Rivals {
    fn default() -> Rivals {
        Rivals {
            recent: vec![None; 1 << RECENT_BITS],
            freed_at: HashMap::new(),
            pairs: VecDeque::new(),
        }
    }
}

impl Rivals {
    /// A new boot begins: addresses say nothing about the old one's. Who frees whose objects
    /// stays known.
    pub(crate) fn next_boot(&mut self) {
        self.recent.fill(None);
        self.pairs.clear();
    }

    /// An allocation was bound without a choice.
    pub(crate) fn allocated(&mut self, object: ObjectAddr, chain: ChainId) {
        self.recent[slot(object)] = Some((object, chain));
    }

    /// An allocation was bound to `chosen`, and `other` could have been meant.
    pub(crate) fn guessed(&mut self, chosen: u64, other: u64) {
        self.pairs.push_back((chosen, other));
        if self.pairs.len() > PAIRS_MAX {
            self.pairs.pop_front();
        }
    }

    /// The other event of a guess that `event` is part of.
    pub(crate) fn rival_of(&self, event: u64) -> Option<u64> {
        self.pairs.iter().rev().find_map(|&(one, other)| match event {
            _ if event == one => Some(other),
            _ if event == other => Some(one),
            _ => None,
        })
    }

    /// A guess has been looked at again.
    pub(crate) fn settled(&mut self, event: u64) {
        self.pairs.retain(|&(one, other)| one != event && other != event);
    }

    /// An object is freed at `site`.
    pub(crate) fn freed(&mut self, object: ObjectAddr, site: FrameId) {
        let recent = self.recent[slot(object)].take_if(|(known, _)| *known == object);
        let Some((_, chain)) = recent else { return };
        let sites = self.freed_at.entry(chain).or_default();
        if sites.len() < FREERS_MAX && !sites.contains(&site) {
            sites.push(site);
        }
    }

    /// Whether a free at `site` speaks for `other` and against `own`.
    pub(crate) fn speaks_for(&mut self, site: FrameId, other: ChainId, own: ChainId) -> Speaks {
        let frees = |chain| self.freed_at.get(&chain).is_some_and(|sites| sites.contains(&site));

        if frees(other) && !frees(own) { Speaks::ForOther } else { Speaks::ForOwn }
    }
}

/// Where an object is remembered: the upper bits of a product depend on all of its factor's
/// (Knuth, "The Art of Computer Programming", volume 3, section 6.4).
fn slot(object: ObjectAddr) -> usize {
    let product = object.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(product >> (u64::BITS - RECENT_BITS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Names;
    use crate::record::frame::FrameLine;

    #[test]
    fn a_free_speaks_for_the_chain_whose_objects_it_frees() {
        let names = Names::default();
        let frame = |text: &str| match FrameLine::parse(text.as_bytes()) {
            Some(FrameLine::One(frame)) => names.intern_frame(&frame),
            other => panic!("{other:?}"),
        };
        let (site, stranger) = (frame(" close+0x1/0x2"), frame(" drop+0x1/0x2"));
        let opener = names.intern_chain(&[]);
        let mut rivals = Rivals::default();
        rivals.allocated(ObjectAddr(64), opener);
        rivals.freed(ObjectAddr(64), site);
        let other = names.intern_chain(&[crate::names::Placed {
            frame: stranger,
            context: crate::names::Context::Task,
            role: crate::names::Role::Caller,
        }]);
        assert_eq!(rivals.speaks_for(site, opener, other), Speaks::ForOther);
        assert_eq!(rivals.speaks_for(site, other, opener), Speaks::ForOwn);
        assert_eq!(rivals.speaks_for(stranger, opener, other), Speaks::ForOwn);
    }
}
