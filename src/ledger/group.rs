//! Allocations that share a cache and a call chain.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::Live;
use super::history::History;
use super::lifetimes::Lifetimes;
use crate::address::LineNumber;
use crate::event::{ChainId, NameId, Names, Recorded, RecordedCache, Request, Stack, Witness};
use crate::record::Op;

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
    /// What is shown of the backtrace of its first allocation.
    pub shown: Option<ChainId>,
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
    /// Lines of the first and the last allocation.
    pub lines: Option<(LineNumber, LineNumber)>,
    /// How long its freed objects lived.
    pub lifetimes: Lifetimes,
    /// Lines of the log between allocation and free of the freed object that lived through most: its
    /// longest life where the log has no times.
    pub longest_lines: u64,
    /// When objects were allocated and freed.
    pub history: History,
    /// Who freed, and how many.
    pub freed_by: IndexMap<FreedBy, u64, FixedState>,
    /// Who told of them.
    pub witness: Witness,
    /// Bytes that were asked for in all allocations together, where trace events say so.
    pub requested: Option<u64>,
    /// Bytes of an object, where trace events say so.
    pub object_size: Option<u32>,
    /// The cache of its objects, where something else than their allocation told it.
    pub(super) learned_cache: Option<NameId>,
    /// Whether its own cache is known by the size of its objects alone.
    pub(super) is_nameless: bool,
}

impl Group {
    pub(super) fn see_alloc(&mut self, live: &Live, recorded: Option<Recorded>) {
        self.allocs += 1;
        if let Some(Recorded { cache, request }) = recorded {
            self.witness = Witness::TraceEvents;
            self.is_nameless = matches!(cache, RecordedCache::BySize(_));
            if let Some(Request { requested, allocated }) = request {
                self.requested = Some(self.requested.unwrap_or(0).saturating_add(requested));
                self.object_size = u32::try_from(allocated).ok();
            }
        }
        widen(&mut self.lines, live.line);
        if let Some(time) = live.time() {
            widen(&mut self.span, time);
            self.history.see(Op::Alloc, time);
        }
    }

    /// An object of the group was freed at `line` and `time`.
    pub(super) fn see_free(
        &mut self,
        live: &Live,
        line: LineNumber,
        time: Option<i64>,
        freer: FreedBy,
    ) {
        self.frees += 1;
        *self.freed_by.entry(freer).or_default() += 1;
        self.longest_lines = self.longest_lines.max(line.0.saturating_sub(live.line.0));
        if let Some((born, time)) = live.time().zip(time) {
            self.lifetimes.see(time.saturating_sub(born));
            self.history.see(Op::Free, time);
        }
    }

    /// Objects of the group that live.
    pub fn live(&self) -> u64 {
        self.allocs.saturating_sub(self.frees + self.lost)
    }
}

/// Widens a range to hold a value too.
pub(super) fn widen<T: Ord + Copy>(range: &mut Option<(T, T)>, value: T) {
    let (first, last) = range.unwrap_or((value, value));
    *range = Some((first.min(value), last.max(value)));
}
