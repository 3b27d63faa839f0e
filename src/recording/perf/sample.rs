//! What a record says of an event.

use crate::recording::bytes::{ByteOrder, Bytes};

/// Fields of samples (`enum perf_event_sample_format`).
mod field {
    pub(super) const IP: u64 = 1 << 0;
    pub(super) const TID: u64 = 1 << 1;
    pub(super) const TIME: u64 = 1 << 2;
    pub(super) const ADDR: u64 = 1 << 3;
    pub(super) const READ: u64 = 1 << 4;
    pub(super) const CALLCHAIN: u64 = 1 << 5;
    pub(super) const ID: u64 = 1 << 6;
    pub(super) const CPU: u64 = 1 << 7;
    pub(super) const PERIOD: u64 = 1 << 8;
    pub(super) const STREAM_ID: u64 = 1 << 9;
    pub(super) const RAW: u64 = 1 << 10;
    pub(super) const IDENTIFIER: u64 = 1 << 16;
}

/// What is read of counters (`enum perf_event_read_format`).
mod value {
    pub(super) const TIME_ENABLED: u64 = 1 << 0;
    pub(super) const TIME_RUNNING: u64 = 1 << 1;
    pub(super) const ID: u64 = 1 << 2;
    pub(super) const GROUP: u64 = 1 << 3;
    pub(super) const LOST: u64 = 1 << 4;
}

/// Which fields the records of an event have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Layout {
    fields: u64,
    values: u64,
    /// Those at the end of records that are no samples.
    end_fields: u64,
}

/// Which records tell who made them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// All of them.
    AllRecords,
    /// Samples alone.
    SamplesOnly,
}

/// Those that may stand at the end of records that are no samples.
const END_FIELDS: u64 =
    field::TID | field::TIME | field::ID | field::STREAM_ID | field::CPU | field::IDENTIFIER;

/// Who made a record, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct SampleId {
    /// The thread.
    pub(super) tid: Option<i32>,
    /// Nanoseconds.
    pub(super) time: Option<u64>,
    /// The CPU.
    pub(super) cpu: Option<u32>,
}

/// An event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sample<'a> {
    /// Who made it.
    pub(super) id: SampleId,
    /// The addresses of its backtrace, where one was recorded.
    pub(super) chain: Option<&'a [u8]>,
    /// The record of its tracepoint.
    pub(super) raw: &'a [u8],
}

impl Layout {
    /// A layout with these fields, and these values of counters in one of them.
    pub(super) fn new(fields: u64, values: u64, told: Told) -> Layout {
        let end_fields = match told {
            Told::AllRecords => fields & END_FIELDS,
            Told::SamplesOnly => 0,
        };
        Layout { fields, values, end_fields }
    }

    fn has(self, field: u64) -> bool {
        self.fields & field != 0
    }
}

impl<'a> Sample<'a> {
    /// Reads a sample.
    pub(super) fn parse(layout: Layout, bytes: &mut Bytes<'a>) -> Option<Sample<'a>> {
        let id = SampleId::parse_beginning(layout, bytes)?;
        if layout.has(field::PERIOD) {
            bytes.long()?;
        }
        if layout.has(field::READ) {
            skip_values(layout.values, bytes)?;
        }
        let chain = if layout.has(field::CALLCHAIN) {
            let length = bytes.long()?;
            Some(bytes.take_long(length.checked_mul(8)?)?)
        } else {
            None
        };
        let raw = if layout.has(field::RAW) {
            let length = bytes.word()?;
            bytes.take_long(length.into())?
        } else {
            &[]
        };
        Some(Sample { id, chain, raw })
    }
}

/// Steps over the values of counters.
fn skip_values(values: u64, bytes: &mut Bytes<'_>) -> Option<()> {
    let count_of = |fields: u64| u64::from((values & fields).count_ones());
    let times = count_of(value::TIME_ENABLED | value::TIME_RUNNING);
    let each = 1 + count_of(value::ID | value::LOST);
    let counters = if values & value::GROUP == 0 { 1 } else { bytes.long()? };
    let numbers = counters.checked_mul(each)?.checked_add(times)?;
    bytes.take_long(numbers.checked_mul(8)?).map(|_| ())
}

impl SampleId {
    /// Reads what a sample begins with.
    pub(super) fn parse_beginning(layout: Layout, bytes: &mut Bytes<'_>) -> Option<SampleId> {
        let mut id = SampleId::default();
        let skip = |bytes: &mut Bytes<'_>, fields: u64| {
            let count = (layout.fields & fields).count_ones();
            bytes.take_long(u64::from(count) * 8).map(|_| ())
        };
        skip(bytes, field::IDENTIFIER | field::IP)?;
        if layout.has(field::TID) {
            bytes.word()?;
            id.tid = Some(bytes.word()?.cast_signed());
        }
        if layout.has(field::TIME) {
            id.time = Some(bytes.long()?);
        }
        skip(bytes, field::ADDR | field::ID | field::STREAM_ID)?;
        if layout.has(field::CPU) {
            id.cpu = Some(bytes.word()?);
            bytes.word()?;
        }
        Some(id)
    }

