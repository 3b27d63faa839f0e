//! The thread that reads: it never waits for those who use what it reads.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use slabtrace::capture::reason;

use super::source::WatchSource;

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// A file that has not grown, and what is not there, is looked at again after so long.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the reader tells.
#[derive(Debug)]
pub(crate) enum Message {
    /// Bytes that came.
    Bytes(Vec<u8>),
    /// It was away for so long, and goes on: what it said meanwhile is lost.
    Gap(Duration),
    /// It is away since now; why.
    Away(String),
    /// It is there again, or for the first time.
    There,
    /// Nothing will come any more.
    End,
}

/// Reads a source to its end, or until it is told to stop.
pub(crate) struct Feed {
    source: WatchSource,
    sender: Sender<Message>,
    stop: Arc<AtomicBool>,
    /// Since when it is away. What has ended for good has lost nothing: the gap is told when it says
    /// something again.
    away_since: Option<Instant>,
}

/// How reading a source that was opened ended.
enum Ended {
    /// It has no more.
    Over,
    /// It failed; the words of the system.
    Failed(String),
    /// Nobody wants more.
    Stopped,
}

impl Feed {
    /// Starts the thread.
    pub(crate) fn start(source: WatchSource, sender: Sender<Message>, stop: Arc<AtomicBool>) {
        thread::spawn(move || Feed { source, sender, stop, away_since: None }.run());
    }

    fn run(&mut self) {
        while !self.is_stopped() {
            let mut reader = match self.source.open() {
                Ok(reader) => reader,
                Err(error) if self.away_since.is_none() => {
                    self.tell(Message::Away(reason(&error)));
                    self.wait_for_first();
                    continue;
                }
                Err(_) => {
                    thread::sleep(PATIENCE);
                    continue;
                }
            };
            self.tell(Message::There);
            let ended = match self.source.clone() {
                WatchSource::File(path) => self.follow(&path),
                _ => self.read(reader.as_mut()),
            };
            match ended {
                Ended::Stopped => break,
                _ if !self.source.comes_back() => break,
                Ended::Over => self.tell(Message::Away("it ended".to_owned())),
                Ended::Failed(why) => self.tell(Message::Away(why)),
            }
            self.away_since.get_or_insert_with(Instant::now);
            // What ends at once each time need not be opened without a pause.
            thread::sleep(PATIENCE);
        }
        self.tell(Message::End);
    }

    /// Bytes came; if it had been away, that is told first.
    fn came(&mut self, bytes: &[u8]) {
        if let Some(since) = self.away_since.take() {
            self.tell(Message::Gap(since.elapsed()));
        }
        self.tell(Message::Bytes(bytes.to_vec()));
    }

    /// Waits for what was not there yet when the watch began.
    fn wait_for_first(&self) {
        while !self.is_stopped() && self.source.open().is_err() {
            thread::sleep(PATIENCE);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn tell(&self, message: Message) {
        // Nobody listens any more where the watch has ended.
        if self.sender.send(message).is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Reads a stream.
    fn read(&mut self, reader: &mut dyn Read) -> Ended {
        let mut room = vec![0; CHUNK_BYTES];
        while !self.is_stopped() {
            match reader.read(&mut room) {
                Ok(0) => return Ended::Over,
                Ok(length) => self.came(&room[..length]),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::WouldBlock => {}
                    // /dev/kmsg: records were overwritten before they were read. It goes on.
                    io::ErrorKind::BrokenPipe => self.tell(Message::Gap(Duration::ZERO)),
                    _ => return Ended::Failed(reason(&error)),
                },
            }
        }
        Ended::Stopped
    }

    /// Reads a file as it grows, and the one that takes its name when it is rotated.
    fn follow(&mut self, path: &Path) -> Ended {
        let mut followed = match Followed::open(path) {
            Ok(followed) => followed,
            Err(error) => return Ended::Failed(reason(&error)),
        };
        let mut room = vec![0; CHUNK_BYTES];
        while !self.is_stopped() {
            match followed.file.read(&mut room) {
                Ok(0) => match followed.turn(path) {
                    Ok(Turn::Same) => thread::sleep(PATIENCE),
                    Ok(Turn::Rotated) => {}
                    // What was written between its last reading and its cutting is not known.
                    Ok(Turn::Cut) => self.tell(Message::Gap(Duration::ZERO)),
                    Err(error) => return Ended::Failed(reason(&error)),
                },
                Ok(length) => {
                    followed.position += length as u64;
                    self.came(&room[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ended::Failed(reason(&error)),
            }
        }
        Ended::Stopped
    }
}

/// A file that is followed.
struct Followed {
    file: File,
    position: u64,
}

/// What has become of a file that was read to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// It is the same.
    Same,
    /// Another has its name, and is open now.
    Rotated,
    /// It was cut, and is read from its beginning.
    Cut,
}

impl Followed {
    fn open(path: &Path) -> io::Result<Followed> {
        Ok(Followed { file: File::open(path)?, position: 0 })
    }

    fn turn(&mut self, path: &Path) -> io::Result<Turn> {
        let own = self.file.metadata()?;
        if own.len() < self.position {
            self.file.seek(SeekFrom::Start(0))?;
            self.position = 0;
            return Ok(Turn::Cut);
        }
        // Between the old one's renaming and the new one's making there is none.
        match path.metadata() {
            Ok(named) if !is_same(&own, &named) => {
                *self = Followed::open(path)?;
                Ok(Turn::Rotated)
            }
            _ => Ok(Turn::Same),
        }
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_is_rotated_or_cut_is_read_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, old) = (folder.path().join("serial.log"), folder.path().join("serial.log.1"));
        fs::write(&path, "one\n").expect("there is room");
        let mut followed = Followed::open(&path).expect("it is there");
        let mut text = String::new();
        let mut read = |followed: &mut Followed| {
            text.clear();
            followed.position += followed.file.read_to_string(&mut text).expect("text") as u64;
            text.clone()
        };
        assert_eq!(read(&mut followed), "one\n");
        assert_eq!(followed.turn(&path).expect("it is there"), Turn::Same);
        fs::rename(&path, &old).expect("a name");
        assert_eq!(followed.turn(&path).expect("it is open"), Turn::Same, "no new one yet");
        let mut late = fs::OpenOptions::new().append(true).open(&old).expect("it is there");
        writeln!(late, "two").expect("there is room");
        assert_eq!(read(&mut followed), "two\n", "the old one's end comes first");
        fs::write(&path, "three\n").expect("there is room");
        assert_eq!(followed.turn(&path).expect("it is there"), Turn::Rotated);
        assert_eq!(read(&mut followed), "three\n");
        fs::write(&path, "4\n").expect("there is room");
        assert_eq!(followed.turn(&path).expect("it is there"), Turn::Cut);
        assert_eq!(read(&mut followed), "4\n");
    }
}
