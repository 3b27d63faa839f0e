//! What the witnesses say, in words: the same in every format.

use std::fmt::Write as _;

use super::model::{
    GrowthReport, KernelCount, KmemleakWitness, Likeness, MemoryGrowth, Period, Reservation, Seen,
    Unreferenced,
};
use crate::print::listed;
use crate::print::number::{bytes, count, counted, duration};
use crate::report::Escaped;
use crate::report::Origin;

impl GrowthReport {
    // kmalloc-192 grew 41.0 MiB (223,942 objects) in 12 min of the monitor's log; survivors explain
    // 38.2 MiB (208,640, 93 %); top group, by leaky_rx_buf, 35.0 MiB (191,147)
    /// What grew, and how much of it survivors explain.
    pub fn sentence(&self) -> String {
        let name = Escaped(&self.cache.name);
        let grown = self.grown();
        let Ok(more) = u64::try_from(grown) else {
            return format!(
                "{name} shrank by {} {}: there is no growth to explain",
                counted(grown.unsigned_abs(), "object"),
                self.period
            );
        };
        if more == 0 {
            return format!("{name} did not grow {}: there is nothing to explain", self.period);
        }
        let size = |objects: u64| bytes(objects.saturating_mul(self.spacing));
        let mut text =
            format!("{name} grew {} ({}) {}", size(more), counted(more, "object"), self.period);
        let (surviving, survivors) = (size(self.survivors), count(self.survivors));
        let _ = match self.explained() {
            Some(part) => {
                let part = percent(part);
                write!(text, "; survivors explain {surviving} ({survivors}, {part})")
            }
            None => write!(text, "; of the trace survive {surviving} ({survivors})"),
        };
        if let Some(top) = &self.top {
            let by = top.function.as_deref().unwrap_or("unknown code");
            let (size, objects) = (size(top.survivors), count(top.survivors));
            let _ = write!(text, "; top group, by {}, {size} ({objects})", Escaped(by));
        }
        if let Some((grown, surviving)) = self.rates {
            let _ = write!(
                text,
                "; {} grow a second there, {} survive a second here",
                decimals(grown),
                decimals(surviving)
            );
        }
        text
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", (part * 100.0).min(9999.0))
}

fn decimals(value: f64) -> String {
    if value.abs() < 10.0 { format!("{value:.2}") } else { format!("{value:.1}") }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Period::Lines { first, last } => {
                write!(f, "from line {} to line {} of this log", count(first.0), count(last.0))
            }
            Period::Monitor { seconds: Some(seconds) } => {
                write!(f, "in {} of the monitor's log", duration(*seconds))
            }
            Period::Monitor { seconds: None } => write!(f, "in the monitor's log"),
        }
    }
}

impl std::fmt::Display for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reservation::NoCommonClock => write!(
                f,
                "the trace and the monitor's log have no clock in common: whether they cover the same time is not known"
            ),
            Reservation::Overlap(common, whole) => write!(
                f,
                "the monitor's log covers {} of the trace's {}",
                duration(*common),
                duration(*whole)
            ),
            Reservation::Disjoint => {
                write!(f, "the trace and the monitor's log do not cover the same time")
            }
            Reservation::OtherKernel(ours, theirs) => write!(
                f,
                "the trace is of kernel {}, the monitor's log of {}: another boot",
                Escaped(ours),
                Escaped(theirs)
            ),
            Reservation::BootUnknown => {
                write!(f, "nothing tells whether the trace and the monitor's log are of one boot")
            }
            Reservation::LateTrace => write!(
                f,
                "tracing is not known to have begun with the boot: what grew without being traced is not explained"
            ),
            Reservation::OldFrees(frees) => write!(
                f,
                "up to {} of objects from before the trace hid as much growth",
                counted(*frees, "free")
            ),
            Reservation::Lost => write!(f, "part of the trace is lost"),
            Reservation::LastBoot => {
                write!(f, "the log holds several boots, and the last one is compared")
            }
        }
    }
}

impl MemoryGrowth {
    /// How the kernel's slab memory changed.
    pub fn sentence(&self) -> String {
        let change = bytes(self.first.abs_diff(self.last));
        let how = if self.last < self.first { "shrank" } else { "grew" };
        format!("{} {how} {change}, to {}, {}", self.name, bytes(self.last), self.period)
    }
}

impl KmemleakWitness {
    /// What kmemleak found, and how much of it was traced.
    pub fn sentence(&self) -> String {
        let place = match self.place {
            Seen::Inside => " in this log",
            Seen::Beside => "",
        };
        let mut text = format!(
            "kmemleak{place}: {}, {}, {} of them traced",
            counted(self.scans as u64, "report"),
            counted(self.groups, "group"),
            count(self.matched_groups)
        );
        if self.other_objects > 0 {
            let _ = write!(text, "; {} of no traced group", counted(self.other_objects, "object"));
            let named = self.others.iter().map(|leak| {
                let by = leak.function.as_deref().unwrap_or("unknown code");
                format!("{} of {} bytes by {}", count(leak.objects), count(leak.size), Escaped(by))
            });
            let _ = write!(text, ": {}", listed(named));
        }
        text
    }

    /// What it means that kmemleak lists a group, or does not.
    pub fn meaning(&self) -> String {
        let again = if self.scans < 2 {
            " And one scan may err, while pointers move: scan again and give both reports."
        } else {
            ""
        };
        format!(
            "To what it lists, a scan found no pointer, so that hardly anybody can free it any more. What it does not list is not thereby in use: the scan found something that looked like a pointer to it (a list or a table that still holds it, or a stale value on a stack), or no scan has run since it was allocated, or the list had been cleared.{again}"
        )
    }
}

impl Unreferenced {
    /// How many objects of the group kmemleak lists.
    pub fn sentence(&self) -> String {
        let mut text = format!("kmemleak: {} unreferenced", count(self.objects_most));
        if self.objects_last < self.objects_most {
            let _ = write!(text, ", {} of them in its last report", count(self.objects_last));
        }
        match self.likeness {
            Likeness::Same => {}
            Likeness::Alike => text.push_str("; some frames there are bare addresses"),
            Likeness::Beginning | Likeness::Site => text.push_str("; one chain is cut short"),
        }
        if self.rivals > 0 {
            let _ = write!(text, "; or of {}", counted(self.rivals, "other group"));
        }
        text
    }
}

impl KernelCount {
    /// What the kernel counts, beside what the trace says.
    pub fn sentence(&self) -> String {
        let file = self.origin.name();
        let objects = count(self.objects);
        let survivors = count(self.survivors);
        let others = self.groups.saturating_sub(1);
        if self.origin == Origin::Allocinfo {
            return format!("kernel ({file}): {objects} live from this function, in all caches");
        }
        match (self.likeness, others) {
            (Likeness::Site, 0) => format!("kernel ({file}): {objects} live from this call site"),
            (Likeness::Site, _) => format!(
                "kernel ({file}): {objects} live from this call site, which {} share; {survivors} in the trace",
                counted(self.groups, "group")
            ),
            (_, 0) => format!("kernel ({file}): {objects} live"),
            (_, _) => format!(
                "kernel ({file}): {objects} live of {} that it does not tell apart; {survivors} in the trace",
                counted(self.groups, "group")
            ),
        }
    }
}
