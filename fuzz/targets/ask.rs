//! Asks an image for frames.

use std::fs;

use slabtrace::symbol::{ImageStore, LogFilter, Search, SymbolOptions, Symbols};
use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = TempDir::new().expect("there is room for a folder");
}

/// Asks `image` as a kernel.
#[allow(dead_code, reason = "each target takes one of both")]
pub(crate) fn kernel(image: &[u8]) {
    FOLDER.with(|folder| {
        let path = folder.path().join("vmlinux");
        fs::write(&path, image).expect("there is room");
        let options = SymbolOptions {
            vmlinux: Some(path),
            search: Search::NamedOnly,
            ..SymbolOptions::default()
        };
        ask(options, &frames(image, ""));
    });
}

/// Asks `image` as a module.
#[allow(dead_code, reason = "each target takes one of both")]
pub(crate) fn module(image: &[u8]) {
    FOLDER.with(|folder| {
        // A name that promises packing is not needed: the content tells.
        fs::write(folder.path().join("leaky.ko"), image).expect("there is room");
        let options = SymbolOptions {
            modules: vec![folder.path().to_owned()],
            search: Search::NamedOnly,
            ..SymbolOptions::default()
        };
        ask(options, &frames(image, " [leaky]"));
    });
}

/// Frames of what may be names in the image, at a few offsets.
fn frames(image: &[u8], module: &str) -> String {
    let names = image.split(|&byte| byte == 0).filter_map(|name| std::str::from_utf8(name).ok());
    let is_name = |name: &&str| {
        (2..40).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let mut frames = String::new();
    for name in names.filter(is_name).take(64) {
        for offset in ["0x0", "0x5", "0x14", "0x30", "0x120"] {
            for size in ["0x10", "0x30", "0x40", "0x1000"] {
                frames.push_str(&format!(" {name}+{offset}/{size}{module}\n"));
            }
        }
    }
    frames
}

fn ask(options: SymbolOptions, log: &str) {
    let store = ImageStore::new();
    let Ok(symbols) = Symbols::new(&store, options) else { return };
    let mut filter = LogFilter::new(symbols);
    let mut out = Vec::new();
    filter.feed(log.as_bytes(), &mut out).expect("memory takes any bytes");
    filter.finish(&mut out).expect("memory takes any bytes");
    assert!(out.len() >= log.len(), "nothing of a log is lost");
}
