//! Reading a log with several threads: all read chunks ahead, and one takes them in order.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use slabtrace::{Analysis, Chunk, ChunkReader, Footing, Reading};

use super::input::Input;

/// Bytes of a chunk: large beside what is read above it, and small beside a processor's cache.
const CHUNK_BYTES: usize = 512 << 10;

/// Bytes right above a chunk that tell what it stands on: some dozens of lines.
const ABOVE_BYTES: usize = 4 << 10;

/// Chunks for each thread that may have been read and not been taken.
const AHEAD: usize = 3;

/// Reads an input to its end.
pub(crate) fn read(input: &mut Input, threads: NonZeroUsize, analysis: &mut Analysis) {
    let progress = input.progress();
    if threads == NonZeroUsize::MIN {
        while let Some(bytes) = input.read() {
            analysis.feed(bytes);
            progress.reach(input.bytes());
        }
        return;
    }
    let shared = Shared::new(input, threads);
    thread::scope(|scope| {
        for _ in 1..threads.get() {
            let mut reader = analysis.chunk_reader();
            let shared = &shared;
            scope.spawn(move || while shared.wait_for_room() && shared.read_one(&mut reader) {});
        }
        let mut reader = analysis.chunk_reader();
        let (mut next, mut bytes) = (0, 0);
        let mut last = Reading::Used;
        loop {
            match shared.task(next, last) {
                Task::Take(mut chunk) => {
                    last = analysis.take(&mut chunk);
                    (next, bytes) = (next + 1, bytes + chunk.bytes().len() as u64);
                    progress.reach(bytes);
                    shared.put_back(chunk, analysis.footing());
                }
                Task::Read => {
                    shared.read_one(&mut reader);
                }
                Task::None => break,
            }
        }
    });
}

/// What the thread that takes chunks in order does next.
enum Task {
    /// It takes the chunk whose turn it is.
    Take(Box<Chunk>),
    /// It reads one itself.
    Read,
    /// All is done.
    None,
}

/// What the threads share.
struct Shared<'a> {
    cutter: Mutex<Cutter<'a>>,
    chunks: Mutex<Chunks>,
    changed: Condvar,
    chunks_max: usize,
}

/// The chunks that are under way.
#[derive(Default)]
struct Chunks {
    /// How many are being read, or were and have not been taken.
    under_way: usize,
    /// Those that were read, by number.
    read: BTreeMap<usize, Box<Chunk>>,
    /// Room for others.
    #[expect(clippy::vec_box, reason = "they go from hand to hand in their boxes")]
    spare: Vec<Box<Chunk>>,
    /// What is known of the log behind the last one that was taken.
    footing: Footing,
    is_over: bool,
}

impl<'a> Shared<'a> {
    fn new(input: &'a mut Input, threads: NonZeroUsize) -> Shared<'a> {
        Shared {
            cutter: Mutex::new(Cutter { input, rest: Vec::new(), above: Vec::new(), next: 0 }),
            chunks: Mutex::default(),
            changed: Condvar::new(),
            chunks_max: AHEAD * threads.get(),
        }
    }

    /// Waits until a chunk may be read, and promises that one will be. False where there is none.
    fn wait_for_room(&self) -> bool {
        let mut chunks = lock(&self.chunks);
        while chunks.under_way >= self.chunks_max && !chunks.is_over {
            chunks = self.changed.wait(chunks).unwrap_or_else(PoisonError::into_inner);
        }
        chunks.under_way += usize::from(!chunks.is_over);
        !chunks.is_over
    }

    /// Reads a chunk that was promised. False where the log is over.
    fn read_one(&self, reader: &mut ChunkReader) -> bool {
        let (mut chunk, footing) = {
            let mut chunks = lock(&self.chunks);
            (chunks.spare.pop().unwrap_or_default(), chunks.footing.clone())
        };
        let mut above = Vec::new();
        let number = lock(&self.cutter).cut(chunk.bytes_mut(), &mut above);
        if number.is_some() {
            reader.read(&footing, &above, &mut chunk);
        }
        let mut chunks = lock(&self.chunks);
        if let Some(number) = number {
            chunks.read.insert(number, chunk);
        } else {
            chunks.under_way -= 1;
            chunks.is_over = true;
        }
        self.changed.notify_all();
        number.is_some()
    }

    /// What is to be done for the chunk of this number to be taken. Where the last one had to be
    /// read again, to read ahead is most likely in vain, and left to others.
    fn task(&self, next: usize, last: Reading) -> Task {
        let mut chunks = lock(&self.chunks);
        loop {
            if let Some(chunk) = chunks.read.remove(&next) {
                return Task::Take(chunk);
            }
            if chunks.under_way == 0 && chunks.is_over {
                return Task::None;
            }
            let may_read = last == Reading::Used || chunks.under_way == 0;
            if may_read && chunks.under_way < self.chunks_max && !chunks.is_over {
                chunks.under_way += 1;
                return Task::Read;
            }
            chunks = self.changed.wait(chunks).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A chunk has been taken.
    fn put_back(&self, chunk: Box<Chunk>, footing: Option<Footing>) {
        let mut chunks = lock(&self.chunks);
        chunks.under_way -= 1;
        chunks.spare.push(chunk);
        if let Some(footing) = footing {
            chunks.footing = footing;
        }
        self.changed.notify_all();
    }
}

/// A thread that panicked has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cuts an input between lines.
struct Cutter<'a> {
    input: &'a mut Input,
    /// The beginning of the next chunk.
    rest: Vec<u8>,
    /// Whole lines right above the next chunk.
    above: Vec<u8>,
    /// The number of the next chunk.
    next: usize,
}

impl Cutter<'_> {
    /// Fills `chunk` with whole lines, or with all there is where a line is longer, and `above` with
    /// those above it. Gives the chunk's number.
    fn cut(&mut self, chunk: &mut Vec<u8>, above: &mut Vec<u8>) -> Option<usize> {
        chunk.clear();
        chunk.reserve(2 * CHUNK_BYTES);
        chunk.append(&mut self.rest);
        while chunk.len() < CHUNK_BYTES && self.input.read_into(chunk) {}
        if chunk.is_empty() {
            return None;
        }
        // A shorter one is the last.
        if chunk.len() >= CHUNK_BYTES
            && let Some(end) = memchr::memrchr(b'\n', chunk)
        {
            self.rest.extend_from_slice(&chunk[end + 1..]);
            chunk.truncate(end + 1);
        }
        above.clear();
        above.append(&mut self.above);
        let tail = &chunk[chunk.len().saturating_sub(ABOVE_BYTES)..];
        let start = memchr::memchr(b'\n', tail).map_or(tail.len(), |at| at + 1);
        self.above.extend_from_slice(&tail[start..]);
        self.next += 1;
        Some(self.next - 1)
    }
}
