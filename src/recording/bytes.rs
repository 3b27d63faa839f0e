//! Numbers and texts of a binary file, in the order of bytes that it was written in.

use std::ops::Range;

/// Which byte of a number comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ByteOrder {
    /// The least.
    Little,
    /// The greatest.
    Big,
}

impl ByteOrder {
    /// The number that at most eight bytes are.
    pub(super) fn number(self, bytes: &[u8]) -> u64 {
        let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
        match self {
            ByteOrder::Little => bytes.iter().rev().fold(0, add),
            ByteOrder::Big => bytes.iter().fold(0, add),
        }
    }
}

/// How many bytes the kernel's `long` has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LongSize {
    /// 32 bits.
    Four,
    /// 64 bits.
    Eight,
}

impl LongSize {
    /// The size of so many bytes.
    pub(super) fn of(bytes: usize) -> Option<LongSize> {
        match bytes {
            4 => Some(LongSize::Four),
            8 => Some(LongSize::Eight),
            _ => None,
        }
    }

    /// In bytes.
    pub(super) fn bytes(self) -> usize {
        match self {
            LongSize::Four => 4,
            LongSize::Eight => 8,
        }
    }
}

/// What is still to be read of a file, or of a part of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
    order: ByteOrder,
}

impl<'a> Bytes<'a> {
    /// All of a part.
    pub(super) fn new(rest: &'a [u8], order: ByteOrder) -> Bytes<'a> {
        Bytes { rest, order }
    }

    /// The order of bytes.
    pub(super) fn order(&self) -> ByteOrder {
        self.order
    }

    /// Bytes of the same file.
    pub(super) fn within<'b>(&self, bytes: &'b [u8]) -> Bytes<'b> {
        Bytes::new(bytes, self.order)
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes so many bytes.
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// Takes as many bytes as a number of the file says.
    pub(super) fn take_long(&mut self, length: u64) -> Option<&'a [u8]> {
        self.take(usize::try_from(length).ok()?)
    }

    /// Takes a byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// Takes a number of 16 bits.
    pub(super) fn half(&mut self) -> Option<u16> {
        u16::try_from(self.order.number(self.take(2)?)).ok()
    }

    /// Takes a number of 32 bits.
    pub(super) fn word(&mut self) -> Option<u32> {
        u32::try_from(self.order.number(self.take(4)?)).ok()
    }

    /// Takes a number of 64 bits.
    pub(super) fn long(&mut self) -> Option<u64> {
        Some(self.order.number(self.take(8)?))
    }

    /// Takes a text and the zero behind it.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(0, self.rest)?;
        let text = self.take(end)?;
        self.take(1)?;
        Some(text)
    }
}

/// The part of a file that an offset and a size in it tell, as far as it is there.
pub(super) fn part(file: &[u8], offset: u64, size: u64) -> Part {
    let length = file.len() as u64;
    let start = offset.min(length);
    let wanted = offset.checked_add(size);
    let end = wanted.map_or(length, |end| end.min(length));
    // Both are at most the length of what is in memory.
    let place = |at: u64| usize::try_from(at).unwrap_or(file.len());
    Part { range: place(start)..place(end), is_whole: wanted.is_some_and(|end| end <= length) }
}

/// A part of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// Where it lies.
    pub(super) range: Range<usize>,
    /// Whether all of it is there.
    pub(super) is_whole: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_orders() {
        let read = |order| {
            let mut bytes = Bytes::new(&[1, 2, 3, 4, 5, 6, 7], order);
            (bytes.half(), bytes.word(), bytes.word())
        };
        assert_eq!(read(ByteOrder::Little), (Some(0x201), Some(0x0605_0403), None));
        assert_eq!(read(ByteOrder::Big), (Some(0x102), Some(0x0304_0506), None));
    }

    #[test]
    fn a_part_ends_with_its_file() {
        let file = [0; 100];
        assert_eq!(part(&file, 10, 20), Part { range: 10..30, is_whole: true });
        assert_eq!(part(&file, 90, 20), Part { range: 90..100, is_whole: false });
        assert_eq!(part(&file, 1 << 40, 20), Part { range: 100..100, is_whole: false });
        assert_eq!(part(&file, 90, u64::MAX), Part { range: 90..100, is_whole: false });
    }
}
