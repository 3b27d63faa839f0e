//! Allocations that share a cache and a call chain.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::event::{ChainId, NameId, Names, Stack};

/// What makes a group within a boot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GroupKey {
    /// The cache.
    pub cache: NameId,
    /// The call chain; absent where the backtrace was lost.
    pub chain: Option<ChainId>,
}

/// A function that frees.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FreedBy {
    /// The function; absent for a bare address or a lost backtrace.
    pub function: Option<NameId>,
    /// Its module.
    pub module: Option<NameId>,
}

impl FreedBy {
    /// The function whose free a backtrace shows.
    pub(super) fn of(stack: Option<Stack>, names: &Names) -> FreedBy {
        let site = stack.and_then(|stack| stack.site).map(|frame| names.frame(frame));
        FreedBy {
            function: site.and_then(|frame| frame.function),
            module: site.and_then(|frame| frame.module),
        }
    }
}

/// What became of a group's allocations.
#[derive(Clone, Default, Debug)]
pub struct Group {
    /// Allocations.
    pub allocs: u64,
    /// Those of them that are missing from the log.
    pub inferred: u64,
    /// Those of them that were freed.
    pub frees: u64,
    /// Those of them whose address was allocated again without a free in between.
    pub lost: u64,
    /// Microseconds of the first and the last allocation.
    pub span: Option<(i64, i64)>,
    /// Who freed, and how many.
    pub freed_by: IndexMap<FreedBy, u64, FixedState>,
}

impl Group {
    pub(super) fn see_alloc(&mut self, time: Option<i64>) {
        self.allocs += 1;
        if let Some(time) = time {
            let (first, last) = self.span.unwrap_or((time, time));
            self.span = Some((first.min(time), last.max(time)));
        }
    }

    pub(super) fn see_free(&mut self, freer: FreedBy) {
        self.frees += 1;
        *self.freed_by.entry(freer).or_default() += 1;
    }

    /// Objects of the group that live.
    pub fn live(&self) -> u64 {
        self.allocs.saturating_sub(self.frees + self.lost)
    }
}
