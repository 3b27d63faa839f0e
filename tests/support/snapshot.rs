//! The output as it was when somebody last read it.

use slabtrace::report::{Report, Selection};

use super::listing::Entry;
use super::run::{json, text};

/// A snapshot shows so many groups: more than this nobody reads again.
const GROUPS_MAX: usize = 10;

/// Compares both formats of a report with `snapshots/<area>/<case>.{text,json}.snap`.
pub(crate) fn check(entry: &Entry, mut report: Report) {
    Selection { top: Some(GROUPS_MAX), ..Selection::default() }.apply(&mut report);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../../snapshots/{}", entry.area));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!(format!("{}.text", entry.case), text(&report));
        insta::assert_snapshot!(format!("{}.json", entry.case), without_version(&json(&report)));
    });
}

/// A release changes no snapshot.
fn without_version(json: &str) -> String {
    json.replacen(
        concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\""),
        "\"version\": \"[version]\"",
        1,
    )
}
