//! The other witnesses of a leak: monitor logs and kmemleak reports, from `corpora/monitor/` and
//! `corpora/kmemleak/`.
//!
//! Counts are compared with counts that the test makes itself, in the plainest way there is.

mod support {
    pub(crate) mod unpack;
}

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use slabtrace::event::Role;
use slabtrace::kmemleak::{self, Kmemleak, KmemleakOptions, KmemleakReport, Trend};
use slabtrace::monitor::{
    self, ConclusionKind, MemoryKind, Monitor, MonitorOptions, MonitorReport, TimeUnit, Verdict,
};
use slabtrace::report::{FrameReport, Ink, PIPE_WIDTH, Style};
use slabtrace::{Analysis, AnalysisOptions};
use support::unpack::unpack;

fn read(path: &str) -> Vec<u8> {
    unpack(path).expect("the corpus has this file")
}

fn leaks_with(options: KmemleakOptions, paths: &[&str]) -> KmemleakReport {
    let mut analysis = Kmemleak::new(options);
    for path in paths {
        let bytes = read(path);
        analysis.feed(&bytes);
        analysis.end_input((*path).to_owned(), bytes.len() as u64);
    }
    analysis.finish()
}

fn leaks(paths: &[&str]) -> KmemleakReport {
    leaks_with(KmemleakOptions::default(), paths)
}

fn monitored(bytes: &[u8]) -> MonitorReport {
    let mut analysis = Monitor::new(MonitorOptions::default());
    analysis.feed(bytes);
    analysis.end_input("monitor.log".to_owned(), bytes.len() as u64);
    analysis.finish()
}

/// The function that called the allocator.
fn caller(chain: &[FrameReport]) -> Option<&str> {
    chain.iter().find(|frame| frame.role == Role::Caller)?.function.as_deref()
}

/// Compares a report's text and JSON with `snapshots/<area>/<case>.{text,json}.snap`.
fn snapshot(area: &str, case: &str, text: &[u8], json: &[u8]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../snapshots/{area}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!(format!("{case}.text"), String::from_utf8_lossy(text));
        insta::assert_snapshot!(format!("{case}.json"), String::from_utf8_lossy(json));
    });
}

fn snapshot_leaks(case: &str, report: &KmemleakReport) {
    let (mut text, mut json) = (Vec::new(), Vec::new());
    kmemleak::write_text(report, Style::default(), &mut text).expect("memory takes any bytes");
    kmemleak::write_json(report, &mut json).expect("memory takes any bytes");
    snapshot("kmemleak", case, &text, &json);
}

fn snapshot_monitor(case: &str, report: &MonitorReport) {
    let (mut text, mut json) = (Vec::new(), Vec::new());
    monitor::write_text(report, Style::default(), &mut text).expect("memory takes any bytes");
    monitor::write_json(report, &mut json).expect("memory takes any bytes");
    snapshot("monitor", case, &text, &json);
}

const SCAN_1: &str = "corpora/kmemleak/arm-510-scan1.txt.gz";
const SCAN_2: &str = "corpora/kmemleak/arm-510-scan2.txt.gz";

/// Objects of a report by what follows their address, and by the symbols of their backtrace.
#[derive(Default)]
struct Plain {
    addresses: BTreeSet<String>,
    bytes: u64,
    groups: BTreeMap<(u64, String), u64>,
}

/// Counts the objects of a report the plain way: cut at `unreferenced object`, take the words.
fn plain(path: &str) -> Plain {
    let text = String::from_utf8(read(path)).expect("a report is text");
    let mut plain = Plain::default();
    for object in text.split("unreferenced object ").skip(1) {
        let address = object.split(' ').next().expect("an address");
        let size = object.split("(size ").nth(1).and_then(|rest| rest.split(')').next());
        let size: u64 = size.expect("a size").parse().expect("a number");
        let backtrace = object.split("backtrace:\n").nth(1).expect("a backtrace");
        let symbols: Vec<&str> =
            backtrace.lines().filter_map(|line| line.split(">] ").nth(1)).collect();
        plain.addresses.insert(address.to_owned());
        plain.bytes += size;
        *plain.groups.entry((size, symbols.join("\n"))).or_default() += 1;
    }
    plain
}

