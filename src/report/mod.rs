//! What is shown: the model that every output format is written from.
//!
//! Writers look nothing up and decide nothing: what two formats have in common is worked out
//! here, once.

mod absence;
mod account;
mod advice;
mod build;
pub mod crosscheck;
pub mod events;
mod family;
mod fingerprint;
#[cfg(feature = "export")]
mod html;
pub(crate) mod json;
mod lifetimes;
mod neighbours;
mod order_doubt;
mod origin;
mod rollup;
mod select;
mod sources;
pub(crate) mod text;
mod timeline;

pub use absence::Absence;
pub(crate) use absence::forget_absence;
pub(crate) use account::difference;
pub use account::{AccountReport, Counted};
pub use advice::{Advice, Unusable};
pub(crate) use build::{Findings, address, frame as frame_report};
pub use crosscheck::{GroupWitness, WitnessReport};
pub use events::EventWriter;
pub use family::{Ages, FamilyReport};
pub(crate) use fingerprint::fingerprint;
#[cfg(feature = "export")]
pub use html::{Baseline, write as write_html};
pub use json::write as write_json;
pub use lifetimes::Lifetimes;
pub use neighbours::{FunctionReport, Neighbour};
pub use order_doubt::OrderDoubt;
pub use origin::Origin;
pub use rollup::{Rollup, RollupKey, RollupRow};
pub use select::{BootChoice, Glob, Selection, SortKey};
pub(crate) use sources::add_places;
pub use text::{
    ChainsShown, GroupsShown, LossesShown, TextOptions, write as write_text, write_markdown,
};
pub use timeline::{COLUMNS, Growth, Timeline};

use crate::address::{LineNumber, PointerWidth};
pub use crate::capture::Input;
use crate::event::{AssemblyLoss, Context, PointerStyle, Role, Witness};
pub use crate::ledger::{Links, Proof};
pub use crate::print::number::{bytes as binary_size, counted};
pub use crate::print::{Escaped, Ink, PIPE_WIDTH, Style};
use crate::record::frame::Aim;
use crate::record::ftrace::Unpaired;
use crate::symbol::{Reason, Source};
use crate::time::Stamp;
use crate::verdict::Judgement;

/// A leak report.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// Where the numbers come from.
    pub origin: Origin,
    /// What was read.
    pub inputs: Vec<Input>,
    /// The answer in a sentence, of all groups; none where the kernel counts.
    pub conclusion: Option<String>,
    /// The boots in it.
    pub boots: Vec<BootReport>,
    /// Sums over everything that was read.
    pub totals: Totals,
    /// What is missing or damaged.
    pub loss: Loss,
    /// Every traced cache, most live bytes first.
    pub caches: Vec<CacheReport>,
    /// Every group with live objects: those that leak first, then most bytes first.
    pub groups: Vec<GroupReport>,
    /// The families of the groups, in the same order.
    pub families: Vec<FamilyReport>,
    /// The groups added up, where that is asked for.
    pub rollup: Option<Rollup>,
    /// A function between its callers and callees, where one is asked for.
    pub function: Option<FunctionReport>,
    /// What other witnesses say.
    pub witness: WitnessReport,
    /// The kernel's own counts that were read.
    pub accounts: Vec<AccountReport>,
    /// Lists in which the kernel says that it has no data.
    pub lists_without_data: u64,
    /// A rendering of trace events that nothing can be made of, where one was read.
    pub unpaired: Option<Unpaired>,
    /// What stands in the way of a better report, and its remedy.
    pub advice: Vec<Advice>,
}

impl Report {
    /// What is known where events were written and not reckoned with: enough to say that there is
    /// nothing to analyse.
    pub fn of_events<W: std::io::Write>(
        inputs: Vec<Input>,
        written: &EventWriter<W>,
        loss: AssemblyLoss,
    ) -> Report {
        Report {
            origin: Origin::Trace,
            inputs,
            boots: Vec::new(),
            totals: Totals { events: written.written(), ..Totals::default() },
            loss: Loss {
                unaddressed_events: written.unaddressed(),
                headless_stacks: loss.headless_stacks,
                ..Loss::default()
            },
            caches: Vec::new(),
            groups: Vec::new(),
            families: Vec::new(),
            conclusion: None,
            rollup: None,
            function: None,
            witness: WitnessReport::default(),
            accounts: Vec::new(),
            lists_without_data: 0,
            unpaired: loss.unpaired,
            advice: Vec::new(),
        }
    }
}

