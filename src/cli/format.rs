//! The formats of reports.

use clap::{Args, ValueEnum};
use slabtrace::export::Weight;

/// The formats of a leak report.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// Markdown, to paste into a bug report
    Md,
    /// A table with a row for each group
    Csv,
    /// One page for a browser: groups, growth, flame graph, losses
    Html,
    /// A flame graph, for a browser
    Svg,
    /// Folded stacks, for scripts of flame graphs
    Folded,
    /// A profile for pprof, Pyroscope and Parca, packed with gzip
    Pprof,
    /// A profile for speedscope
    Speedscope,
}

/// The formats of what kmemleak found.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum KmemleakFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// Markdown, to paste into a bug report
    Md,
    /// A table with a row for each group
    Csv,
    /// A flame graph, for a browser
    Svg,
    /// Folded stacks, for scripts of flame graphs
    Folded,
    /// A profile for pprof, Pyroscope and Parca, packed with gzip
    Pprof,
    /// A profile for speedscope
    Speedscope,
}

/// What the widths of folded stacks and flame graphs stand for.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
enum WeightArg {
    /// Live bytes
    #[default]
    Bytes,
    /// Live objects
    Objects,
    /// Live bytes of what leaks
    Leaked,
}

/// How stacks are weighed.
#[derive(Args, Debug)]
pub(crate) struct WeightArgs {
    /// What folded stacks and flame graphs are weighed by
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    weight: WeightArg,
}

impl WeightArgs {
    /// What was asked for.
    pub(crate) fn weight(&self) -> Weight {
        match self.weight {
            WeightArg::Bytes => Weight::Bytes,
            WeightArg::Objects => Weight::Objects,
            WeightArg::Leaked => Weight::Leaked,
        }
    }
}
