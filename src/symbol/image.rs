//! One ELF file: a kernel or a module, with its sections laid out.

use std::io;
use std::path::{Path, PathBuf};

use memchr::memmem;
use object::{File, Object, ObjectKind, ObjectSection, SectionFlags, SectionIndex, elf};

use super::bytes::ImageStore;
use super::release::is_release;

/// Why an image could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The system refused, or the file's packing is damaged.
    #[error("failed to read {path}: {cause}")]
    Read {
        /// The file.
        path: String,
        /// What the system or the decoder said.
        cause: io::Error,
    },
    /// The file is no ELF file, or a damaged one.
    #[error("failed to read {path} as ELF: {cause}")]
    Elf {
        /// The file.
        path: String,
        /// What is wrong.
        cause: object::Error,
    },
    /// The file is an ELF file, but no kernel.
    #[error("{path} is no kernel, but {what}; give --vmlinux the vmlinux of the kernel's build")]
    NoKernel {
        /// The file.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// The text names no address.
    #[error(
        "found no symbol with an address in {path}; give System.map, or the text of /proc/kallsyms or /proc/modules read by root (with 0 in /proc/sys/kernel/kptr_restrict)"
    )]
    NoAddresses {
        /// The file.
        path: String,
    },
}

/// In a relocatable file every section begins at address 0. Each is given addresses of its own,
/// from a multiple of this, so that an address names one place.
const SECTION_ALIGNMENT: u64 = 1 << 16;

/// Where the section laid out first begins. Not 0, which linkers leave for what they discarded.
const FIRST_BASE: u64 = 1 << 20;

/// Sections that kernels have and programs have not.
const KERNEL_SECTIONS: [&str; 4] = ["__ksymtab", "__param", ".init.text", ".data..percpu"];

/// An ELF file.
#[derive(Debug)]
pub(super) struct Image<'a> {
    pub(super) path: PathBuf,
    pub(super) file: File<'a>,
    bytes: &'a [u8],
    layout: Vec<Option<u64>>,
}

impl<'a> Image<'a> {
    /// Opens and checks a file.
    pub(super) fn open(store: &'a ImageStore, path: &Path) -> Result<Image<'a>, ImageError> {
        let name = || path.display().to_string();
        let bytes = store.open(path).map_err(|cause| ImageError::Read { path: name(), cause })?;
        Image::parse(path, bytes).map_err(|cause| ImageError::Elf { path: name(), cause })
    }

    /// Opens a kernel's image.
    pub(super) fn open_kernel(store: &'a ImageStore, path: &Path) -> Result<Image<'a>, ImageError> {
        let image = Image::open(store, path)?;
        let refused = |what| ImageError::NoKernel { path: path.display().to_string(), what };
        match image.what_else() {
            Some(what) => Err(refused(what)),
            None => Ok(image),
        }
    }

    /// What the file is instead of a kernel.
    fn what_else(&self) -> Option<&'static str> {
        let has = |section: &str| self.file.section_by_name(section).is_some();
        if self.is_relocatable() {
            let is_module = [".modinfo", ".gnu.linkonce.this_module"].into_iter().any(has);
            return Some(if is_module {
                "a module (its folder is given with --modules)"
            } else {
                "an object file"
            });
        }
        let is_program = [".interp", ".dynstr", ".init_array"].into_iter().any(has);
        let is_kernel = KERNEL_SECTIONS.into_iter().any(has) || self.release().is_some();
        (is_program && !is_kernel).then_some("a program or a library")
    }

    /// Reads the headers of an image.
    pub(super) fn parse(path: &Path, bytes: &'a [u8]) -> Result<Image<'a>, object::Error> {
        let file = File::parse(bytes)?;
        let layout = layout(&file);
        Ok(Image { path: path.to_owned(), file, bytes, layout })
    }

    /// Whether sections are to be laid out and debug sections to be relocated. A kernel linked
    /// with `--emit-relocs` has relocations too, but they are applied already.
    pub(super) fn is_relocatable(&self) -> bool {
        self.file.kind() == ObjectKind::Relocatable
    }

    /// What is added to addresses within a section; nothing for a section that has none.
    pub(super) fn base(&self, section: SectionIndex) -> Option<u64> {
        self.layout.get(section.0).copied().flatten()
    }

    /// Up to `length` bytes of code before a place; nothing where a debug file has none.
    pub(super) fn code_before(
        &self,
        section: usize,
        address: u64,
        length: usize,
    ) -> Option<&'a [u8]> {
        let index = SectionIndex(section);
        let address = address.checked_sub(self.base(index)?)?;
        let section = self.file.section_by_index(index).ok()?;
        let end = usize::try_from(address.checked_sub(section.address())?).ok()?;
        let code = section.data().ok()?.get(..end)?;
        Some(&code[code.len().saturating_sub(length)..])
    }

    /// The build id in hexadecimal digits.
    pub(super) fn build_id(&self) -> Option<String> {
        let id = self.file.build_id().ok().flatten()?;
        Some(hex(id))
    }

    /// The kernel release: of a module the first word of its `vermagic=`, of a kernel that of its
    /// banner.
    pub(super) fn release(&self) -> Option<String> {
        let found = |section: &str, mark: &[u8]| {
            let data = self.file.section_by_name(section)?.data().ok()?;
            memmem::find_iter(data, mark).find_map(|at| {
                let word = data[at + mark.len()..].iter().take(128);
                let word = word.take_while(|byte| byte.is_ascii_graphic()).copied();
                String::from_utf8(word.collect()).ok().filter(|word| is_release(word))
            })
        };
        found(".modinfo", b"vermagic=").or_else(|| found(".rodata", b"Linux version "))
    }

    /// The checksum of the whole file, as `.gnu_debuglink` has it.
    pub(super) fn checksum(&self) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(self.bytes);
        crc.sum()
    }

    /// Whether there is line information.
    pub(super) fn has_lines(&self) -> bool {
        self.file.section_by_name(".debug_line").is_some()
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 0xf)]).flatten().collect()
}

/// The base of every section, by its index.
fn layout(file: &File<'_>) -> Vec<Option<u64>> {
    let is_relocatable = file.kind() == ObjectKind::Relocatable;
    let mut bases = Vec::new();
    let mut next = FIRST_BASE;
    for section in file.sections() {
        let index = section.index().0;
        // Indices ascend; the check keeps a damaged table from asking for memory.
        if index < bases.len() || index > bases.len() + 1 {
            continue;
        }
        bases.resize(index, None);
        let base = match (is_allocated(section.flags()), is_relocatable) {
            (false, _) => None,
            (true, false) => Some(0),
            (true, true) => {
                let base = next;
                let end = base.saturating_add(section.size().min(1 << 40));
                next = end.saturating_add(SECTION_ALIGNMENT) & !(SECTION_ALIGNMENT - 1);
                Some(base)
            }
        };
        bases.push(base);
    }
    bases
}

fn is_allocated(flags: SectionFlags) -> bool {
    matches!(flags, SectionFlags::Elf { sh_flags, .. } if sh_flags.contains(elf::SHF_ALLOC))
}
