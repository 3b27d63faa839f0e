//! What becomes of verdicts from picture to picture.

use std::collections::BTreeMap;

use slabtrace::report::{Escaped, Report};
use slabtrace::verdict::Verdict;

/// A place whose verdict is another now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct VerdictChange {
    /// The place's name on another boot, build or machine.
    pub(crate) family: String,
    /// The function that allocates, with its module; harmless on a terminal.
    pub(crate) place: String,
    /// The cache; harmless on a terminal.
    pub(crate) cache: String,
    /// What it was; nothing where it is new.
    pub(crate) before: Option<Verdict>,
    /// What it is.
    pub(crate) now: Verdict,
    /// Objects that live.
    pub(crate) objects: u64,
}

/// The verdicts of the last picture.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    known: BTreeMap<(usize, String), Verdict>,
}

impl Verdicts {
    /// What has changed since the last picture. A place that is new and unclear is no news.
    pub(crate) fn changes(&mut self, report: &Report) -> Vec<VerdictChange> {
        let mut changes = Vec::new();
        for family in &report.families {
            let now = family.judgement.verdict;
            let key = (family.boot, family.name.clone());
            let before = self.known.insert(key, now);
            let is_news = before.map_or(now.is_leak(), |before| before != now);
            let group = report
                .groups
                .iter()
                .find(|group| group.boot == family.boot && group.family == family.name);
            let Some(group) = group.filter(|_| is_news) else { continue };
            changes.push(VerdictChange {
                family: family.name.clone(),
                place: group.site(),
                cache: Escaped(&group.cache).to_string(),
                before,
                now,
                objects: family.live_objects,
            });
        }
        changes
    }
}
