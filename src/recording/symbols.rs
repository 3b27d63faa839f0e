//! The kernel's functions, by the text of `/proc/kallsyms` that a recording holds, or by a text that
//! was given with it.

/// No name of the kernel's is longer.
const MAX_NAME_BYTES: usize = 512;

/// No function is longer: what lies farther behind one is no part of it.
const MAX_FUNCTION_BYTES: u64 = 1 << 20;

/// A text that is larger than this is not of a kernel.
pub(super) const MAX_TEXT_BYTES: usize = 256 << 20;

/// The functions of a kernel.
#[derive(Clone, Debug, Default)]
pub(super) struct KernelSymbols {
    text: Vec<u8>,
    /// By address.
    symbols: Vec<Symbol>,
}

/// A symbol, and where its name stands in the text.
#[derive(Clone, Copy, Debug)]
struct Symbol {
    address: u64,
    name: u32,
    kind: SymbolKind,
}

/// What a symbol names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SymbolKind {
    Function,
    /// It only tells where the function before it ends.
    Data,
}

/// A place in a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KernelPlace<'a> {
    /// The function.
    pub(super) function: &'a [u8],
    /// How far it is from the function's beginning.
    pub(super) offset: u64,
    /// The module that has it.
    pub(super) module: Option<&'a [u8]>,
}

/// A symbol whose address in the recorded kernel is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Landmark {
    /// Its name.
    pub(super) name: Vec<u8>,
    /// Where it was.
    pub(super) address: u64,
}

impl KernelSymbols {
    // ffffffffb2000000 T startup_64
    // ffffffffc066d100 t leaky_alloc_buf	[leaky]
    /// Reads the text. Addresses that the kernel kept to itself are zeros, and name nothing.
    pub(super) fn parse(text: &[u8]) -> KernelSymbols {
        if text.len() > MAX_TEXT_BYTES {
            return KernelSymbols::default();
        }
        let mut symbols = Vec::new();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text).chain([text.len()]) {
            symbols.extend(symbol(&text[start..end], start));
            start = end + 1;
        }
        symbols.sort_by_key(|symbol| symbol.address);
        KernelSymbols { text: text.to_vec(), symbols }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.symbols.iter().all(|symbol| symbol.kind == SymbolKind::Data)
    }

    /// The functions at the addresses that they had where one symbol is known to have stood; nothing
    /// if there is no such symbol. Those of modules stay only where the kernel was not moved: from
    /// boot to boot each is loaded to another place.
    pub(super) fn fitted(mut self, landmark: &Landmark) -> Option<KernelSymbols> {
        let is_meant = |symbol: &&Symbol| {
            self.words(**symbol).next().is_some_and(|name| name == landmark.name)
        };
        let shift = landmark.address.wrapping_sub(self.symbols.iter().find(is_meant)?.address);
        if shift != 0 {
            let mut symbols = std::mem::take(&mut self.symbols);
            symbols.retain(|symbol| self.words(*symbol).nth(1).is_none());
            for symbol in &mut symbols {
                symbol.address = symbol.address.wrapping_add(shift);
            }
            symbols.sort_by_key(|symbol| symbol.address);
            self.symbols = symbols;
        }
        Some(self)
    }

    /// The name of a symbol, and that of its module.
    fn words(&self, symbol: Symbol) -> impl Iterator<Item = &[u8]> {
        let start = usize::try_from(symbol.name).unwrap_or(usize::MAX);
        let text = self.text.get(start..).unwrap_or_default();
        let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
    }

    /// The function that an address lies in.
    pub(super) fn find(&self, address: u64) -> Option<KernelPlace<'_>> {
        let end = self.symbols.partition_point(|symbol| symbol.address <= address);
        let before = self.symbols.get(..end)?;
        let start = before.last()?.address;
        let offset = address.checked_sub(start).filter(|&offset| offset < MAX_FUNCTION_BYTES)?;
        let same = before.iter().rev().take_while(|symbol| symbol.address == start);
        let symbol = same.filter(|symbol| symbol.kind == SymbolKind::Function).last()?;
        let mut words = self.words(*symbol);
        let function = words.next()?;
        let module = words.next().and_then(|word| word.strip_prefix(b"[")?.strip_suffix(b"]"));
        Some(KernelPlace { function, offset, module })
    }
}

/// Reads a line, which stands at `start`.
fn symbol(line: &[u8], start: usize) -> Option<Symbol> {
    let blank = memchr::memchr(b' ', line)?;
    let digits = std::str::from_utf8(line.get(..blank)?).ok()?;
    let address = u64::from_str_radix(digits, 16).ok().filter(|&address| address != 0)?;
    let kind = match line.get(blank + 1)? {
        b't' | b'T' | b'w' | b'W' => SymbolKind::Function,
        _ => SymbolKind::Data,
    };
    let name = line.get(blank + 3..)?;
    // arm marks what is code and what is data with symbols of their own.
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.starts_with(b"$") {
        return None;
    }
    let name = u32::try_from(start.checked_add(blank + 3)?).ok()?;
    Some(Symbol { address, name, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"\
0000000000000000 A fixed_percpu_data
ffffffffb2000000 T startup_64
ffffffffb2000100 T kfree
ffffffffb2000200 D jiffies
ffffffffc066d100 t leaky_alloc_buf\t[leaky]
ffffffffc066d100 t leaky_alias\t[leaky]
broken line
";

    fn name(address: u64) -> Option<(String, u64, Option<String>)> {
        let symbols = KernelSymbols::parse(TEXT);
        let place = symbols.find(address)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some((text(place.function), place.offset, place.module.map(text)))
    }

    #[test]
    fn an_address_is_named_by_the_function_before_it() {
        assert_eq!(name(0xffff_ffff_b200_0134), Some(("kfree".to_owned(), 0x34, None)));
        let leaky = Some(("leaky_alloc_buf".to_owned(), 0x1f, Some("leaky".to_owned())));
        assert_eq!(name(0xffff_ffff_c066_d11f), leaky);
    }

    #[test]
    fn functions_move_with_a_kernel_and_modules_do_not() {
        let fitted = |name: &[u8], address| {
            KernelSymbols::parse(TEXT).fitted(&Landmark { name: name.to_vec(), address })
        };
        let same = fitted(b"startup_64", 0xffff_ffff_b200_0000).expect("it is there");
        assert!(same.find(0xffff_ffff_c066_d11f).is_some());
        let moved = fitted(b"startup_64", 0xffff_ffff_9000_0000).expect("it is there");
        let place = moved.find(0xffff_ffff_9000_0134).expect("it moved");
        assert_eq!((place.function, place.offset), (&b"kfree"[..], 0x34));
        assert_eq!(moved.find(0xffff_ffff_c066_d11f), None);
        assert!(fitted(b"_text", 0).is_none());
        assert!(KernelSymbols::parse(b"0000000000000000 T kfree\n").is_empty());
    }

    #[test]
    fn what_lies_in_no_function_has_no_name() {
        for address in [0, 0x1000, 0xffff_ffff_b200_0210, 0xffff_ffff_c100_0000, u64::MAX] {
            assert_eq!(name(address), None, "{address:#x}");
        }
    }
}
