//! What slabinfo in the same log counts of a cache.

use crate::address::LineNumber;
use crate::record::SlabinfoRow;

/// A row of slabinfo, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlabCount {
    /// The row's line.
    pub line: LineNumber,
    /// What it says.
    pub row: SlabinfoRow,
}

/// The first and the last row of a cache in one boot.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SlabCounts {
    /// The first.
    pub first: Option<SlabCount>,
    /// The last; the same where there is only one.
    pub last: Option<SlabCount>,
}

impl SlabCounts {
    pub(super) fn see(&mut self, line: LineNumber, row: SlabinfoRow) {
        let count = SlabCount { line, row };
        self.first.get_or_insert(count);
        self.last = Some(count);
    }

    /// Two different rows, first and last.
    pub fn both(&self) -> Option<(SlabCount, SlabCount)> {
        self.first.zip(self.last).filter(|(first, last)| first.line < last.line)
    }
}
