//! Which kernel a line of a log names.

use memchr::memmem;

use super::marks::{BANNER, TAINT};
use crate::record::task_build_id;

// [    0.000000] Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc-12 …
// CPU: 0 PID: 1573 Comm: x Tainted: P  O 3.10.0 #1
// CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-50-amd64 #1  Debian 6.1.176-1
/// The kernel release that a line names, if it names one.
pub fn release_in(line: &[u8]) -> Option<&str> {
    let release = banner(line).or_else(|| task_release(line))?;
    std::str::from_utf8(release).ok().filter(|release| is_release(release))
}

// CPU: 1 PID: 83 Comm: insmod Tainted: G O 6.1.176-kml #1  6482126594aec27f75a677159bf96a6be38339b3
/// The build id of its kernel that a line names, if it names one.
pub fn build_id_in(line: &[u8]) -> Option<&str> {
    TAINT.find(line)?;
    let behind = &line[memmem::find(line, b" #")?..];
    std::str::from_utf8(task_build_id(behind)?).ok()
}

/// Whether a kernel that starts prints the line.
pub(super) fn is_banner(line: &[u8]) -> bool {
    banner(line).is_some()
}

fn banner(line: &[u8]) -> Option<&[u8]> {
    let at = BANNER.find(line)?;
    line[at + BANNER.needle().len()..].split(|&byte| byte == b' ').next()
}

fn task_release(line: &[u8]) -> Option<&[u8]> {
    TAINT.find(line)?;
    let end = memmem::find(line, b" #")?;
    line[..end].rsplit(|&byte| byte == b' ').next()
}

// 2.6.24, 6.12.107+deb13-amd64, 5.15.0-rc3-00001-gdeadbeef-dirty
/// Whether a word is a release: the name of a folder too, so nothing else may pass.
pub(super) fn is_release(word: &str) -> bool {
    let is_release_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_' | b'~');
    word.len() <= 64
        && word.starts_with(|first: char| first.is_ascii_digit())
        && word.contains('.')
        && !word.contains("..")
        && word.bytes().all(is_release_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banners_and_task_lines_name_the_release() {
        for (line, release) in [
            ("[    0.000000] Linux version 6.1.0-50-amd64 (debian-kernel@", Some("6.1.0-50-amd64")),
            ("CPU: 0 PID: 1573 Comm: x Tainted: P  O 3.10.0 #1", Some("3.10.0")),
            (
                "CPU: 0 UID: 0 PID: 1 Comm: swapper/0 Not tainted 6.12.107+deb13-amd64 #1  Debian",
                Some("6.12.107+deb13-amd64"),
            ),
            ("Comm: x Not tainted ../../etc #1", None),
            ("Linux version 6.1/../..", None),
            ("CPU: 0 PID: 1 Comm: tainted", None),
        ] {
            assert_eq!(release_in(line.as_bytes()), release, "{line}");
        }
    }
}
