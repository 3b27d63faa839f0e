//! A distribution's debug package, against binutils and elfutils. Not run by default:
//!
//! ```text
//! apt-get install binutils elfutils
//! apt-get download linux-image-6.1.0-50-amd64-dbg && dpkg-deb -x linux-image-*-dbg_*.deb DIR
//! SLABTRACE_DEBUG_VMLINUX=DIR/usr/lib/debug/boot/vmlinux-6.1.0-50-amd64 \
//! SLABTRACE_DEBUG_MODULES=DIR/usr/lib/debug/lib/modules/6.1.0-50-amd64/kernel \
//!     cargo test --release --test debug_package -- --ignored --nocapture
//! ```
//!
//! What is compared is the whole chain of files and lines of a return address. In a module both
//! are told the section, so that they do not answer from another. A place is wrong where this
//! crate agrees with neither.
//!
//! Of 2,865 places binutils 2.40 and elfutils 0.188 dispute 44. In each this crate says what the
//! line table and the entries say when they are read by hand; of those in the kernel LLVM 14 says
//! the same.
//!
//! - 22, mostly `__traceiter_…`: code that a macro of a header makes, at the beginning of a unit.
//!   A sequence of rows begins with file 1, which in DWARF 5 is the second of the table, here the
//!   header. Up to the first row that sets a file binutils takes the first, the unit's own.
//! - 19: the first bytes of `.init.text` and `.text.unlikely` of a module. elfutils lays sections
//!   out without a gap, and takes the row that ends the sequence of the section before, which is
//!   of no code, for the line of what follows.
//! - 2, `user_exit_callable` and `fred_sysvec_irq_move_cleanup`: elfutils names the innermost of
//!   the inlined calls alone, though the pieces of code of the others contain the address.
//! - 1, `arch_scale_freq_tick`: two calls of one inlined function, whose code is mixed. elfutils
//!   names the line of the other call than the one whose pieces contain the address.

#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use slabtrace::symbol::{
    Frame, ImageStore, Position, Resolution, Search, SymbolOptions, Symbolizer, Symbols,
};

/// So many functions of the kernel are looked at, spread over it.
const KERNEL_FUNCTIONS: usize = 2000;

/// So many modules, spread over the package.
const MODULES: usize = 60;

/// So many functions of each section of a module.
const FUNCTIONS: usize = 12;

/// A function, and an offset in it.
struct Place {
    function: String,
    section: String,
    address: u64,
    offset: u64,
}

/// Files and lines, the innermost call first.
type Chain = Vec<String>;

/// What became of the comparison, of places for which both of the others name a line.
#[derive(Default)]
struct Comparison {
    /// Places of which both say the same.
    agreed: usize,
    /// Places of which they do not.
    disputed: usize,
    /// Places of which this crate says what neither says.
    wrong: Vec<String>,
}

impl Comparison {
    fn add(&mut self, name: &str, chains: [&Chain; 3]) {
        let [ours, binutils, elfutils] = chains;
        if binutils.is_empty() || elfutils.is_empty() {
            return;
        }
        let count = if is_same(binutils, elfutils) { &mut self.agreed } else { &mut self.disputed };
        *count += 1;
        if !is_same(ours, binutils) && !is_same(ours, elfutils) {
            self.wrong.push(format!("{name}: {ours:?}, {binutils:?}, {elfutils:?}"));
        }
    }

    fn check(&self, what: &str) {
        let Comparison { agreed, disputed, wrong } = self;
        let (compared, count) = (agreed + disputed, wrong.len());
        writeln!(
            std::io::stdout(),
            "{what}: {compared} compared, {disputed} of them disputed, {count} wrong"
        )
        .expect("standard output is open");
        assert!(compared > 0, "there are places to compare");
        assert!(count * 500 <= compared, "no more than one in 500:\n{}", wrong.join("\n"));
    }
}

/// Whether chains are the same; one may have less of a path in front.
fn is_same(ours: &Chain, other: &Chain) -> bool {
    let is_end = |short: &str, long: &str| {
        long.strip_suffix(short).is_some_and(|front| front.is_empty() || front.ends_with('/'))
    };
    ours.len() == other.len()
        && ours.iter().zip(other).all(|(one, other)| is_end(one, other) || is_end(other, one))
}

#[test]
#[ignore = "needs a debug package of 850 MB"]
fn the_kernel_agrees_with_binutils_and_elfutils() {
    let vmlinux = variable("SLABTRACE_DEBUG_VMLINUX");
    let store = ImageStore::new();
    let options = SymbolOptions {
        vmlinux: Some(vmlinux.clone()),
        search: Search::NamedOnly,
        ..SymbolOptions::default()
    };
    let mut symbols = Symbols::new(&store, options).expect("the kernel can be read");
    let mut places = places(&vmlinux);
    places.retain(|place| place.section == ".text");
    let step = (places.len() / KERNEL_FUNCTIONS).max(1);
    let places: Vec<Place> = places.into_iter().step_by(step).take(KERNEL_FUNCTIONS).collect();
    let mut comparison = Comparison::default();
    compare(&mut comparison, &mut symbols, &vmlinux, None, &places);
    comparison.check("kernel");
}

