//! Monitor logs: what each of `corpora/monitor/` means by its sidecar, and what holds of any.

mod support {
    pub(crate) mod unpack;
}

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use slabtrace::monitor::{
    self, ConclusionKind, Monitor, MonitorOptions, MonitorReport, TimeUnit, Verdict,
};
use slabtrace::report::Style;
use support::unpack::{root, unpack};

const FOLDER: &str = "corpora/monitor";

fn read(path: &str) -> Vec<u8> {
    unpack(path).expect("the corpus has this file")
}

/// The report of several logs, each with its name.
fn monitored_all(logs: &[(&str, &[u8])]) -> MonitorReport {
    let mut analysis = Monitor::new(MonitorOptions::default());
    for (name, bytes) in logs {
        analysis.feed(bytes);
        analysis.end_input((*name).to_owned(), bytes.len() as u64);
    }
    analysis.finish()
}

fn monitored(bytes: &[u8]) -> MonitorReport {
    monitored_all(&[("monitor.log", bytes)])
}

fn text(report: &MonitorReport) -> String {
    let mut text = Vec::new();
    monitor::write_text(report, Style::default(), &mut text).expect("memory takes any bytes");
    String::from_utf8(text).expect("text is UTF-8")
}

fn svg(report: &MonitorReport) -> String {
    let mut picture = Vec::new();
    monitor::write_svg(report, &mut picture).expect("memory takes any bytes");
    String::from_utf8(picture).expect("a picture is UTF-8")
}

fn csv(report: &MonitorReport) -> String {
    let mut table = Vec::new();
    monitor::write_csv(report, &mut table).expect("memory takes any bytes");
    String::from_utf8(table).expect("a table is UTF-8")
}

/// Compares an output with `snapshots/monitor/<case>.<format>.snap`.
fn snapshot(case: &str, format: &str, output: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/monitor");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("{case}.{format}"), output));
}

/// The caches that are called leaking.
fn leaking(report: &MonitorReport) -> BTreeSet<&str> {
    let leaking = report.caches.iter().filter(|cache| cache.verdict == Verdict::Leaking);
    leaking.map(|cache| cache.name.as_str()).collect()
}

/// The cases of the corpus: their names, and the names of their logs.
fn cases() -> Vec<(String, String)> {
    let folder = root().join(FOLDER);
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let names: BTreeSet<String> = entries
        .map(|entry| entry.expect("it is readable").file_name().to_string_lossy().into_owned())
        .collect();
    let logs = names.iter().filter(|name| name.rsplit('.').next() != Some("case"));
    let cases: Vec<(String, String)> = logs
        .map(|log| {
            let stem = log.trim_end_matches(".gz").trim_end_matches(".log");
            assert!(names.contains(&format!("{stem}.case")), "{log} has no sidecar");
            (stem.to_owned(), log.clone())
        })
        .collect();
    assert_eq!(cases.len() * 2, names.len(), "a sidecar has no log");
    cases
}

/// `10 MiB/s` in bytes.
fn bytes_per_second(amount: &str, unit: &str) -> f64 {
    let factor = match unit {
        "KiB/s" => 1024.0,
        "MiB/s" => 1_048_576.0,
        _ => panic!("no such unit: {unit}"),
    };
    amount.parse::<f64>().expect("a number") * factor
}

fn assert_near(found: f64, expected: f64, percent: &str, what: &str) {
    let percent: f64 = percent.trim_end_matches(" %").parse().expect("a number");
    let distance = (found / expected - 1.0).abs() * 100.0;
    assert!(distance <= percent, "{what}: {found} is {distance:.2} % from {expected}");
}

