//! Which cases there are: the files of `corpora/<area>/`, in pairs of a log and its sidecar.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::unpack::root;

/// A name that logs, a sidecar, or something that does not belong here goes by.
#[derive(Debug)]
pub(crate) struct Entry {
    /// `<area>/<case>`.
    pub(crate) name: String,
    /// The area.
    pub(crate) area: String,
    /// The case.
    pub(crate) case: String,
    /// File names in the area's folder.
    files: BTreeSet<String>,
}

impl Entry {
    /// The log's path relative to the package, and the sidecar's text. Exactly one of each.
    pub(crate) fn files(&self) -> Result<(String, String), String> {
        if !is_kebab(&self.case) {
            return Err(format!("{:?} is not in kebab-case", self.case));
        }
        let sidecar = format!("{}.case", self.case);
        let logs: Vec<&String> = self.files.iter().filter(|file| **file != sidecar).collect();
        let [log] = logs[..] else {
            return Err(format!("a case has one log, not {}: {logs:?}", logs.len()));
        };
        if ![format!("{}.log", self.case), format!("{}.log.gz", self.case)].contains(log) {
            return Err(format!("{log} is neither a .log, a .log.gz nor a .case"));
        }
        if !self.files.contains(&sidecar) {
            return Err(format!("{log} has no sidecar {sidecar}"));
        }
        let path = format!("corpora/{}/{sidecar}", self.area);
        let text = fs::read_to_string(root().join(&path)).map_err(|e| format!("{path}: {e}"))?;
        Ok((format!("corpora/{}/{log}", self.area), text))
    }
}

fn is_kebab(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.split('-').all(is_word)
}

/// The folders beside the areas: the recorder, which makes captures and is none, and what other
/// witnesses than the trace have written.
const NO_AREAS: [&str; 4] = ["record", "accounts", "kmemleak", "monitor"];

/// Every entry, by name.
pub(crate) fn entries() -> Vec<Entry> {
    let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let is_area = |path: &PathBuf| path.is_dir() && !NO_AREAS.contains(&file_name(path).as_str());
    for area in children(&root().join("corpora")).into_iter().filter(is_area) {
        for path in children(&area) {
            let file = file_name(&path);
            let case = file.split('.').next().unwrap_or_default().to_owned();
            found.entry((file_name(&area), case)).or_default().insert(file);
        }
    }
    found
        .into_iter()
        .map(|((area, case), files)| Entry { name: format!("{area}/{case}"), area, case, files })
        .collect()
}

/// Snapshots in an area's folder that no case makes any more.
pub(crate) fn orphaned_snapshots(entries: &[Entry]) -> Vec<String> {
    let areas: BTreeSet<&str> = entries.iter().map(|entry| entry.area.as_str()).collect();
    let made: BTreeSet<String> = entries
        .iter()
        .flat_map(|entry| ["text", "json"].map(|format| format!("{}.{format}.snap", entry.name)))
        .collect();
    let present = areas.iter().flat_map(|area| {
        children(&root().join("snapshots").join(area))
            .into_iter()
            .map(move |path| format!("{area}/{}", file_name(&path)))
    });
    let is_accepted = |name: &String| Path::new(name).extension().is_some_and(|ext| ext == "snap");
    present.filter(|name| is_accepted(name) && !made.contains(name)).collect()
}

/// What is in a folder, sorted; nothing where there is no folder.
fn children(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
