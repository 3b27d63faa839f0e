//! A profile as pprof, Pyroscope, Parca and speedscope read it.
//!
//! The four numbers of a stack are those of Go's heap profiles: objects and bytes that were
//! allocated, objects and bytes that live.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use foldhash::fast::FixedState;
use indexmap::IndexMap;
use prost::Message;

use super::profile::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use super::stack::PlaceKind;
use super::{Place, Stack};

/// What is counted of each stack, and its unit.
const TYPES: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

/// What the kernel itself is called among the mappings.
const KERNEL: &str = "[kernel]";

/// Writes a profile.proto, packed with gzip. The same stacks give the same bytes.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(stacks: &[Stack], comment: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let mut builder = Builder::new();
    for stack in stacks {
        builder.stack(stack);
    }
    let mut packed = GzEncoder::new(out, Compression::default());
    packed.write_all(&builder.profile(comment).encode_to_vec())?;
    packed.finish()?;
    Ok(())
}

/// What has been put into the profile, each thing once.
struct Builder {
    strings: IndexMap<String, (), FixedState>,
    /// Modules, and what is known of their places.
    mappings: IndexMap<String, Mapping, FixedState>,
    functions: IndexMap<(i64, i64), (), FixedState>,
    locations: IndexMap<Location, (), FixedState>,
    samples: Vec<Sample>,
}

impl Builder {
    fn new() -> Builder {
        let mut builder = Builder {
            strings: IndexMap::default(),
            mappings: IndexMap::default(),
            functions: IndexMap::default(),
            locations: IndexMap::default(),
            samples: Vec::new(),
        };
        // The first string is empty by definition, and the first mapping is the main one.
        builder.string("");
        builder.mapping(KERNEL);
        builder
    }

    fn string(&mut self, text: &str) -> i64 {
        signed(self.strings.insert_full(text.to_owned(), ()).0 as u64)
    }

    /// The mapping of a module; their numbers begin with 1.
    fn mapping(&mut self, name: &str) -> u64 {
        if let Some(mapping) = self.mappings.get(name) {
            return mapping.id;
        }
        let id = self.mappings.len() as u64 + 1;
        let mapping =
            Mapping { id, filename: self.string(name), has_functions: true, ..Mapping::default() };
        self.mappings.insert(name.to_owned(), mapping);
        id
    }

    fn function(&mut self, place: &Place) -> u64 {
        let name = self.string(&place.function);
        let file = place.file.as_deref().map_or(0, |file| self.string(file));
        self.functions.insert_full((name, file), ()).0 as u64 + 1
    }

    /// A frame: its own place is the last, those inlined there are before it.
    fn location(&mut self, places: &[Place]) -> u64 {
        let Some(own) = places.last() else { return 0 };
        let module = own.module.clone().unwrap_or_else(|| KERNEL.to_owned());
        let mapping_id = self.mapping(&module);
        if let Some(mapping) = self.mappings.get_mut(&module) {
            mapping.has_filenames |= own.file.is_some();
            mapping.has_line_numbers |= own.line.is_some();
            mapping.has_inline_frames |= places.len() > 1;
        }
        let line = |place: &Place| Line {
            function_id: self.function(place),
            line: place.line.unwrap_or(0).into(),
        };
        let line = places.iter().map(line).collect();
        // Numbers are given where the profile is made: what is equal is one.
        let location = Location { id: 0, mapping_id, address: own.address.unwrap_or(0), line };
        self.locations.insert_full(location, ()).0 as u64 + 1
    }

    fn stack(&mut self, stack: &Stack) {
        let mut location_id = Vec::new();
        for frame in stack.places.split_inclusive(|place| place.kind == PlaceKind::Framed) {
            location_id.push(self.location(frame));
        }
        let value = [Some(stack.allocs), stack.allocated, Some(stack.objects), stack.bytes];
        let value = value.into_iter().map(|value| signed(value.unwrap_or(0))).collect();
        let mut label = Vec::new();
        if let Some(cache) = &stack.cache {
            label.push(self.text_label("cache", cache));
        }
        if let Some(verdict) = stack.verdict {
            label.push(self.text_label("verdict", verdict.name()));
        }
        label.push(self.text_label("fingerprint", &stack.fingerprint));
        // A number would be lost where it is 0.
        label.push(self.text_label("boot", &stack.boot.to_string()));
        self.samples.push(Sample { location_id, value, label });
    }

    fn text_label(&mut self, key: &str, text: &str) -> Label {
        Label { key: self.string(key), str: self.string(text), num: 0 }
    }

    fn profile(mut self, comment: Option<&str>) -> Profile {
        let sample_type = TYPES
            .map(|(name, unit)| ValueType { r#type: self.string(name), unit: self.string(unit) });
        let comment = comment.map(|text| self.string(text)).into_iter().collect();
        let numbered = |at: usize| at as u64 + 1;
        Profile {
            sample_type: sample_type.to_vec(),
            sample: self.samples,
            mapping: self.mappings.into_values().collect(),
            location: self
                .locations
                .into_keys()
                .enumerate()
                .map(|(at, location)| Location { id: numbered(at), ..location })
                .collect(),
            function: self
                .functions
                .into_keys()
                .enumerate()
                .map(|(at, (name, filename))| Function {
                    id: numbered(at),
                    name,
                    system_name: name,
                    filename,
                })
                .collect(),
            string_table: self.strings.into_keys().collect(),
            // Every allocation was seen.
            period_type: Some(sample_type[3]),
            period: 1,
            comment,
            default_sample_type: sample_type[3].r#type,
        }
    }
}

/// A number as the format has it.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