#[test]
fn objects_sizes_and_groups_are_those_of_a_plain_count() {
    for path in [SCAN_1, SCAN_2] {
        let (report, plain) = (leaks(&[path]), plain(path));
        assert_eq!(report.totals.objects, plain.addresses.len() as u64, "{path}");
        assert_eq!(report.totals.bytes, plain.bytes, "{path}");
        let mut counts: Vec<u64> = report.groups.iter().map(|group| group.objects).collect();
        let mut expected: Vec<u64> = plain.groups.values().copied().collect();
        counts.sort_unstable();
        expected.sort_unstable();
        assert_eq!(counts, expected, "{path}");
        assert_eq!((report.scans, report.new_objects, report.cut_objects), (1, None, 0), "{path}");
    }
}

#[test]
fn the_second_scan_s_new_objects_are_exact() {
    let (first, second) = (plain(SCAN_1), plain(SCAN_2));
    let new = second.addresses.difference(&first.addresses).count() as u64;
    let gone = first.addresses.difference(&second.addresses).count() as u64;
    let report = leaks(&[SCAN_1, SCAN_2]);
    assert_eq!((report.scans, report.totals.objects), (2, second.addresses.len() as u64));
    assert_eq!((report.new_objects, report.gone_objects), (Some(new), Some(gone)));
    let first = &report.groups[0];
    assert_eq!((first.trend, first.objects), (Trend::New, 5));
    assert!(report.groups[1..].iter().all(|group| group.trend == Trend::Gone));
    // The same report twice: nothing is new, nothing gone.
    let again = leaks(&[SCAN_1, SCAN_1]);
    assert_eq!((again.new_objects, again.gone_objects), (Some(0), Some(0)));
    assert!(again.groups.iter().all(|group| group.trend == Trend::Steady));
    snapshot_leaks("arm-510", &report);
}

#[test]
fn reports_inside_a_console_log_are_found() {
    let report = leaks(&["corpora/kmemleak/arm-510-console.log.gz"]);
    let files = leaks(&[SCAN_1, SCAN_2]);
    assert_eq!((report.scans, report.totals), (2, files.totals));
    assert_eq!(report.groups, files.groups);
}

#[test]
fn equal_leaks_have_equal_fingerprints_in_the_trace() {
    let log = read("corpora/kmemleak/arm-510-console.log.gz");
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(&log);
    let traced = analysis.finish();
    let found = leaks(&[SCAN_1]);
    for function in ["leaky_thread_grab", "leaky_timer_grab", "leaky_dev_grab"] {
        let has =
            |chain: &[FrameReport]| caller(chain).is_some_and(|name| name.starts_with(function));
        let trace = traced.groups.iter().find(|group| has(&group.chain)).expect("it was traced");
        let same = found.groups.iter().filter(|group| has(&group.chain));
        let same: Vec<&str> = same.map(|group| group.fingerprint.as_str()).collect();
        assert!(!same.is_empty() && same.iter().all(|f| **f == trace.fingerprint), "{function}");
    }
}

#[test]
fn young_objects_can_be_left_out() {
    let options = KmemleakOptions { min_age: Some(17.0) };
    let report = leaks_with(options, &[SCAN_1]);
    let text = String::from_utf8(read(SCAN_1)).expect("a report is text");
    let ages = text.split("(age ").skip(1).filter_map(|rest| rest.split("s)").next());
    let old = ages.filter(|age| age.parse::<f64>().expect("an age") >= 17.0).count() as u64;
    assert!(0 < old && old < 196);
    assert_eq!(report.totals.objects, old);
}

#[test]
fn the_oldest_reports_are_read() {
    let report = leaks(&["corpora/kmemleak/oldest.txt"]);
    assert_eq!((report.totals.objects, report.totals.bytes, report.totals.groups), (3, 2176, 2));
    assert_eq!(report.groups[0].processes[0].comm.as_deref(), Some("my (app), pid 7"));
    let name = caller(&report.groups[1].chain);
    assert_eq!(name, Some("leaky_probe"), "kmemleak's own frames are passed by");
    snapshot_leaks("oldest", &report);
}

