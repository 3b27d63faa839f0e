//! A boot's survivors, when it is over.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::bounds::{Bounds, Reckoned, Reckoning, Traced};
use super::evidence::{Evidence, Extent};
use super::family::Families;
use super::group::{Group, GroupKey, widen};
use super::loss::Gap;
use super::{BootLedger, Links, Live, SlabCounts};
use crate::address::{LineNumber, ObjectAddr};
use crate::event::{NameId, Names, Witness};

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
    /// Microseconds of the oldest and the youngest.
    pub span: Option<(i64, i64)>,
    /// How many were allocated between the first and the last count of their cache by slabinfo;
    /// nobody knows where slabinfo stands in the log less than twice.
    pub counted: Option<u64>,
    /// Survivors whose backtrace is incomplete or could have been another header's.
    pub guessed: u64,
}

/// What a boot leaves.
#[derive(Clone, Debug)]
pub struct Survivors {
    /// Every group of the boot, in order of appearance, with its survivors.
    pub groups: Vec<(GroupKey, Group, GroupSurvivors)>,
    /// The bounds of each group.
    pub bounds: Vec<Bounds>,
    /// What slabinfo in the same log counts of each cache.
    pub counts: IndexMap<NameId, SlabCounts, FixedState>,
    /// The family of each group.
    pub family_of: Vec<usize>,
    /// What each family is judged by.
    pub families: Vec<Evidence>,
    /// From where to where the boot was traced.
    pub extent: Extent,
    /// Messages that were dropped before the first header.
    pub dropped_early: u64,
    /// How the headers of each cache follow from each other.
    pub links: IndexMap<NameId, Links, FixedState>,
    /// Who told of events.
    pub witnesses: Vec<Witness>,
}

impl Survivors {
    /// Closes a boot's ledger.
    pub(super) fn of(boot: BootLedger, witnesses: Vec<Witness>, names: &Names) -> Survivors {
        let extent = boot.extent();
        let BootLedger { live, groups, loss, counts, slabs, headers, .. } = boot;
        let (family_of, mut families) = families(&groups, names);
        let mut survivors: Vec<GroupSurvivors> = vec![GroupSurvivors::default(); groups.len()];
        let traced = Traced { headers, extent };
        let (early, late): (Vec<Gap>, Vec<Gap>) =
            loss.gaps.iter().partition(|&&gap| traced.is_early(gap));
        let links = slabs.links(late.last().map(|gap| gap.line));
        let dropped_early = early.iter().fold(0, |sum: u64, gap| sum.saturating_add(gap.messages));
        let mut reckoning = Reckoning::new(&loss, groups.len(), names, traced, &links);
        for (line, group) in loss.objects_beside_gaps(&live) {
            reckoning.see(group as usize, line);
        }
        for (address, live) in live {
            let line = live.line;
            let survivor = Survivor { line, time: live.time(), address };
            survivors[live.group as usize].add(survivor, &live);
            families[family_of[live.group as usize]].see(&live, &extent);
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
        let Reckoned { bounds, likely } = reckoning.reckon(&groups, &family_of);
        for (family, likely) in families.iter_mut().zip(likely) {
            family.likely = likely;
        }
        Survivors {
            groups,
            bounds,
            counts,
            family_of,
            families,
            extent,
            dropped_early,
            links,
            witnesses,
        }
    }
}

/// The family of each group, and what is known of each family before its survivors are.
fn families(
    groups: &IndexMap<GroupKey, Group, FixedState>,
    names: &Names,
) -> (Vec<usize>, Vec<Evidence>) {
    let mut finder = Families::new(names);
    let family_of: Vec<usize> = groups.keys().map(|&key| finder.of(key)).collect();
    let mut families = vec![Evidence::default(); finder.len()];
    for ((key, group), &family) in groups.iter().zip(&family_of) {
        families[family].add(key, group, names);
    }
    (family_of, families)
}

impl GroupSurvivors {
    /// Live objects that may belong to another group: their backtrace is lost or doubtful.
    pub(super) fn unplaced(&self, key: &GroupKey, group: &Group) -> u64 {
        if key.chain.is_none() { group.live() } else { self.guessed.min(group.live()) }
    }

    fn add(&mut self, survivor: Survivor, live: &Live) {
        if self.examples.len() < EXAMPLES_MAX || self.examples.last() > Some(&survivor) {
            let at = self.examples.partition_point(|earlier| *earlier < survivor);
            self.examples.insert(at, survivor);
            self.examples.truncate(EXAMPLES_MAX);
        }
        *self.holders.entry(live.holder()).or_default() += 1;
        self.guessed += u64::from(live.is_guessed());
        let Some(time) = live.time() else { return };
        widen(&mut self.span, time);
    }
}
