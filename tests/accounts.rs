//! The kernel's own counts: lists from `corpora/accounts/`, alone and beside a trace.
//!
//! Numbers are compared with sums that the test makes itself, in the plainest way there is.

mod support {
    pub(crate) mod snapshot_pair;
    pub(crate) mod unpack;
}

use std::collections::BTreeMap;

use slabtrace::report::Origin;
use slabtrace::report::crosscheck::Likeness;
use slabtrace::report::{
    Counted, GroupReport, Loss, Report, TextOptions, Unusable, write_json, write_text,
};
use slabtrace::{Analysis, AnalysisOptions};
use support::snapshot_pair::snapshot_pair;
use support::unpack::unpack;

fn read(path: &str) -> Vec<u8> {
    unpack(path).expect("the corpus has this file")
}

fn text(path: &str) -> String {
    String::from_utf8(read(path)).expect("a list is text")
}

fn report_of(inputs: &[(&str, &[u8])]) -> Report {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    for (path, bytes) in inputs {
        analysis.feed(bytes);
        analysis.end_input((*path).to_owned(), bytes.len() as u64);
    }
    analysis.finish()
}

fn report(paths: &[&str]) -> Report {
    let contents: Vec<Vec<u8>> = paths.iter().map(|path| read(path)).collect();
    let inputs: Vec<(&str, &[u8])> =
        paths.iter().copied().zip(contents.iter().map(Vec::as_slice)).collect();
    report_of(&inputs)
}

fn snapshot(case: &str, report: &Report) {
    let mut shown = report.clone();
    shown.groups.truncate(6);
    let (mut text, mut json) = (Vec::new(), Vec::new());
    write_text(&shown, TextOptions::default(), &mut text).expect("memory takes any bytes");
    write_json(&shown, &mut json).expect("memory takes any bytes");
    snapshot_pair("accounts", case, &text, without_version(&json).as_bytes());
}

/// A release changes no snapshot.
fn without_version(json: &[u8]) -> String {
    let version = concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\"");
    String::from_utf8_lossy(json).replacen(version, "\"version\": \"[version]\"", 1)
}

const TRACES: &str = "corpora/accounts/arm-61.kmalloc-64.alloc_traces.txt.gz";
const FREED: &str = "corpora/accounts/arm-61.kmalloc-64.free_traces.txt.gz";
const MIPS: &str = "corpora/accounts/mips-61.kmalloc-128.alloc_traces.txt.gz";
const CALLS: &str = "corpora/accounts/arm-510.kmalloc-64.alloc_calls.txt.gz";
const FREE_CALLS: &str = "corpora/accounts/arm-510.kmalloc-64.free_calls.txt.gz";
const FIRST: &str = "corpora/accounts/kmalloc-192.alloc_traces.1.txt";
const SECOND: &str = "corpora/accounts/kmalloc-192.alloc_traces.2.txt";

/// The entries of a list: objects, and the text of the lines below.
fn plain(text: &str) -> Vec<(u64, String, Vec<String>)> {
    let mut entries: Vec<(u64, String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        let line = line.trim_end();
        if line.contains(" age=") {
            let (count, rest) = line.trim_start().split_once(' ').expect("a count");
            let site = rest.split(" waste=").next().and_then(|rest| rest.split(" age=").next());
            let site = site.unwrap_or_default().to_owned();
            entries.push((count.parse().expect("a number"), site, Vec::new()));
        } else if !line.trim().is_empty()
            && let Some((_, _, frames)) = entries.last_mut()
        {
            frames.push(line.trim().to_owned());
        }
    }
    entries
}

fn plain_sum(text: &str) -> u64 {
    plain(text).iter().map(|(count, _, _)| count).sum()
}

fn counted(group: &GroupReport) -> &Counted {
    group.counted.as_ref().expect("the kernel counted it")
}

fn first_function(group: &GroupReport) -> &str {
    group.chain.first().and_then(|frame| frame.function.as_deref()).unwrap_or("-")
}

#[test]
fn objects_are_those_of_a_plain_sum() {
    for (path, origin) in [
        (TRACES, Origin::AllocTraces),
        (FREED, Origin::FreeTraces),
        (MIPS, Origin::AllocTraces),
        (CALLS, Origin::AllocCalls),
        (FREE_CALLS, Origin::FreeCalls),
    ] {
        let report = report(&[path]);
        assert_eq!(report.origin, origin, "{path}");
        assert_eq!(report.totals.live_objects, plain_sum(&text(path)), "{path}");
        // The kernel has cut one of them at a page.
        let cut = report.accounts.iter().filter(|account| account.is_cut).count() as u64;
        let loss = Loss { broken_off: report.loss.broken_off - cut, ..report.loss };
        assert!(!loss.is_any(), "{path}: {:?}", report.loss);
        assert_eq!(report.accounts.len(), 1, "{path}: one reading of one file");
        assert_eq!(report.accounts[0].history.len(), 1, "{path}");
        assert_eq!(Unusable::of(&report, false), None);
    }
}

