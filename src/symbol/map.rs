//! Addresses to functions, as kallsyms names them: from the text of `System.map`,
//! `/proc/kallsyms` or `/proc/modules`, or from the symbol table of an image.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use object::{Architecture, Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

use super::image::Image;
use super::opd::Descriptors;
use super::table::is_printable_symbol;
use crate::arch;
use crate::capture::Source;

/// A text is read up to this size. The `/proc/kallsyms` of a kernel with all modules loaded has a
/// tenth of it.
const TEXT_BYTES_MAX: u64 = 256 << 20;

/// Symbols kept of one text or image.
const SYMBOLS_MAX: usize = 1 << 22;

/// What may lie in front of a kernel's code in its image.
const HEAD_BYTES_MAX: u64 = 4 << 20;

/// Modules told apart; a kernel has some hundred loaded.
const MODULES_MAX: usize = 1 << 13;

/// The module of a symbol that is the kernel's own.
const KERNEL: u32 = u32::MAX;

/// Modules are given memory in pages: what lies on the page of a module's symbol is the module's.
const PAGE: u64 = 4096;

/// The functions of a kernel and its modules by address.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    /// Its file, for messages.
    pub(super) path: String,
    /// The release that it is of, where it says so.
    pub(super) release: Option<String>,
    /// The image's build id.
    pub(super) build_id: Option<String>,
    /// Whose addresses they are.
    pub(super) kind: Kind,
    /// Whether the kernel may have run elsewhere than it was linked.
    pub(super) placement: Placement,
    names: String,
    modules: Vec<String>,
    kernel: Vec<Symbol>,
    /// Where the kernel's code lies.
    text: Vec<Range<u64>>,
    /// Symbols of modules.
    loaded: Vec<Symbol>,
    /// Where modules lie, from `/proc/modules`.
    areas: Vec<(Range<u64>, u32)>,
    by_name: OnceLock<Vec<u32>>,
}

/// Whose addresses a map has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Kind {
    /// Those that the kernel was linked at.
    #[default]
    Linked,
    /// Those of one boot.
    Live,
}

/// Whether a kernel runs where it was linked.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Placement {
    /// It does.
    Fixed,
    /// `CONFIG_RANDOMIZE_BASE` may have moved it.
    #[default]
    MayMove,
}

/// A symbol: where it begins, its name's place in the names, and its module.
#[derive(Clone, Copy, Debug)]
struct Symbol {
    address: u64,
    name: (u32, u32),
    module: u32,
}

/// What a map says of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hit<'a> {
    pub(super) function: Option<&'a str>,
    pub(super) offset: u64,
    pub(super) size: Option<u64>,
    pub(super) module: Option<&'a str>,
}

impl Map {
    /// Reads a text, which may be packed.
    pub(super) fn read(path: &Path) -> io::Result<Map> {
        let source = Source::File(path.to_owned());
        let bytes = source.open().map_err(io::Error::other)?;
        let mut map = Map::of_text(BufReader::new(bytes.take(TEXT_BYTES_MAX)))?;
        map.path = path.display().to_string();
        map.release = release_of(path);
        Ok(map)
    }

    pub(super) fn of_text(text: impl BufRead) -> io::Result<Map> {
        let mut map = Map::default();
        let mut symbols = Symbols::default();
        for line in text.split(b'\n') {
            let line = line?;
            let Ok(line) = std::str::from_utf8(&line) else { continue };
            if let Some(symbol) = TextSymbol::parse(line) {
                symbols.add(&mut map, &symbol);
            } else if let Some((name, area)) = module_area(line)
                && let Some(module) = map.module(name)
            {
                map.areas.push((area, module));
            }
        }
        map.kind = if map.modules.is_empty() { Kind::Linked } else { Kind::Live };
        symbols.settle(&mut map);
        map.placement = map.placement_by_functions();
        Ok(map)
    }

