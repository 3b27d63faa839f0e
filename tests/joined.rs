//! A trace beside its other witnesses: slabinfo, meminfo and kmemleak, in the same log or in files
//! of their own.
//!
//! Numbers are compared with counts that the test makes itself, in the plainest way there is.

mod support {
    pub(crate) mod snapshot_pair;
    pub(crate) mod unpack;
}

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use slabtrace::kmemleak::{self, Kmemleak, KmemleakOptions, KmemleakReport};
use slabtrace::monitor::{Monitor, MonitorOptions, MonitorReport};
use slabtrace::report::crosscheck::{GrowthReport, Likeness, Period, Reservation, Seen};
use slabtrace::report::{GroupReport, Report, Style, TextOptions};
use slabtrace::{Analysis, AnalysisOptions};
use support::snapshot_pair::snapshot_pair;
use support::unpack::unpack;

fn read(path: &str) -> Vec<u8> {
    unpack(path).expect("the corpus has this file")
}

fn report_of(bytes: &[u8]) -> Report {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(bytes);
    analysis.end_input("serial.log".to_owned(), bytes.len() as u64);
    analysis.finish()
}

fn leaks(paths: &[&str]) -> KmemleakReport {
    let mut analysis = Kmemleak::new(KmemleakOptions::default());
    for path in paths {
        let bytes = read(path);
        analysis.feed(&bytes);
        analysis.end_input((*path).to_owned(), bytes.len() as u64);
    }
    analysis.finish()
}

fn monitored(text: &str) -> MonitorReport {
    let mut analysis = Monitor::new(MonitorOptions::default());
    analysis.feed(text.as_bytes());
    analysis.end_input("monitor.log".to_owned(), text.len() as u64);
    analysis.finish()
}

fn first_function(group: &GroupReport) -> &str {
    group.chain.first().and_then(|frame| frame.function.as_deref()).unwrap_or("-")
}

const BOOT: &str = "corpora/console/arm-61-boot.log.gz";
const KMEMLEAK: &str = "corpora/witness/arm-510-kmemleak.log.gz";
const SCAN_1: &str = "corpora/kmemleak/arm-510-scan1.txt.gz";
const SCAN_2: &str = "corpora/kmemleak/arm-510-scan2.txt.gz";

/// Line and objects in use of every row of a cache.
fn rows(text: &str, cache: &str) -> Vec<(u64, u64)> {
    let is_row =
        |line: &&str| line.starts_with(&format!("{cache} ")) && line.contains(" : tunables ");
    let numbered = text.lines().zip(1..).filter(|(line, _)| is_row(line));
    let active = |line: &str| line.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    numbered.map(|(line, number)| (number, active(line).expect("a number"))).collect()
}

/// The lines of a cache's allocations that nothing frees.
fn survivors(text: &str, cache: &str) -> Vec<u64> {
    let mut live: BTreeMap<&str, u64> = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        let Some((_, event)) = line.split_once(&format!("TRACE {cache} ")) else { continue };
        let mut words = event.split(' ');
        match (words.next(), words.next()) {
            (Some("alloc"), Some(address)) => {
                live.insert(address, number);
            }
            (Some("free"), Some(address)) => {
                live.remove(address);
            }
            _ => {}
        }
    }
    live.into_values().collect()
}

#[test]
fn survivors_between_two_counts_explain_what_grew_between_them() {
    let bytes = read(BOOT);
    let text = String::from_utf8_lossy(&bytes);
    let rows = rows(&text, "kmalloc-192");
    let [(first, before), (last, after)] = rows[..] else { panic!("{rows:?}") };
    let between = survivors(&text, "kmalloc-192");
    let between = between.iter().filter(|line| (first..last).contains(line)).count() as u64;
    let report = report_of(&bytes);
    let [growth] = &report.witness.growth[..] else { panic!("{:?}", report.witness) };
    assert_eq!(growth.cache.name, "kmalloc-192");
    assert_eq!((growth.objects_first, growth.objects_last), (before, after));
    assert_eq!(growth.survivors, between);
    // The boot is traced from its start and nothing is lost: the two must be the same number.
    assert_eq!(growth.grown(), i64::try_from(between).expect("a small number"));
    assert!((growth.explained().expect("it grew") - 1.0).abs() < 1e-12);
    assert_eq!(growth.reservations, []);
    let top = growth.top.as_ref().expect("a group");
    assert_eq!((top.function.as_deref(), top.survivors), (Some("leaky_tx_alloc.constprop.0"), 67));
}

