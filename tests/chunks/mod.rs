//! A log whose lines are read in chunks gives the events of one that is read through: what a
//! reader remembers makes it quick, and changes no token.

use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use slabtrace::event::{Depth, Detail};
use slabtrace::report::EventWriter;
use slabtrace::{
    Analysis, AnalysisOptions, Chunk, ChunkReader, Footing, Parser, ParserOptions, Reading,
};

use super::support::run::{Capture, json};
use super::{damage, fronted, recorded};

/// What is remembered from one chunk to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Memory {
    /// Each chunk has a reader that knows nothing.
    Fresh,
    /// Two readers take chunks in turns, as two threads do.
    Turns,
}

/// What came of a log that was read in chunks.
struct Read {
    json: String,
    events: Vec<u8>,
    used: usize,
    repeated: usize,
}

/// The beginnings of lines at or behind places.
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

/// Hands on chunk by chunk, each read with about so many bytes above it, and counts those used.
fn each_chunk(
    bytes: &[u8],
    (starts, above): (&[usize], usize),
    memory: Memory,
    new_reader: impl Fn() -> ChunkReader,
    mut take: impl FnMut(&mut Chunk) -> (Reading, Option<Footing>),
) -> (usize, usize) {
    let mut readers = [new_reader(), new_reader()];
    let (mut footing, mut chunk) = (Footing::default(), Chunk::default());
    let (mut used, mut repeated) = (0, 0);
    for (number, pair) in starts.windows(2).enumerate() {
        let top = pair[0].saturating_sub(above);
        let above = if top == 0 { 0 } else { line_starts(bytes, [top])[1] };
        chunk.bytes_mut().clear();
        chunk.bytes_mut().extend_from_slice(&bytes[pair[0]..pair[1]]);
        if memory == Memory::Fresh {
            readers[number % 2] = new_reader();
        }
        readers[number % 2].read(&footing, &bytes[above.min(pair[0])..pair[0]], &mut chunk);
        let (reading, next) = take(&mut chunk);
        used += usize::from(reading == Reading::Used);
        repeated += usize::from(reading == Reading::Repeated);
        footing = next.unwrap_or(footing);
    }
    (used, repeated)
}

fn options() -> ParserOptions {
    ParserOptions { detail: Detail::Full, depth: Depth::Complete }
}

fn in_chunks(bytes: &[u8], cuts: (&[usize], usize), memory: Memory) -> Read {
    let analysis = std::cell::RefCell::new(Analysis::new(AnalysisOptions::default()));
    let (used, repeated) = each_chunk(
        bytes,
        cuts,
        memory,
        || analysis.borrow().chunk_reader(),
        |chunk| {
            let mut analysis = analysis.borrow_mut();
            (analysis.take(chunk), analysis.footing())
        },
    );
    let mut analysis = analysis.into_inner();
    analysis.end_input("any.log".to_owned(), bytes.len() as u64);
    let json = json(&analysis.finish());
    let parser = std::cell::RefCell::new(Parser::new(options()));
    let mut events = Vec::new();
    let mut writer = EventWriter::new(&mut events);
    each_chunk(
        bytes,
        cuts,
        memory,
        || parser.borrow().chunk_reader(),
        |chunk| {
            let mut parser = parser.borrow_mut();
            (parser.take(chunk, &mut writer), parser.footing())
        },
    );
    parser.into_inner().finish(&mut writer);
    writer.finish().expect("memory takes any bytes");
    Read { json, events, used, repeated }
}

fn read_through(bytes: &[u8]) -> (String, Vec<u8>) {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(bytes);
    analysis.end_input("any.log".to_owned(), bytes.len() as u64);
    let json = json(&analysis.finish());
    (json, super::events_in(options(), [bytes]))
}

/// Reads a log in chunks, which must give what it gives when it is read through.
fn alike(
    name: &str,
    bytes: &[u8],
    cuts: (&[usize], usize),
    memory: Memory,
) -> Result<Read, TestCaseError> {
    let read = in_chunks(bytes, cuts, memory);
    let (json, events) = read_through(bytes);
    prop_assert!(read.json == json, "{}", super::first_difference(name, &json, &read.json));
    let texts = [&events, &read.events].map(|events| String::from_utf8_lossy(events));
    prop_assert!(read.events == events, "{}", super::first_difference(name, &texts[0], &texts[1]));
    Ok(read)
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
            } else if [".log", ".log.gz", ".txt", ".txt.gz"].iter().any(|end| name.ends_with(end)) {
                captures.push(path);
            }
        }
    }
    captures.sort();
    captures
}

/// Of a long text the beginning is enough.
const BYTES_MAX: usize = 150 << 10;

#[test]
fn every_text_of_the_corpus_reads_alike_in_chunks() {
    let (mut used, mut repeated) = (0, 0);
    for path in corpus() {
        let name = path.to_string_lossy().into_owned();
        let mut bytes = Capture::read(name.clone()).expect("a capture").bytes;
        bytes.truncate(BYTES_MAX);
        for (pieces, above, memory) in [(3, 4096, Memory::Fresh), (17, 1024, Memory::Turns)] {
            let places = (1..pieces).map(|at| bytes.len() * at / pieces);
            let starts = line_starts(&bytes, places);
            let read = alike(&name, &bytes, (&starts, above), memory).expect("alike");
            used += read.used;
            repeated += read.repeated;
        }
    }
    // Were many repeated, little would have been tried.
    assert!(used > 9 * repeated, "{used} used, {repeated} repeated");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_log_reads_alike_in_chunks(
        mut bytes in recorded(),
        damages in vec(damage(), 0..6),
        places in vec(any::<Index>(), 0..12),
        above in 0..6000usize,
    ) {
        for damage in damages {
            damage.inflict(&mut bytes);
        }
        let starts = line_starts(&bytes, places.iter().map(|place| place.index(bytes.len() + 1)));
        for memory in [Memory::Fresh, Memory::Turns] {
            alike("a damaged log", &bytes, (&starts, above), memory)?;
        }
    }

    #[test]
    fn a_log_with_changing_fronts_reads_alike_in_chunks(
        bytes in recorded(),
        fronts in vec((any::<Index>(), 0..super::FRONTS), 0..5),
        places in vec(any::<Index>(), 0..12),
        above in 0..6000usize,
    ) {
        let bytes = fronted(&bytes, &fronts);
        let starts = line_starts(&bytes, places.iter().map(|place| place.index(bytes.len() + 1)));
        for memory in [Memory::Fresh, Memory::Turns] {
            alike("a log with fronts", &bytes, (&starts, above), memory)?;
        }
    }
}
