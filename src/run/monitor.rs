//! `slabtrace monitor`: monitor logs in, which slab leaks and how fast out.

use std::io::Write;

use slabtrace::monitor::{
    Monitor, MonitorOptions, Unusable, WATCH_SCRIPT, write_csv, write_json, write_text,
};

use super::input::Inputs;
use super::{Outcome, help, output, style};
use crate::cli::{MonitorArgs, MonitorFormat};

pub(super) fn monitor(args: &MonitorArgs) -> anyhow::Result<Outcome> {
    if args.print_script {
        return print_script(args);
    }
    let Some(mut inputs) = Inputs::choose(&args.logs)? else { return help() };
    let mut analysis = Monitor::new(MonitorOptions { interval: args.interval() });
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
        MonitorFormat::Text => {
            write_text(&report, style(args.color, args.output.as_deref()), &mut out)?;
        }
        MonitorFormat::Json => write_json(&report, &mut out)?,
        MonitorFormat::Csv => write_csv(&report, &mut out)?,
    }
    out.flush()?;
    Ok(Outcome::Reported)
}

/// The script for the machine that leaks.
fn print_script(args: &MonitorArgs) -> anyhow::Result<Outcome> {
    let mut out = output(args.output.as_deref())?;
    out.write_all(WATCH_SCRIPT.as_bytes())?;
    out.flush()?;
    Ok(Outcome::Reported)
}