#[test]
fn a_trace_that_begins_late_says_what_it_cannot_explain() {
    let bytes = read("corpora/witness/arm-61-alloc-traces.log.gz");
    let text = String::from_utf8_lossy(&bytes);
    let rows = rows(&text, "kmalloc-64");
    let [(_, before), (_, after)] = rows[..] else { panic!("{rows:?}") };
    let report = report_of(&bytes);
    let growth = &report.witness.growth[0];
    assert_eq!((growth.objects_first, growth.objects_last), (before, after));
    assert_eq!(growth.survivors, survivors(&text, "kmalloc-64").len() as u64);
    assert_eq!(growth.reservations, [Reservation::LateTrace, Reservation::OldFrees(16)]);
}

/// Objects of a report by the function that called the allocator.
fn plain_leaks(path: &str) -> BTreeMap<String, u64> {
    let text = String::from_utf8(read(path)).expect("a report is text");
    let mut counts = BTreeMap::new();
    for object in text.split("unreferenced object ").skip(1) {
        let frames = object.split("backtrace:\n").nth(1).expect("a backtrace").lines();
        let caller = frames.filter_map(|line| line.split(">] ").nth(1)).nth(1).expect("a caller");
        let function = caller.split('+').next().unwrap_or_default().to_owned();
        *counts.entry(function).or_default() += 1;
    }
    counts
}

#[test]
fn kmemleak_s_objects_go_to_the_groups_that_leak_them() {
    let report = report_of(&read(KMEMLEAK));
    let (first, second) = (plain_leaks(SCAN_1), plain_leaks(SCAN_2));
    let mut matched = 0;
    for group in &report.groups {
        let function = first_function(group);
        let in_first = first.get(function).copied().unwrap_or(0);
        let in_second = second.get(function).copied().unwrap_or(0);
        let listed = group.witness.kmemleak.as_ref();
        assert_eq!(listed.is_some(), in_first + in_second > 0, "{function}");
        let Some(listed) = listed else { continue };
        // The list was cleared between the two: the second has the new ones alone.
        assert_eq!(listed.objects_last, in_second, "{function}");
        assert_eq!(listed.objects_most, in_first + in_second, "{function}");
        matched += listed.objects_most;
    }
    assert_eq!(matched, first.values().chain(second.values()).sum::<u64>());
    let witness = report.witness.kmemleak.as_ref().expect("kmemleak was heard");
    assert_eq!((witness.scans, witness.other_objects, witness.place), (2, 0, Seen::Inside));
    assert_eq!(witness.matched_groups, witness.groups);
}

#[test]
fn equal_fingerprints_are_the_same_leak_and_gone_init_code_is_alike() {
    let report = report_of(&read(KMEMLEAK));
    let likeness = |function: &str| {
        let group = report.groups.iter().find(|group| first_function(group).starts_with(function));
        group.and_then(|group| group.witness.kmemleak.as_ref()).map(|leak| leak.likeness)
    };
    assert_eq!(likeness("leaky_thread_grab"), Some(Likeness::Same));
    // kmemleak prints a bare address where leaky_init was: its code is freed after start.
    assert_eq!(likeness("leaky_rx_buf"), Some(Likeness::Alike));
    assert_eq!(likeness("load_module"), None);
}

#[test]
fn a_report_beside_the_log_says_what_one_inside_it_says() {
    let inside = report_of(&read(KMEMLEAK));
    let text = read(KMEMLEAK);
    let end = memchr::memmem::find(&text, b"CAP-KMEMLEAK").expect("the part with the reports");
    let mut beside = report_of(&text[..end]);
    assert_eq!(beside.witness.kmemleak, None);
    beside.join_kmemleak(&leaks(&[SCAN_1, SCAN_2]), Seen::Beside);
    let listed = |report: &Report| -> Vec<_> {
        report.groups.iter().map(|group| group.witness.kmemleak.clone()).collect()
    };
    assert_eq!(listed(&beside), listed(&inside));
    // Joined again, what was said before is forgotten.
    beside.join_kmemleak(&leaks(&[SCAN_2]), Seen::Beside);
    let sum: u64 = listed(&beside).into_iter().flatten().map(|leak| leak.objects_most).sum();
    assert_eq!(sum, 5);
}

