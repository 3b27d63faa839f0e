//! What mail programs do to a text, done to every text of the corpus: the report stays what it was,
//! or says what it lost.
//!
//! Run on demand: `cargo test --test mailed -- --ignored --nocapture`. `ROUNDS` in the environment
//! says how often each text is tried.

#![expect(clippy::print_stdout, reason = "people read the shares")]

mod support {
    pub(crate) mod unpack;
}

use slabtrace::kmemleak::{Kmemleak, KmemleakOptions};
use slabtrace::{Analysis, AnalysisOptions};
use support::unpack::unpack;

/// Longer texts are cut at a line's end: many short ones say more.
const BYTES_MAX: usize = 24 << 10;

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("a small number")
    }
}

/// How a text is sent.
#[derive(Debug)]
struct Mail {
    columns: usize,
    mark: &'static str,
    end: &'static str,
    is_quoted_printable: bool,
    is_of_web: bool,
}

impl Mail {
    fn any(dice: &mut Dice) -> Mail {
        Mail {
            columns: [usize::MAX, 72, 76, 80][dice.roll(4)],
            mark: ["", "> ", "| ", "> > "][dice.roll(4)],
            end: ["\n", "\r\n", " \n"][dice.roll(3)],
            is_quoted_printable: dice.roll(4) == 0,
            is_of_web: dice.roll(4) == 0,
        }
    }

    fn send(&self, text: &str) -> String {
        let text = if self.is_of_web {
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
        } else {
            text.to_owned()
        };
        let mut sent = String::new();
        for line in text.lines() {
            for row in self.rows(line) {
                sent.push_str(self.mark);
                sent.push_str(row);
                sent.push_str(self.end);
            }
        }
        if self.is_quoted_printable { encoded(&sent) } else { sent }
    }

    /// A line broken at blanks.
    fn rows<'a>(&self, mut line: &'a str) -> Vec<&'a str> {
        let mut rows = Vec::new();
        while line.len() > self.columns {
            let is_blank = |at: &usize| line.as_bytes()[*at] == b' ' && line[..*at].trim() != "";
            let within = (1..=self.columns).rev().find(is_blank);
            let Some(at) = within.or_else(|| (self.columns..line.len()).find(is_blank)) else {
                break;
            };
            rows.push(&line[..at]);
            line = line[at..].trim_start();
        }
        rows.push(line);
        rows
    }
}

/// A text in quoted-printable, in lines of 76 columns.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut width = 0;
        let trimmed = line.trim_end();
        for (at, character) in line.chars().enumerate() {
            let piece = match character {
                '=' => "=3D".to_owned(),
                ' ' if at >= trimmed.len() => "=20".to_owned(),
                other => other.to_string(),
            };
            if width + piece.len() > 75 {
                out.push_str("=\n");
                width = 0;
            }
            width += piece.len();
            out.push_str(&piece);
        }
        out.push('\n');
    }
    out
}

/// What a report says that must stay, and what it says was lost.
type Said = (Vec<String>, String);

fn kmemleak(text: &str) -> Said {
    let mut analysis = Kmemleak::new(KmemleakOptions::default());
    analysis.feed(text.as_bytes());
    analysis.end_input("mail".to_owned(), text.len() as u64);
    let report = analysis.finish();
    let groups = report.groups.iter().map(|group| {
        let chain: Vec<_> = group.chain.iter().map(|frame| &frame.function).collect();
        format!("{} of {}, {:?}: {chain:?}", group.objects, group.size, group.oldest_age)
    });
    let lost = (report.damaged_lines, report.cut_objects, report.groups.is_empty());
    (groups.collect(), format!("{lost:?}"))
}

fn trace(text: &str) -> Said {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(text.as_bytes());
    analysis.end_input("mail".to_owned(), text.len() as u64);
    let report = analysis.finish();
    let groups = report.groups.iter().map(|group| {
        let chain: Vec<_> = group.chain.iter().map(|frame| &frame.function).collect();
        format!("{} of {:?}: {chain:?}", group.live_objects, group.cache)
    });
    let events = std::iter::once(format!("{} events", report.totals.events));
    (events.chain(groups).collect(), format!("{:?}", report.loss))
}

/// The texts of a folder.
fn texts(folder: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut paths: Vec<String> = entries
        .map(|entry| entry.expect("a readable folder").path().to_string_lossy().into_owned())
        .filter(|path| [".log", ".gz", ".txt"].iter().any(|end| path.ends_with(end)))
        .collect();
    paths.sort();
    let text = |path: &String| {
        let bytes = unpack(path).expect("a readable text");
        let text = String::from_utf8(bytes).ok().filter(|text| text.is_ascii())?;
        let end = text.len().min(BYTES_MAX);
        Some(text[..end].rfind('\n').map_or(text.clone(), |at| text[..=at].to_owned()))
    };
    paths.iter().filter_map(|path| Some((path.clone(), text(path)?))).collect()
}

/// Tries all texts of a folder; counts trials, those that stayed equal, and those that differ
/// without a word.
fn try_all(folder: &str, read: fn(&str) -> Said, dice: &mut Dice) -> [usize; 3] {
    let rounds = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let mut counts = [0; 3];
    for (path, text) in texts(folder) {
        let clean = read(&text);
        for _ in 0..rounds {
            let mail = Mail::any(dice);
            let (said, lost) = read(&mail.send(&text));
            counts[0] += 1;
            if said == clean.0 {
                counts[1] += 1;
            } else if lost == clean.1 {
                counts[2] += 1;
                println!("silent: {path} {mail:?}");
            }
        }
    }
    let [trials, equal, silent] = counts;
    println!("{folder}: {equal} of {trials} equal, {silent} differ without a word");
    counts
}

#[test]
#[ignore = "takes a minute; prints shares for people to read"]
fn mailed_texts_say_what_they_said_or_what_was_lost() {
    let mut dice = Dice(0x5eed_5eed_5eed_5eed);
    let leaks = try_all("corpora/kmemleak", kmemleak, &mut dice);
    let console = try_all("corpora/console", trace, &mut dice);
    let [trials, equal, _] = [0, 1, 2].map(|at| leaks[at] + console[at]);
    assert!(equal * 10 >= trials * 7, "{equal} of {trials} are equal");
}
