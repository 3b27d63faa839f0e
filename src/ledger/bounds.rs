//! How far off a group's number of live objects can be, given what the boot lost.
//!
//! Every loss is reckoned at its worst: a message that was dropped may have been the free of any
//! live object, or the allocation of one more.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::event::{Event, NameId};
use crate::record::Op;

/// What a boot lost of one cache, or of any.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Slack {
    /// Frees that may be missing.
    pub(crate) frees: u64,
    /// Allocations that may be missing.
    pub(crate) allocs: u64,
}

/// What a boot lost.
#[derive(Clone, Default, Debug)]
pub(crate) struct BootLoss {
    /// By cache, where the cache is known.
    caches: IndexMap<NameId, Slack, FixedState>,
    /// Live objects of each cache whose backtrace is lost: they may belong to any group of it.
    pub(crate) stackless: IndexMap<NameId, u64, FixedState>,
    /// Live objects of each cache whose backtrace could have been another's.
    pub(crate) guessed: IndexMap<NameId, u64, FixedState>,
}

impl BootLoss {
    /// An event without an address: a free that cancels an unknown object, or an unknown object.
    pub(super) fn unaddressed(&mut self, event: &Event) {
        let slack = self.caches.entry(event.cache).or_default();
        match event.op {
            Op::Alloc => slack.allocs += 1,
            Op::Free => slack.frees += 1,
        }
    }

    /// What may be missing of a cache.
    pub(crate) fn slack(&self, cache: NameId) -> Slack {
        self.caches.get(&cache).copied().unwrap_or_default()
    }

    /// Live objects of a cache that may belong to a group other than their own.
    pub(crate) fn unplaced(&self, cache: NameId) -> u64 {
        let count =
            |map: &IndexMap<NameId, u64, FixedState>| map.get(&cache).copied().unwrap_or_default();
        count(&self.stackless) + count(&self.guessed)
    }
}
