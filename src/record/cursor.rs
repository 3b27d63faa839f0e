//! A byte cursor: the only place of this stage that counts bytes.

/// A position in a line. Every `eat` either takes what it names and says so, or takes nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }

    /// What has not been taken yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes `text`.
    pub(crate) fn eat(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Takes bytes while they satisfy `keep`.
    pub(crate) fn eat_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| !keep(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes any number of blanks.
    pub(crate) fn eat_blanks(&mut self) -> usize {
        self.eat_while(|byte| byte == b' ').len()
    }

    /// Takes everything before `text`, and `text` itself.
    pub(crate) fn until(&mut self, text: &[u8]) -> Option<&'a [u8]> {
        let at = memchr::memmem::find(self.rest, text)?;
        let taken = &self.rest[..at];
        self.rest = &self.rest[at + text.len()..];
        Some(taken)
    }

    /// Takes `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// Takes a decimal number of at most 19 digits.
    pub(crate) fn decimal(&mut self) -> Option<u64> {
        let digits = self.eat_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() || digits.len() > 19 {
            return None;
        }
        Some(digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
    }

    /// Takes a hexadecimal number of 1 to 16 digits, and tells how many there were.
    #[inline]
    pub(crate) fn hex(&mut self) -> Option<(u64, usize)> {
        if let Some((value, digits)) = pointer_digits(self.rest) {
            self.rest = &self.rest[digits..];
            return Some((value, digits));
        }
        let digits = self.eat_while(|byte| byte.is_ascii_hexdigit());
        let value = hex_value(digits)?;
        Some((value, digits.len()))
    }
}

/// Reads the digits of a pointer, 16 or 8 of them and no more.
#[inline]
fn pointer_digits(text: &[u8]) -> Option<(u64, usize)> {
    let ends_at = |at: usize| text.get(at).is_none_or(|byte| !byte.is_ascii_hexdigit());
    let (first, rest) = text.split_first_chunk()?;
    let high = eight_hex(u64::from_le_bytes(*first))?;
    match rest.first_chunk().and_then(|second| eight_hex(u64::from_le_bytes(*second))) {
        Some(low) => ends_at(16).then_some((high << 32 | low, 16)),
        None => ends_at(8).then_some((high, 8)),
    }
}

/// Every byte of a word the same.
const fn bytes(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The values of eight hexadecimal digits, each in the place of its digit. A digit is one if its
/// value spells it again.
#[inline]
fn nibbles(digits: u64) -> Option<u64> {
    let letters = (digits >> 6) & bytes(1);
    let values = (digits & bytes(0x0f)) + letters * 9;
    let above_nine = ((values + bytes(6)) >> 4) & bytes(1);
    let spelled = (values & bytes(0x0f)) + bytes(b'0') + above_nine * u64::from(b'a' - b'0' - 10);
    let is_hex = values & bytes(0xf0) == 0 && spelled == digits | (letters << 5);
    is_hex.then_some(values)
}

/// The value of eight hexadecimal digits, the first in the lowest byte: pairs, fours, eights.
#[inline]
fn eight_hex(digits: u64) -> Option<u64> {
    let values = nibbles(digits)?;
    let pairs = (values << 4 | values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    let eights = fours | fours >> 16;
    let [first, second, third, fourth, ..] = eights.to_le_bytes();
    Some(u64::from(u32::from_be_bytes([first, second, third, fourth])))
}

/// Where the blanks lie in pairs of digits with one behind each, a word of eight bytes at a time.
const BLANKS_OF_PAIRS: [u64; 3] =
    [0x0000_ff00_00ff_0000, 0x00ff_0000_ff00_00ff, 0xff00_00ff_0000_ff00];

/// Whether the text is 16 pairs of hexadecimal digits with a blank behind each.
#[inline]
pub(crate) fn is_full_row(row: &[u8; 48]) -> bool {
    let (words, _) = row.as_chunks::<8>();
    words.iter().zip(BLANKS_OF_PAIRS.iter().cycle()).all(|(word, blanks)| {
        let text = u64::from_le_bytes(*word);
        let digits = (text & !blanks) | (bytes(b'0') & blanks);
        text & blanks == bytes(b' ') & blanks && nibbles(digits).is_some()
    })
}

/// The value of 1 to 16 hexadecimal digits.
pub(crate) fn hex_value(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &digit| {
        let digit = (digit as char).to_digit(16)?;
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a number without looking at more than one digit at a time.
    fn hex_by_digit(text: &[u8]) -> Option<(u64, usize)> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        hex_value(&text[..digits]).map(|value| (value, digits))
    }

    #[test]
    fn eight_digits_at_a_time_read_what_single_ones_do() {
        for byte in 0..=u8::MAX {
            for at in 0..18 {
                let mut text = *b"ffff8Da32fF3b980 x";
                text[at] = byte;
                for end in 0..=text.len() {
                    let text = &text[..end];
                    let expected = hex_by_digit(text);
                    assert_eq!(Cursor::new(text).hex(), expected, "{}", text.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn a_full_row_is_pairs_of_digits_and_blanks() {
        let row = *b"aa 33 12 4a 44 7d f9 28 00 00 00 00 00 00 00 FF ";
        assert!(is_full_row(&row));
        for at in 0..row.len() {
            let mut damaged = row;
            damaged[at] = if at % 3 == 2 { b'0' } else { b' ' };
            assert!(!is_full_row(&damaged), "{}", damaged.escape_ascii());
        }
    }
}
