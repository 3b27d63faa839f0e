//! Events as JSON Lines: one object a line, in log order.

use std::io::{self, Write};

use indexmap::IndexMap;
use serde::Serialize;

use super::build;
use super::json::{Frame, frame};
use crate::address::Pointer;
use crate::event::{Backtrace, Event, EventSink, Names, RegisterBlock};
use crate::print;
use crate::record::{Caller, Op};

/// Writes events as they come. The first failure to write is kept, and nothing is written after
/// it.
#[derive(Debug)]
pub struct EventWriter<W> {
    out: W,
    outcome: io::Result<()>,
    written: u64,
    unaddressed: u64,
}

impl<W: Write> EventWriter<W> {
    /// A writer to `out`.
    pub fn new(out: W) -> EventWriter<W> {
        EventWriter { out, outcome: Ok(()), written: 0, unaddressed: 0 }
    }

    /// Events written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Those of them whose object has no usable address.
    pub fn unaddressed(&self) -> u64 {
        self.unaddressed
    }

    /// Whether writing has failed.
    pub fn has_failed(&self) -> bool {
        self.outcome.is_err()
    }

    /// Ends the output.
    ///
    /// # Errors
    ///
    /// When anything could not be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.outcome?;
        self.out.flush()
    }
}

impl<W: Write> EventSink for EventWriter<W> {
    fn event(&mut self, event: &Event, names: &Names) {
        if self.outcome.is_ok() {
            self.outcome = write(event, names, &mut self.out);
            self.written += 1;
            // An allocation of nothing failed.
            let has_place = matches!(
                (event.object, event.op),
                (Pointer::Addr(_), _) | (Pointer::Null, Op::Alloc)
            );
            self.unaddressed += u64::from(!has_place);
        }
    }
}

#[derive(Serialize)]
struct EventLine<'a> {
    seq: u64,
    source: &'static str,
    op: &'static str,
    cache: &'a str,
    address: Option<String>,
    inuse: Option<u32>,
    fp: Option<String>,
    time: Option<f64>,
    boot: u32,
    line: u64,
    cpu: Option<u32>,
    pid: Option<u32>,
    comm: Option<&'a str>,
    taint: Option<&'a str>,
    kernel: Option<&'a str>,
    caller: Option<String>,
    chain: Vec<Frame<'a>>,
    registers: Vec<Registers<'a>>,
    object_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_size: Option<u64>,
    damage: Vec<&'static str>,
}

#[derive(Serialize)]
struct Registers<'a> {
    after_frame: Option<usize>,
    values: IndexMap<&'a str, &'a str>,
}

fn write(event: &Event, names: &Names, out: &mut impl Write) -> io::Result<()> {
    let none = Backtrace::default();
    let backtrace = event.backtrace.as_deref().unwrap_or(&none);
    let chain: Vec<_> = backtrace.chain.iter().map(|placed| build::frame(*placed, names)).collect();
    let task = event.task;
    let line = EventLine {
        seq: event.seq,
        source: event.witness().name(),
        op: event.op.name(),
        cache: names.text(event.cache),
        address: pointer(event.object, event.digits),
        inuse: event.inuse,
        fp: event.fp.and_then(|fp| pointer(fp, event.digits)),
        time: event.stamp.map(crate::time::Stamp::seconds),
        boot: event.boot,
        line: event.line.0,
        cpu: task.and_then(|task| task.cpu),
        pid: task.map(|task| task.pid),
        comm: task.map(|task| names.text(task.comm)),
        taint: task.map(|task| names.text(task.taint)),
        kernel: task.and_then(|task| task.kernel).map(|kernel| names.text(kernel)),
        caller: event.caller.map(caller),
        chain: chain.iter().map(frame).collect(),
        registers: backtrace.registers.iter().map(registers).collect(),
        object_size: event.object_size,
        requested_size: event
            .recorded
            .and_then(|recorded| recorded.request)
            .map(|request| request.requested),
        damage: event.damage.iter().map(crate::event::Damage::name).collect(),
    };
    print::write_compact(&line, out)
}

/// A pointer as printed; null as zeros, and absent where nothing could be printed.
fn pointer(pointer: Pointer, digits: usize) -> Option<String> {
    match pointer {
        Pointer::Addr(addr) => Some(build::address(addr.0, digits)),
        Pointer::Null => Some(build::address(0, digits)),
        Pointer::Unprintable | Pointer::Torn => None,
    }
}

fn caller(caller: Caller) -> String {
    match caller {
        Caller::Task(id) => format!("T{id}"),
        Caller::Cpu(id) => format!("C{id}"),
    }
}

fn registers(block: &RegisterBlock) -> Registers<'_> {
    let values = block.values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Registers { after_frame: block.after_frame, values: values.collect() }
}
