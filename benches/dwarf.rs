//! Our own DWARF reader beside addr2line's `Context`, on a kernel with debug information:
//!
//! ```text
//! SLABTRACE_DEBUG_VMLINUX=…/vmlinux-6.1.0-50-amd64 cargo bench --bench dwarf
//! ```
//!
//! Each opens the image and finds the places, inlined calls included, of as many functions as are asked
//! for, spread over all of the kernel. Medians of five rounds in turns.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use object::{Object, ObjectSymbol, SymbolKind};
use slabtrace::symbol::{
    Frame, ImageStore, Position, Resolution, Search, SymbolOptions, Symbolizer, Symbols,
};

/// Rounds of each.
const ROUNDS: usize = 5;

/// A function of the kernel.
struct Function {
    name: String,
    address: u64,
    size: u64,
}

fn main() {
    let mut out = std::io::stdout().lock();
    let Some(path) = env::var_os("SLABTRACE_DEBUG_VMLINUX").map(PathBuf::from) else {
        writeln!(out, "skipped: SLABTRACE_DEBUG_VMLINUX names no kernel").expect("it is open");
        return;
    };
    for wanted in [1, 300, 2000] {
        let functions = functions(&path, wanted);
        let (mut own, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            own.push(time(|| by_us(&path, &functions)));
            theirs.push(time(|| by_addr2line(&path, &functions)));
        }
        let (own, theirs) = (median(own), median(theirs));
        writeln!(out, "{wanted} functions: {:.3} s, addr2line {:.3} s", own.0, theirs.0)
            .and_then(|()| writeln!(out, "  found {} and {}", own.1, theirs.1))
            .expect("standard output is open");
    }
}

fn time(find: impl FnOnce() -> usize) -> (Duration, usize) {
    let start = Instant::now();
    let found = find();
    (start.elapsed(), found)
}

fn median(mut rounds: Vec<(Duration, usize)>) -> (f64, usize) {
    rounds.sort_unstable();
    let (time, found) = rounds[rounds.len() / 2];
    (time.as_secs_f64(), found)
}

/// So many functions of one place each, spread over all.
fn functions(path: &Path, wanted: usize) -> Vec<Function> {
    let bytes = fs::read(path).expect("the kernel can be read");
    let file = object::File::parse(&*bytes).expect("it is ELF");
    let mut functions: Vec<Function> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 16)
        .filter_map(|symbol| {
            let name = symbol.name().ok()?.to_owned();
            Some(Function { name, address: symbol.address(), size: symbol.size() })
        })
        .collect();
    functions.sort_by_key(|function| function.address);
    let step = (functions.len() / wanted).max(1);
    functions.into_iter().step_by(step).take(wanted).collect()
}

fn by_us(path: &Path, functions: &[Function]) -> usize {
    let store = ImageStore::new();
    let options = SymbolOptions {
        vmlinux: Some(path.to_owned()),
        search: Search::NamedOnly,
        ..SymbolOptions::default()
    };
    let mut symbols = Symbols::new(&store, options).expect("the kernel can be read");
    let is_found = |function: &&Function| {
        let frame = Frame {
            function: &function.name,
            offset: function.size / 2,
            size: None,
            module: None,
            build_id: None,
            position: Position::Exact,
            linked: None,
        };
        matches!(symbols.resolve(&frame), Resolution::Found(_))
    };
    functions.iter().filter(is_found).count()
}

fn by_addr2line(path: &Path, functions: &[Function]) -> usize {
    let loader = addr2line::Loader::new(path).expect("the kernel can be read");
    let is_found = |function: &&Function| {
        let mut frames = loader.find_frames(function.address + function.size / 2).expect("DWARF");
        let mut count = 0;
        while let Ok(Some(frame)) = frames.next() {
            count += usize::from(frame.location.is_some());
        }
        count > 0
    };
    functions.iter().filter(is_found).count()
}
