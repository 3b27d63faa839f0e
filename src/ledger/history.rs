//! When a group's objects were allocated and freed.

use crate::record::Op;

/// Bars of a history at most. A report shows fewer.
const BARS_MAX: usize = 64;

/// The first bar is 2 to the power of this many microseconds wide.
const SHIFT_MIN: u32 = 10;

/// Allocations and frees over time, in as many bars as there is room for: where time runs on, two
/// neighbours become one. It grows with the time between the first and the last, up to 64 bars.
#[derive(Clone, Default, Debug)]
pub struct History {
    /// Microseconds of the first.
    origin: Option<i64>,
    /// A bar is 2 to the power of 10 and so many microseconds wide.
    doublings: u8,
    bars: Vec<Bar>,
}

/// What happened in a stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Bar {
    /// Objects that were allocated.
    pub allocs: u32,
    /// Objects of the group that were freed.
    pub frees: u32,
}

impl Bar {
    fn add(&mut self, other: Bar) {
        self.allocs = self.allocs.saturating_add(other.allocs);
        self.frees = self.frees.saturating_add(other.frees);
    }
}

impl History {
    /// Something happened.
    pub(super) fn see(&mut self, op: Op, micros: i64) {
        self.add(
            micros,
            match op {
                Op::Alloc => Bar { allocs: 1, frees: 0 },
                Op::Free => Bar { allocs: 0, frees: 1 },
            },
        );
    }

    fn add(&mut self, micros: i64, bar: Bar) {
        let origin = *self.origin.get_or_insert(micros);
        // A clock that goes backwards is taken to stand still.
        let since = micros.saturating_sub(origin).max(0).unsigned_abs();
        while self.index(since) >= BARS_MAX as u64 {
            self.halve();
        }
        let index = usize::try_from(self.index(since)).unwrap_or(BARS_MAX - 1);
        if index >= self.bars.len() {
            self.bars.resize(index + 1, Bar::default());
        }
        self.bars[index].add(bar);
    }

    fn index(&self, since: u64) -> u64 {
        since.checked_shr(self.shift()).unwrap_or(0)
    }

    fn shift(&self) -> u32 {
        SHIFT_MIN + u32::from(self.doublings)
    }

    fn halve(&mut self) {
        let merge = |pair: &[Bar]| {
            let mut sum = Bar::default();
            for &bar in pair {
                sum.add(bar);
            }
            sum
        };
        self.bars = self.bars.chunks(2).map(merge).collect();
        self.doublings += 1;
    }

    /// The bars with the microseconds in their middle, earliest first.
    pub fn bars(&self) -> impl Iterator<Item = (i64, Bar)> {
        let origin = self.origin.unwrap_or_default();
        self.bars.iter().enumerate().map(move |(at, &bar)| {
            let middle = ((2 * at as u128 + 1) << self.shift()) / 2;
            (origin.saturating_add(i64::try_from(middle).unwrap_or(i64::MAX)), bar)
        })
    }
}

impl History {
    /// Microseconds of the time until which all happened but for so many of the last.
    pub(super) fn end_but_for(&self, last: u64) -> Option<i64> {
        let mut later = 0;
        let half = 1_i64.checked_shl(self.shift() - 1)?;
        let mut bars: Vec<(i64, Bar)> = self.bars().collect();
        while let Some((middle, bar)) = bars.pop() {
            later += u64::from(bar.allocs) + u64::from(bar.frees);
            if later > last {
                return Some(middle.saturating_add(half));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_time_runs_on() {
        let mut history = History::default();
        for at in 0..1_000_000 {
            history.see(Op::Alloc, at * 977);
            if at % 3 == 0 {
                history.see(Op::Free, at * 977 + 5);
            }
        }
        let (allocs, frees) = history
            .bars()
            .fold((0, 0), |(allocs, frees), (_, bar)| (allocs + bar.allocs, frees + bar.frees));
        assert_eq!((allocs, frees), (1_000_000, 333_334));
        assert!(history.bars.len() <= BARS_MAX && history.bars.len() > BARS_MAX / 2 - 2);
    }

    #[test]
    fn a_bar_is_where_its_events_were() {
        let mut history = History::default();
        for micros in [5_000_000, 5_000_100, 905_000_000, 4_000_000] {
            history.see(Op::Alloc, micros);
        }
        let filled: Vec<_> = history.bars().filter(|(_, bar)| bar.allocs > 0).collect();
        let width = 1_i64 << history.shift();
        assert_eq!(filled.iter().map(|(_, bar)| bar.allocs).collect::<Vec<_>>(), [3, 1]);
        assert!((filled[0].0 - 5_000_000).abs() < width);
        assert!((filled[1].0 - 905_000_000).abs() < width);
    }

    #[test]
    fn a_lone_event_takes_one_bar() {
        let mut history = History::default();
        history.see(Op::Alloc, i64::MIN);
        history.see(Op::Alloc, i64::MIN);
        assert_eq!(history.bars.len(), 1);
        history.see(Op::Alloc, i64::MAX);
        assert!(history.bars.len() <= BARS_MAX);
    }
}
