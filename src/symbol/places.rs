//! The well-known places of a kernel release's images.

use std::path::{Path, PathBuf};

/// Where distributions put debug files.
pub(super) const DEBUG_DIR: &str = "/usr/lib/debug";

/// The kernel image of a release, most telling place first. `debug_dirs` are roots such as
/// `/usr/lib/debug`.
pub(super) fn kernels(release: &str, debug_dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for root in debug_dirs {
        places.push(root.join(format!("boot/vmlinux-{release}")));
        places.push(root.join(format!("lib/modules/{release}/vmlinux")));
        places.push(root.join(format!("usr/lib/modules/{release}/vmlinux")));
    }
    places.push(PathBuf::from(format!("/lib/modules/{release}/build/vmlinux")));
    places.push(PathBuf::from(format!("/lib/modules/{release}/vmlinux")));
    places.push(PathBuf::from(format!("/boot/vmlinux-{release}")));
    places.retain(|path| path.is_file());
    places
}

/// The folders with a release's modules, those with debug information first.
pub(super) fn module_dirs(release: &str, debug_dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = debug_dirs
        .iter()
        .flat_map(|root| {
            ["lib/modules", "usr/lib/modules"].map(|folder| root.join(folder).join(release))
        })
        .collect();
    places.push(Path::new("/lib/modules").join(release));
    places.retain(|path| path.is_dir());
    places
}

// /usr/lib/debug/.build-id/06/f8bde30046985060c60820f7a11515a33afb06.debug
/// The debug file of a build id.
pub(super) fn by_build_id(build_id: &str, debug_dirs: &[PathBuf]) -> Option<PathBuf> {
    let (folder, rest) = build_id.split_at_checked(2)?;
    let is_id = build_id.bytes().all(|byte| byte.is_ascii_hexdigit()) && !rest.is_empty();
    let name = format!(".build-id/{folder}/{rest}.debug");
    debug_dirs.iter().filter(|_| is_id).map(|root| root.join(&name)).find(|path| path.is_file())
}
