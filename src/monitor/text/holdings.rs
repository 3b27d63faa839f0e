//! What holds memory, as tables: for logs of too few samples to tell what grows.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::monitor::scale::{ByteUnit, change};
use crate::monitor::snapshot::{CacheHolding, MemoryHolding, SlabSource, Snapshot};
use crate::print::Escaped;
use crate::print::number::{bytes, count, counted};

/// Caches that hold most are shown up to this many, and of those that grew most so many more.
const BIGGEST_MAX: usize = 12;
const GROWN_MAX: usize = 6;

/// Columns of the names; longer ones push the rest of their row.
const NAME_MIN: usize = 5;
const NAME_MAX: usize = 22;

/// Columns of a use of memory.
const USE: usize = 18;

pub(super) fn write(
    snapshot: &Snapshot,
    available: Option<u64>,
    out: &mut impl Write,
) -> io::Result<()> {
    caches(snapshot, out)?;
    memory(&snapshot.memory, out)?;
    let shown = snapshot.memory_bytes.filter(|_| !snapshot.memory.is_empty());
    let Some(total) = shown else { return Ok(()) };
    let rest = available.map_or_else(String::new, |bytes_left| {
        format!(", of which {} is available", bytes(bytes_left))
    });
    writeln!(out, "Shares are of {}{rest}.", bytes(total))
}

fn caches(snapshot: &Snapshot, out: &mut impl Write) -> io::Result<()> {
    let shown = shown(&snapshot.caches);
    if shown.is_empty() {
        return Ok(());
    }
    let longest = shown.iter().map(|cache| cache.name.len()).max().unwrap_or(0);
    let width = longest.clamp(NAME_MIN, NAME_MAX);
    let size = ByteUnit::of(shown.iter().map(|cache| cache.bytes as f64));
    let has_change = shown.iter().any(|cache| cache.before.is_some());
    let (objects, held) = ("objects", format!("{} held", size.name));
    write!(out, "\n{:width$}  {objects:>11} {held:>10} {:>6}", "cache", "share")?;
    if has_change {
        write!(out, "  {:>12} {:>10}", "more objects", format!("more {}", size.name))?;
    }
    writeln!(out)?;
    for cache in &shown {
        let mut row = row(cache, width, size);
        if has_change {
            let (objects, bytes) =
                cache.more().map_or_else(Default::default, |(objects, bytes)| {
                    (change(objects), size.change(bytes))
                });
            let _ = write!(row, "  {objects:>12} {bytes:>10}");
        }
        if cache.is_reclaimable {
            row += "  reclaimable";
        }
        writeln!(out, "{}", row.trim_end())?;
    }
    below(snapshot, shown.len(), out)
}

fn row(cache: &CacheHolding, width: usize, size: ByteUnit) -> String {
    let name = Escaped(&cache.name).to_string();
    let (objects, held) = (count(cache.objects), size.number(cache.bytes as f64));
    format!("{name:width$}  {objects:>11} {held:>10} {:>4.1} %", cache.share * 100.0)
}

/// The biggest, and those of the others that grew most.
fn shown(caches: &[CacheHolding]) -> Vec<&CacheHolding> {
    let (biggest, others) = caches.split_at(caches.len().min(BIGGEST_MAX));
    let grown = |cache: &CacheHolding| cache.more().map_or(0.0, |(_, bytes)| bytes);
    let mut others: Vec<&CacheHolding> = others.iter().filter(|cache| grown(cache) > 0.0).collect();
    others.sort_by(|a, b| grown(b).total_cmp(&grown(a)));
    biggest.iter().chain(others.into_iter().take(GROWN_MAX)).collect()
}

/// What the shares are of, and what is not shown.
fn below(snapshot: &Snapshot, shown: usize, out: &mut impl Write) -> io::Result<()> {
    let sum = bytes(snapshot.slab_bytes);
    let of = match snapshot.slab_source {
        SlabSource::Meminfo => format!("Shares are of {sum}, all slab memory by meminfo"),
        SlabSource::Slabtop => format!("Shares are of {sum}, all objects by slabtop"),
        SlabSource::Listed => format!("Shares are of {sum}, what the caches of the log hold"),
    };
    let hidden = match snapshot.caches.len() - shown {
        0 => String::new(),
        hidden => format!("; {} not shown", counted(hidden as u64, "smaller cache")),
    };
    writeln!(out, "{of}{hidden}.")
}

fn memory(holdings: &[MemoryHolding], out: &mut impl Write) -> io::Result<()> {
    let shown = || holdings.iter().filter(|holding| holding.bytes > 0);
    if shown().next().is_none() {
        return Ok(());
    }
    let size = ByteUnit::of(shown().map(|holding| holding.bytes as f64));
    let has_change = shown().any(|holding| holding.before.is_some());
    write!(out, "\n{:USE$}  {:>10} {:>6}", "memory", format!("{} used", size.name), "share")?;
    if has_change {
        write!(out, "  {:>10}", format!("more {}", size.name))?;
    }
    writeln!(out)?;
    for holding in shown() {
        let used = size.number(holding.bytes as f64);
        let share =
            holding.share.map_or_else(String::new, |share| format!("{:.1} %", share * 100.0));
        let more = holding.more().map_or_else(String::new, |more| size.change(more));
        let row = format!("{:USE$}  {used:>10} {share:>6}  {more:>10}", holding.kind.name());
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}
