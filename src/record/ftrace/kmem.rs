//! The events of `include/trace/events/kmem.h` that allocate and free objects.

use crate::address::{CodeAddr, ObjectAddr, Pointer};
use crate::record::Op;
use crate::record::cursor::Cursor;
use crate::record::frame::{Aim, FrameText, Place, Reliability, eat_place};

/// Bytes that were asked for, and that the allocator took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Asked for.
    pub requested: u64,
    /// Taken.
    pub allocated: u64,
}

/// What an event says of the cache of its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheText<'a> {
    /// Its name.
    Named(&'a [u8]),
    /// It is one of the size classes of `kmalloc()`.
    Kmalloc,
    /// A cache of its own, without a name: `kmem_cache_alloc` to 6.12.
    Unnamed,
    /// Nothing: `kfree`.
    Any,
}

/// An event of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KmemEvent<'a> {
    /// Allocation or free.
    pub op: Op,
    /// The object.
    pub object: Pointer,
    /// Hexadecimal digits of `object` as printed, 0 where it is not a number.
    pub digits: usize,
    /// Its cache.
    pub cache: CacheText<'a>,
    /// Where it was called from.
    pub call_site: CallSite<'a>,
    /// Its size; absent in frees.
    pub request: Option<Request>,
}

impl<'a> KmemEvent<'a> {
    // kmalloc: call_site=leaky_alloc_buf+0x1f/0x40 [leaky] ptr=000000001ce72e64 bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1 accounted=false
    // kmem_cache_alloc: call_site=leaky_obj_get+0x1a/0x50 [leaky] ptr=ffff8e3f43762080 name=leaky_cache bytes_req=88 bytes_alloc=96 gfp_flags=GFP_KERNEL node=-1 accounted=false      7.2
    // kmem_cache_free: call_site=leaky_obj_put+0x1a/0x20 [leaky] ptr=00000000517ab2aa name=leaky_cache
    // kfree: call_site=krealloc+0x71/0xe0 ptr=00000000063d94d9
    // kmalloc: call_site=c00d2a5c ptr=c7a1e400 bytes_req=168 bytes_alloc=192 gfp_flags=GFP_KERNEL       to 4.x
    // kmalloc: call_site=0xffffffffa79b368c (-1483000180) ptr=0xffff8b6d81ba4a80 (-128172532544896) bytes_req=0x90 (144) bytes_alloc=0xc0 (192) …        options/fields
    // kmalloc:              (leaky_alloc_buf+0x1f) call_site=leaky_alloc_buf+0x1f ptr=0xffff8e3443675540 …        trace-cmd
    /// Reads the arguments of an event of this name.
    pub(super) fn parse(name: &[u8], arguments: &'a [u8]) -> Option<KmemEvent<'a>> {
        let (op, unnamed) = match name {
            b"kmalloc" | b"kmalloc_node" => (Op::Alloc, CacheText::Kmalloc),
            b"kmem_cache_alloc" | b"kmem_cache_alloc_node" => (Op::Alloc, CacheText::Unnamed),
            b"kfree" => (Op::Free, CacheText::Any),
            b"kmem_cache_free" => (Op::Free, CacheText::Unnamed),
            _ => return None,
        };
        let mut cursor = Cursor::new(arguments);
        if cursor.peek() == Some(b'(') {
            cursor.until(b") ")?;
        }
        cursor.eat(b"call_site=")?;
        let call_site = CallSite::take(&mut cursor);
        let pointer = cursor.eat(b" ptr=").and_then(|()| pointer(&mut cursor));
        let (object, digits) = pointer.unwrap_or((Pointer::Torn, 0));
        let Details { name, request } = Details::take(&mut cursor, op);
        let cache = name.map_or(unnamed, CacheText::Named);
        Some(KmemEvent { op, object, digits, cache, call_site, request })
    }
}

/// Where an event was called from, as printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallSite<'a>(pub &'a [u8]);

impl<'a> CallSite<'a> {
    /// Takes what stands before ` ptr=`, or all of a line that was cut.
    fn take(cursor: &mut Cursor<'a>) -> CallSite<'a> {
        let text = cursor.rest();
        let is_end = |&at: &usize| text[at..].starts_with(b" ptr=");
        let end = memchr::memchr_iter(b' ', text).find(is_end).unwrap_or(text.len());
        CallSite(cursor.take(end).unwrap_or(text))
    }

    /// The place that it is.
    pub fn frame(self) -> Option<FrameText<'a>> {
        let mut cursor = Cursor::new(self.0);
        let place = bare(&mut cursor).or_else(|| eat_place(&mut cursor))?;
        Some(FrameText {
            place,
            address: None,
            reliability: Reliability::Reliable,
            aim: Aim::BehindCall,
        })
    }
}

/// What stands behind the pointer.
#[derive(Default)]
struct Details<'a> {
    name: Option<&'a [u8]>,
    request: Option<Request>,
}

