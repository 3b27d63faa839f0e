//! Any bytes as a report in JSON and as suppressions: no panic, and whatever numbers they say, a
//! comparison and a judgement end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabtrace::compare::{Diff, Side, write_json, write_markdown};
use slabtrace::gate::{Limits, Suppressions, Wanted, annotations, write_junit, write_sarif};

fuzz_target!(|input: (&[u8], &[u8], &str)| {
    let (old, new, rules) = input;
    let (Ok(old), Ok(mut new)) = (Side::of_json(old), Side::of_json(new)) else { return };
    if let Ok(rules) = Suppressions::parse(rules) {
        rules.apply(&mut new, jiff::civil::date(2026, 11, 27));
    }
    let diff = Diff::of(old, new.clone());
    write_json(&diff, &mut Vec::new()).expect("memory takes any bytes");
    write_markdown(&diff, &mut Vec::new()).expect("memory takes any bytes");
    let wanted = Wanted { refused: vec![Wanted::LEAK.to_owned()] };
    let limits = Limits { max_leaked: Some(1), max_growth: Some(1.0), wanted, max_live: Some(1) };
    let judged = limits.judge(&new, Some(&diff));
    annotations(&judged);
    write_junit(&judged, "any", &mut Vec::new()).expect("memory takes any bytes");
    write_sarif(&judged, &mut Vec::new()).expect("memory takes any bytes");
});
