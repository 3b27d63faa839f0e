//! The layout of a `trace.dat` of version 6: all parts one behind another.

use super::contents::{Clock, Contents, CpuPart, MAX_CPUS, Storage, page_size};
use super::packing::{Packing, UnpackedRoom};
use crate::recording::RecordingError;
use crate::recording::bytes::{Bytes, part};
use crate::recording::metadata::Metadata;

/// What stands before the list of options, and before that of the CPUs.
const TITLE_BYTES: usize = 10;

/// Options that are read (`TRACECMD_OPTION_BUFFER`, `TRACECMD_OPTION_TRACECLOCK`).
const BUFFER: u16 = 3;
const TRACE_CLOCK: u16 = 4;

/// Reads what a recording says of itself; `bytes` begins behind its preamble.
pub(super) fn contents(
    file: &[u8],
    mut bytes: Bytes<'_>,
    mut metadata: Metadata,
) -> Result<Contents, RecordingError> {
    let cut = RecordingError::CutShort;
    metadata.take_layouts(&mut bytes).ok_or(cut.clone())?;
    metadata.take_names(&mut bytes).ok_or(cut.clone())?;
    metadata.take_comms(&mut bytes).ok_or(cut.clone())?;
    let count = bytes.word().ok_or(cut.clone())?;
    let mut clock = Clock::Nanoseconds;
    let mut instances = Vec::new();
    let mut title = bytes.take(TITLE_BYTES).ok_or(cut.clone())?;
    if title == b"options  \0" {
        take_options(&mut bytes, &mut clock, &mut instances).ok_or(cut.clone())?;
        title = bytes.take(TITLE_BYTES).ok_or(cut)?;
    }
    if title != b"flyrecord\0" {
        return Err(RecordingError::NoEvents);
    }
    let size = page_size(metadata.page_size).ok_or(RecordingError::Damaged)?;
    let order = metadata.order;
    let mut cpus = Vec::new();
    let mut is_whole = take_cpus(file, &mut bytes, count, size, &mut cpus).is_some();
    for offset in instances {
        let rest = usize::try_from(offset).ok().and_then(|at| file.get(at..)).unwrap_or_default();
        let mut bytes = Bytes::new(rest, order);
        if bytes.take(TITLE_BYTES).is_some_and(|title| title == b"flyrecord\0") {
            is_whole &= take_cpus(file, &mut bytes, count, size, &mut cpus).is_some();
        } else {
            is_whole = false;
        }
    }
    let packing = Packing::None;
    Ok(Contents { metadata, packing, room: UnpackedRoom::new(), clock, cpus, is_whole })
}

/// Reads the options up to the one that ends them.
fn take_options(bytes: &mut Bytes<'_>, clock: &mut Clock, instances: &mut Vec<u64>) -> Option<()> {
    loop {
        let option = bytes.half()?;
        if option == 0 {
            return Some(());
        }
        let length = bytes.word()?;
        let data = bytes.take_long(length.into())?;
        match option {
            BUFFER => instances.push(bytes.within(data).long()?),
            TRACE_CLOCK => *clock = Clock::marked(data),
            _ => {}
        }
    }
}

/// Reads where the events of each CPU lie.
fn take_cpus(
    file: &[u8],
    bytes: &mut Bytes<'_>,
    count: u32,
    page_size: usize,
    cpus: &mut Vec<CpuPart>,
) -> Option<()> {
    for cpu in 0..count {
        if cpus.len() >= MAX_CPUS {
            return None;
        }
        let (offset, size) = (bytes.long()?, bytes.long()?);
        let part = part(file, offset, size);
        cpus.push(CpuPart { cpu, part, storage: Storage::Plain, page_size });
    }
    Some(())
}
