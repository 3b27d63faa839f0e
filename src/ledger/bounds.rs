//! How far off a group's number of live objects can be, given what the boot lost.
//!
//! Every loss is reckoned at its worst for each group by itself: dropped messages may have held
//! as many frees of the group's objects as there is room for, and as many allocations of one
//! more. What a loss cannot have been is not reckoned: objects allocated after a gap were not
//! freed in it, and a backtrace without its header still shows its chain.

use foldhash::fast::FixedState;
use indexmap::{IndexMap, IndexSet};

use super::evidence::Extent;
use super::group::{FreedBy, Group, GroupKey};
use super::likely::Expected;
use super::likeness::{Likeness, likeness};
use super::loss::{BootLoss, Gap};
use super::mistaken::{Mistaken, Mistakes};
use super::slabs::{Links, Proof};
use super::survivors::GroupSurvivors;
use crate::address::LineNumber;
use crate::event::{ChainId, NameId, Names};

/// For each lost free that came out, since its object's address was allocated again, so many went
/// unseen.
const COMES_OUT: f64 = 2.0;

/// The least and the greatest number of objects that may truly live.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Bounds {
    /// Whether the group's chain looks like another one's that lost lines.
    pub is_suspect: bool,
    /// The least.
    pub low: u64,
    /// The greatest.
    pub high: u64,
    /// The range that the number lies in with 95 % confidence.
    pub likely: (u64, u64),
}

/// What is known of a boot's numbers.
#[derive(Debug)]
pub(super) struct Reckoned {
    /// The bounds of each group.
    pub(super) bounds: Vec<Bounds>,
    /// The likely range of each family.
    pub(super) likely: Vec<(u64, u64)>,
}

/// A group and its survivors.
pub(super) type Entry = (GroupKey, Group, GroupSurvivors);

/// Works out the bounds of a boot's groups.
pub(super) struct Reckoning<'a> {
    loss: &'a BootLoss,
    names: &'a Names,
    /// For each group, its objects that were live at some gap and may have been freed in it.
    freed_in_gaps: Vec<u64>,
    live_so_far: Vec<u64>,
    next_gap: usize,
    traced: Traced,
    /// What the headers of each cache's slabs tell.
    links: &'a IndexMap<NameId, Links, FixedState>,
}

/// How much of a boot was traced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traced {
    /// Headers.
    pub(super) headers: u64,
    /// From where to where.
    pub(super) extent: Extent,
}

impl Traced {
    /// Whether a gap is before the first header.
    pub(super) fn is_early(&self, gap: Gap) -> bool {
        self.extent.lines.is_none_or(|(first, _)| gap.line <= first)
    }

    /// Events that may have been in a gap, on average. What was dropped before the first header hides
    /// only what is older than the log.
    fn events_in(&self, gap: Gap) -> f64 {
        let Some((first, last)) = self.extent.lines.filter(|_| !self.is_early(gap)) else {
            return 0.0;
        };
        let lines = (last.0.saturating_sub(first.0) as f64 / self.headers as f64).max(1.0);
        gap.messages as f64 / lines
    }
}

/// What of unseen events stays unseen where slabs are followed, at least: those behind the last header of
/// a slab, and those of slabs of which there is no header.
const BEHIND_LAST: f64 = 0.2;

