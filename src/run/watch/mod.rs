//! `slabtrace watch`: a console while it comes.
//!
//! ```text
//! source ──► feed ──► session ──► record, pass-through
//!            thread              ├► live analysis ──► pictures ──► screen, lines
//!                                └► console
//! ```
//!
//! The feed reads in a thread of its own and waits for nobody; the record is written by another. The
//! session takes what came, in between makes pictures of the analysis at a pace that costs little,
//! and at the end makes the report that `slabtrace` makes of the record.

mod changes;
mod console;
mod feed;
mod live;
mod plain;
mod record;
mod reports;
mod screen;
mod session;
mod source;
mod stamp;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use slabtrace::compare::Side;
use slabtrace::gate::{Limits, Wanted};
use slabtrace::report::{Report, Unusable};
use slabtrace::symbol::ImageStore;

use super::{Outcome, help, note, refuse_overwriting, symbolize};
use crate::cli::{WatchArgs, WatchFormat};
use feed::Feed;
use plain::Plain;
use record::Recorder;
use reports::Reports;
use screen::{Action, Ink, Screen};
use session::{Going, Session};
use source::WatchSource;

/// A session looks for what came this often, where nothing waits for it.
const TICK: Duration = Duration::from_millis(50);

/// How a watch is shown.
enum Shown {
    /// On the whole terminal.
    Screen(Box<Screen>),
    /// In lines.
    Lines(Plain),
    /// Nowhere any more: the terminal has gone.
    Nowhere,
}

/// Watches a console to its end.
pub(super) fn watch(args: &WatchArgs) -> anyhow::Result<Outcome> {
    let source = WatchSource::new(args.source.as_deref(), args.baud, args.flow);
    if source == WatchSource::Stdin && io::stdin().is_terminal() {
        return help("watch");
    }
    let reports = Reports::new(&args.report)?;
    refuse_record(args)?;
    let store = ImageStore::new();
    let mut symbols = symbolize::symbols(&store, &args.symbols)?;
    let recorder = args.record.as_deref().map(Recorder::start).transpose().map_err(|error| {
        anyhow::anyhow!("failed to open the file of --record: {error}; name another")
    })?;
    let stop = Arc::<AtomicBool>::default();
    let on_signal = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        // A second one ends the program at once.
        if on_signal.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    let (sender, messages) = mpsc::channel();
    Feed::start(source.clone(), sender, Arc::clone(&stop));
    let mut session = Session::new(args, source, recorder, messages);
    let mut shown = shown(args)?;
    while session.take(wait(&shown), &stop) == Going::On {
        show(&mut shown, &mut session, &stop);
    }
    if let Shown::Lines(_) = shown {
        show(&mut shown, &mut session, &stop);
    }
    drop(shown);
    let mut report = session.finish();
    symbolize::add_sources(&mut report, &mut symbols);
    end(args, &report, &reports)
}

/// A record that is the source would grow by itself.
fn refuse_record(args: &WatchArgs) -> anyhow::Result<()> {
    let sources: Vec<std::path::PathBuf> = args.source.iter().map(Into::into).collect();
    for output in args.record.iter().chain(&args.report) {
        refuse_overwriting(Some(output), &sources)?;
    }
    Ok(())
}

fn shown(args: &WatchArgs) -> anyhow::Result<Shown> {
    let is_terminal = io::stdout().is_terminal()
        && std::env::var_os("TERM").is_some_and(|term| term != "dumb" && !term.is_empty());
    let wants_lines = args.plain || args.pass_through || args.format == WatchFormat::Jsonl;
    if is_terminal && !wants_lines {
        return Ok(Shown::Screen(Box::new(Screen::open()?)));
    }
    let out: Box<dyn io::Write> =
        if args.pass_through { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    Ok(Shown::Lines(Plain::new(args.format, out)))
}

/// How long the session may wait for what comes: a screen waits for keys instead.
fn wait(shown: &Shown) -> Duration {
    match shown {
        Shown::Screen(_) => Duration::ZERO,
        Shown::Lines(_) | Shown::Nowhere => TICK,
    }
}

/// Shows how it stands, where it is time. A terminal that has gone is no reason to stop recording.
fn show(shown: &mut Shown, session: &mut Session<'_>, stop: &AtomicBool) {
    let result = match shown {
        Shown::Screen(screen) => {
            session.tick_screen(screen, TICK, ink()).map(|action| match action {
                Action::Quit => stop.store(true, Ordering::Relaxed),
                Action::Snapshot => {
                    let said = session.write_snapshot().unwrap_or_else(|error| error.to_string());
                    screen.tell(said);
                }
                Action::None => {}
            })
        }
        Shown::Lines(plain) => session.tick_lines(plain),
        Shown::Nowhere => Ok(()),
    };
    if result.is_err() {
        *shown = Shown::Nowhere;
    }
}

fn ink() -> Ink {
    let is_set = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_set { Ink::Plain } else { Ink::Colour }
}

/// Writes the reports, and says how it ended.
fn end(args: &WatchArgs, report: &Report, reports: &Reports) -> anyhow::Result<Outcome> {
    if let Some(unusable) = Unusable::of(report, false) {
        return Err(unusable.into());
    }
    reports.write(report)?;
    if !args.pass_through && args.format == WatchFormat::Text {
        reports::to_stdout(report)?;
    }
    let wanted = Wanted { refused: args.fail_on.clone() };
    let judged = Limits { wanted, ..Limits::default() }.judge(&Side::of_report(report), None);
    match judged.crossings.first() {
        Some(first) => {
            note(&format!("crossed: {first}"));
            Ok(Outcome::Crossed)
        }
        None => Ok(Outcome::Reported),
    }
}

/// The time since something began.
#[derive(Clone, Copy, Debug)]
struct Since(Instant);

impl Since {
    fn now() -> Since {
        Since(Instant::now())
    }

    /// Whether a span has passed; then the next begins where it ended.
    fn has_passed(&mut self, span: Duration) -> bool {
        if self.0.elapsed() < span {
            return false;
        }
        self.0 = Instant::now();
        true
    }
}
