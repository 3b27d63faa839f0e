//! What the command does, one function for each thing it can do.

mod check;
mod diff;
mod format;
mod input;
mod kmemleak;
mod load;
mod man;
mod monitor;
mod output;
mod parallel;
mod pieces;
mod progress;
mod record;
mod symbolize;
mod terminal;
mod watch;
mod witness;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use clap::CommandFactory;
use slabtrace::capture::TextReader;
use slabtrace::event::{Depth, Detail};
use slabtrace::report::{
    BootChoice, Escaped, EventWriter, Ink, PIPE_WIDTH, Report, Selection, Style, Unusable,
};
use slabtrace::symbol::{Addresses, ImageStore};
use slabtrace::{Analysis, AnalysisOptions, Parser, ParserOptions};

use crate::cli::{Cli, Color, Command, EventsArgs, EventsFormat, ReportArgs, ResultArgs};
use format::Layout;
use input::Inputs;
use output::{Output, Unwritable};

/// So many names are enough to find a wrong one.
const NAMES_SHOWN: usize = 12;

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// A report was made.
    Reported,
    /// A limit that was asked for is crossed.
    Crossed,
    /// The command line made no sense.
    Usage,
    /// There was nothing to analyse.
    Unusable,
    /// A report was made, of less than all there was.
    Partial,
    /// The result could not be written.
    Unwritten,
}

impl Outcome {
    /// How a run ended that failed.
    pub(crate) fn of_failure(error: &anyhow::Error) -> Outcome {
        if error.is::<Unwritable>() { Outcome::Unwritten } else { Outcome::Unusable }
    }

    /// The exit status.
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Outcome::Reported => 0,
            Outcome::Crossed => 1,
            Outcome::Usage => 2,
            Outcome::Unusable => 3,
            Outcome::Partial => 4,
            Outcome::Unwritten => 5,
        })
    }
}

/// Does what the command line asks for.
pub(crate) fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    match &cli.command {
        None => report(&cli.report),
        Some(Command::Check(args)) => check::check(args),
        Some(Command::Diff(args)) => diff::diff(args),
        Some(Command::Events(args)) => events(args),
        Some(Command::Kmemleak(args)) => kmemleak::kmemleak(args),
        Some(Command::Monitor(args)) => monitor::monitor(args),
        Some(Command::RecordScript(args)) => record::script(args),
        Some(Command::Symbolize(args)) => symbolize::symbolize(args),
        Some(Command::Watch(args)) => watch::watch(args),
        Some(Command::Completions { shell }) => {
            // The generator panics where it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "slabtrace", &mut script);
            Output::Stdout.write(|out| out.write_all(&script))?;
            Ok(Outcome::Reported)
        }
        Some(Command::Man) => {
            Output::Stdout.write(|out| man::write(&mut { out }))?;
            Ok(Outcome::Reported)
        }
    }
}

fn report(args: &ReportArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.captures)? else { return help("") };
    format::check(args.format().into(), &args.result)?;
    inputs.name_by(args.symbols.system_maps());
    let selection = args.select.selection();
    let mut witnesses = witness::Witnesses::choose(&args.witness, &args.captures)?;
    let output = prepared(&inputs, args.result.output.as_deref(), &args.all_inputs())?;
    inputs.put_in_order();
    let store = ImageStore::new();
    let (mut symbols, output) = output.or_abandon(symbolize::symbols(&store, &args.symbols))?;
    let analysis = Analysis::with_addresses(
        AnalysisOptions { depth: args.show.depth() },
        symbols.lend_addresses(),
    );
    let ((report, addresses), output) =
        output.or_abandon(analysed(&mut inputs, analysis, threads(args)))?;
    symbols.return_addresses(addresses);
    let (mut report, output) = output.or_abandon(witnesses.join(report))?;
    let is_partial = report.loss.is_any() || inputs.is_broken() || witnesses.is_broken();
    note_missing(&selection, &report);
    // A pattern may mean a call that was inlined.
    if selection.has_pattern() {
        report.add_sources(&mut symbols);
    }
    selection.apply(&mut report);
    if let Some(function) = args.select.function() {
        report.look_at(function);
    }
    if let Some(key) = args.show.rollup() {
        report.roll_up(key);
    }
    symbolize::add_sources(&mut report, &mut symbols);
    let is_partial = is_partial || report.has_symbol_warnings();
    let text = args.show.text(style(&args.result));
    let layout = Layout { weight: args.weight.weight(), text };
    output.write(|out| format::write_report(&report, args.format(), layout, out))?;
    Ok(if args.strict && is_partial { Outcome::Partial } else { Outcome::Reported })
}

/// Reads all captures; a report that says nothing is an error.
fn analysed(
    inputs: &mut Inputs,
    mut analysis: Analysis,
    threads: NonZeroUsize,
) -> anyhow::Result<(Report, Addresses)> {
    while let Some(mut input) = inputs.next()? {
        parallel::read(&mut input, threads, &mut analysis);
        if input.is_broken() {
            analysis.end_broken_input(input.name(), input.bytes());
        } else {
            analysis.end_input(input.name(), input.bytes());
        }
        inputs.done(&input)?;
    }
    let (report, addresses) = analysis.finish_with_addresses();
    match Unusable::of(&report, inputs.is_binary()) {
        Some(unusable) => Err(misread(unusable, inputs)),
        None => Ok((report, addresses)),
    }
}

