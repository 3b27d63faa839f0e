//! The kernel's own prefix: level, time and caller. The only prefix on the hot path.

use super::Prefix;
use crate::record::Caller;
use crate::record::cursor::Cursor;
use crate::time::Stamp;

/// A line's kernel prefix, and the text behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamped<'a> {
    pub(crate) stamp: Stamp,
    pub(crate) caller: Option<Caller>,
    pub(crate) text: &'a [u8],
}

/// Digits of a time's fraction that count; printk prints six.
const FRACTION_DIGITS: usize = 6;

// [    4.818698] TRACE kmalloc-64 …
// [123456.818698] TRACE kmalloc-64 …
// [   50.669331][  T154] TRACE kmalloc-64 …        CONFIG_PRINTK_CALLER
// [   67.094832][    C1]  dump_stack+0x10/0x12
// [   10.815025] [T115] TRACE kmalloc-64 …         dmesg, from util-linux 2.40 on
// [   10.815025] [  T115]  dump_stack+0x10/0x12    dmesg -S; crash, log -c
// [   12.345678 <   -0.037952>] text               dmesg -d
/// Reads a line that begins with a printk time.
pub(crate) fn stamped(line: &[u8]) -> Option<Stamped<'_>> {
    let (micros, taken) = time(line)?;
    let (caller, text) = behind_time(&line[taken..]);
    Some(Stamped { stamp: Stamp::boot(micros), caller, text })
}

/// Takes what may stand between a time and the text: a caller, and the blanks that end both.
#[inline]
pub(super) fn behind_time(text: &[u8]) -> (Option<Caller>, &[u8]) {
    let spaced = text.strip_prefix(b" ").unwrap_or(text);
    match leading_caller(spaced) {
        Some((caller, text)) => (Some(caller), text),
        None => (None, spaced),
    }
}

// [T115] TRACE kmalloc-64 …                        dmesg -t, from util-linux 2.40 on
/// Takes a caller at the front of a text, and the blank behind it.
#[inline]
pub(super) fn leading_caller(text: &[u8]) -> Option<(Caller, &[u8])> {
    // Addresses in brackets begin the lines of some architectures' backtraces.
    let [b'[', b' ' | b'T' | b'C', ..] = text else { return None };
    let (caller, taken) = caller(text)?;
    let text = &text[taken..];
    Some((caller, text.strip_prefix(b" ").unwrap_or(text)))
}

/// Reads a bracketed time, and tells its length.
#[inline]
fn time(line: &[u8]) -> Option<(i64, usize)> {
    usual_time(line).or_else(|| late_time(line)).or_else(|| any_time(line))
}

/// Reads `[sssss.uuuuuu]`, the shape of nearly all, eight digits at a time.
#[inline]
pub(super) fn usual_time(line: &[u8]) -> Option<(i64, usize)> {
    let head = line.first_chunk::<14>()?;
    let left = u64::from_le_bytes(*head[1..].first_chunk()?);
    let right = u64::from_le_bytes(*head[6..].first_chunk()?);
    if head[0] != b'[' || head[6] != b'.' || head[13] != b']' {
        return None;
    }
    // Blanks before the seconds count as zeros.
    let seconds = left & 0xff_ffff_ffff;
    let blanks = ((seconds ^ 0x20_2020_2020).trailing_zeros() / 8).min(4);
    let seconds = seconds | (0x10_1010_1010 & ((1 << (8 * blanks)) - 1));
    let first = eight_digits(seconds | (((right >> 8) & 0xff_ffff) << 40))?;
    let last = eight_digits((((right >> 32) & 0xff_ffff) << 40) | 0x30_3030_3030)?;
    i64::try_from(first * 1000 + last).ok().map(|micros| (micros, 14))
}

/// Reads `[ssssss.uuuuuu]`, the shape of most that are left: from the second day on.
#[inline]
pub(super) fn late_time(line: &[u8]) -> Option<(i64, usize)> {
    let head = line.first_chunk::<15>()?;
    if head[0] != b'[' || head[7] != b'.' || head[14] != b']' {
        return None;
    }
    let left = u64::from_le_bytes(*head[1..].first_chunk()?) & 0xffff_ffff_ffff;
    let right = u64::from_le_bytes(*head[6..].first_chunk()?) >> 16;
    let seconds = eight_digits(left << 16 | 0x3030)?;
    let micros = eight_digits(right << 16 | 0x3030)?;
    i64::try_from(seconds * 1_000_000 + micros).ok().map(|micros| (micros, 15))
}

/// The value of eight decimal digits, the first in the lowest byte.
#[inline]
fn eight_digits(digits: u64) -> Option<u64> {
    are_digits(digits).then(|| value_of_eight(digits))
}

/// Whether eight bytes are decimal digits.
#[inline]
fn are_digits(digits: u64) -> bool {
    let values = digits ^ 0x3030_3030_3030_3030;
    ((values.wrapping_add(0x7676_7676_7676_7676)) | values) & 0x8080_8080_8080_8080 == 0
}

