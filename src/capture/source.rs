//! Opening captures: files and standard input, packed or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::{Compression, ForeignFormat};

/// Bytes taken from the system at once. Larger gains nothing, smaller costs system calls.
const BUFFER_BYTES: usize = 64 * 1024;

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

    /// The file itself, where there is one that is not packed: several threads may read it.
    pub fn plain_file(&self) -> Option<File> {
        let Source::File(path) = self else { return None };
        // To open a pipe and close it again would end it.
        let mut file = path.is_file().then(|| File::open(path).ok())??;
        let head = head(&mut file).ok()?;
        (Compression::detect(&head) == Compression::None).then_some(file)
    }

    /// Opens the source and unpacks it, recognising the format by content.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, is a directory, or its decoder cannot be set up. An empty or
    /// unreadable stream shows when it is read.
    pub fn open(&self) -> Result<Box<dyn Read + Send>, SourceError> {
        match self {
            Source::Stdin => self.unpack(io::stdin()),
            Source::File(path) => {
                let failed = |cause| SourceError::Open { path: self.title(), cause };
                if path.is_dir() {
                    return Err(SourceError::Directory { path: self.name() });
                }
                self.unpack(File::open(path).map_err(failed)?)
            }
        }
    }

    fn unpack(&self, raw: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>, SourceError> {
        let open_failed = |cause| SourceError::Open { path: self.title(), cause };
        let mut packed =
            BufReader::with_capacity(BUFFER_BYTES, Peeked::new(raw).map_err(open_failed)?);
        let head = packed.fill_buf().map_err(open_failed)?;
        self.refuse_foreign(head)?;
        let format = Compression::detect(head);
        format.decoder(packed).map_err(|cause| SourceError::Unpack {
            path: self.title(),
            format: format.name(),
            cause,
        })
    }

    fn refuse_foreign(&self, head: &[u8]) -> Result<(), SourceError> {
        match ForeignFormat::detect(head) {
            Some(format) => Err(SourceError::Foreign {
                path: self.title(),
                format,
                command: match self {
                    Source::Stdin => format.text_writer().to_owned(),
                    Source::File(_) => format!("{} {}", format.text_writer(), self.name()),
                },
            }),
            None => Ok(()),
        }
    }
}

/// The bytes that tell the format.
fn head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let bytes = Compression::MAGIC_BYTES.max(ForeignFormat::MAGIC_BYTES);
    let mut head = Vec::with_capacity(bytes);
    reader.by_ref().take(bytes as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// A reader whose first read returns enough bytes to tell the format, also from a slow pipe.
struct Peeked<R> {
    head: io::Cursor<Vec<u8>>,
    rest: R,
}

impl<R: Read> Peeked<R> {
    fn new(mut rest: R) -> io::Result<Peeked<R>> {
        let head = head(&mut rest)?;
        Ok(Peeked { head: io::Cursor::new(head), rest })
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.head.read(buffer)? {
            0 => self.rest.read(buffer),
            taken => Ok(taken),
        }
    }
}
