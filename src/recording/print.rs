//! What an event's fields are in text.

use super::bytes::ByteOrder;
use super::format::{EventFormat, Field, FieldKind};
use super::symbols::KernelSymbols;

/// The arguments of an event end here. Those of the kernel's are a quarter as long.
const MAX_ARGUMENT_BYTES: usize = 1024;

/// Adds formatted text; memory takes any.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {{
        let _ = std::io::Write::write_fmt(&mut *$out, format_args!($($format)*));
    }};
}
pub(super) use put;

/// Adds a text, with a question mark for what would break its line.
pub(super) fn push_clean(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(text.iter().map(|&byte| if byte < b' ' || byte == 0x7f { b'?' } else { byte }));
}

/// What is needed to print the records of a recording.
#[derive(Clone, Copy, Debug)]
pub(super) struct Printer<'a> {
    /// The order of bytes.
    pub(super) order: ByteOrder,
    /// The kernel's functions.
    pub(super) symbols: &'a KernelSymbols,
}

impl Printer<'_> {
    // call_site=leaky_alloc_buf+0x1f ptr=0xffff8e3443675540 bytes_req=64 bytes_alloc=64 gfp_flags=0xcc0 node=-1 accounted=false
    // call_site=kfree_skbmem+0x4f ptr=(nil)
    /// Adds the fields of a record, as the programs that recorded it print those of `kmem` events.
    /// Flags stay a number: nothing rests on them.
    pub(super) fn arguments(self, out: &mut Vec<u8>, format: &EventFormat, record: &[u8]) {
        let start = out.len();
        for field in &format.fields {
            let before = out.len();
            if before > start {
                out.push(b' ');
            }
            put!(out, "{}=", field.name);
            if self.value(out, field, record).is_none() || out.len() - start > MAX_ARGUMENT_BYTES {
                out.truncate(before);
                return;
            }
        }
    }

    fn value(self, out: &mut Vec<u8>, field: &Field, record: &[u8]) -> Option<()> {
        let number = || field.number(record, self.order);
        match field.kind {
            FieldKind::Pointer => match number()? {
                0 => out.extend_from_slice(b"(nil)"),
                address => put!(out, "{address:#x}"),
            },
            FieldKind::Bool => put!(out, "{}", number()? != 0),
            FieldKind::Signed => put!(out, "{}", field.signed(record, self.order)?),
            FieldKind::Unsigned => match field.name.as_str() {
                "call_site" => self.place(out, number()?),
                "gfp_flags" => put!(out, "{:#x}", number()?),
                _ => put!(out, "{}", number()?),
            },
            FieldKind::Text | FieldKind::TextElsewhere => {
                push_clean(out, field.text(record, self.order)?);
            }
            FieldKind::Array => put!(out, "({} bytes)", field.bytes(record)?.len()),
        }
        Some(())
    }

    /// Adds a place in the kernel, by its name where it has one.
    pub(super) fn place(self, out: &mut Vec<u8>, address: u64) {
        match self.symbols.find(address) {
            Some(place) => {
                push_clean(out, place.function);
                put!(out, "+{:#x}", place.offset);
            }
            None => put!(out, "{address:#x}"),
        }
    }
}
