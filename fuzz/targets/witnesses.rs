//! Any bytes as a log of a monitor, and as reports of kmemleak.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabtrace::kmemleak::{self, Kmemleak, KmemleakOptions};
use slabtrace::monitor::{self, Monitor, MonitorOptions};
use slabtrace::report::Style;

fuzz_target!(|log: &[u8]| {
    let mut monitor = Monitor::new(MonitorOptions { interval: None });
    monitor.feed(log);
    monitor.end_input("any.log".to_owned(), log.len() as u64);
    let report = monitor.finish();
    monitor::write_text(&report, Style::default(), &mut Vec::new()).expect("memory takes any bytes");
    monitor::write_json(&report, &mut Vec::new()).expect("memory takes any bytes");
    monitor::write_csv(&report, &mut Vec::new()).expect("memory takes any bytes");

    let mut kmemleak = Kmemleak::new(KmemleakOptions { min_age: None });
    kmemleak.feed(log);
    kmemleak.end_input("any.log".to_owned(), log.len() as u64);
    let report = kmemleak.finish();
    kmemleak::write_text(&report, Style::default(), &mut Vec::new()).expect("memory takes any bytes");
    kmemleak::write_json(&report, &mut Vec::new()).expect("memory takes any bytes");
});
