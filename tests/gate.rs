//! `slabtrace check` and `slabtrace diff` as CI systems run them.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A capture with five places that leak, 45 objects of 2,472 bytes in all.
const LEAKY: &str = "corpora/console/recorded-amd64-6-1.log.gz";

fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabtrace"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    command.env_remove("GITHUB_ACTIONS").env("NO_COLOR", "1");
    command.output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The exit status and the line that is said.
fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(["check"].iter().chain(arguments));
    (output.status.code(), text(&output.stdout))
}

#[test]
fn limits_are_crossed_where_they_are() {
    for (arguments, status, says) in [
        (&[LEAKY][..], 1, "crossed: "),
        (&["--max-leaked", "1M", LEAKY], 0, "ok: "),
        (&["--max-leaked", "2K", LEAKY], 1, "leak, and at most 2.0 KiB may"),
        (&["--max-live", "66", LEAKY], 0, "at most 66 objects live"),
        (&["--max-live", "65", LEAKY], 1, "66 objects live, and at most 65 may"),
        (&["--max-growth", "1K/h", LEAKY], 1, "an hour leak, and at most 1.0 KiB an hour may"),
        (&["--max-growth", "1G/s", LEAKY], 0, "ok: "),
        (&["--fail-on", "accumulating", LEAKY], 1, "is accumulating"),
        (&["--fail-on", "unclear", LEAKY], 0, "no place is unclear"),
        (&["--fail-on", "unclear,one-time", LEAKY], 1, "is one-time"),
        (&["--fail-on", "unclear", "--max-live", "1", LEAKY], 1, "66 objects live"),
    ] {
        let (code, line) = check(arguments);
        assert_eq!(code, Some(status), "{arguments:?}: {line}");
        assert!(line.contains(says), "{arguments:?}: {line}");
        assert_eq!(line.lines().count(), 1, "one line: {line}");
    }
}

#[test]
fn what_makes_no_sense_is_told() {
    for (arguments, status) in [
        (&["--max-leaked", "much", LEAKY][..], 2),
        (&["--max-growth", "1K", LEAKY], 2),
        (&["--fail-on", "leek", LEAKY], 2),
        (&["no-such.log"], 3),
        (&["--suppressions", "no-such.txt", LEAKY], 3),
        (&["--baseline", "Cargo.toml", LEAKY], 3),
    ] {
        let output = run(["check"].iter().chain(arguments));
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_capture_that_is_not_whole_is_told() {
    let damaged = "corpora/damaged/rt-drops.log.gz";
    let (code, line) = check(&["--max-live", "1000", damaged]);
    assert_eq!(code, Some(0), "{line}");
    assert!(line.contains("the capture is not whole"), "{line}");
    assert_eq!(check(&["--max-live", "1000", "--strict", damaged]).0, Some(4));
    assert_eq!(check(&["--max-live", "1", "--strict", damaged]).0, Some(1), "crossed is worse");
}

#[test]
fn a_baseline_forgives_what_it_has() {
    let scratch = tempfile::tempdir().expect("a folder");
    let baseline = scratch.path().join("old.json");
    let report = run(["--json", "--ignore", "leaky_object_create", "-o"]
        .map(OsStr::new)
        .into_iter()
        .chain([baseline.as_os_str(), OsStr::new(LEAKY)]));
    assert!(report.status.success());
    let baseline = baseline.to_str().expect("a plain name");
    let (code, line) = check(&["--baseline", baseline, LEAKY]);
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("leaky_object_create [leaky] is leaking"), "{line}");
    assert!(line.contains("and did not before"), "{line}");
    assert_eq!(check(&["--baseline", LEAKY, LEAKY]).0, Some(0), "a capture is a baseline too");
    let alone = check(&["--baseline", baseline, baseline]);
    assert_eq!(alone.0, Some(0), "and a report can be checked: {}", alone.1);
}

#[test]
fn suppressions_hide_and_say_so() {
    let scratch = tempfile::tempdir().expect("a folder");
    let file = scratch.path().join("known.txt");
    fs::write(&file, "# known\nleak:leaky_*\nleak:other\nchain: x; until: 2001-01-01\n")
        .expect("there is room");
    let output = run(["check", "--suppressions", file.to_str().expect("plain"), LEAKY]);
    let (line, notes) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{line}");
    assert!(line.contains("8 places hidden by suppressions: 63 objects, 4.3 KiB"), "{line}");
    assert!(notes.contains("line 3 of the suppressions hides nothing: leak:other"), "{notes}");
    assert!(notes.contains("line 4 of the suppressions holds no longer"), "{notes}");
}

#[test]
fn junit_and_sarif_are_well_formed() {
    let scratch = tempfile::tempdir().expect("a folder");
    let (junit, sarif) = (scratch.path().join("j.xml"), scratch.path().join("s.sarif"));
    let write = |limit: &str| {
        let output = run([
            "check",
            "--fail-on",
            limit,
            "--max-live",
            "100",
            "--junit",
            junit.to_str().expect("plain"),
            "--sarif",
            sarif.to_str().expect("plain"),
            LEAKY,
        ]);
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        output.status.code()
    };
    assert_eq!(write("leak"), Some(1));
    assert_eq!(cases(&junit), (6, 5), "the limit that holds, and five places");
    let sarif_text = fs::read_to_string(&sarif).expect("a file");
    let found: Value = serde_json::from_str(&sarif_text).expect("JSON");
    let results = found["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 5);
    assert_eq!(results[0]["ruleId"], "fail-on");
    assert_eq!(results[0]["partialFingerprints"]["slabtrace/1"], "851aa281512f368b");
    assert_eq!(write("unclear"), Some(0));
    assert_eq!(cases(&junit), (2, 0));
}

/// How many tests a `JUnit` file has, and how many failed.
fn cases(file: &Path) -> (usize, usize) {
    let text = fs::read_to_string(file).expect("a file");
    let document = roxmltree::Document::parse(&text).expect("XML");
    let named = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
    let root = document.root_element();
    assert_eq!(root.attribute("tests"), Some(named("testcase").to_string().as_str()));
    assert_eq!(root.attribute("failures"), Some(named("failure").to_string().as_str()));
    (named("testcase"), named("failure"))
}

#[test]
fn github_gets_a_line_for_each_crossing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabtrace"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["check", LEAKY]);
    let output = command.env("GITHUB_ACTIONS", "true").output().expect("the command runs");
    let lines = text(&output.stdout);
    let annotations = lines.lines().filter(|line| line.starts_with("::error title=slabtrace::"));
    assert_eq!(annotations.count(), 5, "{lines}");
}

#[test]
fn kmemleak_and_the_kernel_s_counts_are_checked_too() {
    let (code, line) = check(&["corpora/kmemleak/arm-510-scan1.txt.gz"]);
    assert_eq!(code, Some(1));
    assert!(line.contains("is unreferenced kmalloc-64"), "{line}");
    let (one, two) = (
        "corpora/accounts/kmalloc-192.alloc_traces.1.txt",
        "corpora/accounts/kmalloc-192.alloc_traces.2.txt",
    );
    assert_eq!(check(&[one]).0, Some(0), "one reading says nothing of growth");
    let (code, line) = check(&[one, two]);
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("is growing kmalloc-192"), "{line}");
}

