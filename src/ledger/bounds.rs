//! How far off a group's number of live objects can be, given what the boot lost.
//!
//! Every loss is reckoned at its worst for each group by itself: dropped messages may have held
//! as many frees of the group's objects as there is room for, and as many allocations of one
//! more. What a loss cannot have been is not reckoned: objects allocated after a gap were not
//! freed in it, and a backtrace without its header still shows its chain.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::{IndexMap, IndexSet};

use super::Live;
use super::group::{FreedBy, Group, GroupKey};
use super::survivors::GroupSurvivors;
use crate::address::{LineNumber, ObjectAddr};
use crate::event::{Beginning, ChainId, Context, Event, Lost, NameId, Names, Placed, Printing};
use crate::record::Op;

/// Gaps kept apart. More are taken together, as if all of them had come last.
const GAPS_MAX: usize = 64;

/// A chain that lost lines lacks at most this many frames and is still told as what it was.
const FRAMES_LOST_MAX: usize = 3;

/// Chains of a cache that others are held against: those with most allocations. A boot has a few
/// hundred; a log with more than this many is hostile or garbage.
const WHOLE_MAX: usize = 512;

/// A chain is rare beside another one that is so many times as frequent.
const RARE: u64 = 4;

/// Headers that a gap may hold besides whole events: those whose backtrace lies behind it.
const HEADERS_AT_EDGE: u64 = 2;

/// A place where messages are missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    line: LineNumber,
    messages: u64,
}

/// What may be missing of a cache.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Slack {
    frees: u64,
    allocs: u64,
}

/// What a boot lost.
#[derive(Clone, Default, Debug)]
pub(super) struct BootLoss {
    gaps: Vec<Gap>,
    /// Events without an address, by cache.
    unaddressed: IndexMap<NameId, Slack, FixedState>,
    /// Frees of objects that nobody knows, by cache.
    orphans: IndexMap<NameId, u64, FixedState>,
    /// Backtraces of allocations whose header is missing, by chain.
    headless_allocs: IndexMap<ChainId, u64, FixedState>,
    /// Backtraces of frees whose header is missing, by the function that freed.
    headless_frees: IndexMap<FreedBy, u64, FixedState>,
    printing: Printing,
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

    fn freed_unknown(&self, cache: NameId) -> u64 {
        match self.printing.beginning {
            Beginning::Boot => self.orphans.get(&cache).copied().unwrap_or_default(),
            Beginning::Later => 0,
        }
    }

    /// Something is missing at `line`.
    pub(super) fn lost(&mut self, lost: Lost, line: LineNumber, names: &Names) {
        match lost {
            Lost::Messages(messages) => self.add_gap(Gap { line, messages }),
            Lost::Header { op: Op::Alloc, stack } => {
                *self.headless_allocs.entry(stack.chain).or_default() += 1;
            }
            Lost::Header { op: Op::Free, stack } => {
                *self.headless_frees.entry(FreedBy::of(Some(stack), names)).or_default() += 1;
            }
        }
    }

    /// The boot is over, and this is how its events were printed.
    pub(super) fn printed(&mut self, printing: Printing) {
        self.printing = printing;
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
    fn events_in(&self, gap: Gap) -> u64 {
        let lines = self.printing.event_lines_min.max(1);
        let whole = gap.messages / lines;
        gap.messages.min(whole.saturating_add(HEADERS_AT_EDGE))
    }
}

/// The least and the greatest number of objects that may truly live.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Bounds {
    /// Whether the group's chain looks like another one's that lost lines.
    pub is_suspect: bool,
    /// The least.
    pub low: u64,
    /// The greatest.
    pub high: u64,
}

/// A group and its survivors.
type Entry = (GroupKey, Group, GroupSurvivors);

/// Works out the bounds of a boot's groups.
pub(super) struct Reckoning<'a> {
    loss: &'a BootLoss,
    names: &'a Names,
    /// For each group, its objects that were live at some gap and may have been freed in it.
    freed_in_gaps: Vec<u64>,
    live_so_far: Vec<u64>,
    next_gap: usize,
}