/// Why nothing could be used: the captures are something else, where that is known.
fn misread(unusable: Unusable, inputs: &Inputs) -> anyhow::Error {
    let may_be_other = matches!(unusable, Unusable::NoTrace | Unusable::Binary);
    let other = may_be_other.then(|| inputs.misread(TextReader::Main));
    other.flatten().unwrap_or_else(|| unusable.into())
}

fn threads(args: &ReportArgs) -> NonZeroUsize {
    let available = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    args.threads.unwrap_or_else(available)
}

/// A boot, cache or module that the log does not have leaves no group to show.
fn note_missing(selection: &Selection, report: &Report) {
    let boots = report.boots.len();
    if let BootChoice::Number(number) = selection.boot
        && number >= boots
    {
        let has =
            if boots == 1 { "1 boot, number 0" } else { &format!("{boots} boots, from 0 on") };
        note(&format!("there is no boot {number}; the log has {has}"));
    }
    if let Some(glob) = &selection.cache
        && !report.caches.iter().any(|cache| glob.matches(&cache.name))
    {
        let names = report.caches.iter().map(|cache| cache.name.as_str());
        note(&format!("no cache has such a name; there {}", are(names)));
    }
    let frames = || report.groups.iter().flat_map(|group| &group.chain);
    if let Some(module) = &selection.module
        && !frames().any(|frame| frame.module.as_ref() == Some(module))
    {
        let modules: BTreeSet<&str> =
            frames().filter_map(|frame| frame.module.as_deref()).collect();
        note(&format!("no chain passes through module {module}; there {}", are(modules)));
    }
}

/// What there is instead: the first few of a list.
fn are<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let more = match names.len().saturating_sub(NAMES_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match names[..] {
        [] => "is none at all".to_owned(),
        [name] => format!("is {name}"),
        _ => format!("are {}{more}", names[..names.len().min(NAMES_SHOWN)].join(", ")),
    }
}

/// Says on standard error what is no failure.
fn note(text: &str) {
    // Nothing is left to do where standard error is closed.
    let _ = writeln!(io::stderr(), "slabtrace: {}", Escaped(text));
}

fn events(args: &EventsArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.captures)? else { return help("events") };
    let EventsFormat::Jsonl = args.format;
    let output = prepared(&inputs, args.output.as_deref(), &args.captures)?;
    inputs.put_in_order();
    output.write(|out| {
        let mut writer = EventWriter::new(out);
        let read = all_events(&mut inputs, &mut writer);
        writer.finish()?;
        Ok(read)
    })?
}

/// Reads all captures, or as many as there is room for the events of.
fn all_events(
    inputs: &mut Inputs,
    writer: &mut EventWriter<impl Write>,
) -> anyhow::Result<Outcome> {
    let mut parser = Parser::new(ParserOptions { detail: Detail::Full, depth: Depth::Complete });
    let mut read = Vec::new();
    while let Some(mut input) = inputs.next()? {
        while let Some(bytes) = input.read() {
            parser.feed(bytes, writer);
            if writer.has_failed() {
                return Ok(Outcome::Reported);
            }
        }
        read.push(slabtrace::report::Input {
            path: input.name(),
            bytes: input.bytes(),
            lines: parser.lines(),
        });
        inputs.done(&input)?;
    }
    parser.finish(writer);
    let report = Report::of_events(read, writer, parser.loss());
    match Unusable::of(&report, inputs.is_binary()) {
        Some(unusable) => Err(unusable.into()),
        None => Ok(Outcome::Reported),
    }
}

/// No input and nothing to come: says how to use the program, or a subcommand of it.
fn help(subcommand: &str) -> anyhow::Result<Outcome> {
    let mut command = Cli::command();
    command.build();
    let help = match command.find_subcommand_mut(subcommand) {
        Some(subcommand) => subcommand.render_help(),
        None => command.render_help(),
    };
    write!(io::stderr(), "{help}")?;
    Ok(Outcome::Usage)
}

/// Finds out before anything is read whether all can be read, and the result be written.
fn prepared(
    inputs: &Inputs,
    output: Option<&Path>,
    captures: &[PathBuf],
) -> anyhow::Result<Output> {
    refuse_overwriting(output, captures)?;
    inputs.check()?;
    Ok(Output::open(output)?)
}

/// An output that is one of the captures would destroy it.
fn refuse_overwriting(output: Option<&Path>, captures: &[PathBuf]) -> anyhow::Result<()> {
    let Some(output) = output.and_then(|path| path.canonicalize().ok()) else { return Ok(()) };
    let is_output = |capture: &PathBuf| capture.canonicalize().is_ok_and(|path| path == output);
    match captures.iter().find(|capture| is_output(capture)) {
        Some(capture) => {
            let capture = capture.to_string_lossy();
            let message = format!("the output would overwrite the capture {}", Escaped(&capture));
            Err(crate::cli::usage_error(&message).into())
        }
        None => Ok(()),
    }
}

/// Colour on a terminal, by the conventions of no-color.org and bixense.com/clicolors.
fn style(args: &ResultArgs) -> Style {
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
    Style::new(if wanted { Ink::Colour } else { Ink::Plain }, width(args))
}

/// The columns of the output: what COLUMNS says, as everywhere, or the terminal has.
fn width(args: &ResultArgs) -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let is_terminal = args.output.is_none() && io::stdout().is_terminal();
    let measured = || terminal_size::terminal_size_of(io::stdout()).filter(|_| is_terminal);
    said.filter(|&columns: &usize| columns > 0)
        .or_else(|| measured().map(|(width, _)| usize::from(width.0)))
        .unwrap_or(PIPE_WIDTH)
}
