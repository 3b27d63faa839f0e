//! The `slabtrace` command as a user meets it: arguments, streams and exit status.

#[path = "../benches/support/scale.rs"]
mod scale;
mod support {
    pub(crate) mod unpack;
}

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use support::unpack::{root, unpack};
use tempfile::TempDir;

/// A capture without loss: 20 allocations, 15 frees, one group of 5 live objects.
const CLEAN: &str = "corpora/console/x86-61-la57.log.gz";
/// A capture with more than one piece of advice.
const DAMAGED: &str = "corpora/damaged/rt-drops.log.gz";

/// A capture of several groups, larger than any buffer on its way.
const LARGE: &str = "corpora/console/x86-61.log.gz";

fn clean() -> Vec<u8> {
    unpack(CLEAN).expect("the corpus has this capture")
}

fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabtrace"));
    command.current_dir(root()).args(arguments).stdin(Stdio::null());
    for variable in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(variable);
    }
    command
}

fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    command(arguments).output().expect("the command runs")
}

/// Runs the command with bytes on standard input, which ends behind them.
fn pipe<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, bytes: &[u8]) -> Output {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let bytes = bytes.to_vec();
    // A command that stops reading early is no failure here; its output is looked at.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("the writer ends");
    output
}

fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Child {
    let pipes = Stdio::piped;
    command(arguments)
        .stdin(pipes())
        .stdout(pipes())
        .stderr(pipes())
        .spawn()
        .expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the output is JSON")
}

/// A file in a folder that goes with the test.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Scratch {
        Scratch(TempDir::new().expect("there is room for a folder"))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).expect("there is room for a file");
        path
    }
}

/// Input that is no use is refused with status 3, one sentence and no output.
#[track_caller]
fn refused(output: &Output, says: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("slabtrace: ") && said.contains(says), "{said}");
}

