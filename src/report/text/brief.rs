//! An entry in a line.

use std::io::{self, Write};

use super::conclusion::percent;
use super::entry::Entry;
use crate::print::number::{bytes, count};
use crate::print::{Escaped, Style};

/// So much of a cache's name is shown.
const CACHE_WIDTH: usize = 13;

/// The line above the lines.
pub(super) fn heading(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\n{:>4} {:12} {:CACHE_WIDTH$} {:>7} {:>8} {:>5}  call chain",
        "", "verdict", "cache", "objects", "bytes", "share"
    )
}

/// `#12   one-time      kmalloc-64     12     768 B  0.4 %  function < caller`
pub(super) fn line(entry: &Entry<'_>, style: Style, out: &mut impl Write) -> io::Result<()> {
    let group = entry.first();
    let verdict = entry.family().map_or("", |family| family.judgement.verdict.title());
    let cache: String = Escaped(&group.cache).to_string().chars().take(CACHE_WIDTH).collect();
    let mut line = format!(
        "{:>4} {verdict:12} {cache:CACHE_WIDTH$} {:>7} {:>8} {:>5}  ",
        format!("#{}", entry.number),
        count(entry.objects()),
        entry.bytes().map_or("?".to_owned(), bytes),
        percent(entry.share.own),
    );
    let room = style.width().saturating_sub(line.chars().count());
    line.push_str(&functions(entry, room));
    writeln!(out, "{}", line.trim_end())
}

/// A function that is cut shows at least so many characters.
const CUT_MIN: usize = 6;

/// As many functions of the chain as there is room for, at least one; the last may be cut.
fn functions(entry: &Entry<'_>, room: usize) -> String {
    let mut text = String::new();
    for frame in entry.first().callers() {
        let name = frame.function.as_deref().map_or_else(
            || frame.address.map_or("?".to_owned(), |address| format!("{address:#x}")),
            |name| Escaped(name).to_string(),
        );
        if text.is_empty() {
            text = name;
            continue;
        }
        let left = room.saturating_sub(text.chars().count() + LINK.len());
        if name.chars().count() <= left {
            text = text + LINK + &name;
            continue;
        }
        if left > CUT_MIN {
            text = text + LINK + &name.chars().take(left - 1).collect::<String>() + "…";
        }
        break;
    }
    if text.is_empty() { "(backtrace lost)".to_owned() } else { text }
}

/// Between a function and its caller.
const LINK: &str = " < ";
