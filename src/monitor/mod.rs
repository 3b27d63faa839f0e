//! Monitor logs: which slab cache grows, how fast, and whether it is the slab at all.
//!
//! ```text
//! bytes ──► lines ─────► samples ─────► series ────► growth ─────► report
//!           date.rs       collector.rs   series.rs    growth.rs     judge.rs
//!           uptime.rs     sample.rs      restart.rs   drift.rs      companion.rs
//!           meminfo.rs    calendar.rs                 balance.rs    conclusion.rs
//!           slabinfo.rs                                             next_step.rs
//!           logger.rs                                               snapshot.rs
//!           screen.rs                                               few.rs
//! ```
//!
//! A monitor log is what a loop over `date`, `/proc/meminfo` and `/proc/slabinfo` prints, with
//! whatever else it prints in between. Samples are found by their content, so that separators,
//! order and missing parts do not matter. Slopes are medians (`src/statistics/`): a damaged or odd
//! sample does not move them.

mod balance;
mod build;
mod calendar;
mod collector;
mod companion;
mod conclusion;
mod csv;
mod date;
mod date_words;
mod drift;
mod few;
mod growth;
mod json;
mod judge;
mod logger;
mod meminfo;
mod next_step;
mod quantity;
mod report;
mod restart;
mod sample;
mod scale;
mod screen;
mod series;
mod slabinfo;
mod snapshot;
mod svg;
mod text;
mod uptime;

pub(crate) use balance::whole;
pub use csv::write as write_csv;
pub use json::write as write_json;
pub use report::{
    CacheReport, Conclusion, ConclusionKind, MemoryKind, MemoryReport, MonitorReport, PartReport,
    RunReport, Samples, TimeUnit, Unusable, Verdict,
};
pub use snapshot::{CacheHolding, MemoryHolding, SlabSource, Snapshot};
pub use svg::write as write_svg;
pub use text::write as write_text;

use crate::capture::Input;
use crate::capture::LineSplitter;
use collector::Collector;

/// A shell script for the machine that leaks: it records what a [`Monitor`] reads.
pub const WATCH_SCRIPT: &str = include_str!("slabmon.sh");

/// The loop that the script is made of, in its plainest form.
pub const SAMPLE_LOOP: &str = include_str!("sample.sh");

/// How to read a monitor log.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct MonitorOptions {
    /// Seconds between two samples, for logs without dates.
    pub interval: Option<f64>,
}

/// An analysis of a monitor log, which may come in any number of pieces.
#[derive(Debug)]
pub struct Monitor {
    options: MonitorOptions,
    splitter: LineSplitter,
    collector: Collector,
    inputs: Vec<Input>,
}

impl Monitor {
    /// An analysis of a log that has not begun.
    pub fn new(options: MonitorOptions) -> Monitor {
        Monitor {
            options,
            splitter: LineSplitter::new(),
            collector: Collector::default(),
            inputs: Vec::new(),
        }
    }

    /// Takes the next piece of the log.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Monitor { splitter, collector, .. } = self;
        splitter.feed(bytes, |line| collector.line(line));
    }

    /// Takes note of an input that has been fed. A sample may go on in the next one: logs are
    /// rotated by size.
    pub fn end_input(&mut self, path: String, bytes: u64) {
        let before: u64 = self.inputs.iter().map(|input| input.lines).sum();
        self.collector.end_input(&path);
        self.inputs.push(Input { path, bytes, lines: self.splitter.lines() - before });
    }

    /// Ends the log.
    pub fn finish(self) -> MonitorReport {
        let Monitor { options, mut splitter, mut collector, inputs } = self;
        splitter.finish(|line| collector.line(line));
        build::build(inputs, &collector.finish(), options)
    }
}
