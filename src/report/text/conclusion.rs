//! The answer, in a sentence.

use super::entry::Entry;
use crate::print::Escaped;
use crate::print::number::{bytes, count, counted};
use crate::report::Report;
use crate::verdict::{Reason, Verdict};

/// What leaks, or that nothing does.
pub(super) fn sentence(report: &Report, entries: &[Entry<'_>]) -> String {
    let leaks: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.is_leak()).collect();
    match leaks[..] {
        _ if report.totals.live_objects == 0 => {
            "No leak: every traced allocation was freed.".to_owned()
        }
        [] => no_leak(entries),
        [first] => format!("{}.", leak(first)),
        [first, ..] => {
            let share: f64 = leaks.iter().map(|leak| leak.share.own).sum();
            let more = leaks.len() as u64 - 1;
            let verb = if more == 1 { "leaks" } else { "leak" };
            format!(
                "{}. {} {verb} too; all together {} of what lives.",
                leak(first),
                counted(more, "other place"),
                percent(share)
            )
        }
    }
}

/// `leaky_alloc_buf [leaky] leaks kmalloc-64: 80 of 80 never freed, growing to the end, 38 % of live bytes`
fn leak(entry: &Entry<'_>) -> String {
    let group = entry.first();
    let allocs: u64 = entry.families.iter().map(|family| family.allocs).sum();
    let reason = entry.family().map(|family| family.judgement.reason);
    let leaks = if matches!(reason, Some(Reason::LateBurst { .. })) { "may leak" } else { "leaks" };
    let grows = match reason {
        Some(Reason::Outlive { quiet: None, .. } | Reason::GoesOn { quiet: None, .. }) => {
            ", growing to the end"
        }
        _ => "",
    };
    let of_what = if group.live_bytes.is_some() { "live bytes" } else { "live objects" };
    format!(
        "{} {leaks} {}: {} of {} never freed{grows}, {} of {of_what}",
        group.site(),
        Escaped(&group.cache),
        count(entry.objects()),
        count(allocs),
        percent(entry.share.own),
    )
}

fn no_leak(entries: &[Entry<'_>]) -> String {
    let parts: Vec<String> = Verdict::ALL
        .iter()
        .filter(|verdict| !verdict.is_leak())
        .filter_map(|&verdict| {
            let of_it = entries.iter().filter(|entry| {
                entry.family().is_some_and(|family| family.judgement.verdict == verdict)
            });
            let (objects, size) = of_it.fold((0, Some(0)), |(objects, size), entry| {
                (objects + entry.objects(), size.zip(entry.bytes()).map(|(a, b): (u64, u64)| a + b))
            });
            let size = size.map_or_else(String::new, |size| format!(" ({})", bytes(size)));
            (objects > 0).then(|| format!("{} {}{size}", counted(objects, "object"), are(verdict)))
        })
        .collect();
    format!("No leak stands out: {}.", parts.join(", "))
}

fn are(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Cache => "in caches that no longer grow",
        Verdict::OneTime => "allocated once and kept",
        Verdict::InFlight => "in flight",
        _ => "unclear",
    }
}

/// A share in percent, with a digit behind the point where it is small.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent >= 9.95 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}
