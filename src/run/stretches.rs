//! Reading one large file with several threads: each takes a stretch, and all are joined in order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// Bytes that are read before the first stretches are handed out: what their readers are told of
/// the log by then spares most of them from being refused.
const FIRST_BYTES: u64 = 1 << 20;

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
    let (waiting, first_wanted) = (Mutex::new(waiting), AtomicUsize::new(0));
    thread::scope(|scope| {
        for reader in readers {
            let (waiting, done, first_wanted) = (&waiting, done.clone(), &first_wanted);
            scope.spawn(move || Worker { file, reader, first_wanted }.work(waiting, &done));
        }
        drop(done);
        let joiner = Joiner {
            file,
            starts: &starts,
            jobs,
            stretches,
            early: BTreeMap::new(),
            next: 1,
            trust: Trust::default(),
            first_wanted: &first_wanted,
        };
        let reached = joiner.join_all(threads, analysis, progress);
        // What is still being read is for nobody.
        first_wanted.store(usize::MAX, Ordering::Relaxed);
        reached
    })
}

/// Joins stretches in the order of the log.
struct Joiner<'a> {
    file: &'a File,
    starts: &'a [u64],
    jobs: Sender<Job>,
    stretches: Receiver<Done>,
    /// Stretches whose turn has not come.
    early: BTreeMap<usize, Option<Stretch>>,
    /// The next stretch to be handed out.
    next: usize,
    trust: Trust,
    /// No stretch before this one is waited for.
    first_wanted: &'a AtomicUsize,
}

/// A stretch's number, and the stretch if it could be read.
type Done = (usize, Option<Stretch>);

impl Joiner<'_> {
    fn join_all(
        mut self,
        threads: NonZeroUsize,
        analysis: &mut Analysis,
        progress: &Progress,
    ) -> u64 {
        // What a log begins with is unlike what follows, and read through.
        let Some(&[start, end]) = self.starts.first_chunk() else { return 0 };
        let middle = end.min(start + FIRST_BYTES);
        let reached = self.feed(start..middle, analysis);
        if reached < middle {
            return reached;
        }
        self.hand_out(0, threads, analysis);
        let reached = self.feed(middle..end, analysis);
        if reached < end {
            return reached;
        }
        for (number, pair) in self.starts.windows(2).enumerate().skip(1) {
            let reached = match self.read(number, analysis) {
                Joined::Whole => pair[1],
                Joined::Refused => self.feed(pair[0]..pair[1], analysis),
            };
            if reached < pair[1] {
                return reached;
            }
            progress.reach(reached);
            self.hand_out(number, threads, analysis);
        }
        self.starts.last().copied().unwrap_or(0)
    }

    fn feed(&self, range: Range<u64>, analysis: &mut Analysis) -> u64 {
        feed(self.file, range, || true, |bytes| analysis.feed(bytes))
    }

    /// Takes a stretch that was read by another thread, if it may be joined.
    fn read(&mut self, number: usize, analysis: &mut Analysis) -> Joined {
        if number < self.trust.resumes {
            return Joined::Refused;
        }
        let Some(stretch) = self.wait_for(number) else { return Joined::Refused };
        let joined = analysis.join(stretch);
        match joined {
            Joined::Whole => self.trust.see_joined(),
            Joined::Refused => self.trust.see_refused(number),
        }
        self.first_wanted.store(self.trust.resumes.max(number + 1), Ordering::Relaxed);
        joined
    }

    /// Hands out what is to be read while the stretches up to this one are joined.
    fn hand_out(&mut self, number: usize, threads: NonZeroUsize, analysis: &Analysis) {
        let ahead = if self.trust.score == 0 { 1 } else { threads.get() + 1 };
        let from = self.next.max(self.trust.resumes).max(number + 1);
        for number in from..=number + ahead {
            self.hand_out_one(number, analysis.hint());
            self.next = number + 1;
        }
    }

    fn hand_out_one(&self, number: usize, hint: Hint) {
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
    fn wait_for(&mut self, number: usize) -> Option<Stretch> {
        loop {
            if let Some(stretch) = self.early.remove(&number) {
                return stretch;
            }
            let (done, stretch) = self.stretches.recv().ok()?;
            if done >= number {
                self.early.insert(done, stretch);
            }
        }
    }
}

