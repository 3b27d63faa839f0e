//! `slabtrace record-script`: what records trace events on the machine that leaks.

use super::Outcome;
use super::output::Output;
use crate::cli::RecordScriptArgs;

/// A POSIX shell script, for busybox too.
const SCRIPT: &str = include_str!("record.sh");

pub(super) fn script(args: &RecordScriptArgs) -> anyhow::Result<Outcome> {
    Output::open(args.output.as_deref())?.write(|out| out.write_all(SCRIPT.as_bytes()))?;
    Ok(Outcome::Reported)
}
