//! Events, and what else the parser tells those who listen: boots, and what was lost.

mod boot;
mod loss;

pub use crate::chain::{Depth, Stack};
pub(crate) use boot::{BOOT_START_MICROS, SKEW_MICROS};
pub use boot::{Boot, PointerStyle, arch};
pub use loss::AssemblyLoss;

use crate::address::{LineNumber, Pointer};
pub use crate::lex::{RecordedCache, Task};
use crate::names;
pub(crate) use crate::names::MaybeName;
pub use crate::names::{ChainId, Context, Frame, FrameId, NameId, Names, Placed, Role};
pub use crate::record::ftrace::Request;
use crate::record::{Caller, Op, Record, SlabinfoRow};
use crate::time::Stamp;

/// How much of an event is put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// What a leak report needs.
    Report,
    /// Complete backtraces and register dumps too.
    Full,
}

/// What is wrong with an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Damage {
    /// Its backtrace is missing.
    NoStack,
    /// Its backtrace is incomplete.
    Cut,
    /// Its header line is incomplete.
    TornHeader,
    /// More than one header could have printed its backtrace.
    AmbiguousStack,
    /// Rows of its object dump are missing.
    DumpTorn,
}

impl Damage {
    /// Every kind, in the order that reports use.
    pub const ALL: [Damage; 5] = [
        Damage::NoStack,
        Damage::Cut,
        Damage::TornHeader,
        Damage::AmbiguousStack,
        Damage::DumpTorn,
    ];

    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Damage::NoStack => "no_stack",
            Damage::Cut => "cut",
            Damage::TornHeader => "torn_header",
            Damage::AmbiguousStack => "ambiguous_stack",
            Damage::DumpTorn => "dump_torn",
        }
    }
}

/// A set of [`Damage`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DamageSet(u8);

impl DamageSet {
    /// Adds a kind.
    pub fn insert(&mut self, damage: Damage) {
        self.0 |= 1 << damage as u8;
    }

    /// Whether a kind is in the set.
    pub fn contains(self, damage: Damage) -> bool {
        self.0 & (1 << damage as u8) != 0
    }

    /// Exchanges one kind with another set.
    pub(crate) fn swap(&mut self, other: &mut DamageSet, damage: Damage) {
        let differing = (self.0 ^ other.0) & (1 << damage as u8);
        self.0 ^= differing;
        other.0 ^= differing;
    }

    /// The kinds in the set.
    pub fn iter(self) -> impl Iterator<Item = Damage> {
        Damage::ALL.into_iter().filter(move |&damage| self.contains(damage))
    }
}

/// Registers printed between two frames.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisterBlock {
    /// The frame before them: an index into the event's complete chain.
    pub after_frame: Option<usize>,
    /// Names and values, as printed.
    pub values: Vec<(String, String)>,
}

/// An event's complete backtrace, put together under [`Detail::Full`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Backtrace {
    /// Every frame, innermost first.
    pub chain: Vec<Placed>,
    /// Every register dump.
    pub registers: Vec<RegisterBlock>,
}

/// Who told of an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Witness {
    /// SLUB's trace of a cache.
    #[default]
    SlubTrace,
    /// The kernel's `kmem` trace events.
    TraceEvents,
}

impl Witness {
    /// Every witness, in the order of reports.
    pub const ALL: [Witness; 2] = [Witness::SlubTrace, Witness::TraceEvents];

    /// The name that JSON uses.
    pub fn name(self) -> &'static str {
        match self {
            Witness::SlubTrace => "slub_trace",
            Witness::TraceEvents => "trace_events",
        }
    }
}

/// What a trace event says beside what SLUB's trace says too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// How well the cache is known.
    pub cache: RecordedCache,
    /// The size of the object; absent in frees.
    pub request: Option<Request>,
}

/// One allocation or free.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Number of the event in the log, from 0.
    pub seq: u64,
    /// Allocation or free.
    pub op: Op,
    /// The slab cache, memcg children under their root; of a trace event, what is known of it.
    pub cache: NameId,
    /// The object.
    pub object: Pointer,
    /// Hexadecimal digits of the object's address as printed; 0 where it is not a number.
    pub digits: usize,
    /// Objects in use in the slab.
    pub inuse: Option<u32>,
    /// The slab's next free object.
    pub fp: Option<Pointer>,
    /// The header's time.
    pub stamp: Option<Stamp>,
    /// The boot, from 0.
    pub boot: u32,
    /// The header's line.
    pub line: LineNumber,
    /// Who printed the header, where the kernel says so.
    pub caller: Option<Caller>,
    /// The task that was running.
    pub task: Option<Task>,
    /// The backtrace; absent when it was lost.
    pub stack: Option<Stack>,
    /// The complete backtrace, under [`Detail::Full`].
    pub backtrace: Option<Box<Backtrace>>,
    /// Bytes of the object's dump, or that a trace event names.
    pub object_size: Option<u32>,
    /// What else a trace event says; absent from SLUB's trace.
    pub recorded: Option<Recorded>,
    /// What is wrong with the event.
    pub damage: DamageSet,
}

/// Something of an event that is missing from the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// Messages that the kernel says it dropped.
    Messages(u64),
    /// Entries that a recording lost.
    Entries(u64),
    /// The header of a backtrace.
    Header {
        /// What the backtrace shows that was done.
        op: Op,
        /// What else it shows.
        stack: Stack,
        /// Who printed it.
        witness: Witness,
    },
}

/// How and when a boot's events were printed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Printing {
    /// Who told of the events.
    pub witness: Witness,
    /// The fewest lines that an event had.
    pub event_lines_min: u64,
    /// Lines that every event has, missing from some.
    pub missing_lines: u64,
    /// Whether the log holds the boot from its start.
    pub beginning: Beginning,
    /// Times of the boot's first and last line.
    pub times: Option<(Stamp, Stamp)>,
}

/// Where a boot's log begins.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Beginning {
    /// When the kernel started: every allocation was seen, and what was allocated early was set
    /// up.
    Boot,
    /// Later, or nobody knows: there are older objects, and what was allocated early may leak.
    #[default]
    Later,
}

impl Event {
    /// Who told of it.
    pub fn witness(&self) -> Witness {
        match self.recorded {
            Some(_) => Witness::TraceEvents,
            None => Witness::SlubTrace,
        }
    }
}

/// What the parser hands on, in log order.
pub trait EventSink {
    /// A boot begins at `line`. The log's first boot begins without a call.
    fn boot(&mut self, _line: LineNumber, _names: &Names) {}

    /// An event is complete.
    fn event(&mut self, event: &Event, names: &Names);

    /// Something is missing at `line`.
    fn lost(&mut self, _lost: Lost, _line: LineNumber, _names: &Names) {}

    /// The present boot is over, and this is how its events were printed.
    fn printed(&mut self, _printing: Printing) {}

    /// A row of slabinfo stands at `line`.
    fn slabinfo(&mut self, _cache: NameId, _row: SlabinfoRow, _line: LineNumber) {}

    /// Whether lines that mean something to the parser matter too: they may stand in a list.
    fn is_listening(&self) -> bool {
        false
    }

    /// A line that is no part of an event's own: what else the log says of memory stands in
    /// such lines.
    fn line(&mut self, _record: &Record<'_>, _meaning: Recognition) {}
}

/// Whether a line means something to those who look for events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recognition {
    /// It does: it may be a frame, a task, a register.
    Known,
    /// It does not.
    Unknown,
}
