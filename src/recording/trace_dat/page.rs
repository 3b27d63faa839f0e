//! A page of the kernel's ring buffer (`kernel/trace/ring_buffer.c`).

use std::ops::Range;

use crate::recording::bytes::{ByteOrder, Bytes};
use crate::recording::metadata::PageLayout;

/// Bits of the number of bytes in use.
const COMMIT_BYTES: u64 = (1 << 27) - 1;

/// Events were lost before the page.
const MISSED_EVENTS: u64 = 1 << 31;

/// How many is written behind the events.
const MISSED_STORED: u64 = 1 << 30;

/// Bits of a time that stand in front of an entry.
const DELTA_BITS: u32 = 27;

/// Bits of a time that an entry of its own holds; the others are those of the time before.
const STAMP_BITS: u32 = 59;

/// What was lost before an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missed {
    /// Nothing.
    Nothing,
    /// So many entries.
    Events(u64),
    /// Nobody counted them.
    Unknown,
}

/// The entries of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PageEntries {
    /// What was lost before the first of them.
    pub(super) missed: Missed,
    /// When each was made, and where it lies in the page, the first one last.
    pub(super) entries: Vec<(u64, Range<usize>)>,
    /// Whether all of it is there.
    pub(super) is_whole: bool,
}

/// What stands in front of an entry.
#[derive(Clone, Copy)]
struct EntryHead {
    kind: u32,
    delta: u64,
}

impl EntryHead {
    fn split(word: u32, order: ByteOrder) -> EntryHead {
        let (kind, delta) = match order {
            ByteOrder::Little => (word & 31, word >> 5),
            ByteOrder::Big => (word >> DELTA_BITS, word & ((1 << DELTA_BITS) - 1)),
        };
        EntryHead { kind, delta: delta.into() }
    }
}

impl PageEntries {
    /// Reads a page as far as it is there.
    pub(super) fn parse(page: &[u8], layout: PageLayout, order: ByteOrder) -> PageEntries {
        let nothing = PageEntries { missed: Missed::Nothing, entries: Vec::new(), is_whole: false };
        let long = layout.long.bytes();
        let number =
            |at: usize, size: usize| Some(order.number(page.get(at..at.checked_add(size)?)?));
        let (Some(mut time), Some(commit)) = (number(0, 8), number(layout.commit, long)) else {
            return nothing;
        };
        let used = usize::try_from(commit & COMMIT_BYTES).unwrap_or(usize::MAX);
        let behind = layout.data.saturating_add(used);
        let missed = match (commit & MISSED_EVENTS, commit & MISSED_STORED) {
            (0, _) => Missed::Nothing,
            (_, 0) => Missed::Unknown,
            _ => number(behind, long).map_or(Missed::Unknown, Missed::Events),
        };
        let end = behind.min(page.len());
        let mut entries = Vec::new();
        let mut at = layout.data;
        let mut is_whole = behind <= page.len();
        while at < end {
            let Some(entry) = next_entry(page.get(at..end), &mut time, order) else {
                is_whole = false;
                break;
            };
            match entry {
                RingEntry::End => break,
                RingEntry::Skipped(length) => at += length,
                RingEntry::Event { start, end } => {
                    entries.push((time, at + start..at + end));
                    at += end;
                }
            }
        }
        entries.reverse();
        PageEntries { missed, entries, is_whole }
    }
}

/// An entry, which lies at the beginning of what is left of a page.
enum RingEntry {
    /// There are no more.
    End,
    /// Nothing but time, or what was taken back.
    Skipped(usize),
    /// An event.
    Event { start: usize, end: usize },
}

