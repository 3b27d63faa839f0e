//! The ways that util-linux' `dmesg` shows a record's level and time.

use super::{Prefix, calendar};
use crate::record::cursor::Cursor;
use crate::time::Stamp;

// kern  :info  : [    0.000000] TRACE …       dmesg -x
/// Strips decoded facility and level.
pub(super) fn facility_and_level(text: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(text);
    let facility = cursor.eat_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    cursor.eat_blanks();
    cursor.eat(b":")?;
    let level = cursor.eat_while(|byte| byte.is_ascii_lowercase());
    cursor.eat_blanks();
    cursor.eat(b": ")?;
    let known =
        matches!(facility, b"kern" | b"user" | b"daemon" | b"syslog" | b"auth" | b"authpriv")
            && matches!(
                level,
                b"emerg" | b"alert" | b"crit" | b"err" | b"warn" | b"notice" | b"info" | b"debug"
            );
    known.then_some(cursor.rest())
}

// [Sat Nov 21 19:31:05 2026] TRACE …          dmesg -T, conserver
// [Sat Nov 21 19:31:05.123 2026] TRACE …      Tera Term
// [Nov21 19:31] TRACE …                       dmesg -e, dmesg -H: a new minute
/// Strips a bracketed calendar time.
pub(super) fn bracketed_date<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"[")?;
    let micros = calendar::ctime(&mut cursor).or_else(|| calendar::short_minute(&mut cursor))?;
    cursor.eat(b"]")?;
    prefix.wall = Some(Stamp::wall(micros));
    Some(one_blank(&cursor))
}

// [  +0.000012] TRACE …                       dmesg -e, dmesg -H
/// Strips a time relative to the record before, which was at `last`.
pub(super) fn relative<'a>(
    text: &'a [u8],
    last: Option<Stamp>,
    prefix: &mut Prefix,
) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"[")?;
    cursor.eat_blanks();
    cursor.eat(b"+")?;
    let seconds = i64::try_from(cursor.decimal()?).ok()?;
    cursor.eat(b".")?;
    let before = cursor.rest().len();
    let fraction = i64::try_from(cursor.decimal()?).ok()?;
    if before - cursor.rest().len() != 6 {
        return None;
    }
    cursor.eat(b"]")?;
    let passed = seconds.checked_mul(1_000_000)?.checked_add(fraction)?;
    let last = last.unwrap_or(Stamp::wall(0));
    prefix.wall = Some(Stamp::wall(last.micros.saturating_add(passed)));
    Some(one_blank(&cursor))
}

// 2026-11-21T19:31:05,000000+00:00 TRACE …    dmesg --time-format iso
/// Strips dmesg's ISO time. A comma tells it from syslog's, which is followed by a host.
pub(super) fn iso<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    let micros = calendar::iso(&mut cursor)?;
    let taken = &text[..text.len() - cursor.rest().len()];
    if !taken.contains(&b',') {
        return None;
    }
    cursor.eat(b" ")?;
    prefix.wall = Some(Stamp::wall(micros));
    Some(cursor.rest())
}

fn one_blank<'a>(cursor: &Cursor<'a>) -> &'a [u8] {
    let rest = cursor.rest();
    rest.strip_prefix(b" ").unwrap_or(rest)
}
