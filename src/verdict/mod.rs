//! What the numbers say: is it a leak?
//!
//! The rules, their order and what each rests on are in `docs/verdicts.md`; each has a capture in
//! `corpora/verdict/`.

mod reason;
mod rules;

pub use reason::{FreesTold, Reason};
pub(crate) use rules::judge;

/// What a family of groups is. Those that lose memory come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// Objects are freed, others are forgotten, and they become more.
    Leaking,
    /// Objects are never freed, and they become more.
    Accumulating,
    /// Nothing can be said.
    Unclear,
    /// It grew to a size, and stays there.
    Cache,
    /// Allocated on one occasion and kept.
    OneTime,
    /// Its objects are not older than others were when they were freed.
    InFlight,
}

impl Verdict {
    /// Every verdict, in the order of reports.
    pub const ALL: [Verdict; 6] = [
        Verdict::Leaking,
        Verdict::Accumulating,
        Verdict::Unclear,
        Verdict::Cache,
        Verdict::OneTime,
        Verdict::InFlight,
    ];

    /// The name that JSON uses.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Leaking => "leaking",
            Verdict::Accumulating => "accumulating",
            Verdict::Unclear => "unclear",
            Verdict::Cache => "cache",
            Verdict::OneTime => "one_time",
            Verdict::InFlight => "in_flight",
        }
    }

    /// The name that people read.
    pub fn title(self) -> &'static str {
        match self {
            Verdict::OneTime => "one-time",
            Verdict::InFlight => "in flight",
            _ => self.name(),
        }
    }

    /// Whether memory is lost.
    pub fn is_leak(self) -> bool {
        matches!(self, Verdict::Leaking | Verdict::Accumulating)
    }
}

/// What reports order by first: the classes of verdicts that are of one importance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// A leak.
    Leak,
    /// Nothing can be said.
    Unclear,
    /// No leak.
    Harmless,
}

/// A verdict, and why.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on.
    pub reason: Reason,
}

impl Judgement {
    /// What it is ordered by.
    pub fn class(&self) -> Class {
        match self.verdict {
            Verdict::Leaking | Verdict::Accumulating => Class::Leak,
            Verdict::Unclear => Class::Unclear,
            Verdict::Cache | Verdict::OneTime | Verdict::InFlight => Class::Harmless,
        }
    }
}