#[test]
fn what_the_kernel_prints_adds_up_from_scan_to_scan() {
    let report = leaks(&["corpora/kmemleak/verbose-console.log"]);
    let group = &report.groups[0];
    assert_eq!((report.scans, report.totals.groups), (2, 1));
    assert_eq!((group.history.as_slice(), group.trend), (&[1, 5][..], Trend::Growing));
    assert_eq!((group.new_objects, group.gone_objects), (Some(4), Some(0)));
    assert_eq!((group.bytes, group.example.hex.len()), (5 * 1024, 32));
    assert_eq!(group.chain.len(), 4, "the next backtrace on the console is not its own");
    snapshot_leaks("verbose-console", &report);
}

#[test]
fn objects_outside_the_slab_are_told_apart() {
    let report = leaks(&["corpora/kmemleak/per-cpu.txt"]);
    let kinds: Vec<_> =
        report.groups.iter().map(|group| (group.kind.infix(), group.size)).collect();
    assert_eq!(kinds, [(Some("phys"), 4096), (Some("percpu"), 8)]);
    snapshot_leaks("per-cpu", &report);
}

#[test]
fn what_a_kernel_puts_behind_the_time_is_no_part_of_a_report() {
    for path in ["corpora/kmemleak/caller-spaced.log", "corpora/kmemleak/word-behind-time.log"] {
        let report = leaks(&[path]);
        let [group] = &report.groups[..] else { panic!("one group in {path}") };
        let functions: Vec<_> =
            group.chain.iter().filter_map(|frame| frame.function.as_deref()).collect();
        assert_eq!(functions, ["red_alloc", "red_open"], "{path}");
    }
}

#[test]
fn a_report_that_breaks_off_keeps_what_is_whole() {
    let bytes = read(SCAN_1);
    let text = String::from_utf8(bytes.clone()).expect("a report is text");
    for end in [10, 700, 5000, bytes.len() / 2] {
        let mut analysis = Kmemleak::new(KmemleakOptions::default());
        analysis.feed(&bytes[..end]);
        analysis.end_input("cut".to_owned(), end as u64);
        let whole = text[..end].matches("):\n  comm").count() as u64;
        let objects = analysis.finish().totals.objects;
        assert!(objects == whole || objects == whole + 1, "{end}: {objects}, {whole}");
    }
}

const GUIDE: &str = "corpora/monitor/guide-61.log.gz";

/// Objects a second by which the module of this recording leaked, measured by itself.
const GUIDE_RATE: f64 = 24.42;

#[test]
fn the_guide_s_loop_names_the_leak_and_nothing_else() {
    let report = monitored(&read(GUIDE));
    assert_eq!((report.samples.count, report.samples.skipped, report.samples.partial), (60, 0, 0));
    assert_eq!(report.conclusion.kind, ConclusionKind::SlabLeak);
    assert_eq!(report.conclusion.cache.as_deref(), Some("kmalloc-192"));
    let first = &report.caches[0];
    assert_eq!(first.name, "kmalloc-192");
    assert!((first.slope / GUIDE_RATE - 1.0).abs() < 0.02, "{}", first.slope);
    assert!(first.slope_low < GUIDE_RATE && GUIDE_RATE < first.slope_high);
    let leaking = report.caches.iter().filter(|cache| cache.verdict == Verdict::Leaking).count();
    assert_eq!(leaking, 1);
    snapshot_monitor("guide-61", &report);
}

#[test]
fn damaged_and_truncated_logs_keep_every_good_sample() {
    let log = read(GUIDE);
    let text = String::from_utf8(log.clone()).expect("the log is text");
    let dates = |end: usize| text[..end].matches(" UTC 2026\nMemTotal").count() as u64;
    for end in [log.len() / 3, log.len() / 2, log.len() - 9000] {
        let report = monitored(&log[..end]);
        assert_eq!(report.samples.count + report.samples.skipped, dates(end), "cut at {end}");
        assert_eq!(report.conclusion.cache.as_deref(), Some("kmalloc-192"), "cut at {end}");
    }
    // Every seventh sample loses all behind its date, and two bytes of others are destroyed.
    let mut damaged = String::new();
    let mut emptied = 0;
    for (at, sample) in text.split_inclusive("++++++++++++++++++++++\n").enumerate() {
        let date = sample.lines().next().unwrap_or_default();
        if at % 7 == 2 {
            emptied += 1;
            writeln!(damaged, "{date}\n\u{0}\u{0}\u{0}").expect("memory takes any text");
        } else {
            damaged.push_str(&sample.replacen(
                "kmalloc-192  ",
                "kmalloc-192 x",
                usize::from(at % 7 == 5),
            ));
        }
    }
    let report = monitored(damaged.as_bytes());
    assert_eq!((report.samples.count, report.samples.skipped), (60 - emptied, emptied));
    let slope = report.caches[0].slope;
    assert!((slope / GUIDE_RATE - 1.0).abs() < 0.02, "{slope}");
    assert_eq!(report.caches.iter().filter(|c| c.verdict == Verdict::Leaking).count(), 1);
}

