//! Any bytes as a console log: no panic, and the report can be written in every form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabtrace::report::{TextOptions, write_json, write_text};
use slabtrace::{Analysis, AnalysisOptions};

fuzz_target!(|log: &[u8]| {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(log);
    analysis.end_input("any.log".to_owned(), log.len() as u64);
    let report = analysis.finish();
    let mut text = Vec::new();
    write_text(&report, TextOptions::default(), &mut text).expect("memory takes any bytes");
    let shown = String::from_utf8(text).expect("the report is text");
    assert!(shown.chars().all(|shown| shown == '\n' || !shown.is_control()), "{shown}");
    write_json(&report, &mut Vec::new()).expect("memory takes any bytes");
});
