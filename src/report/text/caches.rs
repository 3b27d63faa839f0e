//! The caches, and what the headers of their slabs prove.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::print::number::{bytes, count, counted};
use crate::print::{Escaped, Style, listed};
use crate::report::{CacheReport, Links, Origin, Proof, Report};

/// More caches of which there are frees alone are taken together.
const FREED_ALONE_MAX: usize = 3;

/// Writes a line for each cache, and what is proved of them.
pub(super) fn write(report: &Report, style: Style, out: &mut impl Write) -> io::Result<()> {
    if report.caches.is_empty() || report.origin != Origin::Trace {
        return Ok(());
    }
    let width = report.caches.iter().map(|cache| cache.name.len()).max().unwrap_or(0).clamp(5, 28);
    writeln!(
        out,
        "\n{:width$}  {:>8} {:>8} {:>8} {:>9} {:>10} {:>9}",
        "cache", "size", "allocs", "frees", "live", "bytes", "in slabs"
    )?;
    let (freed_alone, others): (Vec<_>, Vec<_>) =
        report.caches.iter().partition(|cache| is_freed_alone(cache));
    let shown = if freed_alone.len() > FREED_ALONE_MAX { &others } else { &all(report) };
    for cache in shown {
        let size = cache.object_size.map_or("?".to_owned(), |size| count(size.into()));
        let live = cache.live_bytes.map_or("?".to_owned(), bytes);
        let in_slabs = match cache.proof {
            Proof::Unknown => "?".to_owned(),
            Proof::Complete | Proof::Broken => count(cache.links.live_by_inuse),
        };
        let name = Escaped(&cache.name).to_string();
        writeln!(
            out,
            "{name:width$}  {size:>8} {:>8} {:>8} {:>9} {live:>10} {in_slabs:>9}",
            count(cache.allocs),
            count(cache.frees),
            count(cache.live_objects),
        )?;
    }
    if freed_alone.len() > FREED_ALONE_MAX {
        let frees = freed_alone.iter().map(|cache| cache.frees).sum();
        let caches = counted(freed_alone.len() as u64, "cache");
        writeln!(out, "{caches} more, with {} and no allocation", counted(frees, "free"))?;
    }
    proved(&report.caches, style, out)?;
    report.caches.iter().try_for_each(|cache| broken(cache, style, out))
}

fn all(report: &Report) -> Vec<&CacheReport> {
    report.caches.iter().collect()
}

/// Whether nothing is known of a cache but frees: a filter of trace events passes its allocations by.
fn is_freed_alone(cache: &CacheReport) -> bool {
    cache.allocs == 0 && cache.live_objects == 0 && cache.frees > 0
}

/// Whether nothing is missing of a cache.
fn is_proved(cache: &CacheReport) -> bool {
    cache.proof == Proof::Complete && cache.links.unheard == 0
}

/// proved complete: `kmalloc-64 (2,988 headers follow from the one before)`
fn proved(caches: &[CacheReport], style: Style, out: &mut impl Write) -> io::Result<()> {
    let complete: Vec<&CacheReport> = caches.iter().filter(|cache| is_proved(cache)).collect();
    if complete.is_empty() {
        return Ok(());
    }
    let headers = complete.iter().map(|cache| cache.links.agreeing()).sum();
    let names = complete.iter().map(|cache| Escaped(&cache.name).to_string());
    let text = format!(
        "complete as far as slabs tell: {} ({} show what the one before left)",
        listed(names.collect::<Vec<_>>().into_iter()),
        counted(headers, "header")
    );
    style.paragraph(out, "", &text)
}

/// `kmalloc-64: 12 of 1,784 headers do not show what the one before left: 9 allocations and 5 frees are
/// not in the log`
fn broken(cache: &CacheReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let links: &Links = &cache.links;
    if cache.proof == Proof::Unknown || is_proved(cache) {
        return Ok(());
    }
    let checked = counted(links.agreeing() + links.breaks(), "header");
    let mut text = match links.breaks() {
        0 => format!("{}: {checked} show what the one before left", Escaped(&cache.name)),
        breaks => format!(
            "{}: {} of {checked} do not show what the one before left",
            Escaped(&cache.name),
            count(breaks)
        ),
    };
    let kinds = [(links.inferred_allocs, "allocation"), (links.inferred_frees, "free")];
    let missing: Vec<String> = kinds
        .iter()
        .filter(|&&(number, _)| number > 0)
        .map(|&(number, noun)| counted(number, noun))
        .collect();
    if !missing.is_empty() {
        let _ = write!(text, ": at least {} are not in the log", missing.join(" and "));
    }
    if links.without_address > 0 {
        let _ = write!(text, ", {} of them of unknown objects", count(links.without_address));
    }
    if links.unheard > 0 {
        let _ = write!(
            text,
            "; {} in use are of slabs without a header behind the dropped messages",
            counted(links.unheard, "object")
        );
    }
    style.paragraph(out, "", &text)
}
