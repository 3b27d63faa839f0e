//! Laws that hold of any log, tried on logs that nobody thought of.

mod chunks;
mod support {
    pub(crate) mod invariants;
    pub(crate) mod run;
    pub(crate) mod unpack;
}

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use slabtrace::address::LineNumber;
use slabtrace::event::{Depth, Detail};
use slabtrace::report::{EventWriter, Report};
use slabtrace::{Parser, ParserOptions};
use support::invariants;
use support::run::{Capture, json, text};

/// Small captures of different shapes, to be cut, damaged and disturbed.
static CAPTURES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let paths = [
        "corpora/console/x86-61-la57.log.gz",
        "corpora/console/arm-3x-registers.log",
        "corpora/interleaved/line-to-be-continued.log.gz",
        "corpora/quiet/no-trace.log",
    ];
    paths.map(|path| Capture::read(path.to_owned()).expect("the corpus has it").bytes).into()
});

fn recorded() -> impl Strategy<Value = Vec<u8>> {
    any::<Index>().prop_map(|index| index.get(&CAPTURES).clone())
}

fn log(bytes: impl Into<Vec<u8>>) -> Capture {
    Capture { path: "any.log".to_owned(), bytes: bytes.into() }
}

/// The bytes that `events` prints.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    events_in(ParserOptions { detail: Detail::Full, depth: Depth::Complete }, pieces)
}

fn events_in<'a>(options: ParserOptions, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut parser = Parser::new(options);
    let mut out = Vec::new();
    let mut writer = EventWriter::new(&mut out);
    pieces.into_iter().for_each(|piece| parser.feed(piece, &mut writer));
    parser.finish(&mut writer);
    writer.finish().expect("memory takes any bytes");
    out
}

/// Where two texts differ first.
fn first_difference(name: &str, one: &str, other: &str) -> String {
    let pairs = one.lines().zip(other.lines()).enumerate();
    let differs = pairs.into_iter().find(|(_, (one, other))| one != other);
    format!("{name}: {differs:?}")
}

/// The pieces of `bytes` between the places.
fn cut<'a>(bytes: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    ends.extend([0, bytes.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// How many fronts a line may get.
const FRONTS: u8 = 10;

/// The line with something in front, or without its time.
fn behind_front(line: &str, front: u8, number: usize) -> String {
    let undated =
        line.split_once("] ").filter(|_| line.starts_with('[')).map_or(line, |(_, text)| text);
    let second = number / 40 % 60;
    match front {
        0 => line.to_owned(),
        1 => undated.to_owned(),
        2 => format!("<{}>{line}", if line.contains("TRACE") { 6 } else { 4 }),
        3 => format!("2026-11-21T23:47:{second:02}.{:06} {line}", number * 137 % 1_000_000),
        4 => format!("Nov 21 23:47:{second:02} host kernel: {line}"),
        5 => format!("Nov 21 23:47:{second:02} host kernel: {undated}"),
        6 => format!("[{}.{:06} 0.000123] {line}", second, number * 7 % 1_000_000),
        7 => format!("[Sat Nov 21 23:47:{second:02} 2026] {undated}"),
        8 => format!("[  +0.{:06}] {undated}", number * 31 % 1_000_000),
        _ => format!("    {undated}"),
    }
}

/// A log each stretch of which has another front.
fn fronted(log: &[u8], fronts: &[(Index, u8)]) -> Vec<u8> {
    let text = String::from_utf8_lossy(log);
    let lines: Vec<&str> = text.lines().collect();
    let mut changes: Vec<(usize, u8)> =
        fronts.iter().map(|(place, front)| (place.index(lines.len() + 1), *front)).collect();
    changes.sort_unstable();
    let mut fronted = String::new();
    for (at, line) in lines.iter().enumerate() {
        let front = changes.iter().rev().find(|(from, _)| *from <= at).map_or(0, |change| change.1);
        fronted.push_str(&behind_front(line, front, at));
        fronted.push('\n');
    }
    fronted.into_bytes()
}

/// Whatever was read, the report holds together and can be shown.
fn holds_together(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let capture = log(bytes);
    let report = capture.report();
    invariants::check(&report, &capture.events()).map_err(TestCaseError::fail)?;
    prop_assert!(serde_json::from_str::<serde_json::Value>(&json(&report)).is_ok());
    prop_assert!(text(&report).chars().all(|c| c == '\n' || !c.is_control()));
    Ok(())
}

/// Groups as they are but for the line numbers in them.
fn groups(report: &Report) -> String {
    let mut report = report.clone();
    for group in &mut report.groups {
        for example in &mut group.examples {
            example.line = LineNumber::default();
        }
    }
    report.inputs.clear();
    format!("{:#?}", report.groups)
}

