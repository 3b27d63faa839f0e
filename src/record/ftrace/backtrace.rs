//! Frames of an entry's backtrace.

use crate::address::CodeAddr;
use crate::record::cursor::Cursor;
use crate::record::frame::{Aim, FrameText, Place, Reliability, eat_place};

/// A line of an entry's backtrace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BacktraceFrame<'a> {
    /// A place in the kernel.
    Kernel(FrameText<'a>),
    /// A place in a program, or the filling behind the last frame.
    Other,
}

impl<'a> BacktraceFrame<'a> {
    //  => leaky_alloc_buf                                         trace
    //  => leaky_alloc_buf+0x1f/0x40 [leaky]                       sym-offset
    //  => leaky_alloc_buf+0x1f/0x40 [leaky] <ffffffffc05e711f>    sym-offset and sym-addr
    //  => 0xffffffffc039a020                                      a module's function that is gone
    // => leaky_alloc_buf (ffffffffc066d11f)                       trace-cmd report
    // => ffffffffc067505f                                         trace-cmd report, a module's function that is gone
    // 	=> leaky_alloc_buf                                         trace-cmd report -N
    //  =>  <000000000047b7a0>                                     userstacktrace
    //  => /bin/busybox[+0x600d3]                                  userstacktrace and sym-userobj
    // 	ffffffffc065211f leaky_alloc_buf+0x1f ([kernel.kallsyms])  perf script
    // 	           a0777 [unknown] (/usr/bin/perf)                 perf script
    // 	leaky_alloc_buf+0x1f ([leaky])                             perf script -F sym,dso
    /// Reads a line of a backtrace.
    pub fn parse(text: &'a [u8]) -> Option<BacktraceFrame<'a>> {
        match text.trim_ascii_start() {
            [b'=', b'>', b' ', rest @ ..] => Some(BacktraceFrame::behind_arrow(rest)),
            rest if rest.len() < text.len() => by_perf(rest),
            _ => None,
        }
    }

    /// Reads what stands behind `=> `.
    pub(super) fn behind_arrow(text: &'a [u8]) -> BacktraceFrame<'a> {
        let mut cursor = Cursor::new(text);
        let place = eat_address(&mut cursor).or_else(|| eat_place(&mut cursor));
        let Some(place) = place.filter(is_somewhere) else {
            return BacktraceFrame::Other;
        };
        cursor.eat_blanks();
        let address = address(&mut cursor);
        cursor.eat_blanks();
        if cursor.is_empty() { kernel(place, address) } else { BacktraceFrame::Other }
    }
}

/// What trace-cmd prints of an address without a name, which is all of its line.
fn eat_address<'a>(cursor: &mut Cursor<'a>) -> Option<Place<'a>> {
    let mut ahead = *cursor;
    let (value, _) = ahead.hex().filter(|&(_, digits)| matches!(digits, 8 | 16))?;
    if !ahead.is_empty() {
        return None;
    }
    *cursor = ahead;
    Some(Place::Bare(CodeAddr(value)))
}

/// What trace-cmd fills a list of eight up with is nowhere.
fn is_somewhere(place: &Place<'_>) -> bool {
    !matches!(place, Place::Bare(CodeAddr(0)))
}

fn kernel(place: Place<'_>, address: Option<CodeAddr>) -> BacktraceFrame<'_> {
    BacktraceFrame::Kernel(FrameText {
        place,
        address,
        reliability: Reliability::Reliable,
        aim: Aim::BehindCall,
    })
}

fn address(cursor: &mut Cursor<'_>) -> Option<CodeAddr> {
    let mut ahead = *cursor;
    ahead.eat(b"<").or_else(|| ahead.eat(b"("))?;
    let (value, _) = ahead.hex()?;
    ahead.eat(b">").or_else(|| ahead.eat(b")"))?;
    *cursor = ahead;
    Some(CodeAddr(value))
}

/// Reads a frame of perf: an address, a symbol, and the object that it is in. One of the last two may
/// be left out, and the address.
fn by_perf(text: &[u8]) -> Option<BacktraceFrame<'_>> {
    let mut cursor = Cursor::new(text);
    let address = perf_address(&mut cursor);
    let place = perf_place(&mut cursor);
    let object = perf_object(&mut cursor, address);
    cursor.eat_blanks();
    if !cursor.is_empty() || (address.is_none() && object.is_none()) {
        return None;
    }
    match (place?, object) {
        (PerfPlace::Known(place), None | Some(PerfObject::Kernel)) => Some(kernel(place, address)),
        (PerfPlace::Unknown, Some(PerfObject::Kernel)) => {
            let bare = address.map(|address| kernel(Place::Bare(address), None));
            Some(bare.unwrap_or(BacktraceFrame::Other))
        }
        (_, Some(PerfObject::Program)) | (PerfPlace::Unknown, None) => Some(BacktraceFrame::Other),
    }
}

fn perf_address(cursor: &mut Cursor<'_>) -> Option<CodeAddr> {
    let mut ahead = *cursor;
    let (value, digits) = ahead.hex()?;
    ahead.eat(b" ").filter(|()| digits >= 4)?;
    *cursor = ahead;
    Some(CodeAddr(value))
}

/// What perf prints of a symbol.
#[derive(Clone, Copy)]
enum PerfPlace<'a> {
    Known(Place<'a>),
    Unknown,
}

