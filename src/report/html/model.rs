//! What the page's script is given: names once, and groups that point at them.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use indexmap::IndexMap;
use serde::Serialize;

use super::Baseline;
use crate::event::Role;
use crate::print::Escaped;
use crate::print::number::{bytes, count};
use crate::report::{CacheReport, FrameReport, GroupReport, Origin, Proof, Report, Timeline};

/// Tasks and functions that free, of those that are shown of a group.
const SHOWN_MAX: usize = 4;

/// The page's data. Its names are short, since a report of a thousand groups has them a thousand
/// times; `page.js` has the long ones.
#[derive(Serialize)]
pub(super) struct Data {
    /// Every text, each once; the others point here.
    strings: Vec<String>,
    frames: Vec<Frame>,
    groups: Vec<Group>,
    caches: Vec<[String; 7]>,
    /// When each boot's log begins and ends, in seconds.
    times: Vec<Option<(f64, f64)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Changes>,
}

/// The place of a text among all.
type Text = usize;

/// Function, module, offset and size; and where there are any, whether the frame is doubtful and its
/// places in the source, innermost first.
#[derive(Serialize)]
#[serde(untagged)]
enum Frame {
    Plain(Text, Option<Text>, Option<u64>, Option<u64>),
    Placed(Text, Option<Text>, Option<u64>, Option<u64>, u8, Vec<Place>),
}

/// A function, its file and the line in it.
#[derive(Serialize)]
struct Place(Text, Text, Option<u32>);

#[derive(Serialize)]
struct Group {
    #[serde(rename = "b", skip_serializing_if = "is_first")]
    boot: usize,
    #[serde(rename = "v", skip_serializing_if = "Option::is_none")]
    verdict: Option<Text>,
    #[serde(rename = "c")]
    cache: Text,
    #[serde(rename = "s")]
    size: Option<u32>,
    #[serde(rename = "n")]
    objects: u64,
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    likely: Option<(u64, u64)>,
    #[serde(rename = "y")]
    bytes: Option<u64>,
    /// Allocations and frees; what the kernel counts has none.
    #[serde(rename = "e", skip_serializing_if = "Option::is_none")]
    events: Option<(u64, u64)>,
    #[serde(rename = "g", skip_serializing_if = "Option::is_none")]
    growth: Option<f64>,
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    ages: Option<(f64, f64)>,
    /// Median, 99th percentile and maximum, in seconds.
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    lifetimes: Option<(f64, f64, f64)>,
    /// Live objects in each part of the boot, as how often and how many.
    #[serde(rename = "m", skip_serializing_if = "Vec::is_empty")]
    live: Vec<u64>,
    #[serde(rename = "w", skip_serializing_if = "Option::is_none")]
    reason: Option<Text>,
    #[serde(rename = "h")]
    chain: Vec<usize>,
    /// Frames of the chain that are not those of callers.
    #[serde(rename = "o", skip_serializing_if = "Vec::is_empty")]
    aside: Vec<usize>,
    #[serde(rename = "p")]
    processes: Vec<(Option<Text>, Option<u32>, u64)>,
    #[serde(rename = "f", skip_serializing_if = "Vec::is_empty")]
    freed: Vec<(Option<Text>, Option<Text>, u64)>,
    /// Line and address of the oldest that lives.
    #[serde(rename = "x", skip_serializing_if = "Option::is_none")]
    oldest: Option<(u64, String)>,
    #[serde(rename = "i")]
    fingerprint: String,
    /// The family, where it has other groups too.
    #[serde(rename = "k", skip_serializing_if = "Option::is_none")]
    family: Option<Text>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_first(boot: &usize) -> bool {
    *boot == 0
}

#[derive(Serialize)]
struct Changes {
    conclusion: String,
    rows: Vec<[String; 6]>,
}

/// Texts and frames, each once.
#[derive(Default)]
struct Names<'a> {
    strings: IndexMap<String, (), FixedState>,
    frames: IndexMap<&'a FrameReport, (), FixedState>,
    /// Families of more than one group, with their boots.
    shared: HashSet<(usize, &'a str), FixedState>,
}

pub(super) fn data(report: &Report, baseline: Option<&Baseline>) -> Data {
    let mut names = Names { shared: shared(report), ..Names::default() };
    let groups = report.groups.iter().map(|group| names.group(group)).collect();
    let frames = std::mem::take(&mut names.frames);
    let frames = frames.into_keys().map(|frame| names.frame(frame)).collect();
    let is_traced = report.origin == Origin::Trace;
    let times = report.boots.iter().map(|boot| {
        boot.first_time.zip(boot.last_time).map(|(first, last)| (first.seconds(), last.seconds()))
    });
    Data {
        strings: names.strings.into_keys().collect(),
        frames,
        groups,
        caches: if is_traced { report.caches.iter().map(cache).collect() } else { Vec::new() },
        times: times.collect(),
        changes: baseline.map(|baseline| Changes {
            conclusion: shown(&baseline.conclusion),
            rows: baseline.rows.iter().map(|row| row.each_ref().map(|text| shown(text))).collect(),
        }),
    }
}

/// Families of more than one group.
fn shared(report: &Report) -> HashSet<(usize, &str), FixedState> {
    let mut groups: HashMap<(usize, &str), u64, FixedState> = HashMap::default();
    for group in &report.groups {
        *groups.entry((group.boot, &group.family)).or_default() += 1;
    }
    groups.into_iter().filter(|&(_, groups)| groups > 1).map(|(family, _)| family).collect()
}

impl<'a> Names<'a> {
    fn text(&mut self, text: &str) -> Text {
        self.strings.insert_full(shown(text), ()).0
    }

