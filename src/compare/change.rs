//! How a place differs between two reports.

use super::side::Finding;

/// A place that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// How it differs.
    pub kind: ChangeKind,
    /// Whether chance could have made the difference.
    pub certainty: Certainty,
    /// How the two were found to be one place.
    pub matched: Match,
    /// What the old report says.
    pub old: Option<Finding>,
    /// What the new report says.
    pub new: Option<Finding>,
}

/// How a place differs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ChangeKind {
    /// It leaks, and the old report does not know it.
    New,
    /// It leaks faster.
    Worse,
    /// It leaks more slowly.
    Better,
    /// The new report does not know it.
    Gone,
}

/// Whether chance could have made a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Certainty {
    /// It could hardly.
    Sure,
    /// It could: there are few objects, or one of the logs is short.
    MayBeChance,
}

/// How two findings were found to be one place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Match {
    /// By their fingerprint.
    Exact,
    /// By chains that are so alike, from 0 to 1: builds may differ in what is inlined.
    Near(f64),
    /// There is only one.
    None,
}

impl ChangeKind {
    /// Every kind, in the order of reports.
    pub const ALL: [ChangeKind; 4] =
        [ChangeKind::New, ChangeKind::Worse, ChangeKind::Better, ChangeKind::Gone];

    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            ChangeKind::New => "new",
            ChangeKind::Worse => "worse",
            ChangeKind::Better => "better",
            ChangeKind::Gone => "gone",
        }
    }

    /// Whether it is for the worse.
    pub fn is_bad(self) -> bool {
        matches!(self, ChangeKind::New | ChangeKind::Worse)
    }
}

impl Change {
    /// The newer of what the reports say.
    pub fn latest(&self) -> Option<&Finding> {
        self.new.as_ref().or(self.old.as_ref())
    }
}
