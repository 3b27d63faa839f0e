//! One entry of a recording: an event, or the backtrace of one.

use super::writer::{self, EntryTime, Front};
use super::{BacktraceFrame, KmemEvent, Writer};

/// One entry of a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Who wrote it.
    pub writer: Writer<'a>,
    /// Microseconds of the recording's clock, where it counts time.
    pub time: Option<i64>,
    /// What stands before it in its line: the beginning of a line whose end was thrown away.
    pub stray: &'a [u8],
    /// Bytes of the line that tell the writer and stand in front of the time; 0 where there are none.
    pub writer_len: usize,
    /// What it is.
    pub kind: EntryKind<'a>,
}

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind<'a> {
    /// An event of an object.
    Kmem(KmemEvent<'a>),
    /// The heading of the backtrace of its writer's last event, and the frame behind it.
    Stack(Option<BacktraceFrame<'a>>),
    /// The heading of a backtrace of the program that runs.
    UserStack,
    /// Anything else.
    Other,
}

impl<'a> Entry<'a> {
    //          leaky/0-115     [000] .....     2.524865: kmalloc: call_site=leaky_alloc_buf+0x1f/0x40 [leaky] ptr=…
    //          leaky/0-115     [000] .....     2.524877: <stack trace>
    //          leaky/0-127   [000]     4.320645: kernel_stack:         <stack trace >
    //          leaky/0-127   [000]     4.168556: (+679)   kernel_stack:         <stack trace >
    // leaky/0   127 [000]     4.250492:          kmem:kmalloc: call_site=leaky_alloc_buf+0x1f ptr=…
    // kmalloc: call_site=leaky_alloc_buf+0x1f/0x40 [leaky] ptr=…       tp_printk, nocontext-info
    // <stack trace>                                                    nocontext-info
    /// Reads an entry.
    pub fn parse(text: &'a [u8]) -> Option<Entry<'a>> {
        with_front(text).or_else(|| with_less(text))
    }

    /// Reads an entry whose writer is known: what stands behind the bytes that tell it.
    pub(crate) fn behind_writer(text: &'a [u8], writer: Writer<'a>) -> Option<Entry<'a>> {
        let end = memchr::memchr(b':', text)?;
        let behind =
            text.get(end + 1..).filter(|behind| matches!(behind.first(), Some(b' ' | b'\t')))?;
        let EntryTime(time) = writer::time_alone(text.get(..end)?)?;
        if may_hold_front(behind) {
            return None;
        }
        let kind = kind(behind_delta(behind.trim_ascii_start()))?;
        Some(Entry { writer, time, stray: b"", writer_len: 0, kind })
    }
}

/// Whether the front of another entry may stand in a text: a colon behind what may be a time.
fn may_hold_front(text: &[u8]) -> bool {
    memchr::memchr_iter(b':', text).any(|at| {
        let before = at.checked_sub(1).map(|at| text[at]);
        let is_time = before.is_some_and(|byte| !byte.is_ascii_alphabetic() || byte == b's');
        is_time && matches!(text.get(at + 1), Some(b' ' | b'\t'))
    })
}

/// An entry whose front says who wrote it and when: the last one of the line. What stands before it
/// was cut off.
fn with_front(text: &[u8]) -> Option<Entry<'_>> {
    memchr::memrchr_iter(b':', text).find_map(|at| {
        let behind = &text[at + 1..];
        if !matches!(behind.first(), Some(b' ' | b'\t')) {
            return None;
        }
        let Front { writer, time, stray, writer_len } = Front::parse(&text[..at])?;
        let kind = kind(behind_delta(behind.trim_ascii_start()))?;
        Some(Entry { writer, time, stray: &text[..stray], writer_len, kind })
    })
}

/// The text without the time since the last entry that `trace-cmd report --ts-diff` prints.
fn behind_delta(text: &[u8]) -> &[u8] {
    let delta = text.strip_prefix(b"(+").and_then(|rest| {
        let end = memchr::memchr(b')', rest)?;
        rest[..end].iter().all(u8::is_ascii_digit).then(|| rest[end + 1..].trim_ascii_start())
    });
    delta.unwrap_or(text)
}

fn kind(text: &[u8]) -> Option<EntryKind<'_>> {
    if let Some(heading) = heading(text) {
        return Some(heading);
    }
    // perf puts the name of the event's system in front.
    let text = text.strip_prefix(b"kmem:").unwrap_or(text);
    let is_end = |&at: &usize| matches!(text.get(at + 1), None | Some(b' '));
    let end = memchr::memchr_iter(b':', text).find(is_end)?;
    let (name, arguments) = (&text[..end], &text[end + 1..]);
    let is_name = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-');
    if name.is_empty() || !name.iter().all(is_name) {
        return None;
    }
    let arguments = arguments.trim_ascii_start();
    Some(match name {
        b"kernel_stack" => arguments.strip_prefix(b"=> ").map_or(EntryKind::Stack(None), |frame| {
            EntryKind::Stack(Some(BacktraceFrame::behind_arrow(frame)))
        }),
        b"user_stack" => EntryKind::UserStack,
        _ => KmemEvent::parse(name, arguments).map_or(EntryKind::Other, EntryKind::Kmem),
    })
}

