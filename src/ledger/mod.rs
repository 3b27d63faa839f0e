//! Events to survivors: which objects live, and who allocated them.
//!
//! The rules:
//!
//! - A free cancels the allocation of its address within one boot.
//! - An allocation of a live address means that the free in between was lost: the object that
//!   was live there is gone.
//! - A free of an address that no allocation is known for is an orphan: its object was
//!   allocated before tracing began, or the allocation was lost.
//! - A reboot begins a new ledger: addresses say nothing across boots.
//! - Addresses that the kernel could not print, or that were cut, are counted and never matched.
//! - A failed allocation (a null object) is no leak.
//! - Where the headers of a slab show that an event is missing, it is taken as if it stood there.

mod bounds;
mod count;
mod evidence;
mod family;
mod group;
mod history;
mod inferred;
mod lifetimes;
mod likely;
mod likeness;
mod live;
mod loss;
mod mistaken;
mod recorded;
mod slabs;
mod survivors;

pub use bounds::Bounds;
pub use count::{SlabCount, SlabCounts};
pub use evidence::{Evidence, Extent, Moment};
pub use group::{FreedBy, Group, GroupKey};
pub use history::{Bar, History};
pub use lifetimes::Lifetimes;
pub use slabs::{Links, Proof};
pub use survivors::{GroupSurvivors, Holder, Survivor, Survivors};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::IndexMap;

use crate::address::{LineNumber, ObjectAddr, Pointer};
use crate::event::{ChainId, Damage, Event, EventSink, Lost, NameId, Names, Printing, Witness};
use crate::record::{Op, SlabinfoRow};
use crate::time::{Clock, Stamp};

use group::widen;
pub(crate) use live::Live;
use recorded::Witnesses;
use slabs::Slabs;

/// What a ledger could not match.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LedgerLoss {
    /// Frees of an address that no allocation in their boot is known for.
    pub orphan_frees: u64,
    /// Objects whose address was allocated again without a free in between.
    pub lost_frees: u64,
    /// Those of them that the headers of their slab show.
    pub inferred_frees: u64,
    /// Allocations that are missing from the log and that the headers of their slab show.
    pub inferred_allocs: u64,
    /// Addresses with damaged digits that the headers of their slab put right.
    pub mended_addresses: u64,
    /// Events without a usable address.
    pub unaddressed_events: u64,
    /// Events that lost their backtrace or part of it, or part of their header.
    pub torn_events: u64,
    /// Allocations that failed.
    pub failed_allocs: u64,
    /// Lines that every event of a boot has, missing from some.
    pub missing_lines: u64,
}

/// What a cache's own headers say, over all boots.
#[derive(Clone, Default, Debug)]
pub struct CacheTally {
    /// Allocations.
    pub allocs: u64,
    /// Frees.
    pub frees: u64,
    /// How often an object dump had which size in bytes.
    dump_sizes: IndexMap<u32, u64, FixedState>,
}

impl CacheTally {
    fn add(&mut self, other: CacheTally) {
        self.allocs += other.allocs;
        self.frees += other.frees;
        for (bytes, count) in other.dump_sizes {
            *self.dump_sizes.entry(bytes).or_default() += count;
        }
    }

    fn see_dump(&mut self, bytes: u32) {
        *self.dump_sizes.entry(bytes).or_default() += 1;
    }

    /// The object size in bytes that most dumps had.
    fn dumped_size(&self) -> Option<u32> {
        let most = self.dump_sizes.iter().max_by_key(|&(&bytes, &count)| (count, bytes));
        most.map(|(&bytes, _)| bytes)
    }
}

/// The size in the name of a kmalloc cache: `kmalloc-192`, `kmalloc-rcl-4k`, `dma-kmalloc-512`,
/// `kmalloc-rnd-03-64`.
pub(crate) fn kmalloc_size(name: &str) -> Option<u32> {
    if !name.contains("kmalloc") {
        return None;
    }
    let (_, size) = name.rsplit_once('-')?;
    let (digits, unit) = match size.as_bytes().last()? {
        b'k' => (&size[..size.len() - 1], 1 << 10),
        b'M' => (&size[..size.len() - 1], 1 << 20),
        _ => (size, 1),
    };
    digits.parse::<u32>().ok()?.checked_mul(unit)
}

/// Whether slabinfo may say so many bytes of a size class: debugging makes objects larger, by red zones and
/// two records of who used them, and never smaller. Else a digit is lost, or one too many.
fn may_be_of(listed: u32, named: u32) -> bool {
    const RECORDS_BYTES_MAX: u32 = 512;
    let most = named.saturating_mul(2).saturating_add(RECORDS_BYTES_MAX);
    (named..=most).contains(&listed)
}

