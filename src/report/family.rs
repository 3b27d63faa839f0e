//! Groups that are one place of the code, taken together.

use std::cmp::Reverse;

use super::{GroupReport, Growth, Lifetimes, Timeline};
use crate::ledger::{Evidence, Extent, History};
use crate::time::seconds;
use crate::verdict::{Judgement, judge};

/// The groups of one boot whose chains differ only in offsets, in compiler suffixes, or in how deep
/// a function called itself.
#[derive(Clone, PartialEq, Debug)]
pub struct FamilyReport {
    /// Its name on other boots, builds and machines: made like a fingerprint, of each function where
    /// it comes first.
    pub name: String,
    /// The boot.
    pub boot: usize,
    /// What it is, and why.
    pub judgement: Judgement,
    /// Allocations.
    pub allocs: u64,
    /// Those of them that were freed.
    pub frees: u64,
    /// Those of them that were not.
    pub live_objects: u64,
    /// The range that the true number lies in, with 95 % confidence.
    pub likely: (u64, u64),
    /// Bytes that live.
    pub live_bytes: Option<u64>,
    /// How long the freed objects lived.
    pub lifetimes: Option<Lifetimes>,
    /// The survivors' ages.
    pub ages: Option<Ages>,
    /// Survivors that are older than any freed object got.
    pub outliving: u64,
    /// How it grew.
    pub timeline: Option<Box<Timeline>>,
}

/// How old survivors are when the log ends, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ages {
    /// The youngest's age.
    pub youngest: f64,
    /// The oldest's age.
    pub oldest: f64,
}

impl FamilyReport {
    /// How fast its live objects became more.
    pub fn growth(&self) -> Option<Growth> {
        self.timeline.as_deref().and_then(Timeline::growth)
    }

    /// The family that a group is the first of; nothing of it is added yet.
    pub(super) fn of(first: &GroupReport, evidence: &Evidence, extent: &Extent) -> FamilyReport {
        FamilyReport {
            name: first.family.clone(),
            boot: first.boot,
            judgement: judge(evidence, extent),
            allocs: evidence.allocs,
            frees: evidence.frees,
            live_objects: 0,
            likely: evidence.likely,
            live_bytes: first.object_size.map(|_| 0),
            lifetimes: Lifetimes::of(&evidence.lifetimes),
            ages: evidence.survivors.and_then(|span| ages(span, extent)),
            outliving: evidence.outliving,
            timeline: Timeline::of_events(evidence.allocs + evidence.frees, extent),
        }
    }

    /// Takes a group of the family.
    pub(super) fn add(&mut self, group: &GroupReport, history: &History) {
        self.live_objects += group.live_objects;
        self.live_bytes = self.live_bytes.zip(group.live_bytes).map(|(sum, bytes)| sum + bytes);
        if let Some(timeline) = &mut self.timeline {
            timeline.add(history);
        }
    }

    /// What it is ranked by: the class of its verdict, then bytes that leaked, then objects.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        let objects = u64::midpoint(self.likely.0, self.likely.1);
        let size = self.live_bytes.map(|bytes| bytes / self.live_objects.max(1));
        let bytes = size.map(|size| size.saturating_mul(objects));
        (self.judgement.class(), Reverse(bytes), Reverse(objects))
    }
}

/// How old survivors are, of which these are the oldest and the youngest.
pub(super) fn ages((oldest, youngest): (i64, i64), extent: &Extent) -> Option<Ages> {
    let age = |born: i64| extent.age(born).map(seconds);
    Some(Ages { youngest: age(youngest)?, oldest: age(oldest)? })
}