fn heading<'a>(text: &[u8]) -> Option<EntryKind<'a>> {
    match text.trim_ascii_end() {
        b"<stack trace>" | b"<stack trace >" => Some(EntryKind::Stack(None)),
        b"<user stack trace>" | b"<user stack unavailable>" => Some(EntryKind::UserStack),
        _ => None,
    }
}

/// Events that may stand without a front.
const NAMES: [&[u8]; 6] = [
    b"kmalloc",
    b"kmalloc_node",
    b"kmem_cache_alloc",
    b"kmem_cache_alloc_node",
    b"kfree",
    b"kmem_cache_free",
];

/// An entry that says less of who wrote it.
fn with_less(text: &[u8]) -> Option<Entry<'_>> {
    let bare =
        |kind| Entry { writer: Writer::default(), time: None, stray: b"", writer_len: 0, kind };
    if let Some(heading) = heading(text) {
        return Some(bare(heading));
    }
    let site = memchr::memmem::find(text, b"call_site=")?;
    let before = text[..site].trim_ascii_end().strip_suffix(b":")?;
    let start =
        before.iter().rposition(|&byte| byte == b' ' || byte == b'\t').map_or(0, |at| at + 1);
    let (front, name) = before.split_at(start);
    match name.strip_prefix(b"kmem:") {
        Some(name) => {
            let event = KmemEvent::parse(name, &text[site..])?;
            let Front { writer, time, .. } = Front::parse_partial(front);
            Some(Entry { writer, time, ..bare(EntryKind::Kmem(event)) })
        }
        None if front.trim_ascii().is_empty() && NAMES.contains(&name) => {
            KmemEvent::parse(name, &text[site..]).map(|event| bare(EntryKind::Kmem(event)))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Op;

    const ARGUMENTS: &str = "call_site=leaky_alloc_buf+0x1f/0x40 [leaky] ptr=000000001ce72e64 \
                             bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL";

    #[test]
    fn an_event_is_read_in_each_rendering() {
        for (front, pid) in [
            ("         leaky/0-115     [000] .....     2.524865: kmalloc: ", Some(115)),
            (" leaky/0-115       0..... 266198us+: kmalloc: ", Some(115)),
            ("leaky/0-115       0..... 266198us : kmalloc: ", Some(115)),
            (
                "         leaky/0-127   [000]     4.320635: kmalloc:              (a+0x1f) ",
                Some(127),
            ),
            (
                "         leaky/0-127   [000]     4.320635: (+9)   kmalloc:      (a+0x1f) ",
                Some(127),
            ),
            ("leaky/0   127 [000]     4.250492:          kmem:kmalloc: ", Some(127)),
            ("leaky/0   127 [000]          kmem:kmalloc: ", Some(127)),
            ("leaky/0   127     4.250492:          kmem:kmalloc: ", Some(127)),
            ("kmem:kmalloc: ", None),
            ("kmalloc: ", None),
        ] {
            let text = format!("{front}{ARGUMENTS}");
            let entry = Entry::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert!(
                matches!(entry.kind, EntryKind::Kmem(event) if event.op == Op::Alloc),
                "{text}: {entry:?}"
            );
            assert_eq!(entry.writer.pid, pid, "{text}");
        }
    }

    #[test]
    fn headings_of_backtraces_are_told_from_events() {
        let front = "         leaky/0-127   [000]     4.320635: ";
        for (text, kind) in [
            ("<stack trace>", EntryKind::Stack(None)),
            ("kernel_stack:         <stack trace >", EntryKind::Stack(None)),
            ("<user stack trace>", EntryKind::UserStack),
            ("sched_switch: prev_comm=a", EntryKind::Other),
            ("mm_page_alloc: page=00000000a6f735b1 pfn=0x2e28 order=1", EntryKind::Other),
        ] {
            let text = format!("{front}{text}");
            assert_eq!(Entry::parse(text.as_bytes()).map(|entry| entry.kind), Some(kind), "{text}");
        }
        assert!(Entry::parse(b"<stack trace>").is_some());
    }

    #[test]
    fn of_two_entries_in_a_line_the_last_one_is_whole() {
        let cut = "         leaky/0-189     [000] .....     8.218716: kmalloc: call_site=lea";
        let whole = "         leaky/0-189     [000] .....     8.218847: <stack trace>";
        let text = format!("{cut}{whole}");
        let entry = Entry::parse(text.as_bytes()).expect("an entry");
        assert_eq!(entry.kind, EntryKind::Stack(None));
        assert_eq!(entry.stray.trim_ascii_end(), cut.as_bytes());
        assert_eq!(entry.writer.comm, Some(&b"leaky/0"[..]));
        let behind = text.strip_prefix("         leaky/0-189     [000] .....").expect("a writer");
        assert_eq!(Entry::behind_writer(behind.as_bytes(), Writer::default()), None);
    }

    #[test]
    fn kernel_messages_are_no_entries() {
        for text in [
            "leaky: start n=8 threads=1",
            "kmalloc: out of memory",
            "usb 1-1 [003] 2.5: new device",
            "foo: call_site=a ptr=1",
            "Freeing unused kernel image: 12K",
        ] {
            assert_eq!(Entry::parse(text.as_bytes()), None, "{text}");
        }
    }
}
