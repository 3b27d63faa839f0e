//! Where in a `perf.data` everything is.

use std::ops::Range;

use super::attribute::{Attribute, Attributes};
use super::record::{RawRecords, kind};
use crate::recording::RecordingError;
use crate::recording::bytes::{ByteOrder, Bytes, part};

/// What the header of a pipe says that it is long.
const PIPE_HEADER_BYTES: u64 = 16;

/// A file has no more kinds of events: the kernel has some two thousand.
const MAX_ATTRIBUTES: usize = 1 << 12;

/// The feature that says how events are laid out: `HEADER_TRACING_DATA`.
const TRACING_DATA: u32 = 1;

/// What a recording holds.
pub(super) struct Contents {
    /// The order of bytes.
    pub(super) order: ByteOrder,
    /// The kinds of events that were recorded.
    pub(super) attributes: Attributes,
    /// Where the records lie.
    pub(super) data: Range<usize>,
    /// Where it says how events are laid out.
    pub(super) tracing: Range<usize>,
    /// Whether all is there that it says there is.
    pub(super) is_whole: bool,
}

/// A part of the file, as the file tells it.
#[derive(Clone, Copy)]
struct Section {
    offset: u64,
    size: u64,
}

impl Section {
    fn take(bytes: &mut Bytes<'_>) -> Option<Section> {
        Some(Section { offset: bytes.long()?, size: bytes.long()? })
    }
}

impl Contents {
    /// Reads the header.
    pub(super) fn parse(file: &[u8]) -> Result<Contents, RecordingError> {
        let magic = file.get(..8).ok_or(RecordingError::CutShort)?;
        let order = super::order(magic).ok_or(RecordingError::Damaged)?;
        let mut bytes = Bytes::new(&file[magic.len()..], order);
        match bytes.long().ok_or(RecordingError::CutShort)? {
            PIPE_HEADER_BYTES => of_pipe(file, order),
            _ => of_file(file, bytes, order).ok_or(RecordingError::CutShort),
        }
    }
}

/// What a file holds: `bytes` begins behind the size of its header.
fn of_file(file: &[u8], mut bytes: Bytes<'_>, order: ByteOrder) -> Option<Contents> {
    let attribute_size = bytes.long()?;
    let attributes = Section::take(&mut bytes)?;
    let data = Section::take(&mut bytes)?;
    let _event_types = Section::take(&mut bytes)?;
    let mut features = Vec::new();
    for word in 0..4 {
        let bits = bytes.long()?;
        features.extend((0..64).filter(|bit| bits >> bit & 1 == 1).map(|bit| word * 64 + bit));
    }
    let attributes = take_attributes(file, order, attributes, attribute_size)?;
    let place = part(file, data.offset, data.size);
    // The places of the features stand behind the records, each by its number.
    let table = usize::try_from(data.offset.checked_add(data.size)?).ok()?;
    let mut table = Bytes::new(file.get(table..)?, order);
    let mut tracing = 0..0;
    let mut is_whole = place.is_whole;
    for feature in features {
        let section = Section::take(&mut table)?;
        let part = part(file, section.offset, section.size);
        is_whole &= part.is_whole;
        if feature == TRACING_DATA {
            tracing = part.range;
        }
    }
    Some(Contents { order, attributes, data: place.range, tracing, is_whole })
}

/// Reads the kinds of events, each with the place of its numbers behind it.
fn take_attributes(
    file: &[u8],
    order: ByteOrder,
    section: Section,
    size: u64,
) -> Option<Attributes> {
    let size = usize::try_from(size).ok().filter(|&size| size >= 64)?;
    let entries = file.get(part(file, section.offset, section.size).range)?;
    let mut attributes = Attributes::default();
    for entry in entries.chunks_exact(size).take(MAX_ATTRIBUTES) {
        let (attribute, ids) = entry.split_at(size - 16);
        let attribute = Attribute::parse(&mut Bytes::new(attribute, order))?;
        let ids = Section::take(&mut Bytes::new(ids, order))?;
        let ids = file.get(part(file, ids.offset, ids.size).range)?;
        attributes.push(attribute, &mut Bytes::new(ids, order));
    }
    Some(attributes)
}

/// What a pipe holds: records tell what the header of a file does.
fn of_pipe(file: &[u8], order: ByteOrder) -> Result<Contents, RecordingError> {
    let start = usize::try_from(PIPE_HEADER_BYTES).unwrap_or(0);
    let mut attributes = Attributes::default();
    let mut tracing = 0..0;
    let mut is_whole = true;
    for record in RawRecords::new(file, start..file.len(), order) {
        let body = file.get(record.body.clone()).unwrap_or_default();
        match record.kind {
            kind::HEADER_ATTR if attributes.len() < MAX_ATTRIBUTES => {
                let attribute = Attribute::parse(&mut Bytes::new(body, order));
                let attribute = attribute.ok_or(RecordingError::Damaged)?;
                let ids = body.get(attribute.size()..).unwrap_or_default();
                attributes.push(attribute, &mut Bytes::new(ids, order));
            }
            kind::TRACING_DATA => tracing = record.behind,
            _ => {}
        }
        is_whole &= record.is_whole;
    }
    if tracing.is_empty() {
        return Err(RecordingError::NoFormats);
    }
    Ok(Contents { order, attributes, data: start..file.len(), tracing, is_whole })
}
