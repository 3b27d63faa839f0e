//! The `slabtrace` command: arguments in, exit status out.

mod cli;
mod run;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use slabtrace::report::Escaped;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match run::run(&cli) {
        Ok(outcome) => outcome.exit_code(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<clap::Error>() => {
            error.downcast_ref().map_or(ExitCode::FAILURE, usage)
        }
        Err(error) => {
            // Nothing is left to do where standard error is closed too.
            let message = without_numbers(&format!("{error:#}"));
            let _ = writeln!(io::stderr(), "slabtrace: {}", Escaped(&message));
            run::Outcome::of_failure(&error).exit_code()
        }
    }
}

/// Help and version go to standard output with status 0, errors to standard error with status 2.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { run::Outcome::Usage.exit_code() } else { ExitCode::SUCCESS }
}

/// A message without the system's numbers of errors: `No such file or directory (os error 2)`.
fn without_numbers(message: &str) -> String {
    let Some((front, behind)) = message.split_once(" (os error ") else {
        return message.to_owned();
    };
    let rest = behind.split_once(')').map_or("", |(_, rest)| rest);
    format!("{front}{}", without_numbers(rest))
}

/// Whether the reader of the output went away (`| head`), which is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let direct = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        direct.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}
