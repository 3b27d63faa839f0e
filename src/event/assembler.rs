//! Understood lines to events: a small state machine for each printing context.
//!
//! With `CONFIG_PRINTK_CALLER` every record says who printed it, and each printer has a lane of
//! its own. Without, all records share one lane.

mod backtraces;

use super::binder::Binder;
use super::dump::Dump;
use super::lanes::{ADJACENT_LINES, Lane, Lanes};
use super::loss::{self, AssemblyLoss};
use super::names::{NameId, Names};
use super::skeleton::{Part, Skeleton};
use super::stacks::{Grouping, Stacks};
use super::word::Word;
use super::{Damage, DamageSet, Detail, Event, Lost, Printing};
use crate::address::{LineNumber, Pointer};
use crate::record::{Caller, ObjectRow, Record, RegisterLine, TraceHeader};

/// Puts events together.
#[derive(Debug)]
pub(crate) struct Assembler {
    detail: Detail,
    lanes: Lanes,
    stacks: Stacks,
    binder: Binder,
    loss: AssemblyLoss,
    losses: Vec<(Lost, LineNumber)>,
    /// Room for the next backtrace.
    spare: Option<Box<Dump>>,
    /// The last header's cache as printed, which the next one's mostly is, and its name.
    cache: Option<(Vec<u8>, NameId)>,
    skeleton: Skeleton,
    events: u64,
    boot: u32,
    /// Whether headers of the present boot carry times: then frames without one are no records.
    stamped: bool,
    kernel: Option<NameId>,
    build_id: Option<NameId>,
    hardware: Option<NameId>,
}

impl Assembler {
    pub(crate) fn new(detail: Detail, grouping: Grouping) -> Assembler {
        Assembler {
            detail,
            lanes: Lanes::default(),
            stacks: Stacks::new(grouping),
            binder: Binder::default(),
            loss: AssemblyLoss::default(),
            losses: Vec::new(),
            spare: None,
            cache: None,
            skeleton: Skeleton::default(),
            events: 0,
            boot: 0,
            stamped: false,
            kernel: None,
            build_id: None,
            hardware: None,
        }
    }

    /// Whether anything was found missing since it was last taken.
    #[inline]
    pub(crate) fn has_losses(&self) -> bool {
        !self.losses.is_empty()
    }

    /// What was found missing since the last call.
    pub(crate) fn take_losses(&mut self) -> Vec<(Lost, LineNumber)> {
        std::mem::take(&mut self.losses)
    }

    /// How the present boot's events were printed.
    pub(crate) fn printing(&self) -> Printing {
        self.skeleton.printing()
    }

    /// Counts what was lost so far.
    pub(crate) fn loss(&self) -> AssemblyLoss {
        AssemblyLoss {
            headless_stacks: self.binder.headless,
            ambiguous_stacks: self.binder.ambiguous,
            ..self.loss
        }
    }

    /// Whether headers of the present boot carry times.
    pub(crate) fn is_stamped(&self) -> bool {
        self.stamped
    }

    /// Events begun so far.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// The kernel release that the present boot names.
    pub(crate) fn kernel(&self) -> Option<NameId> {
        self.kernel
    }

    /// The build id of its kernel that the present boot names.
    pub(crate) fn build_id(&self) -> Option<NameId> {
        self.build_id
    }

    /// The hardware that the present boot names.
    pub(crate) fn hardware(&self) -> Option<NameId> {
        self.hardware
    }

    /// A new boot begins. Everything of the old one must have been flushed.
    pub(crate) fn next_boot(&mut self) {
        self.boot += 1;
        self.binder.next_boot();
        self.skeleton = Skeleton::default();
        self.stamped = false;
        self.kernel = None;
        self.build_id = None;
        self.hardware = None;
    }

    /// An event's header.
    pub(crate) fn header(&mut self, record: &Record<'_>, header: &TraceHeader<'_>, names: &Names) {
        let mut damage = DamageSet::default();
        if header.fp.is_none() {
            damage.insert(Damage::TornHeader);
            self.loss.damaged_lines += 1;
        }
        self.stamped |= record.stamp.is_some();
        let cache = self.cache(header, names);
        self.binder.header(Event {
            seq: self.events,
            op: header.op,
            cache,
            object: header.object,
            digits: if matches!(header.object, Pointer::Torn) { 0 } else { header.digits },
            inuse: header.inuse,
            fp: header.fp,
            stamp: record.stamp,
            boot: self.boot,
            line: record.line,
            caller: record.caller,
            task: None,
            stack: None,
            backtrace: None,
            object_size: None,
            damage,
        });
        self.events += 1;
        self.lane(record.caller).since_header = 0;
    }

    fn cache(&mut self, header: &TraceHeader<'_>, names: &Names) -> NameId {
        match &self.cache {
            Some((last, cache)) if last == header.cache => *cache,
            _ => {
                let cache = names.intern(header.root_cache());
                self.cache = Some((header.cache.to_vec(), cache));
                cache
            }
        }
    }

