//! What the kernel itself counts of the trace's groups.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::COMPARED_MAX;
use super::chains::{callers, likeness};
use crate::chain::base_name;
use crate::kernel_counts::Account;
use crate::report::Origin;
use crate::report::crosscheck::KernelCount;
use crate::report::crosscheck::Likeness;
use crate::report::{FrameReport, GroupReport, Report};

impl Report {
    /// Takes note of what the kernel counts of each group of the last boot.
    pub(crate) fn join_accounts(&mut self, accounts: Vec<Account>) {
        let last = self.groups.iter().map(|group| group.boot).max();
        for account in accounts.iter().filter(|account| counts_objects(account.report.origin)) {
            let is_of_it = |group: &GroupReport| Some(group.boot) == last && is_of(account, group);
            let ours: Vec<Told<'_>> = self
                .groups
                .iter()
                .enumerate()
                .take(COMPARED_MAX)
                .filter(|(_, group)| is_of_it(group))
                .map(|(at, group)| Told::new(at, group))
                .collect();
            let counts = counts(&ours, account);
            for (at, count) in counts {
                let known = &mut self.groups[at].witness.kernel;
                if known.is_none_or(|known| count.likeness > known.likeness) {
                    *known = Some(count);
                }
            }
        }
        self.accounts = accounts.into_iter().map(|account| account.report).collect();
    }
}

/// Whether a file counts slab objects by who allocated them.
fn counts_objects(origin: Origin) -> bool {
    matches!(origin, Origin::AllocTraces | Origin::AllocCalls | Origin::Allocinfo)
}

/// A group and its callers.
struct Told<'a> {
    at: usize,
    live: u64,
    chain: Vec<&'a FrameReport>,
}

impl<'a> Told<'a> {
    fn new(at: usize, group: &'a GroupReport) -> Told<'a> {
        Told { at, live: group.live_objects, chain: callers(&group.chain) }
    }

    fn site(&self) -> Option<&'a str> {
        self.chain.first()?.function.as_deref().map(base_name)
    }
}

/// What an account counts of each group: the entries most like it, and the groups that those may
/// be of.
fn counts(ours: &[Told<'_>], account: &Account) -> Vec<(usize, KernelCount)> {
    let entries: Vec<Told<'_>> =
        account.groups.iter().enumerate().map(|(at, entry)| Told::new(at, entry)).collect();
    let mut by_site: IndexMap<&str, (Vec<&Told<'_>>, Vec<&Told<'_>>), FixedState> =
        IndexMap::default();
    for group in ours {
        if let Some(site) = group.site() {
            by_site.entry(site).or_default().0.push(group);
        }
    }
    for entry in &entries {
        if let Some((_, theirs)) = entry.site().and_then(|site| by_site.get_mut(site))
            && theirs.len() < COMPARED_MAX
        {
            theirs.push(entry);
        }
    }
    let sites = by_site.values();
    sites.flat_map(|(ours, theirs)| counts_at(ours, theirs, account)).collect()
}

/// The counts of groups and entries with one innermost function.
fn counts_at(
    ours: &[&Told<'_>],
    theirs: &[&Told<'_>],
    account: &Account,
) -> Vec<(usize, KernelCount)> {
    let best_of = |group: &Told<'_>| -> Option<(Likeness, Vec<usize>)> {
        let alike: Vec<(usize, Likeness)> = theirs
            .iter()
            .filter_map(|entry| Some((entry.at, likeness(&group.chain, &entry.chain)?)))
            .collect();
        let best = alike.iter().map(|&(_, likeness)| likeness).max()?;
        let entries = alike.into_iter().filter(|&(_, likeness)| likeness == best);
        Some((best, entries.map(|(at, _)| at).collect()))
    };
    let found: Vec<_> = ours.iter().map(|group| best_of(group)).collect();
    let mut claims: IndexMap<usize, (u64, u64), FixedState> = IndexMap::default();
    for (group, (_, entries)) in ours.iter().zip(&found).filter_map(|(g, f)| Some((g, f.as_ref()?)))
    {
        for &entry in entries {
            let (live, groups) = claims.entry(entry).or_default();
            *live = u64::saturating_add(*live, group.live);
            *groups += 1;
        }
    }
    let count = |(best, entries): &(Likeness, Vec<usize>)| KernelCount {
        origin: account.report.origin,
        objects: entries
            .iter()
            .map(|&entry| account.groups[entry].live_objects)
            .fold(0, u64::saturating_add),
        survivors: entries.iter().map(|entry| claims[entry].0).max().unwrap_or(0),
        groups: entries.iter().map(|entry| claims[entry].1).max().unwrap_or(0),
        likeness: *best,
    };
    let found = ours.iter().zip(&found).filter_map(|(g, f)| Some((g.at, count(f.as_ref()?))));
    found.collect()
}

/// Whether an account is of a group's cache, as far as that is known.
fn is_of(account: &Account, group: &GroupReport) -> bool {
    account.report.cache.as_ref().is_none_or(|cache| *cache == group.cache)
}