#[test]
fn a_diff_tells_what_is_new() {
    let empty = run(["diff", LEAKY, LEAKY]);
    assert!(text(&empty.stdout).starts_with("No change; 5 leak as before."));
    let other = "corpora/console/x86-61-la57.log.gz";
    let output = run(["diff", "--json", LEAKY, other]);
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["schema"], "slabtrace.diff/1");
    assert_eq!(found["totals"]["new"], 1, "{found}");
    assert_eq!(found["totals"]["gone"], 5);
    assert_eq!(found["changes"][0]["kind"], "new");
    assert_eq!(found["changes"][0]["old"], Value::Null);
    let markdown = text(&run(["diff", "-f", "md", LEAKY, other]).stdout);
    assert!(markdown.starts_with("**1 place leaks that did not, 5 places leak no more.**"));
    let page = text(&run(["diff", "-f", "html", LEAKY, other]).stdout);
    assert!(page.contains("\"changes\":{\"conclusion\":\"1 place leaks that did not"));
    assert_eq!(run(["diff", LEAKY]).status.code(), Some(2));
    assert_eq!(run(["diff", "-", "-"]).status.code(), Some(2));
    assert_eq!(run(["diff", LEAKY, "no-such.log"]).status.code(), Some(3));
}

#[test]
fn another_build_is_the_same_place_and_said_to_be() {
    let scratch = tempfile::tempdir().expect("a folder");
    let unpacked = slabtrace::capture::Source::from_arg(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/console/x86-61.log.gz"),
    );
    let mut log = Vec::new();
    let mut reader = unpacked.open().expect("a capture");
    std::io::Read::read_to_end(&mut reader, &mut log).expect("a whole capture");
    let log = text(&log);
    // The compiler of the other build inlined the worker's loop into its thread.
    let other: String = log
        .lines()
        .filter(|line| !line.contains(" leaky_worker+0x"))
        .map(|line| line.replace("leaky_alloc_buf+", "leaky_alloc_buf.constprop.0+") + "\n")
        .collect();
    let (old, new) = (scratch.path().join("old.log"), scratch.path().join("new.log"));
    fs::write(&old, &log).expect("there is room");
    fs::write(&new, &other).expect("there is room");
    let output = run([OsStr::new("diff"), OsStr::new("--json"), old.as_os_str(), new.as_os_str()]);
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        found["totals"]["new"],
        0,
        "{}",
        text(&run([OsStr::new("diff"), old.as_os_str(), new.as_os_str()]).stdout)
    );
    assert_eq!(found["totals"]["gone"], 0);
    assert!(found["totals"]["same"].as_u64().is_some_and(|same| same > 0));
}
