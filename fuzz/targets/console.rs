//! Any bytes as a console log: no panic, and the report can be written in every form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabtrace::export::{
    Stack, Title, Weight, write_csv, write_flame_graph, write_folded, write_pprof, write_speedscope,
};
use slabtrace::report::{TextOptions, write_html, write_json, write_markdown, write_text};
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
    let out = &mut Vec::new();
    write_json(&report, out).expect("memory takes any bytes");
    write_markdown(&report, out).expect("memory takes any bytes");
    write_html(&report, None, out).expect("memory takes any bytes");
    write_csv(&report, out).expect("memory takes any bytes");
    let stacks = Stack::of_report(&report);
    let title = Title { title: String::new(), subtitle: report.conclusion.clone() };
    write_folded(&stacks, Weight::Objects, out).expect("memory takes any bytes");
    write_flame_graph(&stacks, Weight::Bytes, &title, out).expect("whole stacks");
    write_pprof(&stacks, None, out).expect("memory takes any bytes");
    write_speedscope(&stacks, "any", out).expect("memory takes any bytes");
});
