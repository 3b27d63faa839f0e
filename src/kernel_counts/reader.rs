//! Lines to snapshots.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::allocinfo::{self, Accuracy};
use super::named::Named;
use super::page_owner::{self, SumOf};
use super::slub::{self, Heading};
use super::snapshot::{Key, LineKey, Snapshot, Tally};
use crate::event::{FrameId, Names, Recognition};
use crate::record::Record;
use crate::record::frame::FrameText;
use crate::report::Origin;

/// A backtrace has no more frames than this: stackdepot keeps 64.
const FRAMES_MAX: usize = 128;

/// More snapshots are not stored.
const SNAPSHOTS_MAX: usize = 4096;

/// An entry whose first line was read.
#[derive(Clone, Debug)]
struct Open {
    kind: Kind,
    /// How its lines came; what has another time is not its own.
    is_stamped: bool,
    site: Option<FrameId>,
    frames: Vec<FrameId>,
    tally: Tally,
    /// What tells entries with one backtrace apart.
    waste: Option<u64>,
    order: Option<u32>,
    page: Option<u64>,
    /// All pages of its backtrace, where `page_owner_sort` has added them up.
    sum: Option<page_owner::Sum>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Slub,
    Page,
}

/// What makes an entry unlike all others of its snapshot.
type Mark = (Key, Option<FrameId>, Option<u64>);

/// Puts entries and snapshots together.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    names: Names,
    open: Option<Open>,
    /// What the last line that named a file said.
    named: Option<Named>,
    /// The snapshot being read.
    present: Option<Snapshot>,
    /// Its entries, where each is there once.
    seen: HashSet<Mark, FixedState>,
    /// The last page frame number.
    page: u64,
    /// What `page_owner_sort` wrote in front of the entry that comes.
    sum: Option<page_owner::Sum>,
    /// Frames in front of a count of pages.
    pending: Vec<FrameId>,
    /// Whether frames that stand alone may be such.
    stacks: Stacks,
    /// Where the last line stood.
    place: Position,
    snapshots: Vec<Snapshot>,
    /// Snapshots of inputs that have ended.
    ended: usize,
    loss: AccountLoss,
}

/// Whether frames that stand alone may belong to a count behind them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Stacks {
    #[default]
    Possible,
    /// They belong to events.
    Foreign,
}

/// Where a line stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Position {
    /// In a list of the kernel's.
    Inside,
    #[default]
    Outside,
}

/// What could not be used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct AccountLoss {
    /// Entries that break off.
    pub(super) cut: u64,
    /// Lines inside a snapshot that could not be read.
    pub(super) damaged: u64,
    /// Lists in which the kernel says that it has no data.
    pub(super) without_data: u64,
}

impl Reader {
    /// Takes a line. What is known to mean something else matters only inside an entry.
    pub(super) fn record(&mut self, record: &Record<'_>, meaning: Recognition) {
        if meaning == Recognition::Known && self.open.is_none() && self.stacks == Stacks::Foreign {
            self.place = Position::Outside;
            return;
        }
        let text = record.text;
        if text.trim_ascii().is_empty() {
            self.close();
            self.pending.clear();
            return;
        }
        let is_stamped = record.stamp.is_some();
        let text = self.behind_path(text);
        if self.begins(text, is_stamped) || self.counts(text) {
            self.place = Position::Inside;
            return;
        }
        self.inside(text, is_stamped, meaning);
        self.place = if self.open.is_some() { Position::Inside } else { Position::Outside };
    }

