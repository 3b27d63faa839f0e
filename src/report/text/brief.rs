//! An entry in a line.

use std::io::{self, Write};

use super::conclusion::percent;
use super::entry::Entry;
use crate::print::Escaped;
use crate::print::number::{bytes, count};

/// A line is this wide.
const WIDTH: usize = 100;

/// So much of a cache's name is shown.
const CACHE_WIDTH: usize = 14;

/// The line above the lines.
pub(super) fn heading(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\n{:>5} {:12}  {:CACHE_WIDTH$} {:>7} {:>9} {:>6}  call chain",
        "", "verdict", "cache", "objects", "bytes", "share"
    )
}

/// `#12   one-time      kmalloc-64     12     768 B  0.4 %  function < caller`
pub(super) fn line(entry: &Entry<'_>, out: &mut impl Write) -> io::Result<()> {
    let group = entry.first();
    let verdict = entry.family().map_or("", |family| family.judgement.verdict.title());
    let cache: String = Escaped(&group.cache).to_string().chars().take(CACHE_WIDTH).collect();
    let mut line = format!(
        "{:>5} {verdict:12}  {cache:CACHE_WIDTH$} {:>7} {:>9} {:>6}  ",
        format!("#{}", entry.number),
        count(entry.objects()),
        entry.bytes().map_or("?".to_owned(), bytes),
        percent(entry.share.own),
    );
    let room = WIDTH.saturating_sub(line.chars().count());
    line.push_str(&functions(entry, room));
    writeln!(out, "{}", line.trim_end())
}

/// As many functions of the chain as there is room for, at least one.
fn functions(entry: &Entry<'_>, room: usize) -> String {
    let mut text = String::new();
    for frame in entry.first().callers() {
        let name = frame.function.as_deref().map_or_else(
            || frame.address.map_or("?".to_owned(), |address| format!("{address:#x}")),
            |name| Escaped(name).to_string(),
        );
        if text.is_empty() {
            text = name;
        } else if text.chars().count() + name.chars().count() + 3 <= room {
            text.push_str(" < ");
            text.push_str(&name);
        } else {
            break;
        }
    }
    if text.is_empty() { "(backtrace lost)".to_owned() } else { text }
}