/// Every number of a report that tells what was lost, where it is not zero.
fn losses(report: &MonitorReport) -> String {
    let samples = &report.samples;
    let all = [
        ("damaged_lines", samples.damaged_lines),
        ("left_out", samples.left_out),
        ("partial", samples.partial),
        ("restarts", samples.restarts),
        ("skipped", samples.skipped),
        ("undated", samples.undated),
    ];
    let told = all.iter().filter(|(_, count)| *count > 0);
    let told: Vec<String> = told.map(|(name, count)| format!("{name}={count}")).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

/// Asks whether a report means what a line of the sidecar says.
fn check(key: &str, value: &str, report: &MonitorReport, case: &str) {
    match key {
        "ORIGIN" => assert!(matches!(value, "recorded" | "by hand"), "{case}"),
        "SAMPLES" => assert_eq!(report.samples.count.to_string(), value, "{case}"),
        "LOSS" => assert_eq!(losses(report), value, "{case}"),
        "UNIT" => {
            let unit = match report.samples.unit {
                TimeUnit::Second => "second",
                TimeUnit::Sample => "sample",
            };
            assert_eq!(unit, value, "{case}");
        }
        "VERDICT" => assert_eq!(
            report.conclusion.kind.name(),
            value,
            "{case}: {}",
            report.conclusion.sentence
        ),
        "LEAKING" => {
            let expected: BTreeSet<&str> =
                value.split(", ").filter(|name| *name != "none").collect();
            assert_eq!(leaking(report), expected, "{case}");
        }
        "RATE" => {
            let (rate, percent) = value.split_once(" within ").expect("a tolerance");
            let (name, rate) = rate.rsplit_once(' ').expect("a name and a number");
            let cache = report.caches.iter().find(|cache| cache.name == name);
            let found = cache.expect("the cache is there").slope;
            assert_near(found, rate.parse().expect("a number"), percent, case);
        }
        "GROWS" => {
            let (rate, percent) = value.split_once(" within ").expect("a tolerance");
            let mut words = rate.rsplitn(3, ' ');
            let unit = words.next().expect("a unit");
            let amount = words.next().expect("a number");
            let kind = words.next().expect("a use of memory");
            let part = report.memory.parts.iter().find(|part| part.kind.name() == kind);
            let part = part.expect("meminfo tells it");
            assert!(part.grows, "{case}: {kind}");
            assert_near(part.slope, bytes_per_second(amount, unit), percent, case);
        }
        "SAYS" => {
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let said = words(&text(report));
            assert!(said.contains(&words(value)), "{case}: {value:?} is not in {said}");
        }
        _ => panic!("{case}: no such key: {key}"),
    }
}

/// The cases of which the picture is kept.
const PICTURES: [&str; 3] = ["anonymous-618", "guide-61", "hostile-names"];

#[test]
fn every_log_means_what_its_sidecar_says() {
    for (case, log) in cases() {
        let sidecar = std::fs::read_to_string(root().join(FOLDER).join(format!("{case}.case")));
        let sidecar = sidecar.expect("it is text");
        let report = monitored(&read(&format!("{FOLDER}/{log}")));
        let lines = sidecar.lines().filter(|line| !line.starts_with('#'));
        let mut keys = BTreeSet::new();
        for line in lines {
            let (key, value) = line.split_once(": ").expect("a key and a value");
            keys.insert(key);
            check(key, value, &report, &case);
        }
        for key in ["ORIGIN", "SAMPLES", "LOSS", "UNIT", "VERDICT", "LEAKING"] {
            assert!(keys.contains(key), "{case} has no {key}");
        }
        for line in text(&report).lines() {
            assert!(line.chars().count() <= 80 || line.contains("corpora"), "{case}: {line:?}");
        }
        snapshot(&case, "text", &text(&report));
        let picture = svg(&report);
        check_picture(&picture, &case);
        if PICTURES.contains(&case.as_str()) {
            snapshot(&case, "svg", &picture);
        }
    }
}

/// A picture is whole, holds its verdict, and nothing of the log in it is markup.
fn check_picture(picture: &str, case: &str) {
    assert!(picture.starts_with("<svg xmlns=") && picture.ends_with("</svg>\n"), "{case}");
    for part in ["<title id=\"title\">", "<desc id=\"desc\">", "prefers-color-scheme:dark"] {
        assert!(picture.contains(part), "{case}: {part}");
    }
    assert!(!picture.contains("NaN") && !picture.contains("inf"), "{case}");
    assert!(!picture.contains("<script") && !picture.contains('\u{1b}'), "{case}");
    assert!(picture.len() < 60_000, "{case}: {}", picture.len());
    assert_balanced(picture, case);
}

/// Every element that is opened is closed, in order; `&` begins an entity.
fn assert_balanced(picture: &str, case: &str) {
    let mut open = Vec::new();
    for tag in picture.split('<').skip(1) {
        let (tag, content) = tag.split_once('>').expect("a tag ends");
        assert!(!content.contains('>') || content.contains('{'), "{case}: {content}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{case}");
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().expect("a name"));
        }
    }
    assert!(open.is_empty(), "{case}: {open:?}");
    for entity in picture.split('&').skip(1) {
        let name = entity.split(';').next().expect("a name");
        assert!(matches!(name, "amp" | "lt" | "gt" | "quot" | "#39"), "{case}: {name}");
    }
}

