//! What holds memory, as bars: for logs of too few samples to draw lines.

use std::fmt::{self, Write as _};

use super::xml::Xml;
use super::{RIGHT, WIDTH};
use crate::monitor::snapshot::Snapshot;
use crate::print::number::{bytes, counted};

/// Bars of each kind, up to this many.
const BARS_MAX: usize = 12;

/// Where bars begin; names stand before them.
const BEGIN: f64 = 210.0;

/// The room behind the longest bar, for its words.
const WORDS: f64 = 270.0;

/// From one bar to the next, and a bar itself.
const ROW: f64 = 24.0;
const HEIGHT: f64 = 14.0;

/// A row: a name, bytes, and words behind the bar.
struct Bar {
    name: String,
    bytes: u64,
    words: String,
}

/// Draws it, and tells where it ends.
pub(super) fn draw(snapshot: &Snapshot, top: f64, out: &mut String) -> Result<f64, fmt::Error> {
    let y = group("slab caches", &caches(snapshot), top, out)?;
    group("memory", &memory(snapshot), y, out)
}

/// The same in words.
pub(super) fn description(snapshot: &Snapshot) -> String {
    let told = caches(snapshot).into_iter().chain(memory(snapshot));
    let told: Vec<String> = told.map(|bar| format!("{} {}", bar.name, bar.words)).collect();
    told.join("; ")
}

fn caches(snapshot: &Snapshot) -> Vec<Bar> {
    let shown = snapshot.caches.iter().take(BARS_MAX);
    let bar = shown.map(|cache| {
        let objects = counted(cache.objects, "object");
        let share = percent(cache.share);
        let more = more(cache.more().map(|(_, bytes)| bytes));
        let words = format!("{}, {share}, {objects}{more}", bytes(cache.bytes));
        Bar { name: cache.name.clone(), bytes: cache.bytes, words }
    });
    bar.collect()
}

fn memory(snapshot: &Snapshot) -> Vec<Bar> {
    let shown = snapshot.memory.iter().filter(|holding| holding.bytes > 0).take(BARS_MAX);
    let bar = shown.map(|holding| {
        let share = holding.share.map_or_else(String::new, |share| format!(", {}", percent(share)));
        let words = format!("{}{share}{}", bytes(holding.bytes), more(holding.more()));
        Bar { name: holding.kind.name().to_owned(), bytes: holding.bytes, words }
    });
    bar.collect()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn more(change: Option<f64>) -> String {
    let size = |value: f64| bytes(crate::monitor::whole(value));
    match change {
        Some(more) if more > 0.0 => format!(", +{}", size(more)),
        Some(less) if less < 0.0 => format!(", -{}", size(-less)),
        _ => String::new(),
    }
}

fn group(heading: &str, bars: &[Bar], top: f64, out: &mut String) -> Result<f64, fmt::Error> {
    let most = bars.iter().map(|bar| bar.bytes).max().unwrap_or(0);
    if most == 0 {
        return Ok(top);
    }
    let mut y = top + ROW;
    writeln!(out, r#"<text class="head name" x="24" y="{y:.0}">{heading}</text>"#)?;
    for bar in bars {
        y += ROW;
        let length = (WIDTH - BEGIN - RIGHT - WORDS) * bar.bytes as f64 / most as f64;
        let (name, end) = (BEGIN - 8.0, BEGIN - 8.0 + length + 16.0);
        let (above, words) = (y - HEIGHT + 2.0, Xml(&bar.words));
        let label = Xml(&bar.name);
        writeln!(out, r#"<text class="mark end" x="{name:.0}" y="{y:.0}">{label}</text>"#)?;
        writeln!(
            out,
            r#"<rect class="bar" x="{BEGIN:.0}" y="{above:.0}" width="{length:.1}" height="{HEIGHT:.0}"/>"#
        )?;
        writeln!(out, r#"<text class="mark" x="{end:.0}" y="{y:.0}">{words}</text>"#)?;
    }
    Ok(y + ROW / 2.0)
}
