//! Source lines: for the frames of any log, and for those of a report.

use std::io::{self, Write};

use slabtrace::report::{Escaped, Report};
use slabtrace::symbol::{ImageStore, LogFilter, Symbols, Tally, Warning};

use super::input::Inputs;
use super::{Outcome, help, prepared};
use crate::cli::{SymbolArgs, SymbolizeArgs};

/// Copies logs, with source places behind their frames.
pub(super) fn symbolize(args: &SymbolizeArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.captures)? else { return help("symbolize") };
    inputs.name_by(args.symbols.system_maps());
    let output = prepared(&inputs, args.output.as_deref(), &args.captures)?;
    let store = ImageStore::new();
    let (symbols, output) = output.or_abandon(symbols(&store, &args.symbols))?;
    let filter = LogFilter::new(symbols);
    let mut filter = if args.reasons { filter.with_reasons() } else { filter };
    output.write(|out| copy(&mut inputs, &mut filter, out))??;
    warn(&filter.symbols().warnings());
    say_missing(&filter.tally());
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

/// The images that were named. One that cannot be opened, or a folder that is not there, is told before
/// any log is read.
pub(super) fn symbols<'a>(store: &'a ImageStore, args: &SymbolArgs) -> anyhow::Result<Symbols<'a>> {
    if let Some((option, folder)) = args.missing_folder() {
        let folder = folder.display().to_string();
        anyhow::bail!("there is no folder {}; check {option}", Escaped(&folder));
    }
    Ok(Symbols::new(store, args.options())?)
}

/// Adds source places to the frames of a report.
pub(super) fn add_sources(report: &mut Report, symbols: &mut Symbols<'_>) {
    report.add_sources(symbols);
    report.add_symbol_warnings(&symbols.warnings());
    warn(&symbols.warnings());
}

/// Says on standard error what is doubtful.
pub(super) fn warn(warnings: &[Warning]) {
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
