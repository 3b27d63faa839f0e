//! Profiles for speedscope: <https://www.speedscope.app/file-format-schema.json>.

use std::io::{self, Write};

use foldhash::fast::FixedState;
use indexmap::IndexMap;
use serde::Serialize;

use super::{Place, Stack, Weight};

const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    exporter: String,
    name: &'a str,
    #[serde(rename = "activeProfileIndex")]
    active_profile_index: usize,
    shared: Shared<'a>,
    profiles: Vec<Profile>,
}

#[derive(Serialize)]
struct Shared<'a> {
    frames: Vec<Frame<'a>>,
}

#[derive(Serialize)]
struct Frame<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

#[derive(Serialize)]
struct Profile {
    r#type: &'static str,
    name: String,
    unit: &'static str,
    #[serde(rename = "startValue")]
    start_value: u64,
    #[serde(rename = "endValue")]
    end_value: u64,
    samples: Vec<Vec<usize>>,
    weights: Vec<u64>,
}

/// What a frame of the document is.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Place(&'a Place),
    Cache(&'a str),
}

/// Writes a document with three profiles of each boot: what lives in bytes and in objects, and what
/// leaked. Those that are empty are left out, but for the first.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(stacks: &[Stack], name: &str, out: &mut impl Write) -> io::Result<()> {
    let mut keys: IndexMap<Key<'_>, (), FixedState> = IndexMap::default();
    let samples: Vec<Vec<usize>> = stacks.iter().map(|stack| sample(stack, &mut keys)).collect();
    let mut boots: Vec<usize> = stacks.iter().map(|stack| stack.boot).collect();
    boots.sort_unstable();
    boots.dedup();
    let kinds = [
        ("live bytes", Weight::Bytes),
        ("live objects", Weight::Objects),
        ("leaked bytes", Weight::Leaked),
    ];
    let mut profiles = Vec::new();
    for &boot in if boots.is_empty() { &[0][..] } else { &boots } {
        let of_boot = if boots.len() > 1 { format!(" of boot {boot}") } else { String::new() };
        for (kind, weight) in kinds {
            let profile = profile(stacks, &samples, boot, weight, format!("{kind}{of_boot}"));
            if profile.end_value > 0 || profiles.is_empty() {
                profiles.push(profile);
            }
        }
    }
    let document = Document {
        schema: SCHEMA,
        exporter: format!("slabtrace {}", env!("CARGO_PKG_VERSION")),
        name,
        active_profile_index: 0,
        shared: Shared { frames: keys.keys().map(frame).collect() },
        profiles,
    };
    crate::print::write_pretty(&document, out)
}

/// The frames of a stack, outermost first.
fn sample<'a>(stack: &'a Stack, keys: &mut IndexMap<Key<'a>, (), FixedState>) -> Vec<usize> {
    let places = stack.places.iter().rev().map(Key::Place);
    let cache = stack.cache.as_deref().map(Key::Cache);
    places.chain(cache).map(|key| keys.insert_full(key, ()).0).collect()
}

fn frame<'a>(key: &Key<'a>) -> Frame<'a> {
    match key {
        Key::Place(place) => {
            Frame { name: place.title(), file: place.file.as_deref(), line: place.line }
        }
        Key::Cache(cache) => Frame { name: format!("({cache})"), file: None, line: None },
    }
}

fn profile(
    stacks: &[Stack],
    samples: &[Vec<usize>],
    boot: usize,
    weight: Weight,
    name: String,
) -> Profile {
    let heavy = stacks.iter().zip(samples).filter_map(|(stack, sample)| {
        let heaviness = stack.weight(weight);
        (stack.boot == boot && heaviness > 0).then_some((sample.clone(), heaviness))
    });
    let (samples, weights): (Vec<_>, Vec<u64>) = heavy.unzip();
    Profile {
        r#type: "sampled",
        name,
        // Objects have no unit of their own there.
        unit: if weight == Weight::Objects { "none" } else { "bytes" },
        start_value: 0,
        end_value: weights.iter().sum(),
        samples,
        weights,
    }
}
