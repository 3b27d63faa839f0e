//! Sums of groups, and a function between its neighbours, as JSON has them.

use serde::Serialize;

use crate::report;
use crate::verdict::Verdict;

/// Groups added up.
#[derive(Serialize)]
pub(super) struct Rollup<'a> {
    by: &'static str,
    rows: Vec<RollupRow<'a>>,
}

#[derive(Serialize)]
struct RollupRow<'a> {
    function: Option<&'a str>,
    module: Option<&'a str>,
    verdict: Option<&'static str>,
    groups: u64,
    live_objects: u64,
    leaking_objects: u64,
    live_bytes: u64,
}

/// A function between its callers and callees.
#[derive(Serialize)]
pub(super) struct Function<'a> {
    name: &'a str,
    live_objects: u64,
    live_bytes: u64,
    callers: Vec<Neighbour<'a>>,
    callees: Vec<Neighbour<'a>>,
}

#[derive(Serialize)]
struct Neighbour<'a> {
    function: Option<&'a str>,
    module: Option<&'a str>,
    live_objects: u64,
    live_bytes: u64,
}

pub(super) fn rollup(rollup: &report::Rollup) -> Rollup<'_> {
    let rows = rollup.rows.iter().map(|row| RollupRow {
        function: row.function.as_deref(),
        module: row.module.as_deref(),
        verdict: row.verdict.map(Verdict::name),
        groups: row.groups,
        live_objects: row.live_objects,
        leaking_objects: row.leaking_objects,
        live_bytes: row.live_bytes,
    });
    Rollup { by: rollup.key.name(), rows: rows.collect() }
}

pub(super) fn function(function: &report::FunctionReport) -> Function<'_> {
    Function {
        name: &function.name,
        live_objects: function.live_objects,
        live_bytes: function.live_bytes,
        callers: function.callers.iter().map(neighbour).collect(),
        callees: function.callees.iter().map(neighbour).collect(),
    }
}

fn neighbour(neighbour: &report::Neighbour) -> Neighbour<'_> {
    Neighbour {
        function: neighbour.function.as_deref(),
        module: neighbour.module.as_deref(),
        live_objects: neighbour.live_objects,
        live_bytes: neighbour.live_bytes,
    }
}
