//! Writes a capture of any size: `cargo bench --bench generate -- CAPTURE BYTES FILE`.

#[path = "support/scale.rs"]
mod scale;

use std::fs::File;
use std::io::{BufWriter, Write};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [capture, bytes, file] = words.as_slice() else {
        // A plain `cargo bench` runs every bench: there is nothing to generate then.
        return;
    };
    let bytes = bytes.replace('_', "").parse().expect("a number of bytes");
    let mut out = BufWriter::new(File::create(file).expect("a file to write"));
    scale::Template::read(capture).write(bytes, &mut out).expect("room to write");
    out.flush().expect("room to write");
}
