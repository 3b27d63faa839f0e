//! Groups added up by the function that allocates, or by its module.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::{GroupReport, Report};
use crate::chain::base_name;
use crate::verdict::Verdict;

/// What groups are added up by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RollupKey {
    /// The function that called the allocator.
    Function,
    /// The module of the first function of the chain that is in one, else the kernel.
    Module,
}

impl RollupKey {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            RollupKey::Function => "function",
            RollupKey::Module => "module",
        }
    }
}

/// The groups of a report, added up.
#[derive(Clone, PartialEq, Debug)]
pub struct Rollup {
    /// By what.
    pub key: RollupKey,
    /// The sums: those that leak most first.
    pub rows: Vec<RollupRow>,
}

/// A sum of groups.
#[derive(Clone, PartialEq, Debug)]
pub struct RollupRow {
    /// The function, where functions are asked for and it has a name.
    pub function: Option<String>,
    /// The module; absent for the kernel itself.
    pub module: Option<String>,
    /// The gravest of the groups' verdicts; absent where there is no trace to tell.
    pub verdict: Option<Verdict>,
    /// The groups.
    pub groups: u64,
    /// Live objects.
    pub live_objects: u64,
    /// Those of them that are of groups that leak.
    pub leaking_objects: u64,
    /// Live bytes, as far as sizes are known.
    pub live_bytes: u64,
}

impl RollupRow {
    fn add(&mut self, group: &GroupReport) {
        let verdict = group.judgement.map(|judgement| judgement.verdict);
        self.groups += 1;
        self.live_objects += group.live_objects;
        if verdict.is_some_and(Verdict::is_leak) {
            self.leaking_objects += group.live_objects;
        }
        self.live_bytes = self.live_bytes.saturating_add(group.live_bytes.unwrap_or(0));
        self.verdict = self.verdict.into_iter().chain(verdict).min();
    }
}

impl Report {
    /// Adds the groups up.
    pub fn roll_up(&mut self, key: RollupKey) {
        type Key<'a> = (Option<&'a str>, Option<&'a str>);
        let mut rows: IndexMap<Key<'_>, RollupRow, FixedState> = IndexMap::default();
        for group in &self.groups {
            let place = place(group, key);
            let (function, module) = place;
            let new = || RollupRow {
                function: function.map(str::to_owned),
                module: module.map(str::to_owned),
                verdict: None,
                groups: 0,
                live_objects: 0,
                leaking_objects: 0,
                live_bytes: 0,
            };
            rows.entry(place).or_insert_with(new).add(group);
        }
        let mut rows: Vec<RollupRow> = rows.into_values().collect();
        rows.sort_by_key(|row| {
            let is_harmless = !row.verdict.is_some_and(Verdict::is_leak);
            (is_harmless, Reverse(row.live_bytes), Reverse(row.live_objects))
        });
        self.rollup = Some(Rollup { key, rows });
    }
}

fn place(group: &GroupReport, key: RollupKey) -> (Option<&str>, Option<&str>) {
    let mut callers = group.callers();
    match key {
        RollupKey::Function => callers.next().map_or((None, None), |frame| {
            (frame.function.as_deref().map(base_name), frame.module.as_deref())
        }),
        RollupKey::Module => (None, callers.find_map(|frame| frame.module.as_deref())),
    }
}