    /// The map of a linked image.
    pub(super) fn of_image(image: &Image<'_>) -> Map {
        let mut map = Map {
            path: image.path.display().to_string(),
            release: image.release(),
            build_id: image.build_id(),
            ..Map::default()
        };
        let descriptors = Descriptors::of(image);
        let mut symbols = Symbols::default();
        for symbol in image.file.symbols() {
            let name = symbol.name().unwrap_or_default();
            let is_placed = symbol.section_index().is_some_and(|at| image.base(at).is_some());
            if is_placed && is_printable_symbol(name.as_bytes(), symbol.kind()) {
                let kind = if symbol.is_weak() { 'w' } else { 't' };
                let section = symbol.section_index();
                let code = descriptors.as_ref().zip(section);
                let code = code.and_then(|(all, section)| all.code(section, symbol.address()));
                // The lowest bit tells arm's instruction set.
                let is_thumb = image.file.architecture() == Architecture::Arm
                    && symbol.kind() == SymbolKind::Text;
                let plain = if is_thumb { symbol.address() & !1 } else { symbol.address() };
                let address = code.map_or(plain, |(_, address)| address);
                symbols.add(&mut map, &TextSymbol { address, kind, name, module: None });
            }
        }
        if symbols.ranges().is_empty() {
            let code = image.file.sections().filter(|section| section.kind() == SectionKind::Text);
            map.text = code
                .map(|code| code.address()..code.address().saturating_add(code.size()))
                .collect();
        }
        symbols.settle(&mut map);
        map.placement = map.placement_of(image.file.architecture());
        map
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.kernel.is_empty() && self.loaded.is_empty() && self.areas.is_empty()
    }

    /// Whether it knows the kernel.
    pub(super) fn has_kernel(&self) -> bool {
        !self.kernel.is_empty()
    }

    /// Whether the kernel's image may begin at an address: its code begins there, or behind a head.
    pub(super) fn begins_at(&self, address: u64) -> bool {
        let begins = |range: &Range<u64>| range.start.wrapping_sub(address) < HEAD_BYTES_MAX;
        self.text.iter().any(begins)
    }

    /// Whether all of the kernel's code lies above what 32 bits can tell: a smaller number is a
    /// hash then.
    pub(super) fn is_high(&self) -> bool {
        let high = |range: &Range<u64>| range.start > u64::from(u32::MAX);
        !self.text.is_empty() && self.text.iter().all(high)
    }