/// One event of a kernel on one CPU.
fn event(log: &mut String, op: &str, object: u16, site: u8) {
    let address = 0xffff_8880_0000_0000_u64 + u64::from(object) * 64;
    let (inner, outer) = if op == "alloc" {
        ("alloc_debug_processing", "kmalloc_trace")
    } else {
        ("free_to_partial_list", "kfree")
    };
    writeln!(log, "TRACE kmalloc-64 {op} 0x{address:016x} inuse=1 fp=0x0000000000000000")
        .and_then(|()| writeln!(log, "CPU: 0 PID: 9 Comm: probe Not tainted 6.1.0 #1"))
        .and_then(|()| writeln!(log, "Call Trace:\n <TASK>\n dump_stack_lvl+0x44/0x5c"))
        .and_then(|()| writeln!(log, " {inner}+0x55/0x74\n {outer}+0x26/0x90"))
        .and_then(|()| writeln!(log, " site_{site}+0x2c/0x90 [probe]\n </TASK>"))
        .expect("memory takes any text");
}

/// What the ledger is to find out, by a simpler ledger.
#[derive(Default, PartialEq, Debug)]
struct Model {
    live: BTreeMap<u16, u8>,
    orphans: u64,
    lost: u64,
}

impl Model {
    fn alloc(&mut self, object: u16, site: u8) {
        self.lost += u64::from(self.live.insert(object, site).is_some());
    }

    fn free(&mut self, object: u16) {
        self.orphans += u64::from(self.live.remove(&object).is_none());
    }

    /// Live objects of each site.
    fn sites(&self) -> BTreeMap<String, u64> {
        let mut sites = BTreeMap::new();
        for site in self.live.values() {
            *sites.entry(format!("site_{site}")).or_default() += 1;
        }
        sites
    }
}

fn sites(report: &Report) -> BTreeMap<String, u64> {
    let site = |group: &slabtrace::report::GroupReport| {
        let function = group.chain.first().and_then(|frame| frame.function.clone());
        (function.unwrap_or_default(), group.live_objects)
    };
    report.groups.iter().map(site).collect()
}

/// One kind of damage to a capture.
#[derive(Clone, Debug)]
enum Damage {
    /// Bytes are lost.
    Lose(Index, u16),
    /// Bytes come a second time, somewhere else.
    Repeat(Index, u16, Index),
    /// Foreign bytes come in between.
    Insert(Index, Vec<u8>),
    /// One bit turns over.
    Flip(Index, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), 0..2000u16).prop_map(|(at, length)| Damage::Lose(at, length)),
        (any::<Index>(), 0..2000u16, any::<Index>())
            .prop_map(|(at, length, to)| Damage::Repeat(at, length, to)),
        (any::<Index>(), vec(any::<u8>(), 0..80)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
    ]
}

impl Damage {
    fn inflict(self, bytes: &mut Vec<u8>) {
        let size = bytes.len() + 1;
        let span = |at: Index, length: u16| {
            let start = at.index(size);
            start..(start + usize::from(length)).min(size - 1)
        };
        match self {
            Damage::Lose(at, length) => drop(bytes.drain(span(at, length))),
            Damage::Repeat(at, length, to) => {
                let again = bytes[span(at, length)].to_vec();
                let to = to.index(size);
                bytes.splice(to..to, again);
            }
            Damage::Insert(at, foreign) => {
                let at = at.index(size);
                bytes.splice(at..at, foreign);
            }
            Damage::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(at.index(size)) {
                    *byte ^= 1 << bit;
                }
            }
        }
    }
}

/// Pieces of lines that mean something, in an order that does not.
fn shards() -> impl Strategy<Value = Vec<u8>> {
    let shard = prop::sample::select(vec![
        "TRACE kmalloc-64 alloc ",
        "TRACE kmalloc-64 free ",
        "TRACE ",
        " alloc ",
        "0xffff888004a10040",
        "0x(____ptrval____)",
        "0x          (null)",
        " inuse=1",
        " fp=0x0000000000000000",
        "Object ffff888004a10040: 6b 6b 6b 6b",
        "CPU: 0 PID: 9 Comm: x Not tainted 6.1.0 #1",
        "Call Trace:",
        "Backtrace: ",
        " <TASK>",
        " </TASK>",
        " <IRQ>",
        " dump_stack_lvl+0x44/0x5c",
        " alloc_debug_processing+0x55/0x74",
        " free_to_partial_list+0xc8/0x106",
        " leak+0x20/0x1000 [leaky]",
        "[<c0012378>] (dump_backtrace+0x0/0x114) from [<c03a0a5c>] (dump_stack+0x18/0x1c)",
        "** 12 printk messages dropped **",
        "------------[ cut here ]------------",
        "---[ end trace 0000000000000000 ]---",
        "WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2",
        "RIP: 0010:f+0x1/0x2",
        "[    1.000000] ",
        "[    0.000000] Linux version 6.1.0",
        "<6>",
        "[   T12]",
        "\u{1b}[32m",
        "\u{7f}",
        "\0",
        "\t",
        " ",
        "\r\n",
        "\n",
        "\n",
        "\n",
    ]);
    vec(shard, 0..200).prop_map(|shards| shards.concat().into_bytes())
}

