//! kmemleak reports: what the kernel's own detector found unreferenced, grouped by backtrace.
//!
//! ```text
//! bytes ──► records ──► lines ──► objects ──► scans ──► report
//!            record/     line.rs   reader.rs   scan.rs   build.rs
//! ```
//!
//! Reads the text of `/sys/kernel/debug/kmemleak` of every era, as a file of its own, inside a
//! console log, or printed by the kernel itself (`kmemleak.verbose=1`). Several reports are
//! successive scans of one machine. It does not judge whether an object is truly lost: kmemleak
//! takes an object for lost when it finds no pointer to it, and may err.

mod build;
mod json;
mod line;
mod markdown;
mod object;
mod reader;
mod report;
mod scan;
mod text;

pub use json::write as write_json;
pub use markdown::write as write_markdown;
pub use object::ObjectKind;
pub use report::{
    ExampleReport, GroupReport, Kind, KmemleakReport, ProcessReport, Totals, Trend, Unread,
    Unusable,
};
pub use text::write as write_text;

pub(crate) use line::frame;

use crate::capture::Input;
use crate::capture::LineSplitter;
use crate::record::Record;
use crate::record::prefix::Unwrapper;
use reader::Reader;

/// What to do with the reports.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct KmemleakOptions {
    /// Objects known to be younger than so many seconds are left out.
    pub min_age: Option<f64>,
}

/// An analysis of kmemleak reports, which may come in any number of pieces.
#[derive(Clone, Debug)]
pub struct Kmemleak {
    options: KmemleakOptions,
    splitter: LineSplitter,
    unwrapper: Unwrapper,
    reader: Reader,
    inputs: Vec<Input>,
}

impl Kmemleak {
    /// An analysis of which nothing has been read.
    pub fn new(options: KmemleakOptions) -> Kmemleak {
        Kmemleak {
            options,
            splitter: LineSplitter::new(),
            unwrapper: Unwrapper::of_pasted(),
            reader: Reader::default(),
            inputs: Vec::new(),
        }
    }

    /// Takes the next piece of the present input.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Kmemleak { splitter, unwrapper, reader, .. } = self;
        splitter.feed(bytes, |line| unwrapper.records(line, |record| reader.record(&record)));
    }

    /// Ends an input. The next one is a later scan.
    pub fn end_input(&mut self, path: String, bytes: u64) {
        let Kmemleak { splitter, unwrapper, reader, .. } = self;
        splitter.finish(|line| unwrapper.records(line, |record| reader.record(&record)));
        unwrapper.finish(|record| reader.record(&record));
        reader.end_input();
        self.inputs.push(Input { path, bytes, lines: splitter.lines() });
        self.splitter = LineSplitter::new();
        self.unwrapper = Unwrapper::of_pasted();
    }

    /// Takes a line that somebody else has cut out of a log.
    pub(crate) fn record(&mut self, record: &Record<'_>) {
        self.reader.record(record);
    }

    /// Whether the next line may belong to an object that has begun.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.reader.is_open()
    }

    /// What follows is another report.
    pub(crate) fn end_scan(&mut self) {
        self.reader.end_scan();
    }

    /// Ends the analysis.
    pub fn finish(self) -> KmemleakReport {
        let (names, scans, tally) = self.reader.finish();
        build::build(self.inputs, &names, &scans, tally, self.options)
    }
}
