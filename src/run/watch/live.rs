//! The analysis of what comes, and pictures of it while it goes on.

use std::time::{Duration, Instant};

use slabtrace::report::Report;
use slabtrace::{Analysis, AnalysisOptions};

/// A picture is taken this often at most.
const PICTURE_EVERY: Duration = Duration::from_millis(500);

/// Pictures take one part in so many of the time.
const PICTURE_ONE_IN: u32 = 30;

/// Seconds whose numbers are kept, for the lines of rates.
const SECONDS_KEPT: usize = 120;

/// An analysis that goes on.
pub(crate) struct Live {
    analysis: Analysis,
    /// What the input is called in reports.
    name: String,
    /// Bytes that came.
    bytes: u64,
    /// Whether anything came since the last picture.
    freshness: Freshness,
    picture: Option<Picture>,
    rates: Rates,
}

/// Whether a picture shows all that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Freshness {
    Fresh,
    Stale,
}

/// What was known at a time.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// The report of what had come.
    pub(crate) report: Report,
    taken: Instant,
    /// How long it took to make.
    cost: Duration,
}

/// Bytes and events of each of the last seconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates {
    /// Bytes in each second, the latest last.
    pub(crate) bytes: Vec<u64>,
    /// Events in each second, the latest last.
    pub(crate) events: Vec<u64>,
    counted: (u64, u64),
}

impl Live {
    /// An analysis of which nothing has come.
    pub(crate) fn new(name: String) -> Live {
        Live {
            analysis: Analysis::new(AnalysisOptions::default()),
            name,
            bytes: 0,
            freshness: Freshness::Stale,
            picture: None,
            rates: Rates::default(),
        }
    }

    /// Takes what came.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.analysis.feed(bytes);
        self.bytes += bytes.len() as u64;
        self.freshness = Freshness::Stale;
    }

    /// Bytes that came.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The latest picture: a new one where something came and it is time.
    pub(crate) fn picture(&mut self) -> &Picture {
        let pause = |picture: &Picture| PICTURE_EVERY.max(picture.cost * PICTURE_ONE_IN);
        let is_due = self.picture.as_ref().is_none_or(|picture| {
            self.freshness == Freshness::Stale && picture.taken.elapsed() >= pause(picture)
        });
        if is_due {
            self.picture = None;
            self.freshness = Freshness::Fresh;
        }
        let Live { analysis, name, bytes, picture, .. } = self;
        picture.get_or_insert_with(|| {
            let begun = Instant::now();
            let report = analysis.snapshot(name.clone(), *bytes);
            Picture { report, taken: Instant::now(), cost: begun.elapsed() }
        })
    }

    /// Lets the next picture be a new one, whatever it costs.
    pub(crate) fn renew(&mut self) {
        self.picture = None;
    }

    /// Ends a second: what came in it is counted.
    pub(crate) fn end_second(&mut self) {
        let events = self.picture().report.totals.events;
        let bytes = self.bytes;
        self.rates.end_second(bytes, events);
    }

    /// What came in each of the last seconds.
    pub(crate) fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Ends the analysis.
    pub(crate) fn finish(self) -> Report {
        let Live { mut analysis, name, bytes, .. } = self;
        analysis.end_input(name, bytes);
        analysis.finish()
    }
}

impl Rates {
    fn end_second(&mut self, bytes: u64, events: u64) {
        let (bytes_before, events_before) = self.counted;
        self.counted = (bytes, events);
        for (series, value) in [
            (&mut self.bytes, bytes.saturating_sub(bytes_before)),
            (&mut self.events, events.saturating_sub(events_before)),
        ] {
            series.push(value);
            if series.len() > SECONDS_KEPT {
                series.remove(0);
            }
        }
    }

    /// Bytes a second, over the last few.
    pub(crate) fn bytes_per_second(&self) -> f64 {
        mean(&self.bytes)
    }

    /// Events a second, over the last few.
    pub(crate) fn events_per_second(&self) -> f64 {
        mean(&self.events)
    }
}

/// The mean of the last few numbers of a series.
fn mean(series: &[u64]) -> f64 {
    const FEW: usize = 5;
    let few = &series[series.len().saturating_sub(FEW)..];
    few.iter().sum::<u64>() as f64 / few.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "\
[    1.000000] TRACE kmalloc-64 alloc 0xffff888004a10040 inuse=1 fp=0xffff888004a10080
[    1.000100] CPU: 0 PID: 90 Comm: insmod Not tainted 6.1.0 #1
[    1.000200] Call Trace:
[    1.000300]  dump_stack_lvl+0x44/0x5c
[    1.000600]  __kmalloc+0x49/0x150
[    1.000700]  leaky_init+0x20/0x1000 [leaky]
";

    #[test]
    fn a_picture_changes_nothing_of_what_comes_behind_it() {
        let mut whole = Live::new("x".to_owned());
        whole.feed(EVENT.as_bytes());
        let expected = whole.finish();
        for cut in 0..EVENT.len() {
            let mut live = Live::new("x".to_owned());
            live.feed(&EVENT.as_bytes()[..cut]);
            live.picture();
            live.feed(&EVENT.as_bytes()[cut..]);
            assert_eq!(live.finish(), expected, "{cut}");
        }
    }

    #[test]
    fn seconds_are_counted_apart() {
        let mut rates = Rates::default();
        for (bytes, events) in [(100, 1), (300, 1), (300, 5)] {
            rates.end_second(bytes, events);
        }
        assert_eq!(rates.bytes, [100, 200, 0]);
        assert_eq!(rates.events, [1, 0, 4]);
        assert!((rates.bytes_per_second() - 100.0).abs() < 1e-9);
    }
}