#[test]
fn a_table_has_four_fields_a_line_whatever_the_names_are() {
    let report = monitored(&read("corpora/monitor/hostile-names.log"));
    let table = csv(&report);
    assert!(table.contains("1795289557,\"q\"\"uo,te\",objects,40\n"), "{table}");
    assert!(table.contains(",ared,objects,50\n"), "{table}");
    assert_eq!(table.lines().count(), 1 + 3 * 16);
    snapshot("hostile-names", "csv", &table);
}

const OPEN_FILES: &str = "corpora/monitor/open-files-618.log.gz";

/// The samples of a recording.
fn turns(path: &str) -> Vec<String> {
    let text = String::from_utf8(read(path)).expect("the log is text");
    text.split_inclusive("++++++++++++++++++++++\n").map(str::to_owned).collect()
}

#[test]
fn files_in_any_order_are_one_log_and_that_is_told() {
    let turns = turns(OPEN_FILES);
    let parts: Vec<String> = turns.chunks(20).map(<[String]>::concat).collect();
    let logs: Vec<(&str, &[u8])> = parts.iter().map(|part| ("part", part.as_bytes())).collect();
    let whole = monitored_all(&logs);
    assert!(!whole.samples.is_sorted);
    for order in [[2, 1, 0], [1, 2, 0], [0, 2, 1]] {
        let report = monitored_all(&order.map(|at| logs[at]));
        assert_eq!((&report.caches, &report.memory), (&whole.caches, &whole.memory));
        assert!(report.samples.is_sorted);
        assert!(text(&report).contains("not given oldest first"), "{order:?}");
    }
}

/// A sample and its number, written in another form.
type Form = fn(&str, usize) -> String;

#[test]
fn a_file_for_each_sample_takes_its_date_from_the_name() {
    let turns = turns(OPEN_FILES);
    // Every sample alone, without its date, and in the order of a careless shell.
    let files: Vec<(String, String)> = turns
        .iter()
        .zip(0u32..)
        .map(|(turn, at)| {
            let name = format!("slabinfo-20261121-2347{:02}.txt", 20 + at);
            (name, turn.split_once('\n').expect("a date").1.to_owned())
        })
        .take(30)
        .collect();
    let logs: Vec<(&str, &[u8])> =
        files.iter().rev().map(|(name, log)| (name.as_str(), log.as_bytes())).collect();
    let report = monitored_all(&logs);
    assert_eq!((report.samples.count, report.samples.unit), (30, TimeUnit::Second));
    assert!((report.samples.span - 29.0).abs() < 1e-9 && report.samples.is_sorted);
    assert_eq!(losses(&report), "none");
}

