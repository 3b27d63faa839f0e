//! What is shown of kmemleak's findings: the model that every format is written from.

use super::ObjectKind;
use crate::report::{FrameReport, Input, add_places, forget_absence};
use crate::symbol::{Symbolizer, Warning};

/// The findings of the last report, and what changed since the one before.
#[derive(Clone, PartialEq, Debug)]
pub struct KmemleakReport {
    /// What was read.
    pub inputs: Vec<Input>,
    /// Reports in it.
    pub scans: usize,
    /// Sums over the last report.
    pub totals: Totals,
    /// Objects of the last report that the one before had not; absent for a single report.
    pub new_objects: Option<u64>,
    /// Objects of the report before that the last one has not.
    pub gone_objects: Option<u64>,
    /// Objects in all reports, before any was left out for its age.
    pub seen_objects: u64,
    /// Objects whose backtrace is missing.
    pub cut_objects: u64,
    /// Lines of objects that could not be read; an object whose first line is one of them is lost.
    pub damaged_lines: u64,
    /// Whether some object did not say its age.
    pub ages_unknown: bool,
    /// Every group of every report, most bytes in the last one first.
    pub groups: Vec<GroupReport>,
    /// What makes source places doubtful, or prevents them.
    pub symbol_warnings: Vec<Warning>,
}

impl KmemleakReport {
    /// Looks up where in the source every frame of every backtrace lies.
    pub fn add_sources(&mut self, symbols: &mut impl Symbolizer) {
        for group in &mut self.groups {
            add_places(&mut group.chain, 0, symbols);
        }
        forget_absence(self.groups.iter_mut().map(|group| &mut group.chain));
    }
}

/// Sums over one report.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Unreferenced objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Groups of them.
    pub groups: u64,
}

/// How a group changes from report to report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trend {
    /// There is only one report.
    Unknown,
    /// It was not in the report before.
    New,
    /// It has more objects than in the report before.
    Growing,
    /// It has as many.
    Steady,
    /// It has fewer.
    Shrinking,
    /// It has none left.
    Gone,
}

impl Trend {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Trend::Unknown => "unknown",
            Trend::New => "new",
            Trend::Growing => "growing",
            Trend::Steady => "steady",
            Trend::Shrinking => "shrinking",
            Trend::Gone => "gone",
        }
    }
}

/// Objects of one size with one backtrace.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupReport {
    /// Its place, from 1.
    pub rank: usize,
    /// The name of the leak on another boot, build or machine. It is the one that a trace report
    /// gives it where `cache` is right.
    pub fingerprint: String,
    /// The kmalloc cache that objects of this size come from, where there is one.
    pub cache: Option<String>,
    /// What kind of memory it is.
    pub kind: ObjectKind,
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of one object.
    pub size: u64,
    /// Objects that the report before had not; absent for a single report.
    pub new_objects: Option<u64>,
    /// Objects of the report before that are not there any more.
    pub gone_objects: Option<u64>,
    /// Objects in every report, oldest first.
    pub history: Vec<u64>,
    /// How it changes.
    pub trend: Trend,
    /// Seconds that its oldest object has lived.
    pub oldest_age: Option<f64>,
    /// The backtrace, innermost frame first.
    pub chain: Vec<FrameReport>,
    /// Who allocated the objects, most first.
    pub processes: Vec<ProcessReport>,
    /// The first object of the report.
    pub example: ExampleReport,
}

/// A task that allocated objects of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessReport {
    /// Its name; absent where the line was lost.
    pub comm: Option<String>,
    /// Its process id.
    pub pid: Option<u32>,
    /// Objects it allocated.
    pub objects: u64,
}

/// One object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExampleReport {
    /// Its address as printed, with `0x`.
    pub address: String,
    /// Its first bytes; none where the report does not show them.
    pub hex: Vec<u8>,
}

impl KmemleakReport {
    /// Whether kmemleak wrote nothing, as it does where it has found nothing.
    pub fn is_empty(&self) -> bool {
        self.inputs.iter().all(|input| input.bytes == 0)
    }
}

/// Why there is nothing to report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// Nothing of the input looks like a report.
    #[error(
        "found no `unreferenced object` of a kmemleak report in the input; build the kernel with CONFIG_DEBUG_KMEMLEAK=y, boot with kmemleak=on, and give the text of /sys/kernel/debug/kmemleak"
    )]
    NoReport,
}

impl Unusable {
    /// Why a report says nothing, if it does.
    pub fn of(report: &KmemleakReport) -> Option<Unusable> {
        (report.seen_objects == 0 && !report.is_empty()).then_some(Unusable::NoReport)
    }
}