/// One boot.
#[derive(Clone, PartialEq, Debug)]
pub struct BootReport {
    /// Its number, from 0.
    pub index: usize,
    /// The kernel release.
    pub kernel: Option<String>,
    /// The kernel's build id in hexadecimal digits, where it was printed.
    pub build_id: Option<String>,
    /// The hardware.
    pub hardware: Option<String>,
    /// The architecture.
    pub arch: Option<&'static str>,
    /// Its first line.
    pub first_line: LineNumber,
    /// Its last line.
    pub last_line: LineNumber,
    /// Its first time.
    pub first_time: Option<Stamp>,
    /// Its last time.
    pub last_time: Option<Stamp>,
    /// Whether the recorder's clock, where there is no other, was set back.
    pub is_set_back: bool,
    /// Seconds of its first and last event.
    pub traced: Option<(f64, f64)>,
    /// How its kernel printed pointers.
    pub pointers: PointerStyle,
    /// How many digits its pointers have.
    pub pointer_width: Option<PointerWidth>,
    /// Who told of its events.
    pub sources: Vec<Witness>,
}

/// Sums.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// TRACE headers.
    pub events: u64,
    /// Of allocations.
    pub allocs: u64,
    /// Of frees.
    pub frees: u64,
    /// Frees that cancelled an allocation.
    pub matched_frees: u64,
    /// Objects that were not freed.
    pub live_objects: u64,
    /// Their size in bytes, as far as sizes are known.
    pub live_bytes: u64,
    /// Groups with live objects.
    pub groups: u64,
}

/// What was lost, and what could not be matched.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Loss {
    /// Messages that the kernel dropped.
    pub printk_dropped: u64,
    /// Entries that a recording of trace events lost, or that were written over.
    pub entries_lost: u64,
    /// Those of both that were lost before the first event of their boot: the log begins late.
    pub dropped_early: u64,
    /// Inputs that end before their end, and lists that the kernel cut at a page.
    pub broken_off: u64,
    /// Frees of an address that no allocation in their boot is known for.
    pub orphan_frees: u64,
    /// Objects whose address was allocated again without a free in between.
    pub lost_frees: u64,
    /// Events that lost their backtrace or part of it, or part of their header.
    pub torn_events: u64,
    /// Events without a usable address.
    pub unaddressed_events: u64,
    /// Backtraces that more than one header could have printed.
    pub ambiguous_stacks: u64,
    /// Lines that the console printed a second time.
    pub replayed_lines: u64,
    /// Lines of an event that could not be read.
    pub damaged_lines: u64,
    /// Backtraces of events whose header is missing.
    pub headless_stacks: u64,
    /// Backtrace lines that belong to no event.
    pub stray_frames: u64,
    /// Allocations that failed.
    pub failed_allocs: u64,
    /// Lines that every event of a boot has, missing from some.
    pub missing_lines: u64,
    /// Chains that look like another one's with lines lost or out of place.
    pub suspect_chains: u64,
    /// Allocations that are not in the log, and that the headers of their slab tell of.
    pub inferred_allocs: u64,
    /// Frees that are not in the log, and that the headers of their slab tell of.
    pub inferred_frees: u64,
    /// Objects whose printed address is damaged, and that the headers of their slab tell.
    pub mended_addresses: u64,
}

impl Loss {
    /// Whether the numbers of the report may be off: something of an event is missing.
    pub fn is_any(&self) -> bool {
        let telling = [
            self.printk_dropped,
            self.entries_lost,
            self.broken_off,
            self.lost_frees,
            self.torn_events,
            self.unaddressed_events,
            self.ambiguous_stacks,
            self.damaged_lines,
            self.headless_stacks,
            self.missing_lines,
            self.suspect_chains,
            self.inferred_allocs,
            self.inferred_frees,
            self.mended_addresses,
        ];
        telling.iter().any(|&count| count > 0)
    }
}

/// One traced cache.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheReport {
    /// Its name.
    pub name: String,
    /// Bytes in an object.
    pub object_size: Option<u32>,
    /// Its allocations.
    pub allocs: u64,
    /// Its frees.
    pub frees: u64,
    /// Its live objects.
    pub live_objects: u64,
    /// Their size in bytes.
    pub live_bytes: Option<u64>,
    /// How the headers of its slabs follow from each other, in all boots together.
    pub links: Links,
    /// What that proves: the least of all boots.
    pub proof: Proof,
}

