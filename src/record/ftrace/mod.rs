//! Lines of a recording of the kernel's trace events, in each of the ways that it is printed: the
//! `trace` and `trace_pipe` files, the buffer that a kernel dumps to its console, `trace-cmd report`,
//! `perf script`, and events that `tp_printk` prints as messages.
//!
//! The formats are those of `kernel/trace/trace_output.c`, `include/trace/events/kmem.h`, trace-cmd's
//! `trace-read.c` and perf's `builtin-script.c`.

mod backtrace;
mod entry;
mod kmem;
mod notice;
mod writer;

pub use backtrace::BacktraceFrame;
pub use entry::{Entry, EntryKind};
pub use kmem::{CacheText, CallSite, KmemEvent, Request};
pub use notice::{RecordingNotice, Unpaired};
pub use writer::{IrqContext, Writer};

/// Whether a byte is no control character but a tab.
fn is_printed(byte: u8) -> bool {
    byte >= b' ' || byte == b'\t'
}

/// Whether a line has no control character but tabs.
pub(crate) fn is_clean(line: &[u8]) -> bool {
    // Without a way out before the end, so that a compiler makes a few instructions for many bytes.
    line.iter().fold(true, |all, &byte| all & is_printed(byte))
}

/// Whether a text may be the beginning of such a line: that of a frame, or of an entry as far as its
/// CPU.
pub(crate) fn is_beginning(text: &[u8]) -> bool {
    let has_cpu = || {
        memchr::memchr_iter(b'[', text)
            .any(|at| matches!(text[at..], [_, b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b']', ..]))
    };
    is_clean(text) && (text.starts_with(b" => ") || has_cpu())
}

/// Whether a line stands in a recording that is a file of its own, or that was printed to a console
/// without being a message: it tells who wrote it and when, or is a frame.
pub(crate) fn is_line(line: &[u8]) -> bool {
    match line {
        _ if !is_clean(line) => false,
        [b' ' | b'\t' | b'=', ..] if BacktraceFrame::parse(line).is_some() => true,
        _ => Entry::parse(line).is_some_and(|entry| entry.writer.pid.is_some()),
    }
}
