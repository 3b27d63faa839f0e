//! Any bytes as a kernel image, asked for frames of its own symbols.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod ask;

fuzz_target!(|image: &[u8]| ask::kernel(image));