#[test]
fn objects_of_another_size_or_kind_are_another_leak() {
    let mut report = report_of(&read(KMEMLEAK));
    let mut found = leaks(&[SCAN_1]);
    for group in &mut found.groups {
        group.size = 192;
        group.fingerprint = "0".repeat(16);
    }
    report.join_kmemleak(&found, Seen::Beside);
    assert!(report.groups.iter().all(|group| group.witness.kmemleak.is_none()));
    let witness = report.witness.kmemleak.expect("kmemleak was heard");
    assert_eq!((witness.matched_groups, witness.other_objects), (0, 196));
    let first = &witness.others[0];
    let function = first.function.as_deref();
    assert_eq!((function, first.objects), (Some("leaky_rx_buf.constprop.0"), 77));
    assert!(
        witness.sentence().contains("77 of 192 bytes by leaky_rx_buf"),
        "{}",
        witness.sentence()
    );
}

/// A log by a calendar's clock: objects that leak, one a second from `minute`:00 on.
fn trace(minute: u32, objects: u32) -> String {
    let mut log = String::new();
    for second in 0..objects {
        let (minute, second) = (minute + second / 60, second % 60);
        let lines = [
            format!(
                "TRACE kmalloc-192 alloc 0xffff88800{minute:03x}{second:02x}00 inuse=1 fp=0x0000000000000000"
            ),
            "CPU: 0 PID: 90 Comm: insmod Not tainted 6.1.0 #1".to_owned(),
            "Call Trace:".to_owned(),
            " alloc_debug_processing+0x55/0x74".to_owned(),
            " __kmalloc+0x49/0x150".to_owned(),
            " leaky_fill+0x20/0x100 [leaky]".to_owned(),
        ];
        for line in lines {
            writeln!(
                log,
                "2026-11-21T19:{minute:02}:{second:02}.000000+00:00 board kernel: {line}"
            )
            .expect("memory takes any text");
        }
    }
    log
}

#[test]
fn of_several_boots_the_last_one_is_compared() {
    let report_text = "\
unreferenced object 0xffff888003000000 (size 192):
  comm \"insmod\", pid 90, jiffies 4294712001
  backtrace (crc 84021ac):
    __kmalloc+0x49/0x150
    leaky_fill+0x20/0x100 [leaky]
";
    let log = format!("{}-- Reboot --\n{}{report_text}", trace(3, 5), trace(9, 7));
    let report = report_of(log.as_bytes());
    assert_eq!(report.boots.len(), 2);
    for group in &report.groups {
        let likeness = group.witness.kmemleak.as_ref().map(|leak| (leak.likeness, leak.rivals));
        assert_eq!(likeness, (group.boot == 1).then_some((Likeness::Same, 0)));
    }
    let mut text = Vec::new();
    slabtrace::report::write_text(&report, TextOptions::default(), &mut text)
        .expect("memory takes any bytes");
    let text = String::from_utf8(text).expect("text");
    assert!(!text.contains("kmemleak does not list it"), "{text}");
}

/// A monitor's log: a sample every 10 s from 19:00 on, in which 2 objects a second grow.
fn monitor(samples: u32, kernel: &str) -> String {
    let mut log = String::new();
    for sample in 0..samples {
        let (minute, second) = (sample / 6, sample % 6 * 10);
        let active = 1000 + 20 * sample;
        let slab = 20_000 + sample * 40;
        write!(
            log,
            "Sat Nov 21 19:{minute:02}:{second:02} UTC 2026\n{kernel}MemTotal: 500000 kB\nSUnreclaim: {slab} kB\nslabinfo - version: 2.1\nkmalloc-192 {active} {active} 256 16 1 : tunables 0 0 0 : slabdata 9 9 0\n+++++++++++\n"
        )
        .expect("memory takes any text");
    }
    log
}

fn joined(trace: &str, monitor: &str) -> GrowthReport {
    let mut report = report_of(trace.as_bytes());
    report.join_monitor(&monitored(monitor));
    assert_eq!(report.witness.memory.len(), 1);
    let [growth] = &report.witness.growth[..] else { panic!("{:?}", report.witness) };
    growth.clone()
}

#[test]
fn by_one_clock_the_growth_is_that_of_the_trace_s_time() {
    // Two minutes of ten: 240 of 1180 objects grew in them, and 120 of those survive in the trace.
    let growth = joined(&trace(3, 121), &monitor(60, "Linux board 6.1.0 #1 SMP\n"));
    assert_eq!(growth.grown(), 240);
    assert_eq!(growth.survivors, 121);
    assert_eq!((growth.spacing, growth.rates), (256, None));
    assert_eq!(growth.period, Period::Monitor { seconds: Some(120.0) });
    assert_eq!(growth.reservations, []);
    assert!((growth.explained().expect("it grew") - 121.0 / 240.0).abs() < 1e-12);
}

