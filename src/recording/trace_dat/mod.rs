//! `trace.dat`, as `trace-cmd record` writes it (`trace-cmd.dat.v6(5)`, `trace-cmd.dat.v7(5)`), to the
//! text of `trace-cmd report`.

mod contents;
mod packing;
mod page;
mod stream;
mod version6;
mod version7;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::bytes::{ByteOrder, Bytes};
use super::format::EventFormat;
use super::metadata::Preamble;
use super::names::Names;
use super::print::{Printer, push_clean, put};
use super::{Decoder, RecordingError, Step};
use contents::{Clock, Contents};
use page::Missed;
use stream::CpuStream;

/// Where the arguments of an event begin, behind its time.
const ARGUMENTS_COLUMN: usize = 22;

/// A recording of trace-cmd.
pub(super) struct TraceDat {
    file: Vec<u8>,
    contents: Contents,
    streams: Vec<CpuStream>,
    /// When the next entry of each stream was made.
    next: BinaryHeap<Reverse<(u64, usize)>>,
    is_begun: bool,
    is_whole: bool,
}

impl TraceDat {
    /// Reads what a recording says of itself.
    pub(super) fn open(file: Vec<u8>, names: &mut Names) -> Result<TraceDat, RecordingError> {
        let mut bytes = Bytes::new(&file, ByteOrder::Little);
        let preamble = Preamble::parse(&mut bytes).ok_or(RecordingError::Damaged)?;
        let mut contents = match preamble.version {
            b"6" => version6::contents(&file, bytes, preamble.metadata)?,
            b"7" => version7::contents(&file, bytes, preamble.metadata)?,
            other => {
                let other = String::from_utf8_lossy(&other[..other.len().min(8)]).into_owned();
                return Err(RecordingError::Version(other));
            }
        };
        if contents.metadata.formats.is_empty() {
            return Err(RecordingError::NoFormats);
        }
        if contents.metadata.symbols.is_empty() {
            contents.metadata.symbols = names.find(None).unwrap_or_default();
        }
        let parts = std::mem::take(&mut contents.cpus);
        let mut is_whole = contents.is_whole;
        let mut streams = Vec::new();
        // Parts that lie in one another would make much of little.
        let mut left = file.len();
        for cpu in parts {
            is_whole &= cpu.part.is_whole;
            match left.checked_sub(cpu.part.range.len()) {
                Some(rest) => left = rest,
                None => return Err(RecordingError::Damaged),
            }
            streams.push(CpuStream::new(cpu));
        }
        if streams.is_empty() {
            return Err(RecordingError::NoEvents);
        }
        let mut recording = TraceDat {
            file,
            contents,
            streams,
            next: BinaryHeap::new(),
            is_begun: false,
            is_whole,
        };
        for at in 0..recording.streams.len() {
            recording.advance(at);
        }
        Ok(recording)
    }

    /// Puts the next entry of a stream in its place among those of the others.
    fn advance(&mut self, at: usize) {
        let Some(stream) = self.streams.get_mut(at) else { return };
        if let Some(time) = stream.advance(&self.file, &mut self.contents) {
            self.next.push(Reverse((time, at)));
        }
        self.is_whole &= stream.is_whole();
    }

    fn print(&self, stream: &CpuStream, time: u64, out: &mut Vec<u8>) {
        let metadata = &self.contents.metadata;
        match stream.missed() {
            Missed::Nothing => {}
            Missed::Events(count) => put!(out, "CPU:{} [{count} EVENTS DROPPED]\n", stream.cpu()),
            Missed::Unknown => put!(out, "CPU:{} [EVENTS DROPPED]\n", stream.cpu()),
        }
        let record = stream.record();
        let pid = metadata.formats.pid(record, metadata.order).unwrap_or(-1);
        let comm = match metadata.comms.find(pid) {
            Some(comm) => String::from_utf8_lossy(comm),
            None if pid == 0 => "<idle>".into(),
            None => "<...>".into(),
        };
        put!(out, "{comm:>16}-{pid:<5} [{:03}] ", stream.cpu());
        match self.contents.clock {
            Clock::Nanoseconds => {
                let micros = time / 1000 + u64::from(time % 1000 >= 500);
                put!(out, "{:>5}.{:06}: ", micros / 1_000_000, micros % 1_000_000);
            }
            Clock::Ticks => put!(out, "{time:>12}: "),
        }
        match metadata.formats.of(record, metadata.order) {
            Some(format) => self.print_event(format, record, out),
            None => put!(out, "unknown: {} bytes\n", record.len()),
        }
    }

    //          work.sh-125   [000]     4.168735: kfree:                call_site=tomoyo_realpath_from_path+0x2f ptr=(nil)
    //          work.sh-125   [000]     4.168785: kernel_stack:         <stack trace >
    // => kfree (ffffffffb24b9034)
    // => ffffffffc067505f
    fn print_event(&self, format: &EventFormat, record: &[u8], out: &mut Vec<u8>) {
        let metadata = &self.contents.metadata;
        let printer = Printer { order: metadata.order, symbols: &metadata.symbols };
        let start = out.len();
        put!(out, "{}:", format.name);
        let width = ARGUMENTS_COLUMN.max(out.len() - start + 1);
        out.resize(start + width, b' ');
        match format.name.as_str() {
            "kernel_stack" => {
                out.extend_from_slice(b"<stack trace >\n");
                for address in self.callers(format, record) {
                    match metadata.symbols.find(address) {
                        Some(place) => {
                            out.extend_from_slice(b"=> ");
                            push_clean(out, place.function);
                            put!(out, " ({address:08x})\n");
                        }
                        None => put!(out, "=> {address:08x}\n"),
                    }
                }
            }
            "user_stack" => out.extend_from_slice(b"<user stack trace>\n"),
            _ => {
                printer.arguments(out, format, record);
                out.push(b'\n');
            }
        }
    }

    /// The addresses of a backtrace.
    fn callers(&self, format: &EventFormat, record: &[u8]) -> impl Iterator<Item = u64> {
        let metadata = &self.contents.metadata;
        let field = |name: &str| format.fields.iter().find(|field| field.name == name);
        let long = metadata.page.long.bytes();
        let callers = field("caller").and_then(|field| record.get(field.offset()..));
        let count = field("size").and_then(|field| field.number(record, metadata.order));
        let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
        let order = metadata.order;
        let end = u64::MAX >> (64 - 8 * long);
        let addresses = callers.unwrap_or_default().chunks_exact(long).take(count);
        addresses.map(move |bytes| order.number(bytes)).take_while(move |&at| at != end)
    }
}

impl Decoder for TraceDat {
    fn step(&mut self, out: &mut Vec<u8>) -> Step {
        if !std::mem::replace(&mut self.is_begun, true) {
            put!(out, "cpus={}\n", self.streams.len());
            return Step::More;
        }
        let Some(Reverse((time, at))) = self.next.pop() else {
            return if self.is_whole { Step::End } else { Step::BrokenOff };
        };
        if let Some(stream) = self.streams.get(at) {
            self.print(stream, time, out);
        }
        self.advance(at);
        Step::More
    }
}
