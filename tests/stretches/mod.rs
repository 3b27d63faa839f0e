//! A log that is read in stretches, each on its own, gives the report of one that is read through.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use slabtrace::report::Report;
use slabtrace::{Analysis, AnalysisOptions, Joined};

use super::support::run::{Capture, json};
use super::{damage, recorded};

/// What came of a log that was read in stretches.
struct Read {
    report: Report,
    joined: usize,
    refused: usize,
}

/// The beginnings of the lines at or behind the places.
fn line_starts(bytes: &[u8], places: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let start = |place: usize| {
        let newline = bytes[place..].iter().position(|&byte| byte == b'\n');
        newline.map_or(bytes.len(), |at| place + at + 1)
    };
    let mut starts: Vec<usize> = places.into_iter().map(start).collect();
    starts.extend([0, bytes.len()]);
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// Reads a log cut at the beginnings of lines, with a run-up of about so many bytes.
fn in_stretches(bytes: &[u8], starts: &[usize], run_up: usize) -> Read {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    let mut reader = analysis.stretch_reader();
    let (mut joined, mut refused) = (0, 0);
    let mut hint = analysis.hint();
    for pair in starts.windows(2) {
        let stretch = &bytes[pair[0]..pair[1]];
        let above = line_starts(bytes, [pair[0].saturating_sub(run_up)]);
        let above = above.into_iter().find(|&at| at > 0 || run_up >= pair[0]).unwrap_or(0);
        // Stretches are handed out while those before them are read.
        reader.begin_run_up(&std::mem::replace(&mut hint, analysis.hint()));
        reader.feed(&bytes[above.min(pair[0])..pair[0]]);
        reader.begin_stretch();
        reader.feed(stretch);
        match analysis.join(reader.end_stretch()) {
            Joined::Whole => joined += 1,
            Joined::Refused => {
                // What a log begins with is unlike what follows, and is read through.
                refused += usize::from(pair[0] > 0);
                analysis.feed(stretch);
            }
        }
    }
    analysis.end_input("any.log".to_owned(), bytes.len() as u64);
    Read { report: analysis.finish(), joined, refused }
}

/// The same, and the report must be that of one thread.
#[track_caller]
fn alike_in_stretches(bytes: &[u8], starts: &[usize], run_up: usize) -> Read {
    let read = in_stretches(bytes, starts, run_up);
    assert!(json(&read.report) == json(&read_through(bytes)));
    read
}

fn read_through(bytes: &[u8]) -> Report {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(bytes);
    analysis.end_input("any.log".to_owned(), bytes.len() as u64);
    analysis.finish()
}

/// Every capture of the corpus.
fn corpus() -> Vec<PathBuf> {
    let mut captures = Vec::new();
    let mut folders = vec![PathBuf::from("corpora")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the corpus is there") {
            let path = entry.expect("a readable folder").path();
            let name = path.to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if [".log", ".log.gz", ".log.zst", ".log.xz"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                captures.push(path);
            }
        }
    }
    captures.sort();
    captures
}

fn bytes_of(path: &Path) -> Vec<u8> {
    Capture::read(path.to_string_lossy().into_owned()).expect("a capture").bytes
}

#[test]
fn every_capture_of_the_corpus_reads_alike_in_stretches() {
    let (mut joined, mut refused) = (0, 0);
    for path in corpus() {
        let bytes = bytes_of(&path);
        let through = json(&read_through(&bytes));
        for (pieces, run_up) in [(3, bytes.len()), (9, 32 << 10)] {
            let places = (1..pieces).map(|at| bytes.len() * at / pieces);
            let read = in_stretches(&bytes, &line_starts(&bytes, places), run_up);
            assert!(json(&read.report) == through, "{} in {pieces}", path.display());
            joined += read.joined;
            refused += read.refused;
        }
    }
    // Were most refused, little would have been tried.
    assert!(joined > refused, "{joined} joined, {refused} refused");
}

/// Reads a log in so many stretches with a run-up of so many bytes, which must give what it gives when it is
/// read through.
fn in_equal_stretches(bytes: &[u8], pieces: usize, run_up: usize) -> Read {
    let places = (1..pieces).map(|at| bytes.len() * at / pieces);
    alike_in_stretches(bytes, &line_starts(bytes, places), run_up)
}

#[test]
fn a_log_of_one_cpu_is_joined_from_its_stretches() {
    let read =
        in_equal_stretches(&bytes_of(Path::new("corpora/console/x86-61.log.gz")), 8, 32 << 10);
    assert_eq!((read.joined, read.refused), (7, 0));
}