#[test]
fn each_backtrace_is_a_group() {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (count, _, frames) in plain(&text(MIPS)) {
        // What calls the allocator is the same however the allocator is built.
        let is_own =
            |frame: &&String| frame.starts_with("__kmem_cache") || frame.contains("kmalloc");
        let callers: Vec<String> = frames.iter().skip_while(is_own).cloned().collect();
        *sums.entry(callers.join("\n")).or_default() += count;
    }
    let (most, objects) = sums.iter().max_by_key(|(_, count)| **count).expect("groups");
    let report = report(&[MIPS]);
    let named = |group: &GroupReport| {
        group.chain.iter().all(|frame| {
            frame.function.as_ref().is_some_and(|function| most.contains(&format!("{function}+")))
        })
    };
    let group = report.groups.iter().find(|group| named(group)).expect("the largest group");
    assert_eq!(group.live_objects, *objects);
    assert_eq!((group.rank, group.cache.as_str()), (1, "kmalloc-128"));
    assert_eq!(group.live_bytes, Some(objects * 128));
}

#[test]
fn the_cache_is_told_by_the_path() {
    let bytes = read(FIRST);
    for (path, cache) in [
        ("/sys/kernel/debug/slab/kmalloc-192/alloc_traces", "kmalloc-192"),
        ("board.kmalloc-192.alloc_traces.txt", "kmalloc-192"),
        ("notes.txt", "unknown cache"),
        ("-", "unknown cache"),
    ] {
        let report = report_of(&[(path, &bytes)]);
        assert!(report.groups.iter().all(|group| group.cache == cache), "{path}");
    }
}

