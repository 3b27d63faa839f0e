//! Any bytes as a binary recording: an error, or text that is no more than a bound allows.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use slabtrace::recording::{Recording, RecordingText};

/// So many bytes of text may come of one of a file.
const MAX_EXPANSION: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let Some(recording) = Recording::detect(bytes) else { return };
    let file = io::Cursor::new(bytes.to_vec());
    let text = RecordingText::new(recording, file, String::new());
    let bound = (bytes.len() + 4096) * MAX_EXPANSION;
    let mut limited = text.take(bound as u64);
    // An error is an answer like any other.
    let _ = io::copy(&mut limited, &mut io::sink());
    assert!(limited.limit() > 0, "little makes much");
});
