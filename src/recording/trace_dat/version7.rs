//! The layout of a `trace.dat` of version 7: sections, and lists of options that tell where they are.

use std::ops::Range;

use super::contents::{Clock, Contents, CpuPart, MAX_CPUS, Storage, page_size};
use super::packing::{Packing, UnpackedRoom};
use crate::recording::RecordingError;
use crate::recording::bytes::{Bytes, Part, part};
use crate::recording::metadata::Metadata;

/// So many lists of options are read; trace-cmd writes two or three.
const MAX_LISTS: usize = 100;

/// So many sections are read that say something of the kernel; there are five.
const MAX_PLACES: usize = 64;

/// No list of options is longer.
const MAX_LIST_BYTES: usize = 16 << 20;

/// Bytes in front of each section.
const HEAD_BYTES: usize = 16;

/// The flag of a section that is packed.
const IS_PACKED: u16 = 1;

/// What sections hold, and what options tell the place of.
mod id {
    pub(super) const OPTIONS: u16 = 0;
    pub(super) const DONE: u16 = 0;
    pub(super) const BUFFER: u16 = 3;
    pub(super) const HEADER_INFO: u16 = 16;
    pub(super) const FTRACE_FORMATS: u16 = 17;
    pub(super) const EVENT_FORMATS: u16 = 18;
    pub(super) const KALLSYMS: u16 = 19;
    pub(super) const COMMS: u16 = 21;
}

/// Reads what a recording says of itself; `bytes` begins behind its preamble.
pub(super) fn contents(
    file: &[u8],
    mut bytes: Bytes<'_>,
    metadata: Metadata,
) -> Result<Contents, RecordingError> {
    let packing = bytes.text().ok_or(RecordingError::CutShort)?;
    let packing = Packing::named(packing)?;
    bytes.text().ok_or(RecordingError::CutShort)?;
    let options = bytes.long().ok_or(RecordingError::CutShort)?;
    let first = file.len() - bytes.rest().len();
    let contents = Contents {
        metadata,
        packing,
        room: UnpackedRoom::new(),
        clock: Clock::Nanoseconds,
        cpus: Vec::new(),
        is_whole: true,
    };
    let mut reader = SectionReader { file, contents, places: Vec::new() };
    if reader.take_lists(options).is_none() || reader.contents.cpus.is_empty() {
        reader.contents.is_whole = false;
        reader.search(first);
    }
    reader.take_sections();
    match reader.contents {
        contents if contents.metadata.formats.is_empty() && !contents.is_whole => {
            Err(RecordingError::CutShort)
        }
        contents => Ok(contents),
    }
}

/// A section.
#[derive(Clone)]
struct Section {
    id: u16,
    storage: Storage,
    body: Range<usize>,
    is_whole: bool,
}

/// Reads sections.
struct SectionReader<'a> {
    file: &'a [u8],
    contents: Contents,
    /// Sections that say something of the kernel.
    places: Vec<Section>,
}

impl<'a> SectionReader<'a> {
    fn section(&self, offset: u64) -> Option<Section> {
        let at = usize::try_from(offset).ok()?;
        let mut head = self.bytes(self.file.get(at..at.checked_add(HEAD_BYTES)?)?);
        let (id, flags) = (head.half()?, head.half()?);
        let _description = head.word()?;
        let size = head.long()?;
        let body = part(self.file, offset.checked_add(HEAD_BYTES as u64)?, size);
        let storage = if flags & IS_PACKED == 0 { Storage::Plain } else { Storage::Packed };
        Some(Section { id, storage, body: body.range, is_whole: body.is_whole })
    }