#[test]
fn any_cutting_into_pieces_gives_the_same_report() {
    let log = read(GUIDE);
    let whole = monitored(&log);
    let mut analysis = Monitor::new(MonitorOptions::default());
    log.chunks(997).for_each(|piece| analysis.feed(piece));
    analysis.end_input("monitor.log".to_owned(), log.len() as u64);
    assert_eq!(analysis.finish(), whole);
}

#[test]
fn rotated_logs_are_one_log() {
    let log = read(GUIDE);
    let mut analysis = Monitor::new(MonitorOptions::default());
    let (older, newer) = log.split_at(log.len() / 2);
    for part in [older, newer] {
        analysis.feed(part);
        analysis.end_input("part".to_owned(), part.len() as u64);
    }
    let (report, whole) = (analysis.finish(), monitored(&log));
    assert_eq!((report.samples, report.caches), (whole.samples, whole.caches));
}

#[test]
fn a_log_without_dates_counts_in_samples() {
    let log = read("corpora/monitor/slab-undated.log");
    let report = monitored(&log);
    assert_eq!((report.samples.count, report.samples.unit), (12, TimeUnit::Sample));
    assert_eq!(report.conclusion.cache.as_deref(), Some("size-1024"));
    assert!((report.caches[0].slope - 31.0).abs() < 1e-9);
    assert!(report.next_step.as_ref().expect("a step").to_string().contains("SLAB"));
    snapshot_monitor("slab-undated", &report);
    let mut timed = Monitor::new(MonitorOptions { interval: Some(10.0) });
    timed.feed(&log);
    timed.end_input("-".to_owned(), log.len() as u64);
    let timed = timed.finish();
    assert_eq!(timed.samples.unit, TimeUnit::Second);
    assert!((timed.caches[0].slope - 3.1).abs() < 1e-9);
}

/// A machine's memory in one sample of a made log, in kB, and the objects of a few caches.
#[derive(Clone, Copy, Default)]
struct Made {
    anonymous: u64,
    cached: u64,
    tables: u64,
    vmalloc: u64,
    percpu: u64,
    lost: u64,
    leak: u64,
    dentries: u64,
}

/// A log of a sample a minute. Every value wavers a little, always in the same way.
fn made(samples: u64, at: impl Fn(u64) -> Made) -> MonitorReport {
    const TOTAL: u64 = 1_000_000;
    let mut log = String::new();
    for turn in 0..samples {
        let waver = |step: u64| turn * step % 17;
        let made = at(turn);
        let unreclaimable = 20_000 + made.leak * 192 / 1024 + waver(5);
        let reclaimable = 30_000 + made.dentries * 192 / 1024 + waver(3);
        let (anonymous, cached) = (100_000 + made.anonymous + waver(7), 200_000 + made.cached);
        let (tables, vmalloc, percpu) =
            (4000 + made.tables + waver(11), 9000 + made.vmalloc, 900 + made.percpu);
        let used = unreclaimable + reclaimable + anonymous + cached + tables + vmalloc + percpu;
        let free = TOTAL - 50_000 - made.lost - used;
        let rows = [
            ("MemTotal", TOTAL),
            ("MemFree", free),
            ("MemAvailable", free + cached * 9 / 10),
            ("Buffers", 0),
            ("Cached", cached),
            ("AnonPages", anonymous),
            ("Shmem", 100),
            ("Slab", unreclaimable + reclaimable),
            ("SReclaimable", reclaimable),
            ("SUnreclaim", unreclaimable),
            ("KernelStack", 1000),
            ("PageTables", tables),
            ("VmallocUsed", vmalloc),
            ("Percpu", percpu),
        ];
        let clock = format!("{:02}:{:02}:00", 3 + turn / 60, turn % 60);
        writeln!(log, "Sat Nov 21 {clock} UTC 2026").expect("memory takes any text");
        for (key, value) in rows {
            writeln!(log, "{:<16}{value:>8} kB", format!("{key}:")).expect("memory takes any text");
        }
        log.push_str("----------------------\nslabinfo - version: 2.1\n# name <active_objs> : tunables <limit>\n");
        for (name, active, size) in [
            ("kmalloc-192", 5000 + made.leak + waver(13), 192),
            ("kmalloc-64", 9000 + waver(29), 64),
            ("filp", 800 + waver(23), 256),
            ("dentry", 40_000 + made.dentries, 192),
            ("task_struct", 120, 8448),
        ] {
            writeln!(log, "{name:<17} {active:>6} {active:>6} {size:>6} 21 1 : tunables 0 0 0 : slabdata 9 9 0")
                .expect("memory takes any text");
        }
    }
    monitored(log.as_bytes())
}

