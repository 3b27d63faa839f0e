//! Entries of a recording, their names interned.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::address::Pointer;
use crate::names::{FrameId, MaybeName, NameId, Names};
use crate::record::Op;
use crate::record::ftrace::{
    BacktraceFrame, CacheText, CallSite, Entry, EntryKind, IrqContext, KmemEvent, Request, Writer,
};

/// Who wrote an entry. Of its entries, a backtrace belongs to the event before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct EntryWriter {
    pub(crate) cpu: Option<u32>,
    pub(crate) pid: Option<u32>,
    pub(crate) context: IrqContext,
}

/// An entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecordedEntry {
    pub(crate) writer: EntryWriter,
    /// The task's name.
    pub(crate) comm: MaybeName,
    /// Microseconds of the recording's clock.
    pub(crate) time: Option<i64>,
    pub(crate) beginning: EntryBeginning,
    pub(crate) kind: RecordedKind,
}

/// What an entry's line begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EntryBeginning {
    /// The entry.
    Own,
    /// The beginning of another line: what was between was thrown away.
    BehindGap,
}

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RecordedKind {
    /// An event of an object.
    Event(RecordedEvent),
    /// The heading of a backtrace, and the frame behind it.
    Stack(Option<FrameId>),
    /// The heading of a program's backtrace.
    UserStack,
    /// Anything else.
    Other,
}

/// An event of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecordedEvent {
    pub(crate) op: Op,
    pub(crate) object: Pointer,
    /// Hexadecimal digits of `object` as printed, 0 where it is not a number.
    pub(crate) digits: u8,
    pub(crate) cache: RecordedCache,
    pub(crate) call_site: Option<FrameId>,
    pub(crate) request: Option<Request>,
    /// A number that the line makes.
    pub(crate) hash: u64,
}

/// How well an event's cache is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordedCache {
    /// By its name.
    Known(NameId),
    /// By the size of its objects alone; the name says so.
    BySize(NameId),
    /// It is the one of its object; the name stands for an object that nobody knows.
    OfObject(NameId),
}

impl RecordedCache {
    /// The name, or what stands for it.
    pub fn name(self) -> NameId {
        match self {
            RecordedCache::Known(name)
            | RecordedCache::BySize(name)
            | RecordedCache::OfObject(name) => name,
        }
    }
}

/// Distinct sizes and call sites remembered. A kernel has a few thousand call sites.
const REMEMBERED_MAX: usize = 1 << 14;

/// Writers remembered: a few CPUs take turns, and each has a task and an interrupt.
const WRITERS_MAX: usize = 8;

/// Longer texts are no call sites.
const CALL_SITE_BYTES_MAX: usize = 512;

/// What names were made of. It makes interning quick and changes no name.
#[derive(Clone, Default, Debug)]
pub(super) struct EntryNames {
    /// Names of caches that are known by their size.
    sizes: HashMap<(CacheKind, u64), NameId, FixedState>,
    call_sites: HashMap<Box<[u8]>, Option<FrameId>, FixedState>,
    /// Names of caches that events print.
    caches: HashMap<Box<[u8]>, NameId, FixedState>,
    /// The writers of the last entries, the last one mostly first.
    writers: Vec<KnownWriter>,
}

/// A writer, and what tells it in its lines.
#[derive(Clone, Debug)]
struct KnownWriter {
    text: Vec<u8>,
    writer: EntryWriter,
    comm: MaybeName,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum CacheKind {
    Kmalloc,
    Unnamed,
    Unknown,
}

impl EntryNames {
    /// Reads an entry of one of the last writers, if it is one.
    pub(super) fn read_next(&mut self, text: &[u8], names: &Names) -> Option<RecordedEntry> {
        let at = self.writers.iter().position(|known| text.starts_with(&known.text))?;
        self.writers.swap(0, at);
        let KnownWriter { text: told, writer, comm } = &self.writers[0];
        let (writer, comm) = (*writer, *comm);
        let entry = Entry::behind_writer(text.get(told.len()..)?, Writer::default())?;
        Some(self.intern_as(&entry, text, writer, comm, names))
    }

    /// An entry, which a line is.
    pub(super) fn intern(
        &mut self,
        entry: &Entry<'_>,
        text: &[u8],
        names: &Names,
    ) -> RecordedEntry {
        let Writer { comm, pid, cpu, context } = entry.writer;
        let writer = EntryWriter { cpu, pid, context };
        let comm = comm.map(|comm| names.intern(comm)).into();
        if entry.writer_len > 0 && entry.stray.is_empty() {
            let text = text[..entry.writer_len.min(text.len())].to_vec();
            self.writers.retain(|known| known.text != text);
            self.writers.truncate(WRITERS_MAX - 1);
            self.writers.insert(0, KnownWriter { text, writer, comm });
        }
        self.intern_as(entry, text, writer, comm, names)
    }

