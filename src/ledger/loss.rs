//! What a boot lost.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::IndexMap;

use super::Live;
use super::group::FreedBy;
use crate::address::{LineNumber, ObjectAddr};
use crate::event::{Beginning, ChainId, Event, Lost, NameId, Names, Printing};
use crate::record::Op;
use crate::time::Stamp;

/// Gaps kept apart. More are taken together, as if all of them had come last.
const GAPS_MAX: usize = 64;

/// Headers that a gap may hold besides whole events: those whose backtrace lies behind it.
const HEADERS_AT_EDGE: u64 = 2;

/// A place where messages are missing, or entries of a recording.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub(super) line: LineNumber,
    pub(super) messages: u64,
}

/// What may be missing of a cache.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Slack {
    pub(super) frees: u64,
    pub(super) allocs: u64,
}

/// What a boot lost.
#[derive(Clone, Default, Debug)]
pub(super) struct BootLoss {
    pub(super) gaps: Vec<Gap>,
    /// Events without an address, by cache.
    pub(super) unaddressed: IndexMap<NameId, Slack, FixedState>,
    /// Frees of objects that nobody knows, by cache.
    orphans: IndexMap<NameId, u64, FixedState>,
    /// Backtraces of allocations whose header is missing, by chain.
    pub(super) headless_allocs: IndexMap<ChainId, u64, FixedState>,
    /// Backtraces of frees whose header is missing, by the function that freed.
    pub(super) headless_frees: IndexMap<FreedBy, u64, FixedState>,
    pub(super) printing: Printing,
}

impl BootLoss {
    /// An event without an address: a free that cancels an unknown object, or an unknown object.
    pub(super) fn unaddressed(&mut self, event: &Event) {
        let slack = self.unaddressed.entry(event.cache).or_default();
        match event.op {
            Op::Alloc => slack.allocs += 1,
            Op::Free => slack.frees += 1,
        }
    }

    /// A free whose allocation is not known. Where the log holds the boot from its start, every
    /// allocation was seen: then the address is damaged, and a live object was freed.
    pub(super) fn orphan_free(&mut self, cache: NameId) {
        *self.orphans.entry(cache).or_default() += 1;
    }

    /// Frees of objects that nobody knows, by cache.
    pub(super) fn orphans(&self) -> impl Iterator<Item = (NameId, u64)> {
        self.orphans.iter().map(|(&cache, &count)| (cache, count))
    }

    pub(super) fn headless(&self) -> u64 {
        self.headless_allocs.values().sum::<u64>() + self.headless_frees.values().sum::<u64>()
    }

    pub(super) fn freed_unknown(&self, cache: NameId) -> u64 {
        match self.printing.beginning {
            Beginning::Boot => self.orphans.get(&cache).copied().unwrap_or_default(),
            Beginning::Later => 0,
        }
    }

    /// Something is missing at `line`.
    pub(super) fn lost(&mut self, lost: Lost, line: LineNumber, names: &Names) {
        match lost {
            Lost::Messages(messages) | Lost::Entries(messages) => {
                self.add_gap(Gap { line, messages });
            }
            Lost::Header { op: Op::Alloc, stack, .. } => {
                *self.headless_allocs.entry(stack.chain).or_default() += 1;
            }
            Lost::Header { op: Op::Free, stack, .. } => {
                *self.headless_frees.entry(FreedBy::of(Some(stack), names)).or_default() += 1;
            }
        }
    }

    /// The boot is over, and this is how its events were printed.
    pub(super) fn printed(&mut self, printing: Printing) {
        self.printing = printing;
    }

    /// Times of the boot's first and last line.
    pub(super) fn times(&self) -> Option<(Stamp, Stamp)> {
        self.printing.times
    }

    fn add_gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
        if self.gaps.len() > GAPS_MAX {
            let merge = |pair: &[Gap]| Gap {
                line: pair.last().map_or(LineNumber(0), |gap| gap.line),
                messages: pair.iter().fold(0, |sum: u64, gap| sum.saturating_add(gap.messages)),
            };
            self.gaps = self.gaps.chunks(2).map(merge).collect();
        }
    }

    /// The live objects' lines and groups in the order of the log, where it matters which of them
    /// came before a gap.
    pub(super) fn objects_beside_gaps(
        &self,
        live: &HashMap<ObjectAddr, Live, FixedState>,
    ) -> Vec<(LineNumber, u32)> {
        if self.gaps.is_empty() {
            return Vec::new();
        }
        let mut objects: Vec<_> = live.values().map(|live| (live.line, live.group)).collect();
        objects.sort_unstable();
        objects
    }

    /// Events that may have been in a gap.
    pub(super) fn events_in(&self, gap: Gap) -> u64 {
        let lines = self.printing.event_lines_min.max(1);
        let whole = gap.messages / lines;
        gap.messages.min(whole.saturating_add(HEADERS_AT_EDGE))
    }
}
