//! Headers that were printed before: is the log being printed a second time?
//!
//! A console that registers prints the whole kernel log again, and a dmesg may be appended to a
//! file twice. The same headers then come again, with the same times, in the same order. A clock
//! that stands still (several CPUs, emulation) makes single equal lines too: only a run of them
//! in which time goes on is a replay.

/// Headers remembered. A replay comes from the kernel's log buffer: at more than a thousand bytes
/// for an event, this many are more than a buffer of 64 MiB holds.
const REMEMBERED_MAX: usize = 1 << 16;

/// A replay has at least this many headers in a row, unless it ends earlier on its own.
const RUN_MIN: u32 = 8;

/// And its time goes on at least this often.
const STEPS_MIN: u32 = 4;

/// A header: its time, and a number that it and its time make.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct HeaderFingerprint {
    pub(crate) micros: i64,
    pub(crate) hash: u64,
}

/// Place of a header among all of a boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct HeaderPosition(u32);

/// Where headers were seen last: one slot for many headers, and the latest keeps it. A header
/// that lost its slot is not recognised, but the next one of a replay is. One look in a table
/// that stays in the cache is what a header may cost.
#[derive(Clone, Copy, Default, Debug)]
struct Slot {
    /// Upper half of the fingerprint.
    tag: u32,
    /// The place of the header plus one; 0 in an empty slot.
    behind: u32,
}

/// Slots: twice the headers remembered.
const SLOTS: usize = REMEMBERED_MAX * 2;

/// The headers of the present boot, as far back as a replay can reach.
///
/// A header that is later than all before cannot have come before. As long as time goes on, to
/// remember one costs no more than to write it down; slots are filled when one is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecentHeaders {
    /// A ring: the header at position `p` lies at `p` modulo its length.
    ring: Vec<HeaderFingerprint>,
    slots: Vec<Slot>,
    next: u32,
    /// The first header that has no slot yet.
    unslotted: u32,
    /// The latest time of any.
    latest: Option<i64>,
}

impl RecentHeaders {
    /// Remembers the next header.
    pub(crate) fn push(&mut self, header: HeaderFingerprint) {
        self.latest = self.latest.max(Some(header.micros));
        if self.ring.len() < REMEMBERED_MAX {
            self.ring.push(header);
        } else {
            self.ring[index(self.next)] = header;
        }
        self.next = self.next.wrapping_add(1);
    }

    /// Gives a slot to every header that is remembered.
    fn fill_slots(&mut self) {
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); SLOTS];
        }
        let missing = self.next.wrapping_sub(self.unslotted) as usize;
        let first = missing.min(self.ring.len());
        for age in (1..=u32::try_from(first).unwrap_or(0)).rev() {
            let position = self.next.wrapping_sub(age);
            let header = self.ring[index(position)];
            let behind = position.wrapping_add(1);
            self.slots[header.slot()] = Slot { tag: header.tag(), behind };
        }
        self.unslotted = self.next;
    }

    /// Where a header stood last.
    #[inline]
    pub(crate) fn position(&mut self, header: HeaderFingerprint) -> Option<HeaderPosition> {
        let may_have_come = self.latest.is_some_and(|latest| header.micros <= latest);
        if may_have_come { self.look_up(header) } else { None }
    }

    fn look_up(&mut self, header: HeaderFingerprint) -> Option<HeaderPosition> {
        self.fill_slots();
        let slot = self.slots.get(header.slot())?;
        if slot.tag != header.tag() || slot.behind == 0 {
            return None;
        }
        let position = HeaderPosition(slot.behind.wrapping_sub(1));
        (self.at(position) == Some(header)).then_some(position)
    }

    fn at(&self, position: HeaderPosition) -> Option<HeaderFingerprint> {
        let age = self.next.wrapping_sub(position.0) as usize;
        let is_known = (1..=self.ring.len()).contains(&age);
        is_known.then(|| self.ring.get(index(position.0)).copied()).flatten()
    }
}

impl HeaderFingerprint {
    fn slot(self) -> usize {
        usize::try_from(self.hash % SLOTS as u64).unwrap_or(0)
    }

    fn tag(self) -> u32 {
        u32::try_from(self.hash >> 32).unwrap_or(0)
    }
}

