//! The ledger of a stretch of a log, and how it is joined to that of what came before.
//!
//! A stretch does not know which objects lived when it began. At each address only what it found
//! first there depends on that: a free of an object from before, or an allocation where the free
//! of one from before was lost. Everything else cancels within the stretch.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::group::joined;
use super::{BootLedger, CacheTally, FreedBy, Ledger, LedgerLoss};
use crate::address::{LineNumber, ObjectAddr};
use crate::event::{EventSink, NameId, Names, Printing, Shift};

/// What a stretch found first at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Opening {
    /// An allocation: what lived there before is gone.
    Allocated,
    /// A free, of this cache and by this function.
    Freed(NameId, FreedBy),
}

/// What a stretch found first at each address, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Openings(IndexMap<ObjectAddr, Opening, FixedState>);

impl Openings {
    /// An object is allocated where none is known to live.
    pub(super) fn allocated(&mut self, object: ObjectAddr) {
        self.0.entry(object).or_insert(Opening::Allocated);
    }

    /// An object is freed that is not known to live. Tells whether it may be one from before.
    pub(super) fn freed(&mut self, object: ObjectAddr, cache: NameId, by: FreedBy) -> bool {
        let vacant = !self.0.contains_key(&object);
        if vacant {
            self.0.insert(object, Opening::Freed(cache, by));
        }
        vacant
    }
}

impl Ledger {
    /// The ledger of a stretch.
    pub(crate) fn of_stretch() -> Ledger {
        let present = BootLedger { openings: Some(Openings::default()), ..BootLedger::default() };
        Ledger { present, ..Ledger::default() }
    }

    /// Takes out what was written of the present boot: the next one begins.
    pub(crate) fn take_boot(&mut self) -> BootLedger {
        std::mem::take(&mut self.present)
    }

    /// Whether a stretch's ledger is what would have been written here. Boots may have ended in
    /// the stretch.
    pub(crate) fn may_join(&self, ended: &[(BootLedger, Printing)], later: &Ledger) -> bool {
        let mut boots = ended.iter().map(|(boot, _)| boot).chain([&later.present]);
        let first = boots.clone().next().and_then(|boot| boot.clock);
        self.present.clock.zip(first).is_none_or(|(own, other)| own == other)
            && boots.all(|boot| boot.loss.is_exact())
    }

    /// Takes what was written of a boot that ended in a stretch.
    pub(crate) fn join_ended(
        &mut self,
        boot: BootLedger,
        printing: Printing,
        shift: Shift,
        names: &Names,
    ) {
        self.join_boot(boot, shift);
        self.printed(printing);
        self.close_boot(names);
    }

    /// Takes what was written of a stretch, as if it had been written here.
    pub(crate) fn join(&mut self, later: Ledger, shift: Shift) {
        let Ledger { caches, slabinfo, loss, present, past: _ } = later;
        for (cache, tally) in caches {
            self.caches.entry(cache).or_default().join(tally);
        }
        self.slabinfo.extend(slabinfo);
        self.loss.add(loss);
        self.join_boot(present, shift);
    }

    fn join_boot(&mut self, boot: BootLedger, shift: Shift) {
        let BootLedger { live, groups, loss, counts, span, clock, openings } = boot;
        self.open(openings.unwrap_or_default());
        let own = &mut self.present;
        own.loss.join(loss, shift);
        for (cache, counts) in counts {
            own.counts.entry(cache).or_default().join(counts, shift);
        }
        own.span = joined(own.span, span);
        own.clock = own.clock.or(clock);
        let places: Vec<u32> =
            groups.into_iter().map(|(key, group)| own.join_group(key, group)).collect();
        own.live.extend(live.into_iter().map(|(object, live)| {
            let line = LineNumber(live.line.0 + shift.lines);
            (object, live.moved(line, places[live.group as usize]))
        }));
    }

    fn open(&mut self, Openings(openings): Openings) {
        for (object, opening) in openings {
            let before = self.present.live.remove(&object);
            let group = before.map(|live| &mut self.present.groups[live.group as usize]);
            match (opening, group) {
                (Opening::Allocated, None) => {}
                (Opening::Allocated, Some(group)) => {
                    group.lost += 1;
                    self.loss.lost_frees += 1;
                }
                (Opening::Freed(_, by), Some(group)) => group.see_free(by),
                (Opening::Freed(cache, _), None) => self.orphan_free(cache),
            }
        }
    }
}

impl BootLedger {
    fn join_group(&mut self, key: super::GroupKey, group: super::Group) -> u32 {
        let entry = self.groups.entry(key);
        let index = entry.index();
        entry.or_default().join(group);
        u32::try_from(index).unwrap_or(u32::MAX)
    }
}

impl CacheTally {
    fn join(&mut self, later: CacheTally) {
        let CacheTally { allocs, frees, dump_sizes } = later;
        self.allocs += allocs;
        self.frees += frees;
        for (bytes, count) in dump_sizes {
            *self.dump_sizes.entry(bytes).or_default() += count;
        }
    }
}

impl LedgerLoss {
    fn add(&mut self, more: LedgerLoss) {
        let LedgerLoss {
            orphan_frees,
            lost_frees,
            unaddressed_events,
            torn_events,
            failed_allocs,
            missing_lines,
        } = more;
        self.orphan_frees += orphan_frees;
        self.lost_frees += lost_frees;
        self.unaddressed_events += unaddressed_events;
        self.torn_events += torn_events;
        self.failed_allocs += failed_allocs;
        self.missing_lines += missing_lines;
    }
}
