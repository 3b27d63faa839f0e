//! How much may leak.

use std::fmt;

use crate::compare::{Change, ChangeKind, Diff, Finding, Side};
use crate::print::Escaped;
use crate::print::number::{bytes, count, counted};

/// What is asked of a capture. The default asks nothing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Limits {
    /// Bytes that may leak.
    pub max_leaked: Option<u64>,
    /// Objects that may live.
    pub max_live: Option<u64>,
    /// Bytes a second that may leak.
    pub max_growth: Option<f64>,
    /// What must not be there.
    pub wanted: Wanted,
}

/// Which places must not be there at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Names of verdicts; `leak` is every one of memory that is lost.
    pub refused: Vec<String>,
}

/// A limit that a capture crosses.
#[derive(Clone, PartialEq, Debug)]
pub enum Crossing {
    /// More bytes leak than may.
    Leaked {
        /// Bytes that leak.
        bytes: u64,
        /// Bytes that may.
        limit: u64,
    },
    /// Objects leak whose size nobody knows.
    UnknownSize {
        /// So many.
        objects: u64,
        /// What asked for their size.
        asked: &'static str,
    },
    /// More objects live than may.
    Live {
        /// Objects that live.
        objects: u64,
        /// Objects that may.
        limit: u64,
    },
    /// It leaks faster than it may.
    Growth {
        /// Bytes a second.
        rate: f64,
        /// Bytes a second that may.
        limit: f64,
    },
    /// How fast it leaks is not known.
    UnknownRate,
    /// A place is there that must not be.
    Refused(Box<Finding>),
    /// A place leaks that did not, or faster than it did.
    Changed(Box<Change>),
}

/// Something that was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The option that asked, as [`Crossing::name`] has it.
    pub name: &'static str,
    /// What must be, in words.
    pub text: String,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Judged {
    /// What was asked.
    pub asked: Vec<Asked>,
    /// What was crossed.
    pub crossings: Vec<Crossing>,
}

impl Limits {
    /// Judges a capture, of which what is forgiven was taken out; `diff` compares it with a baseline.
    pub fn judge(&self, side: &Side, diff: Option<&Diff>) -> Judged {
        let mut judged = Judged::default();
        let leaks = || side.findings.iter().filter(|finding| finding.standing.is_leak());
        let unknown =
            sum(leaks().filter(|finding| finding.bytes.is_none()).map(|finding| finding.objects));
        let leaked = sum(leaks().filter_map(|finding| finding.bytes));
        let unsized_leaks =
            |asked| (unknown > 0).then_some(Crossing::UnknownSize { objects: unknown, asked });
        if let Some(limit) = self.max_leaked {
            judged.ask("max-leaked", format!("at most {} leaked", bytes(limit)));
            let is_over = (leaked > limit).then_some(Crossing::Leaked { bytes: leaked, limit });
            judged.crossings.extend(is_over.or_else(|| unsized_leaks("max-leaked")));
        }
        if let Some(limit) = self.max_live {
            judged.ask("max-live", format!("at most {} live", counted(limit, "object")));
            let objects = sum(side.findings.iter().map(|finding| finding.objects));
            judged.crossings.extend((objects > limit).then_some(Crossing::Live { objects, limit }));
        }
        if let Some(limit) = self.max_growth {
            judged.ask("max-growth", format!("at most {} leaked", rate(limit)));
            let crossing = match side.span.map(|span| leaked as f64 / span) {
                Some(rate) if rate > limit => Some(Crossing::Growth { rate, limit }),
                Some(_) => unsized_leaks("max-growth"),
                None => Some(Crossing::UnknownRate),
            };
            judged.crossings.extend(crossing);
        }
        if !self.wanted.refused.is_empty() {
            judged.ask("fail-on", self.wanted.to_string());
            let refused = side.findings.iter().filter(|finding| self.wanted.refuses(finding));
            judged.crossings.extend(refused.cloned().map(Box::new).map(Crossing::Refused));
        }
        if let Some(diff) = diff {
            judged.ask("baseline", format!("nothing worse than {}", Escaped(&diff.old.title)));
            let bad = diff.changes.iter().filter(|change| change.kind.is_bad());
            judged.crossings.extend(bad.cloned().map(Box::new).map(Crossing::Changed));
        }
        judged
    }
}

/// A sum of numbers that a report in JSON may have made up.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

impl Judged {
    fn ask(&mut self, name: &'static str, text: String) {
        self.asked.push(Asked { name, text });
    }

    /// Whether something that was asked holds.
    pub fn holds(&self, asked: &Asked) -> bool {
        self.crossings.iter().all(|crossing| crossing.name() != asked.name)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.refused[..] {
            [only] if only == Wanted::LEAK => f.write_str("nothing leaks"),
            refused => write!(f, "no place is {}", refused.join(" or ")),
        }
    }
}

impl Wanted {
    /// The word for every verdict of memory that is lost.
    pub const LEAK: &'static str = "leak";

    fn refuses(&self, finding: &Finding) -> bool {
        self.refused.iter().any(|name| {
            name == finding.standing.name() || name == Wanted::LEAK && finding.standing.is_leak()
        })
    }
}

impl Crossing {
    /// The place that it is of, if it is of one.
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Crossing::Refused(finding) => Some(finding),
            Crossing::Changed(change) => change.latest(),
            _ => None,
        }
    }

    /// A word for the kind.
    pub fn name(&self) -> &'static str {
        match self {
            Crossing::Leaked { .. } => "max-leaked",
            Crossing::UnknownSize { asked, .. } => asked,
            Crossing::Live { .. } => "max-live",
            Crossing::Growth { .. } | Crossing::UnknownRate => "max-growth",
            Crossing::Refused(_) => "fail-on",
            Crossing::Changed(_) => "baseline",
        }
    }
}

impl fmt::Display for Crossing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Crossing::Leaked { bytes: leaked, limit } => {
                write!(f, "{} leak, and at most {} may", bytes(*leaked), bytes(*limit))
            }
            Crossing::UnknownSize { objects, .. } => {
                write!(f, "{} of unknown size leak", counted(*objects, "object"))
            }
            Crossing::Live { objects, limit } => {
                write!(f, "{} live, and at most {} may", counted(*objects, "object"), count(*limit))
            }
            Crossing::Growth { rate: found, limit } => {
                write!(f, "{} leak, and at most {} may", rate(*found), rate(*limit))
            }
            Crossing::UnknownRate => {
                f.write_str("how fast it leaks is not known, since the capture has no times")
            }
            Crossing::Refused(finding) => write!(f, "{}", told(finding)),
            Crossing::Changed(change) => {
                let Some(latest) = change.latest() else { return Ok(()) };
                match (&change.old, change.kind) {
                    (Some(old), ChangeKind::Worse) => write!(
                        f,
                        "{}, and faster than before: {}",
                        told(latest),
                        counted(old.objects, "object")
                    ),
                    _ => write!(f, "{}, and did not before", told(latest)),
                }
            }
        }
    }
}

/// `leaky_init [leaky] is leaking kmalloc-64: 80 objects, 5.0 KiB`
fn told(finding: &Finding) -> String {
    let size = finding.bytes.map_or(String::new(), |size| format!(", {}", bytes(size)));
    format!(
        "{} is {} {}: {}{size}",
        Escaped(&finding.site()),
        finding.standing.title(),
        Escaped(&finding.cache),
        counted(finding.objects, "object"),
    )
}

/// `1.5 KiB an hour`
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of bytes; casts saturate"
)]
fn rate(per_s: f64) -> String {
    format!("{} an hour", bytes((per_s * 3600.0).round() as u64))
}
