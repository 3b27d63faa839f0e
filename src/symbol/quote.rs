//! The lines that source places point at, where the sources are at hand.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};

use foldhash::fast::FixedState;

use super::Source;

/// A source file that is larger is none.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Files kept, and their bytes.
const FILES_MAX: usize = 4096;
const BYTES_MAX: usize = 256 << 20;

/// Characters shown of a line.
const LINE_CHARS_MAX: usize = 160;

/// Whether the lines themselves are shown.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Quotes {
    /// They are not.
    #[default]
    None,
    /// They are, where the sources are at hand.
    Lines,
}

/// Source files, each read once.
#[derive(Debug, Default)]
pub(super) struct SourceFiles {
    files: HashMap<String, Option<SourceFile>, FixedState>,
    bytes: usize,
}

/// A file and where its lines begin.
#[derive(Debug)]
struct SourceFile {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl SourceFiles {
    /// Adds to a place, and to the calls inlined there, the lines that they point at.
    pub(super) fn quote(&mut self, source: &mut Source) {
        source.text = self.line(&source.file, source.line);
        for call in &mut source.inlined {
            call.text = self.line(&call.file, call.line);
        }
    }

    /// A line of a file by its number, from 1.
    fn line(&mut self, path: &str, line: Option<u32>) -> Option<String> {
        let at = usize::try_from(line?).ok()?.checked_sub(1)?;
        if self.files.len() >= FILES_MAX || self.bytes >= BYTES_MAX {
            self.files.clear();
            self.bytes = 0;
        }
        if !self.files.contains_key(path) {
            // A source that is not there is the ordinary case.
            let file = read(path).ok().flatten();
            self.bytes += file.as_ref().map_or(0, |file| file.bytes.len());
            self.files.insert(path.to_owned(), file);
        }
        self.files.get(path)?.as_ref()?.line(at)
    }
}

impl SourceFile {
    fn line(&self, at: usize) -> Option<String> {
        let end = self.starts.get(at + 1).copied().unwrap_or(self.bytes.len());
        let bytes = self.bytes.get(*self.starts.get(at)?..end)?.trim_ascii();
        let text = String::from_utf8_lossy(bytes);
        let shown = text.chars().map(|character| if character == '\t' { ' ' } else { character });
        Some(shown.take(LINE_CHARS_MAX).collect()).filter(|text: &String| !text.is_empty())
    }
}

/// Reads a regular file; nothing for one that is none, or too large.
fn read(path: &str) -> io::Result<Option<SourceFile>> {
    // Opening a pipe could wait without end.
    let about = std::fs::metadata(path)?;
    if !about.is_file() || about.len() > FILE_BYTES_MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    let behind = memchr::memchr_iter(b'\n', &bytes).map(|end| end + 1);
    let starts = std::iter::once(0).chain(behind).collect();
    Ok(Some(SourceFile { bytes, starts }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_quoted_without_its_indent_and_what_is_no_file_is_not_read() {
        let scratch = tempfile::tempdir().expect("folder");
        let path = scratch.path().join("own.c");
        let long = "x".repeat(500);
        std::fs::write(&path, format!("first\n\t\tif (a)\tb();\r\n\n{long}\nlast")).expect("file");
        let path = path.to_str().expect("text");
        let mut files = SourceFiles::default();
        for (line, text) in [
            (Some(1), Some("first")),
            (Some(2), Some("if (a) b();")),
            (Some(3), None),
            (Some(4), Some(&long[..LINE_CHARS_MAX])),
            (Some(5), Some("last")),
            (Some(6), None),
            (Some(0), None),
            (None, None),
        ] {
            assert_eq!(files.line(path, line).as_deref(), text, "{line:?}");
        }
        let folder = scratch.path().to_str().expect("text");
        assert_eq!(files.line(folder, Some(1)), None);
        assert_eq!(files.line("/dev/zero", Some(1)), None);
        assert_eq!(files.line("nowhere.c", Some(1)), None);
    }
}