/// Headers that may come when a trace is over: one in so many, and not more than so many.
const STRAGGLERS_SHARE: u64 = 32;
const STRAGGLERS_MAX: u64 = 20;

/// One boot's objects and groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct BootLedger {
    live: HashMap<ObjectAddr, Live, FixedState>,
    groups: IndexMap<GroupKey, Group, FixedState>,
    loss: loss::BootLoss,
    /// What slabinfo in the same log counts of each cache.
    counts: IndexMap<NameId, SlabCounts, FixedState>,
    slabs: Slabs,
    /// What its headers say of each cache.
    tallies: IndexMap<NameId, CacheTally, FixedState>,
    /// Microseconds of the first and the last header.
    span: Option<(i64, i64)>,
    /// Lines of the first and the last header.
    lines: Option<(LineNumber, LineNumber)>,
    /// Headers.
    headers: u64,
    /// When they were printed.
    history: History,
    /// The clock of the boot's headers: that of the first one. Times of another clock are none.
    clock: Option<Clock>,
}

/// Follows every object from its allocation to its free.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    caches: IndexMap<NameId, CacheTally, FixedState>,
    /// Object sizes in bytes that slabinfo in the same log gives.
    slabinfo: IndexMap<NameId, u32, FixedState>,
    loss: LedgerLoss,
    present: Witnesses,
    /// Boots that are over.
    past: Vec<Survivors>,
}

/// What is left when the log has ended.
#[derive(Debug)]
pub struct Settled {
    /// One for every boot.
    pub boots: Vec<Survivors>,
    /// Every cache that was traced, in order of appearance.
    pub caches: IndexMap<NameId, CacheTally, FixedState>,
    /// Object sizes in bytes that slabinfo in the same log gives.
    slabinfo: IndexMap<NameId, u32, FixedState>,
    /// What could not be matched.
    pub loss: LedgerLoss,
}

impl Settled {
    /// A cache's object size in bytes: the size that most dumps had, else slabinfo's, else the
    /// one in the cache's name.
    pub fn object_size(&self, cache: NameId, names: &Names) -> Option<u32> {
        let dumped = self.caches.get(&cache).and_then(CacheTally::dumped_size);
        let named = kmalloc_size(names.text(cache));
        let is_credible = |&bytes: &u32| named.is_none_or(|named| may_be_of(bytes, named));
        let listed = || self.slabinfo.get(&cache).copied().filter(is_credible);
        dumped.or_else(listed).or(named)
    }
}

impl Ledger {
    /// A ledger without an entry.
    pub fn new() -> Ledger {
        Ledger::default()
    }

    /// Closes the ledger: what is live now survived.
    pub fn settle(mut self, names: &Names) -> Settled {
        self.close_boot(names);
        Settled { boots: self.past, caches: self.caches, slabinfo: self.slabinfo, loss: self.loss }
    }

    fn close_boot(&mut self, names: &Names) {
        let witnesses = std::mem::take(&mut self.present);
        let told = witnesses.told();
        let mut boot = witnesses.together();
        let lost = boot.groups.values().filter(|group| group.witness == Witness::TraceEvents);
        self.loss.lost_frees += lost.map(|group| group.lost).sum::<u64>();
        for (cache, tally) in std::mem::take(&mut boot.tallies) {
            self.caches.entry(cache).or_default().add(tally);
        }
        self.past.push(Survivors::of(boot, told, names));
    }

    fn tally(&mut self, event: &Event) {
        let cache = self.present.slub_trace.tallies.entry(event.cache).or_default();
        match event.op {
            Op::Alloc => cache.allocs += 1,
            Op::Free => cache.frees += 1,
        }
        if let Some(bytes) = event.object_size.filter(|_| !event.damage.contains(Damage::DumpTorn))
        {
            cache.see_dump(bytes);
        }
        let is_torn = [Damage::NoStack, Damage::Cut, Damage::TornHeader]
            .iter()
            .any(|&damage| event.damage.contains(damage));
        self.loss.torn_events += u64::from(is_torn);
    }

    /// An event whose object is not known counts, and widens what can be said of its cache.
    fn unaddressed(&mut self, event: &Event) {
        if let (Pointer::Null, Op::Alloc) = (event.object, event.op) {
            self.loss.failed_allocs += 1;
        } else {
            self.loss.unaddressed_events += 1;
            self.present.slub_trace.loss.unaddressed(event);
        }
    }

    fn alloc(&mut self, object: ObjectAddr, event: &Event) {
        let boot = self.present.of(event.witness());
        let group = boot.group_of(event);
        let live = Live::of(event, group, boot.time_of(event));
        if let Some(before) = boot.live.insert(object, live) {
            boot.groups[before.group as usize].lost += 1;
            self.loss.lost_frees += u64::from(event.witness() == Witness::SlubTrace);
        }
        boot.groups[group as usize].see_alloc(&live, event.recorded);
    }

