//! Debug files from a debuginfod server, through the `debuginfod-find` program of elfutils.
//!
//! Only who asks for it has the network asked: a build id tells what kernel a machine runs.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Warning;

/// The program; it knows servers (`DEBUGINFOD_URLS`), time limits and its own cache.
const PROGRAM: &str = "debuginfod-find";

/// Characters shown of what it says.
const MESSAGE_CHARS_MAX: usize = 200;

/// Whether servers are asked.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Debuginfod {
    /// They are not.
    #[default]
    Never,
    /// They are, where nothing else has debug information.
    Ask,
}

/// Whether the program that asks servers is there.
pub(super) fn is_installed() -> bool {
    let tried = Command::new(PROGRAM).arg("--version").stdin(Stdio::null()).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Asks for the debug file of a build id.
pub(super) fn find(build_id: &str) -> Result<PathBuf, Warning> {
    if build_id.is_empty() || !build_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(no_file(build_id, "this is no build id"));
    }
    let run = Command::new(PROGRAM).args(["debuginfo", build_id]).stdin(Stdio::null()).output();
    let output = match run {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Warning::NoDebuginfod);
        }
        Err(error) => return Err(no_file(build_id, &error.to_string())),
    };
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end());
    if output.status.success() && path.is_file() {
        return Ok(path);
    }
    Err(no_file(build_id, &String::from_utf8_lossy(&output.stderr)))
}

fn no_file(build_id: &str, message: &str) -> Warning {
    let line = message.lines().next().unwrap_or("it does not say why");
    let shown = line.chars().filter(|character| !character.is_control());
    let build_id = build_id.chars().filter(char::is_ascii_hexdigit).collect();
    Warning::NoDebugFile { build_id, message: shown.take(MESSAGE_CHARS_MAX).collect() }
}