/// Survivors that share boot, cache and call chain.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupReport {
    /// Its place, from 1.
    pub rank: usize,
    /// The same leak's name on another boot, build or machine.
    pub fingerprint: String,
    /// The boot.
    pub boot: usize,
    /// The cache.
    pub cache: String,
    /// Bytes in an object.
    pub object_size: Option<u32>,
    /// Allocations.
    pub allocs: u64,
    /// Those of them that were freed.
    pub frees: u64,
    /// Those of them that were not.
    pub live_objects: u64,
    /// The least that may truly live, given what was lost.
    pub live_objects_min: u64,
    /// The most that may truly live, given what was lost.
    pub live_objects_max: u64,
    /// The range that the true number lies in, with 95 % confidence.
    pub likely: (u64, u64),
    /// Bytes that live.
    pub live_bytes: Option<u64>,
    /// Bytes that were asked for with each allocation, on average, where trace events say so.
    pub requested_size: Option<u64>,
    /// Seconds of the first allocation.
    pub first_alloc: Option<f64>,
    /// Seconds of the last allocation.
    pub last_alloc: Option<f64>,
    /// Seconds of the oldest live allocation.
    pub oldest_live: Option<f64>,
    /// How old survivors are when the boot's log ends.
    pub ages: Option<Ages>,
    /// How long its freed objects lived.
    pub lifetimes: Option<Lifetimes>,
    /// The family's name.
    pub family: String,
    /// What its family is, and why; absent where there is no trace to tell.
    pub judgement: Option<Judgement>,
    /// The call chain, innermost frame first.
    pub chain: Vec<FrameReport>,
    /// Who allocated the survivors, most first.
    pub processes: Vec<ProcessReport>,
    /// Where siblings were freed, most first.
    pub freed_by: Vec<FreedByReport>,
    /// Some survivors, oldest first.
    pub examples: Vec<ExampleReport>,
    /// When its objects were allocated and freed, where that is more than one event.
    pub timeline: Option<Box<Timeline>>,
    /// What the kernel's own counts say of it.
    pub counted: Option<Counted>,
    /// What other witnesses say of it.
    pub witness: GroupWitness,
}

impl Report {
    /// The size of what lives, in words: sizes may be known of some of it, or of none.
    pub(crate) fn live_size(&self) -> String {
        let size = crate::print::number::bytes(self.totals.live_bytes);
        let is_known = |group: &GroupReport| group.live_bytes.is_some();
        if self.groups.iter().all(is_known) {
            size
        } else if self.groups.iter().any(is_known) {
            format!("at least {size}")
        } else {
            "of unknown size".to_owned()
        }
    }
}

impl GroupReport {
    /// The frames of the chain that are neither the allocator's nor interrupted.
    pub fn callers(&self) -> impl Iterator<Item = &FrameReport> {
        self.chain.iter().filter(|frame| frame.role == Role::Caller)
    }

    /// The function that called the allocator, with its module; harmless on a terminal.
    pub fn site(&self) -> String {
        self.callers().next().map_or_else(|| UNKNOWN_CODE.to_owned(), FrameReport::title)
    }
}

/// What stands for a function of which nothing is known.
const UNKNOWN_CODE: &str = "unknown code";

impl FrameReport {
    /// `leaky_init [leaky]`: the function, or its address, with its module; harmless on a terminal.
    pub fn title(&self) -> String {
        let function = match (&self.function, self.address) {
            (Some(function), _) => Escaped(function).to_string(),
            (None, Some(address)) => format!("{address:#x}"),
            (None, None) => UNKNOWN_CODE.to_owned(),
        };
        match &self.module {
            Some(module) => format!("{function} [{}]", Escaped(module)),
            None => function,
        }
    }
}

/// One frame of a chain.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FrameReport {
    /// The function; absent for a bare address.
    pub function: Option<String>,
    /// Bytes from its start.
    pub offset: Option<u64>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Its module.
    pub module: Option<String>,
    /// The module's build id, where one was printed.
    pub build_id: Option<String>,
    /// The address, where one was printed.
    pub address: Option<u64>,
    /// Whether the unwinder vouches for it.
    pub reliable: bool,
    /// What its offset points at.
    pub aim: Aim,
    /// What the CPU was doing.
    pub context: Context,
    /// What the frame is to the event.
    pub role: Role,
    /// Where in the source it lies, once [`Report::add_sources`] has found that out.
    pub source: Option<Source>,
    /// Why that is not known, where images were at hand.
    pub unresolved: Option<Reason>,
}

/// A task that allocated survivors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessReport {
    /// Its name; absent where the backtrace was lost.
    pub comm: Option<String>,
    /// Its process id.
    pub pid: Option<u32>,
    /// The survivors it allocated.
    pub live_objects: u64,
}

impl ProcessReport {
    /// Most survivors first; the rest makes the order total.
    pub(crate) fn sort(processes: &mut [ProcessReport]) {
        let key = |process: &ProcessReport| std::cmp::Reverse(process.live_objects);
        processes.sort_by(|a, b| (key(a), &a.comm, a.pid).cmp(&(key(b), &b.comm, b.pid)));
    }
}

/// A function that freed siblings of survivors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FreedByReport {
    /// The function; absent for a bare address or a lost backtrace.
    pub function: Option<String>,
    /// Its module.
    pub module: Option<String>,
    /// How many it freed.
    pub frees: u64,
}

/// A surviving allocation.
#[derive(Clone, PartialEq, Debug)]
pub struct ExampleReport {
    /// The line of its header.
    pub line: LineNumber,
    /// Seconds of its header.
    pub time: Option<f64>,
    /// Its address as printed, with `0x`.
    pub address: String,
}