/// The value of eight bytes that are decimal digits: pairs, fours, eights (Lemire, "Quickly
/// parsing eight digits", 2018).
#[inline]
pub(super) fn value_of_eight(digits: u64) -> u64 {
    let values = digits ^ 0x3030_3030_3030_3030;
    let pairs = (values.wrapping_mul(2561) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(6_553_601) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(42_949_672_960_001) >> 32
}

fn any_time(line: &[u8]) -> Option<(i64, usize)> {
    if line.first() != Some(&b'[') {
        return None;
    }
    let mut at = 1;
    while line.get(at) == Some(&b' ') {
        at += 1;
    }
    let mut seconds: i64 = 0;
    let first = at;
    while let Some(digit @ b'0'..=b'9') = line.get(at) {
        seconds = seconds * 10 + i64::from(digit - b'0');
        at += 1;
        if at - first > 9 {
            return None;
        }
    }
    if at == first || line.get(at) != Some(&b'.') {
        return None;
    }
    at += 1;
    let (mut fraction, first) = (0i64, at);
    while let Some(digit @ b'0'..=b'9') = line.get(at) {
        fraction = fraction * 10 + i64::from(digit - b'0');
        at += 1;
        if at - first > FRACTION_DIGITS {
            return None;
        }
    }
    let digits = at - first;
    if digits == 0 {
        return None;
    }
    for _ in digits..FRACTION_DIGITS {
        fraction *= 10;
    }
    if line.get(at) == Some(&b' ') {
        at += delta(&line[at..])?;
    }
    (line.get(at) == Some(&b']')).then_some((seconds * 1_000_000 + fraction, at + 1))
}

/// A difference is no longer than this, its bracket included.
const DELTA_BYTES_MAX: usize = 48;

//  <    0.000012>              dmesg -d
//  <   -0.037952>              CPUs' clocks differ
//  <    0.000309 >             journalctl -o short-delta; a star where it is not reliable
//                              journalctl -o short-delta, the first record
/// The length of what shows the difference to the record before, behind a time.
pub(super) fn delta(text: &[u8]) -> Option<usize> {
    // A line may hold very many beginnings of one: none is looked for beyond its longest end.
    let mut cursor = Cursor::new(&text[..text.len().min(DELTA_BYTES_MAX)]);
    let blanks = cursor.eat_blanks();
    if cursor.peek() == Some(b']') {
        return Some(blanks);
    }
    cursor.eat(b"<")?;
    let inner = cursor.until(b">")?;
    let known = |&byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'.' | b'-' | b'*');
    (blanks == 1 && inner.len() < 32 && inner.iter().all(known)).then_some(inner.len() + 3)
}

/// Reads `[  T154]` or `[    C1]`, and tells its length.
pub(super) fn caller(text: &[u8]) -> Option<(Caller, usize)> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"[")?;
    cursor.eat_blanks();
    let kind = cursor.take(1)?;
    let id = u32::try_from(cursor.decimal()?).ok()?;
    cursor.eat(b"]")?;
    let caller = match kind {
        b"T" => Caller::Task(id),
        b"C" => Caller::Cpu(id),
        _ => return None,
    };
    Some((caller, text.len() - cursor.rest().len()))
}

/// Reads `T154` or `C1`, as `/dev/kmsg` and JSON spell a caller.
pub(crate) fn caller_word(word: &[u8]) -> Option<Caller> {
    let mut cursor = Cursor::new(word);
    let kind = cursor.take(1)?;
    let id = u32::try_from(cursor.decimal()?).ok()?;
    match (kind, cursor.is_empty()) {
        (b"T", true) => Some(Caller::Task(id)),
        (b"C", true) => Some(Caller::Cpu(id)),
        _ => None,
    }
}

/// Where in `line`, behind its first byte, another printk time begins.
///
/// A program that writes to the console leaves its unfinished line in front of a record, and a
/// capture whose newlines were lost holds many records in one line.
pub(crate) fn embedded(line: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'[', line).find(|&at| {
        let behind = |taken: usize| line.get(at + taken).copied();
        at > 0
            && time(&line[at..])
                .is_some_and(|(_, taken)| matches!(behind(taken), None | Some(b' ' | b'[')))
    })
}

// 90560.232045] TRACE …
/// Strips a time that has lost its bracket.
pub(super) fn headless<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let end = text.iter().take(24).position(|&byte| byte == b']')?;
    let micros = seconds(&text[..end]).filter(|_| end >= b"0.000000".len())?;
    prefix.boot = Some(Stamp::boot(micros));
    let rest = &text[end + 1..];
    Some(rest.strip_prefix(b" ").unwrap_or(rest))
}

