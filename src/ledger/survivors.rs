//! A boot's survivors, when it is over.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::bounds::{Bounds, Reckoning};
use super::group::{Group, GroupKey};
use super::{BootLedger, Links, Live, SlabCounts};
use crate::address::{LineNumber, ObjectAddr};
use crate::event::{NameId, Names};

/// Parts that a boot's time is cut into to show how survivors grew.
pub const TIMELINE_BUCKETS: usize = 16;

/// Survivors kept of each group as examples.
const EXAMPLES_MAX: usize = 5;

/// One surviving allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Survivor {
    /// The line of its header.
    pub line: LineNumber,
    /// Microseconds of its header's stamp.
    pub time: Option<i64>,
    /// Its address.
    pub address: ObjectAddr,
}

/// A task that allocated survivors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Holder {
    /// The task's name; absent where the backtrace was lost.
    pub comm: Option<NameId>,
    /// Its process id.
    pub pid: u32,
}

/// What a group's survivors tell.
#[derive(Clone, Default, Debug)]
pub struct GroupSurvivors {
    /// The first survivors, oldest first.
    pub examples: Vec<Survivor>,
    /// Who allocated them, and how many.
    pub holders: IndexMap<Holder, u64, FixedState>,
    /// How many were allocated in each part of the boot's time.
    pub timeline: [u64; TIMELINE_BUCKETS],
    /// Microseconds of the oldest.
    pub oldest: Option<i64>,
    /// How many were allocated between the first and the last count of their cache by slabinfo;
    /// nobody knows where slabinfo stands in the log less than twice.
    pub counted: Option<u64>,
    /// Survivors whose backtrace is incomplete or could have been another header's.
    pub guessed: u64,
}

/// What a boot leaves.
#[derive(Debug)]
pub struct Survivors {
    /// Every group of the boot, in order of appearance, with its survivors.
    pub groups: Vec<(GroupKey, Group, GroupSurvivors)>,
    /// The bounds of each group.
    pub bounds: Vec<Bounds>,
    /// What slabinfo in the same log counts of each cache.
    pub counts: IndexMap<NameId, SlabCounts, FixedState>,
    /// How the headers of each cache follow from each other.
    pub links: IndexMap<NameId, Links, FixedState>,
    /// Microseconds of the boot's first and last header.
    pub span: Option<(i64, i64)>,
}

impl Survivors {
    /// Closes a boot's ledger.
    pub(super) fn of(boot: BootLedger, names: &Names) -> Survivors {
        let BootLedger { live, groups, loss, counts, slabs, span, clock: _ } = boot;
        let mut survivors: Vec<GroupSurvivors> = vec![GroupSurvivors::default(); groups.len()];
        let mut reckoning = Reckoning::new(&loss, groups.len(), names);
        for (line, group) in loss.objects_beside_gaps(&live) {
            reckoning.see(group as usize, line);
        }
        for (address, live) in live {
            let line = live.line;
            let survivor = Survivor { line, time: live.time(), address };
            survivors[live.group as usize].add(survivor, &live, span);
            if let Some((key, _)) = groups.get_index(live.group as usize)
                && let Some((first, last)) = counts.get(&key.cache).and_then(SlabCounts::both)
            {
                let counted = survivors[live.group as usize].counted.get_or_insert(0);
                *counted += u64::from((first.line..last.line).contains(&line));
            }
        }
        let groups: Vec<_> = groups
            .into_iter()
            .zip(survivors)
            .map(|((key, group), survivors)| (key, group, survivors))
            .collect();
        let bounds = reckoning.bounds(&groups);
        Survivors { groups, bounds, counts, links: slabs.links(), span }
    }
}

impl GroupSurvivors {
    /// Live objects that may belong to another group: their backtrace is lost or doubtful.
    pub(super) fn unplaced(&self, key: &GroupKey, group: &Group) -> u64 {
        if key.chain.is_none() { group.live() } else { self.guessed.min(group.live()) }
    }

    fn add(&mut self, survivor: Survivor, live: &Live, span: Option<(i64, i64)>) {
        if self.examples.len() < EXAMPLES_MAX || self.examples.last() > Some(&survivor) {
            let at = self.examples.partition_point(|earlier| *earlier < survivor);
            self.examples.insert(at, survivor);
            self.examples.truncate(EXAMPLES_MAX);
        }
        *self.holders.entry(live.holder()).or_default() += 1;
        self.guessed += u64::from(live.is_guessed());
        let Some(time) = live.time() else { return };
        self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
        if let Some(bucket) = span.and_then(|span| bucket(time, span)) {
            self.timeline[bucket] += 1;
        }
    }
}

fn bucket(time: i64, (first, last): (i64, i64)) -> Option<usize> {
    let offset = u128::try_from(time.checked_sub(first)?).ok()?;
    let width = u128::try_from(last.checked_sub(first)?).ok()?.max(1);
    let at = offset * TIMELINE_BUCKETS as u128 / width;
    Some(usize::try_from(at).unwrap_or(usize::MAX).min(TIMELINE_BUCKETS - 1))
}
