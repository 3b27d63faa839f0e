//! A watch from its beginning to its end.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use slabtrace::report::Report;

use super::Since;
use super::changes::Verdicts;
use super::console::Console;
use super::feed::Message;
use super::live::Live;
use super::plain::Plain;
use super::record::Recorder;
use super::reports;
use super::screen::{Action, Ink, Scene, Screen};
use super::source::WatchSource;
use super::stamp::Stamper;
use crate::cli::{Format, Until, WatchArgs};

/// What came is taken for so long before anybody is shown anything.
const TAKEN_FOR: Duration = Duration::from_millis(100);

/// A line in which an expression is looked for is no longer.
const LINE_BYTES_MAX: usize = 16 << 10;

/// Whether a watch goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Going {
    On,
    Over,
}

/// A watch.
pub(super) struct Session<'a> {
    args: &'a WatchArgs,
    source: WatchSource,
    title: String,
    recorder: Option<Recorder>,
    stamper: Option<Stamper>,
    messages: Receiver<Message>,
    live: Live,
    console: Console,
    verdicts: Verdicts,
    begun: Instant,
    second: Since,
    told: Since,
    /// Why the source is away, while it is.
    away: Option<String>,
    /// What was wrong when that was told last.
    told_trouble: Option<String>,
    /// What is to be told in a line.
    notes: Vec<String>,
    /// What the picture was when the user stopped it.
    still: Option<(Report, Console)>,
    /// A line whose end has not come, for `--until`.
    line: Vec<u8>,
    going: Going,
}