    /// The place of an address in the kernel.
    pub(super) fn kernel(&self, address: u64) -> Option<Hit<'_>> {
        let range = self.text.iter().find(|range| range.contains(&address))?;
        let (symbol, next) = around(&self.kernel, address)?;
        let end = next.map_or(range.end, |next| next.address.min(range.end));
        (symbol.address >= range.start).then(|| Hit {
            function: Some(self.name(symbol)),
            offset: address - symbol.address,
            size: Some(end - symbol.address),
            module: None,
        })
    }

    /// The place of an address in a module.
    pub(super) fn module_place(&self, address: u64) -> Option<Hit<'_>> {
        let area = self.areas.iter().find(|(area, _)| area.contains(&address));
        let found = self.loaded_at(address);
        let in_area = |hit: &Hit<'_>| {
            area.is_none_or(|&(_, module)| hit.module == Some(&*self.modules[module as usize]))
        };
        found.filter(in_area).or_else(|| {
            let &(ref area, module) = area?;
            let module = Some(&*self.modules[module as usize]);
            Some(Hit { function: None, offset: address - area.start, size: None, module })
        })
    }

    /// A symbol that nothing of its module follows reaches to an unknown end.
    fn loaded_at(&self, address: u64) -> Option<Hit<'_>> {
        let (symbol, next) = around(&self.loaded, address)?;
        let offset = address - symbol.address;
        let next = next.filter(|next| next.module == symbol.module);
        let is_same_page = symbol.address / PAGE == address / PAGE;
        (next.is_some() || is_same_page).then(|| Hit {
            function: Some(self.name(symbol)),
            offset,
            size: next.map(|next| next.address - symbol.address),
            module: self.modules.get(symbol.module as usize).map(String::as_str),
        })
    }

    /// Where the kernel's only function of a name begins, and its size.
    pub(super) fn find(&self, name: &str) -> Option<(u64, u64)> {
        let sorted = self.by_name.get_or_init(|| {
            let mut sorted: Vec<u32> = (0..).take(self.kernel.len()).collect();
            sorted.sort_by_key(|&at| self.name(&self.kernel[at as usize]));
            sorted
        });
        let named = |at: u32| self.name(&self.kernel[at as usize]);
        let first = sorted.partition_point(|&at| named(at) < name);
        let mut same = sorted[first..].iter().take_while(|&&at| named(at) == name);
        let (&at, None) = (same.next()?, same.next()) else { return None };
        let address = self.kernel[at as usize].address;
        Some((address, self.kernel(address)?.size?))
    }

    fn name(&self, symbol: &Symbol) -> &str {
        let (start, end) = symbol.name;
        self.names.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The number of a module; none where there are too many.
    fn module(&mut self, name: &str) -> Option<u32> {
        let known = self.modules.iter().rposition(|known| known == name);
        if known.is_none() && self.modules.len() < MODULES_MAX {
            self.modules.push(name.to_owned());
            return u32::try_from(self.modules.len() - 1).ok();
        }
        u32::try_from(known?).ok()
    }

    // CONFIG_RANDOMIZE_BASE: x86 from 3.14, arm64 from 4.6, mips from 4.7, s390 from 5.2, powerpc
    // from 5.5, loongarch from 6.3, riscv from 6.6. On mips few kernels have it; those that do
    // have a function that tells.
    fn placement_of(&self, machine: Architecture) -> Placement {
        use Architecture as A;
        match machine {
            A::Arm
            | A::Sparc
            | A::Sparc32Plus
            | A::Sparc64
            | A::M68k
            | A::Alpha
            | A::Hppa
            | A::SuperH
            | A::Csky
            | A::Xtensa => Placement::Fixed,
            A::Mips | A::Mips64 | A::Mips64_N32 if self.find(MIPS_MOVES).is_none() => {
                Placement::Fixed
            }
            _ => Placement::MayMove,
        }
    }

    fn placement_by_functions(&self) -> Placement {
        const FIXED: [&str; 14] = [
            "arm",
            "sparc",
            "sparc64",
            "alpha",
            "ia64",
            "parisc",
            "csky",
            "arc",
            "m68k",
            "openrisc",
            "sh",
            "um",
            "xtensa",
            "microblaze",
        ];
        match arch::by_functions(|function| self.find(function).is_some()) {
            Some("mips") if self.find(MIPS_MOVES).is_none() => Placement::Fixed,
            Some(arch) if FIXED.contains(&arch) => Placement::Fixed,
            _ => Placement::MayMove,
        }
    }
}

/// A function that mips kernels have which can move (`arch/mips/kernel/relocate.c`).
const MIPS_MOVES: &str = "show_kernel_relocation";

/// The last symbol that does not begin behind an address, and the one that follows it.
fn around(symbols: &[Symbol], address: u64) -> Option<(&Symbol, Option<&Symbol>)> {
    let behind = symbols.partition_point(|symbol| symbol.address <= address);
    Some((symbols.get(behind.checked_sub(1)?)?, symbols.get(behind)))
}

// System.map-6.1.0-50-amd64
fn release_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let release = name.strip_prefix("System.map-")?;
    let release = [".gz", ".xz", ".zst", ".bz2"]
        .iter()
        .find_map(|end| release.strip_suffix(end))
        .unwrap_or(release);
    super::release::is_release(release).then(|| release.to_owned())
}

/// A line of `System.map` or `/proc/kallsyms`.
struct TextSymbol<'a> {
    address: u64,
    kind: char,
    name: &'a str,
    module: Option<&'a str>,
}

