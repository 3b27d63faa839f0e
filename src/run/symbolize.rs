//! Source lines: for the frames of any log, and for those of a report.

use std::io::{self, Write};

use slabtrace::report::Report;
use slabtrace::symbol::{ImageStore, LogFilter, Symbols, Tally, Warning};

use super::input::Inputs;
use super::{Outcome, help, output};
use crate::cli::{SymbolArgs, SymbolizeArgs};

/// Copies logs, with source places behind their frames.
pub(super) fn symbolize(args: &SymbolizeArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.captures)? else { return help() };
    let store = ImageStore::new();
    let mut filter = LogFilter::new(Symbols::new(&store, args.symbols.options())?);
    let mut out = output(args.output.as_deref())?;
    while let Some(mut input) = inputs.next()? {
        while let Some(bytes) = input.read() {
            filter.feed(bytes, &mut out)?;
            // Who watches a log that grows wants its lines as they come.
            out.flush()?;
        }
        inputs.done(&input);
    }
    filter.finish(&mut out)?;
    out.flush()?;
    warn(filter.symbols().warnings());
    say_missing(filter.tally());
    Ok(Outcome::Reported)
}

/// Adds source places to the frames of a report.
pub(super) fn add_sources(report: &mut Report, args: &SymbolArgs) -> anyhow::Result<()> {
    let store = ImageStore::new();
    let mut symbols = Symbols::new(&store, args.options())?;
    report.add_sources(&mut symbols);
    report.add_symbol_warnings(symbols.warnings());
    warn(symbols.warnings());
    Ok(())
}

fn warn(warnings: &[Warning]) {
    for warning in warnings {
        // Nothing is left to do where standard error is closed.
        let _ = writeln!(io::stderr(), "slabtrace: {warning}");
    }
}

/// Says how many distinct frames have no place, and why.
fn say_missing(tally: &Tally) {
    let missing: u64 = tally.missing.values().sum();
    if missing == 0 {
        return;
    }
    let reasons: Vec<String> =
        tally.missing.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let _ = writeln!(
        io::stderr(),
        "slabtrace: {missing} of {} distinct frames have no source line: {}",
        tally.found + missing,
        reasons.join(", ")
    );
    if tally.found == 0 {
        let _ = writeln!(
            io::stderr(),
            "slabtrace: give the kernel's image with --vmlinux FILE and its modules with --modules DIR"
        );
    }
}
