//! How to trace the cache that leaks, on the kernel that it leaks on.

use std::fmt;

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextStep {
    /// The cache to trace.
    cache: String,
    way: Way,
}

/// How a kernel is told to trace a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// Up to 5.8, while it runs.
    Runtime,
    /// From 5.9 on, at boot.
    Boot,
    /// From 6.9 on, at boot, by a new name.
    BootRenamed,
    /// It is not known which.
    Unknown,
    /// SLAB cannot trace.
    Slab,
}

impl NextStep {
    /// The step for a cache, by the kernel's release where it is known.
    pub(super) fn new(cache: &str, kernel: Option<&str>, is_slab: bool) -> NextStep {
        let way = match kernel.and_then(version) {
            _ if is_slab => Way::Slab,
            None => Way::Unknown,
            Some(version) if version < (5, 9) => Way::Runtime,
            Some(version) if version < (6, 9) => Way::Boot,
            Some(_) => Way::BootRenamed,
        };
        NextStep { cache: cache.to_owned(), way }
    }
}

// 6.1.0-50-amd64
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cache = crate::report::Escaped(&self.cache);
        match self.way {
            Way::Runtime => write!(
                f,
                "Trace it: echo 1 > /sys/kernel/slab/{cache}/trace (or boot with slub_debug=T,{cache}), record the console with loglevel=8, and give the log to slabtrace."
            ),
            Way::Boot => write!(
                f,
                "Trace it: boot with slub_debug=T,{cache} loglevel=8 (from 5.9 on tracing cannot be switched on later), record the console, and give the log to slabtrace."
            ),
            Way::BootRenamed => write!(
                f,
                "Trace it: boot with slab_debug=T,{cache} loglevel=8, record the console, and give the log to slabtrace."
            ),
            Way::Unknown => write!(
                f,
                "Trace it: boot with slub_debug=T,{cache} loglevel=8 (slab_debug= from 6.9 on; before 5.9 also: echo 1 > /sys/kernel/slab/{cache}/trace), record the console, and give the log to slabtrace."
            ),
            Way::Slab => write!(
                f,
                "This kernel uses SLAB, which cannot trace {cache}: build it with CONFIG_SLUB=y and CONFIG_SLUB_DEBUG=y, or ask kmemleak (CONFIG_DEBUG_KMEMLEAK=y) and give its report to slabtrace kmemleak."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_that_of_the_kernel() {
        let step = |kernel, is_slab| NextStep::new("kmalloc-192", kernel, is_slab).to_string();
        assert!(
            step(Some("4.19.0-27-amd64"), false)
                .contains("echo 1 > /sys/kernel/slab/kmalloc-192/trace")
        );
        assert!(step(Some("6.1.0-50-amd64"), false).contains("slub_debug=T,kmalloc-192"));
        assert!(!step(Some("6.1.0-50-amd64"), false).contains("echo 1"));
        assert!(step(Some("6.12.1"), false).contains("slab_debug=T,kmalloc-192"));
        assert!(step(None, false).contains("before 5.9"));
        assert!(step(Some("3.2.0"), true).contains("CONFIG_SLUB=y"));
    }
}
