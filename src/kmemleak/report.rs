//! What is shown of kmemleak's findings: the model that every format is written from.

use super::ObjectKind;
use crate::address::LineNumber;
use crate::print::Escaped;
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
    /// Objects without a backtrace of their own in front of an object like them, whose backtrace
    /// they were given.
    pub shared_objects: u64,
    /// Lines of objects that could not be read; an object whose first line is one of them is lost.
    pub damaged_lines: u64,
    /// The first of them.
    pub unread: Option<Unread>,
    /// What the text is if it is no report.
    pub kind: Kind,
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

/// A line of a report that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// Its number.
    pub line: LineNumber,
    /// Its text, which may be cut.
    pub text: String,
}

/// What a text is that is no report.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Kind {
    /// Nothing that is known.
    #[default]
    Unknown,
    /// A log of SLUB tracing.
    Trace,
    /// Samples of `/proc/meminfo` or `/proc/slabinfo`.
    Monitor,
}

/// Why there is nothing to report.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// The input is a report, and no object of it could be read.
    #[error(
        "this is a kmemleak report, but none of its objects could be read, for the want of lines like `unreferenced object 0xffff888004a10040 (size 64):`; the first of {lines} that could not be read is line {}: {}",
        unread.line.0,
        Escaped(&unread.text)
    )]
    Damaged {
        /// Lines that could not be read.
        lines: u64,
        /// The first of them.
        unread: Unread,
    },
    /// The input is something else, of which another command makes a report.
    #[error("this is {0}, and no kmemleak report; try: {1}")]
    Another(&'static str, &'static str),
    /// Nothing of the input looks like a report.
    #[error(
        "found no `unreferenced object` of a kmemleak report in the input; build the kernel with CONFIG_DEBUG_KMEMLEAK=y, boot with kmemleak=on, and give the text of /sys/kernel/debug/kmemleak"
    )]
    NoReport,
}

impl Unusable {
    /// Why a report says nothing, if it does. An empty report says that nothing was found.
    pub fn of(report: &KmemleakReport) -> Option<Unusable> {
        if report.seen_objects > 0 {
            return None;
        }
        if let Some(unread) = &report.unread {
            return Some(Unusable::Damaged { lines: report.damaged_lines, unread: unread.clone() });
        }
        match report.kind {
            Kind::Trace => Some(Unusable::Another("a log of SLUB tracing", "slabtrace FILE")),
            Kind::Monitor => {
                Some(Unusable::Another("a log of memory use", "slabtrace monitor FILE"))
            }
            Kind::Unknown => (report.scans == 0).then_some(Unusable::NoReport),
        }
    }
}
