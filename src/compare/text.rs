//! A comparison as people read it, and in Markdown.

use std::io::{self, Write};

use super::change::{Certainty, Change, ChangeKind, Match};
use super::diff::Diff;
use super::side::{Finding, Side};
use crate::print::number::{bytes, count, counted, duration};
use crate::print::{Escaped, Style};

/// Functions of a chain that are shown.
const STEPS_SHOWN: usize = 8;

/// Writes a comparison as text.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(diff: &Diff, style: Style, out: &mut impl Write) -> io::Result<()> {
    style.paragraph(out, "", &style.bold(&conclusion(diff)))?;
    writeln!(out)?;
    for (name, side) in [("old", &diff.old), ("new", &diff.new)] {
        writeln!(out, "{name}  {}", source(side))?;
    }
    for change in &diff.changes {
        writeln!(out)?;
        block(change, diff, style, out)?;
    }
    Ok(())
}

/// Writes a comparison in Markdown, to be pasted into a bug report.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_markdown(diff: &Diff, out: &mut impl Write) -> io::Result<()> {
    let style = Style::default();
    style.paragraph(out, "", &format!("**{}**", conclusion(diff)))?;
    writeln!(out, "\n```text")?;
    for (name, side) in [("old", &diff.old), ("new", &diff.new)] {
        writeln!(out, "{name}  {}", source(side))?;
    }
    for change in &diff.changes {
        writeln!(out)?;
        block(change, diff, style, out)?;
    }
    writeln!(out, "```\n\n(slabtrace {})", env!("CARGO_PKG_VERSION"))
}

/// `2 places leak that did not, 1 leaks faster; 3 leak as before.`
pub(super) fn conclusion(diff: &Diff) -> String {
    let of = |kind: ChangeKind, one: &str, more: &str| {
        let number = diff.count(kind);
        let verb = if number == 1 { one } else { more };
        (number > 0).then(|| format!("{} {verb}", counted(number, "place")))
    };
    let parts: Vec<String> = [
        of(ChangeKind::New, "leaks that did not", "leak that did not"),
        of(ChangeKind::Worse, "leaks faster", "leak faster"),
        of(ChangeKind::Better, "leaks more slowly", "leak more slowly"),
        of(ChangeKind::Gone, "leaks no more", "leak no more"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let same = match diff.same {
        0 => String::new(),
        1 => "; 1 leaks as before".to_owned(),
        more => format!("; {} leak as before", count(more)),
    };
    if parts.is_empty() {
        format!("No change{same}.")
    } else {
        format!("{}{same}.", parts.join(", "))
    }
}

fn source(side: &Side) -> String {
    let over = side.span.map_or(String::new(), |span| format!(", over {}", duration(span)));
    format!("{}{over}", Escaped(&side.title))
}

fn block(change: &Change, diff: &Diff, style: Style, out: &mut impl Write) -> io::Result<()> {
    let Some(latest) = change.latest() else { return Ok(()) };
    let kind = match change.kind {
        kind if kind.is_bad() => style.alarm(kind.name()),
        kind => kind.name().to_owned(),
    };
    let cache = Escaped(&latest.cache).to_string();
    let standing = latest.standing.title();
    writeln!(out, "{kind}  {standing}  {}", style.bold(&format!("{cache}  {}", site(latest))))?;
    style.paragraph(out, "    ", &amounts(change, diff))?;
    let functions: Vec<String> = latest
        .chain
        .iter()
        .take(STEPS_SHOWN)
        .map(|step| Escaped(&step.title()).to_string())
        .collect();
    style.paragraph(out, "    ", &functions.join(" < "))?;
    let fingerprints = match (&change.old, &change.new, change.matched) {
        (Some(old), Some(new), Match::Near(likeness)) => format!(
            "fingerprint {}, was {}: another build of one place probably, chains alike to {:.0} %",
            new.fingerprint,
            old.fingerprint,
            likeness * 100.0
        ),
        _ => format!("fingerprint {}", latest.fingerprint),
    };
    style.paragraph(out, "    ", &style.dim(&fingerprints))
}

fn site(finding: &Finding) -> String {
    Escaped(&finding.site()).to_string()
}

/// `12 objects, 768 B → 80 objects, 5.0 KiB; 1.5 → 10 KiB an hour, 6.7 times`
fn amounts(change: &Change, diff: &Diff) -> String {
    let mut text = match (&change.old, &change.new) {
        (Some(old), Some(new)) => {
            let rates = rate(old, &diff.old).zip(rate(new, &diff.new));
            let rates = rates.map_or(String::new(), |(old, new)| format!("; {old} → {new}"));
            format!("{} → {}{rates}", amount(old), amount(new))
        }
        (Some(old), None) => format!("was {}{}", amount(old), said_rate(old, &diff.old)),
        (None, Some(new)) => format!("{}{}", amount(new), said_rate(new, &diff.new)),
        (None, None) => String::new(),
    };
    if change.certainty == Certainty::MayBeChance {
        text.push_str("; by chance perhaps, there are few objects or a log is short");
    }
    text
}

/// `12 objects, 768 B`
pub(super) fn amount(finding: &Finding) -> String {
    let size = finding.bytes.map_or(String::new(), |size| format!(", {}", bytes(size)));
    format!("{}{size}", counted(finding.objects, "object"))
}

/// `; 1.5 KiB an hour`, where that is known.
pub(super) fn said_rate(finding: &Finding, side: &Side) -> String {
    rate(finding, side).map_or(String::new(), |rate| format!("; {rate}"))
}

fn rate(finding: &Finding, side: &Side) -> Option<String> {
    Diff::bytes_per_hour(finding, side).map(|rate| format!("{} an hour", whole_bytes(rate)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of bytes; casts saturate"
)]
fn whole_bytes(rate: f64) -> String {
    bytes(rate.round() as u64)
}
