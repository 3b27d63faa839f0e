//! Rows of the object dump that SLUB prints between a free's header and its stack.

use super::cursor::{Cursor, is_full_row};
use crate::address::{ObjectAddr, Pointer};

/// Bytes in a full row.
pub const ROW_BYTES: u32 = 16;

/// One row: up to 16 bytes of the object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectRow {
    /// Where the row lies. Hashed kernels hash each row's address for itself, so that only the
    /// first equals the object's.
    pub address: Pointer,
    /// How many bytes the row shows, 1 to 16.
    pub bytes: u32,
}

impl ObjectRow {
    //   Object 0xffff88001a0da000:  6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b kkkkkkkkkkkkkkkk   to 3.1
    // Object ffff88085be9d140: 21 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  !...............      3.2
    // Object 00000000e96232cc: e6 3c 00 00                                      .<..                  4.15
    // Object (____ptrval____): 28 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  (...............
    // Object   ffff8da32ff3b980: aa 33 12 4a                                    .3.J                  5.13
    /// Reads a row.
    pub fn parse(text: &[u8]) -> Option<ObjectRow> {
        let mut cursor = Cursor::new(text);
        cursor.eat_blanks();
        cursor.eat(b"Object ")?;
        cursor.eat_blanks();
        let address = address(&mut cursor)?;
        cursor.eat(b": ")?;
        cursor.eat(b" ");
        let bytes = if cursor.rest().first_chunk().is_some_and(is_full_row) {
            ROW_BYTES
        } else {
            let bytes = (0..ROW_BYTES).take_while(|_| byte(&mut cursor).is_some()).count();
            u32::try_from(bytes).unwrap_or(ROW_BYTES)
        };
        (bytes > 0).then_some(ObjectRow { address, bytes })
    }
}

fn address(cursor: &mut Cursor<'_>) -> Option<Pointer> {
    if cursor.eat(b"(____ptrval____)").is_some() || cursor.eat(b"(ptrval)").is_some() {
        return Some(Pointer::Unprintable);
    }
    cursor.eat(b"0x");
    cursor.hex().map(|(value, _)| Pointer::Addr(ObjectAddr(value)))
}

/// Takes two digits and a blank.
fn byte(cursor: &mut Cursor<'_>) -> Option<()> {
    let digits = cursor.rest().get(..2)?;
    let ends = cursor.rest().get(2).is_none_or(|&byte| byte == b' ');
    if !ends || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    cursor.take(cursor.rest().len().min(3)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, address: Pointer, bytes: u32) {
        assert_eq!(ObjectRow::parse(text.as_bytes()), Some(ObjectRow { address, bytes }), "{text}");
    }

    #[test]
    fn a_short_row_ends_at_its_last_byte() {
        let address = Pointer::Addr(ObjectAddr(0xe962_32cc));
        check(
            "Object 00000000e96232cc: e6 3c 00 00                                      .<..",
            address,
            4,
        );
        check("Object 00000000e96232cc: e6 3c 00 00", address, 4);
    }

    #[test]
    fn the_text_column_is_not_counted() {
        let address = Pointer::Addr(ObjectAddr(0x10));
        check(
            "Object 00000010: 61 62 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ab 00 00",
            address,
            16,
        );
        check(
            "  Object 0x00000010:  6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b kk",
            address,
            16,
        );
    }

    #[test]
    fn an_unprintable_row_is_still_a_row() {
        check("Object (____ptrval____): 28 00", Pointer::Unprintable, 2);
    }
}
