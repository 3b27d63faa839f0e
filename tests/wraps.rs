//! Texts as mail programs and web pages spoil them: broken at blanks, quoted, in quoted-printable.

mod support {
    pub(crate) mod unpack;
}

use slabtrace::kmemleak::{Kmemleak, KmemleakOptions, KmemleakReport};
use slabtrace::report::Report;
use slabtrace::{Analysis, AnalysisOptions};
use support::unpack::unpack;

/// Reports of kmemleak, of every era.
const REPORTS: [&str; 6] = [
    "corpora/kmemleak/arm-510-scan1.txt.gz",
    "corpora/kmemleak/arm-510-console.log.gz",
    "corpora/kmemleak/crc-612.txt",
    "corpora/kmemleak/hashed-419.txt",
    "corpora/kmemleak/oldest.txt",
    "corpora/kmemleak/per-cpu.txt",
];

/// Logs of a trace.
const TRACES: [&str; 4] = [
    "corpora/console/arm64-49.log",
    "corpora/console/arm64-318.log",
    "corpora/console/arm-30-unwinder.log",
    "corpora/damaged/slabinfo-size-digit-lost.log",
];

fn text(path: &str) -> String {
    String::from_utf8_lossy(&unpack(path).expect("the corpus has this file")).into_owned()
}

/// What a mail program makes of a text: no line is longer than so many columns where it has a blank to
/// break at, and the blank is dropped.
fn broken(text: &str, columns: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut rest = line.trim_end();
        loop {
            let indent = rest.len() - rest.trim_start().len();
            let fits = rest.char_indices().take_while(|&(at, _)| at <= columns).last();
            let end = fits.map_or(0, |(at, _)| at);
            let at = rest[..end].rfind(' ').filter(|&at| at > indent && rest.len() > columns);
            let Some(at) = at else { break };
            out.push_str(&rest[..at]);
            out.push('\n');
            rest = rest[at + 1..].trim_start();
        }
        out.push_str(rest);
        out.push('\n');
    }
    out
}

/// Every line behind a mark.
fn quoted(text: &str, mark: &str) -> String {
    text.lines().flat_map(|line| [mark, line, "\n"]).collect()
}

/// A text in quoted-printable (RFC 2045).
fn printable(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut width = 0;
        for byte in line.bytes() {
            let coded = match byte {
                b'=' | 0x80.. => format!("={byte:02X}"),
                _ => char::from(byte).to_string(),
            };
            if width + coded.len() > 75 {
                out.push_str("=\n");
                width = 0;
            }
            width += coded.len();
            out.push_str(&coded);
        }
        out.push('\n');
    }
    out
}

fn kmemleak(text: &str) -> KmemleakReport {
    let mut analysis = Kmemleak::new(KmemleakOptions::default());
    analysis.feed(text.as_bytes());
    analysis.end_input("mail".to_owned(), 1);
    analysis.finish()
}

fn trace(text: &str) -> Report {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(text.as_bytes());
    analysis.finish()
}

/// What each group is, in words that no wrapping may change.
fn told(report: &KmemleakReport) -> Vec<String> {
    let mut groups: Vec<String> = report
        .groups
        .iter()
        .map(|group| format!("{:?} {} {:?}", group.fingerprint, group.objects, group.processes))
        .collect();
    groups.sort();
    groups
}

fn told_by_trace(report: &Report) -> Vec<String> {
    let mut groups: Vec<String> = report
        .groups
        .iter()
        .map(|group| format!("{} {} {}", group.fingerprint, group.allocs, group.live_objects))
        .collect();
    groups.sort();
    groups
}

#[test]
fn reports_of_kmemleak_are_read_as_people_paste_them() {
    for (name, objects, chain) in [
        ("wrapped-mail.txt", 1, &["red_alloc", "red_open"][..]),
        ("quoted-printable.txt", 1, &["red_alloc_with_quite_a_long_name", "red_open", "vfs_open"]),
        ("shared-backtrace.log", 2, &["red_alloc", "red_open"]),
    ] {
        let report = kmemleak(&text(&format!("corpora/kmemleak/{name}")));
        let [group] = &report.groups[..] else { panic!("{name}: {:?}", report.groups) };
        let functions: Vec<_> =
            group.chain.iter().filter_map(|frame| frame.function.as_deref()).collect();
        assert_eq!((group.objects, group.bytes, &functions[..]), (objects, objects * 128, chain));
        let [process] = &group.processes[..] else { panic!("{name}: {:?}", group.processes) };
        assert_eq!((process.comm.as_deref(), process.pid), (Some("insmod"), Some(493)), "{name}");
    }
}

#[test]
fn a_report_of_kmemleak_reads_alike_however_it_was_mailed() {
    for path in REPORTS {
        let text = text(path);
        let expected = told(&kmemleak(&text));
        assert!(!expected.is_empty(), "{path}");
        for columns in [60, 66, 72, 76, 80] {
            let broken = broken(&text, columns);
            assert_eq!(told(&kmemleak(&broken)), expected, "{path} at {columns}\n{broken}");
            let quoted = quoted(&broken, "> ");
            assert_eq!(told(&kmemleak(&quoted)), expected, "{path} at {columns}, quoted");
        }
        assert_eq!(told(&kmemleak(&printable(&text))), expected, "{path}, quoted-printable");
    }
}

#[test]
fn a_trace_reads_alike_however_it_was_mailed() {
    for path in TRACES {
        let text = text(path);
        let expected = told_by_trace(&trace(&text));
        assert!(!expected.is_empty(), "{path}");
        for columns in [66, 72, 76, 80] {
            let broken = broken(&text, columns);
            assert_eq!(told_by_trace(&trace(&broken)), expected, "{path} at {columns}\n{broken}");
        }
        assert_eq!(told_by_trace(&trace(&printable(&text))), expected, "{path}, quoted-printable");
    }
}