fn is_leak_free(report: &MonitorReport) -> bool {
    report.caches.iter().all(|cache| cache.verdict != Verdict::Leaking)
}

#[test]
fn a_flat_log_has_no_leak() {
    let report = made(90, |_| Made::default());
    assert!(is_leak_free(&report));
    assert_eq!(report.conclusion.kind, ConclusionKind::NoGrowth, "{}", report.conclusion.sentence);
    assert_eq!(report.memory.exhausted_in, None);
}

#[test]
fn growth_outside_the_slab_is_no_slab_leak() {
    type Growth = fn(u64) -> Made;
    let cases: [(MemoryKind, Growth); 6] = [
        (MemoryKind::Anonymous, |t| Made { anonymous: t * 700, ..Made::default() }),
        (MemoryKind::PageCache, |t| Made { cached: t * 900, ..Made::default() }),
        (MemoryKind::PageTables, |t| Made { tables: t * 300, ..Made::default() }),
        (MemoryKind::Vmalloc, |t| Made { vmalloc: t * 300, ..Made::default() }),
        (MemoryKind::PerCpu, |t| Made { percpu: t * 300, ..Made::default() }),
        (MemoryKind::Unaccounted, |t| Made { lost: t * 300, ..Made::default() }),
    ];
    for (kind, at) in cases {
        let report = made(60, at);
        let sentence = &report.conclusion.sentence;
        assert_eq!(report.conclusion.kind, ConclusionKind::NotSlab, "{sentence}");
        assert!(sentence.starts_with("this is not a slab leak"), "{sentence}");
        assert!(sentence.contains(kind.name()), "{sentence}");
        assert!(is_leak_free(&report), "{kind:?}");
    }
}

#[test]
fn slab_memory_that_the_kernel_gives_back_is_no_leak() {
    let report = made(60, |t| Made { dentries: t * 3000, ..Made::default() });
    assert!(is_leak_free(&report));
    assert_eq!(report.conclusion.kind, ConclusionKind::NoGrowth, "{}", report.conclusion.sentence);
    let dentry = report.caches.iter().find(|cache| cache.name == "dentry").expect("a cache");
    assert_eq!(dentry.verdict, Verdict::Reclaimable);
}

#[test]
fn warm_up_and_plateau_are_no_leak() {
    let verdict = |at: fn(u64) -> Made| {
        let report = made(60, at);
        assert!(is_leak_free(&report), "{}", report.conclusion.sentence);
        report.caches.iter().find(|cache| cache.name == "kmalloc-192").expect("a cache").verdict
    };
    assert_eq!(verdict(|t| Made { leak: t.min(8) * 500, ..Made::default() }), Verdict::WarmUp);
    assert_eq!(verdict(|t| Made { leak: t.min(25) * 500, ..Made::default() }), Verdict::Plateau);
}

#[test]
fn exhaustion_is_what_is_available_at_the_leak_s_speed() {
    let report = made(60, |t| Made { leak: t * 600, ..Made::default() });
    assert_eq!(report.conclusion.cache.as_deref(), Some("kmalloc-192"));
    assert!((report.caches[0].slope - 10.0).abs() < 0.05, "{}", report.caches[0].slope);
    let available = report.memory.available_last.expect("it is printed") as f64;
    let expected = available / (10.0 * 192.0);
    let found = report.memory.exhausted_in.expect("it leaks");
    assert!((found / expected - 1.0).abs() < 0.01, "{found}, {expected}");
}

