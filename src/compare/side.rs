//! What one report says of each place, whatever it was made of.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::event::Role;
use crate::kmemleak::{KmemleakReport, Trend};
use crate::report::{FrameReport, Report};
use crate::verdict::Verdict;

/// One of two reports that are compared.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Side {
    /// What it was made of.
    pub title: String,
    /// Seconds that its boots' logs cover together; none where nothing tells, or where the kernel
    /// counted.
    pub span: Option<f64>,
    /// What it found, each fingerprint once.
    pub findings: Vec<Finding>,
}

/// What a report says of a place.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Its name on another boot, build or machine.
    pub fingerprint: String,
    /// The cache.
    pub cache: String,
    /// What it is, and who says so.
    pub standing: Standing,
    /// Objects that live.
    pub objects: u64,
    /// The range that the true number lies in, with 95 % confidence.
    pub likely: (u64, u64),
    /// Their bytes.
    pub bytes: Option<u64>,
    /// The chain, innermost function first.
    pub chain: Vec<Step>,
}

/// What a place is, and who says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// A trace was judged.
    Judged(Verdict),
    /// kmemleak found nothing that points to its objects.
    Unreferenced,
    /// The kernel counts it; with the bytes that became more between its readings, where there are
    /// several.
    Counted(Option<i64>),
}

impl Standing {
    /// Whether memory is lost there, as far as its witness can tell.
    pub fn is_leak(self) -> bool {
        match self {
            Standing::Judged(verdict) => verdict.is_leak(),
            Standing::Unreferenced => true,
            Standing::Counted(grown) => grown.is_some_and(|grown| grown > 0),
        }
    }

    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Judged(verdict) => verdict.name(),
            Standing::Unreferenced => "unreferenced",
            Standing::Counted(_) if self.is_leak() => "growing",
            Standing::Counted(_) => "counted",
        }
    }

    /// The name that people read.
    pub fn title(self) -> &'static str {
        match self {
            Standing::Judged(verdict) => verdict.title(),
            _ => self.name(),
        }
    }

    /// What two boots say together: the worse of both.
    fn with(self, other: Standing) -> Standing {
        match (self, other) {
            // The verdicts' order is that of what is worse.
            (Standing::Judged(a), Standing::Judged(b)) => Standing::Judged(a.min(b)),
            (Standing::Counted(a), Standing::Counted(b)) => {
                Standing::Counted(a.zip(b).map(|(a, b)| a.saturating_add(b)))
            }
            (standing, _) => standing,
        }
    }
}

/// A function of a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The function; an address where it has no name.
    pub function: String,
    /// Its module.
    pub module: Option<String>,
    /// The file that it was compiled from.
    pub file: Option<String>,
    /// The line of the call.
    pub line: Option<u32>,
}

impl Finding {
    /// The function that called the allocator, with its module.
    pub fn site(&self) -> String {
        self.chain.first().map_or_else(|| "unknown code".to_owned(), Step::title)
    }

    /// Takes the same place of another boot.
    fn add(&mut self, other: &Finding) {
        // A report in JSON may say any number.
        self.objects = self.objects.saturating_add(other.objects);
        self.likely.0 = self.likely.0.saturating_add(other.likely.0);
        self.likely.1 = self.likely.1.saturating_add(other.likely.1);
        self.bytes = self.bytes.zip(other.bytes).map(|(a, b)| a.saturating_add(b));
        self.standing = self.standing.with(other.standing);
    }
}

impl Step {
    /// `leaky_init [leaky]`
    pub fn title(&self) -> String {
        match &self.module {
            Some(module) => format!("{} [{module}]", self.function),
            None => self.function.clone(),
        }
    }

    fn of(frame: &FrameReport) -> Step {
        let function = match (&frame.function, frame.address) {
            (Some(function), _) => function.clone(),
            (None, Some(address)) => format!("{address:#x}"),
            (None, None) => "?".to_owned(),
        };
        let source = frame.source.as_ref();
        Step {
            function,
            module: frame.module.clone(),
            file: source.map(|source| source.file.clone()),
            line: source.and_then(|source| source.line),
        }
    }
}

impl Side {
    /// What a leak report says, or one of the kernel's own counts.
    pub fn of_report(report: &Report) -> Side {
        let spans = report.boots.iter().map(|boot| boot.first_time.zip(boot.last_time));
        let spans = spans.map(|times| times.map(|(first, last)| last.seconds() - first.seconds()));
        let is_traced = report.groups.iter().all(|group| group.counted.is_none());
        let findings = report.groups.iter().map(|group| Finding {
            fingerprint: group.fingerprint.clone(),
            cache: group.cache.clone(),
            standing: match (&group.judgement, &group.counted) {
                (Some(judgement), None) => Standing::Judged(judgement.verdict),
                (_, Some(counted)) => Standing::Counted(counted.grown_bytes),
                (None, None) => Standing::Judged(Verdict::Unclear),
            },
            objects: group.live_objects,
            likely: group.likely,
            bytes: group.live_bytes,
            chain: group.callers().map(Step::of).collect(),
        });
        Side {
            title: title(report.inputs.iter().map(|input| input.path.as_str())),
            span: spans.sum::<Option<f64>>().filter(|&span| is_traced && span > 0.0),
            findings: by_fingerprint(findings),
        }
    }

    /// What a report of kmemleak says. Its objects are there, and no rate is known.
    pub fn of_kmemleak(report: &KmemleakReport) -> Side {
        let present = report.groups.iter().filter(|group| group.trend != Trend::Gone);
        let findings = present.map(|group| {
            let callers = group.chain.iter().filter(|frame| frame.role == Role::Caller);
            Finding {
                fingerprint: group.fingerprint.clone(),
                cache: group.cache.clone().unwrap_or_default(),
                standing: Standing::Unreferenced,
                objects: group.objects,
                likely: (group.objects, group.objects),
                bytes: Some(group.bytes),
                chain: callers.map(Step::of).collect(),
            }
        });
        Side {
            title: title(report.inputs.iter().map(|input| input.path.as_str())),
            span: None,
            findings: by_fingerprint(findings),
        }
    }
}

/// The first input's name, and how many more there are.
pub(super) fn title<'a>(mut paths: impl Iterator<Item = &'a str>) -> String {
    let first = match paths.next() {
        None => "a report",
        Some("-") => "standard input",
        Some(path) => path,
    };
    match paths.count() {
        0 => first.to_owned(),
        more => format!("{first} and {more} more"),
    }
}

/// Each place once, in the order in which they came.
pub(super) fn by_fingerprint(findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut places: IndexMap<String, Finding, FixedState> = IndexMap::default();
    for finding in findings {
        match places.get_mut(&finding.fingerprint) {
            Some(place) => place.add(&finding),
            None => {
                places.insert(finding.fingerprint.clone(), finding);
            }
        }
    }
    places.into_values().collect()
}