    /// A row of an object dump.
    pub(crate) fn object_row(&mut self, record: &Record<'_>, row: ObjectRow) {
        self.binder.object_row(record.caller, row);
        self.lane(record.caller).since_header = 0;
    }

    /// A line of a register dump.
    pub(crate) fn registers(&mut self, record: &Record<'_>, line: RegisterLine<'_>) {
        let detail = self.detail;
        let stamped = record.stamp.is_some();
        if let Some(dump) =
            self.lane(record.caller).open.as_mut().filter(|dump| stamped || dump.stamp.is_none())
        {
            dump.push_registers(line, detail);
        }
    }

    /// Any other line that was understood.
    pub(crate) fn word(&mut self, record: &Record<'_>, word: Word, names: &Names) {
        match word {
            Word::Frame(_)
            | Word::Struck(..)
            | Word::Marked(..)
            | Word::Call { .. }
            | Word::Run(_)
            | Word::Headed(_)
            | Word::Mark(_)
            | Word::Heading
            | Word::Task(_)
                if self.stamped && record.stamp.is_none() =>
            {
                self.loss.stray_frames += 1;
            }
            Word::Frame(_)
            | Word::Struck(..)
            | Word::Marked(..)
            | Word::Call { .. }
            | Word::Run(_) => {
                self.frame(record, word, names);
            }
            Word::Headed(_) => {
                self.heading(record, names);
                self.frame(record, word, names);
            }
            Word::Track => self.track(record, names),
            Word::Mark(mark) => self.mark(record, mark, names),
            Word::Task(task) => {
                self.kernel = task.kernel.or(self.kernel);
                self.build_id = task.build_id.or(self.build_id);
                if let Some(cpu) = task.cpu {
                    self.binder.see_cpu(cpu);
                }
                self.overtake(record.caller, names);
                self.begin(record, Some(task), names);
            }
            Word::Heading => self.heading(record, names),
            Word::Hardware(name) => {
                self.hardware = Some(name);
                self.note_part(record, Part::Hardware);
            }
            Word::Banner(kernel) => self.kernel = Some(kernel),
            Word::SplatBegin => self.lane(record.caller).splat_announced = true,
            Word::SplatEnd => self.end_splat(record.caller, names),
            Word::Dropped(count) => self.dropped(record, count, names),
            Word::Blank => self.blank(record, names),
            Word::Other => self.other(record),
            Word::TaskDetail | Word::CommandLine | Word::BootSeparator | Word::Slabinfo(..) => {}
        }
    }

    /// Hands on every event that waits for nothing any more.
    pub(crate) fn drain(&mut self, each: impl FnMut(&Event)) {
        self.binder.drain(each);
    }

    /// Closes everything that is open and hands on every event: the log or the boot ends.
    pub(crate) fn flush(&mut self, names: &Names, each: impl FnMut(&Event)) {
        for (caller, mut dump) in self.lanes.take_dumps() {
            // What ends where no other backtrace ended was cut off with the log.
            dump.cut |= !self.skeleton.is_end(dump.outermost());
            self.close(caller, dump, names);
        }
        self.lanes.clear();
        self.binder.flush(each);
    }

    #[inline]
    fn lane(&mut self, caller: Option<Caller>) -> &mut Lane {
        self.lanes.get(caller)
    }

    /// The kernel dropped messages: what was being printed is incomplete.
    fn dropped(&mut self, record: &Record<'_>, count: u64, names: &Names) {
        self.loss.printk_dropped = self.loss.printk_dropped.saturating_add(count);
        // A mark that does not say how many may stand for any number.
        let missing = if count == 0 { loss::MISSING_UNKNOWN } else { count };
        self.loss.damaged_lines += u64::from(count == 0);
        self.losses.push((Lost::Messages(missing), record.line));
        for (_, lane) in self.lanes.iter_mut() {
            lane.since_header = ADJACENT_LINES;
        }
        for (caller, mut dump) in self.lanes.take_dumps() {
            dump.cut = true;
            self.close(caller, dump, names);
        }
    }

    /// A line that means nothing here. One that was a frame before it was damaged counts.
    fn other(&mut self, record: &Record<'_>) {
        let stamped = record.stamp.is_some();
        if (stamped || !self.stamped) && loss::is_torn_header(record.text) {
            self.loss.damaged_lines += 1;
            self.losses.push((Lost::Messages(1), record.line));
        }
        let lane = self.lane(record.caller);
        lane.see_other();
        let in_backtrace = lane
            .open
            .as_mut()
            .filter(|dump| dump.stamp.is_some() == stamped && !dump.steps.is_empty());
        let Some(dump) = in_backtrace else { return };
        if loss::is_torn_frame(record.text) {
            dump.cut = true;
            self.loss.damaged_lines += 1;
        }
    }
}