    fn intern_as(
        &mut self,
        entry: &Entry<'_>,
        text: &[u8],
        writer: EntryWriter,
        comm: MaybeName,
        names: &Names,
    ) -> RecordedEntry {
        let kind = match entry.kind {
            EntryKind::Kmem(event) => {
                let hash = FixedState::default().hash_one((entry.time, text));
                RecordedKind::Event(self.event(&event, hash, names))
            }
            EntryKind::Stack(Some(BacktraceFrame::Kernel(frame))) => {
                RecordedKind::Stack(Some(names.intern_frame(&frame)))
            }
            EntryKind::Stack(_) => RecordedKind::Stack(None),
            EntryKind::UserStack => RecordedKind::UserStack,
            EntryKind::Other => RecordedKind::Other,
        };
        let beginning =
            if entry.stray.is_empty() { EntryBeginning::Own } else { EntryBeginning::BehindGap };
        RecordedEntry { writer, comm, time: entry.time, beginning, kind }
    }

    fn event(&mut self, event: &KmemEvent<'_>, hash: u64, names: &Names) -> RecordedEvent {
        let KmemEvent { op, object, digits, cache, call_site, request } = *event;
        let bytes = request.map(|request| request.allocated);
        RecordedEvent {
            op,
            object,
            digits: u8::try_from(digits).unwrap_or(u8::MAX),
            cache: match (cache, bytes) {
                (CacheText::Named(name), _) => RecordedCache::Known(self.cache(name, names)),
                (CacheText::Kmalloc, Some(bytes)) => {
                    RecordedCache::Known(self.of_size(CacheKind::Kmalloc, bytes, names))
                }
                (CacheText::Unnamed, Some(bytes)) => {
                    RecordedCache::BySize(self.of_size(CacheKind::Unnamed, bytes, names))
                }
                (CacheText::Kmalloc | CacheText::Unnamed | CacheText::Any, _) => {
                    RecordedCache::OfObject(self.of_size(CacheKind::Unknown, 0, names))
                }
            },
            call_site: self.call_site(call_site, names),
            request,
            hash,
        }
    }

    fn cache(&mut self, name: &[u8], names: &Names) -> NameId {
        if let Some(&known) = self.caches.get(name) {
            return known;
        }
        if self.caches.len() >= REMEMBERED_MAX {
            self.caches.clear();
        }
        let id = names.intern(name);
        self.caches.insert(name.into(), id);
        id
    }

    fn call_site(&mut self, site: CallSite<'_>, names: &Names) -> Option<FrameId> {
        if let Some(&known) = self.call_sites.get(site.0) {
            return known;
        }
        let frame = site.frame().map(|frame| names.intern_frame(&frame));
        if site.0.len() <= CALL_SITE_BYTES_MAX {
            if self.call_sites.len() >= REMEMBERED_MAX {
                self.call_sites.clear();
            }
            self.call_sites.insert(site.0.into(), frame);
        }
        frame
    }

    fn of_size(&mut self, kind: CacheKind, bytes: u64, names: &Names) -> NameId {
        if self.sizes.len() >= REMEMBERED_MAX {
            self.sizes.clear();
        }
        let name = || match kind {
            CacheKind::Kmalloc => kmalloc_cache(bytes),
            CacheKind::Unnamed => format!("(unnamed, {bytes} bytes)"),
            CacheKind::Unknown => "(unknown cache)".to_owned(),
        };
        *self.sizes.entry((kind, bytes)).or_insert_with(|| names.intern(name().as_bytes()))
    }
}

/// The name of a size class as kernels from 4.19 on print it (`mm/slab_common.c`, `kmalloc_info`), and
/// in the same way that of what is too large to have one.
fn kmalloc_cache(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => {
            format!("kmalloc-{}M", bytes >> 20)
        }
        _ if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => {
            format!("kmalloc-{}k", bytes >> 10)
        }
        _ => format!("kmalloc-{bytes}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_named_as_the_kernel_names_them() {
        for (bytes, name) in [
            (8, "kmalloc-8"),
            (192, "kmalloc-192"),
            (1024, "kmalloc-1k"),
            (8192, "kmalloc-8k"),
            (32768, "kmalloc-32k"),
            (4 << 20, "kmalloc-4M"),
        ] {
            assert_eq!(kmalloc_cache(bytes), name);
        }
    }
}
