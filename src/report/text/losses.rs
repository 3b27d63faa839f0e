//! What is missing or damaged, in a line or in full.

use std::io::{self, Write};

use super::LossesShown;
use crate::print::Style;
use crate::print::number::counted;
use crate::report::Loss;

/// So many kinds of loss are named in the line.
const NAMED_MAX: usize = 4;

/// Writes what was lost.
pub(crate) fn write(
    loss: &Loss,
    shown: LossesShown,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    let parts = parts(loss);
    match shown {
        _ if parts.is_empty() => writeln!(out, "lost: nothing"),
        LossesShown::Details => {
            writeln!(out, "lost or unmatched:")?;
            parts.iter().try_for_each(|part| writeln!(out, "  {part}"))
        }
        LossesShown::Summary => {
            let named = parts[..parts.len().min(NAMED_MAX)].join(", ");
            let more = match parts.len().saturating_sub(NAMED_MAX) {
                0 => String::new(),
                more => format!(", and {} (--losses)", counted(more as u64, "other kind")),
            };
            style.paragraph(out, "", &format!("lost or unmatched: {named}{more}"))
        }
    }
}

/// Each kind of loss that there is, the telling ones first.
pub(crate) fn parts(loss: &Loss) -> Vec<String> {
    [
        (loss.broken_off, "input", "broken off before its end"),
        (loss.printk_dropped, "message", "dropped"),
        (loss.entries_lost, "trace entry", "lost"),
        (loss.lost_frees - loss.inferred_frees.min(loss.lost_frees), "free", "not logged"),
        (loss.headless_stacks, "backtrace", "without its event"),
        (loss.torn_events, "event", "torn"),
        (loss.unaddressed_events, "event", "without a usable address"),
        (loss.orphan_frees, "free", "of objects not seen allocated"),
        (loss.ambiguous_stacks, "ambiguous backtrace", ""),
        (loss.damaged_lines, "line", "damaged"),
        (loss.missing_lines, "line", "missing"),
        (loss.suspect_chains, "call chain", "that may be another's with frames lost"),
        (loss.inferred_allocs, "allocation", "told by slabs alone"),
        (loss.inferred_frees, "free", "told by slabs alone"),
        (loss.mended_addresses, "object", "whose damaged address its slab tells"),
        (loss.replayed_lines, "line", "printed twice"),
        (loss.failed_allocs, "allocation", "failed"),
    ]
    .into_iter()
    .filter(|&(number, _, _)| number > 0)
    .map(|(number, noun, what)| format!("{} {what}", counted(number, noun)).trim_end().to_owned())
    .collect()
}
