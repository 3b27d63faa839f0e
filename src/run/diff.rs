//! `slabtrace diff`: what leaks now and did not before.

use std::io::{self, Write};
use std::slice;

use slabtrace::compare::{Diff, write_json, write_markdown, write_text};
use slabtrace::report::{Report, write_html};

use super::load::load;
use super::output::Output;
use super::{Outcome, help, refuse_overwriting, style};
use crate::cli::{self, DiffArgs, DiffFormat};

/// Compares two captures or reports.
pub(super) fn diff(args: &DiffArgs) -> anyhow::Result<Outcome> {
    let both = [args.old.clone(), args.new.clone()];
    if both.iter().all(|path| path.as_os_str() == "-") {
        return Err(cli::usage_error("standard input was named twice; give `-` once").into());
    }
    refuse_overwriting(args.result.output.as_deref(), &both)?;
    let output = Output::open(args.result.output.as_deref())?;
    let (old, output) = output.or_abandon(load(slice::from_ref(&args.old), &args.symbols))?;
    let (new, output) = output.or_abandon(load(slice::from_ref(&args.new), &args.symbols))?;
    let (Some(old), Some(new)) = (old, new) else { return help("diff") };
    let (page, output) = output.or_abandon(page(args.format(), new.report.as_deref()))?;
    let diff = Diff::of(old.side, new.side);
    output.write(|out| write(&diff, page, args, out))?;
    Ok(Outcome::Reported)
}

/// The report that a page shows, where one is wanted.
fn page(format: DiffFormat, report: Option<&Report>) -> anyhow::Result<Option<&Report>> {
    match (format, report) {
        (DiffFormat::Html, None) => anyhow::bail!(
            "the page shows the groups of the new capture; give that as NEW, and not its report"
        ),
        (DiffFormat::Html, report) => Ok(report),
        _ => Ok(None),
    }
}

fn write(
    diff: &Diff,
    page: Option<&Report>,
    args: &DiffArgs,
    mut out: &mut dyn Write,
) -> io::Result<()> {
    match (page, args.format()) {
        (Some(report), _) => write_html(report, Some(&diff.baseline()), &mut out),
        (None, DiffFormat::Json) => write_json(diff, &mut out),
        (None, DiffFormat::Md) => write_markdown(diff, &mut out),
        (None, _) => write_text(diff, style(&args.result), &mut out),
    }
}