/// Their lines interleave, their clocks differ, and headers are printed twice at the same time.
#[test]
fn logs_of_several_cpus_are_joined_from_their_stretches() {
    for name in [
        "smp2-two-caches",
        "smp4-two-caches",
        "comm-names",
        "warnings-between",
        "userland-noise",
        "recorded-amd64-6-12-smp2",
    ] {
        let bytes = bytes_of(Path::new(&format!("corpora/interleaved/{name}.log.gz")));
        let read = in_equal_stretches(&bytes, 5, 128 << 10);
        assert_eq!((read.joined, read.refused), (4, 0), "{name}");
    }
}

/// Where the line of every header begins.
fn headers(bytes: &[u8]) -> Vec<usize> {
    let mut at = 0;
    let mut headers = Vec::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if line.windows(7).any(|word| word == b" TRACE ") {
            headers.push(at);
        }
        at += line.len();
    }
    headers
}

/// A log of one CPU, in which an event is printed again behind so many others, and where its
/// headers are.
fn with_an_event_again(behind: usize) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = bytes_of(Path::new("corpora/console/x86-61.log.gz"));
    let headers = headers(&bytes);
    let (again, place) = (headers[100]..headers[101], headers[101 + behind]);
    let event = bytes[again].to_vec();
    bytes.splice(place..place, event);
    let headers = self::headers(&bytes);
    (bytes, headers)
}

#[test]
fn a_header_that_comes_again_within_a_stretch_does_not_refuse_it() {
    for behind in [0, 1, 5] {
        let (bytes, headers) = with_an_event_again(behind);
        let starts = [0, headers[50], headers[90], headers[150], bytes.len()];
        let read = alike_in_stretches(&bytes, &starts, 32 << 10);
        assert_eq!((read.joined, read.refused), (3, 0), "behind {behind} others");
    }
}

#[test]
fn a_header_that_came_in_the_run_up_does_not_refuse_a_stretch() {
    let (bytes, headers) = with_an_event_again(5);
    let starts = [0, headers[50], headers[104], headers[150], bytes.len()];
    let read = alike_in_stretches(&bytes, &starts, 32 << 10);
    assert_eq!((read.joined, read.refused), (3, 0));
}

/// Its reader cannot know that it came before: one that reads the log through thinks twice there.
#[test]
fn a_header_that_came_above_the_run_up_refuses_a_stretch() {
    let (bytes, headers) = with_an_event_again(5);
    let starts = [0, headers[50], headers[104], headers[150], bytes.len()];
    let read = alike_in_stretches(&bytes, &starts, headers[104] - headers[102]);
    assert_eq!((read.joined, read.refused), (2, 1));
}

#[test]
fn a_stretch_that_ends_while_a_header_is_thought_about_is_refused() {
    let (bytes, headers) = with_an_event_again(0);
    let length = headers[101] - headers[100];
    // In the middle of the event that came again: the next header decides.
    let middle = line_starts(&bytes, [headers[101] + length / 2])[1];
    let starts = [0, headers[50], middle, headers[150], bytes.len()];
    let read = alike_in_stretches(&bytes, &starts, 32 << 10);
    assert_eq!((read.joined, read.refused), (1, 2));
}

/// Events that are printed a second time, all within one stretch.
#[test]
fn a_replay_within_a_stretch_does_not_refuse_it() {
    let mut bytes = bytes_of(Path::new("corpora/console/x86-61.log.gz"));
    let headers = headers(&bytes);
    let again = bytes[headers[100]..headers[120]].to_vec();
    bytes.splice(headers[120]..headers[120], again);
    let headers = self::headers(&bytes);
    let starts = [0, headers[50], headers[90], headers[200], bytes.len()];
    let read = alike_in_stretches(&bytes, &starts, 32 << 10);
    assert!(read.report.loss.replayed_lines > 0);
    assert_eq!((read.joined, read.refused), (3, 0));
}

