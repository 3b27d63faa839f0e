//! Every capture under `corpora/`, one trial each, named `<area>/<case>`.
//!
//! A trial asks first what the capture means (its sidecar), then what holds of any report, and
//! only then whether the output is still, byte for byte, what it was. `corpora/README.md` says
//! how to add a case and how to accept a changed output.

mod support {
    pub(crate) mod bytes;
    pub(crate) mod case;
    pub(crate) mod invariants;
    pub(crate) mod listing;
    pub(crate) mod meaning;
    pub(crate) mod run;
    pub(crate) mod snapshot;
    pub(crate) mod unpack;
}

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use support::case::{Case, Expectation};
use support::listing::{self, Entry};
use support::run::Capture;
use support::{bytes, invariants, meaning, snapshot};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let entries = listing::entries();
    let orphans = listing::orphaned_snapshots(&entries);
    let mut trials: Vec<Trial> = entries
        .into_iter()
        .map(|entry| {
            let name = entry.name.clone();
            Trial::test(name, move || check(&entry).map_err(Failed::from))
        })
        .collect();
    trials.push(Trial::test("every-snapshot-has-a-case", move || {
        if orphans.is_empty() { Ok(()) } else { Err(Failed::from(orphans.join(", "))) }
    }));
    trials.push(Trial::test("a-sidecar-is-read-strictly", strictness));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn check(entry: &Entry) -> Result<(), String> {
    let (log, sidecar) = entry.files()?;
    let case = Case::parse(&sidecar)?;
    let capture = Capture::read(log)?;
    let report = capture.report();
    match &case.expectation {
        Expectation::Report(expected) => meaning::report(expected, &report)?,
        Expectation::Unusable(expected) => meaning::unusable(expected, &capture)?,
    }
    let events = capture.events();
    invariants::check(&report, &events)?;
    bytes::lines(&events, &capture)?;
    bytes::pieces(&capture, &report)?;
    if let Expectation::Report(_) = case.expectation {
        snapshot::check(entry, report)?;
    }
    Ok(())
}

/// A sidecar that is right, and what makes it wrong.
const SIDECAR: &str = "\
# Why.
ORIGIN: recorded
EVENTS: 2 alloc, 1 free
LIVE: 1
LOSS: none
";

fn strictness() -> Result<(), Failed> {
    Case::parse(SIDECAR)?;
    let wrong = [
        SIDECAR.replace("# Why.\n", ""),
        SIDECAR.replace("recorded", "found"),
        SIDECAR.replace("LOSS: none\n", ""),
        SIDECAR.replace("LOSS: none", "LOSS: torn_events=0"),
        SIDECAR.replace("LIVE: 1", "LIVE: one"),
        SIDECAR.replace("LIVE: 1", "LIVE:"),
        SIDECAR.replace("1 free", "1 frees"),
        format!("{SIDECAR}LIVE: 1\n"),
        format!("{SIDECAR}COLOUR: blue\n"),
        format!("{SIDECAR}GROUP: 1 kmalloc-64\n"),
        format!("{SIDECAR}VERDICT: leak 1 via leaky_alloc\n"),
        format!("{SIDECAR}VERDICT: in flight 1 via leaky_alloc\n"),
        format!("{SIDECAR}VERDICT: leaking via leaky_alloc\n"),
        format!("{SIDECAR}VERDICT: leaking one via leaky_alloc\n"),
        format!("{SIDECAR}VERDICT: leaking 1 leaky_alloc\n"),
        format!("{SIDECAR}SAYS: nothing\n"),
        format!("{SIDECAR}EXIT: 3\nSAYS: nothing\n"),
    ];
    match wrong.iter().find(|text| Case::parse(text).is_ok()) {
        None => Ok(()),
        Some(text) => Err(format!("this passes for a sidecar:\n{text}").into()),
    }
}