/// Reads an entry, and goes on to its time. Nothing where it is cut off.
fn next_entry(rest: Option<&[u8]>, time: &mut u64, order: ByteOrder) -> Option<RingEntry> {
    let mut bytes = Bytes::new(rest?, order);
    let EntryHead { kind, delta } = EntryHead::split(bytes.word()?, order);
    let length = |words: u32| usize::try_from(words).ok();
    let entry = match kind {
        29 if delta == 0 => RingEntry::End,
        29 => RingEntry::Skipped(length(bytes.word()?)?.checked_add(4)?),
        30 => {
            let delta = u64::from(bytes.word()?) << DELTA_BITS | delta;
            *time = time.wrapping_add(delta);
            return Some(RingEntry::Skipped(8));
        }
        31 => {
            let stamp = u64::from(bytes.word()?) << DELTA_BITS | delta;
            *time = stamp & ((1 << STAMP_BITS) - 1) | *time >> STAMP_BITS << STAMP_BITS;
            return Some(RingEntry::Skipped(8));
        }
        0 => {
            // The length counts its own four bytes.
            let data = length(bytes.word()?)?.checked_sub(4)?;
            RingEntry::Event { start: 8, end: data.checked_next_multiple_of(4)?.checked_add(8)? }
        }
        words => RingEntry::Event { start: 4, end: length(words)? * 4 + 4 },
    };
    *time = time.wrapping_add(delta);
    let end = match entry {
        RingEntry::End => 0,
        RingEntry::Skipped(end) | RingEntry::Event { end, .. } => end,
    };
    (end <= rest?.len()).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::bytes::LongSize;

    const LAYOUT: PageLayout = PageLayout { commit: 8, long: LongSize::Eight, data: 16 };

    /// A page of little-endian words behind its time, 1000.
    fn page(flags: u64, words: &[u32], behind: u64) -> Vec<u8> {
        let used = words.len() as u64 * 4;
        let mut page = [1000u64.to_le_bytes(), (used | flags).to_le_bytes()].concat();
        page.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        page.extend(behind.to_le_bytes());
        page
    }

    fn parse(page: &[u8]) -> PageEntries {
        let mut parsed = PageEntries::parse(page, LAYOUT, ByteOrder::Little);
        parsed.entries.reverse();
        parsed
    }

    #[test]
    fn entries_of_each_kind_are_read() {
        let words = [
            // Eight bytes, 5 later.
            [(5 << 5) + 2, 0xa, 0xb].as_slice(),
            // Taken back, 1 later.
            &[29 + (1 << 5), 8, 0],
            // Nothing but time, 2^27 + 3.
            &[30 + (3 << 5), 1],
            // Five bytes in the room of eight, 7 later.
            &[7 << 5, 9, 0xc, 0xd],
            // It is 2 * 2^27 + 42 now.
            &[31 + (42 << 5), 2],
            // Four bytes.
            &[1, 0xe],
            // The end.
            &[29, 0, 0xff],
        ]
        .concat();
        let parsed = parse(&page(0, &words, 0));
        assert!(parsed.is_whole);
        assert_eq!(
            parsed.entries,
            [(1005, 20..28), (1006 + (1 << 27) + 3 + 7, 56..64), ((2 << 27) + 42, 76..80),]
        );
    }

    #[test]
    fn what_was_lost_before_a_page_is_read() {
        let missed = |flags| parse(&page(flags, &[1, 0xe], 77)).missed;
        assert_eq!(missed(0), Missed::Nothing);
        assert_eq!(missed(MISSED_EVENTS), Missed::Unknown);
        assert_eq!(missed(MISSED_EVENTS | MISSED_STORED), Missed::Events(77));
    }

    #[test]
    fn a_page_that_is_cut_off_is_read_as_far_as_it_is_there() {
        let whole = page(0, &[1, 0xe, 2, 0xa, 0xb], 0);
        for end in 0..36 {
            let parsed = parse(&whole[..end]);
            assert!(!parsed.is_whole, "{end}");
            assert_eq!(parsed.entries.len(), usize::from(end >= 24), "{end}");
        }
        assert!(parse(&whole[..36]).is_whole);
    }
}
