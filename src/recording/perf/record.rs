//! The records of a `perf.data`, in the order of their times.

use std::io::{self, Write};
use std::ops::Range;

use super::attribute::Attributes;
use super::sample::SampleId;
use crate::recording::bytes::{ByteOrder, Bytes};

/// The packed records of a recording unpack to no more than this.
const MAX_UNPACKED_BYTES: usize = 2 << 30;

/// The decoder refuses input that wants a larger window than this.
const MAX_WINDOW_LOG: u32 = 27;

/// Bytes in front of each record.
const HEAD_BYTES: usize = 8;

/// Kinds of records (`enum perf_event_type`, and `enum perf_user_event_type` of perf's own).
pub(super) mod kind {
    pub(super) const MMAP: u32 = 1;
    pub(super) const LOST: u32 = 2;
    pub(super) const COMM: u32 = 3;
    pub(super) const FORK: u32 = 7;
    pub(super) const SAMPLE: u32 = 9;
    pub(super) const MMAP2: u32 = 10;
    pub(super) const LOST_SAMPLES: u32 = 13;
    pub(in super::super) const HEADER_ATTR: u32 = 64;
    pub(in super::super) const TRACING_DATA: u32 = 66;
    pub(super) const AUXTRACE: u32 = 71;
    pub(super) const COMPRESSED: u32 = 81;
    pub(super) const COMPRESSED2: u32 = 83;
}

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RecordKind {
    /// An event.
    Sample,
    /// A thread has a new name.
    Comm,
    /// There is a new thread.
    Fork,
    /// Something is mapped.
    Mmap,
    /// The same, in more words.
    Mmap2,
    /// Records were lost.
    Lost,
    /// Samples were lost.
    LostSamples,
    /// Anything else.
    Other(u32),
}

impl RecordKind {
    fn of(kind: u32) -> RecordKind {
        match kind {
            kind::MMAP => RecordKind::Mmap,
            kind::LOST => RecordKind::Lost,
            kind::COMM => RecordKind::Comm,
            kind::FORK => RecordKind::Fork,
            kind::SAMPLE => RecordKind::Sample,
            kind::MMAP2 => RecordKind::Mmap2,
            kind::LOST_SAMPLES => RecordKind::LostSamples,
            other => RecordKind::Other(other),
        }
    }
}

/// A record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    /// What it is.
    pub(super) kind: RecordKind,
    /// What more there is to say, in bits.
    misc: u16,
    /// What is behind its head.
    pub(super) body: &'a [u8],
}

impl Record<'_> {
    /// Whether the kernel made it of itself: `PERF_RECORD_MISC_KERNEL`.
    pub(super) fn is_of_kernel(&self) -> bool {
        self.misc & 7 == 1
    }

    /// Whether what is lost was left out by a filter: `PERF_RECORD_MISC_LOST_SAMPLES_BPF`.
    pub(super) fn is_of_filter(&self) -> bool {
        self.kind == RecordKind::LostSamples && self.misc >> 15 == 1
    }
}

/// Where a record is in a file.
pub(super) struct RawRecord {
    /// Its kind.
    pub(super) kind: u32,
    misc: u16,
    start: usize,
    /// What is behind its head.
    pub(super) body: Range<usize>,
    /// What follows it, and is no record: the layouts of events, or what other hardware traced.
    pub(super) behind: Range<usize>,
    /// Whether all of it is there.
    pub(super) is_whole: bool,
}

/// Goes from record to record.
pub(super) struct RawRecords<'a> {
    bytes: &'a [u8],
    rest: Range<usize>,
    order: ByteOrder,
}

impl<'a> RawRecords<'a> {
    /// The records of a part of the bytes.
    pub(super) fn new(bytes: &'a [u8], part: Range<usize>, order: ByteOrder) -> RawRecords<'a> {
        RawRecords { bytes, rest: part, order }
    }
}

impl Iterator for RawRecords<'_> {
    type Item = RawRecord;

    fn next(&mut self) -> Option<RawRecord> {
        let start = self.rest.start;
        let rest = self.bytes.get(self.rest.clone()).filter(|rest| !rest.is_empty())?;
        let mut record = RawRecord {
            kind: u32::MAX,
            misc: 0,
            start,
            body: start..start,
            behind: start..start,
            is_whole: false,
        };
        let mut bytes = Bytes::new(rest, self.order);
        let end = self.rest.end;
        self.rest.start = end;
        let mut head = || {
            let (kind, misc, size) = (bytes.word()?, bytes.half()?, bytes.half()?);
            let length = usize::from(size).checked_sub(HEAD_BYTES)?;
            bytes.take(length).map(|body| (kind, misc, body))
        };
        let Some((kind, misc, body)) = head() else { return Some(record) };
        record.kind = kind;
        record.misc = misc;
        record.body = start + HEAD_BYTES..start + HEAD_BYTES + body.len();
        let mut inside = Bytes::new(body, self.order);
        let behind = match kind {
            kind::TRACING_DATA => inside.word().map_or(0, u64::from).next_multiple_of(8),
            kind::AUXTRACE => inside.long().unwrap_or(0),
            _ => 0,
        };
        let left = end - record.body.end;
        let length = usize::try_from(behind).unwrap_or(usize::MAX);
        record.behind = record.body.end..record.body.end + length.min(left);
        record.is_whole = length <= left;
        self.rest.start = record.behind.end;
        Some(record)
    }
}

