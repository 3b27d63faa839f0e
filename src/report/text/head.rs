//! The head of the report: what was read, and what is in it.

use std::io::{self, Write};

use super::TextOptions;
use super::losses;
use crate::event::{PointerStyle, Witness};
use crate::print::number::{bytes, count, counted, duration};
use crate::print::{Escaped, Style};
use crate::report::{BootReport, Origin, Report, account};
use crate::time::Clock;

pub(super) fn header(
    report: &Report,
    options: TextOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let style = options.style;
    for input in &report.inputs {
        let name = if input.path == "-" { "standard input" } else { &input.path };
        writeln!(
            out,
            "{}  {}, {}",
            style.bold(&Escaped(name).to_string()),
            bytes(input.bytes),
            counted(input.lines, "line")
        )?;
    }
    if report.origin != Origin::Trace {
        return account::header(report, options, out);
    }
    for boot in &report.boots {
        boot_line(boot, report.boots.len(), style, out)?;
    }
    let totals = &report.totals;
    writeln!(
        out,
        "{}: {}, {} of them matched",
        counted(totals.events, "event"),
        counted(totals.allocs, "alloc"),
        format_args!("{}, {}", counted(totals.frees, "free"), count(totals.matched_frees)),
    )?;
    let live = format!(
        "{} live, {}, in {}",
        counted(totals.live_objects, "object"),
        report.live_size(),
        counted(totals.groups, "group")
    );
    writeln!(out, "{}", if totals.live_objects > 0 { style.alarm(&live) } else { live })?;
    losses::write(&report.loss, options.losses, options.style, out)
}

fn boot_line(
    boot: &BootReport,
    boots: usize,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    style.paragraph(out, "", &boot_text(boot, boots))?;
    match &boot.hardware {
        Some(hardware) => style.paragraph(out, "", &format!("on {}", Escaped(hardware))),
        None => Ok(()),
    }
}

/// `kernel 6.1.0 (x86_64) from 3.650 s to 5.585 s, pointers raw`
pub(crate) fn boot_text(boot: &BootReport, boots: usize) -> String {
    let mut parts = Vec::new();
    if boots > 1 {
        parts
            .push(format!("boot {}, lines {} to {}:", boot.index, boot.first_line, boot.last_line));
    }
    let kernel = boot.kernel.as_deref().unwrap_or("of unknown version");
    parts.push(format!("kernel {}", Escaped(kernel)));
    if let Some(arch) = boot.arch {
        parts.push(format!("({arch})"));
    }
    if let (Some(first), Some(last)) = (boot.first_time, boot.last_time) {
        let span = last.seconds() - first.seconds();
        parts.push(match first.clock {
            Clock::Boot => format!("from {:.3} s to {:.3} s,", first.seconds(), last.seconds()),
            Clock::Wall => format!("over {},", duration(span)),
        });
    }
    parts.push(format!("pointers {}", pointers(boot.pointers)));
    if boot.sources.contains(&Witness::TraceEvents) {
        let slub = boot.sources.contains(&Witness::SlubTrace);
        parts.push(
            if slub { ", by SLUB's trace and trace events" } else { ", by trace events" }
                .to_owned(),
        );
    }
    parts.join(" ").replace(" ,", ",")
}

fn pointers(style: PointerStyle) -> &'static str {
    match style {
        PointerStyle::Raw => "raw",
        PointerStyle::Hashed => "hashed",
        PointerStyle::Unprintable => "unprintable",
        PointerStyle::Unknown => "of unknown style",
    }
}