fn index(position: u32) -> usize {
    position as usize % REMEMBERED_MAX
}

/// Headers that come again one after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplayRun {
    next: HeaderPosition,
    length: u32,
    /// How often time went on within the run, and how far it is.
    steps: u32,
    latest: i64,
}

impl ReplayRun {
    /// A run that begins with a header that stood at `position` before.
    pub(crate) fn new(position: HeaderPosition, micros: i64) -> ReplayRun {
        ReplayRun {
            next: HeaderPosition(position.0.wrapping_add(1)),
            length: 1,
            steps: 1,
            latest: micros,
        }
    }

    /// Takes the next header, if it continues the run.
    pub(crate) fn take(
        &mut self,
        header: HeaderFingerprint,
        micros: i64,
        memory: &RecentHeaders,
    ) -> Option<()> {
        if memory.at(self.next) != Some(header) {
            return None;
        }
        self.next = HeaderPosition(self.next.0.wrapping_add(1));
        self.length += 1;
        self.steps += u32::from(micros > self.latest);
        self.latest = self.latest.max(micros);
        Some(())
    }

    /// Whether the run can only be a replay.
    pub(crate) fn is_replay(&self) -> bool {
        self.length >= RUN_MIN && self.steps >= STEPS_MIN
    }

    /// Whether the run is a replay if nothing contradicted it until its end.
    pub(crate) fn may_be_replay(&self) -> bool {
        self.steps >= 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(hash: u64) -> HeaderFingerprint {
        HeaderFingerprint { micros: 0, hash }
    }

    fn memory(headers: &[u64]) -> RecentHeaders {
        let mut memory = RecentHeaders::default();
        for &header in headers {
            memory.push(self::header(header));
        }
        memory
    }

    fn run(memory: &mut RecentHeaders, headers: &[(u64, i64)]) -> Option<ReplayRun> {
        let (&(first, micros), rest) = headers.split_first()?;
        let mut run = ReplayRun::new(memory.position(header(first))?, micros);
        rest.iter().try_for_each(|&(hash, micros)| run.take(header(hash), micros, memory))?;
        Some(run)
    }

    #[test]
    fn a_long_run_in_which_time_goes_on_is_a_replay() {
        let mut memory = memory(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let again: Vec<(u64, i64)> =
            (1..=8).map(|at| (at, i64::try_from(at).unwrap_or(0))).collect();
        assert!(run(&mut memory, &again).is_some_and(|run| run.is_replay()));
        assert!(!run(&mut memory, &again[..7]).is_some_and(|run| run.is_replay()));
    }

    #[test]
    fn a_clock_that_stands_still_makes_no_replay() {
        let mut memory = memory(&[1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
        let again: Vec<(u64, i64)> = (0..4).flat_map(|_| [(1, 5), (2, 5)]).collect();
        assert!(
            !run(&mut memory, &again).is_some_and(|run| run.is_replay() || run.may_be_replay())
        );
    }

    #[test]
    fn another_order_is_no_run() {
        assert!(run(&mut memory(&[1, 2, 3]), &[(1, 1), (3, 3)]).is_none());
    }

    #[test]
    fn only_so_many_headers_are_remembered() {
        let all: Vec<u64> = (0..REMEMBERED_MAX as u64 + 10).collect();
        // Their slots differ: none is lost before its time.
        let mut memory = memory(&all);
        assert!(memory.position(header(9)).is_none());
        assert!(
            memory.position(header(10)).and_then(|position| memory.at(position))
                == Some(header(10))
        );
    }

    #[test]
    fn a_header_is_found_whenever_it_is_asked_for() {
        let mut memory = RecentHeaders::default();
        let header =
            |at: u64| HeaderFingerprint { micros: i64::try_from(at).unwrap_or(0), hash: at };
        for at in 0..2 * REMEMBERED_MAX as u64 {
            assert!(memory.position(header(at)).is_none());
            memory.push(header(at));
            if at % 1000 == 0 {
                for past in [0, 1, 999, REMEMBERED_MAX as u64 - 1] {
                    let found = memory.position(header(at.saturating_sub(past)));
                    assert!(found.is_some(), "{past} before {at}");
                }
            }
        }
    }
}
