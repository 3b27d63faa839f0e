//! What is watched: standard input, a file that grows, a device, a socket.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::Flow;

/// A read of a device that brings nothing ends after so long, so that one that vanished is noticed.
const SILENCE: Duration = Duration::from_millis(500);

/// Where a console comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum WatchSource {
    /// Standard input.
    Stdin,
    /// A file that others write.
    File(PathBuf),
    /// A terminal device: a serial line or a pty.
    Line {
        /// The device.
        path: PathBuf,
        /// Bits a second.
        baud: u32,
        /// Who may stop whom.
        flow: Flow,
    },
    /// Another device, or a pipe with a name.
    Device(PathBuf),
    /// A Unix socket.
    Unix(PathBuf),
    /// A host and a port.
    Tcp(String),
}

impl WatchSource {
    /// What a word of the command line means. What is not there yet is a file, or a device where its
    /// name says so.
    pub(crate) fn new(word: Option<&str>, baud: u32, flow: Flow) -> WatchSource {
        let Some(word) = word.filter(|word| *word != "-") else { return WatchSource::Stdin };
        if let Some(path) = word.strip_prefix("unix:") {
            return WatchSource::Unix(PathBuf::from(path));
        }
        if let Some(address) = word.strip_prefix("tcp:") {
            return WatchSource::Tcp(address.to_owned());
        }
        let path = PathBuf::from(word);
        if is_terminal_device(&path) {
            WatchSource::Line { path, baud, flow }
        } else if is_stream(&path) {
            WatchSource::Device(path)
        } else {
            WatchSource::File(path)
        }
    }

    /// Bytes that a line carries in a second, where it is a line with a speed: ten bits make a byte.
    pub(crate) fn capacity(&self) -> Option<f64> {
        match self {
            // A pty has a speed too, which means nothing.
            WatchSource::Line { path, baud, .. } if !is_pty(path) => Some(f64::from(*baud) / 10.0),
            _ => None,
        }
    }

    /// Whether it may come back when it has ended.
    pub(crate) fn comes_back(&self) -> bool {
        *self != WatchSource::Stdin
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// When it is not there, or may not be read.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            WatchSource::Stdin => Box::new(io::stdin()),
            WatchSource::File(path) | WatchSource::Device(path) => Box::new(File::open(path)?),
            WatchSource::Line { path, baud, flow } => open_line(path, *baud, *flow)?,
            WatchSource::Unix(path) => open_unix(path)?,
            WatchSource::Tcp(address) => Box::new(TcpStream::connect(address)?),
        })
    }
}

impl fmt::Display for WatchSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WatchSource::Stdin => f.write_str("standard input"),
            WatchSource::File(path)
            | WatchSource::Device(path)
            | WatchSource::Line { path, .. } => write!(f, "{}", path.display()),
            WatchSource::Unix(path) => write!(f, "unix:{}", path.display()),
            WatchSource::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

/// Whether a path is a terminal, or has the name of one that is not there yet. It may be a link, such
/// as /dev/serial/by-id/… To open it would tell too, and reset some boards.
fn is_terminal_device(path: &Path) -> bool {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_named = |path: &Path| {
        path.starts_with("/dev/pts")
            || path.starts_with("/dev/serial")
            || path.to_string_lossy().starts_with("/dev/tty")
    };
    is_named(&target) || is_named(path)
}

fn is_pty(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|target| target.starts_with("/dev/pts"))
}

#[cfg(unix)]
fn is_stream(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = path.metadata().map(|metadata| metadata.file_type());
    let is_device = kind.is_ok_and(|kind| kind.is_char_device() || kind.is_fifo());
    // trace_pipe is a plain file to look at, and gives each byte once.
    is_device || path.ends_with("trace_pipe")
}

#[cfg(not(unix))]
fn is_stream(_path: &Path) -> bool {
    false
}

fn open_line(path: &Path, baud: u32, flow: Flow) -> io::Result<Box<dyn Read + Send>> {
    let port = serial2::SerialPort::open(path, |mut settings: serial2::Settings| {
        settings.set_raw();
        settings.set_baud_rate(baud)?;
        settings.set_flow_control(match flow {
            Flow::None => serial2::FlowControl::None,
            Flow::Software => serial2::FlowControl::XonXoff,
            Flow::Hardware => serial2::FlowControl::RtsCts,
        });
        Ok(settings)
    })?;
    let mut port = port;
    port.set_read_timeout(SILENCE)?;
    Ok(Box::new(port))
}

#[cfg(unix)]
fn open_unix(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(std::os::unix::net::UnixStream::connect(path)?))
}

#[cfg(not(unix))]
fn open_unix(_path: &Path) -> io::Result<Box<dyn Read + Send>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "there are no Unix sockets on this system"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_what_it_is() {
        let source = |word: &str| WatchSource::new(Some(word), 9600, Flow::None);
        assert_eq!(WatchSource::new(None, 9600, Flow::None), WatchSource::Stdin);
        assert_eq!(source("-"), WatchSource::Stdin);
        assert_eq!(source("unix:/run/x"), WatchSource::Unix("/run/x".into()));
        assert_eq!(source("tcp:board:4000"), WatchSource::Tcp("board:4000".to_owned()));
        assert_eq!(source("serial.log"), WatchSource::File("serial.log".into()));
        assert_eq!(source("/dev/null"), WatchSource::Device("/dev/null".into()));
        assert!(matches!(source("/dev/ttyUSB0"), WatchSource::Line { baud: 9600, .. }));
        assert_eq!(source("/dev/ttyUSB0").capacity(), Some(960.0));
        assert!(matches!(source("/dev/serial/by-id/usb-x"), WatchSource::Line { .. }));
    }
}
