//! Which of the kernel's files a text is, and what its path tells.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::report::Origin;

/// What a path says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Named {
    pub(super) origin: Origin,
    pub(super) cache: Option<String>,
}

const FILES: [(&str, Origin); 7] = [
    ("alloc_traces", Origin::AllocTraces),
    ("free_traces", Origin::FreeTraces),
    ("alloc_calls", Origin::AllocCalls),
    ("free_calls", Origin::FreeCalls),
    ("allocinfo", Origin::Allocinfo),
    ("page_owner", Origin::PageOwner),
    ("show_stacks", Origin::PageOwner),
];

/// What every file's name contains one of: few lines of a log do.
static PARTS: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["alloc", "free_", "page_owner"].map(Finder::new));

/// What ends a path in front of a line of SLUB's lists.
static SLUB_ENDS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["_calls:", "_traces:"].map(Finder::new));

/// A longer line names no file.
const NAMING_BYTES_MAX: usize = 512;

// root@board:~# cat /sys/kernel/debug/slab/kmalloc-64/alloc_traces
// /sys/kernel/slab/kmalloc-64 # cat alloc_calls
// ==> alloc_calls <==
// kmalloc-128: Kernel object freeing                                        tools/mm/slabinfo
// ==> /sys/kernel/slab/kmalloc-64/alloc_calls <==
// evidence/board-7.kmalloc-64.alloc_traces.txt.gz
impl Named {
    /// Finds one of the kernel's files in a line with a path in it.
    pub(super) fn in_line(text: &[u8]) -> Option<Named> {
        if let Some(named) = Named::by_slabinfo_tool(text) {
            return Some(named);
        }
        let is_heading = text.starts_with(b"==> ") && text.ends_with(b" <==");
        let names_a_path = is_heading || memchr::memchr(b'/', text).is_some();
        if text.len() > NAMING_BYTES_MAX || !names_a_path {
            return None;
        }
        PARTS.iter().find(|part| part.find(text).is_some())?;
        Named::find(std::str::from_utf8(text).ok()?)
    }

    /// Reads the headings of `slabinfo -r` (`tools/mm/slabinfo.c`, `xtotals` and `report`).
    fn by_slabinfo_tool(text: &[u8]) -> Option<Named> {
        let heading = |end: &[u8]| text.trim_ascii().strip_suffix(end);
        let (cache, origin) = heading(b": Kernel object allocation")
            .map(|cache| (cache, Origin::AllocCalls))
            .or_else(|| Some((heading(b": Kernel object freeing")?, Origin::FreeCalls)))?;
        Some(Named { origin, cache: std::str::from_utf8(cache).ok().map(str::to_owned) })
    }

    /// Splits what `grep -H` puts before a line from the line: the file that it is of.
    pub(super) fn before_line(text: &[u8]) -> Option<(Named, &[u8])> {
        let end = SLUB_ENDS.iter().find_map(|end| Some(end.find(text)? + end.needle().len()))?;
        let path = std::str::from_utf8(&text[..end - 1]).ok()?;
        let named = Named::find(path).filter(|_| !path.contains([' ', '\t']))?;
        Some((named, &text[end..]))
    }

    /// Finds one of the kernel's files in a path.
    pub(super) fn find(text: &str) -> Option<Named> {
        if text.len() > NAMING_BYTES_MAX || text.contains("+0x") {
            return None;
        }
        let (at, origin) =
            FILES.iter().find_map(|&(file, origin)| Some((text.rfind(file)?, origin)))?;
        let is_of_a_cache = !matches!(origin, Origin::Allocinfo | Origin::PageOwner);
        Some(Named { origin, cache: is_of_a_cache.then(|| cache(&text[..at])).flatten() })
    }
}

/// The cache in front of a file's name: the folder that the file lies in, or a part of its name.
fn cache(front: &str) -> Option<String> {
    let Some(inside) = front.strip_suffix(['/', '.', '-', '_']) else { return folder(front) };
    let last = inside.rsplit(['/', ' ']).next()?;
    let name = if front.ends_with('/') { last } else { last.rsplit('.').next()? };
    let is_folder_of_all = matches!(name, "" | "slab" | "debug" | "kernel" | "sys" | "." | "..");
    (!is_folder_of_all).then(|| name.to_owned())
}

/// The cache whose folder a prompt shows.
fn folder(prompt: &str) -> Option<String> {
    let (_, behind) = prompt.rsplit_once("/slab/")?;
    let end = behind.find([' ', '#', '$', '>', '%', '/', ']'])?;
    (end > 0).then(|| behind[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_file_and_cache() {
        for (text, origin, cache) in [
            (
                "/sys/kernel/debug/slab/kmalloc-64/alloc_traces",
                Origin::AllocTraces,
                Some("kmalloc-64"),
            ),
            ("# cat /sys/kernel/slab/:t-0000128/free_calls", Origin::FreeCalls, Some(":t-0000128")),
            ("==> /sys/kernel/slab/dentry/alloc_calls <==", Origin::AllocCalls, Some("dentry")),
            ("x/arm-5.10.kmalloc-64.alloc_traces.txt.gz", Origin::AllocTraces, Some("kmalloc-64")),
            ("kmalloc-64-alloc_traces", Origin::AllocTraces, Some("kmalloc-64")),
            ("alloc_traces.txt", Origin::AllocTraces, None),
            ("before/alloc_traces.2", Origin::AllocTraces, Some("before")),
            (
                "/sys/kernel/slab/kmalloc-64 # cat alloc_calls",
                Origin::AllocCalls,
                Some("kmalloc-64"),
            ),
            (
                "root@b:/sys/kernel/slab/:t-0000128$ head free_calls",
                Origin::FreeCalls,
                Some(":t-0000128"),
            ),
            ("/proc/allocinfo", Origin::Allocinfo, None),
            ("/sys/kernel/debug/page_owner_stacks/show_stacks", Origin::PageOwner, None),
        ] {
            let named = Named { origin, cache: cache.map(str::to_owned) };
            assert_eq!(Named::find(text), Some(named), "{text}");
        }
    }

    #[test]
    fn headings_of_tools_name_list_and_cache() {
        let named =
            |origin, cache: Option<&str>| Some(Named { origin, cache: cache.map(str::to_owned) });
        for (text, expected) in [
            (
                "kmalloc-128: Kernel object allocation",
                named(Origin::AllocCalls, Some("kmalloc-128")),
            ),
            ("dentry: Kernel object freeing", named(Origin::FreeCalls, Some("dentry"))),
            ("==> free_calls <==", named(Origin::FreeCalls, None)),
            ("alloc_calls are listed below", None),
        ] {
            assert_eq!(Named::in_line(text.as_bytes()), expected, "{text}");
        }
        let line = b"/sys/kernel/slab/dentry/free_calls:     28 free_foo+0x12/0x90 age=9";
        let (found, rest) = Named::before_line(line).expect("a path");
        assert_eq!(Some(found), named(Origin::FreeCalls, Some("dentry")));
        assert_eq!(rest, b"     28 free_foo+0x12/0x90 age=9");
        assert_eq!(Named::before_line(b"who: alloc_calls: none"), None);
    }

    #[test]
    fn a_function_of_that_name_is_no_file() {
        assert_eq!(Named::find(" show_alloc_traces+0x10/0x20"), None);
        assert_eq!(Named::find("cat /proc/slabinfo"), None);
    }
}
