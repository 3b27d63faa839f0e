//! A timeline of a stretch of a log that is read on its own, and how that becomes part of another's
//! work.

use super::super::echo::{Fingerprint, Memory};
use super::{State, Timeline};

/// What a timeline did while a stretch of a log was read on its own.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The headers of the stretch's first boot that were thought about twice.
    pub(super) doubted: Vec<Fingerprint>,
    /// The headers of that boot, if another one began.
    first: Option<Memory>,
}

/// Where a timeline stands between two records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimelineMark {
    latest: Option<i64>,
    has_begun: bool,
    headers: usize,
}

impl Timeline {
    /// Where it stands, if records come in the order they were printed.
    pub(crate) fn mark(&self) -> Option<TimelineMark> {
        let Timeline { latest, has_begun, .. } = *self;
        let mark = TimelineMark { latest, has_begun, headers: self.memory.len() };
        matches!(self.state, State::Running).then_some(mark)
    }

    /// One that knows nothing, for another stretch of the log.
    pub(crate) fn renewed(&mut self) -> Timeline {
        Timeline { memory: self.memory.renewed(), ..Timeline::default() }
    }

    /// Takes notes from now on.
    pub(crate) fn begin_notes(&mut self) {
        self.notes = Some(Notes::default());
    }

    /// Whether what another one found behind `mark` would have been found here too.
    ///
    /// It knows only the headers of its run-up. They must be the last ones that are known here;
    /// then what it found to have come before stood there, and would be found here as well. And no
    /// header that it asked for may be known from farther above. Another boot knows nothing of the
    /// one before.
    pub(crate) fn may_join(&mut self, mark: &TimelineMark, later: &Timeline) -> bool {
        let Some(notes) = &later.notes else { return false };
        let first = notes.first.as_ref().unwrap_or(&later.memory);
        let Some((above, headers)) = first.split_at(mark.headers) else { return false };
        self.mark().is_some_and(|own| own.is_like(mark))
            && later.mark().is_some()
            && self.memory.ends_with(above)
            && (headers.iter().chain(&notes.doubted))
                .all(|&header| !self.memory.came_before(header, above.len()))
    }

    /// Takes what came behind `mark`, as if it had come here.
    pub(crate) fn join(&mut self, mark: &TimelineMark, later: Timeline) {
        if later.notes.is_some_and(|notes| notes.first.is_some()) {
            self.memory = later.memory;
        } else if let Some((_, headers)) = later.memory.split_at(mark.headers) {
            for &header in headers {
                self.memory.push(header);
            }
        }
        self.latest = later.latest;
        self.has_begun = later.has_begun;
    }

    /// Whether notes are taken, and of the boot that they began with.
    pub(super) fn is_first_boot(&self) -> bool {
        self.notes.as_ref().is_some_and(|notes| notes.first.is_none())
    }

    /// Headers of another boot are no echoes.
    pub(super) fn forget(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if let Some(notes) = &mut self.notes {
            notes.first.get_or_insert(memory);
        }
    }
}

impl TimelineMark {
    fn is_like(&self, other: &TimelineMark) -> bool {
        (self.latest, self.has_begun) == (other.latest, other.has_begun)
    }
}
