//! `slabtrace kmemleak`: reports in, leaks grouped by backtrace out.

use std::io::Write;

use slabtrace::kmemleak::{Kmemleak, KmemleakOptions, Unusable, write_json, write_text};

use super::input::Inputs;
use super::{Outcome, help, output, style};
use crate::cli::{Format, KmemleakArgs};

pub(super) fn kmemleak(args: &KmemleakArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.reports)? else { return help() };
    let mut analysis = Kmemleak::new(KmemleakOptions { min_age: args.min_age() });
    while let Some(mut input) = inputs.next()? {
        while let Some(bytes) = input.read() {
            analysis.feed(bytes);
        }
        analysis.end_input(input.name(), input.bytes());
        inputs.done(&input);
    }
    let report = analysis.finish();
    if let Some(unusable) = Unusable::of(&report) {
        return Err(unusable.into());
    }
    let mut out = output(args.output.as_deref())?;
    match args.format {
        Format::Text => write_text(&report, style(args.color, args.output.as_deref()), &mut out)?,
        Format::Json => write_json(&report, &mut out)?,
    }
    out.flush()?;
    Ok(Outcome::Reported)
}
