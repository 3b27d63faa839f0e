//! The report as one page: it opens from anywhere, loads nothing, and shows groups that sort and
//! search, their growth, a flame graph, and what was lost.
//!
//! What stands on the page without its script comes from the template; the groups come as JSON, of
//! which the script makes the table and the graph. Text of the log is escaped by both: the template
//! escapes all that is not one of our own files, and the script makes text nodes alone.

mod model;

use std::io::{self, Write};

use askama::Template;

use super::text::{head, losses};
use super::{Origin, Report};
use crate::print::number::{bytes, count, counted};

/// What is new since another report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Baseline {
    /// A sentence.
    pub conclusion: String,
    /// A row for each place: the change, the verdict, the cache, what was, what is, and the function.
    pub rows: Vec<[String; 6]>,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    version: &'static str,
    title: String,
    conclusion: String,
    sums: Vec<Sum>,
    losses: Vec<String>,
    advice: Vec<String>,
    captures: Vec<String>,
    style: String,
    script: String,
    data: String,
}

/// A number with its name.
struct Sum {
    name: &'static str,
    value: String,
}

/// Writes the page, with what is new since a baseline where there is one.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report, baseline: Option<&Baseline>, out: &mut impl Write) -> io::Result<()> {
    let conclusion = report.conclusion.clone();
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        title: title(report),
        conclusion: conclusion.unwrap_or_else(|| format!("What {} counts", report.origin.name())),
        sums: sums(report),
        losses: losses::parts(&report.loss),
        advice: report.advice.iter().map(ToString::to_string).collect(),
        captures: captures(report),
        style: unindented(include_str!("page.css")),
        script: unindented(include_str!("page.js")),
        data: embedded(&serde_json::to_string(&model::data(report, baseline))?),
    };
    page.write_into(out)
}

/// One of our own files without what it is set in by. None of them has a text of several lines.
fn unindented(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    lines.join("\n")
}

/// JSON that stands in a page: no text of it ends the element that it stands in.
fn embedded(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn title(report: &Report) -> String {
    let Some(first) = report.inputs.first() else { return "no capture".to_owned() };
    let name = if first.path == "-" { "standard input" } else { &first.path };
    match report.inputs.len() {
        1 => name.to_owned(),
        more => format!("{name} and {} more", more - 1),
    }
}

fn sums(report: &Report) -> Vec<Sum> {
    let totals = &report.totals;
    let leaking = report.families.iter().filter(|family| family.judgement.verdict.is_leak());
    let mut sums = vec![
        Sum { name: "objects live", value: count(totals.live_objects) },
        Sum { name: "bytes live", value: report.live_size() },
        Sum { name: "groups", value: count(totals.groups) },
    ];
    if report.origin == Origin::Trace {
        sums.push(Sum { name: "places that leak", value: count(leaking.count() as u64) });
        sums.push(Sum { name: "events", value: count(totals.events) });
    }
    sums
}

fn captures(report: &Report) -> Vec<String> {
    let inputs = report.inputs.iter().map(|input| {
        let name = if input.path == "-" { "standard input" } else { &input.path };
        format!("{name}: {}, {}", bytes(input.bytes), counted(input.lines, "line"))
    });
    let boots = report.boots.iter().map(|boot| head::boot_text(boot, report.boots.len()));
    let hardware = report.boots.iter().filter_map(|boot| boot.hardware.as_ref());
    let hardware = hardware.map(|hardware| format!("on {hardware}"));
    let lines = inputs.chain(boots).chain(hardware);
    lines.map(|line| super::Escaped(&line).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_its_element() {
        let json = serde_json::to_string("</script><!-- &amp; ").expect("text");
        let embedded = embedded(&json);
        assert!(!embedded.contains(['<', '>', '&']), "{embedded}");
        let back: String = serde_json::from_str(&embedded).expect("it is JSON still");
        assert_eq!(back, "</script><!-- &amp; ");
    }
}
