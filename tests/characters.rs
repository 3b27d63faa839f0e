//! Characters of several bytes may stand anywhere in a text: no reader and no writer may cut one.

mod support {
    pub(crate) mod unpack;
}

use std::path::{Path, PathBuf};

use slabtrace::event::{Depth, Detail};
use slabtrace::kmemleak::{self, Kmemleak, KmemleakOptions};
use slabtrace::monitor::{self, Monitor, MonitorOptions};
use slabtrace::report::{EventWriter, Style, TextOptions, write_json, write_text};
use slabtrace::symbol::{ImageStore, LogFilter, SymbolOptions, Symbols};
use slabtrace::{Analysis, AnalysisOptions, Parser, ParserOptions};
use support::unpack::unpack;

/// A no-break space, an ideographic one, a letter that many names have, and a counter of dates.
const CHARACTERS: [&str; 4] = ["\u{a0}", "\u{3000}", "é", "年"];

/// Of a long text the beginning is enough.
const BYTES_MAX: usize = 8 << 10;

/// What becomes of the character at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    /// Another stands in its place.
    Replaced,
    /// Another stands before it.
    Preceded,
    /// Another stands behind it.
    Followed,
}

/// Which places are changed.
#[derive(Clone, Copy, Debug)]
enum Places {
    /// Marks between which numbers and names stand: some of each line, others in each round.
    Marks,
    /// Digits at the beginning and the end of numbers.
    Numbers,
    /// Blanks.
    Blanks,
    /// Any, far apart.
    Any,
}

impl Places {
    fn has(self, before: char, here: char, at: usize, round: usize) -> bool {
        let is_turn = |stride: usize| (at + round).is_multiple_of(stride);
        match self {
            Places::Marks => ":[]+/()=.,;|<>-".contains(here) && is_turn(3),
            Places::Numbers => here.is_ascii_digit() != before.is_ascii_digit() && is_turn(3),
            Places::Blanks => here == ' ' && is_turn(5),
            Places::Any => is_turn(41),
        }
    }
}

fn changed(text: &str, places: Places, change: Change, round: usize) -> String {
    let mut changed = String::with_capacity(text.len() * 2);
    let mut before = '\n';
    for (at, here) in text.chars().enumerate() {
        let character = CHARACTERS[(at / 7 + round) % CHARACTERS.len()];
        match change {
            _ if here == '\n' || !places.has(before, here, at, round) => changed.push(here),
            Change::Replaced => changed.push_str(character),
            Change::Preceded => changed.extend([character, here.encode_utf8(&mut [0; 4])]),
            Change::Followed => changed.extend([here.encode_utf8(&mut [0; 4]), character]),
        }
        before = here;
    }
    changed
}

/// Reads a text by every subcommand, and writes what came of it in every form.
fn read_by_all(text: &[u8]) {
    let out = &mut Vec::new();
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(text);
    analysis.end_input("é年.log".to_owned(), text.len() as u64);
    let report = analysis.finish();
    write_text(&report, TextOptions::default(), out).expect("memory takes any bytes");
    write_json(&report, out).expect("memory takes any bytes");

    let options = ParserOptions { detail: Detail::Full, depth: Depth::Complete };
    let mut parser = Parser::new(options);
    let mut writer = EventWriter::new(&mut *out);
    parser.feed(text, &mut writer);
    parser.finish(&mut writer);
    writer.finish().expect("memory takes any bytes");

    let mut monitor = Monitor::new(MonitorOptions { interval: None });
    monitor.feed(text);
    monitor.end_input("2026年11月21日.log".to_owned(), text.len() as u64);
    let report = monitor.finish();
    monitor::write_text(&report, Style::default(), out).expect("memory takes any bytes");
    monitor::write_json(&report, out).expect("memory takes any bytes");
    monitor::write_csv(&report, out).expect("memory takes any bytes");
    monitor::write_svg(&report, out).expect("memory takes any bytes");

    let mut kmemleak = Kmemleak::new(KmemleakOptions { min_age: None });
    kmemleak.feed(text);
    kmemleak.end_input("é年.txt".to_owned(), text.len() as u64);
    let report = kmemleak.finish();
    kmemleak::write_text(&report, Style::default(), out).expect("memory takes any bytes");
    kmemleak::write_json(&report, out).expect("memory takes any bytes");

    let store = ImageStore::new();
    let symbols = Symbols::new(&store, SymbolOptions::default()).expect("no image is asked for");
    let mut filter = LogFilter::new(symbols).with_reasons();
    filter.feed(text, out).and_then(|()| filter.finish(out)).expect("memory takes any bytes");
}

/// Every text of the corpus.
fn corpus() -> Vec<PathBuf> {
    let mut texts = Vec::new();
    let mut folders = vec![PathBuf::from("corpora")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the corpus is there") {
            let path = entry.expect("a readable folder").path();
            let is_text = |path: &Path| {
                let name = path.to_string_lossy();
                [".log", ".log.gz", ".txt", ".txt.gz"].iter().any(|end| name.ends_with(end))
            };
            if path.is_dir() {
                folders.push(path);
            } else if is_text(&path) {
                texts.push(path);
            }
        }
    }
    texts.sort();
    texts
}

const PLACES: [Places; 4] = [Places::Marks, Places::Numbers, Places::Blanks, Places::Any];

/// Each text has one for each kind of places, and the next text another.
const CHANGES: [Change; 3] = [Change::Replaced, Change::Preceded, Change::Followed];

#[test]
fn no_text_of_the_corpus_breaks_where_characters_have_several_bytes() {
    for (round, path) in corpus().into_iter().enumerate() {
        let mut bytes = unpack(&path.to_string_lossy()).expect("a readable text");
        bytes.truncate(BYTES_MAX);
        let text = String::from_utf8_lossy(&bytes);
        for (turn, places) in PLACES.into_iter().enumerate() {
            let change = CHANGES[(round + turn) % CHANGES.len()];
            let changed = changed(&text, places, change, round);
            let read = || read_by_all(changed.as_bytes());
            let outcome = std::panic::catch_unwind(read);
            assert!(outcome.is_ok(), "{}: {places:?} {change:?}", path.display());
        }
    }
}
