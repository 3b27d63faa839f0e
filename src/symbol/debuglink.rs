//! The files that an image names: its debug file in `.gnu_debuglink`, and in `.gnu_debugaltlink`
//! one that holds what it has in common with other images.

use std::path::{Path, PathBuf};

use object::Object;

use super::bytes::ImageStore;
use super::image::{Image, hex};
use super::places;

/// Opens the debug file that an image names, if one is there whose checksum agrees.
pub(super) fn follow<'a>(
    store: &'a ImageStore,
    image: &Image<'a>,
    debug_dirs: &[PathBuf],
) -> Option<Image<'a>> {
    let (name, checksum) = image.file.gnu_debuglink().ok().flatten()?;
    let name = std::str::from_utf8(name).ok().filter(|name| is_file_name(name))?;
    places(&image.path, name, debug_dirs)
        .into_iter()
        .filter_map(|path| Image::open(store, &path).ok())
        .find(|debug| debug.has_lines() && debug.checksum() == checksum)
}

// common.debug  ../../../.dwz/linux-6.1/common.debug  /usr/lib/debug/.dwz/common.debug
/// Opens the supplementary file that `dwz` moved debug information to, if one is there whose build
/// id agrees.
pub(super) fn supplement<'a>(
    store: &'a ImageStore,
    image: &Image<'a>,
    debug_dirs: &[PathBuf],
) -> Option<Image<'a>> {
    let (path, id) = image.file.gnu_debugaltlink().ok().flatten()?;
    let id = hex(id);
    let folder = image.path.parent().unwrap_or_else(|| Path::new(""));
    let named = std::str::from_utf8(path).ok().map(|path| folder.join(path));
    named
        .into_iter()
        .chain(places::by_build_id(&id, debug_dirs))
        .filter(|path| path.is_file())
        .filter_map(|path| Image::open(store, &path).ok())
        .find(|supplement| supplement.build_id().as_deref() == Some(&id))
}

/// A name with a folder in it could lead anywhere.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != ".." && !name.contains('/')
}

// next to the image, in .debug/ next to it, and under /usr/lib/debug at the image's own path
fn places(image: &Path, name: &str, debug_dirs: &[PathBuf]) -> Vec<PathBuf> {
    let folder = image.parent().unwrap_or_else(|| Path::new(""));
    let mut places = vec![folder.join(name), folder.join(".debug").join(name)];
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    if let Ok(below) = absolute.strip_prefix("/") {
        places.extend(debug_dirs.iter().map(|root| root.join(below).join(name)));
    }
    places.retain(|path| path.is_file() && path != image);
    places
}