#[test]
fn a_leak_that_begins_late_is_found() {
    let report = made(60, |t| Made { leak: t.saturating_sub(24) * 600, ..Made::default() });
    assert_eq!(report.conclusion.cache.as_deref(), Some("kmalloc-192"));
    assert!((report.caches[0].slope - 10.0).abs() < 0.1, "{}", report.caches[0].slope);
}

#[test]
fn a_leak_that_comes_in_bursts_is_found() {
    let report = made(90, |t| Made { leak: t / 12 * 9000, ..Made::default() });
    assert_eq!(report.conclusion.cache.as_deref(), Some("kmalloc-192"));
}

#[test]
fn few_samples_tell_nothing() {
    let report = made(4, |t| Made { leak: t * 600, ..Made::default() });
    assert_eq!(report.conclusion.kind, ConclusionKind::Unclear);
    assert!(is_leak_free(&report));
}

/// Runs the command; its exit status, standard output and standard error.
fn command(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_slabtrace"))
        .current_dir(support::unpack::root())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the command runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_commands_say_what_is_wrong_with_other_input() {
    let other = "corpora/quiet/no-trace.log";
    for (name, sentence) in [("kmemleak", "unreferenced object"), ("monitor", "/proc/slabinfo")] {
        for path in [other, "corpora/quiet/decoy-prose.log"] {
            let (status, out, error) = command(&[name, path]);
            assert_eq!((status, out.as_str()), (Some(3), ""), "{name} {path}: {error}");
        }
        assert!(command(&[name, other]).2.contains(sentence), "{name}");
        assert_eq!(command(&[name, "--format", "xml", other]).0, Some(2));
    }
    assert_eq!(command(&["monitor", "/dev/null"]).0, Some(3));
}

#[test]
fn an_empty_report_of_kmemleak_is_good_news() {
    let (status, out, error) = command(&["kmemleak", "/dev/null"]);
    assert_eq!((status, error.as_str()), (Some(0), ""));
    assert!(out.contains("kmemleak has found no leak"), "{out}");
}

#[test]
fn an_empty_report_is_good_news() {
    let (status, out, error) = command(&["kmemleak", "/dev/null"]);
    assert_eq!((status, error.as_str()), (Some(0), ""));
    assert!(out.contains("no unreferenced objects: the report is empty"), "{out}");
    let (status, out, _) = command(&["kmemleak", "-f", "json", "/dev/null"]);
    let document: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, document["scans"].as_u64()), (Some(0), Some(1)));
}

#[test]
fn a_report_of_which_nothing_can_be_read_says_what_it_could_not_read() {
    let (status, out, error) = command(&["kmemleak", "corpora/kmemleak/sizes-lost.txt"]);
    assert_eq!((status, out.as_str()), (Some(3), ""));
    assert!(error.contains("line 1: unreferenced object 0xffff888136a8c000"), "{error}");
    let (_, _, error) = command(&["kmemleak", "corpora/console/arm-612.log"]);
    assert!(error.contains("a log of SLUB tracing"), "{error}");
}

#[test]
fn what_mail_did_to_a_report_is_undone() {
    for (case, objects, chain) in [
        ("wrapped-mail.txt", 1, &["red_alloc", "red_open"][..]),
        ("quoted-printable.txt", 1, &["red_alloc_with_quite_a_long_name", "red_open", "vfs_open"]),
        ("shared-backtrace.log", 2, &["red_alloc", "red_open"]),
    ] {
        let report = leaks(&[&format!("corpora/kmemleak/{case}")]);
        let [group] = &report.groups[..] else { panic!("one group in {case}") };
        let functions: Vec<_> =
            group.chain.iter().filter_map(|frame| frame.function.as_deref()).collect();
        assert_eq!((group.objects, functions.as_slice()), (objects, chain), "{case}");
        assert_eq!((report.damaged_lines, report.cut_objects), (0, 0), "{case}");
        assert_eq!(group.oldest_age, Some(38.54), "{case}");
    }
}

