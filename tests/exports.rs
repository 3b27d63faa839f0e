//! Flame graphs, profiles and tables hold what the report holds, of every capture of the corpus.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use slabtrace::capture::Source;
use slabtrace::compare::{Diff, Side};
use slabtrace::export::{
    Stack, Title, Weight, write_csv, write_flame_graph, write_folded, write_speedscope,
};
use slabtrace::report::{Report, write_html, write_json, write_markdown};
use slabtrace::{Analysis, AnalysisOptions};

/// Every capture of the corpus that has a report.
fn captures() -> Vec<(PathBuf, Report)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora");
    let mut found = Vec::new();
    for folder in ["console", "damaged", "interleaved", "recording", "verdict", "accounts"] {
        let entries = fs::read_dir(root.join(folder)).expect("the corpus is there");
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.expect("a readable folder").path()).collect();
        files.sort();
        for file in files {
            if file.extension().is_some_and(|extension| extension == "case") {
                continue;
            }
            let report = report(&file);
            if !report.groups.is_empty() {
                found.push((file, report));
            }
        }
    }
    assert!(found.len() > 100, "the corpus is larger");
    found
}

fn report(file: &Path) -> Report {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    let mut text = Vec::new();
    let mut reader = Source::from_arg(file).open().expect("a capture");
    std::io::Read::read_to_end(&mut reader, &mut text).expect("a whole capture");
    analysis.feed(&text);
    analysis.end_input(file.display().to_string(), text.len() as u64);
    analysis.finish()
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("memory takes any bytes");
    String::from_utf8(out).expect("text")
}

#[test]
fn sums_are_those_of_the_report() {
    for (file, report) in captures() {
        let stacks = Stack::of_report(&report);
        let sum = |weight| -> u64 {
            let folded = written(|out| write_folded(&stacks, weight, out));
            let weights = folded.lines().map(|line| line.rsplit(' ').next().expect("a weight"));
            weights.map(|weight| weight.parse::<u64>().expect("a number")).sum()
        };
        assert_eq!(sum(Weight::Bytes), report.totals.live_bytes, "{}", file.display());
        assert_eq!(sum(Weight::Objects), report.totals.live_objects, "{}", file.display());
        let leaks = report
            .groups
            .iter()
            .filter(|group| group.judgement.is_some_and(|judgement| judgement.verdict.is_leak()));
        let leaked: u64 = leaks.filter_map(|group| group.live_bytes).sum();
        assert_eq!(sum(Weight::Leaked), leaked, "{}", file.display());
    }
}

#[test]
fn speedscope_has_a_profile_of_each_kind() {
    for (file, report) in captures() {
        let stacks = Stack::of_report(&report);
        let text = written(|out| write_speedscope(&stacks, "x", out));
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let frames = document["shared"]["frames"].as_array().expect("frames").len() as u64;
        let profiles = document["profiles"].as_array().expect("profiles");
        let mut objects = 0;
        for profile in profiles {
            let weights = profile["weights"].as_array().expect("weights");
            let samples = profile["samples"].as_array().expect("samples");
            assert_eq!(weights.len(), samples.len());
            let sum: u64 = weights.iter().filter_map(Value::as_u64).sum();
            assert_eq!(profile["endValue"].as_u64(), Some(sum), "{}", file.display());
            let all = samples.iter().flat_map(|sample| sample.as_array().expect("a stack"));
            assert!(all.filter_map(Value::as_u64).all(|frame| frame < frames));
            if profile["name"].as_str().is_some_and(|name| name.starts_with("live objects")) {
                objects += sum;
            }
        }
        assert_eq!(objects, report.totals.live_objects, "{}", file.display());
    }
}

#[test]
fn pictures_are_the_same_every_time_and_whole() {
    for (file, report) in captures() {
        let stacks = Stack::of_report(&report);
        let title = Title { title: "<x>".to_owned(), subtitle: report.conclusion.clone() };
        for weight in [Weight::Bytes, Weight::Leaked] {
            let draw = || written(|out| write_flame_graph(&stacks, weight, &title, out));
            let picture = draw();
            assert_eq!(picture, draw(), "{}", file.display());
            let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
            let parsed = roxmltree::Document::parse_with_options(&picture, options);
            assert!(parsed.is_ok(), "{}: {parsed:?}", file.display());
        }
    }
}

#[test]
fn a_table_has_a_row_for_each_group() {
    for (file, report) in captures() {
        let text = written(|out| write_csv(&report, out));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let names = reader.headers().expect("names").clone();
        let column = names.iter().position(|name| name == "live_objects").expect("a column");
        let rows: Vec<csv::StringRecord> =
            reader.records().map(|row| row.expect("as many fields as names")).collect();
        assert_eq!(rows.len(), report.groups.len(), "{}", file.display());
        let sum: u64 = rows.iter().map(|row| row[column].parse::<u64>().expect("a number")).sum();
        assert_eq!(sum, report.totals.live_objects, "{}", file.display());
    }
}

#[test]
fn markdown_keeps_to_80_columns_but_for_names() {
    for (file, report) in captures() {
        let text = written(|out| write_markdown(&report, out));
        assert_eq!(text.matches("```").count() % 2, 0, "{}", file.display());
        let is_prose = |line: &&str| !line.starts_with(['|', ' ', '#']) && line.contains(' ');
        for line in text.lines().filter(is_prose) {
            let longest = line.split(' ').map(str::len).max().unwrap_or(0);
            assert!(line.chars().count() <= 80 || longest > 40, "{}: {line}", file.display());
        }
    }
}

#[test]
fn pages_hold_nothing_that_ends_their_data() {
    for (file, report) in captures() {
        let page = written(|out| write_html(&report, None, out));
        let data = page.split("id=\"data\">").nth(1).expect("data");
        let data = data.split("</script>").next().expect("its end");
        let data: Value = serde_json::from_str(data).expect("JSON");
        let groups = data["groups"].as_array().expect("groups");
        let objects: u64 = groups.iter().filter_map(|group| group["n"].as_u64()).sum();
        assert_eq!(objects, report.totals.live_objects, "{}", file.display());
        assert!(!page.contains("http://") || page.contains("www.w3.org"), "{}", file.display());
        assert_eq!(page.matches("<script").count(), 2, "{}", file.display());
    }
}

#[test]
fn a_capture_does_not_differ_from_itself_nor_from_its_report() {
    for (file, report) in captures() {
        let side = Side::of_report(&report);
        let diff = Diff::of(side.clone(), side.clone());
        assert_eq!(diff.changes, [], "{}", file.display());
        let json = written(|out| write_json(&report, out));
        let read = Side::of_json(json.as_bytes()).expect("our own report");
        let diff = Diff::of(read, side);
        assert_eq!(diff.changes, [], "{}", file.display());
    }
}