/// Whether it pays to have stretches read ahead: of some logs, or parts of them, nearly all are
/// refused, and the threads that read them are in the way of the one that reads on.
struct Trust {
    /// Grows with each stretch that is joined, and shrinks with each that is refused.
    score: usize,
    /// Stretches before this one are read through.
    resumes: usize,
    /// So many stretches will be read through when trust is lost.
    pause: usize,
}

/// Trust grows no further than this: a part of a log that is unlike the one before is soon noticed.
const SCORE_MAX: usize = 4;

/// Stretches read through when trust is lost for the first time, and at the most.
const PAUSE: Range<usize> = 8..64;

impl Default for Trust {
    fn default() -> Trust {
        Trust { score: 1, resumes: 0, pause: PAUSE.start }
    }
}

impl Trust {
    fn see_joined(&mut self) {
        self.score = (self.score + 1).min(SCORE_MAX);
        if self.score == SCORE_MAX {
            self.pause = PAUSE.start;
        }
    }

    fn see_refused(&mut self, number: usize) {
        if self.score > 0 {
            self.score -= 1;
            return;
        }
        self.resumes = number + 1 + self.pause;
        self.pause = (self.pause * 2).min(PAUSE.end);
    }
}

/// Reads stretches.
struct Worker<'a> {
    file: &'a File,
    reader: StretchReader,
    first_wanted: &'a AtomicUsize,
}

impl Worker<'_> {
    /// Reads stretches until there are no more.
    fn work(mut self, waiting: &Mutex<Receiver<Job>>, done: &Sender<Done>) {
        loop {
            let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            let number = job.number;
            if done.send((number, self.read(job))).is_err() {
                return;
            }
        }
    }

    fn read(&mut self, job: Job) -> Option<Stretch> {
        let Worker { file, reader, first_wanted } = self;
        let is_wanted = || job.number >= first_wanted.load(Ordering::Relaxed);
        let (begin, end) = (job.stretch.start, job.stretch.end);
        reader.begin_run_up(&job.hint);
        let reached = feed(file, job.run_up, is_wanted, |bytes| reader.feed(bytes));
        reader.begin_stretch();
        let is_there = reached == begin
            && feed(file, job.stretch, is_wanted, |bytes| reader.feed(bytes)) == end;
        let stretch = reader.end_stretch();
        is_there.then_some(stretch)
    }
}

/// Reads a range of a file as long as that is wanted, and tells how far that went: who reads on
/// finds out why.
fn feed(
    file: &File,
    range: Range<u64>,
    is_wanted: impl Fn() -> bool,
    mut take: impl FnMut(&[u8]),
) -> u64 {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = range.start;
    while at < range.end && is_wanted() {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Which stretches are read through without another thread's having read them, of so many.
    fn read_through(count: usize, is_refused: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut trust = Trust::default();
        let mut alone = Vec::new();
        for number in 1..=count {
            match number {
                _ if number < trust.resumes => alone.push(number),
                _ if is_refused(number) => trust.see_refused(number),
                _ => trust.see_joined(),
            }
        }
        alone
    }

    #[test]
    fn a_stretch_that_is_refused_now_and_then_costs_no_trust() {
        assert!(read_through(1000, |number| number % 3 == 0).is_empty());
    }

    #[test]
    fn hardly_a_stretch_is_read_ahead_of_a_log_that_refuses_all() {
        assert!(read_through(1000, |_| true).len() > 970);
    }

    #[test]
    fn trust_comes_back_where_a_log_becomes_orderly() {
        let alone = read_through(1000, |number| number < 500);
        assert!(alone.iter().all(|&number| number < 500 + PAUSE.end));
        assert!(alone.len() > 470);
    }
}
