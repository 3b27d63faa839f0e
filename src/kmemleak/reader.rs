//! Lines to objects, and objects to scans.

use super::line::{self, Line, ObjectLine};
use super::object::{HEX_BYTES_MAX, Object};
use super::report::{Kind, Unread};
use super::scan::{Listing, Scan};
use crate::address::LineNumber;
use crate::event::Names;
use crate::record::{Record, Text};
use crate::time::Clock;

/// A backtrace has no more frames than this; kmemleak keeps 16, stackdepot 64.
const FRAMES_MAX: usize = 128;

/// Reports are stored up to this many.
const SCANS_MAX: usize = 64;

/// Objects are copied from a report to the next up to so many in all.
const COPIES_MAX: usize = 10_000_000;

/// Where in an object the next line stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Part {
    /// In none.
    #[default]
    Outside,
    /// Behind its first or second line.
    Head,
    /// In its dump.
    Dump,
    /// In its backtrace.
    Backtrace,
}

/// How a line came: lines of a file that was read to the console have no time, and those that
/// the kernel printed in between have one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Dress {
    #[default]
    Bare,
    Stamped,
    Printk,
}

impl Dress {
    fn of(record: &Record<'_>) -> Dress {
        match record.stamp.map(|stamp| stamp.clock) {
            None => Dress::Bare,
            Some(Clock::Wall) => Dress::Stamped,
            Some(Clock::Boot) => Dress::Printk,
        }
    }

    fn listing(self) -> Listing {
        if self == Dress::Printk { Listing::News } else { Listing::Everything }
    }
}

/// A line that could not be read is shown so far.
const UNREAD_CHARS_MAX: usize = 100;

/// What was read, and what could not be used.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Tally {
    /// Reports.
    pub(super) scans: usize,
    /// Objects whose backtrace is missing.
    pub(super) cut_objects: u64,
    /// Objects that were given the backtrace behind an object after them.
    pub(super) shared_objects: u64,
    /// Lines of objects that could not be read.
    pub(super) damaged_lines: u64,
    /// The first of them.
    pub(super) unread: Option<Unread>,
    /// What else the text may be.
    pub(super) kind: Kind,
}

/// Puts objects and scans together.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    names: Names,
    part: Part,
    dress: Dress,
    open: Option<Object>,
    /// The report being read.
    scan: Option<Scan>,
    /// The reports that are complete, oldest first.
    scans: Vec<Scan>,
    /// How many there were.
    count: usize,
    /// Objects that were copied from report to report.
    copied: usize,
    /// Objects that wait for a backtrace which they share with one behind them.
    waiting: Vec<Object>,
    tally: Tally,
    /// Whether the present input has a line that is not empty.
    has_text: bool,
}

impl Reader {
    pub(super) fn record(&mut self, record: &Record<'_>) {
        let dress = Dress::of(record);
        let text = line::bare(record.text);
        let line = Line::parse(text);
        self.has_text |= line != Line::Blank;
        if line == Line::Other && self.part == Part::Outside && self.tally.kind == Kind::Unknown {
            self.tally.kind = kind(text);
        }
        if let Line::Object(object) = line {
            self.begin(object, dress);
            return;
        }
        if dress != self.dress && self.part != Part::Outside {
            return;
        }
        match line {
            Line::Object(_) | Line::Blank => {}
            Line::Task(task) => self.task(&task),
            Line::HexDump => self.enter(Part::Dump),
            Line::Backtrace => self.enter(Part::Backtrace),
            Line::More(more) => self.more(more),
            Line::Scanned | Line::FileNamed => self.end_scan(),
            Line::Torn => {
                self.damaged(record.line, text);
                self.close();
            }
            Line::Other => self.other(record.line, text),
        }
    }

    /// Ends an input: what follows is another report. The file of a scan that found nothing is
    /// empty.
    pub(super) fn end_input(&mut self) {
        self.end_scan();
        if !std::mem::take(&mut self.has_text) {
            self.scan = Some(Scan::new(Listing::Everything));
            self.keep_scan();
        }
    }

    /// All that was read: names, reports, and what could not be used.
    pub(super) fn finish(self) -> (Names, Vec<Scan>, Tally) {
        (self.names, self.scans, Tally { scans: self.count, ..self.tally })
    }

    fn damaged(&mut self, line: LineNumber, text: &[u8]) {
        self.tally.damaged_lines += 1;
        self.tally.unread.get_or_insert_with(|| Unread {
            line,
            text: String::from_utf8_lossy(text).chars().take(UNREAD_CHARS_MAX).collect(),
        });
    }

