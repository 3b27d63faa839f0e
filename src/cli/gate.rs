//! The arguments of `diff` and `check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use slabtrace::gate::{Limits, Wanted};
use slabtrace::verdict::Verdict;

use super::value::{Bytes, Rate, count};
use super::{ResultArgs, SymbolArgs};

/// The arguments of `diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// A capture, or a report that `slabtrace --json` or `slabtrace kmemleak --json` wrote
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// Another of them
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// The output's format
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        overrides_with = "json"
    )]
    format: DiffFormat,
    /// The same as --format json
    #[arg(long, overrides_with = "format")]
    json: bool,
    #[command(flatten)]
    pub(crate) result: ResultArgs,
    #[command(flatten)]
    pub(crate) symbols: SymbolArgs,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum DiffFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// Markdown, to paste into a bug report
    Md,
    /// The page of the new capture, with what is new since the old
    Html,
}

impl DiffArgs {
    /// The output's format.
    pub(crate) fn format(&self) -> DiffFormat {
        if self.json { DiffFormat::Json } else { self.format }
    }
}

/// The arguments of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Captures, read in this order as one; reports of kmemleak; or a report in JSON; `-` is standard
    /// input
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    /// Cross where a place leaks that this report in JSON, or capture, does not have, or faster
    #[arg(long, value_name = "REPORT")]
    pub(crate) baseline: Option<PathBuf>,
    /// Cross where more bytes leak, such as 64K
    #[arg(long, value_name = "BYTES")]
    max_leaked: Option<Bytes>,
    /// Cross where more objects live
    #[arg(long, value_name = "N", value_parser = count::<u64>)]
    max_live: Option<u64>,
    /// Cross where it leaks faster, such as 10K/h or 1M/d
    #[arg(long, value_name = "BYTES/TIME")]
    max_growth: Option<Rate>,
    /// Cross where a place has this verdict: `leak` (leaking or accumulating, the default where
    /// nothing else is asked), leaking, accumulating, unclear, cache, `one_time`, `in_flight`; several
    /// with commas
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', value_parser = verdict)]
    fail_on: Vec<String>,
    /// Forgive what this file names: leak:FUNCTION as the leak sanitizer has it, or
    /// chain: INNER < OUTER; cache: NAME; until: 2027-01-31; reason: WHY
    #[arg(long, value_name = "FILE")]
    pub(crate) suppressions: Option<PathBuf>,
    /// Write `JUnit` XML for a CI system to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write SARIF for a code scanning service to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) sarif: Option<PathBuf>,
    /// Exit with status 4 where nothing is crossed, but input was lost or damaged
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) symbols: SymbolArgs,
}

impl CheckArgs {
    /// What is asked: that nothing leaks, where nothing else is.
    pub(crate) fn limits(&self) -> Limits {
        let asks_nothing = self.max_leaked.is_none()
            && self.max_live.is_none()
            && self.max_growth.is_none()
            && self.baseline.is_none()
            && self.fail_on.is_empty();
        let leak = || vec![Wanted::LEAK.to_owned()];
        Limits {
            max_leaked: self.max_leaked.map(|bytes| bytes.0),
            max_live: self.max_live,
            max_growth: self.max_growth.map(|rate| rate.0),
            wanted: Wanted { refused: if asks_nothing { leak() } else { self.fail_on.clone() } },
        }
    }
}

/// The name of a verdict.
pub(super) fn verdict(text: &str) -> Result<String, String> {
    let name = text.trim().replace([' ', '-'], "_");
    let others = [Wanted::LEAK, "unreferenced", "growing"];
    let names = || Verdict::ALL.iter().map(|verdict| verdict.name()).chain(others);
    if names().any(|known| known == name) {
        return Ok(name);
    }
    Err(format!("there are {}", names().collect::<Vec<_>>().join(", ")))
}
