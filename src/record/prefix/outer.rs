//! What stands in front of the kernel's time, or of its text where there is no time.

/// Longer ones are read at length each time.
const BYTES: usize = 64;

/// The bytes of a front, and which of them may be any digits: the last of a time.
#[derive(Clone, Debug)]
pub(super) struct Outer {
    len: usize,
    text: [u8; BYTES],
    /// All bits where a line must have the same byte.
    fixed: [u8; BYTES],
    /// All bits where a line must have a digit.
    free: [u8; BYTES],
}

impl Default for Outer {
    fn default() -> Outer {
        Outer { len: 0, text: [0; BYTES], fixed: [0; BYTES], free: [0; BYTES] }
    }
}

impl Outer {
    /// Learns a front, every byte of which matters.
    pub(super) fn exactly(front: &[u8]) -> Option<Outer> {
        let mut outer = Outer { len: front.len(), ..Outer::default() };
        outer.text.get_mut(..front.len())?.copy_from_slice(front);
        outer.fixed[..front.len()].fill(0xff);
        Some(outer)
    }

    /// Learns a front in which the last digits of a time may be any.
    pub(super) fn of(front: &[u8]) -> Option<Outer> {
        let mut outer = Outer::exactly(front)?;
        for at in (0..front.len()).filter(|&at| is_free(front, at)) {
            (outer.fixed[at], outer.free[at]) = (0, 0xff);
        }
        Some(outer)
    }

    /// Its bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What is behind this front in `bytes`. At the very end of a text none is told.
    #[inline]
    pub(super) fn behind<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if self.len == 0 {
            return Some(bytes);
        }
        let front = bytes.first_chunk::<BYTES>()?;
        // Without a way out, so that a compiler makes a few instructions for many bytes.
        let differs = (0..BYTES).fold(0, |differs, at| {
            let no_digit = if front[at].wrapping_sub(b'0') < 10 { 0 } else { 0xff };
            differs | (front[at] ^ self.text[at]) & self.fixed[at] | no_digit & self.free[at]
        });
        (differs == 0).then(|| &bytes[self.len..])
    }
}

/// Digits of a fraction that are a time's: microseconds.
const FRACTION_DIGITS: usize = 6;

// Nov 21 23:47:20 host kernel: [    4.818698] TRACE …
// 2026-11-21T23:47:20.123456 [    4.818698] TRACE …
// [12.345678 0.000123] [    4.818698] TRACE …
/// Whether a byte is a digit that may be any other: the last of the seconds of a time of day, or of
/// its fraction, or one of six behind a point.
fn is_free(front: &[u8], at: usize) -> bool {
    if !front[at].is_ascii_digit() {
        return false;
    }
    let digits_before = front[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let digits_behind = front[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (first, digits) = (at - digits_before, digits_before + digits_behind);
    let Some(mark) = first.checked_sub(1) else { return false };
    match front[mark] {
        b':' => digits == 2 && at == first + 1 && ends_in_clock(&front[..=at]),
        b'.' if digits == FRACTION_DIGITS => true,
        b'.' | b',' => ends_in_clock(&front[..mark]),
        _ => false,
    }
}

/// Whether a text ends in a time of day, to the second.
fn ends_in_clock(text: &[u8]) -> bool {
    let Some(clock) = text.last_chunk::<8>() else { return false };
    clock.iter().enumerate().all(|(at, byte)| match at {
        2 | 5 => *byte == b':',
        _ => byte.is_ascii_digit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_behind(front: &str, line: &str) -> bool {
        let outer = Outer::of(front.as_bytes()).expect(front);
        let line = format!("{line}TRACE{}", " ".repeat(BYTES));
        outer.behind(line.as_bytes()).is_some_and(|text| text.starts_with(b"TRACE"))
    }

    #[test]
    fn the_last_digits_of_a_time_may_be_any() {
        for (front, line) in [
            ("Nov 21 23:47:20 host kernel: ", "Nov 21 23:47:29 host kernel: "),
            ("2026-11-21T23:47:20.123456 ", "2026-11-21T23:47:25.999999 "),
            ("2026-11-21T23:47:20,123+01:00 ", "2026-11-21T23:47:20,999+01:00 "),
            ("[12.345678 0.000123] ", "[12.999999 0.999999] "),
            ("<6>", "<6>"),
            ("", ""),
        ] {
            assert!(is_behind(front, line), "{line}");
        }
    }

    #[test]
    fn all_else_is_as_it_was() {
        for (front, line) in [
            ("Nov 21 23:47:20 host kernel: ", "Nov 21 23:47:30 host kernel: "),
            ("Nov 21 23:47:20 host kernel: ", "Nov 21 23:47:2x host kernel: "),
            ("Nov 21 23:47:20 host kernel: ", "Nov 21 23:48:20 host kernel: "),
            ("2026-11-21T23:47:20.123456 ", "2026-11-21T23:47:20.12345x "),
            ("2026-11-21T23:47:20.123456 ", "2026-11-21T23:47:20.1234567 "),
            ("[12.345678 0.000123] ", "[13.345678 0.000123] "),
            ("host-10.20.30.1 ", "host-10.20.30.2 "),
            ("<6>", "<4>"),
        ] {
            assert!(!is_behind(front, line), "{line}");
        }
    }

    #[test]
    fn a_long_front_is_none() {
        assert!(Outer::of(&[b'x'; BYTES + 1]).is_none());
    }
}