impl<'a> Details<'a> {
    /// Takes fields up to the last one that an event of this kind is asked for.
    fn take(cursor: &mut Cursor<'a>, op: Op) -> Details<'a> {
        let mut details = Details::default();
        let mut requested = None;
        while !cursor.is_empty() {
            cursor.eat_while(|byte| byte != b' ');
            cursor.eat_blanks();
            if cursor.eat(b"name=").is_some() {
                let name = cursor.eat_while(|byte| byte != b' ');
                details.name = (!name.is_empty()).then_some(name);
            } else if op == Op::Alloc && cursor.eat(b"bytes_req=").is_some() {
                requested = number(cursor);
            } else if op == Op::Alloc && cursor.eat(b"bytes_alloc=").is_some() {
                let sizes = requested.zip(number(cursor));
                details.request =
                    sizes.map(|(requested, allocated)| Request { requested, allocated });
                break;
            }
        }
        details
    }
}

/// Reads a number, which the option `fields` prints in hexadecimal digits.
fn number(cursor: &mut Cursor<'_>) -> Option<u64> {
    match cursor.eat(b"0x") {
        Some(()) => Some(cursor.hex()?.0),
        None => cursor.decimal(),
    }
}

/// Kernels to 4.x print the call site's address alone, without `0x`.
fn bare<'a>(cursor: &mut Cursor<'a>) -> Option<Place<'a>> {
    let mut ahead = *cursor;
    let (value, digits) = ahead.hex()?;
    if !matches!(digits, 8 | 16) || ahead.peek().is_some_and(|byte| byte != b' ') {
        return None;
    }
    *cursor = ahead;
    Some(Place::Bare(CodeAddr(value)))
}

/// Reads what `%p` printed, or trace-cmd and perf for it.
fn pointer(cursor: &mut Cursor<'_>) -> Option<(Pointer, usize)> {
    cursor.eat_blanks();
    if cursor.eat(b"(").is_some() {
        return match cursor.until(b")")? {
            b"nil" | b"null" => Some((Pointer::Null, 0)),
            b"____ptrval____" | b"ptrval" => Some((Pointer::Unprintable, 0)),
            _ => None,
        };
    }
    let has_base = cursor.eat(b"0x").is_some();
    let (value, digits) = cursor.hex()?;
    let is_whole = has_base || matches!(digits, 8 | 16);
    let digits = match digits {
        _ if !has_base => digits,
        1..=8 => 8,
        _ => 16,
    };
    let pointer = match value {
        _ if !is_whole => Pointer::Torn,
        0 => Pointer::Null,
        _ => Pointer::Addr(ObjectAddr(value)),
    };
    Some((pointer, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> KmemEvent<'_> {
        let (name, arguments) = text.split_once(':').expect("a name");
        KmemEvent::parse(name.as_bytes(), arguments.trim_start().as_bytes()).expect("an event")
    }

    fn function<'a>(event: &KmemEvent<'a>) -> Option<&'a [u8]> {
        match event.call_site.frame()?.place {
            Place::Symbol(symbol) => Some(symbol.function),
            Place::Bare(_) => None,
        }
    }

    #[test]
    fn an_allocation_has_site_object_and_size() {
        let event = event(
            "kmalloc: call_site=leaky_session_setup.constprop.0+0x1c/0x40 [leaky] \
             ptr=00000000759c7002 bytes_req=60 bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1",
        );
        assert_eq!((event.op, event.cache), (Op::Alloc, CacheText::Kmalloc));
        assert_eq!(event.object, Pointer::Addr(ObjectAddr(0x759c_7002)));
        assert_eq!(event.digits, 16);
        assert_eq!(function(&event), Some(&b"leaky_session_setup.constprop.0"[..]));
        assert_eq!(event.request, Some(Request { requested: 60, allocated: 64 }));
    }

    #[test]
    fn a_cache_is_named_in_front_of_the_size_and_at_the_end() {
        for text in [
            "kmem_cache_alloc: call_site=a+0x1/0x2 ptr=ffff8e3f43762080 name=leaky_cache bytes_req=88 bytes_alloc=96",
            "kmem_cache_free: call_site=a+0x1/0x2 ptr=ffff8e3f43762080 name=leaky_cache",
        ] {
            assert_eq!(event(text).cache, CacheText::Named(b"leaky_cache"), "{text}");
        }
    }

    #[test]
    fn each_way_to_print_a_pointer_is_read() {
        for (printed, pointer, digits) in [
            ("0xffff8e3443675540", Pointer::Addr(ObjectAddr(0xffff_8e34_4367_5540)), 16),
            ("f78bd453", Pointer::Addr(ObjectAddr(0xf78b_d453)), 8),
            ("0x10", Pointer::Addr(ObjectAddr(0x10)), 8),
            ("(nil)", Pointer::Null, 0),
            ("0000000000000000", Pointer::Null, 16),
            ("          (null)", Pointer::Null, 0),
            ("(____ptrval____)", Pointer::Unprintable, 0),
            ("ffff8e34", Pointer::Addr(ObjectAddr(0xffff_8e34)), 8),
            ("ffff8e344", Pointer::Torn, 9),
            ("", Pointer::Torn, 0),
        ] {
            let text = format!("kfree: call_site=krealloc+0x71/0xe0 ptr={printed}");
            let event = event(&text);
            assert_eq!((event.object, event.digits), (pointer, digits), "{printed}");
        }
    }

    #[test]
    fn old_kernels_and_trace_cmd_print_the_site_in_other_ways() {
        let old = event("kfree: call_site=c00d2a5c ptr=c7a1e400");
        assert!(
            matches!(old.call_site.frame(), Some(FrameText { place: Place::Bare(site), .. }) if site.0 == 0xc00d_2a5c)
        );
        let event = event(
            "kfree:     (leaky_alloc_buf+0x1f) call_site=leaky_alloc_buf+0x1f ptr=0xc7a1e400",
        );
        assert_eq!(function(&event), Some(&b"leaky_alloc_buf"[..]));
        let Some(FrameText { place: Place::Symbol(symbol), .. }) = event.call_site.frame() else {
            panic!("no symbol");
        };
        assert_eq!((symbol.offset, symbol.size), (Some(0x1f), None));
    }
}
