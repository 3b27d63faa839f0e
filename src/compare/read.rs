//! Reports that were written as JSON, read again for what is compared.

use serde::Deserialize;

use super::side::{Finding, Side, Standing, Step, by_fingerprint, title};
use crate::verdict::Verdict;

/// Reports of these formats are known.
const SCHEMAS: [&str; 2] = ["slabtrace.report/1", "slabtrace.kmemleak/1"];

/// Why a JSON text is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON, or none of a report.
    #[error("it is no JSON report of slabtrace ({0}); write one with --json")]
    NoReport(serde_json::Error),
    /// It is of another format.
    #[error(
        "it says schema {0:?}, which is not known; give what slabtrace --json, or slabtrace kmemleak --json, of this version writes"
    )]
    Schema(String),
}

/// What is read of a document; the rest is left.
#[derive(Deserialize)]
struct Document {
    schema: String,
    #[serde(default)]
    inputs: Vec<Input>,
    #[serde(default)]
    boots: Vec<Boot>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Input {
    path: String,
}

#[derive(Deserialize)]
struct Boot {
    first_time: Option<f64>,
    last_time: Option<f64>,
}

#[derive(Deserialize)]
struct Group {
    fingerprint: String,
    cache: Option<String>,
    verdict: Option<String>,
    live_objects: Option<u64>,
    live_likely_low: Option<u64>,
    live_likely_high: Option<u64>,
    live_bytes: Option<u64>,
    /// Of kmemleak's groups.
    objects: Option<u64>,
    bytes: Option<u64>,
    trend: Option<String>,
    counted: Option<Counted>,
    chain: Vec<Frame>,
}

#[derive(Deserialize)]
struct Counted {
    grown_bytes: Option<i64>,
}

#[derive(Deserialize)]
struct Frame {
    function: Option<String>,
    module: Option<String>,
    address: Option<String>,
    role: Option<String>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    file: String,
    line: Option<u32>,
}

impl Side {
    /// What a report in JSON says.
    ///
    /// # Errors
    ///
    /// When the text is no report, or one of a format that is not known.
    pub fn of_json(text: &[u8]) -> Result<Side, ReadError> {
        let document: Document = serde_json::from_slice(text).map_err(ReadError::NoReport)?;
        if !SCHEMAS.contains(&document.schema.as_str()) {
            return Err(ReadError::Schema(document.schema.chars().take(60).collect()));
        }
        let spans = document.boots.iter().map(|boot| boot.first_time.zip(boot.last_time));
        let span: Option<f64> = spans.map(|times| times.map(|(first, last)| last - first)).sum();
        let is_traced = document.groups.iter().all(|group| group.counted.is_none());
        let present =
            document.groups.into_iter().filter(|group| group.trend.as_deref() != Some("gone"));
        Ok(Side {
            title: title(document.inputs.iter().map(|input| input.path.as_str())),
            span: span.filter(|&span| is_traced && span > 0.0),
            findings: by_fingerprint(present.map(Finding::from)),
        })
    }
}

impl From<Group> for Finding {
    fn from(group: Group) -> Finding {
        let objects = group.live_objects.or(group.objects).unwrap_or(0);
        let judged = |name: &str| Verdict::ALL.into_iter().find(|verdict| verdict.name() == name);
        let standing = match (group.verdict.as_deref(), group.counted) {
            (_, Some(counted)) => Standing::Counted(counted.grown_bytes),
            (Some(name), None) => Standing::Judged(judged(name).unwrap_or(Verdict::Unclear)),
            (None, None) => Standing::Unreferenced,
        };
        let is_shown = |frame: &Frame| frame.role.as_deref().is_none_or(|role| role == "caller");
        Finding {
            fingerprint: group.fingerprint,
            cache: group.cache.unwrap_or_default(),
            standing,
            objects,
            likely: (
                group.live_likely_low.unwrap_or(objects),
                group.live_likely_high.unwrap_or(objects),
            ),
            bytes: group.live_bytes.or(group.bytes),
            chain: group.chain.into_iter().filter(is_shown).map(Step::from).collect(),
        }
    }
}

impl From<Frame> for Step {
    fn from(frame: Frame) -> Step {
        let (file, line) =
            frame.source.map_or((None, None), |source| (Some(source.file), source.line));
        Step {
            function: frame.function.or(frame.address).unwrap_or_else(|| "?".to_owned()),
            module: frame.module,
            file,
            line,
        }
    }
}