#[test]
fn a_capture_gets_a_report() {
    let output = run([CLEAN]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    assert!(text(&output.stdout).contains("35 events: 20 allocs, 15 frees, 15 of them matched"));
}

#[test]
fn a_command_line_that_makes_no_sense_is_status_2() {
    for arguments in [
        &["--no-such-flag", CLEAN][..],
        &["--top", "many", CLEAN],
        &["--min-age", "5y", CLEAN],
        &["--boot", "first", CLEAN],
        &["--color", "sometimes", CLEAN],
        &["--format", "xml", CLEAN],
        &["events", "--format", "xml", CLEAN],
        &["--min-objects", "-1", CLEAN],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        assert!(text(&output.stderr).contains(arguments[arguments.len() - 2]), "{arguments:?}");
    }
}

/// Bytes among which no letter is common enough to be text.
fn noise() -> Vec<u8> {
    (0u32..5000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

#[test]
fn unusable_input_is_refused_with_its_own_sentence() {
    let scratch = Scratch::new();
    let empty = scratch.file("empty.log", b"");
    let binary = scratch.file("firmware.bin", &noise());
    let plain = scratch.file("boot.log", b"[    0.000000] Linux version 6.1.0\n");
    let folder = scratch.0.path().to_path_buf();
    let missing = scratch.0.path().join("missing.log");
    for (path, says) in [
        (empty, "empty"),
        (binary, "no text"),
        (plain, "no TRACE line"),
        (folder, "is a directory"),
        (missing, "failed to open"),
        ("corpora/quiet/x86-510-unprintable.log.gz".into(), "unprintable"),
        ("corpora/quiet/x86-61-loglevel6.log.gz".into(), "loglevel"),
    ] {
        refused(&run([&path]), says);
    }
}

#[test]
fn unusable_input_is_refused_by_events_too() {
    let scratch = Scratch::new();
    let plain = scratch.file("boot.log", b"[    0.000000] Linux version 6.1.0\n");
    refused(&run([OsStr::new("events"), plain.as_os_str()]), "no TRACE line");
    refused(&run(["events", "corpora/quiet/x86-61-loglevel6.log.gz"]), "loglevel");
    refused(&run(["events", "corpora/missing.log"]), "failed to open");
    refused(&pipe(["events"], b""), "empty");
    refused(&pipe(["events"], &noise()), "no text");
    let unprintable = "corpora/quiet/x86-510-unprintable.log.gz";
    let (report, events) = (run([unprintable]), run(["events", unprintable]));
    assert_eq!(events.status.code(), Some(3));
    assert_eq!(text(&events.stderr), text(&report.stderr));
    assert!(!events.stdout.is_empty(), "events were written before all were known");
}

#[test]
fn unusable_standard_input_is_refused() {
    refused(&pipe(["-"], b""), "empty");
    refused(&pipe(["-"], b"nothing to see\n"), "no TRACE line");
}

#[test]
fn a_capture_that_begins_or_ends_in_an_event_is_analysed() {
    let bytes = clean();
    let report = json(&pipe(["-f", "json"], &bytes[1000..]));
    assert_eq!(report["totals"]["events"], 34);
    assert_eq!(report["totals"]["live_objects"], 4);
    let report = json(&pipe(["-f", "json"], &bytes[..bytes.len() / 2]));
    let events = report["totals"]["events"].as_u64().expect("a count");
    assert!((10..30).contains(&events), "{events}");
}

#[test]
fn standard_input_is_read_with_and_without_a_dash() {
    let bytes = clean();
    let with = pipe(["-"], &bytes);
    let without = pipe([""; 0], &bytes);
    assert_eq!(with, without);
    assert_eq!(with.status.code(), Some(0));
    let from_file = text(&run([CLEAN]).stdout);
    assert_eq!(text(&with.stdout), from_file.replace(CLEAN, "standard input"));
}

/// The clean capture in each packed format.
fn packed(bytes: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    xz.write_all(bytes).expect("memory takes any bytes");
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(bytes).expect("memory takes any bytes");
    [
        ("gzip", gzip(bytes)),
        ("xz", xz.finish().expect("memory takes any bytes")),
        ("zstd", zstd::encode_all(bytes, 3).expect("memory takes any bytes")),
        ("bzip2", bzip2.finish().expect("memory takes any bytes")),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).expect("memory takes any bytes");
    gzip.finish().expect("memory takes any bytes")
}

#[test]
fn packed_input_is_recognised_by_content() {
    let bytes = clean();
    let expected = text(&pipe(["-"], &bytes).stdout);
    let scratch = Scratch::new();
    for (format, packed) in packed(&bytes) {
        let piped = pipe(["-"], &packed);
        assert_eq!(text(&piped.stdout), expected, "{format} from a pipe");
        // The name says nothing.
        let path = scratch.file("capture.log", &packed);
        let shown = text(&run([&path]).stdout);
        let shown = shown.replace(&*path.to_string_lossy(), "standard input");
        assert_eq!(shown, expected, "{format} from a file");
    }
}

#[test]
fn packed_pieces_behind_one_another_are_one_capture() {
    let bytes = clean();
    let expected = text(&pipe(["-"], &bytes).stdout);
    let (first, second) = bytes.split_at(bytes.len() / 3);
    for ((format, mut joined), (_, second)) in packed(first).into_iter().zip(packed(second)) {
        joined.extend(second);
        assert_eq!(text(&pipe(["-"], &joined).stdout), expected, "{format}");
    }
}

#[test]
fn packed_input_that_breaks_off_is_reported_on_with_a_warning() {
    let gzip = gzip(&unpack(LARGE).expect("the corpus has this capture"));
    let cut = &gzip[..gzip.len() * 2 / 3];
    let output = pipe(["-f", "json"], cut);
    let report = json(&output);
    let warning = text(&output.stderr);
    assert!(warning.contains("breaks off after"), "{warning}");
    assert_eq!(warning.lines().count(), 1, "{warning}");
    let events = report["totals"]["events"].as_u64().expect("a count");
    assert!((100..299).contains(&events), "{events}");
    assert_eq!(pipe(["--strict"], cut).status.code(), Some(4));
}

#[test]
fn strict_is_status_4_where_something_was_lost() {
    let lossy = "corpora/damaged/rt-drops.log.gz";
    let strict = run(["--strict", lossy]);
    assert_eq!(strict.status.code(), Some(4));
    assert_eq!(strict.stdout, run([lossy]).stdout);
    assert_eq!(run(["--strict", CLEAN]).status.code(), Some(0));
}

#[test]
fn strict_is_status_4_where_a_file_breaks_off_although_no_event_is_torn() {
    let gzip = gzip(&clean());
    // All but the end of the checksum.
    let broken = pipe(["--strict"], &gzip[..gzip.len() - 4]);
    assert_eq!(broken.status.code(), Some(4));
    assert!(text(&broken.stdout).contains("1 input broken off before its end"));
    assert!(text(&broken.stderr).contains("breaks off"));
    assert_eq!(pipe(["--strict"], &gzip).status.code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in [&["events", LARGE][..], &["-f", "json", LARGE], &[LARGE]] {
        let mut child = start(arguments);
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the command ends");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
    }
}

#[test]
fn the_output_goes_to_a_file_where_one_is_named() {
    let scratch = Scratch::new();
    for (name, arguments) in [("report", &["-f", "json", CLEAN][..]), ("lines", &["events", CLEAN])]
    {
        let path = scratch.0.path().join(name);
        let output = command(arguments).arg("-o").arg(&path).output().expect("the command runs");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), "");
        let written = fs::read(&path).expect("the file is there");
        assert_eq!(text(&written), text(&run(arguments).stdout));
    }
}

/// A result that cannot be written is status 5, with one sentence.
#[track_caller]
fn unwritten(output: &Output) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("slabtrace: failed to write "), "{said}");
}

