//! The arguments of `watch`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use regex::bytes::Regex;

use super::SymbolArgs;
use super::gate::verdict;
use super::value::{Age, count};

/// The arguments of `watch`.
#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// What to read: a file that grows, a serial line such as /dev/ttyUSB0, a pty, /dev/kmsg, tracefs'
    /// `trace_pipe`, unix:PATH or tcp:HOST:PORT; `-` or nothing is standard input
    #[arg(id = "watched", value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// The speed of a serial line, in bits a second: 8 data bits, no parity, 1 stop bit
    #[arg(long, value_name = "N", default_value_t = 115_200)]
    pub(crate) baud: u32,
    /// The flow control of a serial line
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) flow: Flow,
    /// Append what comes to this file, written out every second; packed where its name ends with .zst
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Put the time, in UTC, before each line that is recorded
    #[arg(long)]
    pub(crate) stamp: bool,
    /// Copy what comes to standard output, as tee does; what is told goes to standard error
    #[arg(long)]
    pub(crate) pass_through: bool,
    /// Tell of it in lines, also on a terminal
    #[arg(long)]
    pub(crate) plain: bool,
    /// How the lines are written
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: WatchFormat,
    /// Time between two lines, such as 10s or 5m
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(crate) interval: Age,
    /// End at the first leak (`leak`), after a time (90s), after so many events (`5000-events`), or at a
    /// line that fits a regular expression
    #[arg(long, value_name = "WHAT", value_parser = until)]
    pub(crate) until: Vec<Until>,
    /// Exit with status 1 where a place has this verdict at the end, and end at once where one has it
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', value_parser = verdict)]
    pub(crate) fail_on: Vec<String>,
    /// Write the final report to this file too, in the format of its name: .txt, .json, .html, .md, .csv,
    /// .svg, .folded, .pb.gz, .speedscope
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) symbols: SymbolArgs,
}

/// Who may stop whom on a serial line.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Flow {
    /// Nobody
    #[default]
    None,
    /// XON and XOFF
    Software,
    /// RTS and CTS
    Hardware,
}

/// How lines are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum WatchFormat {
    /// For people
    #[default]
    Text,
    /// A JSON object a line
    Jsonl,
}

/// What ends a watch.
#[derive(Clone, Debug)]
pub(crate) enum Until {
    /// A place that leaks.
    Leak,
    /// A time in seconds.
    Time(f64),
    /// So many events.
    Events(u64),
    /// A line that fits.
    Line(Regex),
}

/// `leak`, `90s`, `5000-events`, or a regular expression.
fn until(text: &str) -> Result<Until, String> {
    if text == "leak" {
        return Ok(Until::Leak);
    }
    if let Some(number) = text.strip_suffix("-events") {
        return Ok(Until::Events(count(number)?));
    }
    if let Ok(age) = text.parse::<Age>() {
        return Ok(Until::Time(age.0));
    }
    Regex::new(text).map(Until::Line).map_err(|error| {
        let message = error.to_string();
        message.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
    })
}
