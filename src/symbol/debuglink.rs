//! The debug file that an image names in `.gnu_debuglink`.

use std::path::{Path, PathBuf};

use object::Object;

use super::bytes::ImageStore;
use super::image::Image;

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
