//! Any bytes as a packed capture: an error, or bytes that are no more than a bound allows.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use slabtrace::capture::Compression;
use slabtrace::{Analysis, AnalysisOptions};

/// A few bytes may unpack to any length; what is beyond this shows nothing new.
const UNPACKED_BYTES_MAX: u64 = 1 << 22;

fuzz_target!(|packed: &[u8]| {
    let format = Compression::detect(packed);
    let Ok(decoder) = format.decoder(io::Cursor::new(packed)) else { return };
    let mut decoder = decoder.take(UNPACKED_BYTES_MAX);
    let mut analysis = Analysis::new(AnalysisOptions::default());
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = decoder.read(&mut piece) {
        analysis.feed(&piece[..length]);
    }
    analysis.finish();
});