#[test]
#[ignore = "needs a debug package of 850 MB"]
fn modules_agree_with_binutils_and_elfutils() {
    let root = variable("SLABTRACE_DEBUG_MODULES");
    let mut modules = Vec::new();
    find_modules(&root, &mut modules);
    modules.sort();
    let step = (modules.len() / MODULES).max(1);
    let store = ImageStore::new();
    let options = SymbolOptions {
        modules: vec![root],
        search: Search::NamedOnly,
        ..SymbolOptions::default()
    };
    let mut symbols = Symbols::new(&store, options).expect("nothing is opened yet");
    let mut comparison = Comparison::default();
    let mut looked_at = 0;
    for module in modules.iter().step_by(step) {
        let name = module.file_stem().and_then(|name| name.to_str()).expect("a name");
        looked_at += 1;
        let mut sections: Vec<Vec<Place>> = Vec::new();
        for place in places(module) {
            match sections.iter_mut().find(|places| places[0].section == place.section) {
                Some(places) if places.len() >= FUNCTIONS => {}
                Some(places) => places.push(place),
                None => sections.push(vec![place]),
            }
        }
        for places in sections {
            compare(&mut comparison, &mut symbols, module, Some(name), &places);
        }
    }
    comparison.check(&format!("{looked_at} modules"));
}

fn variable(name: &str) -> PathBuf {
    std::env::var_os(name).unwrap_or_else(|| panic!("{name} names the place")).into()
}

fn find_modules(folder: &Path, modules: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            find_modules(&path, modules);
        } else if path.extension().is_some_and(|suffix| suffix == "ko") {
            modules.push(path);
        }
    }
}

/// Functions whose name is theirs alone, each with an offset in it.
fn places(image: &Path) -> Vec<Place> {
    let bytes = fs::read(image).expect("the image can be read");
    let file = object::File::parse(&*bytes).expect("the image is ELF");
    let mut count: HashMap<&str, usize> = HashMap::new();
    for symbol in file.symbols() {
        *count.entry(symbol.name().expect("names are text")).or_default() += 1;
    }
    let mut places = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let name = symbol.name().expect("names are text");
        let Some(index) = symbol.section_index().filter(|_| count[name] == 1 && symbol.size() > 4)
        else {
            continue;
        };
        let section = file.section_by_index(index).expect("the section exists");
        let section = section.name().expect("names are text").to_owned();
        let offset = 1 + symbol.address().wrapping_mul(7) % symbol.size();
        places.push(Place {
            function: name.to_owned(),
            section,
            address: symbol.address(),
            offset,
        });
    }
    places
}

fn compare(
    comparison: &mut Comparison,
    symbols: &mut Symbols<'_>,
    image: &Path,
    module: Option<&str>,
    places: &[Place],
) {
    let binutils = ask("addr2line", image, module, places);
    let elfutils = ask("eu-addr2line", image, module, places);
    for ((place, binutils), elfutils) in places.iter().zip(&binutils).zip(&elfutils) {
        let name = format!("{} {}+{:#x}", module.unwrap_or(""), place.function, place.offset);
        comparison.add(&name, [&ours(symbols, module, place), binutils, elfutils]);
    }
}

/// The chain of a place by this crate.
fn ours(symbols: &mut Symbols<'_>, module: Option<&str>, place: &Place) -> Chain {
    let frame = Frame {
        function: &place.function,
        offset: place.offset,
        size: None,
        module,
        build_id: None,
        position: Position::Return,
        linked: None,
    };
    let at = |file: &str, line: Option<u32>| format!("{file}:{}", line.unwrap_or(0));
    match symbols.resolve(&frame) {
        Resolution::Found(source) => {
            let inlined = source.inlined.iter().map(|call| at(&call.file, call.line));
            inlined.chain([at(&source.file, source.line)]).collect()
        }
        Resolution::Missing(_) => Chain::new(),
    }
}

/// The chains of places by another program; empty where it knows none.
fn ask(program: &str, image: &Path, module: Option<&str>, places: &[Place]) -> Vec<Chain> {
    let mut command = Command::new(program);
    command.args(["-i", "-a"]);
    if module.is_some() {
        command.args(["-j", &places[0].section]);
    }
    let mut child = command
        .arg("-e")
        .arg(image)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is installed: {error}"));
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let mut addresses = String::new();
    for place in places {
        writeln!(addresses, "{:#x}", place.address + place.offset - 1).expect("memory");
    }
    // It answers while it reads: both pipes would fill up.
    let writer = std::thread::spawn(move || stdin.write_all(addresses.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the thread ends").expect("it reads all");
    let mut chains: Vec<Chain> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match chains.last_mut() {
            Some(chain) if !line.starts_with("0x") => chain.extend(file_and_line(line)),
            _ => chains.push(Chain::new()),
        }
    }
    chains
}

// debian/build/build_amd64/../../mm/slub.c:991 (discriminator 3)      binutils
// debian/build/build_amd64/kernel/exit.c:991:2                        elfutils
// ??:?   ??:0
fn file_and_line(text: &str) -> Option<String> {
    let text = text.split(" (").next()?;
    let mut parts = text.split(':');
    let (file, line) = (parts.next()?, parts.next()?);
    if file == "??" {
        return None;
    }
    let mut folders: Vec<&str> = Vec::new();
    for part in file.split('/') {
        match part {
            "." | "" => {}
            ".." if folders.last().is_some_and(|&last| last != "..") => drop(folders.pop()),
            part => folders.push(part),
        }
    }
    let line = line.parse().unwrap_or(0);
    Some(format!("{}:{line}", folders.join("/")))
}
