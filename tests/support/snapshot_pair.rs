//! Both formats of an output that no sidecar goes with.

/// Compares a text and its JSON with `snapshots/<area>/<case>.{text,json}.snap`.
pub(crate) fn snapshot_pair(area: &str, case: &str, text: &[u8], json: &[u8]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../../snapshots/{area}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!(format!("{case}.text"), String::from_utf8_lossy(text));
        insta::assert_snapshot!(format!("{case}.json"), String::from_utf8_lossy(json));
    });
}
