//! Text to words: what a line of kernel text means, remembered.
//!
//! The frames and task headers of a console log repeat endlessly. A line's text is looked up
//! before it is parsed; lines that differ every time (headers, dumps, registers) are parsed
//! directly and not remembered.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::Task;
use super::path::Path;
use super::predictor::{Branch, ENTRIES_MAX, EntryId, Expected, Leads, NodeId, Predictor};
use super::word::Word;
use crate::names::{FrameId, Names};
use crate::record::frame::{FrameLine, FrameRun, FrameText};
use crate::record::ftrace::{BacktraceFrame, Entry as TraceEntry};
use crate::record::prefix;
use crate::record::{ObjectRow, RegisterLine, TaskHeader, Text, TraceHeader, is_stack_words};

/// A line, understood.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Understood<'a> {
    Trace(TraceHeader<'a>),
    Object(ObjectRow),
    Registers(RegisterLine<'a>),
    Entry(TraceEntry<'a>),
    Word(Word),
}

/// At so many bytes remembered lines are dropped, and learning starts afresh.
const BYTES_MAX: usize = 4 << 20;

/// Longer lines are parsed each time.
const REMEMBERED_BYTES_MAX: usize = 512;

#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    start: u32,
    len: u16,
    word: Word,
    /// Whether the line is whole and says nothing of its place in time.
    is_plain: bool,
}

/// What lines mean.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineCache {
    entries: Vec<Entry>,
    by_text: HashTable<EntryId>,
    bytes: Vec<u8>,
    hasher: FixedState,
    predictor: Predictor,
}

impl LineCache {
    /// Understands a line of kernel text.
    pub(crate) fn read<'a>(&mut self, text: &'a [u8], names: &Names) -> Understood<'a> {
        if let Some(understood) = volatile(text) {
            if matches!(understood, Understood::Trace(_)) {
                self.begin_event();
            }
            return understood;
        }
        let hash = self.hash(text);
        if let Some(id) = self.find(text, hash) {
            self.follow(id);
            return Understood::Word(self.entries[usize::from(id)].word);
        }
        let understood = understand(text, names);
        match understood {
            Understood::Word(word) if is_worth_it(word, text) => self.remember(text, hash, word),
            _ => {}
        }
        understood
    }

    /// A line that is remembered.
    pub(crate) fn recall(&mut self, text: &[u8]) -> Option<Branch> {
        let id = self.find(text, self.hash(text))?;
        Some(self.follow(id))
    }

    /// Whether a line is remembered.
    pub(crate) fn knows(&self, text: &[u8]) -> bool {
        self.find(text, self.hash(text)).is_some()
    }

    fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        hasher.finish()
    }

    fn find(&self, text: &[u8], hash: u64) -> Option<EntryId> {
        let is_it = |&id: &EntryId| {
            let entry = &self.entries[usize::from(id)];
            entry.hash == hash && entry.text(&self.bytes) == text
        };
        self.by_text.find(hash, is_it).copied()
    }

    /// The line that `bytes` begin with, if it is an expected one, and what is behind it: most logs
    /// say the same again and again.
    #[expect(clippy::inline_always, reason = "a tenth fewer instructions for other lines")]
    #[inline(always)]
    pub(crate) fn predict<'a>(&self, bytes: &'a [u8]) -> Option<(Branch, &'a [u8])> {
        self.path().predict(bytes).map(|(branch, next)| (*branch, next))
    }

    /// Follows expected lines from here on.
    #[inline]
    pub(crate) fn path(&self) -> Path<'_> {
        Path::new(&self.predictor, &self.bytes)
    }

    /// Whether lines of a backtrace are likely to follow.
    #[inline]
    pub(crate) fn expects_backtrace(&self) -> bool {
        self.predictor.expects_backtrace()
    }

    /// The log has come to a place, by lines that were predictn.
    #[inline]
    pub(crate) fn arrive(&mut self, reached: NodeId) {
        self.predictor.arrive(reached);
    }

    /// What a predictn line means.
    #[inline]
    pub(crate) fn meaning(&self, predictn: &Branch) -> Word {
        match predictn.line() {
            Expected::Frame(frame) => Word::Frame(frame),
            Expected::EntryFrame(frame) => Word::EntryFrame(frame),
            Expected::Around(id) | Expected::Plain(id) | Expected::Other(id) => {
                self.entries[usize::from(id)].word
            }
        }
    }

    /// A remembered line comes that was not predictn.
    fn follow(&mut self, id: EntryId) -> Branch {
        let Entry { start, len, word, is_plain, .. } = self.entries[usize::from(id)];
        let leads = match word {
            Word::Task(_) => Leads::BehindTask,
            _ => Leads::On,
        };
        let line = match word {
            _ if !is_plain => Expected::Other(id),
            Word::Frame(frame) => Expected::Frame(frame),
            Word::EntryFrame(frame) => Expected::EntryFrame(frame),
            Word::Hardware(_) | Word::Heading | Word::Mark(_) => Expected::Around(id),
            _ => Expected::Plain(id),
        };
        let branch = Branch::new(line, start, len);
        self.predictor.learn(id, branch, leads);
        if self.predictor.is_full() {
            self.predictor.clear();
        }
        branch
    }

    /// An event's header comes.
    #[inline]
    pub(crate) fn begin_event(&mut self) {
        self.predictor.restart();
    }

    /// An event of a recording comes.
    pub(super) fn begin_entry(&mut self, site: FrameId) {
        self.predictor.begin_at(site);
        if self.predictor.is_full() {
            self.predictor.clear();
        }
    }

    /// A line of registers comes.
    #[inline]
    pub(crate) fn see_registers(&mut self) {
        self.predictor.see_registers();
    }

    /// Forgets what lines mean: there are too many, or what stands before them changed.
    pub(crate) fn forget(&mut self) {
        self.entries.clear();
        self.by_text.clear();
        self.bytes.clear();
        self.predictor.clear();
    }

    fn remember(&mut self, text: &[u8], hash: u64, word: Word) {
        if self.entries.len() >= ENTRIES_MAX || self.bytes.len() + text.len() > BYTES_MAX {
            self.forget();
        }
        let (Ok(id), Ok(start), Ok(len)) = (
            EntryId::try_from(self.entries.len()),
            u32::try_from(self.bytes.len()),
            u16::try_from(text.len()),
        ) else {
            return;
        };
        self.bytes.extend_from_slice(text);
        self.entries.push(Entry { hash, start, len, word, is_plain: word.is_plain(text) });
        let entries = &self.entries;
        self.by_text.insert_unique(hash, id, |&id| entries[usize::from(id)].hash);
        self.follow(id);
    }
}