impl<'a> Session<'a> {
    /// A watch of which nothing has come.
    pub(super) fn new(
        args: &'a WatchArgs,
        source: WatchSource,
        recorder: Option<Recorder>,
        messages: Receiver<Message>,
    ) -> Session<'a> {
        let title = source.to_string();
        // The report is that of the record, which carries its name.
        let record = args.record.as_ref().map(|path| path.display().to_string());
        let name = record.unwrap_or_else(|| match source {
            WatchSource::Stdin => "-".to_owned(),
            _ => title.clone(),
        });
        Session {
            args,
            source,
            title,
            recorder,
            stamper: args.stamp.then(Stamper::default),
            messages,
            live: Live::new(name),
            console: Console::default(),
            verdicts: Verdicts::default(),
            begun: Instant::now(),
            second: Since::now(),
            told: Since::now(),
            away: None,
            told_trouble: None,
            notes: Vec::new(),
            still: None,
            line: Vec::new(),
            going: Going::On,
        }
    }

    /// Takes what has come, after waiting for it for so long at most.
    pub(super) fn take(&mut self, wait: Duration, stop: &AtomicBool) -> Going {
        let begun = Instant::now();
        let mut wait = wait;
        while self.going == Going::On && begun.elapsed() < TAKEN_FOR {
            match self.messages.recv_timeout(wait) {
                Ok(message) => self.message(message),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => self.going = Going::Over,
            }
            wait = Duration::ZERO;
        }
        if self.second.has_passed(Duration::from_secs(1)) {
            self.live.end_second();
        }
        if stop.load(Ordering::Relaxed) || self.is_enough() {
            self.going = Going::Over;
            // What was read before is not lost.
            while let Ok(message) = self.messages.try_recv() {
                self.message(message);
            }
        }
        if self.going == Going::Over {
            self.live.renew();
        }
        self.going
    }

    fn message(&mut self, message: Message) {
        match message {
            Message::Bytes(bytes) => self.bytes(bytes),
            Message::Gap(span) => {
                // In the words of the kernel, so that whoever reads the record counts it too.
                self.bytes(b"\n** 1 printk messages dropped **\n".to_vec());
                self.notes.push(format!(
                    "{} was away for {:.1} s; what it said meanwhile is lost",
                    self.title,
                    span.as_secs_f64()
                ));
            }
            Message::Away(why) => {
                let text = format!("{} is away ({why}); waiting for it", self.title);
                self.away = Some(text);
            }
            Message::There => self.away = None,
            Message::End => self.going = Going::Over,
        }
    }

    fn bytes(&mut self, bytes: Vec<u8>) {
        if self.args.pass_through {
            let mut out = io::stdout().lock();
            // Who listens no more does not end the watch: the record goes on.
            let _ = out.write_all(&bytes).and_then(|()| out.flush());
        }
        self.look_for_line(&bytes);
        self.console.feed(&bytes);
        let bytes = match &mut self.stamper {
            Some(stamper) => stamper.stamp(&bytes, jiff::Timestamp::now()),
            None => bytes,
        };
        self.live.feed(&bytes);
        if let Some(recorder) = &self.recorder {
            recorder.take(bytes);
        }
    }

    /// Ends the watch at a line that fits an expression.
    fn look_for_line(&mut self, bytes: &[u8]) {
        let expressions = self.args.until.iter().filter_map(|until| match until {
            Until::Line(expression) => Some(expression),
            _ => None,
        });
        let expressions: Vec<_> = expressions.collect();
        if expressions.is_empty() {
            return;
        }
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                if expressions.iter().any(|expression| expression.is_match(&self.line)) {
                    self.going = Going::Over;
                }
                self.line.clear();
            }
        }
    }

    /// Whether what was waited for is there.
    fn is_enough(&mut self) -> bool {
        let elapsed = self.begun.elapsed().as_secs_f64();
        let is_over = |until: &Until| matches!(until, Until::Time(seconds) if elapsed >= *seconds);
        if self.args.until.iter().any(is_over) {
            return true;
        }
        if self.args.until.is_empty() && self.args.fail_on.is_empty() {
            return false;
        }
        let report = &self.live.picture().report;
        let mut verdicts = report.families.iter().map(|family| family.judgement.verdict);
        let has_leak = report.families.iter().any(|family| family.judgement.verdict.is_leak());
        let is_refused = verdicts.any(|verdict| {
            let names = self.args.fail_on.iter();
            let mut names = names.map(String::as_str);
            names.any(|name| name == verdict.name() || name == "leak" && verdict.is_leak())
        });
        let events = report.totals.events;
        is_refused
            || self.args.until.iter().any(|until| match until {
                Until::Leak => has_leak,
                Until::Events(wanted) => events >= *wanted,
                Until::Time(_) | Until::Line(_) => false,
            })
    }

    /// What is wrong, in words.
    fn trouble(&self) -> Option<String> {
        let record = self.recorder.as_ref().map(Recorder::state);
        let failure = record.and_then(|state| {
            let why = state.failure?;
            Some(format!(
                "not recorded: {why}; {} bytes are lost, the analysis goes on",
                state.lost
            ))
        });
        failure.or_else(|| self.away.clone())
    }

    /// Shows how it stands on the whole terminal, and takes keys for a while.
    pub(super) fn tick_screen(
        &mut self,
        screen: &mut Screen,
        wait: Duration,
        ink: Ink,
    ) -> io::Result<Action> {
        self.notes.clear();
        let trouble = self.trouble();
        match (screen.is_paused(), &self.still) {
            (true, None) => {
                self.still = Some((self.live.picture().report.clone(), self.console.clone()));
            }
            (false, Some(_)) => self.still = None,
            _ => {}
        }
        self.live.picture();
        let Session { live, console, still, title, source, begun, .. } = self;
        let bytes = live.bytes();
        let rates = live.rates().clone();
        let (report, console) = match still {
            Some((report, console)) => (&*report, &*console),
            None => (&live.picture().report, &*console),
        };
        let scene = Scene {
            report,
            console,
            rates: &rates,
            source: title,
            capacity: source.capacity(),
            bytes,
            elapsed: begun.elapsed(),
            trouble: trouble.as_deref(),
            ink,
        };
        screen.tick(wait, &scene)
    }

    /// Tells in lines what has changed, and now and then how it stands.
    pub(super) fn tick_lines(&mut self, plain: &mut Plain) -> io::Result<()> {
        let elapsed = self.begun.elapsed();
        for note in std::mem::take(&mut self.notes) {
            plain.note(elapsed, &note)?;
        }
        for change in self.verdicts.changes(&self.live.picture().report) {
            plain.verdict(elapsed, &change)?;
        }
        if self.going == Going::Over
            || self.told.has_passed(Duration::from_secs_f64(self.args.interval.0.max(0.1)))
        {
            let trouble = self.trouble();
            if let Some(trouble) = trouble.as_ref().filter(|_| trouble != self.told_trouble) {
                plain.note(elapsed, trouble)?;
            }
            self.told_trouble = trouble;
            let bytes = self.live.bytes();
            plain.status(elapsed, bytes, &self.live.picture().report)?;
        }
        Ok(())
    }

    /// Writes a page of the report as it is, beside where the program runs.
    pub(super) fn write_snapshot(&mut self) -> anyhow::Result<String> {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let path = PathBuf::from(format!("slabtrace-{now}.html"));
        reports::write(&self.live.picture().report, &path, Format::Html)?;
        Ok(format!("wrote {}", path.display()))
    }

    /// Ends the record and the analysis.
    pub(super) fn finish(self) -> Report {
        if let Some(recorder) = self.recorder {
            let state = recorder.finish();
            if state.lost > 0 {
                super::note(&format!(
                    "{} bytes are not in the record: {}",
                    state.lost,
                    state.failure.as_deref().unwrap_or("the disk was full for a while")
                ));
            }
        }
        self.live.finish()
    }
}
