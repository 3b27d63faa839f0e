//! Is each backtrace bound to the header that it was printed for, where several CPUs print at
//! once? Captures of one CPU, in which there is no doubt, are woven into logs of several.
//!
//! `cargo test --test weave -- --ignored --nocapture` prints the table of more logs.

mod support {
    #![allow(dead_code)]
    pub(crate) mod damage;
    pub(crate) mod unpack;
    pub(crate) mod weave;
}

use std::collections::BTreeMap;

use slabtrace::event::{Damage, Depth, Detail, Event, EventSink, Names};
use slabtrace::{Parser, ParserOptions};
use support::unpack::unpack;
use support::weave::{Capture, Clocks, Era, Pattern};

/// A capture of one CPU.
struct Source {
    name: &'static str,
    path: &'static str,
    era: Era,
}

const SOURCES: [Source; 8] = [
    source("5.10 amd64", "recorded-amd64-5-10", Era::FreesHold),
    source("5.10 arm64", "arm64-510-hashed", Era::FreesHold),
    source("5.10 arm, callers", "arm-510-caller", Era::FreesHold),
    source("6.1 amd64", "x86-61", Era::AllHold),
    source("6.1 arm64", "recorded-arm64-6-1", Era::AllHold),
    source("6.1 armhf", "recorded-armhf-6-1", Era::AllHold),
    source("6.12 amd64", "x86-612", Era::AllHold),
    source("6.12 arm64", "recorded-arm64-6-12", Era::AllHold),
];

const fn source(name: &'static str, path: &'static str, era: Era) -> Source {
    Source { name, path, era }
}

/// How logs are woven.
const PATTERNS: [(&str, Pattern); 6] = [
    ("2 CPUs, calm", Pattern { cpus: 2, pause: 60, ..BUSY }),
    ("4 CPUs", BUSY),
    ("skewed clocks", Pattern { clocks: Clocks::Skewed, ..BUSY }),
    ("ticking clocks", Pattern { clocks: Clocks::Ticking, ..BUSY }),
    ("no times", Pattern { clocks: Clocks::None, ..BUSY }),
    ("two caches", Pattern { caches: 2, ..BUSY }),
];

const BUSY: Pattern = Pattern { cpus: 4, pause: 10, clocks: Clocks::Common, caches: 1 };

/// What became of a log's events.
#[derive(Clone, Copy, Default, Debug)]
struct Score {
    right: u64,
    wrong: u64,
    /// Without a chain.
    none: u64,
    /// Said to be in doubt.
    flagged: u64,
    /// Wrong, and not said to be in doubt.
    unsaid: u64,
}

impl Score {
    fn events(self) -> u64 {
        self.right + self.wrong + self.none
    }

    fn add(&mut self, other: Score) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.none += other.none;
        self.flagged += other.flagged;
        self.unsaid += other.unsaid;
    }

    /// Events in ten thousand that have the right chain.
    fn share(self) -> u64 {
        self.right * 10_000 / self.events().max(1)
    }
}

/// A chain as its frames are printed; none where it was lost.
type Chain = Option<Vec<String>>;

/// Every event's chain and whether it is in doubt, by the line of its header.
#[derive(Default)]
struct Chains(BTreeMap<u64, (Chain, bool)>);

impl EventSink for Chains {
    fn event(&mut self, event: &Event, names: &Names) {
        let frame = |placed: &slabtrace::event::Placed| {
            let frame = names.frame(placed.frame);
            format!("{}+{:?}", names.function(placed.frame).unwrap_or("?"), frame.offset)
        };
        let chain = event.stack.map(|stack| names.chain(stack.chain).iter().map(frame).collect());
        let is_ambiguous = event.damage.contains(Damage::AmbiguousStack);
        self.0.insert(event.line.0, (chain, is_ambiguous));
    }
}

fn chains(log: &str) -> Chains {
    let options = ParserOptions { detail: Detail::Report, depth: Depth::Callers };
    let (mut parser, mut chains) = (Parser::new(options), Chains::default());
    parser.feed(log.as_bytes(), &mut chains);
    parser.finish(&mut chains);
    chains
}

