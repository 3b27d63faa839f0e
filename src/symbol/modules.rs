//! Which file is a module's: folders are walked once, names are compared as the kernel does.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use foldhash::fast::FixedState;

/// Folders nested deeper than this are not entered.
const DEPTH_MAX: usize = 24;

/// More files than this are not looked at.
const FILES_MAX: usize = 1 << 20;

/// The module files of some folders.
#[derive(Debug, Default)]
pub(super) struct Modules {
    files: HashMap<String, Vec<PathBuf>, FixedState>,
    seen: usize,
}

impl Modules {
    /// Walks folders, in order of preference.
    pub(super) fn scan(folders: &[PathBuf]) -> Modules {
        let mut modules = Modules::default();
        for folder in folders {
            modules.walk(folder, 0);
        }
        modules
    }

    /// The files that a module may have come from, best first.
    pub(super) fn files(&self, module: &str) -> &[PathBuf] {
        self.files.get(&kernel_name(module)).map_or(&[], Vec::as_slice)
    }

    fn walk(&mut self, folder: &Path, depth: usize) {
        // A folder that cannot be read has no modules; frames of them will say so.
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut paths: Vec<(PathBuf, fs::FileType)> = entries
            .flatten()
            .take(FILES_MAX)
            .filter_map(|entry| Some((entry.path(), entry.file_type().ok()?)))
            .collect();
        paths.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        for (path, kind) in paths {
            // Links to folders (`build`, `source`) lead out of the tree, or around in it.
            if kind.is_dir() && depth < DEPTH_MAX {
                self.walk(&path, depth + 1);
            } else if !kind.is_dir() && self.seen < FILES_MAX {
                self.add(path);
            }
        }
    }

    fn add(&mut self, path: PathBuf) {
        self.seen += 1;
        let name = path.file_name().and_then(|name| name.to_str()).and_then(module_of);
        if let Some(name) = name {
            self.files.entry(name).or_default().push(path);
        }
    }
}

// usb-storage.ko  usb-storage.ko.debug  usb-storage.ko.xz  usb-storage.ko.zst  usb-storage.ko.gz
/// The module that a file is of, by its name.
fn module_of(file: &str) -> Option<String> {
    let (name, suffix) = file.split_once(".ko")?;
    let is_module = matches!(suffix, "" | ".debug" | ".gz" | ".xz" | ".zst")
        || matches!(suffix, ".debug.gz" | ".debug.xz" | ".debug.zst");
    is_module.then(|| kernel_name(name))
}

/// A module's name as the kernel prints it.
fn kernel_name(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_its_module() {
        for (file, module) in [
            ("usb-storage.ko", Some("usb_storage")),
            ("usb_storage.ko.debug", Some("usb_storage")),
            ("nf-tables.ko.xz", Some("nf_tables")),
            ("a.ko.debug.zst", Some("a")),
            ("leaky.ko.orig", None),
            ("leaky.o", None),
        ] {
            assert_eq!(module_of(file).as_deref(), module, "{file}");
        }
    }

    #[test]
    fn folders_are_walked_in_order_and_dashes_do_not_matter() {
        let scratch = tempfile::tempdir().expect("folder");
        let files = ["extra/usb-storage.ko", "kernel/drivers/usb_storage.ko.xz", "kernel/README"];
        for file in files {
            let path = scratch.path().join(file);
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(path, b"").expect("file");
        }
        let modules = Modules::scan(&[scratch.path().to_owned()]);
        assert_eq!(
            modules.files("usb-storage"),
            [scratch.path().join(files[0]), scratch.path().join(files[1])]
        );
        assert!(modules.files("README").is_empty());
    }
}
