//! Source paths as people want them: within the kernel tree, or where their sources are.

use std::str::FromStr;

use gimli::Dwarf;

use super::sections::Slice;

/// Paths that begin with one text begin with another instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceRoot {
    /// The beginning as the compiler recorded it; empty for paths within the kernel tree.
    from: String,
    /// What to put in its place.
    to: String,
}

/// Why a source root was not understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("write FROM=TO, for example /build/linux-6.1=/home/me/linux")]
pub struct SourceRootError;

impl FromStr for SourceRoot {
    type Err = SourceRootError;

    fn from_str(text: &str) -> Result<SourceRoot, SourceRootError> {
        let (from, to) = text.split_once('=').ok_or(SourceRootError)?;
        let from = from.trim_end_matches('/').to_owned();
        Ok(SourceRoot { from, to: to.trim_end_matches('/').to_owned() })
    }
}

impl SourceRoot {
    /// The path with its beginning replaced; nothing for another path.
    fn apply(&self, path: &str) -> Option<String> {
        let rest = if self.from.is_empty() {
            (!path.starts_with('/')).then_some(path)?
        } else {
            path.strip_prefix(&self.from)?.strip_prefix('/')?
        };
        Some(format!("{}/{rest}", self.to))
    }
}

/// Shortens the paths of one image.
#[derive(Clone, Debug)]
pub(super) struct Shortener {
    /// Where the kernel was built; relative where the build maps its own path away.
    build: Option<String>,
    roots: Vec<SourceRoot>,
}

impl Shortener {
    /// Learns where an image was built from its first unit.
    pub(super) fn learn(dwarf: &Dwarf<Slice<'_>>, roots: &[SourceRoot]) -> Shortener {
        let build = first_build_directory(dwarf).map(|path| normal(&path));
        let build = build.filter(|path| path.len() > 1);
        Shortener { build, roots: roots.to_vec() }
    }

    /// The path in the kernel tree, or under the user's own root.
    pub(super) fn shorten(&self, path: &str) -> String {
        let path = normal(path);
        let mapped = |path: &str| self.roots.iter().find_map(|root| root.apply(path));
        if let Some(mapped) = mapped(&path) {
            return mapped;
        }
        let within = self.build.as_deref().and_then(|build| path.strip_prefix(build));
        let within = within.and_then(|rest| rest.strip_prefix('/'));
        let short = within.or_else(|| behind_tree(&path)).unwrap_or(&path);
        mapped(short).unwrap_or_else(|| short.to_owned())
    }
}

fn first_build_directory(dwarf: &Dwarf<Slice<'_>>) -> Option<String> {
    let header = dwarf.units().next().ok()??;
    let unit = dwarf.unit(header).ok()?;
    Some(String::from_utf8_lossy(unit.comp_dir?.slice()).into_owned())
}

// /build/reproducible-path/linux-6.1.176/arch/x86/entry/entry_64.S
/// What comes behind a folder that is named after a kernel version: assembly keeps its full path
/// even where the build maps those of C away.
fn behind_tree(path: &str) -> Option<&str> {
    let at = path.find("/linux-")?;
    let (version, rest) = path[at + "/linux-".len()..].split_once('/')?;
    version.starts_with(|first: char| first.is_ascii_digit()).then_some(rest)
}

/// A path without `.`, `..` and doubled slashes, as far as its own text allows.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|&last| last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shorten(build: &str, roots: &[&str], path: &str) -> String {
        let roots = roots.iter().map(|root| root.parse().expect("root")).collect();
        let build = (!build.is_empty()).then(|| build.to_owned());
        Shortener { build, roots }.shorten(path)
    }

    #[test]
    fn paths_are_shown_within_the_tree() {
        let build = "/home/me/linux";
        assert_eq!(shorten(build, &[], "/home/me/linux/mm/./slub.c"), "mm/slub.c");
        assert_eq!(
            shorten(build, &[], "/home/me/linux/drivers//net/../usb/core.c"),
            "drivers/usb/core.c"
        );
        assert_eq!(shorten(build, &[], "/home/me/leaky/leaky.c"), "/home/me/leaky/leaky.c");
        assert_eq!(shorten("", &[], "debian/build/build_amd64/../../../mm/slub.c"), "mm/slub.c");
        assert_eq!(shorten("debian/build", &[], "debian/build/mm/slub.c"), "mm/slub.c");
        assert_eq!(shorten("", &[], "/build/x/linux-6.1.176/arch/x86/entry.S"), "arch/x86/entry.S");
        assert_eq!(shorten("", &[], "/usr/src/linux-headers/x.h"), "/usr/src/linux-headers/x.h");
    }

    #[test]
    fn a_source_root_wins() {
        assert_eq!(shorten("/b/linux", &["/b/linux=/src"], "/b/linux/mm/slub.c"), "/src/mm/slub.c");
        assert_eq!(shorten("/b", &["/b/linux=/src"], "/b/linux2/mm/slub.c"), "linux2/mm/slub.c");
        assert_eq!(shorten("/b/linux", &["=/src/"], "/b/linux/mm/slub.c"), "/src/mm/slub.c");
        assert_eq!("mm".parse::<SourceRoot>(), Err(SourceRootError));
    }
}
