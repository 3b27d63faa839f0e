//! `slabtrace watch`: nothing is lost, and the report at the end is that of the record.

#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use slabtrace::capture::Source;

/// What is waited for comes within this time, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn capture() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/console/x86-61.log.gz");
    let mut bytes = Vec::new();
    let mut reader = Source::from_arg(&path).open().expect("a capture");
    reader.read_to_end(&mut bytes).expect("a whole capture");
    bytes
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabtrace"));
    command.args(arguments).env("NO_COLOR", "1").env_remove("COLUMNS");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn watch(arguments: &[&str]) -> Child {
    let arguments = [&["watch"], arguments].concat();
    command(&arguments).stdin(Stdio::piped()).spawn().expect("the command runs")
}

fn end(child: Child) -> Output {
    child.wait_with_output().expect("the command ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

/// What `slabtrace` makes of a capture in a format.
fn report(format: &str, path: &Path) -> Vec<u8> {
    let output = command(&["-f", format, shown(path)]).output().expect("the command runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    output.stdout
}

/// Waits until a file has so many bytes.
fn wait_for(path: &Path, bytes: u64) {
    let begun = Instant::now();
    while path.metadata().map_or(0, |metadata| metadata.len()) < bytes {
        assert!(begun.elapsed() < PATIENCE, "{} does not grow", path.display());
        thread::sleep(Duration::from_millis(20));
    }
}

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Scratch {
        Scratch(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[test]
fn the_report_is_that_of_the_record_in_every_format() {
    let scratch = Scratch::new();
    let record = scratch.path("serial.log");
    let formats = [
        ("text", "txt"),
        ("json", "json"),
        ("html", "html"),
        ("md", "md"),
        ("csv", "csv"),
        ("svg", "svg"),
        ("folded", "folded"),
        ("pprof", "pb.gz"),
        ("speedscope", "speedscope"),
    ];
    let files: Vec<PathBuf> =
        formats.iter().map(|(_, ending)| scratch.path(&format!("report.{ending}"))).collect();
    let mut arguments = vec!["--record", shown(&record)];
    for file in &files {
        arguments.extend(["--report", shown(file)]);
    }
    let mut child = watch(&arguments);
    let mut stdin = child.stdin.take().expect("a pipe");
    let log = capture();
    // Pieces that end within lines.
    for piece in log.chunks(77_777) {
        stdin.write_all(piece).expect("it reads");
    }
    drop(stdin);
    let output = end(child);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(fs::read(&record).expect("a record"), log);
    for ((format, _), file) in formats.iter().zip(&files) {
        assert!(
            fs::read(file).expect("a report") == report(format, &record),
            "{format} is another than that of the record"
        );
    }
    assert!(text(&output.stdout).ends_with(&text(&report("text", &record))));
}

#[test]
fn a_packed_record_and_stamps_give_its_report_too() {
    let scratch = Scratch::new();
    let (record, written) = (scratch.path("serial.log.zst"), scratch.path("report.json"));
    let mut child =
        watch(&["--stamp", "--record", shown(&record), "--report", shown(&written), "-f", "jsonl"]);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&capture()).expect("it reads");
    drop(stdin);
    let output = end(child);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(fs::read(&written).expect("a report"), report("json", &record));
    let lines: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let last = lines.last().expect("a line");
    assert_eq!((&last["kind"], &last["events"]), (&"status".into(), &299.into()), "{last}");
    assert!(lines.iter().any(|line| line["kind"] == "verdict" && line["now"] == "leaking"));
}

#[test]
fn a_file_is_followed_across_its_rotation() {
    let scratch = Scratch::new();
    let (log, old, record) =
        (scratch.path("kern.log"), scratch.path("kern.log.1"), scratch.path("record.log"));
    let bytes = capture();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    fs::write(&log, first).expect("there is room");
    let child = watch(&[shown(&log), "--record", shown(&record), "--until", "299-events"]);
    wait_for(&record, first.len() as u64);
    fs::rename(&log, &old).expect("a name");
    fs::write(&log, second).expect("there is room");
    let output = end(child);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(fs::read(&record).expect("a record"), bytes);
}

#[test]
fn what_vanishes_is_waited_for_and_its_gap_is_a_loss() {
    let scratch = Scratch::new();
    let (socket, record, written) =
        (scratch.path("console"), scratch.path("record.log"), scratch.path("report.json"));
    let bytes = capture();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let source = format!("unix:{}", socket.display());
    let arguments = ["--record", shown(&record), "--report", shown(&written)];
    let arguments = [&[source.as_str(), "--until", "login:"], &arguments[..]].concat();
    // It is waited for from the start.
    let child = watch(&arguments);
    for (part, bytes) in [first, second].into_iter().enumerate() {
        let listener = UnixListener::bind(&socket).expect("a socket");
        let (mut peer, _) = listener.accept().expect("it connects");
        peer.write_all(bytes).expect("it reads");
        if part == 1 {
            peer.write_all(b"\nboard login: \n").expect("it reads");
        }
        drop(peer);
        drop(listener);
        fs::remove_file(&socket).expect("it is there");
    }
    let output = end(child);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("was away for"), "{}", text(&output.stdout));
    let found: Value =
        serde_json::from_slice(&fs::read(&written).expect("a report")).expect("JSON");
    assert_eq!(found["loss"]["printk_dropped"], 1, "{}", found["loss"]);
    assert_eq!(fs::read(&written).expect("a report"), report("json", &record));
}

#[test]
fn a_port_is_read_until_it_leaks() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let source = format!("tcp:{}", listener.local_addr().expect("an address"));
    let child = watch(&[&source, "--fail-on", "leaking", "-f", "jsonl"]);
    let (mut peer, _) = listener.accept().expect("it connects");
    peer.write_all(&capture()).expect("it reads");
    let output = end(child);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("crossed: leaky_"), "{}", text(&output.stderr));
}

#[test]
fn what_is_passed_through_is_what_came() {
    let mut child = watch(&["--pass-through"]);
    let bytes = capture();
    let mut stdin = child.stdin.take().expect("a pipe");
    let log = bytes.clone();
    let writer = thread::spawn(move || stdin.write_all(&log));
    let output = end(child);
    writer.join().expect("no panic").expect("it reads");
    assert_eq!(output.stdout, bytes);
    assert!(text(&output.stderr).contains("299 events"), "{}", text(&output.stderr));
}

#[test]
fn signals_end_it_with_a_report() {
    for signal in ["INT", "TERM", "HUP"] {
        let scratch = Scratch::new();
        let record = scratch.path("record.log");
        let mut child = watch(&["--record", shown(&record), "--plain"]);
        let mut stdin = child.stdin.take().expect("a pipe");
        let bytes = capture();
        stdin.write_all(&bytes).expect("it reads");
        wait_for(&record, bytes.len() as u64);
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        let output = end(child);
        drop(stdin);
        assert_eq!(output.status.code(), Some(0), "{signal}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains("leaky_alloc_buf [leaky] leaks"), "{signal}");
    }
}

#[test]
fn a_record_survives_a_kill() {
    let scratch = Scratch::new();
    let record = scratch.path("record.log.zst");
    let mut child = watch(&["--record", shown(&record), "-f", "jsonl"]);
    let mut stdin = child.stdin.take().expect("a pipe");
    let bytes = capture();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    stdin.write_all(first).expect("it reads");
    // The first frame is whole once a second one is begun.
    wait_for(&record, 1);
    thread::sleep(Duration::from_millis(1_500));
    stdin.write_all(second).expect("it reads");
    child.kill().expect("it runs");
    end(child);
    let packed = fs::read(&record).expect("a record");
    let mut unpacked = Vec::new();
    let mut reader = Source::from_arg(&record).open().expect("a record");
    // What was being written is cut.
    let _ = reader.read_to_end(&mut unpacked);
    assert!(unpacked.len() >= first.len(), "{} of {}", unpacked.len(), packed.len());
    assert!(bytes.starts_with(&unpacked));
}

#[test]
fn what_makes_no_sense_is_told() {
    let scratch = Scratch::new();
    let file = scratch.path("serial.log");
    fs::write(&file, "x\n").expect("there is room");
    for (arguments, says) in [
        (&["--report", "report.doc"][..], "says no format"),
        (&["--until", "("], "unclosed group"),
        (&["--fail-on", "leek"], "there are leaking"),
        (&[shown(&file), "--record", shown(&file)], "would overwrite"),
    ] {
        let output = end(watch(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
    let silent = watch(&[]);
    let output = end(silent);
    assert_eq!(output.status.code(), Some(3), "nothing came");
}
