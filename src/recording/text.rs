//! The text of a recording, made while it is read.

use std::io::{self, Read};

use super::names::Names;
use super::perf::PerfData;
use super::trace_dat::TraceDat;
use super::{Decoder, Recording, RecordingError, Step};

/// A recording that is larger is refused: it is read to memory, for its end says what its beginning
/// means.
const MAX_BYTES: usize = 2 << 30;

/// So much text is made at once.
const TEXT_BYTES: usize = 64 << 10;

/// The text of a recording.
pub struct RecordingText<R> {
    recording: Recording,
    /// The command that a message names.
    command: String,
    names: Names,
    state: State<R>,
    text: Vec<u8>,
    /// How much of `text` was read.
    taken: usize,
}

/// How far it is.
enum State<R> {
    /// Nothing was read.
    Untouched(R),
    /// It is being printed.
    Printing(Box<dyn Decoder>),
    /// All of it is in `text`, and it breaks off there.
    BrokenOff,
    /// There is no more.
    Done,
}

impl<R: Read> RecordingText<R> {
    /// The text of what `reader` holds. `command` would write it, too.
    pub fn new(recording: Recording, reader: R, command: String) -> RecordingText<R> {
        let state = State::Untouched(reader);
        let names = Names::default();
        RecordingText { recording, command, names, state, text: Vec::new(), taken: 0 }
    }

    /// The same with the names of functions from these texts, where the recording holds none.
    #[must_use]
    pub fn named_by(mut self, texts: Vec<Box<dyn Read + Send>>) -> RecordingText<R> {
        self.names = Names::of(texts);
        self
    }

    fn failure(&self, error: &RecordingError) -> io::Error {
        let text = format!(
            "this is {}, but {error}; give slabtrace what this writes: {}",
            self.recording, self.command
        );
        io::Error::new(io::ErrorKind::InvalidData, text)
    }

    fn decoder(&mut self, reader: R) -> io::Result<Box<dyn Decoder>> {
        let mut file = Vec::new();
        // Where the packing is damaged, what came before is read.
        let unpacked = reader.take(MAX_BYTES as u64 + 1).read_to_end(&mut file);
        if file.len() > MAX_BYTES {
            return Err(self.failure(&RecordingError::TooLarge(MAX_BYTES)));
        }
        let decoder: Result<Box<dyn Decoder>, RecordingError> = match self.recording {
            Recording::PerfData => {
                PerfData::open(file, &mut self.names).map(|it| Box::new(it) as Box<dyn Decoder>)
            }
            Recording::TraceDat => {
                TraceDat::open(file, &mut self.names).map(|it| Box::new(it) as Box<dyn Decoder>)
            }
        };
        match (decoder, unpacked) {
            (Ok(decoder), Ok(_)) => Ok(decoder),
            (Ok(decoder), Err(_)) => Ok(Box::new(CutOff(decoder))),
            (Err(error), _) => Err(self.failure(&error)),
        }
    }

    /// Makes more text, where what was made is used.
    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.taken = 0;
        match std::mem::replace(&mut self.state, State::Done) {
            State::Untouched(reader) => self.state = State::Printing(self.decoder(reader)?),
            State::BrokenOff => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the recording holds less than it says",
                ));
            }
            state => self.state = state,
        }
        while self.text.len() < TEXT_BYTES
            && let State::Printing(decoder) = &mut self.state
        {
            match decoder.step(&mut self.text) {
                Step::More => {}
                Step::End => self.state = State::Done,
                Step::BrokenOff => self.state = State::BrokenOff,
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for RecordingText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.taken == self.text.len() {
            self.fill()?;
            if self.text.is_empty() && matches!(self.state, State::BrokenOff) {
                self.fill()?;
            }
        }
        let mut rest = self.text.get(self.taken..).unwrap_or_default();
        let length = rest.read(buffer)?;
        self.taken += length;
        Ok(length)
    }
}

/// A recording that was cut off where it was packed.
struct CutOff(Box<dyn Decoder>);

impl Decoder for CutOff {
    fn step(&mut self, out: &mut Vec<u8>) -> Step {
        match self.0.step(out) {
            Step::More => Step::More,
            Step::End | Step::BrokenOff => Step::BrokenOff,
        }
    }
}
