//! Reading the captures that the command line names.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

use slabtrace::capture::{
    CaptureForm, ForeignFormat, Source, SourceError, TextKind, TextReader, reason,
};
use slabtrace::report::Escaped;

use super::pieces;
use super::progress::Progress;
use crate::cli;

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes of a file that are read at once to where they are used.
const DIRECT_BYTES: u64 = 512 << 10;

/// Chunks that a thread which reads may be ahead.
const CHUNKS_AHEAD: usize = 4;

/// So many of a capture's first bytes tell whether it is text.
const SAMPLE_BYTES: usize = 4096;

/// A text has no more control characters than one in so many bytes.
const BINARY_ONE_IN: usize = 32;

/// The captures, in order.
pub(crate) struct Inputs {
    sources: std::vec::IntoIter<Source>,
    /// The next capture, where one had to look into it before its turn.
    opened: Option<Input>,
    /// Texts that name the functions of binary recordings.
    names: Vec<PathBuf>,
    is_broken: bool,
    is_binary: bool,
    is_interrupted: bool,
    /// What the first capture that is known is.
    kind: Option<TextKind>,
    /// What the first one is that is no text, once unpacked.
    packed: Option<ForeignFormat>,
}

impl Inputs {
    /// The captures that were named; standard input where none was and it is no terminal.
    pub(crate) fn choose(captures: &[PathBuf]) -> anyhow::Result<Option<Inputs>> {
        let mut sources: Vec<Source> = captures.iter().map(|path| Source::from_arg(path)).collect();
        if sources.is_empty() {
            if Source::stdin_is_terminal() {
                return Ok(None);
            }
            sources.push(Source::Stdin);
        }
        if sources.iter().filter(|source| **source == Source::Stdin).count() > 1 {
            return Err(cli::usage_error("standard input was named twice; give `-` once").into());
        }
        Ok(Some(Inputs {
            sources: sources.into_iter(),
            opened: None,
            names: Vec::new(),
            is_broken: false,
            is_binary: false,
            is_interrupted: false,
            kind: None,
            packed: None,
        }))
    }

    /// Names the functions of binary recordings that do not do so themselves.
    pub(crate) fn name_by(&mut self, texts: &[PathBuf]) {
        self.names = texts.to_vec();
    }