/// Reads a time without its brackets, in microseconds.
pub(super) fn seconds(value: &[u8]) -> Option<i64> {
    let value = value.trim_ascii();
    if value.len() > 32 {
        return None;
    }
    let mut bracketed = [b' '; 34];
    bracketed[0] = b'[';
    bracketed[1..=value.len()].copy_from_slice(value);
    bracketed[value.len() + 1] = b']';
    let (micros, taken) = time(&bracketed)?;
    (taken == value.len() + 2).then_some(micros)
}

// <6>[    0.000000] TRACE …       dmesg -r; printk in 2.6
// <30>systemd[1]: …
/// Strips a level in angle brackets.
pub(crate) fn level(text: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"<")?;
    let level = cursor.decimal()?;
    cursor.eat(b">")?;
    (level < 1024).then_some(cursor.rest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, micros: i64, caller: Option<Caller>, text: &str) {
        let expected = Stamped { stamp: Stamp::boot(micros), caller, text: text.as_bytes() };
        assert_eq!(stamped(line.as_bytes()), Some(expected), "{line}");
    }

    #[test]
    fn time_and_caller_are_read_and_one_blank_is_stripped() {
        check("[    4.818698] TRACE x", 4_818_698, None, "TRACE x");
        check("[    4.818698]  <TASK>", 4_818_698, None, " <TASK>");
        check("[123456.818698] x", 123_456_818_698, None, "x");
        check("[   50.669331][  T154] x", 50_669_331, Some(Caller::Task(154)), "x");
        check("[ 3575.155][T151472] x", 3_575_155_000, Some(Caller::Task(151_472)), "x");
        check("[   67.094832][    C1]  y", 67_094_832, Some(Caller::Cpu(1)), " y");
        check("[   10.815025] [T115] x", 10_815_025, Some(Caller::Task(115)), "x");
        check("[   10.815025] [  T115]  y", 10_815_025, Some(Caller::Task(115)), " y");
        check("[   10.815025] [    C2] x", 10_815_025, Some(Caller::Cpu(2)), "x");
        check("[   10.815025] [<c0012a34>] x", 10_815_025, None, "[<c0012a34>] x");
        check("[   10.815025]  [T115] x", 10_815_025, None, " [T115] x");
        check("[   10.815025 <    0.000309>] [T7] x", 10_815_025, Some(Caller::Task(7)), "x");
        check("[    0.000000 <    0.000000>] x", 0, None, "x");
        check("[    8.804052 <   -0.037952>] x", 8_804_052, None, "x");
        check("[    8.804052 <12345.678901>] x", 8_804_052, None, "x");
        check("[   10.815025 <    0.000309 >] x", 10_815_025, None, "x");
        check("[   10.815025                ] x", 10_815_025, None, "x");
        check("[    1.000000]", 1_000_000, None, "");
    }

    #[test]
    fn the_quick_way_and_the_general_way_agree() {
        for line in [
            "[    0.000000]",
            "[    4.818698]",
            "[99999.999999]",
            "[   12.000001]",
            "[12345.678901]",
        ] {
            assert_eq!(usual_time(line.as_bytes()), any_time(line.as_bytes()), "{line}");
            assert!(usual_time(line.as_bytes()).is_some(), "{line}");
        }
        for line in [
            "[     .000000]",
            "[    4.81869x]",
            "[    4,818698]",
            "[  1!4.818698]",
            "[    4.818698",
            "[ x  4.818698]",
        ] {
            assert_eq!(usual_time(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_time_may_have_lost_its_bracket() {
        let mut prefix = Prefix::default();
        assert_eq!(headless(b"90560.232045]  x", &mut prefix), Some(&b" x"[..]));
        assert_eq!(prefix.boot, Some(Stamp::boot(90_560_232_045)));
        for line in [&b"1.5] x"[..], b"90560 232045] x", b"90560.232045 x", b"1.2.3.4.5] x"] {
            assert_eq!(headless(line, &mut prefix), None);
        }
    }

    #[test]
    fn many_beginnings_of_a_difference_cost_no_more_than_their_length() {
        let line = b"[1.0 <".repeat(100_000);
        let begun = std::time::Instant::now();
        assert_eq!(embedded(&line), None);
        // To look for the end of each at the end of the line takes minutes.
        assert!(begun.elapsed().as_secs() < 10);
    }

    #[test]
    fn other_brackets_are_no_time() {
        for line in [
            "[<8213be6c>] show_stack+0x70/0x164",
            "[c0000] [c001] x",
            "[  +0.000001] x",
            "[1.2.3] x",
            "[12] x",
        ] {
            assert_eq!(stamped(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_record_inside_a_line_is_found() {
        assert_eq!(embedded(b"app[9[    8.159550] TRACE kmalloc-64"), Some(5));
        assert_eq!(embedded(b"status=OK[   13.451599]  </TASK>"), Some(9));
        assert_eq!(embedded(b"[    8.159550] TRACE kmalloc-64"), None);
    }
}
