//! What came of a check as SARIF 2.1.0, which code scanning services read.
//!
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use std::io::{self, Write};

use serde::Serialize;

use super::limits::{Crossing, Judged};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
struct Run {
    tool: Tool,
    results: Vec<Found>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    rule_id: &'static str,
    level: &'static str,
    message: Message,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_fingerprints: Option<Fingerprints>,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Place,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "slabtrace/1")]
    own: String,
}

/// Writes a result for each limit that was crossed.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(judged: &Judged, out: &mut impl Write) -> io::Result<()> {
    let driver = Driver { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
    let results = judged.crossings.iter().map(found).collect();
    let log =
        Log { schema: SCHEMA, version: "2.1.0", runs: [Run { tool: Tool { driver }, results }] };
    crate::print::write_pretty(&log, out)
}

fn found(crossing: &Crossing) -> Found {
    let finding = crossing.finding();
    let step = finding.and_then(|finding| finding.chain.first());
    let place = step.and_then(|step| {
        Some(Location {
            physical_location: Place {
                artifact_location: Artifact { uri: step.file.clone()? },
                region: step.line.map(|start_line| Region { start_line }),
            },
        })
    });
    Found {
        rule_id: crossing.name(),
        level: "error",
        message: Message { text: crossing.to_string() },
        locations: place.into_iter().collect(),
        partial_fingerprints: finding
            .map(|finding| Fingerprints { own: finding.fingerprint.clone() }),
    }
}