impl<'a> TextSymbol<'a> {
    // ffffffff81000000 T _stext
    // c0008000 T _text
    // ffffffffc0a01000 t leaky_init	[leaky]
    fn parse(line: &'a str) -> Option<TextSymbol<'a>> {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().filter(|digits| matches!(digits.len(), 8 | 16))?;
        let address = u64::from_str_radix(address, 16).ok()?;
        let mut kind = words.next()?.chars();
        let (Some(kind), None) = (kind.next(), kind.next()) else { return None };
        let name = words.next()?;
        let module = words.next().and_then(|word| word.strip_prefix('[')?.strip_suffix(']'));
        Some(TextSymbol { address, kind, name, module })
    }

    /// Of symbols at one address kallsyms prints the first by these (`compare_symbols` of
    /// `scripts/kallsyms.c`).
    fn rank(&self) -> (bool, bool, usize) {
        let is_weak = matches!(self.kind, 'w' | 'W');
        let underscores = self.name.bytes().take_while(|&byte| byte == b'_').count();
        (is_weak, is_linker_made(self.name), underscores)
    }
}

fn is_linker_made(name: &str) -> bool {
    name.len() >= 8
        && name.strip_prefix("__").is_some_and(|rest| {
            ["start_", "stop_", "end_"].iter().any(|lead| rest.starts_with(lead))
                || ["_start", "_end"].iter().any(|end| name.ends_with(end))
        })
}

// leaky 16384 0 - Live 0xffffffffc0a01000 (O)
/// A line of `/proc/modules`: a module, and where it lies.
fn module_area(line: &str) -> Option<(&str, Range<u64>)> {
    let words: Vec<&str> = line.split_ascii_whitespace().take(6).collect();
    let &[name, size, _, _, "Live" | "Loading" | "Unloading", address] = words.as_slice() else {
        return None;
    };
    let size: u64 = size.parse().ok()?;
    let start = u64::from_str_radix(address.strip_prefix("0x")?, 16).ok()?;
    (start != 0).then(|| (name, start..start.saturating_add(size)))
}

/// Symbols on their way into a map.
#[derive(Default)]
struct Symbols {
    found: Vec<(Symbol, (bool, bool, usize))>,
    /// `_stext`, `_etext`, `_sinittext` and `_einittext`.
    bounds: [Option<u64>; 4],
}

const BOUNDS: [&str; 4] = ["_stext", "_etext", "_sinittext", "_einittext"];

impl Symbols {
    fn add(&mut self, map: &mut Map, symbol: &TextSymbol<'_>) {
        // Absolute symbols are numbers, undefined ones are nowhere, and where addresses are
        // hidden they are all 0.
        if symbol.address == 0 || matches!(symbol.kind, 'a' | 'A' | 'U' | 'N') {
            return;
        }
        if symbol.module.is_none()
            && let Some(at) = BOUNDS.iter().position(|&bound| bound == symbol.name)
        {
            self.bounds[at] = Some(symbol.address);
        }
        let start = map.names.len();
        let end = start + symbol.name.len();
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) else { return };
        if self.found.len() >= SYMBOLS_MAX {
            return;
        }
        map.names.push_str(symbol.name);
        let module = match symbol.module.map(|module| map.module(module)) {
            None => KERNEL,
            Some(Some(module)) => module,
            Some(None) => return,
        };
        let made = Symbol { address: symbol.address, name: (start, end), module };
        self.found.push((made, symbol.rank()));
    }

    /// Where code lies by the symbols that bound it.
    fn ranges(&self) -> Vec<Range<u64>> {
        let pairs = self.bounds.chunks_exact(2);
        let range = |pair: &[Option<u64>]| Some(pair[0]?..pair[1]?);
        pairs.filter_map(range).filter(|range| !range.is_empty()).collect()
    }

