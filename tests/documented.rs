//! Is every field of the JSON outputs described in `docs/json.md`, and is every field that is described
//! there in some output?

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use regex::Regex;
use serde_json::Value;

/// Commands whose outputs together have every field.
const COMMANDS: [&[&str]; 17] = [
    &["-f", "json", "corpora/console/recorded-amd64-6-1.log.gz"],
    &["-f", "json", "corpora/damaged/rt-drops.log.gz"],
    &["-f", "json", "corpora/console/x86-61-build-id.log"],
    &["-f", "json", "--group-by", "function", "corpora/console/x86-61.log.gz"],
    &["-f", "json", "--function", "leaky_worker", "corpora/console/x86-61.log.gz"],
    &["-f", "json", "corpora/witness/arm-510-kmemleak.log.gz"],
    &["-f", "json", "corpora/witness/arm-61-alloc-traces.log.gz"],
    &[
        "-f",
        "json",
        "corpora/accounts/kmalloc-192.alloc_traces.1.txt",
        "corpora/accounts/kmalloc-192.alloc_traces.2.txt",
    ],
    &[
        "-f",
        "json",
        "--monitor",
        "corpora/monitor/guide-61.log.gz",
        "corpora/console/x86-61.log.gz",
    ],
    &["events", "corpora/console/arm-510-registers.log"],
    &["-f", "json", "corpora/recording/x86-61-trace.log.gz"],
    &["events", "corpora/recording/x86-61-trace.log.gz"],
    &["monitor", "-f", "json", "corpora/monitor/guide-61.log.gz"],
    &["monitor", "-f", "json", "corpora/monitor/slabtop-once.log"],
    &[
        "kmemleak",
        "-f",
        "json",
        "corpora/kmemleak/arm-510-scan1.txt.gz",
        "corpora/kmemleak/arm-510-scan2.txt.gz",
    ],
    &["kmemleak", "-f", "json", "corpora/kmemleak/shared-backtrace.log"],
    &[
        "diff",
        "--json",
        "corpora/console/recorded-amd64-6-1.log.gz",
        "corpora/console/x86-61-la57.log.gz",
    ],
];

/// Fields that need images of a kernel: `tests/symbols.rs` asks for them.
const OF_IMAGES: [&str; 6] =
    ["source", "unresolved", "candidates", "text", "inlined", "symbol_warnings"];

fn fields_of(value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                fields.insert(key.clone());
                // The names of registers are the log's.
                if key != "registers" && key != "values" {
                    fields_of(value, fields);
                }
            }
        }
        Value::Array(array) => array.iter().for_each(|value| fields_of(value, fields)),
        _ => {}
    }
}

/// Every field of what the commands print.
fn printed() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for arguments in COMMANDS {
        let output = Command::new(env!("CARGO_BIN_EXE_slabtrace"))
            .args(arguments)
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
        let documents = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        for document in documents {
            fields_of(&document.expect("JSON"), &mut fields);
        }
    }
    fields
}

/// Words in code type, cut at what joins a path.
fn words(text: &str) -> BTreeSet<String> {
    let code = Regex::new("`([^`]*)`").expect("an expression");
    let word = Regex::new("[a-z][a-z0-9_]*").expect("an expression");
    let all = code.captures_iter(text).map(|found| found[1].to_owned()).collect::<Vec<_>>();
    all.iter().flat_map(|code| word.find_iter(code).map(|word| word.as_str().to_owned())).collect()
}

/// What the first column of each table of fields names. Other tables are of values.
fn described(page: &str) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let mut is_of_fields = false;
    for line in page.lines() {
        let Some(first) = line.strip_prefix('|').and_then(|line| line.split('|').next()) else {
            is_of_fields = false;
            continue;
        };
        match first.trim() {
            "field" | "`links`" => is_of_fields = true,
            cell if is_of_fields => fields.extend(words(cell)),
            _ => {}
        }
    }
    fields
}

#[test]
fn every_field_is_described_and_every_description_is_of_a_field() {
    let page = fs::read_to_string("docs/json.md").expect("the page is there");
    let printed = printed();
    let known = words(&page);
    let unknown: Vec<_> = printed.difference(&known).collect();
    assert!(unknown.is_empty(), "docs/json.md does not describe {unknown:?}");
    let of_images = BTreeSet::from(OF_IMAGES.map(str::to_owned));
    let described = described(&page);
    let gone: Vec<_> =
        described.difference(&printed).filter(|field| !of_images.contains(*field)).collect();
    assert!(gone.is_empty(), "docs/json.md describes what no output has: {gone:?}");
}

fn program(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_slabtrace"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("there is one")
}

#[test]
fn the_first_report_of_the_readme_is_the_program_s() {
    let readme = readme();
    let (_, behind) = readme.split_once("    $ slabtrace ").expect("it begins with a report");
    let mut lines = behind.lines();
    let arguments: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let block = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    let shown: Vec<&str> = block.map(|line| line.strip_prefix("    ").unwrap_or("")).collect();
    assert_eq!(shown.join("\n").trim_end(), program(&arguments).trim_end());
}

#[test]
fn the_readme_names_no_option_that_is_none() {
    let helps: String = [
        &[][..],
        &["events"],
        &["monitor"],
        &["kmemleak"],
        &["symbolize"],
        &["diff"],
        &["check"],
        &["watch"],
    ]
    .map(|subcommand| program(&[subcommand, &["--help"]].concat()))
    .concat();
    let option = Regex::new(r"--[a-z][a-z-]*").expect("an expression");
    let known: BTreeSet<&str> = option.find_iter(&helps).map(|found| found.as_str()).collect();
    let readme = readme();
    let commands = readme.lines().filter(|line| line.starts_with("    slabtrace "));
    let inline = readme.split('`').skip(1).step_by(2).filter(|code| code.starts_with("--"));
    let named: Vec<&str> = commands
        .chain(inline)
        .flat_map(|code| option.find_iter(code))
        .map(|found| found.as_str())
        .collect();
    assert!(named.len() > 30, "{named:?}");
    let unknown: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
