//! What a sidecar says against what the program says.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::process::Command;

use serde_json::Value;
use slabtrace::report::{FamilyReport, GroupReport, Report};
use slabtrace::verdict::Judgement;

use super::case::{GroupLine, Meaning, Refusal, VerdictLine};
use super::run::{Capture, json};
use super::unpack::root;

/// Whether a report says what it must.
pub(crate) fn report(expected: &Meaning, report: &Report) -> Result<(), String> {
    if let Some((release, arch)) = &expected.kernel {
        let boot = report.boots.first().ok_or("the report has no boot")?;
        same("kernel", release, &boot.kernel)?;
        same("arch", &arch.as_deref(), &boot.arch)?;
    }
    same("boots", &expected.boots, &report.boots.len())?;
    same("allocs", &expected.allocs, &report.totals.allocs)?;
    same("frees", &expected.frees, &report.totals.frees)?;
    same("loss", &expected.loss, &loss(report)?)?;
    same("live objects", &expected.live, &report.totals.live_objects)?;
    let is_named =
        |group: &GroupReport| group.chain.first().is_some_and(|frame| frame.function.is_some());
    if expected.groups.is_empty() && report.groups.iter().any(is_named) {
        return Err("objects live, and the sidecar has no GROUP".to_owned());
    }
    expected.groups.iter().try_for_each(|line| group(line, report))?;
    expected.verdicts.iter().try_for_each(|line| verdict(line, report))
}

fn same<T: PartialEq + Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{what}: the sidecar says {expected:?}, the report {found:?}"))
    }
}

/// Every field of the JSON report's `loss` that is not zero.
fn loss(report: &Report) -> Result<BTreeMap<String, u64>, String> {
    let document: Value = serde_json::from_str(&json(report)).map_err(|error| error.to_string())?;
    let fields = document["loss"].as_object().ok_or("the JSON report has no loss")?;
    let number = |(name, value): (&String, &Value)| match value.as_u64() {
        Some(0) => None,
        Some(value) => Some(Ok((name.clone(), value))),
        None => Some(Err(format!("loss.{name} is no count"))),
    };
    fields.iter().filter_map(number).collect()
}

fn group(line: &GroupLine, report: &Report) -> Result<(), String> {
    let is_it = |group: &GroupReport| {
        group.live_objects == line.live
            && group.cache == line.cache
            && goes_by(group, &line.functions)
    };
    if report.groups.iter().any(is_it) {
        return Ok(());
    }
    let nearby: Vec<(u64, &str)> = report
        .groups
        .iter()
        .filter(|group| goes_by(group, &line.functions))
        .map(|group| (group.live_objects, group.cache.as_str()))
        .collect();
    Err(format!("{line:?} is not in the report; through these functions go {nearby:?}"))
}

fn verdict(line: &VerdictLine, report: &Report) -> Result<(), String> {
    let through = |family: &&FamilyReport| {
        groups_of(family, report).any(|group| goes_by(group, &line.functions))
    };
    let families: Vec<&FamilyReport> = report.families.iter().filter(through).collect();
    let is_it = |family: &&&FamilyReport| {
        family.judgement.verdict == line.verdict && family.live_objects == line.live
    };
    let Some(family) = families.iter().find(is_it) else {
        let nearby: Vec<(u64, Judgement)> =
            families.iter().map(|family| (family.live_objects, family.judgement)).collect();
        return Err(format!(
            "{line:?} is not in the report; through these functions go {nearby:?}"
        ));
    };
    groups_of(family, report)
        .try_for_each(|group| same("judgement", &Some(family.judgement), &group.judgement))
}

fn groups_of<'a>(
    family: &'a FamilyReport,
    report: &'a Report,
) -> impl Iterator<Item = &'a GroupReport> {
    let is_its = |group: &&GroupReport| group.family == family.name && group.boot == family.boot;
    report.groups.iter().filter(is_its)
}

/// Whether a group's chain begins with the functions; none are those of a lost backtrace.
fn goes_by(group: &GroupReport, functions: &[String]) -> bool {
    if functions.is_empty() {
        return group.chain.is_empty();
    }
    let chain: Vec<Option<&str>> =
        group.chain.iter().map(|frame| frame.function.as_deref()).collect();
    let wanted: Vec<Option<&str>> =
        functions.iter().map(|function| Some(function.as_str())).collect();
    chain.starts_with(&wanted)
}

/// Whether the command refuses a capture as it must: a status, one sentence, no output.
pub(crate) fn unusable(expected: &Refusal, capture: &Capture) -> Result<(), String> {
    let run = Command::new(env!("CARGO_BIN_EXE_slabtrace"))
        .current_dir(root())
        .arg(&capture.path)
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&run.stderr);
    same("exit status", &Some(expected.exit), &run.status.code())?;
    same("standard output", &"", &String::from_utf8_lossy(&run.stdout).as_ref())?;
    same("lines on standard error", &1, &said.lines().count())?;
    if said.contains(&expected.says) {
        Ok(())
    } else {
        Err(format!("the command says {said:?}, which lacks {:?}", expected.says))
    }
}
