//! The report in Markdown, to be pasted into a bug report: 80 columns, the details as text.

use std::io::{self, Write};

use super::entry::Entry;
use super::{ChainsShown, TextOptions, full, head, in_full};
use crate::print::Escaped;
use crate::print::number::{bytes, count, counted};
use crate::report::Report;

/// Rows of the table; the rest is counted.
const ROWS_MAX: usize = 20;

/// Writes the report in Markdown: the answer, a table of places, the first of them in full, and what
/// was read.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let entries = Entry::all(report);
    let options = TextOptions { chains: ChainsShown::Whole, ..TextOptions::default() };
    if let Some(answer) = &report.conclusion {
        options.style.paragraph(out, "", &format!("**{}**", plain(answer)))?;
        writeln!(out)?;
    }
    table(&entries, out)?;
    for entry in &entries[..in_full(&entries)] {
        writeln!(out, "\n```text")?;
        full::block(entry, report, options, out)?;
        writeln!(out, "```")?;
    }
    writeln!(out, "\n```text")?;
    head::header(report, options, out)?;
    writeln!(out, "```")?;
    if !report.advice.is_empty() {
        writeln!(out)?;
    }
    for advice in &report.advice {
        options.style.paragraph(out, "- ", &plain(&advice.to_string()))?;
    }
    writeln!(out, "\n(slabtrace {})", env!("CARGO_PKG_VERSION"))
}

fn table(entries: &[Entry<'_>], out: &mut impl Write) -> io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(out, "| # | verdict | cache | objects | bytes | allocated in |")?;
    writeln!(out, "|--:|---------|-------|--------:|------:|--------------|")?;
    let shown = &entries[..entries.len().min(ROWS_MAX)];
    for entry in shown {
        let verdict = entry.family().map_or("", |family| family.judgement.verdict.title());
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            entry.number,
            if entry.is_leak() { format!("**{verdict}**") } else { verdict.to_owned() },
            cell(&entry.first().cache),
            count(entry.objects()),
            entry.bytes().map_or("?".to_owned(), bytes),
            cell(&entry.first().site()),
        )?;
    }
    match entries.len() - shown.len() {
        0 => Ok(()),
        more => writeln!(out, "\nand {}", counted(more as u64, "more place")),
    }
}

/// A name in a cell of a table, as code.
fn cell(name: &str) -> String {
    let name = Escaped(name).to_string().replace('|', "\\|").replace('`', "'");
    if name.is_empty() { name } else { format!("`{name}`") }
}

/// Text that may hold names, with what Markdown and HTML would act on made harmless. An underscore
/// within a word is left, which Markdown leaves too.
fn plain(text: &str) -> String {
    let characters: Vec<char> = Escaped(text).to_string().chars().collect();
    let is_word = |at: Option<usize>| {
        at.and_then(|at| characters.get(at)).is_some_and(|found| found.is_alphanumeric())
    };
    let mut plain = String::with_capacity(text.len());
    for (at, &character) in characters.iter().enumerate() {
        let acts = match character {
            '\\' | '`' | '*' | '<' | '>' | '#' | '|' | '~' => true,
            '(' => at > 0 && characters[at - 1] == ']',
            '_' => !is_word(at.checked_sub(1)) || !is_word(Some(at + 1)),
            _ => false,
        };
        if acts {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_what_they_are() {
        assert_eq!(plain("leaky_init [leaky] leaks a-64: 9"), "leaky_init [leaky] leaks a-64: 9");
        assert_eq!(plain("__kmalloc * <b>"), "\\_\\_kmalloc \\* \\<b\\>");
        assert_eq!(plain("[a](http://b)"), "[a]\\(http://b)");
        assert_eq!(cell("a|b`c"), "`a\\|b'c`");
    }
}
