//! `slabtrace kmemleak`: reports in, leaks grouped by backtrace out.

use slabtrace::capture::TextReader;
use slabtrace::kmemleak::{Kmemleak, KmemleakOptions, KmemleakReport, Unusable};
use slabtrace::report::TextOptions;
use slabtrace::symbol::ImageStore;

use super::format::{self, Layout};
use super::input::{Inputs, Piece};
use super::{Outcome, help, prepared, style, symbolize};
use crate::cli::KmemleakArgs;

pub(super) fn kmemleak(args: &KmemleakArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.reports)? else { return help("kmemleak") };
    format::check(args.format().into(), &args.result)?;
    let output = prepared(&inputs, args.result.output.as_deref(), &args.reports)?;
    let store = ImageStore::new();
    let (mut symbols, output) = output.or_abandon(symbolize::symbols(&store, &args.symbols))?;
    let options = KmemleakOptions { min_age: args.min_age() };
    let (mut report, output) = output.or_abandon(analysed(options, &mut inputs))?;
    report.add_sources(&mut symbols);
    report.symbol_warnings = symbols.warnings();
    symbolize::warn(&report.symbol_warnings);
    let text = TextOptions { style: style(&args.result), ..TextOptions::default() };
    let layout = Layout { weight: args.weight.weight(), text };
    output.write(|out| format::write_unreferenced(&report, args.format(), layout, out))?;
    Ok(Outcome::Reported)
}

/// Reads all reports; where they say nothing, that is an error.
pub(super) fn analysed(
    options: KmemleakOptions,
    inputs: &mut Inputs,
) -> anyhow::Result<KmemleakReport> {
    let mut analysis = Kmemleak::new(options);
    inputs.read_all(|piece| match piece {
        Piece::Bytes(bytes) => analysis.feed(bytes),
        Piece::End { name, bytes } => analysis.end_input(name, bytes),
    })?;
    let report = analysis.finish();
    match Unusable::of(&report) {
        None => Ok(report),
        Some(unusable) => {
            Err(inputs.belongs_elsewhere(TextReader::Kmemleak).unwrap_or_else(|| unusable.into()))
        }
    }
}
