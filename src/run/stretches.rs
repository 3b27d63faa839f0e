//! Reading one large file with several threads: each takes a stretch, and all are joined in order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use slabtrace::{Analysis, Hint, Joined, Stretch, StretchReader};

use super::progress::Progress;

/// Bytes of a stretch. Shorter ones spend more time on their run-ups, longer ones leave threads
/// without work at the end of a file.
const STRETCH_BYTES: u64 = 8 << 20;

/// Bytes above a stretch that its reader begins at: some dozens of events.
const RUN_UP_BYTES: u64 = 128 << 10;

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// A line is looked for in no more bytes than this; a log with longer ones is read by one thread.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Where so many stretches were refused, and more than were joined, one thread is faster.
const REFUSED_MAX: usize = 4;

/// A stretch to be read.
struct Job {
    number: usize,
    run_up: Range<u64>,
    stretch: Range<u64>,
    hint: Hint,
}

/// Reads as much of a plain file as there is to gain by several threads, and returns how many bytes
/// that is. What is left, down to the last byte, is for the caller to read.
pub(crate) fn read(
    file: &File,
    bytes: u64,
    threads: NonZeroUsize,
    analysis: &mut Analysis,
    progress: &Progress,
) -> u64 {
    if threads.get() == 1 || bytes < 2 * STRETCH_BYTES || !analysis.is_between_lines() {
        return 0;
    }
    let Ok(starts) = starts(file, bytes) else { return 0 };
    let readers: Vec<StretchReader> =
        (0..threads.get()).map(|_| analysis.stretch_reader()).collect();
    let (jobs, waiting) = mpsc::channel();
    let (done, stretches) = mpsc::channel();
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        for reader in readers {
            let (waiting, done) = (&waiting, done.clone());
            scope.spawn(move || work(file, reader, waiting, &done));
        }
        drop(done);
        Joiner { file, starts: &starts, jobs, stretches }.join_all(threads, analysis, progress)
    })
}

/// Joins stretches in the order of the log.
struct Joiner<'a> {
    file: &'a File,
    starts: &'a [u64],
    jobs: Sender<Job>,
    stretches: Receiver<Done>,
}

/// A stretch's number, and the stretch if it could be read.
type Done = (usize, Option<Stretch>);

impl Joiner<'_> {
    fn join_all(self, threads: NonZeroUsize, analysis: &mut Analysis, progress: &Progress) -> u64 {
        let ahead = threads.get() + 1;
        (1..=ahead).for_each(|number| self.hand_out(number, analysis.hint()));
        // What a log begins with is unlike what follows, and read through.
        let Some(&[start, end]) = self.starts.first_chunk() else { return 0 };
        let reached = feed(self.file, start..end, |bytes| analysis.feed(bytes));
        if reached < end {
            return reached;
        }
        let (mut joined, mut refused, mut early) = (0, 0, BTreeMap::new());
        for (number, pair) in self.starts.windows(2).enumerate().skip(1) {
            let Some(stretch) = self.next(number, &mut early) else { return pair[0] };
            match analysis.join(stretch) {
                Joined::Whole => joined += 1,
                Joined::Refused => {
                    refused += 1;
                    let reached = feed(self.file, pair[0]..pair[1], |bytes| analysis.feed(bytes));
                    if reached < pair[1] {
                        return reached;
                    }
                }
            }
            progress.reach(pair[1]);
            if refused > REFUSED_MAX && refused > joined {
                return pair[1];
            }
            self.hand_out(number + ahead, analysis.hint());
        }
        self.starts.last().copied().unwrap_or(0)
    }

    fn hand_out(&self, number: usize, hint: Hint) {
        let Some(&[start, end]) = self.starts.get(number..number + 2) else { return };
        let above = self.starts[..=number].iter().rev();
        let nearest = above.copied().find(|&at| at + RUN_UP_BYTES <= start).unwrap_or(0);
        let wanted = start.saturating_sub(RUN_UP_BYTES).max(nearest);
        let from = line_start(self.file, wanted).ok().flatten().unwrap_or(nearest);
        let job = Job { number, run_up: from.min(start)..start, stretch: start..end, hint };
        // Nobody takes it any more where all readers have ended.
        let _ = self.jobs.send(job);
    }

    /// The stretch of this number, which others may have come before.
    fn next(&self, number: usize, early: &mut BTreeMap<usize, Option<Stretch>>) -> Option<Stretch> {
        loop {
            if let Some(stretch) = early.remove(&number) {
                return stretch;
            }
            let (number, stretch) = self.stretches.recv().ok()?;
            early.insert(number, stretch);
        }
    }
}

/// Reads stretches until there are no more.
fn work(
    file: &File,
    mut reader: StretchReader,
    waiting: &Mutex<Receiver<Job>>,
    done: &Sender<Done>,
) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let number = job.number;
        if done.send((number, read_stretch(file, &mut reader, job))).is_err() {
            return;
        }
    }
}

fn read_stretch(file: &File, reader: &mut StretchReader, job: Job) -> Option<Stretch> {
    let (begin, end) = (job.stretch.start, job.stretch.end);
    reader.begin_run_up(&job.hint);
    let reached = feed(file, job.run_up, |bytes| reader.feed(bytes));
    reader.begin_stretch();
    let is_there = reached == begin && feed(file, job.stretch, |bytes| reader.feed(bytes)) == end;
    let stretch = reader.end_stretch();
    is_there.then_some(stretch)
}

/// Reads a range of a file, and tells how far that went: who reads on finds out why.
fn feed(file: &File, range: Range<u64>, mut take: impl FnMut(&[u8])) -> u64 {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = range.start;
    while at < range.end {
        let wanted = usize::try_from(range.end - at).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        match file.read_at(&mut chunk[..wanted], at) {
            Ok(length) if length > 0 => {
                take(&chunk[..length]);
                at += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    at
}

/// Where stretches begin and end.
fn starts(file: &File, bytes: u64) -> io::Result<Vec<u64>> {
    let mut starts = vec![0];
    for at in (1..=bytes / STRETCH_BYTES).map(|number| number * STRETCH_BYTES) {
        let Some(start) = line_start(file, at)? else { break };
        starts.push(start);
    }
    Ok(starts)
}

/// The beginning of the first line behind a place; none where the next line is far away.
fn line_start(file: &File, at: u64) -> io::Result<Option<u64>> {
    let mut chunk = vec![0; 4096];
    let mut from = at;
    while from < at + LINE_BYTES_MAX {
        let read = file.read_at(&mut chunk, from)?;
        if let Some(newline) = chunk[..read].iter().position(|&byte| byte == b'\n') {
            return Ok(Some(from + newline as u64 + 1));
        }
        if read == 0 {
            return Ok(None);
        }
        from += read as u64;
    }
    Ok(None)
}
