//! A recorded capture's bytes.

use std::io::Read;
use std::path::Path;

use slabtrace::capture::Source;

/// The package's folder; every path that a test shows is relative to it.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads and unpacks a file; its path is relative to the package.
pub(crate) fn unpack(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut reader = Source::from_arg(&root().join(path)).open().map_err(|e| e.to_string())?;
    reader.read_to_end(&mut bytes).map_err(|error| format!("{path}: {error}"))?;
    Ok(bytes)
}