/// The chain of each event of a capture, read where nothing else is.
fn truth(capture: &Capture) -> Vec<Chain> {
    let alone = |event| chains(&capture.alone(event)).0.remove(&1).and_then(|(chain, _)| chain);
    (0..capture.events()).map(alone).collect()
}

/// Weaves a source so many times and asks for each event's chain.
fn score(source: &Source, pattern: Pattern, seeds: std::ops::Range<u64>) -> Score {
    let path = format!("corpora/console/{}.log.gz", source.path);
    let log = String::from_utf8_lossy(&unpack(&path).expect("a capture")).into_owned();
    let capture = Capture::read(&log);
    let truth = truth(&capture);
    let mut score = Score::default();
    for seed in seeds {
        let woven = capture.weave(source.era, pattern, 2, seed);
        let read = chains(&woven.log).0;
        for (line, &event) in &woven.headers {
            let (chain, is_ambiguous) = read.get(line).cloned().unwrap_or_default();
            let is_right = chain.is_some() && chain == truth[event];
            score.right += u64::from(is_right);
            score.none += u64::from(chain.is_none());
            score.wrong += u64::from(chain.is_some() && !is_right);
            score.flagged += u64::from(is_ambiguous);
            score.unsaid += u64::from(!is_right && !is_ambiguous);
        }
    }
    score
}

/// Weaves that are scored by default, each with the events in ten thousand that must have the right
/// chain and those that may have a wrong one without being said to be in doubt: what was measured,
/// and hardly less. Kernels before 6.0 hold no lock while they print an allocation, so that nothing
/// tells some of them apart.
const FLOORS: [(usize, usize, u64, u64); 14] = [
    // 5.10 amd64
    (0, 0, 9_950, 0),
    (0, 1, 7_660, 160),
    (0, 2, 9_550, 175),
    (0, 3, 8_790, 200),
    // 5.10 arm with caller ids
    (2, 1, 10_000, 0),
    // 6.1 amd64
    (3, 1, 9_965, 0),
    (3, 2, 9_990, 10),
    (3, 5, 8_880, 60),
    // 6.1 arm64
    (4, 1, 9_985, 0),
    // 6.1 armhf
    (5, 0, 9_985, 0),
    (5, 3, 8_400, 300),
    // 6.12 amd64 and arm64
    (6, 1, 9_990, 5),
    (6, 5, 9_410, 135),
    (7, 1, 10_000, 0),
];

#[test]
fn headers_get_their_own_backtraces_where_cpus_print_at_once() {
    let mut short = Vec::new();
    for (at, pattern, share_min, unsaid_max) in FLOORS {
        let (source, (name, pattern)) = (&SOURCES[at], PATTERNS[pattern]);
        let score = score(source, pattern, 0..1);
        let unsaid = score.unsaid * 10_000 / score.events().max(1);
        if score.share() < share_min || unsaid > unsaid_max {
            short.push(format!("{} {name}: {score:?}, {} right", source.name, score.share()));
        }
    }
    assert!(short.is_empty(), "{}", short.join("\n"));
}

#[test]
#[ignore = "prints a table; run with --ignored --nocapture"]
#[expect(clippy::print_stdout, reason = "the table is what this is for")]
fn table() {
    println!("| kernel | woven | events | right | wrong | none | in doubt | wrong, not in doubt |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut sum = Score::default();
    for source in &SOURCES {
        for (name, pattern) in PATTERNS {
            let score = score(source, pattern, 0..2);
            sum.add(score);
            println!("{}", row(source.name, name, score));
        }
    }
    println!("{}", row("all", "", sum));
}

fn row(kernel: &str, pattern: &str, score: Score) -> String {
    let Score { wrong, none, flagged, unsaid, .. } = score;
    let share = score.share() as f64 / 100.0;
    let events = score.events();
    format!(
        "| {kernel} | {pattern} | {events} | {share:.2} % | {wrong} | {none} | {flagged} | {unsaid} |"
    )
}