    fn bytes(&self, of: &'a [u8]) -> Bytes<'a> {
        Bytes::new(of, self.contents.metadata.order)
    }

    /// What a section holds, unpacked.
    fn unpack(&mut self, section: &Section) -> Option<Vec<u8>> {
        let body = self.file.get(section.body.clone())?;
        match section.storage {
            Storage::Plain => Some(body.to_vec()),
            Storage::Packed => {
                let mut bytes = self.bytes(body);
                let (packed, size) = (bytes.word()?, bytes.word()?);
                let length = usize::try_from(packed).ok()?.min(bytes.rest().len());
                let packing = self.contents.packing;
                let unpacked = packing.unpack(bytes.take(length)?, size, &mut self.contents.room);
                self.contents.is_whole &= unpacked.is_whole;
                Some(unpacked.bytes)
            }
        }
    }

    /// Reads the lists of options, each of which tells where the next one is. Nothing where one of
    /// them is not there.
    fn take_lists(&mut self, first: u64) -> Option<()> {
        let mut next = first;
        for _ in 0..MAX_LISTS {
            let section = self.section(next).filter(|section| section.id == id::OPTIONS)?;
            if section.body.len() > MAX_LIST_BYTES {
                return None;
            }
            let list = self.unpack(&section)?;
            next = self.take_options(&list)?;
            if next == 0 {
                return Some(());
            }
        }
        None
    }

    /// Reads a list, and tells where the next one is.
    fn take_options(&mut self, list: &[u8]) -> Option<u64> {
        let mut options = Bytes::new(list, self.contents.metadata.order);
        loop {
            let option = options.half()?;
            let length = options.word()?;
            let data = options.take_long(length.into())?;
            let mut data = options.within(data);
            match option {
                id::DONE => return data.long(),
                id::BUFFER => self.take_buffer(&mut data)?,
                id::HEADER_INFO..=id::COMMS => {
                    let place = data.long()?;
                    match self.section(place).filter(|section| section.id == option) {
                        Some(section) if self.places.len() < MAX_PLACES => {
                            self.places.push(section);
                        }
                        _ => self.contents.is_whole = false,
                    }
                }
                _ => {}
            }
        }
    }

    /// Reads where the events of each CPU lie.
    fn take_buffer(&mut self, data: &mut Bytes<'_>) -> Option<()> {
        let place = data.long()?;
        let storage = self.section(place).map_or(Storage::Plain, |section| section.storage);
        let end = self.section(place).map_or(0, |section| section.body.end);
        let _name = data.text()?;
        self.contents.clock = Clock::named(data.text()?);
        let page_size = page_size(data.word()?)?;
        let count = data.word()?;
        for _ in 0..count {
            if self.contents.cpus.len() >= MAX_CPUS {
                return None;
            }
            let cpu = data.word()?;
            let (offset, size) = (data.long()?, data.long()?);
            let mut part = part(self.file, offset, size);
            if storage == Storage::Packed {
                // trace-cmd does not count all of what stands in front of packed blocks.
                part = self.blocks(part.range.start, end);
            }
            self.contents.cpus.push(CpuPart { cpu, part, storage, page_size });
        }
        Some(())
    }

    /// Finds the sections of a file that breaks off before its last list of options: they stand one
    /// behind another.
    fn search(&mut self, first: usize) {
        self.places.clear();
        self.contents.cpus.clear();
        let mut next = first;
        while let Some(section) = self.section(next as u64) {
            next = section.body.end;
            match section.id {
                id::BUFFER => self.search_cpus(&section),
                id::HEADER_INFO..=id::COMMS if self.places.len() < MAX_PLACES => {
                    self.places.push(section);
                }
                _ => {}
            }
        }
    }

    /// Finds the events of each CPU where they are packed: each begins at a page, with the number of
    /// its blocks. Where they are not, nothing tells one CPU from the next.
    fn search_cpus(&mut self, section: &Section) {
        let Some(page_size) = page_size(self.contents.metadata.page_size) else { return };
        let mut at = section.body.start;
        for cpu in 0.. {
            at = at.next_multiple_of(page_size);
            if at >= section.body.end
                || self.contents.cpus.len() >= MAX_CPUS
                || section.storage == Storage::Plain && cpu > 0
            {
                return;
            }
            let part = match section.storage {
                Storage::Packed => self.blocks(at, section.body.end),
                Storage::Plain => Part { range: at..section.body.end, is_whole: true },
            };
            at = part.range.end;
            let storage = section.storage;
            self.contents.cpus.push(CpuPart { cpu, part, storage, page_size });
        }
    }

    /// The packed blocks of a CPU, which begin with their number.
    fn blocks(&self, start: usize, end: usize) -> Part {
        let mut bytes = self.bytes(self.file.get(start..end).unwrap_or_default());
        let mut left = bytes.word();
        while let Some(1..) = left {
            let length = bytes.word().and_then(|length| bytes.word().map(|_| length));
            if length.and_then(|length| bytes.take_long(length.into())).is_none() {
                return Part { range: start..end.max(start), is_whole: false };
            }
            left = left.and_then(|left| left.checked_sub(1));
        }
        Part { range: start..end.max(start) - bytes.rest().len(), is_whole: left.is_some() }
    }

    /// Reads what the sections say of the kernel.
    fn take_sections(&mut self) {
        for section in std::mem::take(&mut self.places) {
            self.contents.is_whole &= section.is_whole;
            let Some(body) = self.unpack(&section) else {
                self.contents.is_whole = false;
                continue;
            };
            let mut bytes = Bytes::new(&body, self.contents.metadata.order);
            let metadata = &mut self.contents.metadata;
            let taken = match section.id {
                id::HEADER_INFO => metadata.take_header_info(&mut bytes),
                id::FTRACE_FORMATS => metadata.take_ftrace_formats(&mut bytes),
                id::EVENT_FORMATS => metadata.take_event_formats(&mut bytes),
                id::KALLSYMS => metadata.take_kallsyms(&mut bytes),
                id::COMMS => metadata.take_comms(&mut bytes),
                _ => Some(()),
            };
            self.contents.is_whole &= taken.is_some();
        }
    }
}