    /// The line without the path that `grep -H` puts before it, which names the list.
    fn behind_path<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let Some((named, rest)) = Named::before_line(text) else { return text };
        if self.named.as_ref() != Some(&named) {
            self.end_snapshot();
            self.named = Some(named);
        }
        rest
    }

    /// From here on, a backtrace is an event's.
    pub(super) fn see_event(&mut self) {
        self.stacks = Stacks::Foreign;
        self.pending.clear();
    }

    /// Whether a line that means something else changes nothing.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_none() && self.stacks == Stacks::Foreign && self.place == Position::Outside
    }

    /// Whether the last line was one of a list.
    pub(super) fn is_in_list(&self) -> bool {
        self.place == Position::Inside
    }

    /// Ends an input. Its name may tell what is in it.
    pub(super) fn end_input(&mut self, path: &str) {
        self.end_snapshot();
        self.named = None;
        let named = Named::find(path);
        for snapshot in &mut self.snapshots[self.ended..] {
            if let Some(named) = named.as_ref().filter(|_| !snapshot.is_named) {
                snapshot.cache.clone_from(&named.cache);
                if is_alike(snapshot.origin, named.origin) {
                    snapshot.origin = named.origin;
                }
            }
        }
        self.ended = self.snapshots.len();
        self.stacks = Stacks::Possible;
    }

    pub(super) fn finish(mut self) -> (Names, Vec<Snapshot>, AccountLoss) {
        self.end_snapshot();
        (self.names, self.snapshots, self.loss)
    }

    /// Whether the line begins an entry.
    fn begins(&mut self, text: &[u8], is_stamped: bool) -> bool {
        let open = match text.trim_ascii_start().first() {
            Some(b'0'..=b'9') => {
                let heading = if self.is_in_slub_list() {
                    slub::heading_of_a_list(text)
                } else {
                    slub::heading(text)
                };
                heading.map(|heading| self.slub(&heading))
            }
            Some(b'P') => page_owner::allocation(text).map(|page| self.page(&page)),
            _ => None,
        };
        let Some(mut open) = open else { return false };
        self.close();
        open.is_stamped = is_stamped;
        if open.kind == Kind::Slub {
            self.note_bytes(text);
        }
        self.open = Some(open);
        true
    }

    /// Whether the last line that named a file named one of SLUB's lists.
    fn is_in_slub_list(&self) -> bool {
        let named = self.named.as_ref().map(|named| named.origin);
        named.is_some_and(|origin| is_alike(origin, Origin::AllocCalls))
    }

    fn slub(&mut self, heading: &Heading<'_>) -> Open {
        let site = heading.site.map(|site| self.names.intern_frame(&site));
        let waste = heading.waste.map(|waste| waste.saturating_mul(heading.objects));
        let tally = Tally {
            objects: heading.objects,
            waste,
            ages: heading.ages,
            pids: heading.pids,
            ..Tally::default()
        };
        Open {
            kind: Kind::Slub,
            is_stamped: false,
            site,
            frames: Vec::new(),
            tally,
            waste: heading.waste,
            order: None,
            page: None,
            sum: None,
        }
    }

    fn page(&mut self, page: &page_owner::Allocation<'_>) -> Open {
        let mut tally = Tally { objects: 1, ..Tally::default() };
        let comm = page.comm.map(|comm| self.names.intern(comm));
        if let Some(pid) = page.pid {
            tally.see_task((comm, pid), 1);
        }
        Open {
            kind: Kind::Page,
            is_stamped: false,
            site: None,
            frames: Vec::new(),
            tally,
            waste: None,
            order: Some(page.order),
            page: None,
            sum: self.sum.take(),
        }
    }

    /// Whether the line is an entry by itself.
    fn counts(&mut self, text: &[u8]) -> bool {
        let text = text.trim_ascii();
        match text.first() {
            Some(b'-' | b'0'..=b'9') => self.sum(text) || self.allocinfo(text),
            Some(b'n' | b's') => self.pages(text),
            Some(b'a') if allocinfo::is_header(text) => {
                self.end_snapshot();
                self.snapshot(Origin::Allocinfo);
                true
            }
            Some(b'#') => allocinfo::is_legend(text),
            // A list of a cache whose users the kernel was not told to store.
            Some(b'N') if text == b"No data" => {
                self.loss.without_data += 1;
                true
            }
            _ => false,
        }
    }

    /// What `page_owner_sort` writes in front of an entry: all pages of its backtrace.
    fn sum(&mut self, text: &[u8]) -> bool {
        let Some(sum) = page_owner::sum(text) else { return false };
        self.close();
        self.snapshot(Origin::PageOwner);
        self.sum = Some(sum);
        true
    }

    fn allocinfo(&mut self, text: &[u8]) -> bool {
        let Some(row) = allocinfo::row(text) else { return false };
        self.close();
        let key = Key::Line(LineKey {
            file: self.names.intern(row.file),
            line: row.line,
            module: row.module.map(|module| self.names.intern(module)),
            function: self.names.intern(row.function),
        });
        self.snapshot(Origin::Allocinfo).inaccurate += u64::from(row.accuracy == Accuracy::Short);
        let tally = Tally { objects: row.calls, bytes: Some(row.bytes), ..Tally::default() };
        // Several places in one line of source have rows of their own.
        self.merge(Origin::Allocinfo, key, &tally);
        true
    }

    fn pages(&mut self, text: &[u8]) -> bool {
        let Some(pages) = page_owner::pages(text) else { return false };
        if self.pending.is_empty() {
            return false;
        }
        let key = Key::Pages(std::mem::take(&mut self.pending).into(), None);
        let tally = Tally { objects: pages, ..Tally::default() };
        self.add(Origin::PageOwner, (key, None, None), &tally);
        true
    }

    /// A line that is part of an entry, or of none.
    fn inside(&mut self, text: &[u8], is_stamped: bool, meaning: Recognition) {
        match self.open.as_ref().map(|open| open.is_stamped == is_stamped) {
            Some(true) => match crate::kmemleak::frame(text.trim_ascii()) {
                Some(frame) => self.frame(&frame),
                None => self.remark(text),
            },
            // Somebody else's line, printed in between.
            Some(false) => {}
            None if meaning == Recognition::Unknown && self.name(text) => {}
            None => self.alone(text, is_stamped, meaning),
        }
    }

    fn frame(&mut self, frame: &FrameText<'_>) {
        let frame = self.names.intern_frame(frame);
        if let Some(open) = self.open.as_mut().filter(|open| open.frames.len() < FRAMES_MAX) {
            open.frames.push(frame);
        }
    }

    fn remark(&mut self, text: &[u8]) {
        if let Some(open) = self.open.as_mut().filter(|open| open.kind == Kind::Page) {
            let text = text.trim_ascii();
            let page = page_owner::frame_number(text);
            open.page = page.or(open.page);
            if page.is_some() || page_owner::is_remark(text) {
                return;
            }
        }
        // A frame that cannot be read leaves a gap, and the frames behind it are still there.
        if text.starts_with(b" ") && looks_ours(text) {
            self.loss.damaged += 1;
            return;
        }
        self.close();
        if !self.name(text) {
            self.loss.damaged += u64::from(looks_ours(text));
        }
    }

    /// A line outside of every entry: a frame in front of a count, or nothing of ours.
    fn alone(&mut self, text: &[u8], is_stamped: bool, meaning: Recognition) {
        // All lines of the kernel's that may stand here are set in.
        if !text.starts_with(b" ") {
            self.pending.clear();
            return;
        }
        // Nobody else writes of waste.
        let is_inside = self.present.is_some() || memchr::memmem::find(text, b" waste=").is_some();
        if meaning == Recognition::Unknown && !is_stamped && is_inside {
            self.loss.damaged += u64::from(looks_ours(text));
        }
        if self.stacks == Stacks::Foreign {
            return;
        }
        match crate::kmemleak::frame(text.trim_ascii()) {
            Some(frame) if self.pending.len() < FRAMES_MAX => {
                let frame = self.names.intern_frame(&frame);
                self.pending.push(frame);
            }
            Some(_) => {}
            None => self.pending.clear(),
        }
    }

    /// Whether the line names one of the kernel's files: what follows is that file.
    fn name(&mut self, text: &[u8]) -> bool {
        let Some(named) = Named::in_line(text) else { return false };
        self.end_snapshot();
        self.pending.clear();
        self.named = Some(named);
        self.stacks = Stacks::Possible;
        true
    }

    /// Completes the open entry.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        match open.kind {
            Kind::Slub => self.close_slub(open),
            Kind::Page => self.close_page(open),
        }
    }

    fn close_slub(&mut self, open: Open) {
        let has_frames = !open.frames.is_empty();
        let origin = if has_frames { Origin::AllocTraces } else { Origin::AllocCalls };
        let mut frames = open.frames;
        // Some unwinders leave out the first frames, and among them the call site.
        if let Some(site) = open.site.filter(|site| !frames.contains(site)) {
            frames.insert(0, site);
        }
        let others_have = self.present.as_ref().is_some_and(|present| present.has_backtraces);
        if origin == Origin::AllocCalls && others_have && open.site.is_some() {
            self.loss.cut += 1;
        }
        self.add(origin, (Key::Chain(frames.into()), open.site, open.waste), &open.tally);
        if let Some(present) = self.present.as_mut().filter(|_| origin == Origin::AllocTraces) {
            present.has_backtraces = true;
            present.origin = present.origin.with_backtraces();
        }
    }

    fn close_page(&mut self, open: Open) {
        if let Some(sum) = open.sum.filter(|_| !open.frames.is_empty()) {
            let mut tally = Tally { objects: sum.pages, ..open.tally };
            match sum.of {
                SumOf::OneTask => tally.tasks.values_mut().for_each(|pages| *pages = sum.pages),
                SumOf::Any => tally.tasks.clear(),
            }
            return self.merge(Origin::PageOwner, Key::Pages(open.frames.into(), None), &tally);
        }
        let Some(page) = open.page.filter(|_| !open.frames.is_empty()) else {
            self.loss.cut += 1;
            return;
        };
        // Pages are listed by number. The next list begins anew.
        if page <= self.page && self.present.is_some() {
            self.end_snapshot();
        }
        self.page = page;
        self.merge(Origin::PageOwner, Key::Pages(open.frames.into(), open.order), &open.tally);
    }

    /// Adds an entry that is there once in a snapshot. One that the snapshot has already begins
    /// the next.
    fn add(&mut self, origin: Origin, mark: Mark, tally: &Tally) {
        if self.seen.contains(&mark) {
            self.end_snapshot();
        }
        self.merge(origin, mark.0.clone(), tally);
        self.seen.insert(mark);
    }

    fn merge(&mut self, origin: Origin, key: Key, tally: &Tally) {
        self.snapshot(origin).groups.entry(key).or_default().add(tally);
    }

    fn note_bytes(&mut self, text: &[u8]) {
        self.snapshot(Origin::AllocCalls).bytes += text.len() as u64 + 1;
    }

    /// The snapshot being read, which must be of this kind of file.
    fn snapshot(&mut self, origin: Origin) -> &mut Snapshot {
        if self.present.as_ref().is_some_and(|present| !is_alike(present.origin, origin)) {
            self.end_snapshot();
        }
        let named = &self.named;
        self.present.get_or_insert_with(|| {
            let mut snapshot = Snapshot::new(origin);
            if let Some(named) = named.as_ref().filter(|named| is_alike(named.origin, origin)) {
                snapshot.origin = named.origin;
                snapshot.cache.clone_from(&named.cache);
                snapshot.is_named = true;
            }
            snapshot
        })
    }

    fn end_snapshot(&mut self) {
        self.close();
        self.page = 0;
        self.seen.clear();
        if let Some(snapshot) = self.present.take().filter(|present| !present.groups.is_empty()) {
            // Of more readings than anybody takes, the first ones and the last are kept.
            self.snapshots.truncate(SNAPSHOTS_MAX - 1);
            self.snapshots.push(snapshot);
        }
    }
}

/// Whether a line that cannot be read was one of an entry's.
fn looks_ours(text: &[u8]) -> bool {
    const PARTS: [&[u8]; 5] = [b"+0x", b" age=", b" waste=", b" func:", b"PFN "];
    PARTS.iter().any(|part| memchr::memmem::find(text, part).is_some())
}

/// Whether two files have entries of one form.
fn is_alike(a: Origin, b: Origin) -> bool {
    let form = |origin| match origin {
        Origin::AllocTraces | Origin::FreeTraces | Origin::AllocCalls | Origin::FreeCalls => 0,
        Origin::Allocinfo => 1,
        Origin::PageOwner => 2,
        Origin::Trace | Origin::Several => 3,
    };
    form(a) == form(b)
}