    /// Sorts symbols into a map, the printed one of each address.
    fn settle(self, map: &mut Map) {
        let ranges = self.ranges();
        let mut found = self.found;
        found.sort_by_key(|&(symbol, rank)| (symbol.address, rank));
        found.dedup_by_key(|(symbol, _)| (symbol.address, symbol.module));
        for (symbol, _) in found {
            if symbol.module == KERNEL {
                map.kernel.push(symbol);
            } else {
                map.loaded.push(symbol);
            }
        }
        if !ranges.is_empty() {
            map.text = ranges;
        } else if map.text.is_empty()
            && let (Some(first), Some(last)) = (map.kernel.first(), map.kernel.last())
        {
            map.text.push(first.address..last.address.saturating_add(1));
        }
        map.kernel.retain(|symbol| map.text.iter().any(|range| range.contains(&symbol.address)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KALLSYMS: &str = "\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t dup
ffffffff81000140 W weak_alias
ffffffff81000140 T __x64_sys_brk
ffffffff81000140 T sys_brk
ffffffff81000200 t dup
ffffffff81000240 T last
ffffffff81000300 T _etext
ffffffff81000400 D not_code
ffffffffc0a01000 t leaky_rx\t[leaky]
ffffffffc0a01040 t leaky_tx\t[leaky]
ffffffffc0a03000 t other\t[other]
";

    fn map(text: &str) -> Map {
        Map::of_text(text.as_bytes()).expect("memory")
    }

    fn shown(hit: Option<Hit<'_>>) -> String {
        let Some(hit) = hit else { return "-".to_owned() };
        let size = hit.size.map_or_else(|| "?".to_owned(), |size| format!("{size:#x}"));
        let function = hit.function.unwrap_or("?");
        format!("{function}+{:#x}/{size} [{}]", hit.offset, hit.module.unwrap_or("-"))
    }

    #[test]
    fn an_address_has_the_name_that_the_kernel_prints() {
        let map = map(KALLSYMS);
        for (address, wanted) in [
            (0xffff_ffff_8100_0000, "_stext+0x0/0x100 [-]"),
            (0xffff_ffff_8100_0144, "sys_brk+0x4/0xc0 [-]"),
            (0xffff_ffff_8100_02ff, "last+0xbf/0xc0 [-]"),
            (0xffff_ffff_8100_0300, "-"),
            (0xffff_ffff_8100_0400, "-"),
            (0xffff_ffff_80ff_ffff, "-"),
            (0, "-"),
        ] {
            assert_eq!(shown(map.kernel(address)), wanted, "{address:#x}");
        }
    }

    #[test]
    fn the_last_function_of_a_module_reaches_to_the_end_of_its_page() {
        let map = map(KALLSYMS);
        for (address, wanted) in [
            (0xffff_ffff_c0a0_1004, "leaky_rx+0x4/0x40 [leaky]"),
            (0xffff_ffff_c0a0_1fff, "leaky_tx+0xfbf/? [leaky]"),
            (0xffff_ffff_c0a0_2000, "-"),
            (0xffff_ffff_c0a0_3001, "other+0x1/? [other]"),
            (0xffff_ffff_c0a0_0fff, "-"),
        ] {
            assert_eq!(shown(map.module_place(address)), wanted, "{address:#x}");
        }
    }

    #[test]
    fn a_list_of_modules_names_the_module_alone() {
        let map =
            map("leaky 16384 0 - Live 0xbf000000 (O)\nhidden 4096 1 leaky, Live 0x00000000\n");
        assert_eq!(shown(map.module_place(0xbf00_0bf0)), "?+0xbf0/? [leaky]");
        assert_eq!(shown(map.module_place(0xbf00_4000)), "-");
        assert!(!map.has_kernel() && !map.is_empty());
    }

    #[test]
    fn only_a_name_that_one_function_has_is_found() {
        let map = map(KALLSYMS);
        assert_eq!(map.find("last"), Some((0xffff_ffff_8100_0240, 0xc0)));
        assert_eq!(map.find("dup"), None);
        assert_eq!(map.find("nowhere"), None);
        assert_eq!((map.kind, map.placement), (Kind::Live, Placement::MayMove));
    }

    #[test]
    fn hidden_addresses_are_none() {
        assert!(map("0000000000000000 T _stext\n0000000000000000 t f\t[leaky]\n").is_empty());
        assert!(map("not a map\n\u{0}\n12345678\n").is_empty());
    }

    #[test]
    fn routers_run_where_they_were_linked() {
        let mips = "80100000 T _text\n80100100 T handle_sys\n80100200 T plat_irq_dispatch\n";
        assert_eq!(map(mips).placement, Placement::Fixed);
        let moving = format!("{mips}80100300 T show_kernel_relocation\n");
        assert_eq!(map(&moving).placement, Placement::MayMove);
        let i386 = "c1000000 T _text\nc1000100 T entry_INT80_32\n";
        assert_eq!(map(i386).placement, Placement::MayMove);
    }
}