    fn begin(&mut self, object: ObjectLine, dress: Dress) {
        // The kernel never prints an object without a heading for its backtrace: where several
        // objects have one, a tool or a person left out what is the same.
        if matches!(self.part, Part::Head | Part::Dump) && dress == self.dress {
            self.waiting.extend(self.open.take());
        }
        self.close();
        self.dress = dress;
        self.part = Part::Head;
        self.open = Some(Object::new(object.identity(), object.digits, object.kind));
    }

    fn enter(&mut self, part: Part) {
        if self.open.is_some() {
            self.part = part;
        }
    }

    fn task(&mut self, task: &line::TaskLine<'_>) {
        let Some(object) = self.open.as_mut().filter(|_| self.part == Part::Head) else { return };
        object.comm = Some(self.names.intern(task.comm));
        object.pid = Some(task.pid);
        object.age = task.age;
        object.identity.jiffies = Some(task.jiffies);
    }

    fn more(&mut self, more: u64) {
        if let Some(object) = &mut self.open {
            object.more = object.more.saturating_add(more);
        }
        self.close();
    }

    fn other(&mut self, line: LineNumber, text: &[u8]) {
        let Some(object) = &mut self.open else { return };
        match self.part {
            Part::Dump => match line::hex_row(text) {
                Some(row) if object.hex.len() < HEX_BYTES_MAX => object.hex.extend(row),
                Some(_) => {}
                None => self.damaged(line, text),
            },
            Part::Backtrace => match line::frame(text) {
                Some(frame) if object.frames.len() < FRAMES_MAX => {
                    object.frames.push(self.names.intern_frame(&frame));
                }
                Some(_) => {}
                None if line::was_frame(text) => self.damaged(line, text),
                // The line that says how many more there are is all that may still follow.
                None => self.close(),
            },
            Part::Head => self.damaged(line, text),
            Part::Outside => {}
        }
    }

    /// Completes the open object. One that the report has already begins another report.
    fn close(&mut self) {
        self.part = Part::Outside;
        let Some(object) = self.open.take() else { return };
        for mut waiting in std::mem::take(&mut self.waiting) {
            if !object.frames.is_empty() && waiting.is_like(&object) {
                waiting.frames.clone_from(&object.frames);
                self.tally.shared_objects += 1;
            }
            self.put(waiting);
        }
        self.put(object);
    }

    /// Puts an object into the report, or into the next one.
    fn put(&mut self, object: Object) {
        self.tally.cut_objects += u64::from(object.frames.is_empty());
        let listing = self.dress.listing();
        if self.scan.as_ref().is_some_and(|scan| {
            scan.listing != listing || listing == Listing::Everything && scan.has(&object.identity)
        }) {
            self.keep_scan();
        }
        let Reader { scan, scans, copied, .. } = self;
        let scan = scan.get_or_insert_with(|| next_scan(scans, copied, listing));
        if !scan.has(&object.identity) {
            scan.push(object);
        }
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.part != Part::Outside
    }

    pub(super) fn end_scan(&mut self) {
        self.close();
        self.keep_scan();
    }

    /// Puts the present report to the others. Of very many, the first ones and the last two are
    /// kept.
    fn keep_scan(&mut self) {
        let Some(scan) = self.scan.take() else { return };
        self.count += 1;
        if self.scans.len() >= SCANS_MAX {
            self.scans.remove(SCANS_MAX - 2);
        }
        self.scans.push(scan);
    }
}

// TRACE kmalloc-64 alloc 0xf7128a40 inuse=28 fp=0xf7128a80
// MemTotal:        1010492 kB
// slabinfo - version: 2.1
/// What a line of other text is one of.
fn kind(text: &[u8]) -> Kind {
    if text.starts_with(b"MemTotal:") || text.starts_with(b"slabinfo - version:") {
        return Kind::Monitor;
    }
    if matches!(Text::parse(text), Text::Trace(_)) { Kind::Trace } else { Kind::Unknown }
}

/// The report that follows on the others. What the kernel only adds to is copied; where that has
/// been too much, the last report itself goes on.
fn next_scan(scans: &mut Vec<Scan>, copied: &mut usize, listing: Listing) -> Scan {
    let Some(last) = scans.last() else { return Scan::new(listing) };
    *copied = copied.saturating_add(last.objects.len());
    if *copied <= COPIES_MAX || last.listing != listing {
        last.next(listing)
    } else {
        scans.pop().unwrap_or_else(|| Scan::new(listing))
    }
}
