//! What a recording says of the kernel that it was made on: the layouts of its events, its
//! functions, and the names of threads.
//!
//! perf writes it into a section, and trace-cmd up to version 6 at the beginning of its file, in one
//! format (`tools/perf/util/trace-event-info.c`, `trace-cmd.dat.v6(5)`). Version 7 has a section for
//! each of the parts.

use super::bytes::{ByteOrder, Bytes, LongSize};
use super::comms::Comms;
use super::format::{Field, Formats};
use super::symbols::KernelSymbols;

/// What both programs begin with.
pub(super) const MAGIC: &[u8] = b"\x17\x08\x44tracing";

/// What a recording says of its kernel.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    /// The order of bytes in all numbers.
    pub(super) order: ByteOrder,
    /// The size of the kernel's pages.
    pub(super) page_size: u32,
    /// The layout of a page of events.
    pub(super) page: PageLayout,
    /// The layouts of events.
    pub(super) formats: Formats,
    /// The kernel's functions.
    pub(super) symbols: KernelSymbols,
    /// The names of threads.
    pub(super) comms: Comms,
}

/// The layout of a page of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageLayout {
    /// Where it says how many bytes are in use.
    pub(super) commit: usize,
    /// How large that number is, which is the kernel's `long`.
    pub(super) long: LongSize,
    /// Where the events begin.
    pub(super) data: usize,
}

impl PageLayout {
    /// That of a kernel whose `long` is known.
    pub(super) fn usual(long: LongSize) -> PageLayout {
        PageLayout { commit: 8, long, data: 8 + long.bytes() }
    }

    // 	field: u64 timestamp;	offset:0;	size:8;	signed:0;
    // 	field: local_t commit;	offset:8;	size:8;	signed:1;
    // 	field: int overwrite;	offset:8;	size:1;	signed:1;
    // 	field: char data;	offset:16;	size:4080;	signed:1;
    fn parse(text: &[u8]) -> Option<PageLayout> {
        let text = String::from_utf8_lossy(text);
        let field = |name: &str| text.lines().filter_map(Field::parse).find(|f| f.name == name);
        let (commit, data) = (field("commit")?, field("data")?);
        let long = LongSize::of(commit.size())?;
        Some(PageLayout { commit: commit.offset(), long, data: data.offset() })
    }
}

/// The beginning of a recording, with its version.
pub(super) struct Preamble<'a> {
    /// The version, without what stands in front of its dot.
    pub(super) version: &'a [u8],
    /// The kernel, of which nothing else is known yet.
    pub(super) metadata: Metadata,
}

impl<'a> Preamble<'a> {
    /// Reads it, and leaves in `bytes` what is behind.
    pub(super) fn parse(bytes: &mut Bytes<'a>) -> Option<Preamble<'a>> {
        bytes.take(MAGIC.len()).filter(|magic| *magic == MAGIC)?;
        let version = bytes.text()?;
        let version = version.strip_prefix(b"0.").unwrap_or(version);
        let order = match bytes.byte()? {
            0 => ByteOrder::Little,
            1 => ByteOrder::Big,
            _ => return None,
        };
        let long = LongSize::of(usize::from(bytes.byte()?))?;
        *bytes = Bytes::new(bytes.rest(), order);
        let page_size = bytes.word()?;
        let metadata = Metadata {
            order,
            page_size,
            page: PageLayout::usual(long),
            formats: Formats::default(),
            symbols: KernelSymbols::default(),
            comms: Comms::default(),
        };
        Some(Preamble { version, metadata })
    }
}

impl Metadata {
    /// Reads all layouts, one behind another.
    pub(super) fn take_layouts(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        self.take_header_info(bytes)?;
        self.take_ftrace_formats(bytes)?;
        self.take_event_formats(bytes)
    }

    /// Reads the names that stand behind the layouts.
    pub(super) fn take_names(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        self.take_kallsyms(bytes)?;
        // Formats of trace_printk(), of which nothing is asked.
        let length = bytes.word()?;
        bytes.take_long(length.into()).map(|_| ())
    }

    /// Reads the layout of pages.
    pub(super) fn take_header_info(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        bytes.text().filter(|name| *name == b"header_page")?;
        let length = bytes.long()?;
        let page = bytes.take_long(length)?;
        self.page = PageLayout::parse(page).unwrap_or(self.page);
        bytes.text().filter(|name| *name == b"header_event")?;
        let length = bytes.long()?;
        bytes.take_long(length).map(|_| ())
    }

    /// Reads the layouts of what is written without being switched on, such as `kernel_stack`.
    pub(super) fn take_ftrace_formats(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let count = bytes.word()?;
        self.take_formats(b"ftrace", count, bytes)
    }

    /// Reads the layouts of the events of each system.
    pub(super) fn take_event_formats(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let systems = bytes.word()?;
        for _ in 0..systems {
            let system = bytes.text()?;
            let count = bytes.word()?;
            self.take_formats(system, count, bytes)?;
        }
        Some(())
    }

    fn take_formats(&mut self, system: &[u8], count: u32, bytes: &mut Bytes<'_>) -> Option<()> {
        for _ in 0..count {
            let length = bytes.long()?;
            self.formats.take(system, bytes.take_long(length)?);
        }
        Some(())
    }

    /// Reads the kernel's functions. perf leaves them out.
    pub(super) fn take_kallsyms(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let length = bytes.word()?;
        self.symbols = KernelSymbols::parse(bytes.take_long(length.into())?);
        Some(())
    }

    /// Reads the names of threads.
    pub(super) fn take_comms(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let length = bytes.long()?;
        self.comms = Comms::parse(bytes.take_long(length)?);
        Some(())
    }
}
