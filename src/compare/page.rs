//! A comparison as rows of the HTML page.

use super::diff::Diff;
use super::side::{Finding, Side};
use super::text::{amount, conclusion, said_rate};
use crate::report::Baseline;

impl Diff {
    /// What the page of the new report shows beside it.
    pub fn baseline(&self) -> Baseline {
        let told = |finding: &Option<Finding>, side: &Side| {
            finding.as_ref().map_or(String::new(), |finding| {
                format!("{}{}", amount(finding), said_rate(finding, side))
            })
        };
        let rows = self.changes.iter().filter_map(|change| {
            let latest = change.latest()?;
            Some([
                change.kind.name().to_owned(),
                latest.standing.title().to_owned(),
                latest.cache.clone(),
                told(&change.old, &self.old),
                told(&change.new, &self.new),
                latest.site(),
            ])
        });
        Baseline {
            conclusion: format!("{} Compared with {}.", conclusion(self), self.old.title),
            rows: rows.collect(),
        }
    }
}
