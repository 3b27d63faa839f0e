//! Recordings of trace events: one report however they are printed, and the same groups as SLUB's
//! trace makes.

mod support {
    pub(crate) mod unpack;
}

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use slabtrace::report::{GroupReport, Report};
use slabtrace::verdict::Verdict;
use slabtrace::{Analysis, AnalysisOptions};
use support::unpack::unpack;

fn capture(case: &str) -> Vec<u8> {
    unpack(&format!("corpora/recording/{case}.log.gz")).expect("the capture is there")
}

fn report(bytes: &[u8]) -> Report {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(bytes);
    analysis.finish()
}

fn functions(group: &GroupReport) -> String {
    let names = group.callers().map(|frame| frame.function.as_deref().unwrap_or("?"));
    names.collect::<Vec<_>>().join(" < ")
}

/// Live objects, allocations and frees of each chain of functions. Not all renderings tell offsets,
/// modules and times.
fn chains(report: &Report) -> BTreeMap<String, (u64, u64, u64)> {
    let mut chains = BTreeMap::new();
    for group in &report.groups {
        let sums: &mut (u64, u64, u64) = chains.entry(functions(group)).or_default();
        sums.0 += group.live_objects;
        sums.1 += group.allocs;
        sums.2 += group.frees;
    }
    chains
}

#[test]
fn the_renderings_of_one_buffer_give_one_report() {
    let expected = chains(&report(&capture("x86-61-trace")));
    assert!(expected.len() > 20, "{expected:?}");
    for case in ["x86-61-latency-format", "x86-61-symbols-and-addresses", "x86-61-no-context"] {
        assert_eq!(chains(&report(&capture(case))), expected, "{case}");
    }
}

/// A way to change each line, and its name.
type Rendering = (&'static str, fn(usize, &str) -> String);

#[test]
fn what_a_console_adds_to_lines_changes_nothing() {
    let bytes = capture("x86-61-trace");
    let text = String::from_utf8(bytes).expect("ASCII");
    let expected = chains(&report(text.as_bytes()));
    let renderings: [Rendering; 3] = [
        ("carriage returns", |_, line| format!("{line}\r\n")),
        ("printk times", |at, line| format!("[{:12.6}] {line}\n", 900.0 + at as f64 / 1e3)),
        ("times and callers", |at, line| {
            format!("[{:12.6}][    T1] {line}\n", 900.0 + at as f64 / 1e3)
        }),
    ];
    for (name, render) in renderings {
        let rendered: String =
            text.lines().enumerate().map(|(at, line)| render(at, line)).collect();
        assert_eq!(chains(&report(rendered.as_bytes())), expected, "{name}");
    }
}

/// A line of a recording, which a message of the kernel's cuts here and there.
fn cut_in_two(at: usize, line: &str) -> String {
    // Before its CPU nothing tells a line from a user's words.
    let place = if line.starts_with(" => ") { 5 + at % 8 } else { 40 + at % 60 };
    match line.split_at_checked(place).filter(|_| at.is_multiple_of(37) && at > 40) {
        Some((head, rest)) if !rest.is_empty() => {
            format!("{head}[{:12.6}] usb 1-1: new device\n{rest}\n", at as f64)
        }
        _ => format!("{line}\n"),
    }
}

#[test]
fn messages_that_cut_lines_in_two_change_nothing() {
    let text = String::from_utf8(capture("x86-61-trace")).expect("ASCII");
    let expected = chains(&report(text.as_bytes()));
    let cut: String = text.lines().enumerate().map(|(at, line)| cut_in_two(at, line)).collect();
    assert_eq!(chains(&report(cut.as_bytes())), expected);
}

/// The console of the capture that has both witnesses, and its recording.
fn two_witnesses() -> (Vec<u8>, Vec<u8>) {
    let bytes = capture("x86-61-two-witnesses");
    let head = b"# tracer: nop";
    let at = bytes.windows(head.len()).position(|part| part == head).expect("a recording");
    let (console, recording) = bytes.split_at(at);
    (console.to_vec(), recording.to_vec())
}

#[test]
fn both_witnesses_name_the_same_leaks() {
    let (console, recording) = two_witnesses();
    let (console, recording) = (report(&console), report(&recording));
    let live = |report: &Report, fingerprint: &str| -> u64 {
        let same = report.groups.iter().filter(|group| group.fingerprint == fingerprint);
        same.map(|group| group.live_objects).sum()
    };
    let mut same = 0;
    for group in &console.groups {
        let seen = live(&recording, &group.fingerprint);
        if seen > 0 && !functions(group).contains("leaky_krcu") {
            let expected = live(&console, &group.fingerprint);
            assert_eq!(seen, expected, "{}", functions(group));
            same += 1;
        }
    }
    assert!(same >= 12, "{same} groups are in both");
}

#[test]
fn slub_speaks_for_the_caches_that_it_traces() {
    let (console, recording) = two_witnesses();
    let (slub, events) = (report(&console), report(&recording));
    let both = report(&[console, recording].concat());
    let live = |report: &Report, cache: &str| {
        let of_cache = report.caches.iter().find(|row| row.name == cache);
        of_cache.map(|row| (row.allocs, row.frees, row.live_objects))
    };
    for cache in ["kmalloc-64", "kmalloc-192", "leaky_cache", "leaky_kobj"] {
        assert_eq!(live(&both, cache), live(&slub, cache), "{cache}");
    }
    for cache in ["kmalloc-4k", "kmalloc-32k"] {
        assert_eq!(live(&both, cache), live(&events, cache), "{cache}");
    }
    assert_eq!(live(&both, "(unnamed, 80 bytes)"), None, "its objects are those of leaky_kobj");
}

#[test]
fn what_kfree_rcu_frees_is_never_called_leaking_without_that_word() {
    for case in ["x86-61-trace", "x86-61-kfree-rcu", "x86-510-trace", "arm64-61-trace"] {
        let report = report(&capture(case));
        let group = report.groups.iter().find(|group| functions(group).contains("leaky_krcu"));
        let judgement = group.and_then(|group| group.judgement).expect("a judged group");
        let says = judgement.reason.to_string().contains("kfree_rcu()");
        assert!(says || !judgement.verdict.is_leak(), "{case}: {judgement:?}");
    }
    let report = report(&capture("x86-510-trace"));
    let group = report.groups.iter().find(|group| functions(group).contains("leaky_krcu"));
    let judgement = group.and_then(|group| group.judgement).expect("a judged group");
    assert_eq!(judgement.verdict, Verdict::Unclear, "its addresses come again");
}

/// Leaves out one line in fifty, by a generator of its own for each seed.
fn with_lines_lost(text: &str, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut is_kept = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        !state.is_multiple_of(50)
    };
    text.split_inclusive('\n').filter(|_| is_kept()).collect()
}