impl<'a> Reckoning<'a> {
    pub(super) fn new(loss: &'a BootLoss, groups: usize, names: &'a Names) -> Reckoning<'a> {
        Reckoning {
            loss,
            names,
            freed_in_gaps: vec![0; groups],
            live_so_far: vec![0; groups],
            next_gap: 0,
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

    /// The bounds of every group.
    pub(super) fn bounds(mut self, groups: &[Entry]) -> Vec<Bounds> {
        self.pass_gaps(LineNumber(u64::MAX));
        let unplaced = unplaced_by_cache(groups);
        let shortened = self.shortened(groups);
        let unknown_frees = self.unknown_frees(groups);
        let gaps = self.loss.gaps.iter();
        let in_gaps = gaps.fold(0, |sum: u64, &gap| sum.saturating_add(self.loss.events_in(gap)));
        let common = Common { unplaced, unknown_frees, in_gaps };
        groups
            .iter()
            .enumerate()
            .map(|(at, entry)| self.of_group(at, entry, &common, shortened[at]))
            .collect()
    }

    fn of_group(
        &self,
        at: usize,
        (key, group, left): &Entry,
        common: &Common,
        shortened: Shortened,
    ) -> Bounds {
        let live = group.live();
        let slack = self.loss.unaddressed.get(&key.cache).copied().unwrap_or_default();
        let own_unplaced = left.unplaced(key, group);
        let certain = if shortened.is_short { 0 } else { live - own_unplaced };
        let freed = [
            self.freed_in_gaps[at],
            slack.frees,
            self.loss.freed_unknown(key.cache),
            self.headless_frees(group, common.unknown_frees),
        ];
        let others = common.unplaced.get(&key.cache).copied().unwrap_or(0) - own_unplaced;
        let more = [
            common.in_gaps,
            slack.allocs,
            self.headless_allocs(key),
            others,
            shortened.live_elsewhere,
        ];
        Bounds {
            is_suspect: shortened.is_short,
            low: freed.iter().fold(certain, |low, &count| low.saturating_sub(count)),
            high: more.iter().fold(live, |high, &count| high.saturating_add(count)),
        }
    }

    /// Allocations without a header that may be the group's.
    fn headless_allocs(&self, key: &GroupKey) -> u64 {
        let Some(chain) = key.chain else { return 0 };
        let is_own = |headless: ChainId| {
            headless == chain || self.likeness(headless, chain) != Likeness::None
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

    /// A chain may be another one whose lines were lost or changed places. Where the log shows
    /// that lines are missing, any such chain may be; else only a rare one that no program could
    /// have printed.
    fn shortened(&self, groups: &[Entry]) -> Vec<Shortened> {
        let mut shortened = vec![Shortened::default(); groups.len()];
        let lines_are_missing = self.loss.printing.missing_lines > 0
            || !self.loss.headless_allocs.is_empty()
            || !self.loss.headless_frees.is_empty();
        for of_cache in by_cache(groups) {
            for &whole in of_cache.iter().take(WHOLE_MAX) {
                for &part in of_cache.iter().filter(|&&part| part != whole) {
                    if self.may_be_part(&groups[part], &groups[whole], lines_are_missing) {
                        shortened[whole].live_elsewhere += groups[part].1.live();
                        shortened[part].is_short = true;
                    }
                }
            }
        }
        shortened
    }

    fn may_be_part(
        &self,
        (part, rare, _): &Entry,
        (whole, group, _): &Entry,
        lines_are_missing: bool,
    ) -> bool {
        let is_rare = rare.allocs.saturating_mul(RARE) <= group.allocs;
        let (Some(part), Some(whole)) = (part.chain, whole.chain) else { return false };
        (is_rare || lines_are_missing)
            && match self.likeness(part, whole) {
                Likeness::Impossible => true,
                Likeness::Recursion => lines_are_missing,
                Likeness::None => false,
            }
    }

    /// How a chain may have come from another one by damage. A return address has one callee,
    /// but for indirect calls: the same frame below two different ones means that one is missing
    /// or out of place. Recursion alone makes chains that are longer and shorter.
    fn likeness(&self, part: ChainId, whole: ChainId) -> Likeness {
        let (part, whole) = (self.names.chain(part), self.names.chain(whole));
        match whole.len().checked_sub(part.len()) {
            Some(0) if is_swapped(part, whole) || self.is_blurred(part, whole) => {
                Likeness::Impossible
            }
            Some(1..=FRAMES_LOST_MAX) if !part.is_empty() => self.as_part(part, whole),
            _ if is_uncut(part, whole) || is_cut_short(part, whole) => Likeness::Impossible,
            _ => Likeness::None,
        }
    }

    /// Whether frames lost nothing but their offset: arm shows a frame as callee and as caller,
    /// and the line with the offset is missing.
    fn is_blurred(&self, part: &[Placed], whole: &[Placed]) -> bool {
        let is_blurred = |one: &Placed, other: &Placed| {
            let (one, other) = (self.names.frame(one.frame), self.names.frame(other.frame));
            one == other || (one.offset.is_none() && one.function == other.function)
        };
        part.iter().zip(whole).all(|(one, other)| is_blurred(one, other))
    }

    fn as_part(&self, part: &[Placed], whole: &[Placed]) -> Likeness {
        let function = |placed: &Placed| self.names.frame(placed.frame).function;
        let mut rest = part.iter().map(|placed| placed.frame).peekable();
        let mut inner = None;
        let mut likeness = Likeness::Impossible;
        for placed in whole {
            let is_missing = rest.next_if_eq(&placed.frame).is_none();
            if is_missing && inner == Some(function(placed)) {
                likeness = Likeness::Recursion;
            }
            inner = Some(function(placed));
        }
        if rest.next().is_none() { likeness } else { Likeness::None }
    }
}

/// Whether the outer frames are missing: the log ended, or messages were dropped.
fn is_cut_short(part: &[Placed], whole: &[Placed]) -> bool {
    !part.is_empty()
        && part.len() < whole.len()
        && part.iter().zip(whole).all(|(one, other)| one.frame == other.frame)
}

/// Whether the frame is missing where an interrupt was entered, so that the interrupted frames
/// seem to belong to the chain.
fn is_uncut(part: &[Placed], whole: &[Placed]) -> bool {
    let Some((entry, handler)) = whole.split_last() else { return false };
    entry.context != Context::Task
        && !handler.is_empty()
        && part.len() >= handler.len()
        && part.iter().zip(handler).all(|(one, other)| one.frame == other.frame)
}

/// The groups of each cache, those with most allocations first.
fn by_cache(groups: &[Entry]) -> Vec<Vec<usize>> {
    let mut caches: IndexMap<NameId, Vec<usize>, FixedState> = IndexMap::default();
    for (at, (key, _, _)) in groups.iter().enumerate() {
        caches.entry(key.cache).or_default().push(at);
    }
    let mut lists: Vec<Vec<usize>> = caches.into_values().collect();
    for list in &mut lists {
        list.sort_by_key(|&at| (std::cmp::Reverse(groups[at].1.allocs), at));
    }
    lists
}

/// Whether two neighbouring frames have changed places.
fn is_swapped(one: &[Placed], other: &[Placed]) -> bool {
    let mut differing = (0..one.len()).filter(|&at| one[at].frame != other[at].frame);
    match (differing.next(), differing.next(), differing.next()) {
        (Some(first), Some(second), None) => {
            second == first + 1
                && one[first].frame == other[second].frame
                && one[second].frame == other[first].frame
        }
        _ => false,
    }
}

/// How one chain may have come from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Likeness {
    /// Not at all.
    None,
    /// By recursion to another depth, or by damage.
    Recursion,
    /// By damage, or by an indirect call or a tail call.
    Impossible,
}

/// What is the same for all groups of a boot.
struct Common {
    /// Live objects of each cache that may belong to a group other than their own.
    unplaced: IndexMap<NameId, u64, FixedState>,
    /// Frees without a header that may have been of any group.
    unknown_frees: u64,
    /// Events that may have been in gaps.
    in_gaps: u64,
}

/// What lost frames may have done to a group.
#[derive(Clone, Copy, Default)]
struct Shortened {
    /// The chain is another group's with frames missing.
    is_short: bool,
    /// Live objects of groups whose chain is this one's with frames missing.
    live_elsewhere: u64,
}

/// Live objects of each cache that may belong to a group other than their own.
fn unplaced_by_cache(groups: &[Entry]) -> IndexMap<NameId, u64, FixedState> {
    let mut unplaced: IndexMap<NameId, u64, FixedState> = IndexMap::default();
    for (key, group, left) in groups {
        *unplaced.entry(key.cache).or_default() += left.unplaced(key, group);
    }
    unplaced
}
