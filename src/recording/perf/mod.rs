//! `perf.data`, as `perf record` writes it to a file or a pipe, to the text of `perf script`. The format
//! is that of `tools/perf/Documentation/perf.data-file-format.txt`.

mod attribute;
mod header;
mod kernel_map;
mod record;
mod sample;

use super::bytes::{ByteOrder, Bytes};
use super::comms::Comms;
use super::metadata::{Metadata, Preamble};
use super::names::Names;
use super::print::{Printer, push_clean, put};
use super::{Decoder, RecordingError, Step};
use attribute::Attributes;
use header::Contents;
use kernel_map::{KernelMap, landmark};
use record::{Index, RecordKind, Records};
use sample::{Sample, SampleId};

/// What a chain says of the addresses behind it instead of being one: `PERF_CONTEXT_MAX`.
const FIRST_CONTEXT: u64 = 4095_u64.wrapping_neg();

/// Those of the kernel follow: `PERF_CONTEXT_KERNEL`.
const KERNEL_CONTEXT: u64 = 128_u64.wrapping_neg();

/// A recording of perf.
pub(super) struct PerfData {
    attributes: Attributes,
    records: Records,
    index: std::vec::IntoIter<Index>,
    metadata: Metadata,
    comms: Comms,
    kernel: KernelMap,
    /// The width of the column of names.
    name_width: usize,
    /// Who made the last event.
    last: SampleId,
    /// Records that are told to be lost where they are missing.
    lost: u64,
    /// Samples that are told to be lost in all.
    lost_samples: u64,
    is_whole: bool,
}

impl PerfData {
    /// Reads what a recording says of itself, and finds the order of its records.
    pub(super) fn open(file: Vec<u8>, names: &mut Names) -> Result<PerfData, RecordingError> {
        let Contents { order, attributes, data, tracing, is_whole } = Contents::parse(&file)?;
        let mut bytes = Bytes::new(file.get(tracing).unwrap_or_default(), order);
        let mut metadata = Preamble::parse(&mut bytes).ok_or(RecordingError::NoFormats)?.metadata;
        metadata.take_layouts(&mut bytes).ok_or(RecordingError::CutShort)?;
        let is_told = metadata.take_names(&mut bytes).is_some();
        if metadata.formats.is_empty() {
            return Err(RecordingError::NoFormats);
        }
        let name_width = metadata.formats.longest_name(|id| attributes.has_tracepoint(id));
        let records = Records::new(file, data, order);
        let index = records.in_order(&attributes);
        if metadata.symbols.is_empty() {
            // perf leaves the names to those who read the recording.
            let landmark = index.iter().find_map(|place| landmark(&records.at(*place)?, order));
            metadata.symbols = names.find(landmark.as_ref()).unwrap_or_default();
        }
        let mut comms = Comms::default();
        comms.rename(0, b"swapper");
        Ok(PerfData {
            is_whole: is_whole && is_told && records.is_whole(),
            attributes,
            records,
            index: index.into_iter(),
            metadata,
            comms,
            kernel: KernelMap::default(),
            name_width,
            last: SampleId::default(),
            lost: 0,
            lost_samples: 0,
        })
    }

    fn take(&mut self, place: Index, out: &mut Vec<u8>) -> Option<()> {
        let Some(record) = self.records.at(place) else { return Some(()) };
        let order = self.records.order();
        let mut body = Bytes::new(record.body, order);
        match record.kind {
            RecordKind::Sample => {
                let layout = self.attributes.layout_of_sample(record.body, order);
                let sample = Sample::parse(layout, &mut body)?;
                self.print_sample(&sample, out);
                self.last = sample.id;
            }
            RecordKind::Comm => {
                let (_, tid) = (body.word()?, body.word()?);
                self.comms.rename(tid.cast_signed().into(), body.text()?);
            }
            RecordKind::Fork => {
                let (_, _, tid, parent) = (body.word()?, body.word()?, body.word()?, body.word()?);
                self.comms.inherit(tid.cast_signed().into(), parent.cast_signed().into());
            }
            RecordKind::Mmap | RecordKind::Mmap2 => self.kernel.take(&record, &mut body)?,
            RecordKind::Lost => {
                let (_, lost) = (body.long()?, body.long()?);
                let layout = self.attributes.layout_of_other(record.body, order);
                let id = SampleId::parse_end(layout, record.body, order);
                self.print_loss(&id.unwrap_or_default(), lost, out);
                self.lost = self.lost.saturating_add(lost);
            }
            RecordKind::LostSamples if record.is_of_filter() => {}
            RecordKind::LostSamples => {
                self.lost_samples = self.lost_samples.saturating_add(body.long()?);
            }
            RecordKind::Other(_) => {}
        }
        Some(())
    }

