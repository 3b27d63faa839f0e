//! The event header that SLUB prints: `TRACE <cache> alloc|free 0x<object> inuse=<n> fp=0x<next>`.
//!
//! The format string in `trace()` of `mm/slub.c` has not changed from 2.6.22 to 7.2; what `%p`
//! makes of a pointer has.

use super::cursor::Cursor;
use crate::address::{ObjectAddr, Pointer};

/// What an event did to its object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Op {
    /// The object was handed out.
    Alloc,
    /// The object was given back.
    Free,
}

impl Op {
    /// The kernel's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Op::Alloc => "alloc",
            Op::Free => "free",
        }
    }
}

/// One TRACE line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceHeader<'a> {
    /// The slab cache's name as printed, with a memcg suffix if there is one.
    pub cache: &'a [u8],
    /// Allocation or free.
    pub op: Op,
    /// The object.
    pub object: Pointer,
    /// Hexadecimal digits of `object` as printed, 0 where it is not a number.
    pub digits: usize,
    /// Objects in use in the object's slab; absent when the line was cut before it.
    pub inuse: Option<u32>,
    /// The slab's next free object; absent when the line was cut before it.
    pub fp: Option<Pointer>,
}

impl<'a> TraceHeader<'a> {
    // TRACE kmalloc-64 alloc 0xffff81007e8b1040 inuse=12 fp=0x0000000000000000        2.6.24
    // TRACE kmalloc-4096 alloc 0xe6be6000 inuse=8 fp=0x  (null)                       3.x, 32 bits
    // TRACE dentry free 0xffff88085be9d140 inuse=21 fp=0x          (null)             3.x, 64 bits
    // TRACE kmalloc-128(522:accounts-daemon.service) free 0x00000000e96232cc inuse=16 fp=0x0000000012cb1f08
    // TRACE kmalloc-64 alloc 0x(____ptrval____) inuse=22 fp=0x0000000000000000        5.10, no entropy
    // TRACE kmalloc-64 free 0xffff8da32ff3b980 inuse=28 fp=0xffff8da32ff3b7c0         6.1
    /// Reads a TRACE line. A line cut after the object's address is still a header.
    pub fn parse(text: &'a [u8]) -> Option<TraceHeader<'a>> {
        let mut cursor = Cursor::new(text);
        cursor.eat(b"TRACE ")?;
        let (cache, op) = cache_and_op(&mut cursor)?;
        let (mut object, digits) = pointer(&mut cursor)?;
        let inuse = inuse(&mut cursor);
        if matches!(object, Pointer::Addr(_) | Pointer::Null) && !matches!(digits, 0 | 8 | 16) {
            object = Pointer::Torn;
        }
        let fp = inuse.and_then(|_| fp(&mut cursor));
        Some(TraceHeader { cache, op, object, digits, inuse, fp })
    }

    /// The cache that the event counts under: without the name of a memcg's child cache.
    ///
    /// Child caches were named `<root>(<id>:<cgroup>)` from 3.8 to 5.8 (`mm/slab_common.c`).
    pub fn root_cache(&self) -> &'a [u8] {
        match memchr::memchr(b'(', self.cache) {
            Some(at) if at > 0 && self.cache.ends_with(b")") => &self.cache[..at],
            _ => self.cache,
        }
    }
}

fn cache_and_op<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a [u8], Op)> {
    let text = cursor.rest();
    for at in memchr::memchr_iter(b' ', text) {
        let op = match &text[at..] {
            rest if rest.starts_with(b" alloc 0x") => Op::Alloc,
            rest if rest.starts_with(b" free 0x") => Op::Free,
            _ => continue,
        };
        if at == 0 {
            return None;
        }
        cursor.take(at + op.name().len() + 4)?;
        return Some((&text[..at], op));
    }
    None
}

/// Reads what `%p` printed behind `0x`.
fn pointer(cursor: &mut Cursor<'_>) -> Option<(Pointer, usize)> {
    cursor.eat_blanks();
    if cursor.eat(b"(").is_some() {
        let word = cursor.until(b")")?;
        return match word {
            b"null" => Some((Pointer::Null, 0)),
            b"____ptrval____" | b"ptrval" => Some((Pointer::Unprintable, 0)),
            _ => None,
        };
    }
    let (value, digits) = cursor.hex()?;
    Some((if value == 0 { Pointer::Null } else { Pointer::Addr(ObjectAddr(value)) }, digits))
}

fn inuse(cursor: &mut Cursor<'_>) -> Option<u32> {
    cursor.eat(b" inuse=")?;
    cursor.eat(b"-");
    cursor.decimal().map(|count| u32::try_from(count).unwrap_or(u32::MAX))
}

fn fp(cursor: &mut Cursor<'_>) -> Option<Pointer> {
    cursor.eat(b" fp=0x")?;
    let (fp, _) = pointer(cursor)?;
    cursor.eat_blanks();
    cursor.is_empty().then_some(fp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, cache: &str, op: Op, object: Pointer, fp: Option<Pointer>) {
        let header = TraceHeader::parse(text.as_bytes()).expect(text);
        assert_eq!(header.root_cache(), cache.as_bytes(), "{text}");
        assert_eq!((header.op, header.object, header.fp), (op, object, fp), "{text}");
    }

    #[test]
    fn every_spelling_of_a_null_next_pointer_is_read() {
        for null in ["00000000", "0000000000000000", "(null)", "  (null)", "          (null)"] {
            let text = format!("TRACE kmalloc-64 alloc 0xc294ff00 inuse=30 fp=0x{null}");
            let object = Pointer::Addr(ObjectAddr(0xc294_ff00));
            check(&text, "kmalloc-64", Op::Alloc, object, Some(Pointer::Null));
        }
    }

    #[test]
    fn a_memcg_child_counts_under_its_root() {
        let text = "TRACE kmalloc-128(522:my (odd) free.service) free 0x00000000e96232cc inuse=1 fp=0x0000000012cb1f08";
        let object = Pointer::Addr(ObjectAddr(0xe962_32cc));
        let fp = Some(Pointer::Addr(ObjectAddr(0x12cb_1f08)));
        check(text, "kmalloc-128", Op::Free, object, fp);
    }

    #[test]
    fn addresses_the_kernel_could_not_print_are_told_from_null() {
        for text in [
            "TRACE a alloc 0x(____ptrval____) inuse=1 fp=0x(____ptrval____)",
            "TRACE a alloc 0x        (ptrval) inuse=1 fp=0x        (ptrval)",
        ] {
            check(text, "a", Op::Alloc, Pointer::Unprintable, Some(Pointer::Unprintable));
        }
        check(
            "TRACE a alloc 0x(null) inuse=1 fp=0x(null)",
            "a",
            Op::Alloc,
            Pointer::Null,
            Some(Pointer::Null),
        );
    }

    #[test]
    fn a_cut_address_is_torn_but_the_header_counts() {
        check("TRACE a free 0xffff8da32f", "a", Op::Free, Pointer::Torn, None);
        let whole = Pointer::Addr(ObjectAddr(0xffff_8da3_2ff3_b980));
        check("TRACE a free 0xffff8da32ff3b980 inu", "a", Op::Free, whole, None);
    }

    #[test]
    fn prose_is_no_header() {
        for text in [
            "TRACE of my own, fp=0x0 Call Trace: none",
            "TRACE",
            "TRACE  alloc 0x1",
            "TRACE a alloc 0x",
        ] {
            assert_eq!(TraceHeader::parse(text.as_bytes()), None, "{text}");
        }
    }
}
