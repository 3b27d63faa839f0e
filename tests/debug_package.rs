//! Modules of a distribution's debug package, against binutils. Not run by default:
//!
//! ```text
//! apt-get download linux-image-6.1.0-50-amd64-dbg && dpkg-deb -x linux-image-*-dbg_*.deb DIR
//! SLABTRACE_DEBUG_MODULES=DIR/usr/lib/debug/lib/modules/6.1.0-50-amd64/kernel \
//!     cargo test --release --test debug_package -- --ignored
//! ```
//!
//! binutils is told the section, so that it does not answer from another. Lines are compared, not
//! files: binutils 2.40 names the wrong file for functions of a file that another includes.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use slabtrace::symbol::{
    Frame, ImageStore, Position, Resolution, Search, SymbolOptions, Symbolizer, Symbols,
};

/// So many modules are looked at, spread over the package.
const MODULES: usize = 60;

/// So many functions of each section.
const FUNCTIONS: usize = 12;

/// A function, and an offset in it.
struct Place {
    function: String,
    section: String,
    address: u64,
    offset: u64,
}

#[test]
#[ignore = "needs a debug package of 850 MB"]
fn modules_agree_with_binutils() {
    let root = std::env::var_os("SLABTRACE_DEBUG_MODULES").expect("the variable names a folder");
    let mut modules = Vec::new();
    find_modules(Path::new(&root), &mut modules);
    modules.sort();
    let step = (modules.len() / MODULES).max(1);
    let store = ImageStore::new();
    let options = SymbolOptions {
        modules: vec![root.into()],
        search: Search::NamedOnly,
        ..SymbolOptions::default()
    };
    let mut symbols = Symbols::new(&store, options).expect("nothing is opened yet");
    let mut compared = 0;
    let mut differing = Vec::new();
    for module in modules.iter().step_by(step) {
        let name = module.file_stem().and_then(|name| name.to_str()).expect("a name");
        for places in by_section(module) {
            for (place, wanted) in places.iter().zip(binutils(module, &places)) {
                let found = lines(&mut symbols, name, place);
                compared += 1;
                if found != wanted {
                    let Place { function, offset, .. } = place;
                    differing.push(format!("{name} {function}+{offset:#x}: {found:?}, {wanted:?}"));
                }
            }
        }
    }
    assert!(compared > 0, "the folder has modules");
    let share = format!("{} of {compared} differ", differing.len());
    assert!(differing.len() * 200 <= compared, "{share}:\n{}", differing.join("\n"));
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

/// Functions whose name is theirs alone, some of each section.
fn by_section(module: &Path) -> Vec<Vec<Place>> {
    let bytes = fs::read(module).expect("the module can be read");
    let file = object::File::parse(&*bytes).expect("the module is ELF");
    let mut sections: Vec<Vec<Place>> = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let name = symbol.name().expect("names are text");
        let same = file.symbols().filter(|other| other.name() == Ok(name)).count();
        let Some(index) = symbol.section_index().filter(|_| same == 1 && symbol.size() > 4) else {
            continue;
        };
        let section = file.section_by_index(index).expect("the section exists");
        let section = section.name().expect("names are text").to_owned();
        let offset = 1 + symbol.address().wrapping_mul(7) % symbol.size();
        let place = Place { function: name.to_owned(), section, address: symbol.address(), offset };
        match sections.iter_mut().find(|places| places[0].section == place.section) {
            Some(places) if places.len() >= FUNCTIONS => {}
            Some(places) => places.push(place),
            None => sections.push(vec![place]),
        }
    }
    sections
}

/// The lines of a place by this crate, innermost first.
fn lines(symbols: &mut Symbols<'_>, module: &str, place: &Place) -> Vec<Option<u32>> {
    let frame = Frame {
        function: &place.function,
        offset: place.offset,
        size: None,
        module: Some(module),
        build_id: None,
        position: Position::Return,
        linked: None,
    };
    match symbols.resolve(&frame) {
        Resolution::Found(source) => {
            let inlined = source.inlined.iter().map(|call| call.line);
            inlined.chain([source.line]).collect()
        }
        Resolution::Missing(_) => vec![None],
    }
}

/// The lines of places in one section by binutils, each innermost first.
fn binutils(module: &Path, places: &[Place]) -> Vec<Vec<Option<u32>>> {
    let mut child = Command::new("addr2line")
        .args(["-i", "-a", "-j", &places[0].section, "-e"])
        .arg(module)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("binutils is installed");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    for place in places {
        writeln!(stdin, "{:x}", place.address + place.offset - 1).expect("it reads all");
    }
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let mut answers: Vec<Vec<Option<u32>>> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match answers.last_mut() {
            Some(answer) if !line.starts_with("0x") => {
                let place = line.split(" (").next().unwrap_or(line);
                answer.push(place.rsplit(':').next().and_then(|line| line.parse().ok()));
            }
            _ => answers.push(Vec::new()),
        }
    }
    answers
}
