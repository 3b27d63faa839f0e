//! Source lines: for the frames of any log, and for those of a report.

use std::io::{self, Write};

use slabtrace::report::Report;
use slabtrace::symbol::{ImageStore, LogFilter, Symbols, Tally, Warning};

use super::input::Inputs;
use super::output::Output;
use super::{Outcome, help, refuse_overwriting};
use crate::cli::{SymbolArgs, SymbolizeArgs};

/// Copies logs, with source places behind their frames.
pub(super) fn symbolize(args: &SymbolizeArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.captures)? else { return help() };
    refuse_overwriting(args.output.as_deref(), &args.captures)?;
    inputs.check()?;
    let store = ImageStore::new();
    let mut filter = LogFilter::new(Symbols::new(&store, args.symbols.options())?);
    let output = Output::open(args.output.as_deref())?;
    output.write(|out| copy(&mut inputs, &mut filter, out))??;
    warn(filter.symbols().warnings());
    say_missing(filter.tally());
    Ok(Outcome::Reported)
}

/// Copies all logs. The outer failure is the output's, the inner one the inputs'.
fn copy(
    inputs: &mut Inputs,
    filter: &mut LogFilter<Symbols<'_>>,
    mut out: &mut dyn Write,
) -> io::Result<anyhow::Result<()>> {
    loop {
        let mut input = match inputs.next() {
            Ok(Some(input)) => input,
            Ok(None) => break,
            Err(error) => return Ok(Err(error)),
        };
        while let Some(bytes) = input.read() {
            filter.feed(bytes, &mut out)?;
            // Who watches a log that grows wants its lines as they come.
            out.flush()?;
        }
        if let Err(error) = inputs.done(&input) {
            return Ok(Err(error));
        }
    }
    filter.finish(&mut out)?;
    Ok(Ok(()))
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