#[test]
fn the_same_samples_mean_the_same_in_every_form() {
    let expected = monitored(&read(OPEN_FILES));
    let slope = expected.caches[0].slope;
    let turns = turns(OPEN_FILES);
    let forms: [(&str, Form); 7] = [
        ("without separators", |turn, _| {
            turn.replace("----------------------\n", "").replace("++++++++++++++++++++++\n", "")
        }),
        ("slabinfo before meminfo", |turn, _| {
            let (date, rest) = turn.split_once('\n').expect("a date");
            let (memory, slab) = rest.split_once("----------------------\n").expect("two");
            format!("{date}\n{}{memory}", slab.replace('+', ""))
        }),
        ("with CR LF", |turn, _| turn.replace('\n', "\r\n")),
        ("with dates of another zone", |turn, _| turn.replacen("UTC", "EST", 1)),
        ("stamped by the kernel", |turn, at| {
            let stamp = |line: &str| format!("[{:8}.250000] {line}\n", 100 + 2 * at);
            turn.lines().skip(1).map(stamp).collect()
        }),
        ("blanks collapsed", |turn, _| {
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
            turn.lines().map(words).collect()
        }),
        ("with ps behind", |turn, _| {
            format!("{turn}  PID USER     COMMAND\n    1 root     init\nroot 7 0.0 1 sh\n")
        }),
    ];
    for (name, form) in forms {
        let log: String = turns.iter().enumerate().map(|(at, turn)| form(turn, at)).collect();
        let report = monitored(log.as_bytes());
        assert_eq!((report.samples.count, report.samples.damaged_lines), (59, 0), "{name}");
        assert_eq!(leaking(&report), BTreeSet::from(["filp"]), "{name}");
        // The kernel's stamps are those of equal steps.
        assert!((report.caches[0].slope / slope - 1.0).abs() < 0.04, "{name}");
    }
}

/// What a recorder puts in front of a line that it gets so many seconds after 23:47:20.
type Prefix = fn(f64) -> String;

/// A time of day.
fn clock(seconds: f64) -> String {
    let seconds = 85_640.0 + seconds;
    let (minutes, rest) = ((seconds / 60.0).floor(), seconds % 60.0);
    format!("{:02}:{:02}:{rest:06.3}", (minutes / 60.0).floor(), minutes % 60.0)
}

/// The same without fractions.
fn whole_clock(seconds: f64) -> String {
    clock(seconds)[..8].to_owned()
}

#[test]
fn what_recorders_put_in_front_of_each_line_changes_nothing() {
    let turns = &turns(OPEN_FILES)[..15];
    let bare: String = turns.iter().map(|turn| turn.split_once('\n').expect("a date").1).collect();
    let expected = monitored(bare.as_bytes());
    let prefixes: [(&str, Prefix); 17] = [
        ("logread", |t| format!("Sat Nov 21 {} 2026 user.notice slabmon: ", whole_clock(t))),
        ("syslog", |t| format!("Nov 21 {} board slabmon: ", whole_clock(t))),
        ("syslog with a pid", |t| format!("Nov 21 {} board slabmon[812]: ", whole_clock(t))),
        ("RFC 3339", |t| format!("2026-11-21T{}000+00:00 ", clock(t))),
        ("ts", |t| format!("Nov 21 {} ", whole_clock(t))),
        ("ts %T", |t| format!("{} ", whole_clock(t))),
        ("ts %.s", |t| format!("{:.6} ", 1_795_304_840.0 + t)),
        ("tio", |t| format!("[{}] ", clock(t))),
        ("minicom", |t| format!("[2026-11-21 {}] ", whole_clock(t))),
        ("grabserial", |t| format!("[{t:.6} 0.000321] ")),
        ("printk", |t| format!("[{:12.6}] ", 100.0 + t)),
        ("printk with the caller", |t| format!("[{:12.6}][   T80] ", 100.0 + t)),
        ("containers", |t| format!("2026-11-21T{}000000Z stdout F ", clock(t))),
        ("LAVA", |t| format!("2026-11-21T{}000  ", clock(t))),
        ("kernelci", |t| format!("{}000  ", clock(t))),
        ("a mail", |_| "> ".to_owned()),
        ("indentation", |_| "    ".to_owned()),
    ];
    for (name, prefix) in prefixes {
        let mut log = String::new();
        for (turn, at) in turns.iter().zip(0u32..) {
            for (line, number) in turn.lines().skip(1).zip(0u32..) {
                let seconds = 2.0 * f64::from(at) + 0.0003 * f64::from(number);
                writeln!(log, "{}{line}", prefix(seconds)).expect("memory takes any text");
            }
            // An empty line, of which the recorder makes its prefix alone.
            writeln!(log, "{}", prefix(2.0 * f64::from(at) + 0.1)).expect("memory takes any text");
        }
        let report = monitored(log.as_bytes());
        assert_eq!((report.samples.count, losses(&report)), (15, "none".to_owned()), "{name}");
        let ends = |report: &MonitorReport| -> BTreeSet<(String, u64, u64)> {
            let caches = report.caches.iter();
            caches
                .map(|cache| (cache.name.clone(), cache.objects_first, cache.objects_last))
                .collect()
        };
        assert_eq!(ends(&report), ends(&expected), "{name}");
        let is_timed = !matches!(name, "a mail" | "indentation");
        assert_eq!(report.samples.unit == TimeUnit::Second, is_timed, "{name}");
        assert!(!is_timed || (report.samples.span - 28.0).abs() < 1.0, "{name}");
    }
}

