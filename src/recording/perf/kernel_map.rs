//! Where in the address space the parts of the kernel lie, as perf recorded it.

use super::record::{Record, RecordKind};
use crate::recording::bytes::{ByteOrder, Bytes};
use crate::recording::symbols::Landmark;

/// What perf calls the kernel itself.
const KERNEL: &[u8] = b"[kernel.kallsyms]";

/// A kernel has fewer modules than that.
const MAX_MODULES: usize = 1 << 13;

/// Longer names are cut.
const MAX_NAME_BYTES: usize = 256;

// PERF_RECORD_MMAP -1/0: [0xffffffffb4c00000(0xe01d32) @ 0xffffffffb4c00000]: x [kernel.kallsyms]_text
/// The symbol whose address stands in the record that maps the kernel itself.
pub(super) fn landmark(record: &Record<'_>, order: ByteOrder) -> Option<Landmark> {
    if !record.is_of_kernel() {
        return None;
    }
    let mapping = Mapping::take(record, &mut Bytes::new(record.body, order))?;
    let name = mapping.name.strip_prefix(KERNEL).filter(|name| !name.is_empty())?;
    Some(Landmark { name: name.to_vec(), address: mapping.offset })
}

/// What a record says of something that was mapped.
struct Mapping<'a> {
    start: u64,
    length: u64,
    /// Where in the file it begins; of the kernel, the address of the symbol in its name.
    offset: u64,
    name: &'a [u8],
}

impl<'a> Mapping<'a> {
    fn take(record: &Record<'_>, body: &mut Bytes<'a>) -> Option<Mapping<'a>> {
        let tail = match record.kind {
            RecordKind::Mmap => 0,
            // What tells the file apart, and what may be done in the mapping.
            RecordKind::Mmap2 => 32,
            _ => return None,
        };
        let (_, _) = (body.word()?, body.word()?);
        let (start, length, offset) = (body.long()?, body.long()?, body.long()?);
        body.take(tail)?;
        Some(Mapping { start, length, offset, name: body.text()? })
    }
}

/// The modules of a kernel.
#[derive(Default)]
pub(super) struct KernelMap {
    /// By address.
    modules: Vec<Module>,
}

/// A module.
struct Module {
    start: u64,
    length: u64,
    name: Vec<u8>,
}

impl KernelMap {
    // PERF_RECORD_MMAP -1/0: [0xffffffffc05a2000(0xe000) @ 0]: x [netfs]
    /// Takes what a record says, if it is of the kernel.
    pub(super) fn take(&mut self, record: &Record<'_>, body: &mut Bytes<'_>) -> Option<()> {
        let Mapping { start, length, name, .. } = Mapping::take(record, body)?;
        let is_module = record.is_of_kernel() && !name.starts_with(KERNEL);
        if is_module && self.modules.len() < MAX_MODULES {
            let name = name[..name.len().min(MAX_NAME_BYTES)].to_vec();
            let before = self.modules.partition_point(|module| module.start <= start);
            self.modules.insert(before, Module { start, length, name });
        }
        Some(())
    }

    /// The part that an address lies in. What is in no module, or in one that is gone, is the
    /// kernel's.
    pub(super) fn find(&self, address: u64) -> &[u8] {
        let end = self.modules.partition_point(|module| module.start <= address);
        let before = end.checked_sub(1).and_then(|at| self.modules.get(at));
        let module = before.filter(|module| address - module.start < module.length);
        module.map_or(KERNEL, |module| &module.name)
    }
}
