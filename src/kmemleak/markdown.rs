//! What kmemleak found in Markdown, to be pasted into a bug report.

use std::io::{self, Write};

use super::{KmemleakReport, text};
use crate::print::Style;

/// Writes the report in Markdown: a sum, and the groups as text.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &KmemleakReport, out: &mut impl Write) -> io::Result<()> {
    let style = Style::default();
    writeln!(out, "**{}**\n\n```text", text::sum(report))?;
    text::write(report, style, out)?;
    writeln!(out, "```\n\n(slabtrace {})", env!("CARGO_PKG_VERSION"))
}
