//! The times that serial loggers put in front of each line.

use super::{Prefix, calendar, dmesg};
use crate::record::cursor::Cursor;
use crate::time::Stamp;

// [2024-01-26 15:04:11] TRACE …             minicom
// [2024-01-26T15:04:11.123] TRACE …         tio with timestamp-format iso8601
// [15:04:11.123] TRACE …                    tio
// [12.345678 0.000123] TRACE …              grabserial: since its start, since the line before
// [1706252651.493181] TRACE …               ts '[%.s]'
/// Strips a time in brackets.
pub(super) fn bracketed<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"[")?;
    cursor.eat_blanks();
    let micros = calendar::iso(&mut cursor)
        .or_else(|| calendar::time_of_day(&mut cursor))
        .or_else(|| calendar::unix(&mut cursor))
        .or_else(|| two_spans(&mut cursor))?;
    let rest = dmesg::close(&mut cursor, prefix)?;
    prefix.wall = Some(Stamp::wall(micros));
    Some(rest)
}

// 15:04:11 TRACE …                          ts '%H:%M:%S', ts -s; kernelci with two blanks
// 15:04:11.493181 TRACE …
// Jan 26 15:04:11 TRACE …                   ts
// Fri Jan 26 15:04:11 2024: TRACE …
// 2024-01-26T15:04:11.493181123Z TRACE …    docker logs -t, kubectl logs --timestamps
// 1706252651.493181 TRACE …                 ts %.s
/// Strips a time without brackets.
pub(super) fn bare<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    let micros = calendar::time_of_day(&mut cursor)
        .or_else(|| calendar::syslog(&mut cursor))
        .or_else(|| calendar::ctime(&mut cursor))
        .or_else(|| calendar::iso(&mut cursor))
        .or_else(|| calendar::unix(&mut cursor))?;
    cursor.eat(b":");
    cursor.eat(b" ").or_else(|| cursor.eat(b"\t"))?;
    prefix.wall = Some(Stamp::wall(micros));
    Some(cursor.rest())
}

/// Takes grabserial's two times; the first counts.
fn two_spans(cursor: &mut Cursor<'_>) -> Option<i64> {
    let micros = calendar::span(cursor)?;
    cursor.eat(b" ")?;
    cursor.eat_blanks();
    calendar::span(cursor)?;
    Some(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_blank_goes_with_the_time() {
        for line in [
            "[2024-01-26 15:04:11]  x",
            "[2024-01-26T15:04:11.123]  x",
            "[15:04:11.123]  x",
            "[12.345678 0.000123]  x",
            "[1706252651.493181]  x",
        ] {
            let mut prefix = Prefix::default();
            assert_eq!(bracketed(line.as_bytes(), &mut prefix), Some(&b" x"[..]), "{line}");
            assert!(prefix.wall.is_some(), "{line}");
        }
        for line in [
            "15:04:11  x",
            "15:04:11.493181  x",
            "Jan 26 15:04:11  x",
            "Fri Jan 26 15:04:11 2024:  x",
            "2024-01-26T15:04:11.493181123Z  x",
            "1706252651.493181  x",
        ] {
            let mut prefix = Prefix::default();
            assert_eq!(bare(line.as_bytes(), &mut prefix), Some(&b" x"[..]), "{line}");
            assert!(prefix.wall.is_some(), "{line}");
        }
    }

    #[test]
    fn other_numbers_are_no_time() {
        for line in ["[<8213be6c>] x", "[1.2.3] x", "12:34:56:78 x", "12.5 x", "0000:00:1f.2: x"] {
            let mut prefix = Prefix::default();
            assert_eq!(bracketed(line.as_bytes(), &mut prefix), None, "{line}");
            assert_eq!(bare(line.as_bytes(), &mut prefix), None, "{line}");
        }
    }
}
