//! Each module of the library knows only those above it in the list of `src/lib.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The modules with the number of their line in the list.
fn layers(lib: &str) -> BTreeMap<String, usize> {
    let list = lib.split("//! # The layers").nth(1).expect("lib.rs states the order");
    let list = list.split("```").nth(1).expect("as a list");
    let lines = list.lines().filter_map(|line| line.strip_prefix("//! "));
    let names = lines.enumerate().flat_map(|(layer, line)| {
        let names = line.split("  ").next().unwrap_or_default();
        names.split(' ').filter(|name| !name.is_empty()).map(move |name| (name.to_owned(), layer))
    });
    names.collect()
}

/// The names that the root hands on, each with the number of its module.
///
/// Who imports `crate::Analysis` knows `analysis`, though its line does not say so.
fn handed_on(lib: &str, layers: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let item = Regex::new(r"(?m)^pub use (\w+)::([^;]*);").expect("an expression");
    let word = Regex::new(r"\w+").expect("an expression");
    let mut names = BTreeMap::new();
    for found in item.captures_iter(lib) {
        let layer = layers[&found[1]];
        names.extend(word.find_iter(&found[2]).map(|name| (name.as_str().to_owned(), layer)));
    }
    names
}

/// The code with paths that climb to the root by `super` spelled from there.
fn from_the_root(below: &Path, code: &str) -> String {
    let is_folder = below.file_name().is_some_and(|name| name == "mod.rs");
    let depth = below.iter().count() - usize::from(is_folder);
    code.replace(&"super::".repeat(depth), "crate::")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources are there");
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file, without comments and without its tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of the crate that a file names.
fn known_to(code: &str) -> BTreeSet<String> {
    let single = Regex::new(r"\bcrate::(\w+)").expect("an expression");
    let group = Regex::new(r"\bcrate::\{([^;]*)\};").expect("an expression");
    let member = Regex::new(r"(?:^|,)\s*(\w+)").expect("an expression");
    let mut names: BTreeSet<String> =
        single.captures_iter(code).map(|found| found[1].to_owned()).collect();
    for found in group.captures_iter(code) {
        names.extend(member.captures_iter(&found[1]).map(|name| name[1].to_owned()));
    }
    names
}

/// The edges of one file that the order forbids.
fn forbidden(layers: &BTreeMap<String, usize>, module: &str, code: &str) -> Vec<String> {
    let own = layers.get(module).copied();
    let is_forbidden = |name: &&String| match (own, layers.get(*name)) {
        _ if *name == module => false,
        (Some(own), Some(&known)) => known >= own,
        _ => false,
    };
    known_to(code).iter().filter(is_forbidden).map(|name| format!("{module} → {name}")).collect()
}

#[test]
fn no_module_knows_one_below_it() {
    let lib = fs::read_to_string("src/lib.rs").expect("the crate has a root");
    let mut layers = layers(&lib);
    layers.extend(handed_on(&lib, &layers));
    let declared = Regex::new(r"(?m)^(?:pub )?mod (\w+);").expect("an expression");
    for found in declared.captures_iter(&lib) {
        assert!(layers.contains_key(&found[1]), "{} has no place in the order", &found[1]);
    }
    let mut wrong = Vec::new();
    for path in sources(Path::new("src")) {
        let below = path.strip_prefix("src").expect("it was found there");
        let first = below.iter().next().expect("a name").to_string_lossy();
        let module = first.trim_end_matches(".rs");
        let text = fs::read_to_string(&path).expect("a readable source");
        let edges = forbidden(&layers, module, &from_the_root(below, &code(&text)));
        wrong.extend(edges.into_iter().map(|edge| format!("{}: {edge}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_import_against_the_order_is_seen_in_every_spelling() {
    let layers = BTreeMap::from([("low".to_owned(), 0), ("high".to_owned(), 1)]);
    for wrong in [
        "use crate::high;",
        "use crate::high::Roof;",
        "use crate::{low, high::Roof};",
        "fn f() { crate::high::g() }",
        "pub(crate) use crate::{\n    high,\n};",
    ] {
        assert_eq!(forbidden(&layers, "low", &code(wrong)), ["low → high"], "{wrong}");
    }
    for right in
        ["use crate::low::Floor;", "// crate::high", "#[cfg(test)]\nmod tests { use crate::high; }"]
    {
        assert!(forbidden(&layers, "low", &code(right)).is_empty(), "{right}");
    }
    assert!(forbidden(&layers, "high", "use crate::low;").is_empty());
}

#[test]
fn a_path_that_climbs_to_the_root_is_seen() {
    let layers = BTreeMap::from([("low".to_owned(), 0), ("high".to_owned(), 1)]);
    for (file, wrong) in [
        ("low.rs", "use super::high::Roof;"),
        ("low/mod.rs", "use super::{high, low};"),
        ("low/deep.rs", "use super::super::high::Roof;"),
        ("low/deep/mod.rs", "fn f() { super::super::high::g() }"),
    ] {
        let spelled = from_the_root(Path::new(file), wrong);
        assert_eq!(forbidden(&layers, "low", &spelled), ["low → high"], "{file}: {wrong}");
    }
    let inside = from_the_root(Path::new("low/deep.rs"), "use super::high;");
    assert!(forbidden(&layers, "low", &inside).is_empty(), "low has a module of that name itself");
}

#[test]
fn a_name_that_the_root_hands_on_is_its_modules() {
    let layers = BTreeMap::from([("low".to_owned(), 0), ("high".to_owned(), 1)]);
    let handed_on = handed_on("pub use high::{Roof, Wall};\npub use low::Floor;\n", &layers);
    let expected = [("Floor", 0), ("Roof", 1), ("Wall", 1)];
    assert_eq!(handed_on, expected.map(|(name, layer)| (name.to_owned(), layer)).into());
}
