//! Which groups kmemleak lists as unreferenced.

use super::COMPARED_MAX;
use super::chains::{callers, likeness};
use crate::kmemleak::{self, KmemleakReport, ObjectKind};
use crate::ledger::kmalloc_size;
use crate::report::crosscheck::Likeness;
use crate::report::crosscheck::{KmemleakWitness, OtherLeak, Seen, Unreferenced};
use crate::report::{FrameReport, GroupReport, Report};

impl Report {
    /// Finds the groups of the last boot that kmemleak lists too. What an earlier report of
    /// kmemleak's said of them is forgotten.
    pub fn join_kmemleak(&mut self, found: &KmemleakReport, place: Seen) {
        let found_groups = found.groups.iter().take(COMPARED_MAX);
        let told = told(&self.groups);
        let matches: Vec<_> = found_groups.map(|leak| (leak, matches(leak, &told))).collect();
        let mut witness = KmemleakWitness {
            scans: found.scans,
            groups: found.groups.len() as u64,
            matched_groups: 0,
            other_objects: 0,
            others: Vec::new(),
            place,
        };
        for group in &mut self.groups {
            group.witness.kmemleak = None;
        }
        for (leak, matches) in matches {
            if matches.is_empty() {
                witness.other_objects = witness.other_objects.saturating_add(most(leak));
                if witness.others.len() < OTHERS_MAX {
                    witness.others.push(other(leak));
                }
                continue;
            }
            witness.matched_groups += 1;
            let rivals = matches.len() as u64 - 1;
            for (at, likeness) in matches {
                note(&mut self.groups[at], leak, likeness, rivals);
            }
        }
        self.witness.kmemleak = Some(witness);
    }
}

/// A group, and what its chain says of who called.
struct Told<'a> {
    at: usize,
    group: &'a GroupReport,
    callers: Vec<&'a FrameReport>,
}

/// The groups of the last boot.
fn told(groups: &[GroupReport]) -> Vec<Told<'_>> {
    let last = groups.iter().map(|group| group.boot).max();
    let of_last = groups.iter().enumerate().filter(|(_, group)| Some(group.boot) == last);
    let told = of_last.map(|(at, group)| Told { at, group, callers: callers(&group.chain) });
    told.take(COMPARED_MAX).collect()
}

/// Leaks of no traced group are named up to this many.
const OTHERS_MAX: usize = 5;

fn other(leak: &kmemleak::GroupReport) -> OtherLeak {
    let caller = callers(&leak.chain).first().and_then(|frame| frame.function.clone());
    OtherLeak {
        fingerprint: leak.fingerprint.clone(),
        function: caller,
        size: leak.size,
        objects: most(leak),
    }
}

/// The groups that a leak may be, those that are most alike alone.
fn matches(leak: &kmemleak::GroupReport, told: &[Told<'_>]) -> Vec<(usize, Likeness)> {
    if leak.kind != ObjectKind::Virtual {
        return Vec::new();
    }
    let theirs = callers(&leak.chain);
    let alike: Vec<(usize, Likeness)> = told
        .iter()
        .filter(|told| may_hold(told.group, leak.size))
        .filter_map(|told| Some((told.at, of(told, leak, &theirs)?)))
        .collect();
    let best = alike.iter().map(|&(_, likeness)| likeness).max();
    alike.into_iter().filter(|&(_, likeness)| Some(likeness) == best).collect()
}

fn of(told: &Told<'_>, leak: &kmemleak::GroupReport, theirs: &[&FrameReport]) -> Option<Likeness> {
    if told.group.fingerprint == leak.fingerprint {
        return Some(Likeness::Same);
    }
    // A call site alone is too little: many chains begin in one helper.
    likeness(&told.callers, theirs).filter(|&likeness| likeness > Likeness::Site)
}

/// Whether objects of this size come from the group's cache, as far as that is known.
fn may_hold(group: &GroupReport, size: u64) -> bool {
    let named = kmalloc_size(&group.cache).map(u64::from);
    let known = group.object_size.map(u64::from);
    (named, known) == (None, None) || named == Some(size) || known == Some(size)
}

fn note(group: &mut GroupReport, leak: &kmemleak::GroupReport, likeness: Likeness, rivals: u64) {
    let seen = group.witness.kmemleak.get_or_insert(Unreferenced {
        objects_last: 0,
        objects_most: 0,
        likeness,
        rivals,
    });
    seen.objects_last = seen.objects_last.saturating_add(leak.objects);
    seen.objects_most = seen.objects_most.saturating_add(most(leak));
    seen.likeness = seen.likeness.min(likeness);
    seen.rivals = seen.rivals.max(rivals);
}

/// Objects in the report that has most of them: a list that was cleared has forgotten them.
fn most(leak: &kmemleak::GroupReport) -> u64 {
    leak.history.iter().copied().max().unwrap_or(0)
}
