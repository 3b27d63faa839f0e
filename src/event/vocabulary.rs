//! Text to words: what a line of kernel text means, remembered.
//!
//! The frames and task headers of a console log repeat endlessly. A line's text is looked up
//! before it is parsed; lines that differ every time (headers, dumps, registers) are parsed
//! directly and not remembered.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::Task;
use super::foresight::{Branch, ENTRIES_MAX, EntryId, Expected, Foresight, Leads, NodeId};
use super::names::{FrameId, Names, RunId};
use super::path::Path;
use super::word::Word;
use crate::record::frame::{FrameLine, FrameRun, FrameText, Place};
use crate::record::prefix;
use crate::record::{Mark, ObjectRow, RegisterLine, TaskHeader, Text, TraceHeader, is_stack_words};
use crate::symbol::Addresses;

/// A line, understood.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Understood<'a> {
    Trace(TraceHeader<'a>),
    Object(ObjectRow),
    Registers(RegisterLine<'a>),
    Word(Word),
}

/// At so many bytes remembered lines are dropped, and learning starts afresh.
const BYTES_MAX: usize = 4 << 20;

/// Longer lines are parsed each time.
const REMEMBERED_BYTES_MAX: usize = 512;

#[derive(Debug)]
struct Entry {
    hash: u64,
    start: u32,
    len: u16,
    word: Word,
    /// Whether the line is whole and says nothing of its place in time.
    is_plain: bool,
}

/// What lines mean.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    entries: Vec<Entry>,
    by_text: HashTable<EntryId>,
    bytes: Vec<u8>,
    hasher: FixedState,
    foresight: Foresight,
    /// What names bare addresses.
    addresses: Option<Box<Addresses>>,
}

impl Vocabulary {
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
        if self.addresses.as_mut().is_some_and(|addresses| addresses.see(text)) {
            self.forget();
        }
        let mut interner = Interner { names, addresses: self.addresses.as_deref_mut() };
        let understood = understand(text, &mut interner);
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
    pub(crate) fn foresee<'a>(&self, bytes: &'a [u8]) -> Option<(Branch, &'a [u8])> {
        self.path().foresee(bytes).map(|(branch, next)| (*branch, next))
    }

    /// Follows expected lines from here on.
    #[inline]
    pub(crate) fn path(&self) -> Path<'_> {
        Path::new(&self.foresight, &self.bytes)
    }

    /// Whether lines of a backtrace are likely to follow.
    #[inline]
    pub(crate) fn expects_backtrace(&self) -> bool {
        self.foresight.expects_backtrace()
    }

    /// The log has come to a place, by lines that were foreseen.
    #[inline]
    pub(crate) fn arrive(&mut self, reached: NodeId) {
        self.foresight.arrive(reached);
    }

    /// What a foreseen line means.
    #[inline]
    pub(crate) fn meaning(&self, foreseen: &Branch) -> Word {
        match foreseen.line() {
            Expected::Frame(frame) => Word::Frame(frame),
            Expected::Around(id) | Expected::Plain(id) | Expected::Other(id) => {
                self.entries[usize::from(id)].word
            }
        }
    }

    /// A remembered line comes that was not foreseen.
    fn follow(&mut self, id: EntryId) -> Branch {
        let Entry { start, len, word, is_plain, .. } = self.entries[usize::from(id)];
        let leads = match word {
            Word::Task(_) => Leads::BehindTask,
            _ => Leads::On,
        };
        let line = match word {
            _ if !is_plain => Expected::Other(id),
            Word::Frame(frame) => Expected::Frame(frame),
            Word::Mark(Mark::TaskEnd) => Expected::Plain(id),
            Word::Hardware(_) | Word::Heading | Word::Mark(_) => Expected::Around(id),
            _ => Expected::Plain(id),
        };
        let branch = Branch::new(line, start, len);
        self.foresight.learn(id, branch, leads);
        if self.foresight.is_full() {
            self.foresight.clear();
        }
        branch
    }

    /// An event's header comes.
    #[inline]
    pub(crate) fn begin_event(&mut self) {
        self.foresight.restart();
    }

    /// A line of registers comes.
    #[inline]
    pub(crate) fn see_registers(&mut self) {
        self.foresight.see_registers();
    }

    /// Has bare addresses named.
    pub(crate) fn name_addresses(&mut self, addresses: Addresses) {
        self.addresses = (!addresses.is_empty()).then(|| Box::new(addresses));
    }

    /// Gives back what names bare addresses.
    pub(crate) fn take_addresses(&mut self) -> Addresses {
        self.addresses.take().map_or_else(Addresses::default, |addresses| *addresses)
    }

    /// Another boot begins, in which addresses may have other names.
    pub(crate) fn next_boot(&mut self) {
        if let Some(addresses) = &mut self.addresses {
            addresses.next_boot();
            self.forget();
        }
    }

    /// Forgets what lines mean: there are too many, or addresses in them have other names now.
    pub(crate) fn forget(&mut self) {
        self.entries.clear();
        self.by_text.clear();
        self.bytes.clear();
        self.foresight.clear();
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

/// Interns what a line names, and what its bare addresses are the names of.
struct Interner<'a> {
    names: &'a Names,
    addresses: Option<&'a mut Addresses>,
}

impl Interner<'_> {
    fn frame(&mut self, text: &FrameText<'_>) -> FrameId {
        if let (Place::Bare(bare), Some(addresses)) = (text.place, &mut self.addresses)
            && let Ok(named) = addresses.name(bare.0)
        {
            return self.names.intern_named(text, bare, &named);
        }
        self.names.intern_frame(text)
    }

    fn run(&mut self, run: FrameRun<'_>) -> RunId {
        let names = self.names;
        names.intern_run(run, |frame| self.frame(&frame))
    }
}

fn understand<'a>(text: &'a [u8], interner: &mut Interner<'_>) -> Understood<'a> {
    let names = interner.names;
    Understood::Word(match Text::parse(text) {
        Text::Trace(header) => return Understood::Trace(header),
        Text::Object(row) => return Understood::Object(row),
        Text::Registers(line) => return Understood::Registers(line),
        Text::Task(task) => Word::Task(intern_task(&task, names)),
        Text::Hardware(name) => Word::Hardware(names.intern(name)),
        Text::TaskDetail => Word::TaskDetail,
        Text::Heading => Word::Heading,
        Text::Headed(run) => Word::Headed(interner.run(run)),
        Text::Track => Word::Track,
        Text::Mark(mark) => Word::Mark(mark),
        Text::Frame(FrameLine::One(frame)) => Word::Frame(interner.frame(&frame)),
        Text::Frame(FrameLine::Marked(mark, frame)) => Word::Marked(mark, interner.frame(&frame)),
        Text::Frame(FrameLine::Call { callee, caller }) => {
            Word::Call { callee: interner.frame(&callee), caller: interner.frame(&caller) }
        }
        Text::Frame(FrameLine::Run(run)) => Word::Run(interner.run(run)),
        Text::Struck(mark, frame) => Word::Struck(mark, interner.frame(&frame)),
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