impl Entry {
    fn text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..][..usize::from(self.len)]
    }
}

/// Whether a line is worth remembering. One with bytes that are cleaned away before a line is read
/// was written in another way, and may mean something else where it stands as it is.
fn is_worth_it(word: Word, text: &[u8]) -> bool {
    word != Word::Other && text.len() <= REMEMBERED_BYTES_MAX && !prefix::is_dirty(text)
}

/// Reads a line that is not worth remembering, told by its first bytes.
#[inline]
pub(crate) fn volatile(text: &[u8]) -> Option<Understood<'_>> {
    match text {
        [b'T', b'R', b'A', b'C', b'E', b' ', ..] => TraceHeader::parse(text).map(Understood::Trace),
        [b'O', b'b', b'j', b'e', ..] | [b' ', b' ', b'O', ..] => {
            ObjectRow::parse(text).map(Understood::Object)
        }
        // The kernel's code segment ends in 0.
        [b'R', b'I', b'P', b':', b' ', _, _, _, b'0', ..] | [b'E', b'I', b'P', ..] => None,
        [b'S', b't', b'a', b'c', b'k', b' ', ..] | [b' ', b' ', b' ', b' ', ..]
            if is_stack_words(text) =>
        {
            Some(Understood::Word(Word::TaskDetail))
        }
        [b'R' | b'E', _, _, b':', ..]
        | [b'N', b'I', b'P', ..]
        | [b'M', b'S', b'R', ..]
        | [b'G', b'P', b'R', ..]
        | [b' ', b' ', b' ', b' ', ..]
        | [b' ', b'r', b'0'..=b'9', ..]
        | [_, _, _, _, b':', b' ', ..]
        | [b'C', b'o', b'd', b'e', ..]
        | [b'E', b'x', b'c', b'e', ..] => RegisterLine::parse(text).map(Understood::Registers),
        _ => None,
    }
}

fn understand<'a>(text: &'a [u8], names: &Names) -> Understood<'a> {
    let frame = |frame: FrameText<'_>| names.intern_frame(&frame);
    let frames = |run: FrameRun<'_>| names.intern_frames(run, frame);
    Understood::Word(match Text::parse(text) {
        Text::Trace(header) => return Understood::Trace(header),
        Text::Object(row) => return Understood::Object(row),
        Text::Registers(line) => return Understood::Registers(line),
        Text::Entry(entry) => return Understood::Entry(entry),
        Text::EntryFrame(BacktraceFrame::Kernel(one)) => Word::EntryFrame(frame(one)),
        Text::EntryFrame(BacktraceFrame::Other) => Word::ProgramFrame,
        Text::Recording(notice) => Word::Recording(notice),
        Text::Task(task) => Word::Task(intern_task(&task, names)),
        Text::Hardware(name) => Word::Hardware(names.intern(name)),
        Text::TaskDetail => Word::TaskDetail,
        Text::Heading => Word::Heading,
        Text::Headed(run) => Word::Headed(frames(run)),
        Text::Track => Word::Track,
        Text::Mark(mark) => Word::Mark(mark),
        Text::Frame(FrameLine::One(one)) => Word::Frame(frame(one)),
        Text::Frame(FrameLine::Marked(mark, one)) => Word::Marked(mark, frame(one)),
        Text::Frame(FrameLine::Call { callee, caller }) => {
            Word::Call { callee: frame(callee), caller: frame(caller) }
        }
        Text::Frame(FrameLine::Run(run)) => Word::Frames(frames(run)),
        Text::Struck(mark, place) => Word::Struck(mark, frame(place)),
        Text::Dropped(count) => Word::Dropped(count),
        Text::Banner(release) => Word::Banner(names.intern(release)),
        Text::CommandLine => Word::CommandLine,
        Text::BootSeparator => Word::BootSeparator,
        Text::SplatBegin => Word::SplatBegin,
        Text::SplatEnd => Word::SplatEnd,
        Text::Slabinfo(cache, row) => Word::Slabinfo(names.intern(cache), row),
        Text::Blank => Word::Blank,
        Text::Other => Word::Other,
    })
}

fn intern_task(task: &TaskHeader<'_>, names: &Names) -> Task {
    Task {
        cpu: task.cpu,
        pid: task.pid,
        comm: names.intern(task.comm),
        taint: names.intern(task.taint),
        kernel: (!task.kernel.is_empty()).then(|| names.intern(task.kernel)),
        build_id: (!task.build_id.is_empty()).then(|| names.intern(task.build_id)),
    }
}
