//! A place of the code as the list shows it.

use std::cmp::Reverse;

use slabtrace::report::{FamilyReport, GroupReport, Report};

/// What places are ordered by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Order {
    #[default]
    Verdict,
    Growth,
    Bytes,
    Objects,
}

impl Order {
    /// The next of them, and behind the last the first.
    pub(super) fn next(self) -> Order {
        match self {
            Order::Verdict => Order::Growth,
            Order::Growth => Order::Bytes,
            Order::Bytes => Order::Objects,
            Order::Objects => Order::Verdict,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Order::Verdict => "verdict",
            Order::Growth => "growth",
            Order::Bytes => "bytes",
            Order::Objects => "objects",
        }
    }
}

/// A place of the code.
pub(super) struct Entry<'a> {
    pub(super) family: &'a FamilyReport,
    /// The group that is shown of it: the first.
    pub(super) group: &'a GroupReport,
    /// The function that allocates, with its module.
    pub(super) site: String,
}

impl<'a> Entry<'a> {
    /// The places whose chain, cache or tasks hold a text, in an order.
    pub(super) fn all(report: &'a Report, order: Order, wanted: &str) -> Vec<Entry<'a>> {
        let of_family = |family: &'a FamilyReport| {
            let mut groups = report.groups.iter();
            let is_of_it =
                |group: &&GroupReport| group.boot == family.boot && group.family == family.name;
            groups.find(is_of_it).map(|group| Entry { family, group, site: group.site() })
        };
        let entries = report.families.iter().filter_map(of_family);
        let mut entries: Vec<Entry<'a>> = entries.filter(|entry| entry.holds(wanted)).collect();
        match order {
            Order::Verdict => {}
            Order::Growth => entries.sort_by_key(|entry| Reverse(entry.grown())),
            Order::Bytes => entries.sort_by_key(|entry| Reverse(entry.family.live_bytes)),
            Order::Objects => entries.sort_by_key(|entry| Reverse(entry.family.live_objects)),
        }
        entries
    }

    fn holds(&self, wanted: &str) -> bool {
        let frames = self.group.chain.iter();
        let names = frames.flat_map(|frame| frame.function.iter().chain(&frame.module));
        let tasks = self.group.processes.iter().filter_map(|process| process.comm.as_ref());
        let verdict = self.family.judgement.verdict.title();
        wanted.is_empty()
            || self.group.cache.contains(wanted)
            || verdict.contains(wanted)
            || names.chain(tasks).any(|name| name.contains(wanted))
    }

    /// How many more objects live at the end than in the middle of the time.
    fn grown(&self) -> u64 {
        let live = self.live();
        let middle = live.len() / 2;
        match (live.last(), live.get(middle)) {
            (Some(last), Some(middle)) => last.saturating_sub(*middle),
            _ => 0,
        }
    }

    /// Live objects over the time of the boot.
    pub(super) fn live(&self) -> Vec<u64> {
        self.family.timeline.as_ref().map_or_else(Vec::new, |timeline| timeline.live().to_vec())
    }
}