#[test]
fn damage_is_counted_and_costs_no_good_sample() {
    let turns = turns(OPEN_FILES);
    let whole = monitored(turns.concat().as_bytes());
    // A third of the samples each: without its date, cut in the middle, with a row overwritten.
    let mut log = String::new();
    for (at, turn) in turns.iter().enumerate() {
        match at % 12 {
            3 => log.push_str(turn.split_once('\n').expect("a date").1),
            6 => {
                let end = turn.find("kmalloc-cg-2k").expect("a row") + 40;
                writeln!(log, "{}", &turn[..end]).expect("memory takes any text");
            }
            9 => {
                let row = turn.find("\nvm_area_struct").expect("a row") + 1;
                let end = row + turn[row..].find('\n').expect("a line");
                let garbage = "\u{fffd}\u{fffd} usb 1-1: new high-speed USB device";
                write!(log, "{}{garbage}{}", &turn[..row], &turn[end..])
                    .expect("memory takes any text");
            }
            _ => log.push_str(turn),
        }
    }
    let report = monitored(log.as_bytes());
    let count = |rest: usize| (0..turns.len()).filter(|at| at % 12 == rest).count() as u64;
    assert_eq!(report.samples.count, whole.samples.count);
    assert_eq!(report.samples.undated, count(3));
    assert_eq!(report.samples.partial, count(6) + count(9));
    assert_eq!(report.samples.damaged_lines, count(6) + count(9));
    assert_eq!(leaking(&report), leaking(&whole));
    assert!((report.caches[0].slope / whole.caches[0].slope - 1.0).abs() < 0.01);
    assert!(text(&report).contains("lines not understood"));
}

#[test]
fn the_later_run_is_judged_where_it_is_the_longer_one() {
    let text = String::from_utf8(read("corpora/monitor/reboot-without-uptime.log.gz"))
        .expect("the log is text");
    let (before, after) = text.split_at(text.find("2026-07-01 12:33").expect("the second run"));
    let fifth = before.find("2026-07-01 12:25").expect("a sample");
    let report = monitored(format!("{}{after}", &before[fifth..]).as_bytes());
    assert_eq!((report.samples.count, report.samples.left_out), (18, 5));
    assert_eq!(report.runs.len(), 1);
    assert_eq!(report.samples.restarts, 1);
}

#[test]
fn caches_that_are_dropped_are_no_restart() {
    let turns = turns("corpora/monitor/dentries-618.log.gz");
    // `echo 2 > /proc/sys/vm/drop_caches` in the middle: what can be given back, is.
    let drop = |turn: &String| {
        let mut dropped = String::new();
        for line in turn.lines() {
            if ["dentry ", "kmalloc-192 "].iter().any(|name| line.starts_with(name)) {
                let mut words: Vec<&str> = line.split_whitespace().collect();
                words[1] = "40";
                dropped.push_str(&words.join(" "));
            } else {
                dropped.push_str(line);
            }
            dropped.push('\n');
        }
        dropped
    };
    let log: String = turns[..30].iter().cloned().chain(turns[30..].iter().map(drop)).collect();
    let report = monitored(log.as_bytes());
    assert_eq!((report.samples.restarts, report.samples.count), (0, 59));
    assert!(leaking(&report).is_empty(), "{:?}", leaking(&report));
}

