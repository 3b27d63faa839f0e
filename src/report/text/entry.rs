//! What is shown as one: a family of groups, in all boots.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::report::{FamilyReport, FreedByReport, GroupReport, ProcessReport, Report};

/// Groups that are shown together.
pub(super) struct Entry<'a> {
    /// Its place, from 1.
    pub(super) number: usize,
    /// The groups, the first of them the one to show.
    pub(super) groups: Vec<&'a GroupReport>,
    /// The families, one of each boot, those that leak first; none where the kernel counts.
    pub(super) families: Vec<&'a FamilyReport>,
    /// Its part of all that lives, and that of it and all before it.
    pub(super) share: Share,
}

/// The families of a report by their name, in its order.
type Families<'a> = IndexMap<&'a str, Vec<&'a FamilyReport>, FixedState>;

/// A part of all live bytes, or of all live objects where sizes are not known; 0 to 1.
#[derive(Clone, Copy, Default)]
pub(super) struct Share {
    pub(super) own: f64,
    pub(super) so_far: f64,
}

impl<'a> Entry<'a> {
    /// The entries of a report, in its order.
    pub(super) fn all(report: &'a Report) -> Vec<Entry<'a>> {
        let mut families: Families<'a> = Families::default();
        for family in &report.families {
            families.entry(&family.name).or_default().push(family);
        }
        let mut entries: Vec<Entry<'a>> =
            by_family(report).into_iter().map(|groups| Entry::of(groups, &families)).collect();
        let totals = &report.totals;
        let mut so_far = 0.0;
        for (at, entry) in entries.iter_mut().enumerate() {
            entry.number = at + 1;
            let own = match entry.bytes() {
                Some(bytes) if totals.live_bytes > 0 => bytes as f64 / totals.live_bytes as f64,
                _ => entry.objects() as f64 / totals.live_objects.max(1) as f64,
            };
            so_far += own;
            entry.share = Share { own, so_far };
        }
        entries
    }

    fn of(groups: Vec<&'a GroupReport>, families: &Families<'a>) -> Entry<'a> {
        let is_judged = groups.iter().any(|group| group.judgement.is_some());
        let its = groups.first().filter(|_| is_judged);
        let its = its.and_then(|group| families.get(group.family.as_str())).cloned();
        Entry { number: 0, groups, families: its.unwrap_or_default(), share: Share::default() }
    }

    /// The group to show.
    pub(super) fn first(&self) -> &'a GroupReport {
        self.groups[0]
    }

    /// The family to show.
    pub(super) fn family(&self) -> Option<&'a FamilyReport> {
        self.families.first().copied()
    }

    /// The groups of the boot that is shown.
    fn shown(&self) -> impl Iterator<Item = &'a GroupReport> {
        let boot = self.first().boot;
        self.groups.iter().copied().filter(move |group| group.boot == boot)
    }

    /// Who allocated what lives, most objects first.
    pub(super) fn processes(&self) -> Vec<ProcessReport> {
        let mut sums: IndexMap<_, u64, FixedState> = IndexMap::default();
        for process in self.shown().flat_map(|group| &group.processes) {
            *sums.entry((process.comm.clone(), process.pid)).or_default() += process.live_objects;
        }
        let sum = |((comm, pid), live_objects)| ProcessReport { comm, pid, live_objects };
        let mut processes: Vec<ProcessReport> = sums.into_iter().map(sum).collect();
        ProcessReport::sort(&mut processes);
        processes
    }

    /// Who freed what was freed, most objects first.
    pub(super) fn freers(&self) -> Vec<FreedByReport> {
        let mut sums: IndexMap<_, u64, FixedState> = IndexMap::default();
        for freer in self.shown().flat_map(|group| &group.freed_by) {
            *sums.entry((freer.function.clone(), freer.module.clone())).or_default() += freer.frees;
        }
        let sum = |((function, module), frees)| FreedByReport { function, module, frees };
        let mut freers: Vec<FreedByReport> = sums.into_iter().map(sum).collect();
        freers.sort_by_key(|freer| Reverse(freer.frees));
        freers
    }

    /// Live objects.
    pub(super) fn objects(&self) -> u64 {
        self.groups.iter().map(|group| group.live_objects).sum()
    }

    /// Live bytes, where the size is known.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.groups.iter().map(|group| group.live_bytes).sum()
    }

    /// Whether it leaks.
    pub(super) fn is_leak(&self) -> bool {
        self.family().is_some_and(|family| family.judgement.verdict.is_leak())
    }
}

/// The groups of each family, the family of the first group first.
fn by_family(report: &Report) -> Vec<Vec<&GroupReport>> {
    let mut families: IndexMap<(&str, usize), Vec<&GroupReport>, FixedState> = IndexMap::default();
    for (at, group) in report.groups.iter().enumerate() {
        // What the kernel counts has no family.
        let own = if group.judgement.is_some() { 0 } else { at };
        families.entry((&group.family, own)).or_default().push(group);
    }
    families.into_values().collect()
}