    /// Reads what another record ends with.
    pub(super) fn parse_end(layout: Layout, body: &[u8], order: ByteOrder) -> Option<SampleId> {
        let fields = layout.end_fields;
        let length = usize::try_from(fields.count_ones()).ok()?.checked_mul(8)?;
        let start = body.len().checked_sub(length)?;
        let mut bytes = Bytes::new(body.get(start..)?, order);
        let mut id = SampleId::default();
        if fields & field::TID != 0 {
            bytes.word()?;
            id.tid = Some(bytes.word()?.cast_signed());
        }
        if fields & field::TIME != 0 {
            id.time = Some(bytes.long()?);
        }
        bytes.take_long(u64::from((fields & (field::ID | field::STREAM_ID)).count_ones()) * 8)?;
        if fields & field::CPU != 0 {
            id.cpu = Some(bytes.word()?);
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longs(numbers: &[u64]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn a_sample_is_read_by_its_fields() {
        let fields = field::IDENTIFIER
            | field::IP
            | field::TID
            | field::TIME
            | field::CPU
            | field::PERIOD
            | field::READ
            | field::CALLCHAIN
            | field::RAW;
        let layout = Layout::new(fields, value::GROUP | value::ID | value::LOST, Told::AllRecords);
        let mut body = longs(&[11, 0xffff, (127 << 32) + 126, 4_250_492_000, 3, 1]);
        body.extend(longs(&[1, 10, 11, 12, 2, 0xa, 0xb]));
        body.extend([4, 0, 0, 0, 1, 2, 3, 4]);
        let sample = Sample::parse(layout, &mut Bytes::new(&body, ByteOrder::Little));
        let sample = sample.expect("it is whole");
        let id = SampleId { tid: Some(127), time: Some(4_250_492_000), cpu: Some(3) };
        assert_eq!(sample.id, id);
        assert_eq!(sample.chain, Some(&longs(&[0xa, 0xb])[..]));
        assert_eq!(sample.raw, [1, 2, 3, 4]);
        for end in 0..body.len() {
            let cut = Sample::parse(layout, &mut Bytes::new(&body[..end], ByteOrder::Little));
            assert_eq!(cut, None, "{end}");
        }
    }

    #[test]
    fn other_records_end_with_who_made_them() {
        let fields = field::IDENTIFIER | field::IP | field::TID | field::TIME | field::CPU;
        let body = longs(&[77, (127 << 32) + 126, 5, 3, 11]);
        let id = |told| SampleId::parse_end(Layout::new(fields, 0, told), &body, ByteOrder::Little);
        assert_eq!(
            id(Told::AllRecords),
            Some(SampleId { tid: Some(127), time: Some(5), cpu: Some(3) })
        );
        assert_eq!(id(Told::SamplesOnly), Some(SampleId::default()));
    }

    #[test]
    fn a_chain_that_claims_to_be_huge_is_refused() {
        let layout = Layout::new(field::CALLCHAIN, 0, Told::SamplesOnly);
        for length in [3, 1 << 40, 1 << 61, u64::MAX] {
            let body = longs(&[length, 1, 2]);
            assert_eq!(Sample::parse(layout, &mut Bytes::new(&body, ByteOrder::Little)), None);
        }
    }
}
