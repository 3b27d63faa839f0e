//! Every address of images that the test builds, against the `addr2line` crate.
//!
//! It reads debug information as a whole, where this crate steps over most of it.

#![cfg(target_os = "linux")]

mod support {
    #[allow(dead_code, reason = "another test uses the rest")]
    pub(crate) mod elf;
}

use std::path::Path;

use addr2line::Loader;
use object::{Object, ObjectSymbol, SymbolKind};
use slabtrace::symbol::{
    Frame, ImageStore, Position, Resolution, Search, SymbolOptions, Symbolizer, Symbols,
};
use support::elf::Builder;

/// Calls inlined three deep, in a loop and twice in a row; a part that is never reached, which
/// the compiler moves away; types that are in the way.
const SOURCE: &str = r#"
#line 1 "include/types.h"
struct list { struct list *next, *prev; int (*call)(struct list *, union value { int a; char b[300]; } *); };
enum color { RED, GREEN = 300 };
static struct list head = { &head, &head, 0 };
#line 10 "include/leaf.h"
INLINE int leaf(int value) { BYTES(3); return value * 3; }
#line 20 "include/middle.h"
INLINE int middle(int value)
{
	int sum = 0;
	for (int round = 0; round < value; round++)
		sum += leaf(round);
	return leaf(sum) + leaf(value);
}
#line 40 "mm/outer.c"
KEEP int outer(int value)
{
	int sum = middle(value);
	if (__builtin_expect(value > 1000, 0)) {
		BYTES(40);
		sum = leaf(sum);
	}
	{
		volatile int inner = sum;
		BYTES(5);
		sum += middle(inner);
	}
	return sum;
}
#line 70 "mm/outer.c"
KEEP IN(".init.text") int early(struct list *list)
{
	return list == &head ? middle(7) : outer(list->next == list);
}
"#;

/// Another unit, of another file with functions of its own.
const OTHER: &str = "
#line 10 \"fs/other.c\"
INLINE int leaf(int value) { BYTES(7); return value; }
KEEP int other(int value) { return leaf(value) + 1; }
KEEP int last(void) { BYTES(16); return leaf(2); }
";

/// The calls at an address, the outermost last: names of those inlined, files and lines.
type Chain = Vec<(Option<String>, Option<String>, Option<u32>)>;

fn theirs(loader: &Loader, address: u64) -> Chain {
    let mut frames = loader.find_frames(address).expect("the image is whole");
    let mut chain = Chain::new();
    while let Some(frame) = frames.next().expect("the image is whole") {
        let name = frame.function.map(|name| name.raw_name().expect("text").into_owned());
        let place = frame.location;
        let file = place.as_ref().and_then(|place| place.file).map(str::to_owned);
        chain.push((name, file, place.and_then(|place| place.line)));
    }
    if let Some((name, ..)) = chain.last_mut() {
        // The log names the outermost, so that nobody asks.
        *name = None;
    }
    chain
}

fn ours(symbols: &mut Symbols<'_>, function: &str, offset: u64) -> Chain {
    let position = Position::Exact;
    let frame = Frame {
        function,
        offset,
        size: None,
        module: None,
        build_id: None,
        position,
        linked: None,
    };
    let Resolution::Found(source) = symbols.resolve(&frame) else { return Chain::new() };
    let inlined = source.inlined.into_iter();
    let inlined = inlined.map(|call| (Some(call.function), Some(call.file), call.line));
    inlined.chain([(None, Some(source.file), source.line)]).collect()
}

/// Paths as this crate shows them: within the folder that was compiled in.
fn within(folder: &Path, chain: &mut Chain) {
    for (_, file, _) in chain {
        let path = file.as_deref().map(Path::new);
        let short = path.and_then(|path| path.strip_prefix(folder).ok());
        *file = short.map(|path| path.display().to_string()).or_else(|| file.take());
    }
}

fn check(flags: &[&str]) {
    let builder = Builder::with(flags);
    let image = builder.kernel("vmlinux", 0x40_0000, &[SOURCE, OTHER]);
    let loader = Loader::new(&image).expect("the image is ELF");
    let store = ImageStore::new();
    let options = SymbolOptions {
        vmlinux: Some(image.clone()),
        search: Search::NamedOnly,
        ..SymbolOptions::default()
    };
    let mut symbols = Symbols::new(&store, options).expect("the image is ELF");
    let bytes = std::fs::read(&image).expect("it was built");
    let file = object::File::parse(&*bytes).expect("the image is ELF");
    let (mut compared, mut deepest) = (0, 0);
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let name = symbol.name().expect("names are text");
        for offset in 0..symbol.size() {
            let mut expected = theirs(&loader, symbol.address() + offset);
            within(builder.folder(), &mut expected);
            assert_eq!(ours(&mut symbols, name, offset), expected, "{flags:?} {name}+{offset:#x}");
            compared += 1;
            deepest = deepest.max(expected.len());
        }
    }
    assert!(compared > 200, "{flags:?}: functions have code, {compared} bytes of it");
    assert!(deepest > 2, "{flags:?}: calls are inlined into one another");
}

#[test]
fn every_version_of_dwarf_is_read_as_addr2line_reads_it() {
    for version in ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"] {
        check(&[version]);
        check(&[version, "-gno-strict-dwarf", "-ffunction-sections"]);
    }
}

#[test]
fn units_that_nothing_lists_are_asked_themselves() {
    check(&["-gdwarf-5", "-fno-dwarf2-cfi-asm", "-fdebug-types-section"]);
    let builder = Builder::with(&["-gdwarf-5"]);
    let image = builder.kernel("vmlinux", 0x40_0000, &[SOURCE, OTHER]);
    let bare = builder.without(&image, "vmlinux.bare", ".debug_aranges");
    let ask = |image: &Path| {
        let store = ImageStore::new();
        let options = SymbolOptions {
            vmlinux: Some(image.to_owned()),
            search: Search::NamedOnly,
            ..SymbolOptions::default()
        };
        let mut symbols = Symbols::new(&store, options).expect("the image is ELF");
        (0..16).map(|offset| ours(&mut symbols, "last", offset)).collect::<Vec<_>>()
    };
    let asked = ask(&bare);
    assert_eq!(asked, ask(&image));
    assert!(asked.iter().all(|chain| !chain.is_empty()), "{asked:?}");
}
