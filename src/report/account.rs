//! What the kernel's own counts say.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::text::{TextOptions, losses};
use super::{Escaped, Report};
use crate::print::number::{bytes, count, counted, sparkline};

use crate::report::Origin;

/// One of the kernel's files, in one or several readings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountReport {
    /// Which file.
    pub origin: Origin,
    /// The cache that it is of, where that is known.
    pub cache: Option<String>,
    /// Objects in each reading, oldest first.
    pub history: Vec<u64>,
    /// Groups of earlier readings that the last one has not.
    pub gone_groups: u64,
    /// Rows of the last reading that the kernel does not vouch for.
    pub inaccurate_rows: u64,
    /// Whether the kernel has cut the last reading: more objects live than it lists.
    pub is_cut: bool,
}

/// What the kernel counts of one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Which file counts it.
    pub origin: Origin,
    /// Objects in each reading, oldest first.
    pub history: Vec<u64>,
    /// Bytes more in the last reading than in the first; absent for a single one, and where sizes
    /// are not known.
    pub grown_bytes: Option<i64>,
    /// Bytes that nobody asked for in the last reading.
    pub waste: Option<u64>,
    /// Least and greatest age in ticks of the kernel's clock, of which there are 100 to 1000 in a
    /// second.
    pub ages: Option<(i64, i64)>,
    /// Least and greatest process id.
    pub pids: Option<(u32, u32)>,
}

impl Counted {
    /// Objects more in the last reading than in the first; absent for a single one.
    pub fn grown_objects(&self) -> Option<i64> {
        let (first, rest) = self.history.split_first()?;
        rest.last().map(|last| difference(*last, *first))
    }
}

/// How much more, or less, one number is than another.
pub(crate) fn difference(last: u64, first: u64) -> i64 {
    let size = i64::try_from(last.abs_diff(first)).unwrap_or(i64::MAX);
    if last < first { -size } else { size }
}

/// The head of a report whose numbers are the kernel's own.
pub(super) fn header(
    report: &Report,
    options: TextOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    for account in &report.accounts {
        let is_shown = report.origin == Origin::Several || report.origin == account.origin;
        let but = if is_shown { "" } else { "; not shown, for it tells who freed last" };
        options.style.paragraph(out, "", &format!("{}{but}", readings(account)))?;
    }
    let totals = &report.totals;
    let live = format!(
        "{} live, {}, in {}",
        counted(totals.live_objects, "object"),
        report.live_size(),
        counted(totals.groups, "group")
    );
    writeln!(out, "{}", if totals.live_objects > 0 { options.style.alarm(&live) } else { live })?;
    losses::write(&report.loss, options.losses, options.style, out)
}

impl AccountReport {
    /// Which file counts what.
    pub(crate) fn title(&self) -> String {
        let mut text = format!("counted by the kernel: {}", self.origin.name());
        if let Some(cache) = &self.cache {
            let _ = write!(text, " of {}", Escaped(cache));
        }
        if self.is_cut {
            text.push_str(" (cut by the kernel at one page)");
        }
        text
    }
}

// counted by the kernel: alloc_traces of kmalloc-64, 2 readings ▂█: 120 objects more in the last than
// in the first, 3 groups gone
fn readings(account: &AccountReport) -> String {
    let mut text = account.title();
    if let [first, .., last] = account.history[..] {
        let _ = write!(
            text,
            ", {} {}: {} in the last than in the first",
            counted(account.history.len() as u64, "reading"),
            sparkline(&account.history),
            compared(difference(last, first), |number| counted(number, "object")),
        );
    }
    if account.gone_groups > 0 {
        let _ = write!(text, ", {} gone", counted(account.gone_groups, "group"));
    }
    text
}

/// `12 objects more`, `3 objects fewer`, `as many`.
fn compared(more: i64, shown: impl Fn(u64) -> String) -> String {
    match more {
        0 => "as many".to_owned(),
        more if more > 0 => format!("{} more", shown(more.unsigned_abs())),
        more => format!("{} fewer", shown(more.unsigned_abs())),
    }
}

/// How a group has changed, and what else the kernel tells of it.
pub(super) fn fate(group: &Counted) -> String {
    let mut parts = Vec::new();
    let done = if group.origin.is_of_allocations() { "allocated" } else { "freed" };
    if let Some(grown) = group.grown_objects() {
        let size = group.grown_bytes.filter(|&grown| grown != 0);
        let size =
            size.map_or_else(String::new, |grown| format!(" ({})", bytes(grown.unsigned_abs())));
        let more = compared(grown, |number| counted(number, "object"));
        parts.push(format!("{more}{size} {}", sparkline(&group.history)));
    }
    if let Some((least, greatest)) = group.ages.filter(|&(least, _)| least >= 0) {
        let greatest = greatest.unsigned_abs();
        parts.push(match least.unsigned_abs() {
            least if least == greatest => format!("{done} {} jiffies ago", count(least)),
            least => format!("{done} {} to {} jiffies ago", count(least), count(greatest)),
        });
    }
    if let Some((least, greatest)) = group.pids.filter(|(least, greatest)| least < greatest) {
        parts.push(format!("pids {least}-{greatest}"));
    }
    if let Some(waste) = group.waste {
        parts.push(format!("{} waste", bytes(waste)));
    }
    if parts.is_empty() { format!("counted by {}", group.origin.name()) } else { parts.join("; ") }
}
