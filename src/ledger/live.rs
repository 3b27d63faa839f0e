//! What is kept of a live object.

use super::Holder;
use crate::address::LineNumber;
use crate::event::{Damage, Event, MaybeName};

/// What stands for no time.
const NO_TIME: i64 = i64::MIN;

/// A live object: what is kept of its allocation. A log may leave millions of them: this is as
/// small as it can be, 40 bytes with the address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live {
    /// Microseconds of the header's stamp.
    micros: i64,
    pub(super) line: LineNumber,
    /// Index of its group in the boot's ledger.
    pub(super) group: u32,
    pid: u32,
    comm: MaybeName,
    certainty: Certainty,
}

/// How sure it is that an object belongs to its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Certainty {
    /// Its backtrace is whole and could have been no other header's.
    Bound,
    /// Its backtrace is incomplete or could have been another header's.
    Guessed,
}

impl Certainty {
    fn of(event: &Event) -> Certainty {
        let is_doubtful =
            event.damage.contains(Damage::AmbiguousStack) || event.damage.contains(Damage::Cut);
        if is_doubtful { Certainty::Guessed } else { Certainty::Bound }
    }
}

impl Live {
    /// The object that an event allocated.
    pub(super) fn of(event: &Event, group: u32, time: Option<i64>) -> Live {
        Live {
            micros: time.unwrap_or(NO_TIME),
            line: event.line,
            group,
            pid: event.task.map_or(0, |task| task.pid),
            comm: event.task.map(|task| task.comm).into(),
            certainty: Certainty::of(event),
        }
    }

    /// An object whose allocation is missing before the header at `line`.
    pub(super) fn unseen(line: LineNumber, group: u32) -> Live {
        let (micros, certainty) = (NO_TIME, Certainty::Bound);
        Live { micros, line, group, pid: 0, comm: None.into(), certainty }
    }

    /// Microseconds of its header's stamp.
    pub(super) fn time(&self) -> Option<i64> {
        (self.micros != NO_TIME).then_some(self.micros)
    }

    /// Who allocated it.
    pub(super) fn holder(&self) -> Holder {
        Holder { comm: self.comm.name(), pid: self.pid }
    }

    /// Whether it may belong to another group.
    pub(super) fn is_guessed(&self) -> bool {
        self.certainty == Certainty::Guessed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::ObjectAddr;

    #[test]
    fn a_live_object_takes_forty_bytes() {
        assert_eq!(size_of::<(ObjectAddr, Live)>(), 40);
    }
}