#[test]
fn what_is_not_comparable_is_not_compared() {
    let other = joined(&trace(3, 121), &monitor(60, "Linux board 5.10.1 #1 SMP\n"));
    assert_eq!(other.explained(), None);
    assert!(matches!(other.reservations[..], [Reservation::OtherKernel(..)]), "{other:?}");
    let later = joined(&trace(40, 60), &monitor(60, "Linux board 6.1.0 #1 SMP\n"));
    assert_eq!((later.explained(), &later.reservations[..]), (None, &[Reservation::Disjoint][..]));
    let partly = joined(&trace(9, 121), &monitor(60, ""));
    assert!(partly.explained().is_some());
    let [Reservation::BootUnknown, Reservation::Overlap(common, whole)] = partly.reservations[..]
    else {
        panic!("{partly:?}")
    };
    assert!((common - 50.0).abs() < 1e-9 && (whole - 120.0).abs() < 1e-9);
}

#[test]
fn without_a_common_clock_rates_are_given_beside_amounts() {
    let mut kernel_clock = String::new();
    for (line, second) in trace(0, 61).lines().zip((100..).flat_map(|second| [second; 6])) {
        let text = line.split_once("kernel: ").expect("a prefix").1;
        writeln!(kernel_clock, "[{second:5}.000000] {text}").expect("memory takes any text");
    }
    let growth = joined(&kernel_clock, &monitor(60, "Linux board 6.1.0 #1 SMP\n"));
    assert_eq!((growth.grown(), growth.survivors), (1180, 61));
    assert_eq!(growth.reservations, [Reservation::NoCommonClock]);
    let (grown, surviving) = growth.rates.expect("both have times");
    assert!((grown - 2.0).abs() < 0.01 && (surviving - 61.0 / 60.0).abs() < 0.01);
}

#[test]
fn meminfo_in_the_log_is_read() {
    let log = format!("SUnreclaim: 20000 kB\n{}SUnreclaim: 24096 kB\n", trace(0, 10));
    let report = report_of(log.as_bytes());
    let [memory] = &report.witness.memory[..] else { panic!("{:?}", report.witness) };
    assert_eq!((memory.first, memory.last), (20_000 << 10, 24_096 << 10));
}

#[test]
fn kmemleak_s_text_of_every_era_is_read() {
    for (name, objects, bytes, function, damaged) in [
        ("hashed-419.txt", 2, 256, "leaky_gem_open", 0),
        ("crc-612.txt", 2, 192, "leaky_register", 0),
        ("mailed.txt", 1, 512, "leaky_sock_create", 0),
        ("serial-stamped.log", 2, 128, "leaky_rx_buf.constprop.0", 0),
        ("dump-request.log", 1, 1024, "leaky_fill", 0),
    ] {
        let path = format!("corpora/kmemleak/{name}");
        let report = leaks(&[&path]);
        assert_eq!((report.totals.objects, report.totals.bytes), (objects, bytes), "{name}");
        assert_eq!(report.totals.groups, 1, "{name}: the same backtrace is one group");
        let has =
            |frame: &slabtrace::report::FrameReport| frame.function.as_deref() == Some(function);
        assert!(report.groups[0].chain.iter().any(has), "{name}");
        assert_eq!((report.damaged_lines, report.cut_objects), (damaged, 0), "{name}");
        let (mut text, mut json) = (Vec::new(), Vec::new());
        kmemleak::write_text(&report, Style::default(), &mut text).expect("memory takes any bytes");
        kmemleak::write_json(&report, &mut json).expect("memory takes any bytes");
        let case = name.split('.').next().expect("a name");
        snapshot_pair("kmemleak", case, &text, &json);
    }
}

#[test]
fn what_kmemleak_s_text_lost_is_counted() {
    let whole = String::from_utf8(read(SCAN_2)).expect("a report is text");
    let damaged = whole
        .replacen("0xc1b44a00 (size 64):", "0xc1b44a00 (si", 1)
        .replacen("vfs_write+0xc8/0x36c", "vfs_write+0xc8", 2)
        .replacen("f1 f1 f1 f1", "f1 f1 ?? f1", 1);
    let mut analysis = Kmemleak::new(KmemleakOptions::default());
    analysis.feed(damaged.as_bytes());
    analysis.end_input("damaged".to_owned(), damaged.len() as u64);
    let report = analysis.finish();
    assert_eq!(report.totals.objects, 4, "one object lost its first line");
    // Of the lines behind a lost first line nothing can be used, and they are not counted again.
    assert_eq!(report.damaged_lines, 2);
}

