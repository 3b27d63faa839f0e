//! Binary recordings: they mean what the text does that their own programs print of them, and no
//! damage to them does harm.

mod support {
    pub(crate) mod unpack;
}

use std::fs::File;
use std::io::{Cursor, Read};

use flate2::read::GzDecoder;
use serde_json::Value;
use slabtrace::recording::{Recording, RecordingText};
use slabtrace::report::write_json;
use slabtrace::{Analysis, AnalysisOptions};
use support::unpack::{root, unpack};

/// The binary recordings of the corpus.
const CASES: [&str; 3] = ["x86-61-perf-data", "x86-61-trace-dat", "x86-61-trace-dat-6"];

/// The text of a whole recording is no longer than so many of its bytes.
const MAX_EXPANSION: usize = 100;

fn recording(case: &str) -> Vec<u8> {
    let path = root().join(format!("corpora/recording/{case}.log.gz"));
    let mut bytes = Vec::new();
    let file = File::open(path).expect("the recording is there");
    GzDecoder::new(file).read_to_end(&mut bytes).expect("it is whole");
    bytes
}

/// What is read of a recording.
struct Outcome {
    text: String,
    /// Why nothing more was read.
    failure: Option<String>,
}

fn read(bytes: &[u8]) -> Outcome {
    let mut text = Vec::new();
    let Some(recording) = Recording::detect(bytes) else {
        return Outcome { text: String::new(), failure: Some("no recording".to_owned()) };
    };
    let reader = RecordingText::new(recording, Cursor::new(bytes.to_vec()), "it -i x".to_owned());
    let limit = bytes.len() * MAX_EXPANSION + 1;
    let failure = reader.take(limit as u64).read_to_end(&mut text).err();
    assert!(text.len() < limit, "little makes much");
    let text = String::from_utf8_lossy(&text).into_owned();
    Outcome { text, failure: failure.map(|error| error.to_string()) }
}

fn whole(bytes: &[u8]) -> String {
    let Outcome { text, failure } = read(bytes);
    assert_eq!(failure, None);
    text
}

/// The JSON report, without what depends on the number of lines.
fn report(text: &[u8]) -> Value {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(text);
    let mut json = Vec::new();
    write_json(&analysis.finish(), &mut json).expect("memory takes any bytes");
    without_lines(serde_json::from_slice(&json).expect("it is JSON"))
}

fn without_lines(value: Value) -> Value {
    const LINES: [&str; 4] = ["line", "first_line", "last_line", "lines"];
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| !LINES.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name, without_lines(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_lines).collect()),
        other => other,
    }
}

#[test]
fn trace_dat_means_what_trace_cmd_prints() {
    let expected = unpack("corpora/recording/x86-61-trace-cmd.log.gz").expect("it is there");
    for case in ["x86-61-trace-dat", "x86-61-trace-dat-6"] {
        let text = whole(&recording(case));
        assert_eq!(report(text.as_bytes()), report(&expected), "{case}");
    }
}

