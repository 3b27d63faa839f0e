//! A watch in lines: for logs, CI jobs and scripts.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use slabtrace::report::{Escaped, Report, binary_size, counted};

use slabtrace::verdict::Verdict;

use super::changes::VerdictChange;
use crate::cli::WatchFormat;

/// Writes lines.
pub(crate) struct Plain {
    format: WatchFormat,
    out: Box<dyn Write>,
}

/// A line as JSON has it.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Status {
        elapsed_s: f64,
        bytes: u64,
        events: u64,
        live_objects: u64,
        live_bytes: u64,
        leaking_places: usize,
        lost: bool,
        conclusion: Option<&'a str>,
    },
    Verdict {
        elapsed_s: f64,
        family: &'a str,
        place: &'a str,
        cache: &'a str,
        before: Option<&'static str>,
        now: &'static str,
        live_objects: u64,
    },
    Note {
        elapsed_s: f64,
        text: &'a str,
    },
}

impl Plain {
    /// Lines of a format, to a place.
    pub(crate) fn new(format: WatchFormat, out: Box<dyn Write>) -> Plain {
        Plain { format, out }
    }

    // 00:01:30  1.2 MiB, 340 events, 66 live, 4.5 KiB: leaky_get [leaky] leaks kmalloc-64: …
    /// How it stands.
    pub(crate) fn status(
        &mut self,
        elapsed: Duration,
        bytes: u64,
        report: &Report,
    ) -> io::Result<()> {
        let totals = &report.totals;
        let leaks = report.families.iter().filter(|family| family.judgement.verdict.is_leak());
        let leaking_places = leaks.count();
        match self.format {
            WatchFormat::Jsonl => self.json(&Line::Status {
                elapsed_s: elapsed.as_secs_f64(),
                bytes,
                events: totals.events,
                live_objects: totals.live_objects,
                live_bytes: totals.live_bytes,
                leaking_places,
                lost: report.loss.is_any(),
                conclusion: report.conclusion.as_deref(),
            }),
            WatchFormat::Text => {
                let conclusion = match &report.conclusion {
                    Some(conclusion) if totals.events > 0 => conclusion,
                    _ => "no event yet",
                };
                let lost = if report.loss.is_any() { ", some lost" } else { "" };
                self.text(
                    elapsed,
                    &format!(
                        "{}, {}{lost}, {} live, {}: {conclusion}",
                        binary_size(bytes),
                        counted(totals.events, "event"),
                        counted(totals.live_objects, "object"),
                        binary_size(totals.live_bytes)
                    ),
                )
            }
        }
    }

    /// A place has another verdict.
    pub(crate) fn verdict(&mut self, elapsed: Duration, change: &VerdictChange) -> io::Result<()> {
        match self.format {
            WatchFormat::Jsonl => self.json(&Line::Verdict {
                elapsed_s: elapsed.as_secs_f64(),
                family: &change.family,
                place: &change.place,
                cache: &change.cache,
                before: change.before.map(Verdict::name),
                now: change.now.name(),
                live_objects: change.objects,
            }),
            WatchFormat::Text => {
                let was = change.before;
                let was = was.map_or(String::new(), |was| format!(", was {}", was.title()));
                self.text(
                    elapsed,
                    &format!(
                        "{} {}: {}{was}, {} live",
                        change.place,
                        change.cache,
                        change.now.title(),
                        change.objects
                    ),
                )
            }
        }
    }

    /// Something else to know.
    pub(crate) fn note(&mut self, elapsed: Duration, text: &str) -> io::Result<()> {
        match self.format {
            WatchFormat::Jsonl => self.json(&Line::Note { elapsed_s: elapsed.as_secs_f64(), text }),
            WatchFormat::Text => self.text(elapsed, text),
        }
    }

    fn text(&mut self, elapsed: Duration, text: &str) -> io::Result<()> {
        let seconds = elapsed.as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        writeln!(self.out, "{hours:02}:{minutes:02}:{seconds:02}  {}", Escaped(text))?;
        self.out.flush()
    }

    fn json(&mut self, line: &Line<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        writeln!(self.out)?;
        self.out.flush()
    }
}