/// A line as a program might print it on the kernel's console.
fn userland() -> impl Strategy<Value = String> {
    "[a-z]{1,12}(\\[[0-9]{1,5}\\])?: [a-z0-9 =,.%/-]{0,60}"
}

proptest! {
    #[test]
    fn events_are_the_same_however_the_log_is_cut(
        bytes in recorded(),
        places in vec(any::<Index>(), 0..40),
    ) {
        prop_assert!(events(cut(&bytes, &places)) == events([&bytes[..]]));
    }

    #[test]
    fn lines_that_begin_alike_are_read_as_if_each_stood_alone(
        bytes in recorded(),
        fronts in vec((any::<Index>(), 0..FRONTS), 1..6),
    ) {
        let fronted = fronted(&bytes, &fronts);
        // No line can be told from so few bytes of it.
        let apart = events(fronted.chunks(5));
        prop_assert!(events([&fronted[..]]) == apart);
    }

    #[test]
    fn an_object_that_is_freed_does_not_live(
        order in Just((0..40u16).collect::<Vec<_>>()).prop_shuffle(),
        again in Just((0..40u16).collect::<Vec<_>>()).prop_shuffle(),
        kept in 0..40usize,
    ) {
        let mut written = String::new();
        for object in order {
            event(&mut written, "alloc", object, 1);
        }
        for &object in &again[kept..] {
            event(&mut written, "free", object, 2);
        }
        let report = log(written).report();
        prop_assert_eq!(report.totals.live_objects, kept as u64);
        prop_assert_eq!(report.totals.matched_frees, 40 - kept as u64);
        prop_assert!(!report.loss.is_any() && report.loss.orphan_frees == 0);
    }

    #[test]
    fn the_ledger_agrees_with_a_simpler_one(
        steps in vec((any::<bool>(), 0..12u16, 0..3u8), 0..120),
    ) {
        let (mut written, mut model) = (String::new(), Model::default());
        for &(is_alloc, object, site) in &steps {
            if is_alloc {
                model.alloc(object, site);
            } else {
                model.free(object);
            }
            event(&mut written, if is_alloc { "alloc" } else { "free" }, object, site);
        }
        let report = log(written).report();
        prop_assert_eq!(sites(&report), model.sites());
        prop_assert_eq!(report.loss.orphan_frees, model.orphans);
        prop_assert_eq!(report.loss.lost_frees, model.lost);
        prop_assert_eq!(report.totals.events, steps.len() as u64);
    }

    #[test]
    fn any_bytes_make_a_report_that_holds_together(bytes in vec(any::<u8>(), 0..4000)) {
        holds_together(bytes)?;
    }

    #[test]
    fn shards_of_lines_make_a_report_that_holds_together(bytes in shards()) {
        holds_together(bytes)?;
    }

    #[test]
    fn a_damaged_capture_makes_a_report_that_holds_together(
        mut bytes in recorded(),
        damages in vec(damage(), 1..12),
    ) {
        for damage in damages {
            damage.inflict(&mut bytes);
        }
        holds_together(bytes)?;
    }

    #[test]
    fn shards_are_read_the_same_however_they_are_cut(
        bytes in shards(),
        places in vec(any::<Index>(), 0..20),
    ) {
        prop_assert!(events(cut(&bytes, &places)) == events([&bytes[..]]));
    }

    #[test]
    fn a_line_of_a_program_between_two_records_changes_no_group(
        bytes in recorded(),
        lines in vec((any::<Index>(), userland()), 1..20),
    ) {
        let mut disturbed: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
        let lines: Vec<(Index, String)> =
            lines.into_iter().map(|(place, line)| (place, line + "\r\n")).collect();
        for (place, line) in &lines {
            disturbed.insert(place.index(disturbed.len() + 1), line.as_bytes());
        }
        let disturbed = log(disturbed.concat()).report();
        prop_assert_eq!(groups(&disturbed), groups(&log(bytes).report()));
    }

    #[test]
    fn line_ends_do_not_matter(
        bytes in recorded(),
        places in vec((any::<Index>(), 1..=2usize), 0..200),
    ) {
        let unix: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != b'\r').collect();
        let mut mixed: Vec<Vec<u8>> = unix.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        let last = mixed.len() - 1;
        for (place, returns) in places {
            let at = place.index(mixed.len());
            if at != last && !mixed[at].ends_with(b"\r") {
                mixed[at].extend(vec![b'\r'; returns]);
            }
        }
        let mixed = mixed.join(&b'\n');
        prop_assert!(events([&mixed[..]]) == events([&unix[..]]));
        prop_assert_eq!(groups(&log(mixed).report()), groups(&log(bytes).report()));
    }
}
