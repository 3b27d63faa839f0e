//! `slabtrace kmemleak`: reports in, leaks grouped by backtrace out.

use slabtrace::kmemleak::{
    Kmemleak, KmemleakOptions, KmemleakReport, Unusable, write_json, write_text,
};

use super::input::Inputs;
use super::{Outcome, help, prepared, style};
use crate::cli::{Format, KmemleakArgs};

pub(super) fn kmemleak(args: &KmemleakArgs) -> anyhow::Result<Outcome> {
    let Some(mut inputs) = Inputs::choose(&args.reports)? else { return help() };
    let output = prepared(&inputs, args.output.as_deref(), &args.reports)?;
    let (report, output) = output.or_abandon(analysed(args, &mut inputs))?;
    output.write(|out| match args.format {
        Format::Text => {
            write_text(&report, style(args.color, args.output.as_deref()), &mut { out })
        }
        Format::Json => write_json(&report, &mut { out }),
    })?;
    Ok(Outcome::Reported)
}

fn analysed(args: &KmemleakArgs, inputs: &mut Inputs) -> anyhow::Result<KmemleakReport> {
    let mut analysis = Kmemleak::new(KmemleakOptions { min_age: args.min_age() });
    while let Some(mut input) = inputs.next()? {
        while let Some(bytes) = input.read() {
            analysis.feed(bytes);
        }
        analysis.end_input(input.name(), input.bytes());
        inputs.done(&input)?;
    }
    let report = analysis.finish();
    match Unusable::of(&report) {
        Some(unusable) => Err(unusable.into()),
        None => Ok(report),
    }
}
