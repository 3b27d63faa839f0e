//! What comes, kept in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use slabtrace::capture::reason;

/// What came is in the file after so long at most.
const WRITTEN_EVERY: Duration = Duration::from_secs(1);

/// A frame of packed bytes is ended at so many of them.
const FRAME_BYTES: usize = 1 << 20;

/// Where the disk was full it is tried again after so long.
const TRIED_EVERY: Duration = Duration::from_secs(5);

/// A file that grows by what comes, in a thread of its own.
pub(crate) struct Recorder {
    sender: Sender<Vec<u8>>,
    thread: JoinHandle<()>,
    state: Arc<Mutex<RecordState>>,
}

/// How the recording does.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct RecordState {
    /// Bytes that came and are not in the file, since it could not be written.
    pub(crate) lost: u64,
    /// Why it could not be written last, where it still cannot.
    pub(crate) failure: Option<String>,
}

impl Recorder {
    /// Opens a file to append to.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(crate) fn start(path: &Path) -> io::Result<Recorder> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let packing = if path.extension().is_some_and(|extension| extension == "zst") {
            Packing::Zstd
        } else {
            Packing::None
        };
        let state = Arc::<Mutex<RecordState>>::default();
        let (sender, receiver) = mpsc::channel();
        let mut tape = Tape {
            file,
            packing,
            held: Vec::new(),
            state: Arc::clone(&state),
            tried: Instant::now(),
        };
        let thread = thread::spawn(move || tape.run(&receiver));
        Ok(Recorder { sender, thread, state })
    }

    /// Takes bytes; never waits.
    pub(crate) fn take(&self, bytes: Vec<u8>) {
        // The thread ends only when this end is dropped.
        let _ = self.sender.send(bytes);
    }

    /// How it does.
    pub(crate) fn state(&self) -> RecordState {
        lock(&self.state).clone()
    }

    /// Writes what is left, and ends.
    pub(crate) fn finish(self) -> RecordState {
        let Recorder { sender, thread, state } = self;
        drop(sender);
        // A thread that panicked has said so.
        let _ = thread.join();
        lock(&state).clone()
    }
}

fn lock(state: &Mutex<RecordState>) -> std::sync::MutexGuard<'_, RecordState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the file is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Packing {
    None,
    /// In frames that can be read each for itself.
    Zstd,
}

struct Tape {
    file: File,
    packing: Packing,
    /// What came since the last writing.
    held: Vec<u8>,
    state: Arc<Mutex<RecordState>>,
    /// When the last writing was tried.
    tried: Instant,
}

impl Tape {
    fn run(&mut self, receiver: &Receiver<Vec<u8>>) {
        let mut due = Instant::now() + WRITTEN_EVERY;
        loop {
            match receiver.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    self.held.extend_from_slice(&bytes);
                    if self.held.len() < FRAME_BYTES && Instant::now() < due {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.write();
            due = Instant::now() + WRITTEN_EVERY;
        }
        self.write();
    }

    /// Writes what is held. Where that fails it is lost, for a disk that is full stays so, and memory
    /// must not fill as well.
    fn write(&mut self) {
        let has_failed = lock(&self.state).failure.is_some();
        if has_failed && self.tried.elapsed() < TRIED_EVERY {
            lock(&self.state).lost += self.held.len() as u64;
            self.held.clear();
        }
        if self.held.is_empty() {
            return;
        }
        self.tried = Instant::now();
        let written = match self.packing {
            Packing::None => append(&mut self.file, &self.held),
            Packing::Zstd => zstd::bulk::compress(&self.held, zstd::DEFAULT_COMPRESSION_LEVEL)
                .and_then(|frame| append(&mut self.file, &frame)),
        };
        let mut state = lock(&self.state);
        match written {
            Ok(()) => state.failure = None,
            Err(error) => {
                state.failure = Some(reason(&error));
                state.lost += self.held.len() as u64;
            }
        }
        drop(state);
        self.held.clear();
    }
}

/// Appends all or nothing: half of a frame, or of a line, would damage what comes behind it.
fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let written = file.write_all(bytes).and_then(|()| file.flush());
    if written.is_err() {
        // A pipe or a device cannot be cut.
        let _ = file.set_len(before);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_came_is_in_the_file_behind_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let plain = folder.path().join("serial.log");
        fs::write(&plain, "before\n").expect("there is room");
        let recorder = Recorder::start(&plain).expect("it opens");
        recorder.take(b"one\n".to_vec());
        recorder.take(b"two\n".to_vec());
        assert_eq!(recorder.finish(), RecordState::default());
        assert_eq!(fs::read_to_string(&plain).expect("text"), "before\none\ntwo\n");
    }

    #[test]
    fn packed_frames_stand_each_for_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let packed = folder.path().join("serial.log.zst");
        for text in ["one\n", "two\n"] {
            let recorder = Recorder::start(&packed).expect("it opens");
            recorder.take(text.as_bytes().to_vec());
            recorder.finish();
        }
        let bytes = fs::read(&packed).expect("a file");
        assert_eq!(zstd::decode_all(&bytes[..]).expect("frames"), b"one\ntwo\n");
        let cut = &bytes[..bytes.len() - 3];
        let mut whole = Vec::new();
        let mut reader = zstd::Decoder::new(cut).expect("frames");
        assert!(io::copy(&mut reader, &mut whole).is_err());
        assert!(whole.starts_with(b"one\n"), "what was written before a crash is read");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_told_and_counted() {
        let recorder = Recorder::start(Path::new("/dev/full")).expect("it opens");
        recorder.take(b"one\n".to_vec());
        let state = recorder.finish();
        assert_eq!(state.lost, 4);
        assert!(state.failure.is_some_and(|why| why.contains("space")));
    }
}
