//! The events of a CPU, one after another.

use std::ops::Range;

use super::contents::{Contents, CpuPart, Storage};
use super::packing::Unpacked;
use super::page::{Missed, PageEntries};
use crate::recording::bytes::Bytes;

/// The events of a CPU.
pub(super) struct CpuStream {
    cpu: u32,
    storage: Storage,
    page_size: usize,
    /// What was not read yet.
    rest: Range<usize>,
    /// How many packed blocks are in it; not known before the first was read.
    blocks: Option<u32>,
    /// Pages that were read.
    block: Vec<u8>,
    /// Where in the block the next page begins.
    next_page: usize,
    /// Where in the block the present page begins.
    page: usize,
    /// The entries of the present page that are still to come, the first one last.
    entries: Vec<(u64, Range<usize>)>,
    record: Range<usize>,
    missed: Missed,
    is_whole: bool,
}

impl CpuStream {
    /// The events of a part of a file.
    pub(super) fn new(cpu: CpuPart) -> CpuStream {
        CpuStream {
            cpu: cpu.cpu,
            storage: cpu.storage,
            page_size: cpu.page_size,
            rest: cpu.part.range,
            blocks: None,
            block: Vec::new(),
            next_page: 0,
            page: 0,
            entries: Vec::new(),
            record: 0..0,
            missed: Missed::Nothing,
            is_whole: true,
        }
    }

    /// The CPU.
    pub(super) fn cpu(&self) -> u32 {
        self.cpu
    }

    /// Whether nothing was damaged so far.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The bytes of the present event.
    pub(super) fn record(&self) -> &[u8] {
        self.block.get(self.record.clone()).unwrap_or_default()
    }

    /// What was lost before it.
    pub(super) fn missed(&self) -> Missed {
        self.missed
    }

    /// Goes on to the next event, and tells when it was made; nothing at the end.
    pub(super) fn advance(&mut self, file: &[u8], contents: &mut Contents) -> Option<u64> {
        self.missed = Missed::Nothing;
        loop {
            if let Some((time, place)) = self.entries.pop() {
                self.record = self.page + place.start..self.page + place.end;
                return Some(time);
            }
            if self.next_page >= self.block.len() {
                self.next_block(file, contents)?;
            }
            let end = self.next_page.saturating_add(self.page_size).min(self.block.len());
            let page = self.block.get(self.next_page..end)?;
            let metadata = &contents.metadata;
            let parsed = PageEntries::parse(page, metadata.page, metadata.order);
            self.is_whole &= parsed.is_whole;
            self.page = self.next_page;
            self.next_page = end;
            self.entries = parsed.entries;
            // What was lost before a page without entries was lost before the next one.
            if parsed.missed != Missed::Nothing {
                self.missed = parsed.missed;
            }
        }
    }

    /// Reads the next page, or the next block of packed ones.
    fn next_block(&mut self, file: &[u8], contents: &mut Contents) -> Option<()> {
        self.next_page = 0;
        self.block.clear();
        let rest = file.get(self.rest.clone())?;
        match self.storage {
            Storage::Plain => {
                let length = rest.len().min(self.page_size);
                self.block.extend_from_slice(rest.get(..length)?);
                self.rest.start += length;
            }
            Storage::Packed => {
                let mut bytes = Bytes::new(rest, contents.metadata.order);
                let left = self.blocks.or_else(|| bytes.word());
                if left == Some(0) {
                    return None;
                }
                self.blocks = left.and_then(|left| left.checked_sub(1));
                let unpacked = unpack(&mut bytes, contents);
                self.is_whole &= unpacked.as_ref().is_some_and(|unpacked| unpacked.is_whole);
                self.rest.start = self.rest.end - bytes.rest().len();
                self.block = unpacked?.bytes;
            }
        }
        (!self.block.is_empty()).then_some(())
    }
}

/// Unpacks the next block.
fn unpack(bytes: &mut Bytes<'_>, contents: &mut Contents) -> Option<Unpacked> {
    let (packed, size) = (bytes.word()?, bytes.word()?);
    let length = usize::try_from(packed).ok()?.min(bytes.rest().len());
    Some(contents.packing.unpack(bytes.take(length)?, size, &mut contents.room))
}
