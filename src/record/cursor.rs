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
pub(crate) fn pointer_digits(text: &[u8]) -> Option<(u64, usize)> {
    match text.first_chunk::<16>() {
        Some(digits) if are_hex(digits) && !text.get(16).is_some_and(|&byte| is_hex(byte)) => {
            let ([high, low], _) = digits.as_chunks() else { return None };
            Some((eight_hex(*high) << 32 | eight_hex(*low), 16))
        }
        _ => narrow_pointer_digits(text),
    }
}

#[inline(never)]
fn narrow_pointer_digits(text: &[u8]) -> Option<(u64, usize)> {
    let digits = text.first_chunk::<8>().filter(|digits| are_hex(digits))?;
    let goes_on = text.get(8).is_some_and(|&byte| is_hex(byte));
    (!goes_on).then(|| (eight_hex(*digits), 8))
}

/// The value of eight hexadecimal digits: pairs, fours, eights.
#[inline]
fn eight_hex(digits: [u8; 8]) -> u64 {
    let digits = u64::from_le_bytes(digits);
    let letters = (digits >> 6) & bytes(1);
    let values = (digits & bytes(0x0f)) + letters * 9;
    let pairs = (values << 4 | values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    let eights = fours | fours >> 16;
    let [first, second, third, fourth, ..] = eights.to_le_bytes();
    u64::from(u32::from_be_bytes([first, second, third, fourth]))
}

/// Every byte of a word the same.
const fn bytes(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

// The loops below have no way out before their end, so that a compiler makes a few instructions
// for many bytes of them.

/// Whether all bytes are hexadecimal digits.
#[inline]
pub(crate) fn are_hex<const N: usize>(text: &[u8; N]) -> bool {
    text.iter().fold(true, |all, byte| all & is_hex(*byte))
}

/// Whether a byte is a hexadecimal digit.
#[inline]
pub(crate) fn is_hex(byte: u8) -> bool {
    (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 6)
}

/// Whether the text is 16 pairs of hexadecimal digits with a blank behind each.
#[inline]
pub(crate) fn is_full_row(row: &[u8; 48]) -> bool {
    let fits = |at: usize| if at % 3 == 2 { row[at] == b' ' } else { is_hex(row[at]) };
    (0..row.len()).fold(true, |all, at| all & fits(at))
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
