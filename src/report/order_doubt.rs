//! Whether the boots of a log stand in the order in which they were.
//!
//! The pieces of a rotated log that come newest first make two boots out of one. What they look like is
//! told from a machine that restarted by the clock: the second boot ends where the first one begins.

use std::fmt;

use super::BootReport;
use crate::event::{BOOT_START_MICROS, SKEW_MICROS};
use crate::time::{Clock, Stamp};

/// A boot is rarely over so shortly before the time at which the log of the one before it begins.
const CHANCE_MICROS: i64 = 5_000_000;

const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;

/// What speaks against the order of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderDoubt {
    /// Boots look like pieces of one, the newer first.
    Pieces {
        /// The number of the boot that stands first.
        boot: usize,
        /// When it begins.
        begins: Stamp,
        /// When the next one ends.
        ends: Stamp,
    },
    /// No times, but their first lines alone tell boots apart.
    BannersAlone,
    /// The recorder's clock is set back in the middle of the log.
    SetBack,
}

impl OrderDoubt {
    /// What speaks against the order of these boots.
    pub(super) fn of(boots: &[BootReport]) -> Vec<OrderDoubt> {
        let set_back = boots.iter().any(|boot| boot.is_set_back).then_some(OrderDoubt::SetBack);
        let pairs = boots.windows(2).filter_map(|pair| OrderDoubt::between(&pair[0], &pair[1]));
        let mut doubts: Vec<OrderDoubt> = pairs.chain(set_back).collect();
        doubts.dedup();
        doubts
    }

    fn between(before: &BootReport, next: &BootReport) -> Option<OrderDoubt> {
        let (Some(begins), Some(ends)) = (of_kernel(before.first_time), of_kernel(next.last_time))
        else {
            return is_without_order(before, next).then_some(OrderDoubt::BannersAlone);
        };
        // A log of a boot that begins with it ends right there by chance, but rarely.
        let are_both_late = lacks_beginning(before) && lacks_beginning(next);
        let gap_max = if are_both_late { i64::MAX } else { CHANCE_MICROS };
        let gap = begins.micros.saturating_sub(ends.micros);
        let are_pieces = begins.micros > 0
            && (-SKEW_MICROS..=gap_max).contains(&gap)
            && (before.kernel == next.kernel || before.kernel.is_none() || next.kernel.is_none());
        are_pieces.then_some(OrderDoubt::Pieces { boot: before.index, begins, ends })
    }
}

fn of_kernel(stamp: Option<Stamp>) -> Option<Stamp> {
    stamp.filter(|stamp| stamp.clock == Clock::Boot)
}

fn lacks_beginning(boot: &BootReport) -> bool {
    of_kernel(boot.first_time).is_none_or(|first| first.micros >= BOOT_START_MICROS)
}

/// Whether no clock says of two boots which was first. A difference to a date that nobody knows is
/// less than a day.
fn is_without_order(before: &BootReport, next: &BootReport) -> bool {
    let date = |stamp: Option<Stamp>| {
        stamp.filter(|stamp| stamp.clock == Clock::Wall && stamp.micros >= DAY_MICROS)
    };
    let follows = |earlier, later| {
        let times = date(earlier).zip(date(later));
        times.is_some_and(|(earlier, later)| later.micros >= earlier.micros)
    };
    let is_of_kernel = |boot: &BootReport| of_kernel(boot.first_time).is_some();
    let goes_on =
        follows(before.first_time, next.last_time) && follows(before.last_time, next.first_time);
    !goes_on && !is_of_kernel(before) && !is_of_kernel(next)
}

impl fmt::Display for OrderDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderDoubt::Pieces { boot, begins, ends } => write!(
                f,
                "Boot {} ends at {:.3} s, before boot {boot} begins at {:.3} s: they are likely pieces of one boot in the wrong order. Give the files of a rotated log oldest first.",
                boot + 1,
                ends.seconds(),
                begins.seconds()
            ),
            OrderDoubt::BannersAlone => write!(
                f,
                "Where no times tell, boots are told apart by their first lines alone. Give the files of a rotated log oldest first, or one boot makes two."
            ),
            OrderDoubt::SetBack => write!(
                f,
                "The recorder's clock goes back in the middle of the log: where the pieces of a rotated log are in the wrong order, frees stand before their allocations. Give the oldest first."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OrderDoubt;
    use crate::report::Advice;
    use crate::{Analysis, AnalysisOptions};

    /// What speaks against the order of a log of events at these times, each printed behind `prefix`.
    fn advice(times: &[&str]) -> Vec<OrderDoubt> {
        let mut analysis = Analysis::new(AnalysisOptions::default());
        for (at, time) in times.iter().enumerate() {
            analysis.feed(
                format!("{time} TRACE kmalloc-64 alloc 0xffff888004a1{at:04x} inuse=1 fp=0xffff888004a10080\n")
                    .as_bytes(),
            );
        }
        let doubt = |advice| match advice {
            Advice::Order(doubt) => Some(doubt),
            _ => None,
        };
        analysis.finish().advice.into_iter().filter_map(doubt).collect()
    }

    #[test]
    fn a_boot_that_ends_before_the_one_in_front_of_it_begins_is_doubted() {
        let newest_first = ["[  500.0]", "[  600.0]", "[  100.0]", "[  150.0]", "[  499.0]"];
        assert!(matches!(advice(&newest_first)[..], [OrderDoubt::Pieces { boot: 0, .. }]));
        let reboot = ["[  500.0]", "[  600.0]", "[    0.5]", "[    5.0]", "[    9.0]"];
        assert!(advice(&reboot).is_empty());
        let from_start = ["[  500.0]", "[  600.0]", "[    0.5]", "[  250.0]", "[  499.0]"];
        assert!(matches!(advice(&from_start)[..], [OrderDoubt::Pieces { boot: 0, .. }]));
        let longer = ["[  500.0]", "[  600.0]", "[   10.0]", "[  300.0]", "[  900.0]"];
        assert!(advice(&longer).is_empty());
    }

    #[test]
    fn a_recorder_s_clock_that_goes_back_is_told() {
        let host = |time: &str| format!("Nov 21 {time} host kernel:");
        let advice = |times: [&str; 3]| advice(&times.map(host).each_ref().map(String::as_str));
        assert_eq!(advice(["10:00:05", "10:00:09", "10:00:01"])[0], OrderDoubt::SetBack);
        assert!(advice(["10:00:01", "10:00:05", "10:00:09"]).is_empty());
    }
}