/// All records of a recording.
pub(super) struct Records {
    file: Vec<u8>,
    data: Range<usize>,
    /// What was packed in some of them.
    unpacked: Vec<u8>,
    order: ByteOrder,
    is_whole: bool,
}

/// Where a record is, and when it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Index {
    time: u64,
    area: Area,
    at: usize,
}

/// What a record stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Area {
    /// The file.
    File,
    /// What was packed.
    Unpacked,
}

impl Records {
    /// The records of a part of a file.
    pub(super) fn new(file: Vec<u8>, data: Range<usize>, order: ByteOrder) -> Records {
        let unpacked = unpack(&file, data.clone(), order);
        let (unpacked, is_whole) = (unpacked.bytes, !unpacked.is_damaged);
        let mut records = Records { file, data, unpacked, order, is_whole };
        let [in_file, packed] = [Area::File, Area::Unpacked]
            .map(|area| records.raw(area).all(|record| record.is_whole));
        records.is_whole &= in_file && packed;
        records
    }

    /// The order of bytes.
    pub(super) fn order(&self) -> ByteOrder {
        self.order
    }

    /// Whether none is cut off.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    fn area(&self, area: Area) -> (&[u8], Range<usize>) {
        match area {
            Area::File => (&self.file, self.data.clone()),
            Area::Unpacked => (&self.unpacked, 0..self.unpacked.len()),
        }
    }

    fn raw(&self, area: Area) -> RawRecords<'_> {
        let (bytes, part) = self.area(area);
        RawRecords::new(bytes, part, self.order)
    }

    /// Where the records are that are read, by their times. Each CPU has a buffer of its own, and
    /// perf writes one after another.
    pub(super) fn in_order(&self, attributes: &Attributes) -> Vec<Index> {
        let mut index = Vec::new();
        for area in [Area::File, Area::Unpacked] {
            for raw in self.raw(area) {
                let place = Index { time: 0, area, at: raw.start };
                let Some(record) = self.at(place) else { continue };
                if !matches!(record.kind, RecordKind::Other(_)) {
                    let time = self.time(&record, attributes).unwrap_or(0);
                    index.push(Index { time, ..place });
                }
            }
        }
        index.sort_by_key(|place| place.time);
        index
    }

    fn time(&self, record: &Record<'_>, attributes: &Attributes) -> Option<u64> {
        let id = if record.kind == RecordKind::Sample {
            let layout = attributes.layout_of_sample(record.body, self.order);
            SampleId::parse_beginning(layout, &mut Bytes::new(record.body, self.order))
        } else {
            let layout = attributes.layout_of_other(record.body, self.order);
            SampleId::parse_end(layout, record.body, self.order)
        };
        id?.time
    }

    /// A record.
    pub(super) fn at(&self, place: Index) -> Option<Record<'_>> {
        let (bytes, part) = self.area(place.area);
        let raw = RawRecords::new(bytes, place.at..part.end, self.order).next()?;
        let body = bytes.get(raw.body)?;
        Some(Record { kind: RecordKind::of(raw.kind), misc: raw.misc, body })
    }
}

/// What was packed in the records of a recording.
struct Unpacked {
    bytes: Vec<u8>,
    is_damaged: bool,
}

/// Unpacks what `perf record -z` packed: one stream, cut into records.
fn unpack(file: &[u8], data: Range<usize>, order: ByteOrder) -> Unpacked {
    let mut unpacked = Unpacked { bytes: Vec::new(), is_damaged: false };
    let mut room = Bounded { bytes: &mut unpacked.bytes };
    let mut decoder = None;
    for record in RawRecords::new(file, data, order) {
        let body = file.get(record.body).unwrap_or_default();
        let packed = match record.kind {
            kind::COMPRESSED => body,
            kind::COMPRESSED2 => {
                let mut inside = Bytes::new(body, order);
                let length = inside.long().unwrap_or(0);
                inside.take_long(length).unwrap_or(inside.rest())
            }
            _ => continue,
        };
        if decoder.is_none() {
            decoder = zstd::stream::write::Decoder::new(&mut room).ok();
            let window = |decoder: &mut zstd::stream::write::Decoder<'_, &mut Bounded<'_>>| {
                decoder.window_log_max(MAX_WINDOW_LOG)
            };
            unpacked.is_damaged |= decoder.as_mut().is_none_or(|it| window(it).is_err());
        }
        let Some(decoder) = &mut decoder else { break };
        if decoder.write_all(packed).and_then(|()| decoder.flush()).is_err() {
            unpacked.is_damaged = true;
            break;
        }
    }
    drop(decoder);
    unpacked
}

/// Takes what is unpacked, up to a bound.
struct Bounded<'a> {
    bytes: &'a mut Vec<u8>,
}

impl Write for Bounded<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(buffer.len()) > MAX_UNPACKED_BYTES {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.bytes.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
