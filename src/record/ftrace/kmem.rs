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
    /// Where it was called from; absent where the line is cut before it.
    pub call_site: Option<FrameText<'a>>,
    /// Its size; absent in frees.
    pub request: Option<Request>,
}

impl<'a> KmemEvent<'a> {
    // kmalloc: call_site=leaky_alloc_buf+0x1f/0x40 [leaky] ptr=000000001ce72e64 bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL node=-1 accounted=false
    // kmem_cache_alloc: call_site=leaky_obj_get+0x1a/0x50 [leaky] ptr=ffff8e3f43762080 name=leaky_cache bytes_req=88 bytes_alloc=96 gfp_flags=GFP_KERNEL node=-1 accounted=false      7.2
    // kmem_cache_free: call_site=leaky_obj_put+0x1a/0x20 [leaky] ptr=00000000517ab2aa name=leaky_cache
    // kfree: call_site=krealloc+0x71/0xe0 ptr=00000000063d94d9
    // kmalloc: call_site=c00d2a5c ptr=c7a1e400 bytes_req=168 bytes_alloc=192 gfp_flags=GFP_KERNEL       to 4.x
    // kmalloc:              (leaky_alloc_buf+0x1f) call_site=leaky_alloc_buf+0x1f ptr=0xffff8e3443675540 …        trace-cmd
    /// Reads what stands behind the colon of an event of this name.
    pub(super) fn parse(name: &[u8], arguments: &'a [u8]) -> Option<KmemEvent<'a>> {
        let (op, unnamed) = match name {
            b"kmalloc" | b"kmalloc_node" => (Op::Alloc, CacheText::Kmalloc),
            b"kmem_cache_alloc" | b"kmem_cache_alloc_node" => (Op::Alloc, CacheText::Unnamed),
            b"kfree" => (Op::Free, CacheText::Any),
            b"kmem_cache_free" => (Op::Free, CacheText::Unnamed),
            _ => return None,
        };
        let mut cursor = Cursor::new(arguments);
        cursor.until(b"call_site=")?;
        let call_site = call_site(&mut cursor);
        let (object, digits) =
            cursor.until(b" ptr=").and_then(|_| pointer(&mut cursor)).unwrap_or((Pointer::Torn, 0));
        let behind = cursor.rest();
        let name = field(behind, b" name=").filter(|name| !name.is_empty());
        let request = number(behind, b" bytes_req=").zip(number(behind, b" bytes_alloc="));
        Some(KmemEvent {
            op,
            object,
            digits,
            cache: name.map_or(unnamed, CacheText::Named),
            call_site,
            request: request.map(|(requested, allocated)| Request { requested, allocated }),
        })
    }
}

fn call_site<'a>(cursor: &mut Cursor<'a>) -> Option<FrameText<'a>> {
    let place = bare(cursor).or_else(|| eat_place(cursor))?;
    Some(FrameText {
        place,
        address: None,
        reliability: Reliability::Reliable,
        aim: Aim::BehindCall,
    })
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

/// What stands behind a field's name, up to the next blank.
fn field<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    cursor.until(name)?;
    Some(cursor.eat_while(|byte| byte != b' '))
}

fn number(text: &[u8], name: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(text);
    cursor.until(name)?;
    cursor.decimal()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> KmemEvent<'_> {
        let (name, arguments) = text.split_once(':').expect("a name");
        KmemEvent::parse(name.as_bytes(), arguments.as_bytes()).expect("an event")
    }

    fn function<'a>(event: &KmemEvent<'a>) -> Option<&'a [u8]> {
        match event.call_site?.place {
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
            matches!(old.call_site, Some(FrameText { place: Place::Bare(site), .. }) if site.0 == 0xc00d_2a5c)
        );
        let event = event(
            "kfree:     (leaky_alloc_buf+0x1f) call_site=leaky_alloc_buf+0x1f ptr=0xc7a1e400",
        );
        assert_eq!(function(&event), Some(&b"leaky_alloc_buf"[..]));
        let Some(FrameText { place: Place::Symbol(symbol), .. }) = event.call_site else {
            panic!("no symbol");
        };
        assert_eq!((symbol.offset, symbol.size), (Some(0x1f), None));
    }
}