    fn group(&mut self, group: &'a GroupReport) -> Group {
        let is_traced = group.counted.is_none();
        let is_sure = group.likely == (group.live_objects, group.live_objects);
        let growth = group.timeline.as_deref().and_then(Timeline::growth);
        let lived = group.lifetimes;
        let aside = group.chain.iter().enumerate();
        let aside = aside.filter(|(_, frame)| frame.role != Role::Caller);
        let processes = group.processes.iter().take(SHOWN_MAX);
        let freed = group.freed_by.iter().take(SHOWN_MAX);
        Group {
            boot: group.boot,
            verdict: group.judgement.map(|judgement| self.text(judgement.verdict.name())),
            cache: self.text(&group.cache),
            size: group.object_size,
            objects: group.live_objects,
            likely: (!is_sure).then_some(group.likely),
            bytes: group.live_bytes,
            events: is_traced.then_some((group.allocs, group.frees)),
            growth: growth.map(|growth| rounded(growth.objects_per_s)).filter(|&rate| rate > 0.0),
            ages: group.ages.map(|ages| (rounded(ages.youngest), rounded(ages.oldest))),
            lifetimes: lived
                .map(|lived| (rounded(lived.median), rounded(lived.p99), rounded(lived.max))),
            live: group
                .timeline
                .as_deref()
                .map_or_else(Vec::new, |timeline| runs(&timeline.live())),
            reason: group.judgement.map(|judgement| self.text(&judgement.reason.to_string())),
            chain: group.chain.iter().map(|frame| self.frames.insert_full(frame, ()).0).collect(),
            aside: aside.map(|(at, _)| at).collect(),
            processes: processes
                .map(|process| {
                    let comm = process.comm.as_deref().map(|comm| self.text(comm));
                    (comm, process.pid, process.live_objects)
                })
                .collect(),
            freed: freed
                .map(|freer| {
                    let function = freer.function.as_deref().map(|name| self.text(name));
                    let module = freer.module.as_deref().map(|name| self.text(name));
                    (function, module, freer.frees)
                })
                .collect(),
            oldest: group.examples.first().map(|oldest| (oldest.line.0, shown(&oldest.address))),
            fingerprint: group.fingerprint.clone(),
            family: self
                .shared
                .contains(&(group.boot, group.family.as_str()))
                .then(|| self.text(&group.family)),
        }
    }

    fn frame(&mut self, frame: &FrameReport) -> Frame {
        let name = match (&frame.function, frame.address) {
            (Some(function), _) => self.text(function),
            (None, Some(address)) => self.text(&format!("{address:#x}")),
            (None, None) => self.text("?"),
        };
        let module = frame.module.as_deref().map(|module| self.text(module));
        let offset = frame.offset.filter(|_| frame.function.is_some());
        let mut places = Vec::new();
        if let Some(source) = &frame.source {
            for call in &source.inlined {
                places.push(Place(self.text(&call.function), self.text(&call.file), call.line));
            }
            places.push(Place(name, self.text(&source.file), source.line));
        }
        if frame.reliable && places.is_empty() {
            return Frame::Plain(name, module, offset, frame.size);
        }
        Frame::Placed(name, module, offset, frame.size, u8::from(!frame.reliable), places)
    }
}

/// A series as how often each number comes, and the number.
fn runs(series: &[u64]) -> Vec<u64> {
    let mut runs = Vec::new();
    for equal in series.chunk_by(|a, b| a == b) {
        runs.extend([equal.len() as u64, equal[0]]);
    }
    runs
}

fn cache(cache: &CacheReport) -> [String; 7] {
    let proof = match cache.proof {
        Proof::Complete => "yes, as far as slabs tell",
        Proof::Broken => "no: events are missing",
        Proof::Unknown => "not known",
    };
    [
        shown(&cache.name),
        cache.object_size.map_or("?".to_owned(), |size| count(size.into())),
        count(cache.allocs),
        count(cache.frees),
        count(cache.live_objects),
        cache.live_bytes.map_or("?".to_owned(), bytes),
        proof.to_owned(),
    ]
}

/// Text with what hides in it made visible.
fn shown(text: &str) -> String {
    Escaped(text).to_string()
}

/// A number of seconds, or in a second, with as many digits as anybody reads.
fn rounded(value: f64) -> f64 {
    const DIGITS: i32 = 4;
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a power of ten")]
    let digits = DIGITS - 1 - value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits.clamp(0, 12));
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        for (value, rounded) in
            [(0.0, 0.0), (1.234_567, 1.235), (0.000_123_456, 0.000_123_5), (12_345.6, 12_346.0)]
        {
            assert!((super::rounded(value) - rounded).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn equal_numbers_are_told_once() {
        assert_eq!(runs(&[0, 0, 0, 5, 5, 7]), [3, 0, 2, 5, 1, 7]);
        assert_eq!(runs(&[]), [0; 0]);
    }
}