#[test]
fn an_empty_second_report_shows_that_all_is_gone() {
    let (status, out, _) = command(&["kmemleak", "-f", "json", SCAN_2, "/dev/null"]);
    assert_eq!(status, Some(0));
    let document: serde_json::Value = serde_json::from_str(&out).expect("the output is JSON");
    assert_eq!(document["schema"], "slabtrace.kmemleak/1");
    assert_eq!((&document["scans"], &document["totals"]["objects"]), (&2.into(), &0.into()));
    assert_eq!(document["gone_objects"], 5);
}

#[test]
fn the_verdict_comes_first_in_every_format() {
    let (_, text, _) = command(&["monitor", GUIDE]);
    assert!(text.starts_with("kmalloc-192 grows 4.6 KiB/s, 24.4 objects/s, steadily"), "{text}");
    let (_, json, _) = command(&["monitor", "-f", "json", GUIDE]);
    let document: serde_json::Value = serde_json::from_str(&json).expect("the output is JSON");
    assert_eq!(document["schema"], "slabtrace.monitor/1");
    assert_eq!(document["conclusion"]["kind"], "slab_leak");
    assert_eq!(document["caches"][0]["name"], document["conclusion"]["cache"]);
    let (_, csv, _) = command(&["monitor", "-f", "csv", GUIDE]);
    assert_eq!(csv.lines().next(), Some("time,series,unit,value"));
    assert!(csv.contains("\n1795289557,kmalloc-192,objects,357\n"));
    assert_eq!(csv.lines().filter(|line| line.contains(",kmalloc-192,")).count(), 60);
}

/// The shells of this machine that the script is for.
fn shells() -> Vec<Vec<&'static str>> {
    let all = [vec!["sh"], vec!["busybox", "ash"]];
    let works = |shell: &Vec<&str>| {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", "exit 0"]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    all.into_iter().filter(works).collect()
}

#[test]
fn the_printed_script_records_what_is_read_back() {
    let (_, script, _) = command(&["monitor", "--print-script"]);
    for shell in shells() {
        let folder = tempfile::TempDir::new().expect("there is room for a folder");
        let path = |name: &str| folder.path().join(name);
        let write =
            |name: &str, text: &str| std::fs::write(path(name), text).expect("there is room");
        write("script", &script);
        write("version", "Linux version 6.12.1 (x@y) #1 SMP\n");
        write("meminfo", "MemTotal: 90000 kB\nMemFree: 80000 kB\nSlab: 300 kB\n");
        write(
            "slabinfo",
            "slabinfo - version: 2.1\n# name\nkmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0\n",
        );
        let status = Command::new(shell[0])
            .args(&shell[1..])
            .arg(path("script"))
            .env("PROC", folder.path())
            .env("KMEMLEAK", path("none"))
            .env("LOG", path("log"))
            .envs([("TURNS", "3"), ("INTERVAL", "0")])
            .status()
            .expect("the shell runs");
        assert!(status.success(), "{shell:?}");
        let log = std::fs::read(path("log")).expect("the script wrote a log");
        let report = monitored(&log);
        assert_eq!(
            (report.samples.count, report.samples.skipped, report.samples.partial),
            (3, 0, 0)
        );
        assert_eq!(report.samples.unit, TimeUnit::Second, "{shell:?}: its dates are read");
    }
}

#[test]
fn damage_ends_in_no_panic_and_cutting_changes_nothing() {
    for path in
        [SCAN_1, "corpora/kmemleak/verbose-console.log", "corpora/kmemleak/per-cpu.txt", GUIDE]
    {
        let mut bytes = read(path);
        bytes.truncate(200_000);
        let length = bytes.len();
        // Every 331st byte is another one, in turn of all there are.
        for (turn, at) in (0..length).step_by(331).enumerate() {
            bytes[at] = u8::try_from(turn % 256).expect("it fits");
        }
        let mut whole = Kmemleak::new(KmemleakOptions::default());
        whole.feed(&bytes);
        whole.end_input(path.to_owned(), length as u64);
        let mut pieces = Kmemleak::new(KmemleakOptions::default());
        bytes.chunks(7).for_each(|piece| pieces.feed(piece));
        pieces.end_input(path.to_owned(), length as u64);
        assert_eq!(whole.finish(), pieces.finish(), "{path}");
        let report = monitored(&bytes);
        let mut text = Vec::new();
        monitor::write_text(&report, Style::new(Ink::Colour, PIPE_WIDTH), &mut text)
            .expect("memory takes any bytes");
    }
}
