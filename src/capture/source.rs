//! Opening captures: files and standard input, packed or not, as text or as binary recordings.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::{Compression, ForeignFormat};
use crate::recording::{Recording, RecordingText};

/// Bytes taken from the system at once. Larger gains nothing, smaller costs system calls.
const BUFFER_BYTES: usize = 64 * 1024;

/// So many bytes tell every format.
const HEAD_BYTES: usize = {
    let packed = if Compression::MAGIC_BYTES > ForeignFormat::MAGIC_BYTES {
        Compression::MAGIC_BYTES
    } else {
        ForeignFormat::MAGIC_BYTES
    };
    if packed > Recording::MAGIC_BYTES { packed } else { Recording::MAGIC_BYTES }
};

/// Why a capture could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system refused.
    #[error("failed to open {path}: {}", reason(cause))]
    Open {
        /// The name as given.
        path: String,
        /// What the system said.
        cause: io::Error,
    },
    /// A folder was named.
    #[error("{path} is a directory; name the capture files in it, for example {path}/*.log")]
    Directory {
        /// The name as given.
        path: String,
    },
    /// It is in a format that is not read.
    #[error(
        "{path} is {format}, which slabtrace does not read; give it what this writes: {command}"
    )]
    Foreign {
        /// The name as given.
        path: String,
        /// The format.
        format: ForeignFormat,
        /// The command that makes text of it.
        command: String,
    },
    /// A decoder could not be set up.
    #[error("failed to unpack {path} as {format}: {}", reason(cause))]
    Unpack {
        /// The name as given.
        path: String,
        /// The format that its first bytes show.
        format: &'static str,
        /// What the decoder said.
        cause: io::Error,
    },
}

/// Why the system refused, in words for people.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "there is no such file; check the name".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "you may not read it; change its permissions, or use sudo".to_owned()
        }
        _ => {
            let text = error.to_string();
            // The number is for programs.
            text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_lowercase())
        }
    }
}

/// A capture that was opened.
pub struct Opened {
    /// Its text.
    pub text: Box<dyn Read + Send>,
    /// What it was.
    pub form: CaptureForm,
}

/// What a capture was, once unpacked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CaptureForm {
    /// Text.
    Text,
    /// A binary recording, whose text begins when all of it was read.
    Recording,
}

