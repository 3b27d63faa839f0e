//! What a `trace.dat` holds, whatever its version.

use super::packing::{Packing, UnpackedRoom};
use crate::recording::bytes::Part;
use crate::recording::metadata::Metadata;

/// No machine has more CPUs.
pub(super) const MAX_CPUS: usize = 1 << 16;

/// What a recording holds.
pub(super) struct Contents {
    /// What it says of its kernel.
    pub(super) metadata: Metadata,
    /// How the events are packed.
    pub(super) packing: Packing,
    /// How much may still be unpacked.
    pub(super) room: UnpackedRoom,
    /// What the times of the events count.
    pub(super) clock: Clock,
    /// The events.
    pub(super) cpus: Vec<CpuPart>,
    /// Whether all is there that it says there is.
    pub(super) is_whole: bool,
}

/// The events of a CPU.
pub(super) struct CpuPart {
    /// The CPU.
    pub(super) cpu: u32,
    /// Where they lie in the file.
    pub(super) part: Part,
    /// Whether they are packed.
    pub(super) storage: Storage,
    /// Bytes of each of their pages.
    pub(super) page_size: usize,
}

/// How the events of a CPU are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Storage {
    /// As pages.
    Plain,
    /// As pages that are packed, several at once.
    Packed,
}

/// What the times of a recording count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Clock {
    /// Nanoseconds.
    Nanoseconds,
    /// Something else, which is no time.
    Ticks,
}

impl Clock {
    /// The clock of this name.
    pub(super) fn named(name: &[u8]) -> Clock {
        match name {
            b"counter" | b"uptime" | b"x86-tsc" | b"ppc-tb" => Clock::Ticks,
            _ => Clock::Nanoseconds,
        }
    }

    // [local] global counter uptime perf mono mono_raw boot tai x86-tsc
    /// The clock that the text of `trace_clock` marks.
    pub(super) fn marked(text: &[u8]) -> Clock {
        let mark = memchr::memchr(b'[', text).and_then(|at| text.get(at + 1..));
        let name = mark.and_then(|rest| rest.split(|&byte| byte == b']').next());
        name.map_or(Clock::Nanoseconds, Clock::named)
    }
}

/// The bytes of a page, where a file says so; no kernel has pages of another size.
pub(super) fn page_size(bytes: u32) -> Option<usize> {
    usize::try_from(bytes).ok().filter(|size| (64..=1 << 24).contains(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_the_one_in_brackets() {
        assert_eq!(Clock::marked(b"[local] global counter\n"), Clock::Nanoseconds);
        assert_eq!(Clock::marked(b"local global [counter] x86-tsc\n"), Clock::Ticks);
        assert_eq!(Clock::marked(b"local [counter"), Clock::Ticks);
        assert_eq!(Clock::marked(b""), Clock::Nanoseconds);
    }
}
