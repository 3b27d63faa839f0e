//! Any bytes as a module, packed or not, asked for frames of its own symbols.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod ask;

fuzz_target!(|module: &[u8]| ask::module(module));