impl<'a> Reckoning<'a> {
    pub(super) fn new(
        loss: &'a BootLoss,
        groups: usize,
        names: &'a Names,
        traced: Traced,
        links: &'a IndexMap<NameId, Links, FixedState>,
    ) -> Reckoning<'a> {
        Reckoning {
            loss,
            names,
            freed_in_gaps: vec![0; groups],
            live_so_far: vec![0; groups],
            next_gap: 0,
            traced,
            links,
        }
    }

    /// Takes the next survivor, in the order of the log.
    pub(super) fn see(&mut self, group: usize, line: LineNumber) {
        self.pass_gaps(line);
        self.live_so_far[group] += 1;
    }

    fn pass_gaps(&mut self, line: LineNumber) {
        while let Some(&gap) = self.loss.gaps.get(self.next_gap).filter(|gap| gap.line < line) {
            let events = self.loss.events_in(gap);
            for (freed, live) in self.freed_in_gaps.iter_mut().zip(&self.live_so_far) {
                *freed += events.min(live - *freed);
            }
            self.next_gap += 1;
        }
    }

    /// The bounds of every group and every family.
    pub(super) fn reckon(mut self, groups: &[Entry], family_of: &[usize]) -> Reckoned {
        self.pass_gaps(LineNumber(u64::MAX));
        let mistaken = Mistakes::new(self.loss, self.traced.headers, self.names);
        let mistaken = mistaken.of(groups, family_of);
        let gaps = self.loss.gaps.iter().filter(|&&gap| !self.traced.is_early(gap));
        let in_gaps = gaps.fold(0, |sum: u64, &gap| sum.saturating_add(self.loss.events_in(gap)));
        let common = Common {
            unplaced: unplaced_by_cache(groups),
            unknown_frees: self.unknown_frees(groups),
            in_gaps,
            unseen: self.unseen(groups),
            sums: Sums::by_cache(groups),
        };
        let mut families =
            vec![OfFamily::default(); family_of.iter().max().map_or(0, |max| max + 1)];
        let mut bounds = Vec::with_capacity(groups.len());
        for (at, entry) in groups.iter().enumerate() {
            let possible = self.possible(at, entry, &common, mistaken[at]);
            let expected = self.expected(entry, &common);
            let live = entry.1.live();
            let likely =
                (expected + mistaken[at].of_group).range(live, possible.low, possible.high);
            families[family_of[at]].add(live, &possible, expected + mistaken[at].of_family);
            bounds.push(Bounds { likely, ..possible });
        }
        Reckoned { bounds, likely: families.iter().map(OfFamily::likely).collect() }
    }

    /// The bounds of a group.
    fn possible(
        &self,
        at: usize,
        (key, group, left): &Entry,
        common: &Common,
        mistaken: Mistaken,
    ) -> Bounds {
        let live = group.live();
        let is_proved = self.is_proved(key.cache);
        let slack = self.loss.unaddressed.get(&key.cache).copied().unwrap_or_default();
        let own_unplaced = left.unplaced(key, group);
        let certain = if mistaken.is_short { 0 } else { live - own_unplaced };
        let freed = [
            if is_proved { 0 } else { self.freed_in_gaps[at] },
            self.unknown_in_slabs(key.cache),
            slack.frees,
            self.loss.freed_unknown(key.cache),
            self.headless_frees(group, common.unknown_frees),
        ];
        let others = common.unplaced.get(&key.cache).copied().unwrap_or(0) - own_unplaced;
        let more = [
            if is_proved { 0 } else { common.in_gaps },
            slack.allocs,
            self.headless_allocs(key),
            others,
            mistaken.live_elsewhere,
        ];
        Bounds {
            is_suspect: mistaken.is_short,
            low: freed.iter().fold(certain, |low, &count| low.saturating_sub(count)),
            high: more.iter().fold(live, |high, &count| high.saturating_add(count)),
            likely: (live, live),
        }
    }

    /// What a group's number may be off by on average, but for what was mistaken.
    fn expected(&self, (key, group, left): &Entry, common: &Common) -> Expected {
        let live = group.live();
        let mut expected = Expected::default();
        expected.unseen(common.unseen * self.unfollowed(key.cache), group.frees, live);
        let sums = common.sums.get(&key.cache).copied().unwrap_or_default();
        let slack = self.loss.unaddressed.get(&key.cache).copied().unwrap_or_default();
        let unknown =
            slack.frees + self.loss.freed_unknown(key.cache) + self.unknown_in_slabs(key.cache);
        expected.fewer += unknown as f64 * share(group.frees, sums.frees)
            + self.headless_frees_of(group, sums, common);
        expected.more += slack.allocs as f64 * share(live, sums.allocs)
            + self.headless_allocs(key) as f64 * share(live, group.allocs);
        if key.chain.is_some() {
            let own = left.guessed.min(live);
            let of_live = share(live, sums.live);
            expected.guessed(own, (sums.guessed - own) as f64 * of_live);
            expected.more += sums.chainless as f64 * of_live;
        }
        expected
    }

    /// Whether the headers of a cache's slabs prove that no event of it was dropped.
    fn is_proved(&self, cache: NameId) -> bool {
        self.links
            .get(&cache)
            .is_some_and(|links| links.proof() == Proof::Complete && links.unheard == 0)
    }

    /// Events that the slabs tell of, of objects that nobody knows.
    fn unknown_in_slabs(&self, cache: NameId) -> u64 {
        self.links.get(&cache).map_or(0, |links| links.without_address)
    }

    /// Which share of unseen events does not come out in the slabs' headers.
    fn unfollowed(&self, cache: NameId) -> f64 {
        let Some(links) = self.links.get(&cache) else { return 1.0 };
        let unheard = share(links.unheard, links.live_by_inuse);
        match links.proof() {
            Proof::Unknown => 1.0,
            Proof::Complete => unheard,
            Proof::Broken => {
                let followed = links.agreeing() + links.breaks();
                share(links.unlinked, followed + links.unlinked).max(BEHIND_LAST).max(unheard)
            }
        }
    }

    /// Frees without a header that were of the group's objects, on average.
    fn headless_frees_of(&self, group: &Group, sums: Sums, common: &Common) -> f64 {
        let own = group.freed_by.keys().filter_map(|freer| self.loss.headless_frees.get(freer));
        let own: u64 = own.sum();
        (own + common.unknown_frees) as f64 * share(group.frees, sums.frees)
    }

    /// The share of events that went unseen, for each one that was seen.
    fn unseen(&self, groups: &[Entry]) -> f64 {
        let in_gaps: f64 = self.loss.gaps.iter().map(|&gap| self.traced.events_in(gap)).sum();
        let headers = self.traced.headers as f64;
        let frees: u64 = groups.iter().map(|(_, group, _)| group.frees).sum();
        let lost: u64 = groups.iter().map(|(_, group, _)| group.lost).sum();
        let told = (in_gaps + self.loss.headless() as f64) / headers.max(1.0);
        // Of the frees that nothing tells of, those come out whose address is allocated again.
        let silent = COMES_OUT * lost as f64 / (frees + lost).max(1) as f64 - told;
        in_gaps / headers.max(1.0) + silent.max(0.0)
    }

    /// Allocations without a header that may be the group's.
    fn headless_allocs(&self, key: &GroupKey) -> u64 {
        let Some(chain) = key.chain else { return 0 };
        let is_own = |headless: ChainId| {
            headless == chain || likeness(self.names, headless, chain) != Likeness::None
        };
        self.loss
            .headless_allocs
            .iter()
            .filter(|(headless, _)| is_own(**headless))
            .map(|(_, count)| count)
            .sum()
    }

    /// Frees without a header that may have freed the group's objects. A function that is known
    /// to free other groups' objects, and never this one's, is not suspected.
    fn headless_frees(&self, group: &Group, unknown: u64) -> u64 {
        let own = group.freed_by.keys().filter_map(|freer| self.loss.headless_frees.get(freer));
        own.fold(unknown, |sum, &count| sum.saturating_add(count))
    }

    /// Frees without a header by functions that are not known to free any group's objects.
    fn unknown_frees(&self, groups: &[Entry]) -> u64 {
        let known: IndexSet<&FreedBy, FixedState> =
            groups.iter().flat_map(|(_, group, _)| group.freed_by.keys()).collect();
        let unknown = self.loss.headless_frees.iter().filter(|(freer, _)| !known.contains(*freer));
        unknown.fold(0, |sum, (_, &count)| sum.saturating_add(count))
    }
}

