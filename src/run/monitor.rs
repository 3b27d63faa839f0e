//! `slabtrace monitor`: monitor logs in, which slab leaks and how fast out.

use slabtrace::monitor::{
    Monitor, MonitorOptions, MonitorReport, SAMPLE_LOOP, Unusable, WATCH_SCRIPT, write_csv,
    write_json, write_svg, write_text,
};

use slabtrace::capture::TextReader;

use super::input::{Inputs, Piece};
use super::output::Output;
use super::{Outcome, help, prepared, style};
use crate::cli::{MonitorArgs, MonitorFormat};

pub(super) fn monitor(args: &MonitorArgs) -> anyhow::Result<Outcome> {
    if args.print_script {
        return print(WATCH_SCRIPT, args);
    }
    if args.sample {
        return print(SAMPLE_LOOP, args);
    }
    let Some(mut inputs) = Inputs::choose(&args.logs)? else { return help("monitor") };
    let output = prepared(&inputs, args.result.output.as_deref(), &args.logs)?;
    let options = MonitorOptions { interval: args.interval() };
    let (report, output) = output.or_abandon(analysed(options, &mut inputs))?;
    output.write(|out| match args.format() {
        MonitorFormat::Text => write_text(&report, style(&args.result), &mut { out }),
        MonitorFormat::Json => write_json(&report, &mut { out }),
        MonitorFormat::Csv => write_csv(&report, &mut { out }),
        MonitorFormat::Svg => write_svg(&report, &mut { out }),
    })?;
    Ok(Outcome::Reported)
}

/// Reads all logs; where they hold no sample, that is an error.
pub(super) fn analysed(
    options: MonitorOptions,
    inputs: &mut Inputs,
) -> anyhow::Result<MonitorReport> {
    let mut analysis = Monitor::new(options);
    inputs.read_all(|piece| match piece {
        Piece::Bytes(bytes) => analysis.feed(bytes),
        Piece::End { name, bytes } => analysis.end_input(name, bytes),
    })?;
    let report = analysis.finish();
    match Unusable::of(&report) {
        Some(Unusable::NoSamples) => {
            let other = inputs.misread(TextReader::Monitor);
            Err(other.unwrap_or_else(|| Unusable::NoSamples.into()))
        }
        Some(unusable) => Err(unusable.into()),
        None => Ok(report),
    }
}

/// A script for the machine that leaks.
fn print(script: &str, args: &MonitorArgs) -> anyhow::Result<Outcome> {
    Output::open(args.result.output.as_deref())?.write(|out| out.write_all(script.as_bytes()))?;
    Ok(Outcome::Reported)
}
