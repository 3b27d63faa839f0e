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
    pub(crate) fn hex(&mut self) -> Option<(u64, usize)> {
        let digits = self.eat_while(|byte| byte.is_ascii_hexdigit());
        let value = hex_value(digits)?;
        Some((value, digits.len()))
    }
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