/// Waits for a command whose standard input stays open, as long as it has any reason to take.
fn ended(mut child: Child) -> Output {
    let stdin = child.stdin.take();
    for _ in 0..200 {
        if child.try_wait().expect("the command can be asked").is_some() {
            drop(stdin);
            return child.wait_with_output().expect("the command has ended");
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    child.kill().expect("the command can be ended");
    panic!("the command waits for its input");
}

#[test]
fn what_cannot_be_written_or_opened_is_told_before_anything_is_read() {
    let scratch = Scratch::new();
    let nowhere = scratch.0.path().join("no/such/folder");
    for command in [&["-o"][..], &["events", "-o"]] {
        let words = command.iter().map(OsStr::new).chain([nowhere.as_os_str(), OsStr::new("-")]);
        unwritten(&ended(start(words)));
    }
    for command in [&["-", "corpora/missing.log"][..], &["events", "-", "corpora/missing.log"]] {
        refused(&ended(start(command)), "failed to open corpora/missing.log");
    }
    for command in [&["--vmlinux", "missing", "-"][..], &["symbolize", "--vmlinux", "missing", "-"]]
    {
        refused(&ended(start(command)), "failed to read missing");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let full = || fs::File::options().write(true).open("/dev/full").expect("Linux has one");
    for arguments in [
        &[CLEAN][..],
        &["-f", "json", CLEAN],
        &["events", CLEAN],
        &["man"],
        &["completions", "bash"],
    ] {
        unwritten(&command(arguments).stdout(full()).output().expect("the command runs"));
    }
    unwritten(&run(["-o", "/dev/full", CLEAN]));
}

#[cfg(unix)]
#[test]
fn an_output_takes_the_place_of_the_old_file_once_it_is_whole() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    let scratch = Scratch::new();
    let old = scratch.file("old.txt", b"what was there before, and is longer than nothing");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o640)).expect("it is ours");
    let before = std::fs::metadata(&old).expect("it is there").ino();
    let link = old.with_file_name("link.txt");
    symlink("old.txt", &link).expect("a link can be made");
    let output = command(["-o"]).arg(&link).arg(CLEAN).output().expect("the command runs");
    assert_eq!(output.status.code(), Some(0));
    let metadata = std::fs::metadata(&old).expect("it is there");
    assert_eq!(metadata.mode() & 0o777, 0o640);
    assert_ne!(metadata.ino(), before, "it is another file");
    assert!(std::fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(std::fs::read(&old).expect("it is there"), run([CLEAN]).stdout);
    let folder = old.parent().expect("a folder");
    assert_eq!(std::fs::read_dir(folder).expect("it is there").count(), 2, "nothing stays behind");
}

#[test]
fn an_output_is_touched_only_for_a_result() {
    let scratch = Scratch::new();
    let old = scratch.file("old.txt", &b"an older and longer report\n".repeat(1000));
    let new = scratch.0.path().join("new.txt");
    for path in [&old, &new] {
        let output = command(["-o"]).arg(path).arg("-").output().expect("the command runs");
        refused(&output, "empty");
    }
    assert_eq!(fs::read(&old).expect("the file is there").len(), 27_000);
    assert!(!new.exists());
    let output = command(["-o"]).arg(&old).arg(CLEAN).output().expect("the command runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&fs::read(&old).expect("the file is there")), text(&run([CLEAN]).stdout));
}

#[test]
fn a_boot_that_is_not_there_is_told() {
    let output = run(["--boot", "9", CLEAN]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        "slabtrace: there is no boot 9; the log has 1 boot, number 0\n"
    );
    assert_eq!(text(&run(["--boot", "0", CLEAN]).stderr), "");
}

#[test]
fn names_of_files_are_shown_harmless() {
    refused(
        &run(["no\u{1b}[31m\u{202e}such.log"]),
        "failed to open no\\u{1b}[31m\\u{202e}such.log",
    );
}

#[test]
fn text_is_as_wide_as_there_are_columns() {
    let widest = |columns: &str, color: &str| {
        let mut command = command(["--color", color, "--top", "1", DAMAGED]);
        let output = command.env("COLUMNS", columns).output().expect("the command runs");
        let text = text(&output.stdout);
        let advice = text.split("What to know").nth(1).expect("there is advice").to_owned();
        advice.lines().map(|line| line.chars().count()).max().expect("it has lines")
    };
    let piped = widest("", "never");
    assert!((60..=80).contains(&piped), "80 where nothing says: {piped}");
    assert_eq!(widest("no number", "never"), piped);
    assert_eq!(widest("0", "never"), piped);
    assert!((45..=60).contains(&widest("60", "never")));
    assert!((100..=130).contains(&widest("130", "never")));
    assert!(widest("1", "never") <= 60, "nobody reads less than 40");
}

#[test]
fn colour_is_shown_where_it_is_wanted() {
    let has_escapes = |output: &Output| output.stdout.contains(&0x1b);
    assert!(has_escapes(&run(["--color", "always", CLEAN])));
    assert!(!has_escapes(&run(["--color", "never", CLEAN])));
    // The output is no terminal.
    assert!(!has_escapes(&run([CLEAN])));
    let with = |variable: &str, arguments: &[&str]| {
        command(arguments).env(variable, "1").output().expect("the command runs")
    };
    assert!(has_escapes(&with("CLICOLOR_FORCE", &[CLEAN])));
    assert!(!has_escapes(&with("CLICOLOR_FORCE", &["--color", "never", CLEAN])));
    assert!(!has_escapes(&with("NO_COLOR", &[CLEAN])));
    assert!(has_escapes(&with("NO_COLOR", &["--color", "always", CLEAN])));
    assert!(!has_escapes(&with("CLICOLOR_FORCE", &["-f", "json", CLEAN])));
}

#[test]
fn no_control_character_of_a_capture_reaches_the_terminal() {
    let log = text(&clean())
        .replace("Comm: leaky/0", "Comm: \u{1b}[31mx\u{7}")
        .replace("leaky_obj_get+", "leaky\u{1b}]0;title\u{7}_get+")
        .replace("leaky_cache", "cache\u{9b}2J");
    let output = pipe(["-"], log.as_bytes());
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    let control = shown.chars().find(|&c| c.is_control() && c != '\n');
    assert_eq!(control, None, "{shown:?}");
    for arguments in [&["-f", "json"][..], &["events"]] {
        let shown = text(&pipe(arguments, log.as_bytes()).stdout);
        let control = shown.chars().find(|&c| c.is_control() && c != '\n');
        assert_eq!(control, None, "{shown:?}");
        assert!(shown.contains("cache\\u009b2J"));
    }
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_the_pipe_and_gets_the_report() {
    let mut child = start(["-f", "json"]);
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    stdin.write_all(&clean()).expect("the command reads");
    // More than the pipe and the command's own buffers hold: when this is written, the capture
    // has been read.
    let idle = b"[  999.000000] nothing happens here\n".repeat(100_000);
    stdin.write_all(&idle).expect("the command reads");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("there is a kill command").success());
    let mut shown = Vec::new();
    let mut stdout = child.stdout.take().expect("standard output is a pipe");
    stdout.read_to_end(&mut shown).expect("the command writes");
    assert_eq!(child.wait().expect("the command ends").code(), Some(0));
    drop(stdin);
    let report: Value = serde_json::from_slice(&shown).expect("the output is JSON");
    assert_eq!(report["totals"]["events"], 35);
    assert_eq!(report["totals"]["live_objects"], 5);
}

#[test]
#[cfg(unix)]
fn an_interrupt_lets_the_writer_of_a_binary_recording_end_it() {
    let bytes = unpacked("corpora/recording/x86-61-perf-data.log.gz");
    // More than the pipe and the command's own buffers hold: when this is written, the command
    // knows what it reads.
    let (first, last) = bytes.split_at(150_000);
    let mut child = start(["-f", "json"]);
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    stdin.write_all(first).expect("the command reads");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("there is a kill command").success());
    stdin.write_all(last).expect("the command still reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    assert_eq!(report["totals"]["events"], 646);
}

#[test]
fn help_and_version_go_to_standard_output() {
    for arguments in [&["--help"][..], &["-h"], &["events", "--help"], &["--version"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
    let help = text(&run(["--help"]).stdout);
    for part in
        ["Examples:\n  slabtrace serial.log", "Exit status:\n  0  ", "Exit status:", "--strict"]
    {
        assert!(help.contains(part), "{part}");
    }
}

/// The fields of a line of `events`, in order.
const EVENT_FIELDS: [&str; 20] = [
    "seq",
    "source",
    "op",
    "cache",
    "address",
    "inuse",
    "fp",
    "time",
    "boot",
    "line",
    "cpu",
    "pid",
    "comm",
    "taint",
    "kernel",
    "caller",
    "chain",
    "registers",
    "object_size",
    "damage",
];

#[test]
fn events_are_lines_of_json_with_the_documented_fields() {
    for (path, count) in [(CLEAN, 35), ("corpora/damaged/address-cut.log.gz", 35)] {
        let output = run(["events", path]);
        assert_eq!(output.status.code(), Some(0));
        let shown = text(&output.stdout);
        assert_eq!(shown.lines().count(), count, "{path}");
        for (seq, line) in shown.lines().enumerate() {
            let event: Value = serde_json::from_str(line).expect("each line is JSON");
            let fields = event.as_object().expect("each line is an object");
            assert!(fields.keys().eq(EVENT_FIELDS), "{line}");
            assert_eq!(event["seq"], seq);
            assert!(["alloc", "free"].contains(&event["op"].as_str().expect("a word")), "{line}");
        }
    }
}

#[test]
fn several_captures_are_one_log() {
    let bytes = clean();
    let whole = json(&pipe(["-f", "json"], &bytes));
    let scratch = Scratch::new();
    for at in [1, bytes.len() / 3, bytes.len() / 2 + 7, bytes.len() - 1] {
        let first = scratch.file("kern.log.1", &bytes[..at]);
        let second = scratch.file("kern.log", &gzip(&bytes[at..]));
        let parts = [OsStr::new("-f"), OsStr::new("json"), first.as_os_str(), second.as_os_str()];
        let report = json(&run(parts));
        for part in ["boots", "totals", "loss", "caches", "groups"] {
            assert_eq!(report[part], whole[part], "{part}, cut at {at}");
        }
        let sizes = report["inputs"].as_array().expect("a list").iter();
        let sum: u64 = sizes.map(|input| input["bytes"].as_u64().unwrap_or_default()).sum();
        assert_eq!(sum, bytes.len() as u64);
    }
}

#[test]
fn rotated_pieces_are_read_oldest_first_however_they_are_named() {
    let bytes = clean();
    let whole = json(&pipe(["-f", "json"], &bytes));
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let piece = |from: usize, to: usize| lines[from..to].concat();
    let scratch = Scratch::new();
    let newest = scratch.file("kern.log", &piece(700, lines.len()));
    let middle = scratch.file("kern.log.1", &piece(300, 700));
    let oldest = scratch.file("kern.log.2.gz", &gzip(&piece(0, 300)));
    for named in [[&newest, &middle, &oldest], [&middle, &oldest, &newest]] {
        let output =
            run([OsStr::new("--json")].into_iter().chain(named.map(|path| path.as_os_str())));
        let report = json(&output);
        for part in ["boots", "totals", "loss", "caches", "groups"] {
            assert_eq!(report[part], whole[part], "{part}");
        }
        let said = text(&output.stderr);
        assert!(said.starts_with("slabtrace: reading the oldest first: "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let output = run([&oldest, &middle, &newest]);
    assert_eq!(text(&output.stderr), "", "nothing is changed");
    let output =
        run([OsStr::new("events"), newest.as_os_str(), middle.as_os_str(), oldest.as_os_str()]);
    assert_eq!(text(&output.stdout), text(&pipe(["events"], &bytes).stdout));
}

#[test]
fn words_that_are_almost_a_subcommand_are_told() {
    for (word, meant) in [("evnts", "events"), ("symbolise", "symbolize"), ("mointor", "monitor")] {
        refused(&run([word, "x.log"]), &format!("did you mean the subcommand {meant}"));
    }
    refused(&run(["--strict", "events", CLEAN]), "put it first");
    refused(&run(["top", "x.log"]), "failed to open top: there is no such file");
    assert_eq!(run(["help"]), run(["--help"]));
    assert_eq!(run(["help", "monitor"]), run(["monitor", "--help"]));
}

#[test]
fn what_others_have_to_unpack_is_told() {
    let scratch = Scratch::new();
    let zip = scratch.file("x.zip", b"PK\x03\x04\x14\x00\x00\x00\x08\x00");
    let lz4 = scratch.file("x.lz4", b"\x04\x22\x4d\x18\x64\x40\xa7");
    refused(
        &run([&zip]),
        &format!(
            "is packed with zip, which slabtrace does not read; give it what this writes: unzip -p {}",
            zip.display()
        ),
    );
    refused(&run([OsStr::new("monitor"), lz4.as_os_str()]), "lz4 -dc");
    refused(
        &pipe(["kmemleak"], b"\x04\x22\x4d\x18\x64\x40\xa7"),
        "standard input is packed with lz4",
    );
}

/// A file of the corpus as it was packed.
fn unpacked(path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::open(root().join(path)).expect("it is there");
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).expect("it is whole");
    bytes
}

#[test]
fn a_binary_recording_is_read_however_it_is_packed() {
    let packed = "corpora/recording/x86-61-trace-dat.log.gz";
    let expected = run(["-f", "json", "corpora/recording/x86-61-trace-cmd.log.gz"]);
    let totals = |output: &Output| {
        let json: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        json["totals"].clone()
    };
    let bytes = unpacked(packed);
    let scratch = Scratch::new();
    let plain = scratch.file("trace.dat", &bytes);
    for output in [
        run(["-f", "json", packed]),
        run([OsStr::new("-f"), OsStr::new("json"), plain.as_os_str()]),
        pipe(["-f", "json"], &bytes),
        pipe(["-f", "json"], &gzip(&bytes)),
    ] {
        assert_eq!(text(&output.stderr), "");
        assert_eq!(totals(&output), totals(&expected));
    }
    refused(&run([OsStr::new("monitor"), plain.as_os_str()]), "give it to: slabtrace");
    let broken = scratch.file("broken.dat", &bytes[..bytes.len() - 1000]);
    let said = text(&run([&broken]).stderr);
    assert!(said.contains("breaks off after") && said.contains("less than it says"), "{said}");
}

#[test]
fn a_binary_recording_that_cannot_be_read_names_the_command_that_writes_its_text() {
    let scratch = Scratch::new();
    let perf = scratch.file("perf.data", b"PERFILE2\x68\0\0\0\0\0\0\0");
    refused(
        &run([&perf]),
        &format!(
            "this is a recording of perf, but it breaks off before it says what its events mean; \
             give slabtrace what this writes: perf script -i {}",
            perf.display()
        ),
    );
    refused(
        &pipe(["-f", "json"], &gzip(b"\x17\x08\x44tracing9\0\0\x08\0\x10\0\0")),
        "its format is of version 9, which is not read; \
         give slabtrace what this writes: trace-cmd report -i",
    );
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    for option in ["--modules", "--debug-dir"] {
        let refusal = format!("there is no folder no/such/folder; check {option}");
        refused(&run([option, "no/such/folder", CLEAN]), &refusal);
        refused(&run(["symbolize", option, "no/such/folder", CLEAN]), &refusal);
    }
}

#[test]
fn of_an_option_that_is_given_twice_the_last_counts() {
    let twice = run([
        "--top", "1", "-f", "text", "--boot", "3", "--json", "--top", "2", "--boot", "0", LARGE,
    ]);
    assert_eq!(text(&twice.stdout), text(&run(["-f", "json", "--top", "2", LARGE]).stdout));
    let text_last = run(["--json", "-f", "text", CLEAN]);
    assert_eq!(text(&text_last.stdout), text(&run([CLEAN]).stdout));
    for subcommand in ["monitor", "kmemleak"] {
        let help = text(&run([subcommand, "--help"]).stdout);
        assert!(help.contains("--json"), "{subcommand}");
    }
}

#[test]
fn a_cache_or_a_module_that_is_not_there_is_told() {
    let said =
        |arguments: &[&str]| text(&command(arguments).arg(LARGE).output().expect("runs").stderr);
    assert_eq!(
        said(&["--cache", "foo*"]),
        "slabtrace: no cache has such a name; there are kmalloc-64, leaky_cache\n"
    );
    assert_eq!(
        said(&["--module", "foo"]),
        "slabtrace: no chain passes through module foo; there is leaky\n"
    );
    assert_eq!(said(&["--cache", "kmalloc-[0-9]*", "--module", "leaky"]), "");
}

#[test]
fn no_message_shows_what_only_programmers_read() {
    for arguments in [
        &["missing.log"][..],
        &["--vmlinux", "missing", CLEAN],
        &["-o", "no/such/folder", CLEAN],
        &["--top", "many", CLEAN],
        &["--threads", "0", CLEAN],
        &["--min-age", "5y", CLEAN],
        &["monitor", "--interval", "soon", CLEAN],
    ] {
        let said = text(&run(arguments).stderr);
        for word in ["os error", "Some(", "None", "invalid digit", "non-zero", "\\\""] {
            assert!(!said.contains(word), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn the_manual_page_has_the_options_of_subcommands() {
    let page = text(&run(["man"]).stdout);
    for part in
        [".SH \"SLABTRACE MONITOR\"", "\\-\\-interval", "\\-\\-print\\-script", "\\-\\-reasons"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_selection_leaves_the_sums_of_the_whole_log() {
    let whole = json(&run(["-f", "json", LARGE]));
    let some = json(&run(["-f", "json", "--cache", "leaky*", "--top", "1", LARGE]));
    assert_eq!(some["totals"], whole["totals"]);
    let groups = some["groups"].as_array().expect("a list");
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0]["cache"], "leaky_cache");
    assert_eq!(groups[0]["rank"], 1);
    let none = json(&run(["-f", "json", "--module", "no_such_module", LARGE]));
    assert_eq!(none["groups"].as_array().map(Vec::len), Some(0));
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let folder = TempDir::new().expect("a folder");
    let log = folder.path().join("large.log");
    // Several stretches, and a piece that is none.
    let template = scale::Template::read(root().join(LARGE).to_str().expect("a name in UTF-8"));
    let mut file = fs::File::create(&log).expect("a file");
    template.write(26_000_000, &mut file).expect("room for a log");
    let log = log.to_str().expect("a name in UTF-8");
    let report = |threads| {
        let output = run(["--threads", threads, "-f", "json", log]);
        assert_eq!(output.status.code(), Some(0), "{threads}");
        output.stdout
    };
    let one = report("1");
    assert!(report("2") == one && report("5") == one);
    assert_eq!(run(["--threads", "0", log]).status.code(), Some(2));
}