fn perf_place<'a>(cursor: &mut Cursor<'a>) -> Option<PerfPlace<'a>> {
    if cursor.eat(b"[unknown]").is_some() {
        return Some(PerfPlace::Unknown);
    }
    let mut ahead = *cursor;
    let place = eat_place(&mut ahead)?;
    if !matches!(ahead.peek(), None | Some(b' ')) || matches!(place, Place::Bare(_)) {
        return None;
    }
    *cursor = ahead;
    Some(PerfPlace::Known(place))
}

/// Where perf found a symbol.
#[derive(Clone, Copy)]
enum PerfObject {
    Kernel,
    Program,
}

fn perf_object(cursor: &mut Cursor<'_>, address: Option<CodeAddr>) -> Option<PerfObject> {
    let mut ahead = *cursor;
    ahead.eat(b" (")?;
    let name = ahead.rest().trim_ascii_end().strip_suffix(b")")?;
    let is_module = |end: &&[u8]| name.ends_with(end);
    let is_kernel = match name {
        // Nothing is mapped there: it may be a module that is gone, or no address at all.
        b"[unknown]" => address.is_some_and(|CodeAddr(address)| address >> 63 == 1),
        b"[vdso]" | b"[vsyscall]" | b"[stack]" | b"[heap]" | b"[uprobes]" => false,
        _ => name.starts_with(b"["),
    };
    let is_kernel = is_kernel
        || memchr::memmem::find(name, b"vmlinux").is_some()
        || [&b".ko"[..], b".ko.xz", b".ko.gz", b".ko.zst"].iter().any(is_module);
    *cursor = Cursor::new(b"");
    Some(if is_kernel { PerfObject::Kernel } else { PerfObject::Program })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Option<(String, Option<u64>, Option<u64>)> {
        match BacktraceFrame::parse(text.as_bytes())? {
            BacktraceFrame::Kernel(frame) => {
                let (name, offset) = match frame.place {
                    Place::Symbol(symbol) => {
                        (String::from_utf8_lossy(symbol.function).into_owned(), symbol.offset)
                    }
                    Place::Bare(address) => (format!("{address:#x}"), None),
                };
                Some((name, offset, frame.address.map(|address| address.0)))
            }
            BacktraceFrame::Other => Some(("-".to_owned(), None, None)),
        }
    }

    #[test]
    fn each_rendering_of_a_frame_is_read() {
        let place = Some(0xffff_ffff_c05e_711f);
        for (text, name, offset, address) in [
            (" => leaky_alloc_buf", "leaky_alloc_buf", None, None),
            (" => leaky_alloc_buf+0x1f/0x40 [leaky]", "leaky_alloc_buf", Some(0x1f), None),
            (" => leaky_alloc_buf <ffffffffc05e711f>", "leaky_alloc_buf", None, place),
            (" => a.b+0x1f/0x40 [leaky] <ffffffffc05e711f>", "a.b", Some(0x1f), place),
            (" => 0xffffffffc039a020", "0xffffffffc039a020", None, None),
            ("=> ffffffffc067505f", "0xffffffffc067505f", None, None),
            ("=> bf00505f", "0xbf00505f", None, None),
            (" => add_feed", "add_feed", None, None),
            ("=> leaky_alloc_buf (ffffffffc05e711f)", "leaky_alloc_buf", None, place),
            ("\t=> leaky_alloc_buf", "leaky_alloc_buf", None, None),
            ("\tffffffffc05e711f f+0x1f ([kernel.kallsyms])", "f", Some(0x1f), place),
            ("\tffffffffc05e711f f ([leaky])", "f", None, place),
            ("\tffffffffc05e711f f (/lib/modules/6.1/leaky.ko)", "f", None, place),
            ("\tffffffffc05e711f f", "f", None, place),
            ("\tffffffffc05e711f [unknown] ([kernel.kallsyms])", "0xffffffffc05e711f", None, None),
            ("\tf+0x1f ([leaky])", "f", Some(0x1f), None),
            ("\tffffffffc067b020 [unknown] ([unknown])", "0xffffffffc067b020", None, None),
            ("\t7375746174732f34 [unknown] ([unknown])", "-", None, None),
            ("\t    7ffdc7a8f971 __vdso_gettimeofday+0x71 ([vdso])", "-", None, None),
            ("\t           a0777 [unknown] (/usr/bin/perf)", "-", None, None),
            ("\t    7f1c2724a0 main+0x7a (/usr/lib/libc.so.6)", "-", None, None),
            (" =>  <000000000047b7a0>", "-", None, None),
            (" => /bin/busybox[+0x600d3]", "-", None, None),
            ("\t=> 0x0", "-", None, None),
        ] {
            assert_eq!(frame(text), Some((name.to_owned(), offset, address)), "{text}");
        }
    }

    #[test]
    fn other_lines_are_no_frames() {
        for text in [
            " leaky_alloc_buf",
            " leaky_alloc_buf+0x1f/0x40 [leaky]",
            "    ffff8881 00000000 00000000",
            "    some words here",
            "\t12 apples",
            "leaky_alloc_buf ([leaky])",
            "    [<00000000dce2d1d0>] kmem_cache_alloc_trace+0x140/0x270",
        ] {
            assert_eq!(frame(text), None, "{text}");
        }
    }
}
