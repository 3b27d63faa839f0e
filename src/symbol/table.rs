//! An image's symbol table: names exactly as the kernel prints them, to addresses.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use object::{Architecture, Object, ObjectSymbol, SectionIndex, SymbolKind};

use super::image::Image;
use super::opd::Descriptors;

/// A function that a printed name may mean.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Candidate {
    /// Where it begins.
    pub(super) address: u64,
    /// The section it lies in.
    pub(super) section: usize,
    /// Bytes of it by the symbol table; 0 for assembly that does not say.
    elf_size: u64,
}

/// The functions of an image by name, and where every symbol begins.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// The first function of each name in `functions`.
    heads: HashMap<&'a [u8], u32, FixedState>,
    functions: Vec<Function>,
    /// Where symbols begin, data and labels included, by section and address: kallsyms reckons
    /// a function's size up to the next of them.
    starts: Vec<(usize, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Function {
    candidate: Candidate,
    /// The next function of the same name.
    next: Option<u32>,
}

/// What clang puts between a name and its hash.
const PROMOTED: &str = ".llvm.";
/// Symbols of one image. What has more is made up: the largest kernels have some hundred thousand.
const SYMBOLS_MAX: usize = 1 << 22;

/// More functions of one name than this are not told apart.
const CANDIDATES_MAX: usize = 4096;

impl<'a> Table<'a> {
    /// Reads the symbol table of an image.
    pub(super) fn read(image: &Image<'a>) -> Table<'a> {
        let mut table = Table {
            heads: HashMap::with_hasher(FixedState::default()),
            functions: Vec::new(),
            starts: Vec::new(),
        };
        let descriptors = Descriptors::of(image);
        let symbols = || image.file.symbols().take(SYMBOLS_MAX);
        let count = symbols().count();
        table.heads.reserve(count);
        table.functions.reserve(count);
        table.starts.reserve(count);
        let has_thumb = image.file.architecture() == Architecture::Arm;
        for symbol in symbols() {
            let Some((section, base)) =
                symbol.section_index().and_then(|section| Some((section, image.base(section)?)))
            else {
                continue;
            };
            let Ok(name) = symbol.name_bytes() else { continue };
            if !is_printable_symbol(name, symbol.kind()) {
                continue;
            }
            let value = match symbol.kind() {
                // The lowest bit tells the instruction set; no instruction begins there.
                SymbolKind::Text if has_thumb => symbol.address() & !1,
                _ => symbol.address(),
            };
            let code = descriptors.as_ref().and_then(|all| all.code(section, value));
            let (section, address) = code.unwrap_or((section, base.wrapping_add(value)));
            table.add(name, symbol.kind(), section, address, symbol.size());
        }
        table.sort();
        table
    }

    fn sort(&mut self) {
        self.starts.sort_unstable();
        self.starts.dedup();
    }

    fn add(
        &mut self,
        name: &'a [u8],
        kind: SymbolKind,
        section: SectionIndex,
        address: u64,
        elf_size: u64,
    ) {
        self.starts.push((section.0, address));
        let Ok(index) = u32::try_from(self.functions.len()) else { return };
        // Entry code written in assembly often has no type.
        if matches!(kind, SymbolKind::Text | SymbolKind::Unknown) {
            let candidate = Candidate { address, section: section.0, elf_size };
            let next = self.heads.insert(name, index);
            self.functions.push(Function { candidate, next });
        }
    }

    /// Every function of a name, by address, each address once.
    pub(super) fn find(&self, name: &str) -> Vec<Candidate> {
        let exact = self.find_exact(name.as_bytes());
        if !exact.is_empty() {
            return exact;
        }
        // Big-endian 64-bit powerpc prints `.name` for what the table has under `name`, or the
        // other way round.
        let dotted = match name.strip_prefix('.') {
            Some(bare) => self.find_exact(bare.as_bytes()),
            None => self.find_exact(format!(".{name}").as_bytes()),
        };
        if !dotted.is_empty() {
            return dotted;
        }
        self.find_promoted(name)
    }

    // foo.llvm.1234567890
    /// clang names a static function that it made global after a hash of its module, which
    /// kallsyms leaves away, and which is another in every build.
    fn find_promoted(&self, name: &str) -> Vec<Candidate> {
        let lead = format!("{}{PROMOTED}", name.split(PROMOTED).next().unwrap_or(name));
        let mut names: Vec<&[u8]> = self.heads.keys().copied().collect();
        names.retain(|known| {
            let hash = known.strip_prefix(lead.as_bytes());
            hash.is_some_and(|hash| !hash.is_empty() && hash.iter().all(u8::is_ascii_digit))
        });
        names.sort_unstable();
        let mut found: Vec<Candidate> =
            names.into_iter().take(CANDIDATES_MAX).flat_map(|name| self.find_exact(name)).collect();
        found.sort_unstable();
        found.dedup_by_key(|candidate| candidate.address);
        found
    }

    fn find_exact(&self, name: &[u8]) -> Vec<Candidate> {
        let mut found = Vec::new();
        let mut at = self.heads.get(name).copied();
        while let Some(function) = at.and_then(|index| self.functions.get(index as usize)) {
            found.push(function.candidate);
            at = function.next.filter(|_| found.len() < CANDIDATES_MAX);
        }
        found.sort_unstable();
        found.dedup_by_key(|candidate| candidate.address);
        found
    }

    /// The size that kallsyms gives a function: the distance to the next symbol. Nothing for the
    /// last of a section, where it depends on what was loaded behind.
    pub(super) fn kallsyms_size(&self, function: Candidate) -> Option<u64> {
        let at =
            self.starts.partition_point(|&start| start <= (function.section, function.address));
        let &(section, next) = self.starts.get(at)?;
        (section == function.section).then(|| next - function.address)
    }

    /// How far a printed size fits a function. Nothing that reaches past the next symbol is its
    /// size: another build's function of that name is longer, and its lines are others.
    pub(super) fn fit(&self, function: Candidate, size: u64) -> Fit {
        match self.kallsyms_size(function) {
            None => Fit::Possible,
            Some(distance) if distance == size => Fit::Exact,
            Some(distance) if distance > size && function.elf_size == size && size != 0 => {
                Fit::Possible
            }
            Some(_) => Fit::No,
        }
    }

    /// Whether an offset lies behind the code of a function, in the padding that follows it.
    pub(super) fn is_behind(function: Candidate, offset: u64) -> bool {
        function.elf_size != 0 && offset >= function.elf_size
    }
}

/// How far a printed size fits a function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Fit {
    /// It is another function's.
    No,
    /// It may be this function's.
    Possible,
    /// It is the distance to the next symbol.
    Exact,
}

/// What begins the names that kallsyms leaves out: scripts/kallsyms.c and scripts/mksysmap of Linux
/// 2.6.32 to 6.12.
const LEFT_OUT: [&[u8]; 14] = [
    b".L",
    b"L0\x01",
    b"__efistub_",
    b"__kvm_nvhe_$",
    b"__kvm_nvhe_.L",
    b"__pi_$",
    b"__pi_.L",
    b"__AArch64ADRPThunk_",
    b"__ARMV5PILongThunk_",
    b"__ARMV7PILongThunk_",
    b"__ThumbV7PILongThunk_",
    b"__LA25Thunk_",
    b"__microLA25Thunk_",
    b"__kcfi_typeid_",
];

/// What ends the names that kallsyms leaves out: code that a linker put between two functions.
const LEFT_OUT_ENDS: [&[u8]; 3] = [b"_from_arm", b"_from_thumb", b"_veneer"];

/// Whether kallsyms knows such a symbol.
pub(super) fn is_printable_symbol(name: &[u8], kind: SymbolKind) -> bool {
    matches!(kind, SymbolKind::Text | SymbolKind::Data | SymbolKind::Unknown)
        && !name.is_empty()
        && !is_mapping_symbol(name)
        && !LEFT_OUT.iter().any(|begin| name.starts_with(begin))
        && !LEFT_OUT_ENDS.iter().any(|end| name.ends_with(end))
}

// $a $t $d             arm
// $x $d                arm64, riscv
// $d.12 $xrv64i2p1     with a number or the instruction set behind
/// Whether a symbol marks where code and data alternate.
fn is_mapping_symbol(name: &[u8]) -> bool {
    match name {
        [b'$', b'a' | b't' | b'd' | b'x'] | [b'$', b'a' | b't' | b'd' | b'x', b'.', ..] => true,
        _ => name.starts_with(b"$xrv"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(symbols: &[(&'static str, SymbolKind, u64, u64)]) -> Table<'static> {
        let mut table = Table {
            heads: HashMap::with_hasher(FixedState::default()),
            functions: Vec::new(),
            starts: Vec::new(),
        };
        for &(name, kind, address, size) in symbols {
            table.add(name.as_bytes(), kind, SectionIndex(1), address, size);
        }
        table.sort();
        table
    }

    #[test]
    fn a_function_reaches_to_the_next_symbol_whatever_its_kind() {
        let table = table(&[
            ("first", SymbolKind::Text, 0x100, 0x19),
            ("alias", SymbolKind::Text, 0x100, 0x19),
            ("label", SymbolKind::Unknown, 0x120, 0),
            ("second", SymbolKind::Text, 0x130, 0x10),
            ("last", SymbolKind::Text, 0x140, 4),
        ]);
        let first = table.find("first")[0];
        assert_eq!(table.kallsyms_size(first), Some(0x20));
        assert_eq!(table.fit(first, 0x20), Fit::Exact);
        assert_eq!(table.fit(first, 0x19), Fit::Possible, "without the padding behind it");
        for size in [0x18, 0x28, 0x30, 0x40] {
            assert_eq!(table.fit(first, size), Fit::No, "{size:#x} is not up to the label");
        }
        assert_eq!(table.fit(table.find("last")[0], 0x1000), Fit::Possible);
        assert_eq!(table.find("label").len(), 1, "assembly has no type");
    }

    #[test]
    fn every_function_of_a_name_is_a_candidate_once() {
        let table = table(&[
            ("dup", SymbolKind::Text, 0x200, 8),
            ("dup", SymbolKind::Text, 0x100, 8),
            ("dup", SymbolKind::Text, 0x100, 8),
        ]);
        let found: Vec<u64> = table.find("dup").iter().map(|found| found.address).collect();
        assert_eq!(found, [0x100, 0x200]);
        assert!(table.find("du").is_empty());
    }

    #[test]
    fn dots_of_powerpc_are_optional() {
        let table = table(&[("kthread", SymbolKind::Text, 0x200, 8)]);
        assert_eq!(table.find(".kthread").len(), 1);
    }

    #[test]
    fn hashes_of_clang_are_those_of_one_build() {
        let table = table(&[
            ("own.llvm.123", SymbolKind::Text, 0x100, 8),
            ("own.llvm.456", SymbolKind::Text, 0x200, 8),
            ("own.llvm.x", SymbolKind::Text, 0x300, 8),
            ("owner.llvm.789", SymbolKind::Text, 0x400, 8),
        ]);
        let found =
            |name: &str| table.find(name).iter().map(|found| found.address).collect::<Vec<_>>();
        assert_eq!(found("own.llvm.456"), [0x200]);
        assert_eq!(found("own"), [0x100, 0x200]);
        assert_eq!(found("owner.llvm.999"), [0x400]);
        assert!(found("ow").is_empty());
    }

    #[test]
    fn marks_of_assemblers_are_no_symbols() {
        for name in [
            "$a",
            "$d",
            "$t",
            "$x",
            "$d.7",
            "$xrv64i2p1_m2p0",
            ".L0 ",
            ".LASF12",
            "",
            "__kcfi_typeid_kfree",
            "__memcpy_veneer",
        ] {
            assert!(!is_printable_symbol(name.as_bytes(), SymbolKind::Unknown), "{name}");
        }
        for name in ["$alloc", "entry_SYSCALL_64", "L0", "veneer_of"] {
            assert!(is_printable_symbol(name.as_bytes(), SymbolKind::Unknown), "{name}");
        }
    }
}
