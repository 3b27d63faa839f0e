//! Where the result goes: standard output or a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::terminal::{Ascii, is_ascii_terminal};

/// The result could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write {name}; make room, or name another place with -o")]
pub(crate) struct Unwritable {
    name: String,
    source: io::Error,
}

/// The place for the result, known to be writable before anything is read.
pub(crate) enum Output {
    /// Standard output.
    Stdout,
    /// A file, which keeps what is in it until there is a result.
    File {
        /// Its name.
        path: PathBuf,
        /// The file, open for writing.
        file: File,
        /// Whether it was made for the result.
        made: Made,
    },
}

/// Whether a file was there before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Made {
    /// It was.
    Before,
    /// It is new, and goes again if there is no result.
    Now,
}

impl Output {
    /// Opens the file; standard output where there is none, or `-`.
    pub(crate) fn open(path: Option<&Path>) -> Result<Output, Unwritable> {
        let Some(path) = path.filter(|path| *path != "-") else { return Ok(Output::Stdout) };
        let made = if path.symlink_metadata().is_ok() { Made::Before } else { Made::Now };
        match OpenOptions::new().write(true).create(true).truncate(false).open(path) {
            Ok(file) => Ok(Output::File { path: path.to_path_buf(), file, made }),
            Err(source) => Err(Unwritable { name: shown(path), source }),
        }
    }

    /// Writes the result and whatever `write` returns with it.
    pub(crate) fn write<T>(
        self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> Result<T, Unwritable> {
        match self {
            Output::Stdout => {
                let mut out = BufWriter::new(io::stdout().lock());
                let written = if is_ascii_terminal() {
                    finished(&mut Ascii::new(out), write)
                } else {
                    finished(&mut out, write)
                };
                written.map_err(|source| Unwritable { name: "standard output".to_owned(), source })
            }
            Output::File { path, file, .. } => replaced(&path, file, write)
                .map_err(|source| Unwritable { name: shown(&path), source }),
        }
    }

    /// The result and the place for it; where there is no result, things are left as they were.
    pub(crate) fn or_abandon<T>(self, result: anyhow::Result<T>) -> anyhow::Result<(T, Output)> {
        match result {
            Ok(value) => Ok((value, self)),
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    fn abandon(self) {
        if let Output::File { path, file, made: Made::Now } = self {
            drop(file);
            // An empty file that stays does no harm.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn finished<T>(
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    let value = write(out)?;
    out.flush()?;
    Ok(value)
}

/// Writes a file beside the one that is named, and puts it in its place once it is whole: whoever
/// interrupts that keeps the old one. What is no regular file, or lies where no file can be made, is
/// written to as it is.
fn replaced<T>(
    path: &Path,
    file: File,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    let Some((beside, target)) = beside(path, &file) else {
        return finished(&mut BufWriter::new(emptied(file)?), write);
    };
    let value = finished(&mut BufWriter::new(beside.as_file()), write)?;
    beside.persist(target).map_err(|failure| failure.error)?;
    Ok(value)
}

/// A file with the same permissions beside the one that is named, and that one: what a link leads to.
fn beside(path: &Path, file: &File) -> Option<(NamedTempFile, PathBuf)> {
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let target = path.canonicalize().ok()?;
    let beside = NamedTempFile::new_in(target.parent()?).ok()?;
    beside.as_file().set_permissions(metadata.permissions()).ok()?;
    Some((beside, target))
}

/// Only a regular file holds anything that could stay behind the result.
fn emptied(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