/// A list, which file it is, and of each place: objects, bytes, its first function.
type Pasted = (&'static str, Origin, &'static [(u64, Option<u64>, &'static str)]);

#[test]
fn lists_are_read_as_people_and_tools_paste_them() {
    let cases: [Pasted; 6] = [
        (
            "allocinfo-mailed",
            Origin::Allocinfo,
            &[(48, Some(49152), "red_device_create"), (1, Some(32768), "blue_pool_create")],
        ),
        (
            "slabinfo-tool",
            Origin::AllocCalls,
            &[(276, Some(276 * 128), "foo_populate"), (65, Some(65 * 128), "foo_alloc")],
        ),
        ("tail-headings", Origin::AllocCalls, &[(276, None, "red_alloc")]),
        (
            "page_owner-sorted",
            Origin::PageOwner,
            &[(4, Some(16 << 10), "blue_alloc"), (2, Some(8 << 10), "red_alloc")],
        ),
        ("page_owner-broken-header", Origin::PageOwner, &[(1, Some(4 << 10), "red_alloc")]),
        (
            "alloc_calls-without-age",
            Origin::AllocCalls,
            &[(276, Some(276 * 128), "red_alloc"), (65, Some(65 * 128), "blue_alloc")],
        ),
    ];
    for (name, origin, places) in cases {
        let report = report(&[&format!("corpora/accounts/{name}.txt")]);
        assert_eq!(report.origin, origin, "{name}");
        let found: Vec<_> = report
            .groups
            .iter()
            .map(|group| (group.live_objects, group.live_bytes, first_function(group)))
            .collect();
        assert_eq!(found, places, "{name}");
        snapshot(name, &report);
    }
}

#[test]
fn two_readings_show_what_grew() {
    let report = report(&[FIRST, SECOND]);
    let shown: Vec<(&str, u64, Option<i64>, Option<i64>)> = report
        .groups
        .iter()
        .map(|group| {
            let counted = counted(group);
            (
                first_function(group),
                group.live_objects,
                counted.grown_objects(),
                counted.grown_bytes,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("leaky_tx_alloc", 620, Some(500), Some(500 * 192)),
            ("-", 4, Some(4), Some(4 * 192)),
            ("alloc_pipe_info", 30, Some(-8), Some(-8 * 192)),
        ]
    );
    assert_eq!(report.accounts[0].history, [165, 654]);
    assert_eq!(report.accounts[0].gone_groups, 1);
    snapshot("alloc-traces-twice", &report);
}

#[test]
fn what_the_kernel_does_not_tell_is_null() {
    let report = report(&[FIRST]);
    let mut json = Vec::new();
    write_json(&report, &mut json).expect("memory takes any bytes");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let group = &json["groups"][0];
    for field in ["allocs", "frees", "verdict", "first_alloc", "last_alloc", "oldest_live"] {
        assert!(group[field].is_null(), "{field}");
    }
    assert!(json["caches"][0]["allocs"].is_null());
    assert_eq!(group["live_objects_min"], group["live_objects_max"]);
}

#[test]
fn a_list_without_data_says_what_to_do() {
    let report = report_of(&[("alloc_traces", b"No data\n")]);
    assert_eq!(Unusable::of(&report, false), Some(Unusable::NoData));
    assert!(Unusable::NoData.to_string().contains("slub_debug=U"));
}

#[test]
fn a_list_ends_with_its_file_even_in_the_middle_of_a_line() {
    let (first, second) = (read(FIRST), read(SECOND));
    let cut = first.trim_ascii_end();
    let joined = report_of(&[(FIRST, cut), (SECOND, &second)]);
    assert_eq!(joined.groups, report(&[FIRST, SECOND]).groups);
    assert_eq!(joined.loss.damaged_lines, 0);
}

#[test]
fn readings_in_one_file_are_told_apart() {
    let both = [read(FIRST), read(SECOND)].concat();
    let joined = report_of(&[("kmalloc-192.alloc_traces", &both)]);
    assert_eq!(joined.groups, report(&[FIRST, SECOND]).groups);
}

#[test]
fn lists_in_a_console_log_are_told_by_the_lines_in_front() {
    let report = report(&["corpora/accounts/console-two-caches.txt"]);
    let accounts: Vec<(Option<&str>, &[u64])> = report
        .accounts
        .iter()
        .map(|account| (account.cache.as_deref(), account.history.as_slice()))
        .collect();
    assert_eq!(accounts, [(Some("kmalloc-64"), &[30, 84][..]), (Some("dentry"), &[1204, 1190])]);
    assert_eq!(first_function(&report.groups[0]), "leaky_dev_grab");
    assert_eq!(counted(&report.groups[0]).grown_objects(), Some(54));
    assert_eq!(report.loss.damaged_lines, 0);
    snapshot("console-two-caches", &report);
}

#[test]
fn a_list_that_the_kernel_cuts_says_so() {
    assert!(report(&[CALLS]).accounts[0].is_cut);
    assert!(!report(&[FREE_CALLS]).accounts[0].is_cut);
    assert!(!report(&[TRACES]).accounts[0].is_cut);
    snapshot("alloc-calls-510", &report(&[CALLS, FREE_CALLS]));
}

#[test]
fn a_mailed_list_is_read_like_the_file() {
    let report = report(&["corpora/accounts/allocinfo-mailed.txt"]);
    let functions: Vec<_> =
        report.groups.iter().map(|group| group.chain[0].function.as_deref()).collect();
    assert_eq!(functions, [Some("red_device_create"), Some("blue_pool_create")]);
    assert_eq!((report.totals.live_objects, report.accounts[0].inaccurate_rows), (49, 1));
}

#[test]
fn allocinfo_is_compared_line_of_source_by_line_of_source() {
    let report = report(&["corpora/accounts/allocinfo-1.txt", "corpora/accounts/allocinfo-2.txt"]);
    assert_eq!(report.origin, Origin::Allocinfo);
    assert_eq!(report.totals.live_bytes, 131_072 + 49_152 + 76_800 + 8_192);
    let group = &report.groups[0];
    let place = group.chain[0].source.as_ref().expect("the kernel names the line");
    assert_eq!((place.file.as_str(), place.line), ("drivers/net/leaky/main.c", Some(88)));
    assert_eq!(group.chain[0].module.as_deref(), Some("leaky"));
    assert_eq!((group.live_objects, group.object_size), (600, Some(128)));
    assert_eq!(counted(group).grown_bytes, Some(64_000));
    assert_eq!((report.accounts[0].inaccurate_rows, report.accounts[0].gone_groups), (1, 1));
    snapshot("allocinfo", &report);
}

#[test]
fn pages_are_grouped_by_backtrace_and_order() {
    for (path, pages, groups) in [
        ("corpora/accounts/page_owner-319.txt", 2, 1),
        ("corpora/accounts/page_owner-61.txt", 9, 2),
    ] {
        let report = report(&[path]);
        assert_eq!(report.origin, Origin::PageOwner);
        let allocated = text(path).matches("Page allocated via order").count() as u64;
        assert_eq!(report.totals.live_objects, allocated, "{path}");
        assert_eq!(
            (report.totals.live_bytes, report.totals.groups),
            (pages * 4096, groups),
            "{path}"
        );
        assert_eq!(first_function(&report.groups[0]), "leaky_ring_fill", "{path}");
    }
    let report = report(&["corpora/accounts/page_owner-61.txt"]);
    assert_eq!(report.groups[0].processes[0].comm.as_deref(), Some("rx ring (1)"));
    snapshot("page-owner-61", &report);
}

#[test]
fn pages_that_the_kernel_has_counted_are_read() {
    let report = report(&["corpora/accounts/page_owner_stacks-612.txt"]);
    assert_eq!(report.origin, Origin::PageOwner);
    let objects: Vec<u64> = report.groups.iter().map(|group| group.live_objects).collect();
    assert_eq!(objects, [4212, 16]);
}

#[test]
fn a_list_of_pages_that_begins_anew_is_another_reading() {
    let once = read("corpora/accounts/page_owner-61.txt");
    let twice = [once.clone(), once].concat();
    let report = report_of(&[("page_owner", &twice)]);
    assert_eq!(report.accounts[0].history, [3, 3]);
}

#[test]
fn a_list_that_breaks_off_keeps_every_whole_entry() {
    let whole = text(TRACES);
    for end in [3, 60, 500, 5000, 100_003, whole.len() - 40] {
        let cut = &whole[..end];
        // The last line may be an entry's first line, and is whole only with its newline.
        let lines = &cut[..cut.rfind('\n').map_or(0, |at| at + 1)];
        let report = report_of(&[("kmalloc-64.alloc_traces", cut.as_bytes())]);
        let objects = report.totals.live_objects;
        let last_line = plain(&cut[lines.len()..]).first().map_or(0, |(count, _, _)| *count);
        let expected = plain_sum(lines);
        assert!(objects == expected || objects == expected + last_line, "{end}: {objects}");
    }
}

#[test]
fn damage_is_counted_and_costs_no_other_entry() {
    let whole = text(FIRST);
    // A frame loses its middle, and an entry's first line its end.
    let damaged = whole
        .replace("leaky_work+0x40/0x80 [leaky]", "leaky_work+0x4")
        .replace("waste=7680/64 age=1204/5021/9911 pid=812 cpus=0-1", "waste=7680/64 a");
    let report = report_of(&[("kmalloc-192.alloc_traces", damaged.as_bytes())]);
    assert_eq!(report.totals.live_objects, 165 - 120);
    assert!(report.loss.damaged_lines >= 1 && report.loss.is_any());
    let frame = whole.replace("leaky_work+0x40/0x80 [leaky]", "leaky_work+0x4");
    let report = report_of(&[("kmalloc-192.alloc_traces", frame.as_bytes())]);
    assert_eq!((report.totals.live_objects, report.loss.damaged_lines), (165, 1));
    assert_eq!(report.groups[0].chain.len(), 7, "the frames behind the gap are there");
}

#[test]
fn any_cutting_into_pieces_gives_the_same_report() {
    let bytes = read(TRACES);
    let whole = report_of(&[(TRACES, &bytes)]);
    let mut analysis = Analysis::new(AnalysisOptions::default());
    bytes.chunks(613).for_each(|piece| analysis.feed(piece));
    analysis.end_input(TRACES.to_owned(), bytes.len() as u64);
    assert_eq!(analysis.finish(), whole);
}

#[test]
fn a_trace_s_groups_agree_with_the_kernel_s_own_count() {
    // The boot was traced from its start, but its log begins later: the kernel counts objects
    // from before. What the module allocated came after, and must agree to the object.
    let log = "corpora/witness/arm-61-alloc-traces.log.gz";
    let report = report(&[log]);
    assert_eq!(report.origin, Origin::Trace);
    let list = text(log);
    let list = &list[list.find("CAP-FILE-BEGIN").expect("the list")..];
    assert_eq!(report.accounts[0].history, [plain_sum(list)]);
    let mut agreeing = 0;
    for group in &report.groups {
        let kernel = group.witness.kernel.expect("every group is in the kernel's list");
        assert!(kernel.objects >= kernel.survivors, "group {}: {kernel:?}", group.rank);
        let function = first_function(group);
        if function.starts_with("leaky_") {
            let own =
                |frames: &[String]| frames.iter().any(|f| f.starts_with(&format!("{function}+")));
            let entries = plain(list).into_iter().filter(|(_, _, frames)| own(frames));
            let counted: u64 = entries.map(|(count, _, _)| count).sum();
            assert_eq!((group.live_objects, kernel.objects), (counted, counted), "{function}");
            assert!(kernel.likeness >= Likeness::Alike, "{function}: {kernel:?}");
            agreeing += 1;
        }
    }
    assert_eq!(agreeing, 5, "chains of the module that leak");
}

#[test]
fn call_sites_agree_where_they_are_the_module_s() {
    let report = report(&["corpora/witness/arm-510-kmemleak.log.gz"]);
    let list = text(CALLS);
    for group in report.groups.iter().filter(|g| first_function(g).starts_with("leaky_")) {
        let kernel = group.witness.kernel.expect("the call site is in the list");
        let function = first_function(group);
        let counted = plain(&list).into_iter().find(|(_, site, _)| site.starts_with(function));
        let (counted, ..) = counted.expect("the call site is in the list");
        assert_eq!((kernel.likeness, kernel.objects), (Likeness::Site, counted), "{function}");
        // Tracing ended before the list was read: seven objects more came through the device.
        let later = if function.starts_with("leaky_dev_grab") { 7 } else { 0 };
        assert_eq!(group.live_objects + later, counted, "{function}");
    }
}

#[test]
fn lists_given_beside_a_trace_are_compared_with_it() {
    let log = read("corpora/witness/arm-61-alloc-traces.log.gz");
    let end = memchr::memmem::find(&log, b"CAP-FILE-BEGIN").expect("the list");
    let list = read(TRACES);
    let pages = read("corpora/accounts/page_owner-61.txt");
    let inside = report_of(&[("serial.log", &log)]);
    let beside = report_of(&[("serial.log", &log[..end]), (TRACES, &list), ("page_owner", &pages)]);
    assert_eq!(beside.totals, inside.totals);
    let counts = |report: &Report| -> Vec<_> {
        report.groups.iter().map(|group| group.witness.kernel).collect()
    };
    assert_eq!(counts(&beside), counts(&inside));
    // A list of another cache says nothing of these groups.
    let other = report_of(&[("serial.log", &log[..end]), (MIPS, &read(MIPS))]);
    assert!(counts(&other).iter().all(Option::is_none));
}

#[test]
fn whatever_is_damaged_the_sums_hold() {
    let files = [
        FIRST,
        CALLS,
        "corpora/accounts/allocinfo-2.txt",
        "corpora/accounts/page_owner-61.txt",
        "corpora/accounts/page_owner_stacks-612.txt",
        "corpora/accounts/console-two-caches.txt",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap_or_default()
    };
    for path in files {
        let whole = read(path);
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..=next(12) {
                let at = next(bytes.len());
                match next(3) {
                    0 => bytes[at] = b"0 \n/+x=[<9"[next(10)],
                    1 => drop(bytes.drain(at..(at + next(40)).min(bytes.len()))),
                    _ => bytes.truncate(at.max(1)),
                }
                if bytes.is_empty() {
                    bytes.push(b'\n');
                }
            }
            let report = report_of(&[(path, &bytes)]);
            let live: u64 = report.groups.iter().map(|group| group.live_objects).sum();
            assert_eq!(live, report.totals.live_objects, "{path}: {}", bytes.escape_ascii());
            assert_eq!(report.totals.groups, report.groups.len() as u64, "{path}");
        }
    }
}

#[test]
fn numbers_beyond_belief_end_at_the_greatest() {
    let list = "9999999999999999999 a+0x1/0x2 waste=9999999999999999999/9999999999999999999 age=1 pid=1\n\
                9999999999999999999 b+0x1/0x2 age=-9223372036854775807/1/9223372036854775807 pid=1\n\
                9999999999999999999 a+0x1/0x2 age=1 pid=1\n";
    let report = report_of(&[("kmalloc-64.alloc_calls", list.as_bytes())]);
    assert_eq!(report.totals.live_objects, u64::MAX);
    let (mut text, mut json) = (Vec::new(), Vec::new());
    write_text(&report, TextOptions::default(), &mut text).expect("memory takes any bytes");
    write_json(&report, &mut json).expect("memory takes any bytes");
}

#[test]
fn very_many_readings_keep_the_first_and_the_last() {
    let list: String = (1..=10_000)
        .map(|count| format!("{count} a+0x1/0x2 age=1 pid=1\n"))
        .fold(String::new(), |list, line| list + &line);
    let report = report_of(&[("kmalloc-64.alloc_calls", list.as_bytes())]);
    let history = &report.accounts[0].history;
    assert!(history.len() <= 64, "{}", history.len());
    assert_eq!((history.first(), history.last()), (Some(&1), Some(&10_000)));
    assert_eq!(report.totals.live_objects, 10_000);
}
