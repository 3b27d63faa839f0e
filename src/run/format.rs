//! The formats that a result may have.

use std::io::{self, IsTerminal, Write};

use slabtrace::export::{
    Stack, Title, Weight, write_csv, write_flame_graph, write_folded, write_kmemleak_csv,
    write_pprof, write_speedscope,
};
use slabtrace::kmemleak::{self, KmemleakReport};
use slabtrace::report::{Report, TextOptions, write_json, write_markdown, write_text};

use crate::cli::{self, Format, ResultArgs};

/// How a result is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// The format.
    pub(crate) format: Format,
    /// What stacks are weighed by, where they are.
    pub(crate) weight: Weight,
    /// How much is shown as text.
    pub(crate) text: TextOptions,
}

/// Refuses to fill a terminal with bytes that nobody can read.
pub(crate) fn check(format: Format, result: &ResultArgs) -> anyhow::Result<()> {
    let is_binary = format == Format::Pprof;
    if is_binary && result.output.is_none() && io::stdout().is_terminal() {
        return Err(cli::usage_error("pprof is no text; name a file for it with -o").into());
    }
    Ok(())
}

/// Writes a leak report.
pub(crate) fn write_report(
    report: &Report,
    layout: Layout,
    mut out: &mut dyn Write,
) -> io::Result<()> {
    match layout.format {
        Format::Text => write_text(report, layout.text, &mut out),
        Format::Json => write_json(report, &mut out),
        Format::Md => write_markdown(report, &mut out),
        Format::Csv => write_csv(report, &mut out),
        format @ (Format::Svg | Format::Folded | Format::Pprof | Format::Speedscope) => {
            let conclusion = report.conclusion.as_deref();
            write_stacks(&Stack::of_report(report), format, layout.weight, conclusion, out)
        }
    }
}

/// Writes what kmemleak found.
pub(crate) fn write_unreferenced(
    report: &KmemleakReport,
    layout: Layout,
    mut out: &mut dyn Write,
) -> io::Result<()> {
    match layout.format {
        Format::Text => kmemleak::write_text(report, layout.text.style, &mut out),
        Format::Json => kmemleak::write_json(report, &mut out),
        Format::Md => kmemleak::write_markdown(report, &mut out),
        Format::Csv => write_kmemleak_csv(report, &mut out),
        format @ (Format::Svg | Format::Folded | Format::Pprof | Format::Speedscope) => {
            write_stacks(&Stack::of_kmemleak(report), format, layout.weight, None, out)
        }
    }
}

fn write_stacks(
    stacks: &[Stack],
    format: Format,
    weight: Weight,
    conclusion: Option<&str>,
    mut out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Folded => write_folded(stacks, weight, &mut out),
        Format::Svg => {
            let title = match weight {
                Weight::Bytes => "Live bytes",
                Weight::Objects => "Live objects",
                Weight::Leaked => "Leaked bytes",
            };
            let title = Title { title: title.to_owned(), subtitle: conclusion.map(str::to_owned) };
            write_flame_graph(stacks, weight, &title, &mut out)
        }
        Format::Speedscope => write_speedscope(stacks, conclusion.unwrap_or("slabtrace"), &mut out),
        _ => write_pprof(stacks, conclusion, &mut out),
    }
}
