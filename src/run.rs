//! What the command does, one function for each thing it can do.

mod input;
mod symbolize;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use slabtrace::event::{Detail, Grouping};
use slabtrace::report::{EventWriter, Report, Style, Unusable, write_json, write_text};
use slabtrace::{Analysis, AnalysisOptions, Parser, ParserOptions};

use crate::cli::{Cli, Color, Command, EventsArgs, EventsFormat, Format, ReportArgs};
use input::Inputs;

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// A report was made.
    Reported,
    /// The command line made no sense.
    Usage,
    /// There was nothing to analyse.
    Unusable,
    /// A report was made, of less than all there was.
    Partial,
}

impl Outcome {
    /// The exit status.
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Outcome::Reported => 0,
            Outcome::Usage => 2,
            Outcome::Unusable => 3,
            Outcome::Partial => 4,
        })
    }
}

/// Does what the command line asks for.
pub(crate) fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    match &cli.command {
        None => report(&cli.report),
        Some(Command::Events(args)) => events(args),
        Some(Command::Symbolize(args)) => symbolize::symbolize(args),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(*shell, &mut Cli::command(), "slabtrace", &mut io::stdout());
            Ok(Outcome::Reported)
        }
        Some(Command::Man) => {
            clap_mangen::Man::new(Cli::command()).render(&mut io::stdout())?;
            Ok(Outcome::Reported)
        }
    }
}

fn report(args: &ReportArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.captures)? else { return help() };
    let selection = args.selection()?;
    let mut analysis = Analysis::new(AnalysisOptions { grouping: args.grouping() });
    while let Some(mut input) = inputs.next()? {
        while let Some(bytes) = input.read() {
            analysis.feed(bytes);
        }
        analysis.end_input(input.name(), input.bytes());
        inputs.done(&input);
    }
    let mut report = analysis.finish();
    if let Some(unusable) = Unusable::of(&report, inputs.is_binary()) {
        return Err(unusable.into());
    }
    let is_partial = report.loss.is_any() || inputs.is_broken();
    selection.apply(&mut report);
    symbolize::add_sources(&mut report, &args.symbols)?;
    let is_partial = is_partial || report.has_symbol_warnings();
    write_report(&report, args)?;
    Ok(if args.strict && is_partial { Outcome::Partial } else { Outcome::Reported })
}

fn write_report(report: &Report, args: &ReportArgs) -> anyhow::Result<()> {
    let mut out = output(args.output.as_deref())?;
    match args.format {
        Format::Text => write_text(report, style(args), &mut out)?,
        Format::Json => write_json(report, &mut out)?,
    }
    out.flush()?;
    Ok(())
}

fn events(args: &EventsArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.captures)? else { return help() };
    let EventsFormat::Jsonl = args.format;
    let mut writer = EventWriter::new(output(args.output.as_deref())?);
    let mut parser =
        Parser::new(ParserOptions { detail: Detail::Full, grouping: Grouping::FullChain });
    while let Some(mut input) = inputs.next()? {
        while let Some(bytes) = input.read() {
            parser.feed(bytes, &mut writer);
            if writer.has_failed() {
                writer.finish()?;
                return Ok(Outcome::Reported);
            }
        }
        inputs.done(&input);
    }
    parser.finish(&mut writer);
    let written = writer.written();
    writer.finish()?;
    if written == 0 {
        let hidden = parser.loss().headless_stacks;
        return Err(match hidden {
            0 => Unusable::NoTrace,
            hidden => Unusable::Hidden(hidden),
        }
        .into());
    }
    Ok(Outcome::Reported)
}

/// No input and nothing to come: says how to use the program.
fn help() -> anyhow::Result<Outcome> {
    write!(io::stderr(), "{}", Cli::command().render_help())?;
    Ok(Outcome::Usage)
}

fn output(path: Option<&Path>) -> anyhow::Result<Box<dyn Write>> {
    Ok(match path {
        Some(path) if path != "-" => {
            let file = File::create(path)
                .with_context(|| format!("failed to write {}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        _ => Box::new(BufWriter::new(io::stdout().lock())),
    })
}

/// Colour on a terminal, by the conventions of no-color.org and bixense.com/clicolors.
fn style(args: &ReportArgs) -> Style {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let wanted = match args.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if is_set("NO_COLOR") => false,
        Color::Auto if is_set("CLICOLOR_FORCE") => true,
        Color::Auto => {
            args.output.is_none()
                && io::stdout().is_terminal()
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    };
    if wanted { Style::Colour } else { Style::Plain }
}
