//! Sums of groups, and a function between its neighbours.

use std::io::{self, Write};

use super::conclusion::percent;
use super::frame::module;
use crate::print::Escaped;
use crate::print::number::{bytes, count, counted};
use crate::report::{FunctionReport, Neighbour, Report, Rollup, RollupKey};
use crate::verdict::Verdict;

/// Writes the sums of groups.
pub(super) fn rollup(rollup: &Rollup, report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\n{:12}  {:>7} {:>9} {:>6} {:>7}  {}",
        "verdict",
        "objects",
        "bytes",
        "share",
        "groups",
        rollup.key.name()
    )?;
    for row in &rollup.rows {
        let name = match (rollup.key, &row.function, &row.module) {
            (RollupKey::Module, _, Some(module)) => Escaped(module).to_string(),
            (RollupKey::Module, _, None) => "(the kernel)".to_owned(),
            (RollupKey::Function, Some(function), of) => {
                format!("{}{}", Escaped(function), module(of.as_deref()))
            }
            (RollupKey::Function, None, _) => "(unknown)".to_owned(),
        };
        let share = match report.totals.live_bytes {
            0 => row.live_objects as f64 / report.totals.live_objects.max(1) as f64,
            all => row.live_bytes as f64 / all as f64,
        };
        writeln!(
            out,
            "{:12}  {:>7} {:>9} {:>6} {:>7}  {name}",
            row.verdict.map_or("", Verdict::title),
            count(row.live_objects),
            bytes(row.live_bytes),
            percent(share),
            count(row.groups),
        )?;
    }
    Ok(())
}

/// Writes who calls a function and what it calls.
pub(super) fn function(function: &FunctionReport, out: &mut impl Write) -> io::Result<()> {
    if function.callers.is_empty() {
        let name = Escaped(&function.name);
        return writeln!(out, "\nNo live object was allocated through {name}.");
    }
    writeln!(
        out,
        "\n{}: {} live, {}, allocated through it",
        Escaped(&function.name),
        counted(function.live_objects, "object"),
        bytes(function.live_bytes)
    )?;
    neighbours("called by", "(nobody: a chain ends here)", &function.callers, out)?;
    neighbours("calling", "(the allocator)", &function.callees, out)
}

fn neighbours(
    lead: &str,
    nobody: &str,
    neighbours: &[Neighbour],
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "  {lead}")?;
    for neighbour in neighbours {
        let name = neighbour.function.as_deref().map_or_else(
            || nobody.to_owned(),
            |name| format!("{}{}", Escaped(name), module(neighbour.module.as_deref())),
        );
        let (objects, size) = (count(neighbour.live_objects), bytes(neighbour.live_bytes));
        writeln!(out, "  {objects:>9} {size:>9}  {name}")?;
    }
    Ok(())
}