/// Lines that logs are made of, whole, torn, hostile, and of other things.
const FRAGMENTS: [&[u8]; 36] = [
    b"Sat Nov 21 19:32:37 UTC 2026",
    b"Sat Nov 21 19:33:37 UTC 2026",
    b"Thu Jan  1 00:00:07 UTC 1970",
    b"9999-12-31 23:59:59",
    b"19:32:37",
    b"03:32:37",
    b"1795289557",
    b"12.50 30.00",
    b"9999999999999999999.99 1.00",
    b" 19:32:37 up 1 day,  3:04,  2 users,  load average: 0.10, 0.05, 0.01",
    b"MemTotal:         725460 kB",
    b"MemFree:          636100 kB",
    b"MemFree:               0 kB",
    b"MemAvailable: 9999999999999999999 kB",
    b"SUnreclaim:         7304 kB",
    b"SUnreclaim:        99999 kB",
    b"SUnreclaim:         73",
    b"Slab:              16388 kB",
    b"HighFree:              1 kB",
    b"LowFree:               1 kB",
    b"----------------------",
    b"++++++++++++++++++++++",
    b"slabinfo - version: 2.1",
    b"slabinfo - version: 1.1",
    b"kmem_cache            78     78    100    2    2    1",
    b"kmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0",
    b"kmalloc-64 500 900 64 64 1 : tunables 0 0 0 : slabdata 1 1 0",
    b"kmalloc-64 1 1 0 0 0 : tunables 0 0 0 : slabdata 1 1 0",
    b"big 9999999999999999999 9999999999999999999 9999999999999999999 1 1 : tunables 0 0 0 : slabdata 1 1 0",
    b"kmalloc-64 5 9 6",
    b" Active / Total Objects (% used)    : 97518 / 105893 (92.1%)",
    b" 10731  10563  98%    0.19K    511       21      2044K dentry",
    b"Cache                       Num  Total   Size  Pages",
    b"dentry                   10563  10731    192     21",
    b"\xff\xfe\x00<script>\x1b[31m 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0",
    b"Linux version 6.1.0-50-amd64 (x) (gcc-12",
];

proptest::proptest! {
    #[test]
    fn any_log_has_a_report_that_does_not_depend_on_how_it_comes(
        picks in proptest::collection::vec((0..FRAGMENTS.len(), 1..4usize), 0..120),
        cut in 1..60usize,
    ) {
        let mut log = Vec::new();
        for (at, times) in picks {
            for _ in 0..times {
                log.extend_from_slice(FRAGMENTS[at]);
                log.push(b'\n');
            }
        }
        let whole = monitored(&log);
        let mut pieces = Monitor::new(MonitorOptions::default());
        log.chunks(cut).for_each(|piece| pieces.feed(piece));
        pieces.end_input("monitor.log".to_owned(), log.len() as u64);
        proptest::prop_assert_eq!(&pieces.finish(), &whole);
        let samples = &whole.samples;
        let runs: u64 = whole.runs.iter().map(|run| run.count).sum();
        proptest::prop_assert!(runs <= samples.left_out && samples.left_out <= samples.skipped);
        proptest::prop_assert!(samples.partial <= 2 * (samples.count + samples.left_out));
        for cache in &whole.caches {
            proptest::prop_assert!(cache.slope_low <= cache.slope && cache.slope <= cache.slope_high);
            proptest::prop_assert!((0.0..=1.0).contains(&cache.significance));
        }
        check_picture(&svg(&whole), "made up");
        let shown = text(&whole) + &csv(&whole);
        let is_clean = !shown.contains('\u{1b}') && !shown.contains("NaN");
        proptest::prop_assert!(is_clean);
        let mut json = Vec::new();
        monitor::write_json(&whole, &mut json).expect("memory takes any bytes");
        proptest::prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
    }
}