    /// Finds a capture that cannot be opened before those in front of it are read.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.sources
            .as_slice()
            .iter()
            .try_for_each(Source::check)
            .map_err(|error| with_hint(error.into()))
    }

    /// Puts the pieces of a rotated log in the order in which they were written.
    pub(crate) fn put_in_order(&mut self) {
        let sources = std::mem::take(&mut self.sources);
        self.sources = pieces::in_order(sources.collect()).into_iter();
    }

    /// Reads all captures, one after another.
    pub(crate) fn read_all(&mut self, mut take: impl FnMut(Piece<'_>)) -> anyhow::Result<()> {
        while let Some(mut input) = self.next()? {
            let progress = input.progress();
            while let Some(bytes) = input.read() {
                take(Piece::Bytes(bytes));
                progress.reach(input.bytes());
            }
            drop(progress);
            take(Piece::End { name: input.name(), bytes: input.bytes() });
            self.done(&input)?;
        }
        Ok(())
    }

    /// What the first capture is, by its beginning, where that is known.
    pub(crate) fn peek_kind(&mut self) -> anyhow::Result<Option<TextKind>> {
        if self.opened.is_none() {
            self.opened = self.open_next()?;
        }
        Ok(self.opened.as_mut().and_then(|input| TextKind::guess(input.peek())))
    }

    /// Opens the next capture, for those who may stop before its end.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Input>> {
        if self.is_interrupted {
            return Ok(None);
        }
        match self.opened.take() {
            Some(input) => Ok(Some(input)),
            None => self.open_next(),
        }
    }

    fn open_next(&mut self) -> anyhow::Result<Option<Input>> {
        let open = |source| Input::open(source, &self.names).map_err(with_hint);
        self.sources.next().map(open).transpose()
    }

    /// Takes note of a capture that has been read, and says so where it broke off. Nothing of it
    /// could be read: that is an error.
    pub(crate) fn done(&mut self, input: &Input) -> anyhow::Result<()> {
        self.is_binary |= looks_binary(&input.sample);
        self.packed = self.packed.or_else(|| ForeignFormat::detect(&input.sample));
        self.kind = self.kind.or_else(|| TextKind::guess(&input.sample));
        self.is_interrupted |= input.end == End::Interrupted;
        let error = match &input.end {
            End::Broken(error) => error,
            End::Refused(error) => anyhow::bail!("{error}"),
            End::NotYet | End::Complete | End::Interrupted => return Ok(()),
        };
        if input.bytes == 0 {
            anyhow::bail!("failed to read {}: {error}", input.source.title());
        }
        self.is_broken = true;
        let note = format!(
            "slabtrace: {} breaks off after {} bytes: {error}; reporting on what came before",
            input.source.title(),
            input.bytes
        );
        // Nothing is left to do where standard error is closed.
        let _ = writeln!(io::stderr(), "{}", Escaped(&note));
        Ok(())
    }

    /// Whether any capture could not be read to its end.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// What is wrong with captures of which a reader could use nothing, where they are known to be
    /// something else.
    pub(crate) fn misread(&self, reader: TextReader) -> Option<anyhow::Error> {
        if let Some(format) = self.packed {
            let writer = format.text_writer();
            return Some(anyhow::anyhow!(
                "the input is {format}, packed; unpack it, and give what this writes: {writer} FILE"
            ));
        }
        self.kind.map(|kind| anyhow::Error::msg(kind.advice(reader)))
    }

    /// The same, where somebody else reads them.
    pub(crate) fn belongs_elsewhere(&self, reader: TextReader) -> Option<anyhow::Error> {
        let is_own = self.kind.is_some_and(|kind| kind.reader() == Some(reader));
        self.misread(reader).filter(|_| !is_own)
    }

    /// Whether any capture was no text.
    pub(crate) fn is_binary(&self) -> bool {
        self.is_binary
    }
}

/// What comes out of captures, one after another.
pub(crate) enum Piece<'a> {
    /// The next bytes of one.
    Bytes(&'a [u8]),
    /// The end of one: its name, and how many bytes it had.
    End { name: String, bytes: u64 },
}

/// A capture that is not there, and is named like a subcommand, was probably meant to be one.
fn with_hint(error: anyhow::Error) -> anyhow::Error {
    let Some(SourceError::Open { path, cause }) = error.downcast_ref::<SourceError>() else {
        return error;
    };
    let command = cli::subcommand_like(path).filter(|_| cause.kind() == io::ErrorKind::NotFound);
    match command {
        Some(command) if command == *path => anyhow::anyhow!(
            "there is no file {path}; to run the subcommand, put it first: slabtrace {path} …"
        ),
        Some(command) => anyhow::anyhow!(
            "there is no file {path}; did you mean the subcommand {command} (slabtrace {command} --help)?"
        ),
        None => error,
    }
}

/// How a capture ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It has not.
    NotYet,
    /// There is no more.
    Complete,
    /// The user interrupted the pipe.
    Interrupted,
    /// It could not be read further, or its packing is damaged.
    Broken(String),
    /// It is nothing that can be read.
    Refused(String),
}

/// One capture being read.
pub(crate) struct Input {
    source: Source,
    /// The file, where there is one that is not packed.
    plain: Option<File>,
    feed: Feed,
    chunk: Chunk,
    /// What was read and not used yet.
    ahead: Vec<u8>,
    bytes: u64,
    /// Its first bytes, which tell whether it is text.
    sample: Vec<u8>,
    end: End,
}

