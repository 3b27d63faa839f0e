//! The other witnesses of a trace, in files of their own: `--monitor` and `--kmemleak`.

use std::path::PathBuf;

use slabtrace::kmemleak::KmemleakOptions;
use slabtrace::monitor::MonitorOptions;
use slabtrace::report::Report;
use slabtrace::report::crosscheck::Seen;

use super::input::Inputs;
use super::{kmemleak, monitor};
use crate::cli::{self, WitnessArgs};

/// The files, known to be there before the trace is read.
pub(super) struct Witnesses {
    monitor: Option<Inputs>,
    kmemleak: Option<Inputs>,
}

impl Witnesses {
    /// The files that were named beside the captures.
    pub(super) fn choose(args: &WitnessArgs, captures: &[PathBuf]) -> anyhow::Result<Witnesses> {
        let named = || args.monitor.iter().chain(&args.kmemleak);
        let is_stdin = |path: &&PathBuf| path.as_os_str() == "-";
        // Without captures, standard input is the capture.
        let own = captures.iter().filter(is_stdin).count() + usize::from(captures.is_empty());
        if named().any(|path| is_stdin(&path)) && own + named().filter(is_stdin).count() > 1 {
            return Err(cli::usage_error("standard input was named twice; give `-` once").into());
        }
        Ok(Witnesses { monitor: chosen(&args.monitor)?, kmemleak: chosen(&args.kmemleak)? })
    }

    /// Compares what they say with the trace.
    pub(super) fn join(&mut self, mut report: Report) -> anyhow::Result<Report> {
        if let Some(inputs) = &mut self.monitor {
            report.join_monitor(&monitor::analysed(MonitorOptions::default(), inputs)?);
        }
        if let Some(inputs) = &mut self.kmemleak {
            let found = kmemleak::analysed(KmemleakOptions::default(), inputs)?;
            report.join_kmemleak(&found, Seen::Beside);
        }
        Ok(report)
    }

    /// Whether any of them could not be read to its end.
    pub(super) fn is_broken(&self) -> bool {
        self.monitor.iter().chain(&self.kmemleak).any(Inputs::is_broken)
    }
}

fn chosen(paths: &[PathBuf]) -> anyhow::Result<Option<Inputs>> {
    if paths.is_empty() {
        return Ok(None);
    }
    let inputs = Inputs::choose(paths)?;
    inputs.as_ref().map_or(Ok(()), Inputs::check)?;
    Ok(inputs)
}