/// A place that a capture comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Standard input, written `-`.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// Reads a command-line word: `-` is standard input, anything else a file.
    pub fn from_arg(arg: &Path) -> Source {
        if arg.as_os_str() == "-" { Source::Stdin } else { Source::File(arg.to_path_buf()) }
    }

    /// The name that reports use: `-` for standard input.
    pub fn name(&self) -> String {
        match self {
            Source::Stdin => "-".to_owned(),
            Source::File(path) => path.to_string_lossy().into_owned(),
        }
    }

    /// The name that messages use.
    pub fn title(&self) -> String {
        match self {
            Source::Stdin => "standard input".to_owned(),
            Source::File(_) => self.name(),
        }
    }

    /// Whether standard input is a terminal, so that nothing would come from it.
    pub fn stdin_is_terminal() -> bool {
        io::stdin().is_terminal()
    }

    /// Whether the source can be opened, before anything is read. Only a file is tried: to open
    /// a pipe and close it again would end it.
    ///
    /// # Errors
    ///
    /// When it is not there, cannot be opened, is a directory, or is packed in a way that is not
    /// read.
    pub fn check(&self) -> Result<(), SourceError> {
        let Source::File(path) = self else { return Ok(()) };
        let failed = |cause| SourceError::Open { path: self.title(), cause };
        let kind = path.metadata().map_err(failed)?;
        if kind.is_dir() {
            return Err(SourceError::Directory { path: self.name() });
        }
        if kind.is_file() {
            let head = head(&mut File::open(path).map_err(failed)?).unwrap_or_default();
            self.refuse_foreign(&head)?;
        }
        Ok(())
    }

    /// The file itself, where there is one that is text: several threads may read it.
    pub fn plain_file(&self) -> Option<File> {
        let Source::File(path) = self else { return None };
        // To open a pipe and close it again would end it.
        let mut file = path.is_file().then(|| File::open(path).ok())??;
        let head = head(&mut file).ok()?;
        let is_packed = Compression::detect(&head) != Compression::None;
        (!is_packed && Recording::detect(&head).is_none()).then_some(file)
    }

    /// Opens the source and unpacks it, recognising the format by content. What comes is text: that
    /// of a binary recording is made while it is read.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, is a directory, or its decoder cannot be set up. An empty or
    /// unreadable stream shows when it is read.
    pub fn open(&self) -> Result<Box<dyn Read + Send>, SourceError> {
        self.open_named(&[]).map(|opened| opened.text)
    }

    /// Opens the source likewise. Where it is a binary recording that names no functions, those of
    /// the first of these texts do that is of its kernel (`System.map`, `/proc/kallsyms`).
    ///
    /// # Errors
    ///
    /// The same; a text that cannot be read is passed by.
    pub fn open_named(&self, names: &[PathBuf]) -> Result<Opened, SourceError> {
        match self {
            Source::Stdin => self.unpack(io::stdin(), names),
            Source::File(path) => {
                let failed = |cause| SourceError::Open { path: self.title(), cause };
                if path.is_dir() {
                    return Err(SourceError::Directory { path: self.name() });
                }
                self.unpack(File::open(path).map_err(failed)?, names)
            }
        }
    }

    fn unpack(
        &self,
        raw: impl Read + Send + 'static,
        names: &[PathBuf],
    ) -> Result<Opened, SourceError> {
        let open_failed = |cause| SourceError::Open { path: self.title(), cause };
        let mut raw = Peeked::new(raw);
        if let Some(cause) = raw.failure.take() {
            return Err(open_failed(cause));
        }
        let mut packed = BufReader::with_capacity(BUFFER_BYTES, raw);
        let head = packed.fill_buf().map_err(open_failed)?;
        self.refuse_foreign(head)?;
        let format = Compression::detect(head);
        if format == Compression::None {
            return Ok(match Recording::detect(head) {
                Some(recording) => self.text_of(recording, packed, names),
                None => Opened { text: Box::new(packed), form: CaptureForm::Text },
            });
        }
        let unpacked = format.decoder(packed).map_err(|cause| SourceError::Unpack {
            path: self.title(),
            format: format.name(),
            cause,
        })?;
        let unpacked = Peeked::new(unpacked);
        Ok(match Recording::detect(unpacked.head.get_ref()) {
            Some(recording) => self.text_of(recording, unpacked, names),
            None => Opened { text: Box::new(unpacked), form: CaptureForm::Text },
        })
    }

    fn text_of(
        &self,
        recording: Recording,
        reader: impl Read + Send + 'static,
        names: &[PathBuf],
    ) -> Opened {
        let command = self.command(recording.text_writer());
        let names = names.iter().filter_map(|path| Source::File(path.clone()).open().ok());
        let text = RecordingText::new(recording, reader, command).named_by(names.collect());
        Opened { text: Box::new(text), form: CaptureForm::Recording }
    }

    /// The command that writes the text of this source to standard output.
    fn command(&self, writer: &str) -> String {
        match self {
            Source::Stdin => writer.to_owned(),
            Source::File(_) => format!("{writer} {}", self.name()),
        }
    }

    fn refuse_foreign(&self, head: &[u8]) -> Result<(), SourceError> {
        match ForeignFormat::detect(head) {
            Some(format) => Err(SourceError::Foreign {
                path: self.title(),
                format,
                command: self.command(format.text_writer()),
            }),
            None => Ok(()),
        }
    }
}

/// The bytes that tell the format.
fn head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// A reader whose first read returns enough bytes to tell the format, also from a slow pipe.
struct Peeked<R> {
    head: io::Cursor<Vec<u8>>,
    /// What comes behind the head where it could not be read further.
    failure: Option<io::Error>,
    rest: R,
}

impl<R: Read> Peeked<R> {
    fn new(mut rest: R) -> Peeked<R> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let failure = rest.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).err();
        Peeked { head: io::Cursor::new(head), failure, rest }
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.head.read(buffer)? {
            0 if buffer.is_empty() => Ok(0),
            0 => match self.failure.take() {
                Some(failure) => Err(failure),
                None => self.rest.read(buffer),
            },
            taken => Ok(taken),
        }
    }
}
