//! A log that is read in stretches, each on its own, gives the report of one that is read through.

use std::path::{Path, PathBuf};

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
    for pair in starts.windows(2) {
        let stretch = &bytes[pair[0]..pair[1]];
        let above = line_starts(bytes, [pair[0].saturating_sub(run_up)]);
        let above = above.into_iter().find(|&at| at > 0 || run_up >= pair[0]).unwrap_or(0);
        reader.begin_run_up(&analysis.hint());
        reader.feed(&bytes[above.min(pair[0])..pair[0]]);
        reader.begin_stretch();
        reader.feed(stretch);
        match analysis.join(reader.end_stretch()) {
            Joined::Whole => joined += 1,
            Joined::Refused => {
                refused += 1;
                analysis.feed(stretch);
            }
        }
    }
    analysis.end_input("any.log".to_owned(), bytes.len() as u64);
    Read { report: analysis.finish(), joined, refused }
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

#[test]
fn a_log_of_one_cpu_is_joined_from_its_stretches() {
    let bytes = bytes_of(Path::new("corpora/console/x86-61.log.gz"));
    let places = (1..8).map(|at| bytes.len() * at / 8);
    let read = in_stretches(&bytes, &line_starts(&bytes, places), 32 << 10);
    // What a log begins with is unlike what follows, and read through.
    assert_eq!((read.joined, read.refused), (7, 1));
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
