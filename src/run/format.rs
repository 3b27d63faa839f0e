//! The formats that a result may have.

use std::io::{self, IsTerminal, Write};

use slabtrace::export::{
    Stack, Title, Weight, write_csv, write_flame_graph, write_folded, write_kmemleak_csv,
    write_pprof, write_speedscope,
};
use slabtrace::kmemleak::{self, KmemleakReport};
use slabtrace::report::{Report, TextOptions, write_html, write_json, write_markdown, write_text};

use crate::cli::{self, Format, KmemleakFormat, ResultArgs};

/// How a result is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// What stacks are weighed by, where they are.
    pub(crate) weight: Weight,
    /// How much is shown as text.
    pub(crate) text: TextOptions,
}

/// What a format is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// Text.
    Text,
    /// Bytes that are none.
    Binary,
}

impl From<Format> for Content {
    fn from(format: Format) -> Content {
        if format == Format::Pprof { Content::Binary } else { Content::Text }
    }
}

impl From<KmemleakFormat> for Content {
    fn from(format: KmemleakFormat) -> Content {
        if format == KmemleakFormat::Pprof { Content::Binary } else { Content::Text }
    }
}

/// Refuses to fill a terminal with bytes that nobody can read.
pub(crate) fn check(content: Content, result: &ResultArgs) -> anyhow::Result<()> {
    if content == Content::Binary && result.output.is_none() && io::stdout().is_terminal() {
        return Err(cli::usage_error("pprof is no text; name a file for it with -o").into());
    }
    Ok(())
}

/// Writes a leak report.
pub(crate) fn write_report(
    report: &Report,
    format: Format,
    layout: Layout,
    mut out: &mut dyn Write,
) -> io::Result<()> {
    let conclusion = report.conclusion.as_deref();
    let stacks = || Stacks { all: Stack::of_report(report), conclusion, weight: layout.weight };
    match format {
        Format::Text => write_text(report, layout.text, &mut out),
        Format::Json => write_json(report, &mut out),
        Format::Md => write_markdown(report, &mut out),
        Format::Csv => write_csv(report, &mut out),
        Format::Html => write_html(report, None, &mut out),
        Format::Svg => stacks().flame_graph(out),
        Format::Folded => stacks().folded(out),
        Format::Pprof => stacks().pprof(out),
        Format::Speedscope => stacks().speedscope(out),
    }
}

/// Writes what kmemleak found.
pub(crate) fn write_unreferenced(
    report: &KmemleakReport,
    format: KmemleakFormat,
    layout: Layout,
    mut out: &mut dyn Write,
) -> io::Result<()> {
    let stacks =
        || Stacks { all: Stack::of_kmemleak(report), conclusion: None, weight: layout.weight };
    match format {
        KmemleakFormat::Text => kmemleak::write_text(report, layout.text.style, &mut out),
        KmemleakFormat::Json => kmemleak::write_json(report, &mut out),
        KmemleakFormat::Md => kmemleak::write_markdown(report, &mut out),
        KmemleakFormat::Csv => write_kmemleak_csv(report, &mut out),
        KmemleakFormat::Svg => stacks().flame_graph(out),
        KmemleakFormat::Folded => stacks().folded(out),
        KmemleakFormat::Pprof => stacks().pprof(out),
        KmemleakFormat::Speedscope => stacks().speedscope(out),
    }
}

/// What is written for other programs.
struct Stacks<'a> {
    all: Vec<Stack>,
    conclusion: Option<&'a str>,
    weight: Weight,
}

impl Stacks<'_> {
    fn folded(&self, mut out: &mut dyn Write) -> io::Result<()> {
        write_folded(&self.all, self.weight, &mut out)
    }

    fn flame_graph(&self, mut out: &mut dyn Write) -> io::Result<()> {
        let title = match self.weight {
            Weight::Bytes => "Live bytes",
            Weight::Objects => "Live objects",
            Weight::Leaked => "Leaked bytes",
        };
        let subtitle = self.conclusion.map(str::to_owned);
        let title = Title { title: title.to_owned(), subtitle };
        write_flame_graph(&self.all, self.weight, &title, &mut out)
    }

    fn pprof(&self, mut out: &mut dyn Write) -> io::Result<()> {
        write_pprof(&self.all, self.conclusion, &mut out)
    }

    fn speedscope(&self, mut out: &mut dyn Write) -> io::Result<()> {
        write_speedscope(&self.all, self.conclusion.unwrap_or("slabtrace"), &mut out)
    }
}