    fn free(&mut self, object: ObjectAddr, event: &Event, names: &Names) {
        let boot = &mut self.present.slub_trace;
        if let Some(live) = boot.live.remove(&object) {
            let freer = FreedBy::of(event.stack, names);
            let time = boot.time_of(event);
            boot.groups[live.group as usize].see_free(&live, event.line, time, freer);
        } else {
            self.orphan_free(event.cache);
        }
    }

    fn orphan_free(&mut self, cache: NameId) {
        self.loss.orphan_frees += 1;
        self.present.slub_trace.slabs.orphan();
        self.present.slub_trace.loss.orphan_free(cache);
    }
}

impl BootLedger {
    /// The index of an allocation's group.
    fn group_of(&mut self, event: &Event) -> u32 {
        let shown = event.stack.map(|stack| stack.shown);
        let key = GroupKey { cache: event.cache, chain: event.stack.map(|stack| stack.chain) };
        self.group(key, shown)
    }

    /// The index of a group, of which so much is shown where it is new.
    fn group(&mut self, key: GroupKey, shown: Option<ChainId>) -> u32 {
        let entry = self.groups.entry(key);
        let index = entry.index();
        entry.or_insert_with(|| Group { shown, ..Group::default() });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// From where to where the boot was traced, once it is over.
    fn extent(&self) -> Extent {
        let micros = |stamp: Stamp| (Some(stamp.clock) == self.clock).then_some(stamp.micros);
        let log = self.loss.times().and_then(|(first, last)| micros(first).zip(micros(last)));
        let stragglers = (self.headers / STRAGGLERS_SHARE).min(STRAGGLERS_MAX);
        Extent {
            lines: self.lines,
            headers: self.span,
            active_end: self.history.end_but_for(stragglers).min(self.span.map(|(_, last)| last)),
            log: log.or(self.span),
        }
    }

    /// The time of a header, by the boot's clock.
    fn time_of(&self, event: &Event) -> Option<i64> {
        event.stamp.filter(|stamp| Some(stamp.clock) == self.clock).map(|stamp| stamp.micros)
    }

    fn see_place(&mut self, event: &Event) {
        widen(&mut self.lines, event.line);
        self.headers += 1;
        self.clock = self.clock.or(event.stamp.map(|stamp| stamp.clock));
        if let Some(micros) = self.time_of(event) {
            widen(&mut self.span, micros);
            self.history.see(event.op, micros);
        }
    }
}

impl EventSink for Ledger {
    fn boot(&mut self, _line: LineNumber, names: &Names) {
        self.close_boot(names);
    }

    fn event(&mut self, event: &Event, names: &Names) {
        if event.witness() == Witness::TraceEvents {
            return self.recorded_event(event, names);
        }
        self.tally(event);
        self.present.slub_trace.see_place(event);
        match (self.read_slab(event), event.op) {
            (Pointer::Addr(object), Op::Alloc) => self.alloc(object, event),
            (Pointer::Addr(object), Op::Free) => self.free(object, event, names),
            (Pointer::Null | Pointer::Unprintable | Pointer::Torn, _) => self.unaddressed(event),
        }
    }

    fn lost(&mut self, lost: Lost, line: LineNumber, names: &Names) {
        let witness = match lost {
            Lost::Messages(_) => Witness::SlubTrace,
            Lost::Entries(_) => Witness::TraceEvents,
            Lost::Header { witness, .. } => witness,
        };
        self.present.of(witness).loss.lost(lost, line, names);
    }

    fn printed(&mut self, printing: Printing) {
        self.loss.missing_lines += printing.missing_lines;
        self.present.of(printing.witness).loss.printed(printing);
    }

    fn slabinfo(&mut self, cache: NameId, row: SlabinfoRow, line: LineNumber) {
        self.slabinfo.insert(cache, row.spacing);
        self.present.slub_trace.counts.entry(cache).or_default().see(line, row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_contradicts_the_cache_s_name_is_not_believed() {
        for (listed, credible) in [(64, true), (416, true), (4, false), (6400, false)] {
            assert_eq!(may_be_of(listed, 64), credible, "{listed}");
        }
    }

    #[test]
    fn kmalloc_caches_name_their_size() {
        for (name, bytes) in [
            ("kmalloc-192", Some(192)),
            ("kmalloc-4k", Some(4096)),
            ("kmalloc-rcl-64", Some(64)),
            ("kmalloc-cg-1k", Some(1024)),
            ("kmalloc-rnd-03-64", Some(64)),
            ("dma-kmalloc-512", Some(512)),
            ("kmalloc_dma-512", Some(512)),
            ("dentry", None),
            ("kmalloc-", None),
        ] {
            assert_eq!(kmalloc_size(name), bytes, "{name}");
        }
    }
}
