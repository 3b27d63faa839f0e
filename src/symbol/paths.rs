//! Source paths as people want them: within the kernel tree, or where their sources are.

use std::str::FromStr;

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

/// A path within the kernel tree, or under the user's own root. `build` is the folder that its
/// unit was compiled in, relative where the build maps its own path away.
pub(super) fn shorten(path: &str, build: Option<&str>, roots: &[SourceRoot]) -> String {
    let path = normal(path);
    let mapped = |path: &str| roots.iter().find_map(|root| root.apply(path));
    if let Some(mapped) = mapped(&path) {
        return mapped;
    }
    let build = build.map(normal).filter(|build| build.len() > 1);
    let within = build.and_then(|build| path.strip_prefix(&build)?.strip_prefix('/'));
    let short = within.or_else(|| behind_tree(&path)).unwrap_or(&path);
    mapped(short).unwrap_or_else(|| short.to_owned())
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

    fn short(build: &str, roots: &[&str], path: &str) -> String {
        let roots: Vec<SourceRoot> = roots.iter().map(|root| root.parse().expect("root")).collect();
        shorten(path, (!build.is_empty()).then_some(build), &roots)
    }

    #[test]
    fn paths_are_shown_within_the_tree() {
        let build = "/home/me/linux";
        assert_eq!(short(build, &[], "/home/me/linux/mm/./slub.c"), "mm/slub.c");
        assert_eq!(
            short(build, &[], "/home/me/linux/drivers//net/../usb/core.c"),
            "drivers/usb/core.c"
        );
        assert_eq!(short(build, &[], "/home/me/leaky/leaky.c"), "/home/me/leaky/leaky.c");
        assert_eq!(short("", &[], "debian/build/build_amd64/../../../mm/slub.c"), "mm/slub.c");
        assert_eq!(short("debian/build", &[], "debian/build/mm/slub.c"), "mm/slub.c");
        assert_eq!(short("", &[], "/build/x/linux-6.1.176/arch/x86/entry.S"), "arch/x86/entry.S");
        assert_eq!(short("", &[], "/usr/src/linux-headers/x.h"), "/usr/src/linux-headers/x.h");
    }

    #[test]
    fn a_source_root_wins() {
        assert_eq!(short("/b/linux", &["/b/linux=/src"], "/b/linux/mm/slub.c"), "/src/mm/slub.c");
        assert_eq!(short("/b", &["/b/linux=/src"], "/b/linux2/mm/slub.c"), "linux2/mm/slub.c");
        assert_eq!(short("/b/linux", &["=/src/"], "/b/linux/mm/slub.c"), "/src/mm/slub.c");
        assert_eq!("mm".parse::<SourceRoot>(), Err(SourceRootError));
    }
}