#[test]
fn stretches_with_reboots_in_them_are_joined() {
    let names =
        ["console/x86-61", "console/x86-612", "console/recorded-arm64-6-1", "damaged/reboot"];
    let mut bytes = Vec::new();
    for name in names {
        bytes.extend(bytes_of(Path::new(&format!("corpora/{name}.log.gz"))));
    }
    for pieces in [4, 5] {
        let read = in_equal_stretches(&bytes, pieces, 128 << 10);
        assert!(read.report.boots.len() >= names.len());
        assert_eq!((read.joined, read.refused), (pieces - 1, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Wherever a log is cut, in the middle of a backtrace, between an allocation and its free,
    /// or at a reboot, and whatever happened to it.
    #[test]
    fn any_log_reads_alike_in_stretches(
        mut bytes in recorded(),
        damages in vec(damage(), 0..4),
        places in vec(any::<Index>(), 1..12),
        run_up in 0..40_000usize,
        again in any::<bool>(),
    ) {
        for damage in damages {
            damage.inflict(&mut bytes);
        }
        if again {
            // A clock that starts anew: the machine restarted, or the log was printed again.
            bytes.extend_from_within(..bytes.len() / 2);
        }
        let starts = line_starts(&bytes, places.iter().map(|place| place.index(bytes.len() + 1)));
        let through = json(&read_through(&bytes));
        prop_assert_eq!(json(&in_stretches(&bytes, &starts, run_up).report), through);
    }
}

/// A boot from its start of which so many bytes are left behind its last header, one line of an
/// event having been lost, and another boot behind it; and where the headers of both are.
fn with_a_boot_cut_off(left: usize) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = b"[    0.000000] NX (Execute Disable) protection: active\r\n".to_vec();
    bytes.extend(bytes_of(Path::new("corpora/console/x86-61.log.gz")));
    let headers = headers(&bytes);
    let end = line_starts(&bytes, [headers[280] + left])[1];
    bytes.truncate(end);
    let event = &bytes[headers[20]..headers[21]];
    let is_heading = |line: &[u8]| line.windows(11).any(|word| word == b"Call Trace:");
    let heading = event.split_inclusive(|&byte| byte == b'\n').position(is_heading);
    let lines = line_starts(&bytes, headers[20]..headers[21]);
    let at = heading.expect("an event has one");
    // The log's beginning stands for the header's.
    bytes.drain(lines[at]..lines[at + 1]);
    bytes.extend(bytes_of(Path::new("corpora/console/recorded-amd64-6-1.log.gz")));
    let headers = self::headers(&bytes);
    (bytes, headers)
}

/// What is said of a boot is reckoned from all of it, wherever a stretch begins.
#[test]
fn a_boot_that_ends_soon_after_a_stretch_began_is_reported_whole() {
    let (bytes, headers) = with_a_boot_cut_off(20);
    let starts = [0, headers[50], headers[280], headers[340], bytes.len()];
    let read = alike_in_stretches(&bytes, &starts, 64 << 10);
    assert_eq!(read.report.boots.len(), 2);
    assert!(read.report.loss.missing_lines > 0);
    assert_eq!((read.joined, read.refused), (3, 0));
}

/// Whether its last backtrace is whole shows by how all of them end, and a stretch has few.
#[test]
fn a_stretch_in_which_a_boot_ends_within_a_backtrace_is_refused() {
    let (bytes, headers) = with_a_boot_cut_off(800);
    let starts = [0, headers[50], headers[280], headers[340], bytes.len()];
    let read = alike_in_stretches(&bytes, &starts, 64 << 10);
    assert_eq!(read.report.boots.len(), 2);
    assert_eq!((read.joined, read.refused), (2, 1));
}

/// Logs in which lines of several CPUs interleave, headers come again, clocks start anew, and what
/// was printed is printed again.
static DISORDERLY: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let names = [
        "interleaved/comm-names",
        "interleaved/smp4-two-caches",
        "damaged/reboot",
        "damaged/replay-of-a-long-log",
        "damaged/rt-drops",
        "console/arm-510-caller",
    ];
    names.map(|name| bytes_of(Path::new(&format!("corpora/{name}.log.gz")))).into()
});

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    /// Two of them in a row, the second perhaps the first once more.
    #[test]
    fn any_disorderly_log_reads_alike_in_stretches(
        one in any::<Index>(),
        other in any::<Index>(),
        damages in vec(damage(), 0..4),
        places in vec(any::<Index>(), 1..8),
        run_up in 0..200_000usize,
    ) {
        let any = |index: Index| &DISORDERLY[index.index(DISORDERLY.len())][..];
        let mut bytes = [any(one), any(other)].concat();
        for damage in damages {
            damage.inflict(&mut bytes);
        }
        let starts = line_starts(&bytes, places.iter().map(|place| place.index(bytes.len() + 1)));
        let through = json(&read_through(&bytes));
        prop_assert_eq!(json(&in_stretches(&bytes, &starts, run_up).report), through);
    }
}
