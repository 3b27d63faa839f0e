//! The output as it was when somebody last read it.

use std::fs;
use std::panic;

use slabtrace::report::{Report, Selection};

use super::listing::Entry;
use super::run::{json, text};
use super::unpack::root;

/// A snapshot shows so many groups: more than this nobody reads again.
const GROUPS_MAX: usize = 10;

/// Compares both formats of a report with `snapshots/<area>/<case>.{text,json}.snap`.
/// What differs is in the message.
pub(crate) fn check(entry: &Entry, mut report: Report) -> Result<(), String> {
    Selection { top: Some(GROUPS_MAX), ..Selection::default() }.apply(&mut report);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../../snapshots/{}", entry.area));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        compare(entry, "text", &text(&report))?;
        compare(entry, "json", &without_version(&json(&report)))
    })
}

fn compare(entry: &Entry, format: &str, now: &str) -> Result<(), String> {
    let name = format!("{}.{format}", entry.case);
    let outcome = panic::catch_unwind(|| insta::assert_snapshot!(name.clone(), now));
    outcome.map_err(|_| {
        let path = root().join(format!("snapshots/{}/{name}.snap", entry.area));
        let stored = fs::read_to_string(path).unwrap_or_default();
        // The text comes behind a head between two lines of dashes.
        let before = stored.splitn(3, "---\n").nth(2).unwrap_or_default();
        let diff = similar::TextDiff::from_lines(before, now);
        format!("{name} is not what it was:\n{}", diff.unified_diff())
    })
}

/// A release changes no snapshot.
fn without_version(json: &str) -> String {
    json.replacen(
        concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\""),
        "\"version\": \"[version]\"",
        1,
    )
}