/// Where the bytes come from.
enum Feed {
    /// A file.
    Direct(Box<dyn Read + Send>),
    /// What a thread of its own reads: a pipe, so that an interrupt can end it, or a packed file,
    /// so that it is unpacked while what came before is read.
    Piped(Piped),
}

/// What a pipe's reader and the interrupt handler send.
enum Message {
    Chunk(Chunk),
    End(End),
}

/// Bytes that were read.
#[derive(Default)]
struct Chunk {
    room: Vec<u8>,
    length: usize,
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        &self.room[..self.length]
    }

    /// Reads once. The end and a failure are both ends.
    fn fill(&mut self, reader: &mut dyn Read) -> Result<(), End> {
        self.room.resize(CHUNK_BYTES, 0);
        loop {
            match reader.read(&mut self.room) {
                Ok(0) => return Err(End::Complete),
                Ok(length) => {
                    self.length = length;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(End::Broken(reason(&error))),
            }
        }
    }
}

/// What a thread of its own reads.
struct Piped {
    messages: Receiver<Message>,
    /// Takes chunks back whose bytes were used.
    used: Sender<Chunk>,
}

impl Input {
    fn open(source: Source, names: &[PathBuf]) -> anyhow::Result<Input> {
        let plain = source.plain_file();
        let feed = match source {
            Source::Stdin => Feed::Piped(pipe(&source, names)?),
            Source::File(_) if plain.is_some() => Feed::Direct(source.open()?),
            Source::File(_) => Feed::Piped(unpacker(source.open_named(names)?.text)),
        };
        Ok(Input {
            source,
            plain,
            feed,
            chunk: Chunk::default(),
            ahead: Vec::new(),
            bytes: 0,
            sample: Vec::new(),
            end: End::NotYet,
        })
    }

    pub(crate) fn name(&self) -> String {
        self.source.name()
    }

    /// Whether it ended before its end.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.end, End::Broken(_))
    }

    /// Bytes read so far, unpacked.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first bytes, which are read again by the next reading.
    pub(crate) fn peek(&mut self) -> &[u8] {
        let mut ahead = Vec::new();
        while self.ahead.is_empty()
            && ahead.len() < SAMPLE_BYTES
            && let Some(bytes) = self.read()
        {
            ahead.extend_from_slice(bytes);
        }
        self.ahead.append(&mut ahead);
        &self.ahead
    }

    /// Adds what comes next to `room`. False at the end.
    pub(crate) fn read_into(&mut self, room: &mut Vec<u8>) -> bool {
        let before = room.len();
        if !self.ahead.is_empty() {
            room.append(&mut self.ahead);
        } else if let Feed::Direct(reader) = &mut self.feed
            && self.end == End::NotYet
            && self.bytes > 0
        {
            match reader.by_ref().take(DIRECT_BYTES).read_to_end(room) {
                Ok(0) => self.end = End::Complete,
                Ok(length) => self.bytes += length as u64,
                Err(error) => {
                    self.bytes += (room.len() - before) as u64;
                    self.end = End::Broken(reason(&error));
                }
            }
            self.sample = sampled(std::mem::take(&mut self.sample), &room[before..]);
        } else if let Some(bytes) = self.read() {
            room.extend_from_slice(bytes);
        }
        room.len() > before
    }

    /// Shows how far it is read, where its length is known.
    pub(crate) fn progress(&self) -> Progress {
        let metadata = self.plain.as_ref().and_then(|file| file.metadata().ok());
        metadata.map_or_else(Progress::hidden, |metadata| Progress::of(metadata.len()))
    }

    /// The next piece; nothing at the end.
    pub(crate) fn read(&mut self) -> Option<&[u8]> {
        if !self.ahead.is_empty() {
            let room = std::mem::take(&mut self.ahead);
            self.chunk = Chunk { length: room.len(), room };
            return Some(self.chunk.bytes());
        }
        if self.end != End::NotYet {
            return None;
        }
        let next = match &mut self.feed {
            Feed::Direct(reader) => self.chunk.fill(reader.as_mut()),
            Feed::Piped(piped) => piped.next(&mut self.chunk),
        };
        if let Err(end) = next {
            self.end = end;
            return None;
        }
        let bytes = self.chunk.bytes();
        self.sample = sampled(std::mem::take(&mut self.sample), bytes);
        self.bytes += bytes.len() as u64;
        Some(bytes)
    }
}