#[test]
fn very_many_scans_are_counted_and_not_all_kept() {
    let mut log = String::new();
    for scan in 0..300_u32 {
        writeln!(
            log,
            "[{scan:5}.000000] kmemleak: unreferenced object 0xffff88800{scan:07x} (size 64):\n\
             [{scan:5}.000001] kmemleak:   comm \"insmod\", pid 212, jiffies 4294{scan:06}\n\
             [{scan:5}.000002] kmemleak:   backtrace (crc 84021ac):\n\
             [{scan:5}.000003] kmemleak:     leaky_fill+0x1f/0x60 [leaky]\n\
             [{scan:5}.000004] kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"
        )
        .expect("memory takes any text");
    }
    let mut analysis = Kmemleak::new(KmemleakOptions::default());
    analysis.feed(log.as_bytes());
    analysis.end_input("console.log".to_owned(), log.len() as u64);
    let report = analysis.finish();
    assert_eq!((report.scans, report.totals.objects), (300, 300));
    let history = &report.groups[0].history;
    assert!(history.len() <= 64, "{}", history.len());
    assert_eq!(history[history.len() - 2..], [299, 300]);
    assert_eq!((report.new_objects, report.gone_objects), (Some(1), Some(0)));
}

fn run(args: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slabtrace"))
        .args(args)
        .current_dir(folder)
        .output()
        .expect("the program runs")
}

#[test]
fn the_command_joins_files_of_other_witnesses() {
    let folder = tempfile::tempdir().expect("a folder");
    let file =
        |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).expect("room");
    file("serial.log", trace(3, 121).as_bytes());
    file("watch.log", monitor(60, "").as_bytes());
    file("scan1", &read(SCAN_1));
    let args = ["--monitor", "watch.log", "--kmemleak", "scan1", "serial.log"];
    let text = run(&args, folder.path());
    let text = String::from_utf8(text.stdout).expect("text");
    assert!(text.contains("kmalloc-192 grew 60.0 KiB (240 objects)"), "{text}");
    assert!(text.contains("kmemleak does not list it"), "{text}");
    let json = run(&[&["-f", "json"], &args[..]].concat(), folder.path());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["schema"], "slabtrace.report/1");
    assert_eq!(json["witnesses"]["growth"][0]["survivors"], 121);
    assert_eq!(json["witnesses"]["kmemleak"]["other_objects"], 196);
    // Beside a file that is none of these, and without one that is there.
    let missing = run(&["--monitor", "nowhere", "serial.log"], folder.path());
    assert_eq!(missing.status.code(), Some(3));
    assert!(missing.stdout.is_empty());
    let wrong = run(&["--kmemleak", "watch.log", "serial.log"], folder.path());
    assert_eq!(wrong.status.code(), Some(3));
    assert_eq!(run(&["--monitor", "-", "-"], folder.path()).status.code(), Some(2));
    let overwriting =
        run(&["--monitor", "watch.log", "-o", "watch.log", "serial.log"], folder.path());
    assert_eq!(overwriting.status.code(), Some(2));
}

#[test]
fn what_another_subcommand_reads_is_pointed_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, subcommand) in
        [(SCAN_1, "slabtrace kmemleak"), ("corpora/monitor/guide-61.log.gz", "slabtrace monitor")]
    {
        let output = run(&[path], root);
        assert_eq!(output.status.code(), Some(3), "{path}");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains(subcommand), "{message}");
    }
}

#[test]
fn the_command_reads_the_kernel_s_own_counts_like_captures() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = "corpora/accounts/arm-61.kmalloc-64.alloc_traces.txt.gz";
    let json = run(&["-f", "json", "--top", "1", "--cache", "kmalloc-*", list], root);
    assert_eq!(json.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(
        (&json["schema"], &json["source"]),
        (&"slabtrace.report/1".into(), &"alloc_traces".into())
    );
    let group = &json["groups"][0];
    assert_eq!(group["live_objects"], 383);
    assert!(group["allocs"].is_null() && group["frees"].is_null());
    assert_eq!(group["counted"]["source"], "alloc_traces");
}