/// The line of an event or a backtrace as `trace-cmd report` prints it, without what is left out:
/// the place that its plugin puts in front, the names of flags, and what is worked out of them.
fn plain(line: &str) -> String {
    let line = match line.split_once(" (") {
        Some((front, behind)) if behind.contains(" call_site=") => {
            let (_, behind) = behind.split_once(") ").expect("the bracket ends");
            format!("{front} {behind}")
        }
        _ => line.to_owned(),
    };
    let words = line.split(' ').map(|word| match word.split_once('=') {
        Some(("gfp_flags", _)) => "gfp_flags=…",
        Some(("accounted", _)) => "",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

#[test]
fn trace_dat_is_printed_line_by_line_as_trace_cmd_does() {
    let expected = unpack("corpora/recording/x86-61-trace-cmd.log.gz").expect("it is there");
    let expected = String::from_utf8(expected).expect("ASCII");
    let text = whole(&recording("x86-61-trace-dat"));
    assert_eq!(text.lines().count(), expected.lines().count());
    for (line, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(plain(line), plain(expected));
    }
}

/// Where in a section of perf's the kernel's functions would stand.
fn place_of_functions(section: &[u8]) -> usize {
    let title = b"kmem\0";
    let systems = section.windows(title.len()).position(|part| part == title).expect("a system");
    let word = |at: usize| {
        let bytes = section[at..at + 4].try_into().expect("four bytes");
        u32::from_le_bytes(bytes) as usize
    };
    let mut at = systems + title.len();
    for _ in 0..word(std::mem::replace(&mut at, systems + title.len() + 4)) {
        at += 8 + word(at);
    }
    at
}

/// The recording with functions in it, as the first versions of perf wrote them.
fn with_functions(mut file: Vec<u8>, functions: &str) -> Vec<u8> {
    let long = |file: &[u8], at: usize| {
        let bytes = file[at..at + 8].try_into().expect("eight bytes");
        usize::try_from(u64::from_le_bytes(bytes)).expect("it fits")
    };
    let head = long(&file, 40) + long(&file, 48);
    let (start, length) = (long(&file, head), long(&file, head + 8));
    let section = file[start..start + length].to_vec();
    let at = place_of_functions(&section);
    let size = u32::try_from(functions.len()).expect("it fits");
    let section =
        [&section[..at], &size.to_le_bytes(), functions.as_bytes(), &section[at + 4..]].concat();
    let place = [file.len() as u64, section.len() as u64].map(u64::to_le_bytes).concat();
    file.splice(head..head + 16, place);
    [file, section].concat()
}

/// The functions that the text of perf names, and an end behind each.
fn functions(text: &str) -> String {
    let mut found = std::collections::BTreeMap::new();
    for line in text.lines().filter(|line| line.ends_with("([kernel.kallsyms])")) {
        let mut words = line.split_whitespace();
        let (Some(address), Some(place)) = (words.next(), words.next()) else { continue };
        let Some((name, offset)) = place.split_once("+0x") else { continue };
        let [address, offset] =
            [address, offset].map(|digits| u64::from_str_radix(digits, 16).expect("a number"));
        let (_, end) = found.entry(address - offset).or_insert((name, address));
        *end = address.max(*end);
    }
    let line = |(start, (name, end)): (u64, (&str, u64))| {
        format!("{start:016x} t {name}\n{:016x} d end\n", end + 1)
    };
    found.into_iter().map(line).collect()
}

#[test]
fn perf_data_means_what_perf_prints() {
    let expected = unpack("corpora/recording/x86-61-perf-script.log.gz").expect("it is there");
    let functions = functions(&String::from_utf8_lossy(&expected));
    let file = with_functions(recording("x86-61-perf-data"), &functions);
    assert_eq!(report(whole(&file).as_bytes()), report(&expected));
}

/// The text of the recording with the functions of this `System.map` or `/proc/kallsyms`.
fn named_by(file: &[u8], map: &str) -> String {
    let reader = Cursor::new(file.to_vec());
    let text = RecordingText::new(Recording::PerfData, reader, String::new());
    let mut text = text.named_by(vec![
        Box::new(Cursor::new("not a map\n")),
        Box::new(Cursor::new(map.to_owned())),
    ]);
    let mut named = String::new();
    text.read_to_string(&mut named).expect("it is whole");
    named
}

#[test]
fn perf_data_is_named_by_a_text_that_fits() {
    let expected = unpack("corpora/recording/x86-61-perf-script.log.gz").expect("it is there");
    let functions = functions(&String::from_utf8_lossy(&expected));
    let file = recording("x86-61-perf-data");
    let own = whole(&with_functions(file.clone(), &functions));
    let live = format!("ffffffffb4c00000 T _text\n{functions}");
    assert_eq!(named_by(&file, &live), own);
    // As it was linked, where KASLR moved it from.
    let linked = live.lines().filter_map(|line| {
        let (address, symbol) = line.split_once(' ')?;
        let address = u64::from_str_radix(address, 16).ok()?.wrapping_sub(0x33c0_0000);
        Some(format!("{address:016x} {symbol}\n"))
    });
    assert_eq!(named_by(&file, &linked.collect::<String>()), own);
    let unfit = named_by(&file, &functions);
    assert_eq!(unfit, whole(&file), "nothing tells whether it is of this boot");
}

#[test]
fn perf_data_without_functions_holds_the_same_events() {
    let expected = unpack("corpora/recording/x86-61-perf-script.log.gz").expect("it is there");
    let expected = report(&expected);
    let bare = report(whole(&recording("x86-61-perf-data")).as_bytes());
    for field in ["totals", "caches"] {
        assert_eq!(bare[field]["events"], expected[field]["events"], "{field}");
        assert_eq!(bare[field]["live_objects"], expected[field]["live_objects"], "{field}");
    }
}

/// What a pipe of perf's holds of the records of a file: attributes and layouts are records, too.
fn piped(file: &[u8]) -> Vec<u8> {
    let long = |at: usize| {
        let bytes = file[at..at + 8].try_into().expect("eight bytes");
        usize::try_from(u64::from_le_bytes(bytes)).expect("it fits")
    };
    let record = |kind: u32, body: &[u8]| {
        let size = u16::try_from(body.len() + 8).expect("it fits");
        [&kind.to_le_bytes()[..], &[0, 0], &size.to_le_bytes(), body].concat()
    };
    let mut pipe = b"PERFILE2\x10\0\0\0\0\0\0\0".to_vec();
    let (attributes, size) = (&file[long(24)..][..long(32)], long(16));
    for entry in attributes.chunks_exact(size) {
        let (attribute, ids) = entry.split_at(size - 16);
        let place = |at: usize| {
            let bytes = ids[at..at + 8].try_into().expect("eight bytes");
            usize::try_from(u64::from_le_bytes(bytes)).expect("it fits")
        };
        pipe.extend(record(64, &[attribute, &file[place(0)..][..place(8)]].concat()));
    }
    let head = long(40) + long(48);
    let section = &file[long(head)..][..long(head + 8)];
    let size = u32::try_from(section.len().next_multiple_of(8)).expect("it fits");
    pipe.extend(record(66, &[size.to_le_bytes(), [0; 4]].concat()));
    pipe.extend_from_slice(section);
    pipe.resize(pipe.len().next_multiple_of(8), 0);
    pipe.extend_from_slice(&file[long(40)..head]);
    pipe
}

#[test]
fn perf_data_of_a_pipe_is_read_as_that_of_a_file() {
    let file = recording("x86-61-perf-data");
    assert_eq!(whole(&piped(&file)), whole(&file));
}

/// The recording with its records packed, as `perf record -z` does: one stream, cut anywhere.
fn packed_by_perf(file: &[u8]) -> Vec<u8> {
    let pipe = piped(file);
    let data = usize::try_from(u64::from_le_bytes(file[48..56].try_into().expect("eight bytes")));
    let (front, records) = pipe.split_at(pipe.len() - data.expect("it fits"));
    let packed = zstd::encode_all(records, 3).expect("memory takes any bytes");
    let mut pipe = front.to_vec();
    for part in packed.chunks(1000) {
        let size = u16::try_from(part.len() + 8).expect("it fits");
        pipe.extend([&81u32.to_le_bytes()[..], &[0, 0], &size.to_le_bytes(), part].concat());
    }
    pipe
}

#[test]
fn records_that_perf_packed_are_read() {
    let file = recording("x86-61-perf-data");
    assert_eq!(whole(&packed_by_perf(&file)), whole(&file));
}

#[test]
fn what_perf_lost_is_counted() {
    let file = recording("x86-61-perf-data");
    let mut pipe = piped(&file);
    let mut record = |kind: u32, misc: u16, body: &[u64]| {
        let size = u16::try_from(body.len() * 8 + 8).expect("it fits");
        pipe.extend_from_slice(&kind.to_le_bytes());
        pipe.extend([misc, size].map(u16::to_le_bytes).concat());
        pipe.extend(body.iter().flat_map(|number| number.to_le_bytes()));
    };
    // Number, count; thread, time, CPU and number again.
    record(2, 0, &[11, 40, (127 << 32) + 127, 4_300_000_000, 0, 11]);
    // What a filter left out; the sum of all, in two numbers.
    record(13, 1 << 15, &[70, (127 << 32) + 127, 4_700_000_000, 0, 11]);
    record(13, 0, &[30, (127 << 32) + 127, 4_700_000_000, 0, 11]);
    record(13, 0, &[15, (127 << 32) + 127, 4_700_000_000, 0, 12]);
    let text = whole(&pipe);
    let lost: Vec<&str> = text.lines().filter(|line| line.contains("PERF_RECORD_LOST")).collect();
    assert_eq!(
        lost,
        [
            "leaky/0   127 [000]     4.300000: PERF_RECORD_LOST lost 40",
            "perf   123 [000]     4.625437: PERF_RECORD_LOST lost 5",
        ]
    );
    assert_ne!(report(text.as_bytes())["loss"], report(whole(&file).as_bytes())["loss"]);
}

/// Bytes of a page of events.
const PAGE_BYTES: usize = 4096;

/// The recording of version 6 with its pages on two CPUs, so many on the first of them.
fn on_two_cpus(file: &[u8], first: usize) -> Vec<u8> {
    let find = |title: &[u8]| {
        file.windows(title.len()).position(|part| part == title).expect("it is there")
    };
    let (options, table) = (find(b"options  \0"), find(b"flyrecord\0") + 10);
    let pages = &file[file.len() - file.len() % PAGE_BYTES - 23 * PAGE_BYTES..];
    let mut new = file[..table].to_vec();
    new.splice(options - 4..options, 2u32.to_le_bytes());
    let start = (table + 32).next_multiple_of(PAGE_BYTES);
    let cut = first * PAGE_BYTES;
    let table = [start, cut, start + cut, pages.len() - cut];
    new.extend(table.iter().flat_map(|&number| (number as u64).to_le_bytes()));
    new.resize(start, 0);
    new.extend_from_slice(pages);
    new
}

#[test]
fn the_events_of_several_cpus_are_put_in_order() {
    let file = recording("x86-61-trace-dat-6");
    let one = whole(&file).replace("cpus=1", "cpus=2");
    let two = whole(&on_two_cpus(&file, 9));
    assert!(two.contains("[001]"));
    assert_eq!(two.replace("[001]", "[000]"), one);
}

#[test]
fn events_that_were_lost_before_a_page_are_counted() {
    let mut file = on_two_cpus(&recording("x86-61-trace-dat-6"), 9);
    let page = file.len() - 5 * PAGE_BYTES;
    let used = usize::from(u16::from_le_bytes([file[page + 8], file[page + 9]]));
    assert!(used + 24 <= PAGE_BYTES, "there is room for a number");
    file[page + 11] |= 0xc0;
    file[page + 16 + used] = 77;
    let text = whole(&file);
    assert!(text.contains("\nCPU:1 [77 EVENTS DROPPED]\n"));
    file[page + 11] &= !0x40;
    assert!(whole(&file).contains("\nCPU:1 [EVENTS DROPPED]\n"));
}

#[test]
fn a_recording_that_breaks_off_is_read_as_far_as_it_goes() {
    for case in CASES {
        let file = recording(case);
        let text = whole(&file);
        let mut longest = 0;
        for end in (0..file.len()).step_by(997) {
            let cut = read(&file[..end]);
            let failure = cut.failure.unwrap_or_else(|| panic!("{case}: {end} are all"));
            assert!(text.starts_with(cut.text.trim_end_matches('\n')), "{case}, {end}");
            assert!(!cut.text.is_empty() || failure.ends_with("it -i x") || end < 10, "{failure}");
            longest = longest.max(cut.text.len());
        }
        let is_told_late = case == "x86-61-perf-data";
        assert!(is_told_late || longest > text.len() / 2, "{case}: {longest}");
    }
}

#[test]
fn no_damage_does_harm() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).expect("48 bits") % below
    };
    for case in CASES {
        let whole = recording(case);
        for round in 0..150_u8 {
            let mut file = whole.clone();
            // The numbers at the beginning and the end say where everything is.
            let (from, length) = match round % 3 {
                0 => (10, 400),
                1 => (file.len() - 2000, 2000),
                _ => (10, file.len() - 10),
            };
            for _ in 0..=round % 8 {
                file[from + random(length)] = [0, 1, 0x7f, 0xff, round][random(5)];
            }
            read(&file);
        }
    }
}

#[test]
fn sizes_that_cannot_be_are_not_believed() {
    for case in CASES {
        let whole = recording(case);
        for at in (10..600).chain(whole.len() - 600..whole.len() - 8).step_by(7) {
            for size in [1_u64 << 40, u64::MAX - 7] {
                let mut file = whole.clone();
                file[at..at + 8].copy_from_slice(&size.to_le_bytes());
                read(&file);
            }
        }
    }
}
