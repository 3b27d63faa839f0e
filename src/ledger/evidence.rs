//! What there is to judge a family of groups by.

use super::Live;
use super::group::{Group, GroupKey, widen};
use super::lifetimes::Lifetimes;
use crate::address::LineNumber;
use crate::chain::Occasion;
use crate::event::{Names, Witness};

/// A place in the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment {
    /// Its line.
    pub line: LineNumber,
    /// Microseconds of its time.
    pub time: Option<i64>,
}

/// From where to where a boot was traced, and when its log ends.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Extent {
    /// Lines of the first and the last header.
    pub lines: Option<(LineNumber, LineNumber)>,
    /// Microseconds of the first and the last header.
    pub headers: Option<(i64, i64)>,
    /// Microseconds of the header with which the trace was over, but for a few that came later.
    pub active_end: Option<i64>,
    /// Microseconds of the first and the last line.
    pub log: Option<(i64, i64)>,
}

impl Extent {
    /// Microseconds that an object of this age has lived when the log ends.
    pub fn age(&self, time: i64) -> Option<i64> {
        self.log.map(|(_, end)| end.saturating_sub(time).max(0))
    }

    /// Lines from this one to the last header.
    pub fn lines_since(&self, line: LineNumber) -> u64 {
        self.lines.map_or(0, |(_, last)| last.0.saturating_sub(line.0))
    }
}

/// What a family of groups did in one boot, all of its groups together.
#[derive(Clone, Default, Debug)]
pub struct Evidence {
    /// Allocations.
    pub allocs: u64,
    /// Those of them that were freed.
    pub frees: u64,
    /// Those of them whose address was allocated again without a free in between.
    pub reallocated: u64,
    /// Who told of them.
    pub witness: Witness,
    /// Objects that live.
    pub live: u64,
    /// The range that their number lies in with 95 % confidence.
    pub likely: (u64, u64),
    /// How long freed objects lived.
    pub lifetimes: Lifetimes,
    /// Lines that the freed object lived through that lived longest.
    pub longest_lines: u64,
    /// Microseconds of the first and the last allocation.
    pub span: Option<(i64, i64)>,
    /// Lines of the first and the last allocation.
    pub lines: Option<(LineNumber, LineNumber)>,
    /// Microseconds of the oldest and the youngest survivor.
    pub survivors: Option<(i64, i64)>,
    /// Survivors that are older than any freed object got.
    pub outliving: u64,
    /// The youngest of those.
    pub last_outliving: Option<Moment>,
    /// What its chains are part of.
    pub occasion: Occasion,
    /// Whether its call chain is known.
    pub is_traced_back: bool,
    /// Allocations by time, as far as it is known.
    allocs_by_time: Vec<(i64, u32)>,
}

impl Evidence {
    /// Takes a group of the family.
    pub(super) fn add(&mut self, key: &GroupKey, group: &Group, names: &Names) {
        self.allocs += group.allocs;
        self.frees += group.frees;
        self.reallocated += group.lost;
        self.witness = group.witness;
        self.live += group.live();
        self.lifetimes.merge(&group.lifetimes);
        self.longest_lines = self.longest_lines.max(group.longest_lines);
        self.span = hull(self.span, group.span);
        self.lines = hull(self.lines, group.lines);
        self.is_traced_back = key.chain.is_some_and(|chain| !names.chain(chain).is_empty());
        self.occasion =
            key.chain.map_or(Occasion::Any, |chain| Occasion::of(names.chain(chain), names));
        self.allocs_by_time.extend(group.history.bars().map(|(time, bar)| (time, bar.allocs)));
    }

    /// Takes a survivor; all groups are in.
    pub(super) fn see(&mut self, live: &Live, extent: &Extent) {
        let moment = Moment { line: live.line, time: live.time() };
        if let Some(time) = moment.time {
            widen(&mut self.survivors, time);
        }
        if self.is_outliving(moment, extent) {
            self.outliving += 1;
            self.last_outliving = self.last_outliving.max(Some(moment));
        }
    }

    fn is_outliving(&self, moment: Moment, extent: &Extent) -> bool {
        match (moment.time.and_then(|time| extent.age(time)), self.lifetimes.max()) {
            (Some(age), Some(longest)) => age.unsigned_abs() > longest,
            // Without times, or without siblings, lines are what there is.
            _ => extent.lines_since(moment.line) > self.longest_lines,
        }
    }

    /// How many objects were allocated after a time and yet so early that they are older than the
    /// freed one that lived longest when the log ends.
    pub fn allocs_since(&self, time: i64, extent: &Extent) -> u64 {
        let longest = self.lifetimes.max().and_then(|longest| i64::try_from(longest).ok());
        let Some(longest) = longest else { return 0 };
        let old = |at: i64| extent.age(at).is_some_and(|age| age > longest);
        let later = self.allocs_by_time.iter().filter(|&&(at, _)| at > time && old(at));
        // Of the bar that the time is in, nobody knows what came later.
        later.map(|&(_, allocs)| u64::from(allocs)).sum::<u64>().min(self.frees)
    }
}

/// The range that holds both.
fn hull<T: Ord + Copy>(one: Option<(T, T)>, other: Option<(T, T)>) -> Option<(T, T)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        _ => one.or(other),
    }
}