/// Runs the command; its standard output.
fn command(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_slabtrace"))
        .current_dir(root())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// Whether this machine has busybox with a shell; says so where it has not.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn has_busybox() -> bool {
    let mut ash = Command::new("busybox");
    ash.args(["ash", "-c", "exit 0"]).stderr(Stdio::null());
    let has = ash.status().is_ok_and(|status| status.success());
    if !has {
        eprintln!("skipped: this machine has no busybox");
    }
    has
}

/// What a machine's kernel shows, in a folder of its own, and a script that runs on it.
struct Board {
    folder: tempfile::TempDir,
}

impl Board {
    fn new() -> Board {
        let board = Board { folder: tempfile::TempDir::new().expect("there is room") };
        board.write("script", &command(&["monitor", "--print-script"]));
        board.write("version", "Linux version 5.4.143 (x@y) (gcc 8.4.0) #0 SMP\n");
        board.write("uptime", "5000.25 9000.50\n");
        board.write("meminfo", "MemTotal: 90000 kB\nMemFree: 80000 kB\nSlab: 300 kB\n");
        board.write(
            "slabinfo",
            "slabinfo - version: 2.1\n# name\nkmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0\n",
        );
        board.write("kmemleak", "");
        board
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("there is room");
    }

    fn run(&self, settings: &[(&str, &str)]) {
        let status = Command::new("busybox")
            .args(["ash"])
            .arg(self.path("script"))
            .env("PROC", self.folder.path())
            .env("KMEMLEAK", self.path("kmemleak"))
            .env("LOG", self.path("log"))
            .env("INTERVAL", "0")
            .envs(settings.iter().copied())
            .status()
            .expect("the shell runs");
        assert!(status.success());
    }

    /// The logs in the order of their names: the newest first.
    fn report(&self) -> serde_json::Value {
        let names = ["log", "log.1.gz", "log.2.gz", "log.3.gz", "log.1", "log.2", "log.3"];
        let paths = names.iter().map(|name| self.path(name)).filter(|path| path.exists());
        let paths: Vec<String> = paths.map(|path| path.to_string_lossy().into_owned()).collect();
        let mut arguments = vec!["monitor", "-f", "json"];
        arguments.extend(paths.iter().map(String::as_str));
        serde_json::from_str(&command(&arguments)).expect("the output is JSON")
    }
}

#[test]
fn busybox_records_what_is_read_back_through_rotation_and_a_reboot() {
    if !has_busybox() {
        return;
    }
    let board = Board::new();
    for up in 0..6 {
        board.write("uptime", &format!("{}.25 9000.50\n", 5000 + up));
        board.run(&[("TURNS", "2"), ("LIMIT", "1"), ("KEEP", "3")]);
    }
    let samples = &board.report()["samples"];
    assert_eq!(samples["count"], 12);
    assert_eq!((&samples["skipped"], &samples["damaged_lines"]), (&0.into(), &0.into()));
    assert_eq!((&samples["unit"], &samples["span_s"]), (&"second".into(), &5.0.into()));
    // The power fails in the midst of a line, and the machine begins anew.
    let mut log = std::fs::read_to_string(board.path("log")).unwrap_or_default();
    log.push_str("slabinfo - version: 2.1\nkmalloc-64 5 9 6");
    board.write("log", &log);
    board.write("uptime", "12.25 9.50\n");
    // No machine starts within the second that dates are told in.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    board.run(&[("TURNS", "2")]);
    let after = board.report();
    assert_eq!(after["samples"]["restarts"], 1);
    assert_eq!(after["samples"]["damaged_lines"], 1);
    assert_eq!(after["other_runs"][0]["samples"], 2);
}

