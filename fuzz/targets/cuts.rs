//! A console log that comes in pieces means the same as in one. The first byte says how long the
//! pieces are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabtrace::event::{Detail, Depth};
use slabtrace::report::EventWriter;
use slabtrace::{Parser, ParserOptions};

fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let options = ParserOptions { detail: Detail::Full, depth: Depth::Complete };
    let mut parser = Parser::new(options);
    let mut out = Vec::new();
    let mut writer = EventWriter::new(&mut out);
    pieces.for_each(|piece| parser.feed(piece, &mut writer));
    parser.finish(&mut writer);
    writer.finish().expect("memory takes any bytes");
    out
}

fuzz_target!(|input: &[u8]| {
    let Some((&length, log)) = input.split_first() else { return };
    let pieces = log.chunks(usize::from(length) + 1);
    assert!(events(pieces) == events(std::iter::once(log)), "pieces of {length} differ");
});
