//! Captures and reports of any kind, for those who compare what they say.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use slabtrace::capture::TextKind;
use slabtrace::compare::Side;
use slabtrace::kmemleak::KmemleakOptions;
use slabtrace::report::{Escaped, Report};
use slabtrace::symbol::ImageStore;
use slabtrace::{Analysis, AnalysisOptions};

use super::input::{Input, Inputs};
use super::{analysed, kmemleak, symbolize};
use crate::cli::SymbolArgs;

/// A report in JSON that is longer is none of ours.
const JSON_BYTES_MAX: usize = 1 << 30;

/// What was loaded.
pub(crate) struct Loaded {
    /// What it says.
    pub(crate) side: Side,
    /// The report itself, where it is a capture's.
    pub(crate) report: Option<Box<Report>>,
    /// Whether it is known to be of less than all there was.
    pub(crate) completeness: Completeness,
}

/// Whether anything of a capture is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Completeness {
    /// Nothing is, as far as is known.
    Whole,
    /// Something was lost or damaged.
    Partial,
}

/// Reads captures, reports of kmemleak, or a report in JSON: whatever they are by their content.
/// Nothing where there is no capture.
pub(crate) fn load(paths: &[PathBuf], symbols: &SymbolArgs) -> anyhow::Result<Option<Loaded>> {
    let Some(mut inputs) = Inputs::choose(paths)? else { return Ok(None) };
    inputs.name_by(symbols.system_maps());
    inputs.check()?;
    inputs.put_in_order();
    let store = ImageStore::new();
    let mut symbols = symbolize::symbols(&store, symbols)?;
    let kind = inputs.peek_kind()?;
    let (side, report, is_partial) = match kind {
        Some(TextKind::Report) => (of_json(&mut inputs)?, None, false),
        Some(TextKind::Kmemleak) => {
            let mut report = kmemleak::analysed(KmemleakOptions::default(), &mut inputs)?;
            report.add_sources(&mut symbols);
            (Side::of_kmemleak(&report), None, report.damaged_lines > 0)
        }
        _ => {
            let analysis =
                Analysis::with_addresses(AnalysisOptions::default(), symbols.lend_addresses());
            let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
            let (mut report, addresses) = analysed(&mut inputs, analysis, threads)?;
            symbols.return_addresses(addresses);
            report.add_sources(&mut symbols);
            let is_partial = report.loss.is_any();
            (Side::of_report(&report), Some(Box::new(report)), is_partial)
        }
    };
    symbolize::warn(&symbols.warnings());
    let is_partial = is_partial || inputs.is_broken();
    let completeness = if is_partial { Completeness::Partial } else { Completeness::Whole };
    Ok(Some(Loaded { side, report, completeness }))
}

fn of_json(inputs: &mut Inputs) -> anyhow::Result<Side> {
    let mut text = Vec::new();
    let mut name = String::new();
    while let Some(mut input) = inputs.next()? {
        if !text.is_empty() {
            anyhow::bail!("{name} is a report in JSON; give one of them, and nothing beside it");
        }
        name = Escaped(&input.name()).to_string();
        read_whole(&mut input, &mut text)?;
        inputs.done(&input)?;
    }
    Side::of_json(&text).map_err(|error| anyhow::anyhow!("failed to read {name}: {error}"))
}

fn read_whole(input: &mut Input, text: &mut Vec<u8>) -> anyhow::Result<()> {
    while let Some(bytes) = input.read() {
        text.extend_from_slice(bytes);
        if text.len() > JSON_BYTES_MAX {
            anyhow::bail!("{} is too long for a report", Escaped(&input.name()));
        }
    }
    Ok(())
}