/// What is known of the groups of a family.
#[derive(Clone, Copy, Default)]
struct OfFamily {
    live: u64,
    low: u64,
    high: u64,
    expected: Expected,
}

impl OfFamily {
    fn add(&mut self, live: u64, bounds: &Bounds, expected: Expected) {
        self.live += live;
        self.low += bounds.low;
        self.high = self.high.saturating_add(bounds.high);
        self.expected = self.expected + expected;
    }

    fn likely(&self) -> (u64, u64) {
        self.expected.range(self.live, self.low, self.high)
    }
}

/// What is the same for all groups of a boot.
struct Common {
    /// Live objects of each cache that may belong to a group other than their own.
    unplaced: IndexMap<NameId, u64, FixedState>,
    /// Frees without a header that may have been of any group.
    unknown_frees: u64,
    /// Events that may have been in gaps.
    in_gaps: u64,
    /// The share of events that went unseen, for each one that was seen.
    unseen: f64,
    /// What each cache's groups have together.
    sums: IndexMap<NameId, Sums, FixedState>,
}

/// What the groups of a cache have together.
#[derive(Clone, Copy, Default)]
struct Sums {
    allocs: u64,
    frees: u64,
    live: u64,
    /// Live objects without a chain.
    chainless: u64,
    /// Live objects whose chain is a guess.
    guessed: u64,
}

impl Sums {
    fn by_cache(groups: &[Entry]) -> IndexMap<NameId, Sums, FixedState> {
        let mut caches: IndexMap<NameId, Sums, FixedState> = IndexMap::default();
        for (key, group, left) in groups {
            let sums = caches.entry(key.cache).or_default();
            sums.allocs += group.allocs;
            sums.frees += group.frees;
            sums.live += group.live();
            match key.chain {
                None => sums.chainless += group.live(),
                Some(_) => sums.guessed += left.guessed.min(group.live()),
            }
        }
        caches
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Live objects of each cache that may belong to a group other than their own.
fn unplaced_by_cache(groups: &[Entry]) -> IndexMap<NameId, u64, FixedState> {
    let mut unplaced: IndexMap<NameId, u64, FixedState> = IndexMap::default();
    for (key, group, left) in groups {
        *unplaced.entry(key.cache).or_default() += left.unplaced(key, group);
    }
    unplaced
}
