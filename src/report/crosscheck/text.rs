//! The witnesses' part of the text report.

use std::io::{self, Write};

use super::WitnessReport;
use crate::print::number::counted;

use crate::report::Origin;
use crate::report::{GroupReport, Report, Style};

/// Writes what was compared, and what could not be known of it.
pub(crate) fn section(report: &Report, style: Style, out: &mut impl Write) -> io::Result<()> {
    let witness = &report.witness;
    let is_counted = report.origin == Origin::Trace && !report.accounts.is_empty();
    if witness.is_empty() && !is_counted {
        return Ok(());
    }
    writeln!(out, "\n{}", style.bold("Beside the trace"))?;
    for memory in &witness.memory {
        style.paragraph(out, "  - ", &memory.sentence())?;
    }
    for growth in &witness.growth {
        let boot = if report.boots.len() > 1 {
            format!("boot {}: ", growth.cache.boot)
        } else {
            String::new()
        };
        let reservations: Vec<String> =
            growth.reservations.iter().map(ToString::to_string).collect();
        let but = if reservations.is_empty() {
            String::new()
        } else {
            format!(". But {}", reservations.join("; "))
        };
        style.paragraph(out, "  - ", &format!("{boot}{}{but}.", growth.sentence()))?;
    }
    for account in report.accounts.iter().filter(|_| is_counted) {
        let live = account.history.last().copied().unwrap_or(0);
        let text = format!("{}: {}.", account.title(), counted(live, "object"));
        style.paragraph(out, "  - ", &text)?;
    }
    kmemleak(witness, style, out)
}

fn kmemleak(witness: &WitnessReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let Some(kmemleak) = &witness.kmemleak else { return Ok(()) };
    let text = format!("{}. {}", kmemleak.sentence(), kmemleak.meaning());
    style.paragraph(out, "  - ", &text)
}

/// Writes what was said of a group.
pub(crate) fn of_group(
    group: &GroupReport,
    report: &Report,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    if let Some(unreferenced) = &group.witness.kmemleak {
        style.paragraph(out, "    ", &unreferenced.sentence())?;
    } else if report.witness.kmemleak.is_some() && group.boot + 1 == report.boots.len() {
        writeln!(out, "    kmemleak does not list it")?;
    }
    match &group.witness.kernel {
        Some(count) => style.paragraph(out, "    ", &count.sentence()),
        None => Ok(()),
    }
}