#[test]
fn lost_lines_show_in_the_report() {
    for case in ["x86-61-trace", "x86-612-several-cpus", "x86-61-perf-script"] {
        let text = String::from_utf8(capture(case)).expect("ASCII");
        let whole = report(text.as_bytes());
        for seed in 1..=8 {
            let damaged = report(with_lines_lost(&text, seed).as_bytes());
            assert!(damaged.loss.is_any(), "{case}, {seed}: {:?}", damaged.loss);
            assert!(damaged.totals.events < whole.totals.events, "{case}, {seed}");
        }
    }
}

/// A folder like that of tracefs, with what the recorder's script touches.
struct FakeTracefs(PathBuf);

/// What stands in its files at first.
const SETTINGS: [(&str, &str); 6] = [
    ("tracing_on", "1"),
    ("current_tracer", "nop"),
    ("buffer_size_kb", "7 (expanded: 1408)"),
    ("options/stacktrace", "0"),
    ("options/sym-offset", "0"),
    ("options/hash-ptr", "1"),
];

impl FakeTracefs {
    fn new(name: &str) -> FakeTracefs {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        let tracefs = FakeTracefs(folder);
        for (file, value) in SETTINGS {
            tracefs.put(file, value);
        }
        for event in ["kmalloc", "kmem_cache_alloc", "kfree", "kmem_cache_free"] {
            tracefs.put(&format!("events/kmem/{event}/enable"), "0");
            tracefs.put(&format!("events/kmem/{event}/filter"), "none");
            tracefs.put(&format!("events/kmem/{event}/format"), "\tfield:char name[4];\n");
        }
        tracefs.put("trace", "");
        tracefs.put("per_cpu/cpu0/stats", "entries: 0\noverrun: 12\n");
        tracefs.put("per_cpu/cpu1/stats", "entries: 0\noverrun: 30\n");
        tracefs
    }

    fn put(&self, file: &str, value: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, format!("{value}\n")).expect("it can be written");
    }

    fn get(&self, file: &str) -> String {
        let text = fs::read_to_string(self.0.join(file)).expect("it can be read");
        text.trim_end().to_owned()
    }

    fn record(&self, arguments: &[&str]) -> Output {
        let script = Command::new(env!("CARGO_BIN_EXE_slabtrace"))
            .arg("record-script")
            .output()
            .expect("the program runs");
        let path = self.0.join("slabrec.sh");
        fs::write(&path, script.stdout).expect("it can be written");
        let out = self.0.join("out");
        Command::new("sh")
            .arg(path)
            .args(["-t", "0", "-o"])
            .arg(out)
            .args(arguments)
            .env("TRACEFS", &self.0)
            .output()
            .expect("there is a shell")
    }
}

#[test]
fn the_recorder_sets_back_what_it_set() {
    let tracefs = FakeTracefs::new("tracefs-sets-back");
    let done = tracefs.record(&["-s", "64", "-b", "512", "-r"]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    assert!(said.contains("42 entries were written over"), "{said}");
    for (file, value) in SETTINGS {
        let expected = value.split(' ').next().expect("a word");
        assert_eq!(tracefs.get(file), expected, "{file}");
    }
    for event in ["kmalloc", "kmem_cache_alloc", "kfree", "kmem_cache_free"] {
        assert_eq!(tracefs.get(&format!("events/kmem/{event}/enable")), "0", "{event}");
    }
    assert_eq!(tracefs.get("events/kmem/kmalloc/filter"), "0", "0 forgets a filter");
    let head = tracefs.get("out");
    assert!(head.starts_with("Linux version "), "{head}");
    assert!(
        head.contains("events kmalloc kmem_cache_alloc kfree kmem_cache_free; 64 bytes; 512 KiB")
    );
}

#[test]
fn the_recorder_takes_the_events_of_a_cache() {
    let tracefs = FakeTracefs::new("tracefs-of-a-cache");
    let done = tracefs.record(&["-c", "kmalloc-4k"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let head = tracefs.get("out");
    assert!(head.contains("events kmalloc kfree; cache kmalloc-4k; 4096 bytes;"), "{head}");
}

#[test]
fn the_recorder_says_what_is_wrong() {
    let tracefs = FakeTracefs::new("tracefs-wrong");
    for (arguments, says) in [
        (&["-s", "many"][..], "usage: "),
        (&["-x"], "usage: "),
        (&["-c", "no-such-cache"], "there is no cache no-such-cache"),
    ] {
        let done = tracefs.record(arguments);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!done.status.success() && said.contains(says), "{arguments:?}: {said}");
        assert_eq!(tracefs.get("tracing_on"), "1", "{arguments:?}");
    }
}
