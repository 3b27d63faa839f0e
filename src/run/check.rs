//! `slabtrace check`: a gate for CI.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::{fs, slice};

use slabtrace::compare::Diff;
use slabtrace::gate::{Hidden, Judged, Suppressions, annotations, write_junit, write_sarif};
use slabtrace::report::Escaped;

use super::load::{Completeness, Loaded, load};
use super::output::Output;
use super::{Outcome, help, note, refuse_overwriting};
use crate::cli::CheckArgs;

/// Judges captures by the limits that were given.
pub(super) fn check(args: &CheckArgs) -> anyhow::Result<Outcome> {
    let suppressions = suppressions(args.suppressions.as_deref())?;
    for output in [&args.junit, &args.sarif].into_iter().flatten() {
        let inputs: Vec<_> = args.captures.iter().chain(&args.baseline).cloned().collect();
        refuse_overwriting(Some(output), &inputs)?;
    }
    let baseline = match &args.baseline {
        Some(path) => load(slice::from_ref(path), &args.symbols)?,
        None => None,
    };
    let Some(mut loaded) = load(&args.captures, &args.symbols)? else { return help("check") };
    let today = jiff::Zoned::now().date();
    let hidden = suppressions.apply(&mut loaded.side, today);
    let diff = baseline.map(|Loaded { mut side, .. }| {
        suppressions.apply(&mut side, today);
        Diff::of(side, loaded.side.clone())
    });
    let judged = args.limits().judge(&loaded.side, diff.as_ref());
    say_hidden(&hidden);
    tell(&judged, &loaded, &hidden)?;
    write_files(args, &judged, &loaded.side.title)?;
    Ok(match loaded.completeness {
        _ if !judged.crossings.is_empty() => Outcome::Crossed,
        Completeness::Partial if args.strict => Outcome::Partial,
        _ => Outcome::Reported,
    })
}

fn suppressions(path: Option<&Path>) -> anyhow::Result<Suppressions> {
    let Some(path) = path else { return Ok(Suppressions::default()) };
    let shown = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| anyhow::anyhow!("failed to read {}: {error}", Escaped(&shown)))?;
    Suppressions::parse(&text).map_err(|error| anyhow::anyhow!("{}: {error}", Escaped(&shown)))
}

/// Says which suppressions did nothing: they are mistyped, or what they forgive is mended.
fn say_hidden(hidden: &Hidden) {
    for (line, text) in &hidden.unused {
        note(&format!("line {line} of the suppressions hides nothing: {text}"));
    }
    for (line, text) in &hidden.expired {
        note(&format!("line {line} of the suppressions holds no longer: {text}"));
    }
}

/// One line that says what was crossed, or that nothing was; and annotations where GitHub runs.
fn tell(judged: &Judged, loaded: &Loaded, hidden: &Hidden) -> anyhow::Result<()> {
    let title = Escaped(&loaded.side.title).to_string();
    let asked: Vec<&str> = judged.asked.iter().map(|asked| asked.text.as_str()).collect();
    let mut line = match judged.crossings.split_first() {
        None => format!("ok: {title}: {}", asked.join(", ")),
        Some((first, [])) => format!("crossed: {title}: {first}"),
        Some((first, rest)) => {
            let crossings = if rest.len() == 1 { "crossing" } else { "crossings" };
            format!("crossed: {title}: {first}; and {} more {crossings}", rest.len())
        }
    };
    if hidden.places > 0 {
        let _ = write!(line, " ({hidden})");
    }
    if loaded.completeness == Completeness::Partial {
        line.push_str(" (the capture is not whole: what was lost is not counted)");
    }
    let is_on_github = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    Output::Stdout.write(|out| {
        writeln!(out, "{line}")?;
        if is_on_github {
            annotations(judged).iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        Ok::<(), io::Error>(())
    })?;
    Ok(())
}

fn write_files(args: &CheckArgs, judged: &Judged, title: &str) -> anyhow::Result<()> {
    if let Some(path) = &args.junit {
        Output::open(Some(path))?.write(|out| write_junit(judged, title, &mut { out }))?;
    }
    if let Some(path) = &args.sarif {
        Output::open(Some(path))?.write(|out| write_sarif(judged, &mut { out }))?;
    }
    Ok(())
}