impl Piped {
    /// Reads in a thread what `read` reads.
    fn new(
        (sender, messages): (SyncSender<Message>, Receiver<Message>),
        read: impl FnOnce(&Pump) + Send + 'static,
    ) -> Piped {
        let (used, spare) = mpsc::channel();
        std::thread::spawn(move || read(&Pump { sender, spare }));
        Piped { messages, used }
    }

    /// Puts the next chunk in the place of one that was used.
    fn next(&self, chunk: &mut Chunk) -> Result<(), End> {
        match self.messages.recv() {
            Ok(Message::Chunk(next)) => {
                // Nobody takes it any more where the end was reached.
                let _ = self.used.send(std::mem::replace(chunk, next));
                Ok(())
            }
            Ok(Message::End(end)) => Err(end),
            Err(mpsc::RecvError) => Err(End::Complete),
        }
    }
}

/// Reads standard input in a thread, and lets an interrupt end it as if the pipe had closed. A binary
/// recording means nothing before its end: its writer gets the interrupt too, and is waited for.
fn pipe(source: &Source, names: &[PathBuf]) -> anyhow::Result<Piped> {
    let (sender, messages) = mpsc::sync_channel(CHUNKS_AHEAD);
    let interrupted = sender.clone();
    let waits = Arc::new(AtomicBool::new(false));
    let waits_for_writer = waits.clone();
    // A second interrupt finds the channel closed and ends the program at once.
    ctrlc::set_handler(move || {
        if waits_for_writer.swap(false, Ordering::Relaxed) {
            return;
        }
        if interrupted.send(Message::End(End::Interrupted)).is_err() {
            std::process::exit(130);
        }
    })?;
    let (source, names) = (source.clone(), names.to_vec());
    Ok(Piped::new((sender, messages), move |pump| match source.open_named(&names) {
        Ok(mut opened) => {
            waits.store(opened.form == CaptureForm::Recording, Ordering::Relaxed);
            pump.read_all(opened.text.as_mut());
        }
        Err(error) => pump.end(End::Refused(error.to_string())),
    }))
}

/// Unpacks a file in a thread.
fn unpacker(mut reader: Box<dyn Read + Send>) -> Piped {
    Piped::new(mpsc::sync_channel(CHUNKS_AHEAD), move |pump| pump.read_all(reader.as_mut()))
}

/// The other end of what a thread reads.
struct Pump {
    sender: SyncSender<Message>,
    spare: Receiver<Chunk>,
}

impl Pump {
    fn read_all(&self, reader: &mut dyn Read) {
        loop {
            let mut chunk = self.spare.try_recv().unwrap_or_default();
            match chunk.fill(reader) {
                Ok(()) if self.sender.send(Message::Chunk(chunk)).is_ok() => {}
                Ok(()) => return,
                Err(end) => return self.end(end),
            }
        }
    }

    fn end(&self, end: End) {
        // Nobody listens any more after an interrupt.
        let _ = self.sender.send(Message::End(end));
    }
}

/// The first bytes of a capture, as far as they are wanted, with those that come next.
fn sampled(mut sample: Vec<u8>, bytes: &[u8]) -> Vec<u8> {
    let wanted = SAMPLE_BYTES.saturating_sub(sample.len());
    sample.extend_from_slice(&bytes[..wanted.min(bytes.len())]);
    sample
}

fn looks_binary(sample: &[u8]) -> bool {
    let odd = sample.iter().filter(|&&byte| byte < b'\t' || (0x0e..0x1b).contains(&byte)).count();
    odd > sample.len() / BINARY_ONE_IN
}