    // leaky/0   127 [000]     4.250492:          kmem:kmalloc: call_site=leaky_alloc_buf+0x1f ptr=0xffff8ed882cd7f00 bytes_req=64 …
    // 	ffffffffc065211f leaky_alloc_buf+0x1f ([leaky])
    fn print_sample(&self, sample: &Sample<'_>, out: &mut Vec<u8>) {
        let order = self.metadata.order;
        let Some(format) = self.metadata.formats.of(sample.raw, order) else { return };
        self.print_front(&sample.id, out);
        let name = format!("{}:{}", format.system, format.name);
        put!(out, "{name:>width$}: ", width = self.name_width);
        let printer = Printer { order, symbols: &self.metadata.symbols };
        printer.arguments(out, format, sample.raw);
        out.push(b'\n');
        let Some(chain) = sample.chain else { return };
        let mut is_kernel = true;
        for address in chain.chunks_exact(8).map(|bytes| self.records.order().number(bytes)) {
            if address >= FIRST_CONTEXT {
                is_kernel = address == KERNEL_CONTEXT;
            } else if is_kernel {
                self.print_frame(printer, address, out);
            }
        }
        out.push(b'\n');
    }

    fn print_frame(&self, printer: Printer<'_>, address: u64, out: &mut Vec<u8>) {
        put!(out, "\t{address:>16x} ");
        let place = self.metadata.symbols.find(address);
        match place {
            Some(_) => printer.place(out, address),
            None => out.extend_from_slice(b"[unknown]"),
        }
        out.extend_from_slice(b" (");
        match place.and_then(|place| place.module) {
            Some(module) => {
                out.push(b'[');
                push_clean(out, module);
                out.push(b']');
            }
            None => push_clean(out, self.kernel.find(address)),
        }
        out.extend_from_slice(b")\n");
    }

    // leaky/0   127 [000]     4.250492: PERF_RECORD_LOST lost 12
    fn print_loss(&self, id: &SampleId, lost: u64, out: &mut Vec<u8>) {
        self.print_front(id, out);
        put!(out, "PERF_RECORD_LOST lost {lost}\n");
    }

    /// What the kernel counted as lost at the end and no record tells of: a buffer that stays full
    /// takes no such record.
    fn print_rest_of_loss(&mut self, out: &mut Vec<u8>) -> Step {
        let rest = self.lost_samples.saturating_sub(self.lost);
        self.lost_samples = 0;
        if rest == 0 {
            return if self.is_whole { Step::End } else { Step::BrokenOff };
        }
        let id = SampleId { time: self.last.time.or(Some(0)), ..self.last };
        self.print_loss(&id, rest, out);
        Step::More
    }

    fn print_front(&self, id: &SampleId, out: &mut Vec<u8>) {
        let tid = id.tid.unwrap_or(-1);
        match self.comms.find(tid.into()) {
            Some(comm) => out.extend_from_slice(comm),
            None => put!(out, ":{tid}"),
        }
        put!(out, " {tid:>5} ");
        if let Some(cpu) = id.cpu {
            put!(out, "[{cpu:03}] ");
        }
        if let Some(time) = id.time {
            let micros = time / 1000;
            put!(out, "{:>5}.{:06}: ", micros / 1_000_000, micros % 1_000_000);
        }
    }
}

impl Decoder for PerfData {
    fn step(&mut self, out: &mut Vec<u8>) -> Step {
        match self.index.next() {
            Some(place) => {
                self.is_whole &= self.take(place, out).is_some();
                Step::More
            }
            None => self.print_rest_of_loss(out),
        }
    }
}

/// The order of bytes that the beginning of a file tells.
fn order(magic: &[u8]) -> Option<ByteOrder> {
    match magic {
        b"PERFILE2" => Some(ByteOrder::Little),
        b"2ELIFREP" => Some(ByteOrder::Big),
        _ => None,
    }
}
