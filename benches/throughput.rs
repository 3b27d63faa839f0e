//! How many bytes a second each part of the pipeline takes, on one thread.

#[path = "support/scale.rs"]
mod scale;

use std::io::Read;
use std::sync::LazyLock;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use slabtrace::capture::{Compression, LineSplitter};
use slabtrace::report::EventWriter;
use slabtrace::{Analysis, AnalysisOptions, Parser, ParserOptions};

/// Large enough that caches do not hold it.
const CAPTURE_BYTES: u64 = 64 << 20;

/// Bytes fed at once, as the command does.
const CHUNK_BYTES: usize = 256 * 1024;

static CAPTURE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut capture = Vec::new();
    let template = scale::Template::read("corpora/console/x86-61.log.gz");
    template.write(CAPTURE_BYTES, &mut capture).expect("memory to write to");
    capture
});

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 10)]
fn lines(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_slice(&CAPTURE[..])).bench(|| {
        let mut splitter = LineSplitter::new();
        let mut lines = 0u64;
        for chunk in CAPTURE.chunks(CHUNK_BYTES) {
            splitter.feed(chunk, |line| lines += u64::from(!line.bytes.is_empty()));
        }
        lines
    });
}

#[divan::bench(sample_count = 10)]
fn whole_pipeline(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_slice(&CAPTURE[..])).bench(|| {
        let mut analysis = Analysis::new(AnalysisOptions::default());
        for chunk in CAPTURE.chunks(CHUNK_BYTES) {
            analysis.feed(chunk);
        }
        analysis.finish().totals.live_objects
    });
}

#[divan::bench(sample_count = 5)]
fn events_in_full(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_slice(&CAPTURE[..])).bench(|| {
        let options =
            ParserOptions { detail: slabtrace::event::Detail::Full, ..ParserOptions::default() };
        let mut parser = Parser::new(options);
        let mut writer = EventWriter::new(std::io::sink());
        for chunk in CAPTURE.chunks(CHUNK_BYTES) {
            parser.feed(chunk, &mut writer);
        }
        parser.finish(&mut writer);
        writer.written()
    });
}

#[divan::bench(args = [Compression::Gzip, Compression::Zstd], sample_count = 5)]
fn packed(bencher: Bencher<'_, '_>, format: Compression) {
    let packed = pack(format);
    bencher.counter(BytesCount::of_slice(&CAPTURE[..])).bench(|| {
        let mut analysis = Analysis::new(AnalysisOptions::default());
        let mut reader = format.decoder(&packed[..]).expect("a decoder");
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Some(length) =
            Some(reader.read(&mut chunk).expect("whole input")).filter(|&length| length > 0)
        {
            analysis.feed(&chunk[..length]);
        }
        black_box(analysis.finish().totals.live_objects)
    });
}

fn pack(format: Compression) -> Vec<u8> {
    let mut packed = Vec::new();
    if format == Compression::Zstd {
        zstd::stream::copy_encode(&CAPTURE[..], &mut packed, 3).expect("memory");
    } else {
        let mut encoder = flate2::read::GzEncoder::new(&CAPTURE[..], flate2::Compression::fast());
        encoder.read_to_end(&mut packed).expect("memory");
    }
    packed
}
