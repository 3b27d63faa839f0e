//! What the kernel's trace events tell of a boot, beside SLUB's trace or without it.
//!
//! A free by `kfree` does not say from which cache: its object does. Up to 6.12 an allocation from a
//! cache of its own does not either, but its free does.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::group::{Group, GroupKey, widen};
use super::{BootLedger, CacheTally, FreedBy, Ledger};
use crate::address::{ObjectAddr, Pointer};
use crate::event::{Damage, Event, NameId, Names, RecordedCache, Witness};
use crate::record::Op;

/// What a boot's witnesses have told.
#[derive(Clone, Debug, Default)]
pub(super) struct Witnesses {
    pub(super) slub_trace: BootLedger,
    pub(super) trace_events: BootLedger,
}

impl Witnesses {
    /// What one of them has told.
    pub(super) fn of(&mut self, witness: Witness) -> &mut BootLedger {
        match witness {
            Witness::SlubTrace => &mut self.slub_trace,
            Witness::TraceEvents => &mut self.trace_events,
        }
    }

    /// Who has told of events.
    pub(super) fn told(&self) -> Vec<Witness> {
        let has_told = |witness: &Witness| match witness {
            Witness::SlubTrace => self.slub_trace.headers > 0,
            Witness::TraceEvents => self.trace_events.headers > 0,
        };
        Witness::ALL.into_iter().filter(has_told).collect()
    }

    /// One ledger of what all of them have told. Of a cache that SLUB traces, its trace tells more:
    /// frees in bulk make no trace event.
    pub(super) fn together(self) -> BootLedger {
        let Witnesses { mut slub_trace, mut trace_events } = self;
        trace_events.learn_caches(&slub_trace);
        trace_events.name_caches();
        trace_events.tally_groups();
        if slub_trace.headers == 0 {
            let BootLedger { counts, .. } = slub_trace;
            return BootLedger { counts, ..trace_events };
        }
        slub_trace.add_other_caches(trace_events);
        slub_trace
    }
}

impl Ledger {
    /// A trace event.
    pub(super) fn recorded_event(&mut self, event: &Event, names: &Names) {
        let is_torn =
            event.damage.contains(Damage::Cut) || event.damage.contains(Damage::TornHeader);
        self.loss.torn_events += u64::from(is_torn);
        let boot = &mut self.present.trace_events;
        match (event.object, event.op) {
            (Pointer::Addr(object), Op::Alloc) => {
                boot.see_place(event);
                self.alloc(object, event);
            }
            (Pointer::Addr(object), Op::Free) => {
                boot.see_place(event);
                self.recorded_free(object, event, names);
            }
            (Pointer::Null, _) => {}
            (Pointer::Unprintable | Pointer::Torn, _) => {
                boot.see_place(event);
                self.loss.unaddressed_events += 1;
                boot.loss.unaddressed(event);
            }
        }
    }

    fn recorded_free(&mut self, object: ObjectAddr, event: &Event, names: &Names) {
        let boot = &mut self.present.trace_events;
        let Some(live) = boot.live.remove(&object) else {
            self.loss.orphan_frees += 1;
            return boot.loss.orphan_free(event.cache);
        };
        let time = boot.time_of(event);
        let group = &mut boot.groups[live.group as usize];
        group.see_free(&live, event.line, time, FreedBy::of(event.stack, names));
        if let Some(RecordedCache::Known(cache)) = event.recorded.map(|recorded| recorded.cache) {
            group.learned_cache = Some(cache);
        }
    }
}

impl BootLedger {
    /// Learns the caches of objects that another witness knows too.
    fn learn_caches(&mut self, other: &BootLedger) {
        if other.live.is_empty() {
            return;
        }
        for (object, live) in &self.live {
            let group = &mut self.groups[live.group as usize];
            if group.is_nameless && group.learned_cache.is_none() {
                let known = other.live.get(object);
                let key = known.and_then(|live| other.groups.get_index(live.group as usize));
                group.learned_cache = key.map(|(key, _)| key.cache);
            }
        }
    }

    /// Gives the groups whose cache had no name the one that was learned.
    fn name_caches(&mut self) {
        let groups = std::mem::take(&mut self.groups);
        let taken: Vec<GroupKey> = groups.keys().copied().collect();
        let is_free = |key: &GroupKey, named: &IndexMap<GroupKey, Group, FixedState>| {
            !taken.contains(key) && !named.contains_key(key)
        };
        let mut named: IndexMap<GroupKey, Group, FixedState> = IndexMap::default();
        for (key, group) in groups {
            let by_free = group.learned_cache.filter(|_| group.is_nameless);
            let new = by_free.map(|cache| GroupKey { cache, ..key });
            named.insert(new.filter(|new| is_free(new, &named)).unwrap_or(key), group);
        }
        self.groups = named;
    }

    /// Adds the groups up by cache, and events of objects that nobody knows.
    fn tally_groups(&mut self) {
        for (key, group) in &self.groups {
            let tally = self.tallies.entry(key.cache).or_default();
            tally.allocs += group.allocs;
            tally.frees += group.frees;
            if let Some(bytes) = group.object_size {
                *tally.dump_sizes.entry(bytes).or_default() += group.allocs;
            }
        }
        for (cache, orphans) in self.loss.orphans() {
            self.tallies.entry(cache).or_default().frees += orphans;
        }
        for (&cache, unaddressed) in &self.loss.unaddressed {
            let tally = self.tallies.entry(cache).or_default();
            tally.allocs += unaddressed.allocs;
            tally.frees += unaddressed.frees;
        }
    }

    /// Adds what another witness told of caches that this one does not know.
    fn add_other_caches(&mut self, other: BootLedger) {
        let is_new = |cache: &NameId| !self.tallies.contains_key(cache);
        let tallies: Vec<(NameId, CacheTally)> =
            other.tallies.into_iter().filter(|(cache, _)| is_new(cache)).collect();
        let mut place_of: Vec<Option<u32>> = Vec::with_capacity(other.groups.len());
        for (key, group) in other.groups {
            let is_new = tallies.iter().any(|(cache, _)| *cache == key.cache);
            let place = is_new.then(|| self.groups.insert_full(key, group).0);
            place_of.push(place.and_then(|place| u32::try_from(place).ok()));
        }
        for (object, mut live) in other.live {
            let Some(group) = place_of.get(live.group as usize).copied().flatten() else {
                continue;
            };
            live.group = group;
            self.live.entry(object).or_insert(live);
        }
        self.tallies.extend(tallies);
        self.headers += other.headers;
        if let Some((first, last)) = other.lines {
            widen(&mut self.lines, first);
            widen(&mut self.lines, last);
        }
    }
}