#[test]
fn busybox_records_kmemleak_where_there_is_one() {
    if !has_busybox() {
        return;
    }
    let board = Board::new();
    // A file takes the word `scan`, and gives it back.
    board.run(&[("TURNS", "3"), ("KMEMLEAK_EVERY", "2")]);
    let log = std::fs::read_to_string(board.path("log")).expect("a log was written");
    assert_eq!(log.matches("\nscan\n").count(), 2, "{log}");
    assert_eq!(board.report()["samples"]["count"], 3);
    assert_eq!(board.report()["samples"]["damaged_lines"], 0);
}

#[test]
fn busybox_records_this_machine() {
    if !has_busybox() || std::fs::File::open("/proc/slabinfo").is_err() {
        return;
    }
    let board = Board::new();
    board.run(&[("TURNS", "3"), ("PROC", "/proc")]);
    let report = board.report();
    assert_eq!(report["samples"]["count"], 3);
    assert_eq!(report["samples"]["partial"], 0);
    let text = std::fs::read_to_string("/proc/slabinfo").expect("it is readable");
    let rows = text.lines().filter(|line| line.contains(" : tunables ") && !line.starts_with('#'));
    let names: BTreeSet<&str> = rows.filter_map(|row| row.split(' ').next()).collect();
    assert_eq!(report["caches"].as_array().expect("a list").len(), names.len());
}

#[test]
fn the_plainest_loop_is_one_that_is_read() {
    let sample = command(&["monitor", "--sample"]);
    for line in ["date", "cat /proc/meminfo", "cat /proc/slabinfo", "ps", "sleep"] {
        assert!(sample.contains(&format!("\n    {line}")), "{line}");
    }
    if has_busybox() {
        let check = Command::new("busybox").args(["ash", "-n", "-c", &sample]).status();
        assert!(check.expect("the shell runs").success());
    }
}

#[test]
fn a_log_of_few_samples_is_unclear_and_one_of_none_is_refused() {
    let turns = turns(OPEN_FILES);
    let report = monitored(turns[..3].concat().as_bytes());
    assert_eq!(report.conclusion.kind, ConclusionKind::Unclear);
    assert!(leaking(&report).is_empty());
    assert!(monitor::Unusable::of(&monitored(b"Sat Nov 21 19:32:37 UTC 2026\n")).is_some());
}

const MEMINFO: &str = "MemTotal: 1000 kB\nMemFree: 300 kB\nSlab: 400 kB\nAnonPages: 100 kB\n";

#[test]
fn few_samples_tell_what_holds_memory_and_the_difference() {
    let row = |active: u64, slabs: u64| {
        format!("kmalloc-64 {active} 640 64 64 1 : tunables 0 0 0 : slabdata {slabs} {slabs} 0\n")
    };
    let first = format!("slabinfo - version: 2.1\n{}", row(100, 10));
    let second = format!("slabinfo - version: 2.1\n{}", row(350, 12));
    let files = [("one", first.as_bytes()), ("two", second.as_bytes())];
    let report = monitored_all(&files);
    let snapshot = report.snapshot.as_ref().expect("two are few");
    let cache = &snapshot.caches[0];
    assert_eq!((cache.objects, cache.bytes, cache.more()), (350, 49152, Some((250.0, 8192.0))));
    assert!(
        report.conclusion.sentence.contains("kmalloc-64 grew most, by 8.0 KiB (250 objects more)")
    );
    let falling = monitored_all(&[files[1], files[0]]);
    assert!(falling.conclusion.sentence.contains("no cache grew"), "{falling:?}");
    assert!(monitored(&read("corpora/monitor/idle-618.log.gz")).snapshot.is_none());
}

#[test]
fn meminfo_alone_tells_what_memory_is_used_for() {
    let report = monitored(MEMINFO.as_bytes());
    assert_eq!(report.conclusion.kind, ConclusionKind::Unclear);
    assert!(report.conclusion.sentence.contains("slab: 400.0 KiB, 40.0 % of all memory"));
    assert!(csv(&report).contains("0,slab,bytes,409600\n"), "{}", csv(&report));
    check_picture(&svg(&report), "meminfo alone");
    // Without the page cache it is not known what is left.
    assert!(!text(&report).contains("unaccounted"), "{}", text(&report));
}
