//! How to trace the cache that leaks, on the kernel that it leaks on.

use std::fmt;

use super::meminfo::{Key, Memory};
use super::report::CacheReport;
use super::sample::Collection;
use super::series::Stretch;
use crate::print::Escaped;

/// A kernel's version: its first two numbers.
type Version = (u32, u32);

/// From this version on tracing cannot be switched on while the kernel runs.
const BOOT_ONLY: Version = (5, 9);

/// From this version on the parameter is called `slab_debug`.
const RENAMED: Version = (6, 9);

/// From this version on the parameter that keeps caches apart is called `slab_nomerge`.
const NOMERGE_RENAMED: Version = (3, 18);

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextStep {
    /// The cache to trace.
    cache: String,
    way: Way,
    nomerge: &'static str,
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
    /// The cache's name is none that a shell should be given.
    OddName,
}

impl NextStep {
    /// The step for a cache, by what the log tells of the kernel.
    pub(super) fn new(
        cache: &CacheReport,
        collection: &Collection,
        stretch: &Stretch<'_>,
    ) -> NextStep {
        let memory = stretch.samples.last().map(|(_, sample)| &sample.memory);
        let names = collection.caches.keys().map(String::as_str);
        let range = match collection.kernel.as_deref().and_then(version) {
            Some(version) => Range { least: Some(version), most: Some(version) },
            None => Range::of(names, memory),
        };
        let way = match &cache.name {
            _ if collection.is_slab => Way::Slab,
            name if !is_plain(name) => Way::OddName,
            _ => range.way(),
        };
        NextStep { cache: cache.name.clone(), way, nomerge: range.nomerge() }
    }
}

/// Whether a shell takes a name for a word, whatever the log says.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:+@".contains(&byte))
}

/// Between which versions a kernel is.
#[derive(Clone, Copy, Default, Debug)]
struct Range {
    least: Option<Version>,
    /// The first that it is older than, or its own.
    most: Option<Version>,
}

impl Range {
    /// What the names of caches and of lines of meminfo tell.
    fn of<'a>(mut names: impl Iterator<Item = &'a str>, memory: Option<&Memory>) -> Range {
        let has = |key| memory.is_some_and(|memory| memory.get(key).is_some());
        // Some logs hold but a few lines of it.
        let is_whole =
            [Key::Buffers, Key::SwapCached, Key::PageTables, Key::VmallocUsed].into_iter().all(has);
        let least = if has(Key::SecPageTables) {
            Some((6, 1))
        } else if has(Key::Zswapped) {
            Some((5, 19))
        } else {
            names.any(|name| name.starts_with("kmalloc-cg-")).then_some((5, 14))
        };
        let most = if is_whole && !has(Key::MemAvailable) {
            Some((3, 13))
        } else {
            (is_whole && !has(Key::KReclaimable)).then_some((4, 19))
        };
        Range { least, most }
    }

    fn way(self) -> Way {
        match (self.least, self.most) {
            (Some(least), _) if least >= RENAMED => Way::BootRenamed,
            (Some(least), _) if least >= BOOT_ONLY => Way::Boot,
            (_, Some(most)) if most < BOOT_ONLY => Way::Runtime,
            _ => Way::Unknown,
        }
    }

    fn nomerge(self) -> &'static str {
        if self.most.is_some_and(|most| most < NOMERGE_RENAMED) {
            "slub_nomerge"
        } else {
            "slab_nomerge"
        }
    }
}

// 6.1.0-50-amd64
fn version(release: &str) -> Option<Version> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What objects of some caches are, and where to look before the kernel is traced: many a slab
/// grows because a process holds things.
fn purpose(cache: &str) -> Option<&'static str> {
    Some(match cache {
        "filp" => {
            "one object for each open file: see which process has more and more in /proc/*/fd"
        }
        "sock_inode_cache" | "UNIX" | "TCP" | "TCPv6" | "UDP" | "UDPv6" | "PING" | "RAW" => {
            "objects of open sockets: see ss -a, and which process has more and more in /proc/*/fd"
        }
        "eventpoll_epi" | "eventpoll_pwq" => {
            "one object for each file that epoll watches: see /proc/*/fdinfo"
        }
        "task_struct" | "signal_cache" | "sighand_cache" | "thread_stack" => {
            "objects of tasks: see whether threads or zombies pile up"
        }
        "vm_area_struct" | "anon_vma" | "anon_vma_chain" | "vma_lock" | "maple_node" => {
            "objects of processes' mappings: see which /proc/*/maps grows"
        }
        "nf_conntrack" => "one object for each tracked connection: see conntrack -C, and its limit",
        "skbuff_head_cache" | "skbuff_fclone_cache" | "skbuff_small_head" => {
            "network packets: see whether a socket's queue grows in ss -m"
        }
        "mnt_cache" => "one object for each mount: see /proc/*/mounts",
        "cred_jar" => "one object for each set of credentials, which tasks and open files hold",
        _ => return None,
    })
}

impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cache = Escaped(&self.cache);
        if let Some(purpose) = purpose(&self.cache) {
            write!(f, "{cache} holds {purpose}. ")?;
        }
        match self.way {
            Way::Runtime => write!(
                f,
                "Trace it: dmesg -n 8; echo 1 > /sys/kernel/slab/{cache}/trace (echo 0 ends it), or boot with slub_debug=T,{cache} loglevel=8"
            ),
            Way::Boot => write!(
                f,
                "Trace it: boot with slub_debug=T,{cache} loglevel=8 (from 5.9 on tracing cannot be switched on later)"
            ),
            Way::BootRenamed => {
                write!(f, "Trace it: boot with slab_debug=T,{cache} loglevel=8")
            }
            Way::Unknown => write!(
                f,
                "Trace it: boot with slub_debug=T,{cache} loglevel=8 (slab_debug= from 6.9 on; before 5.9 also: echo 1 > /sys/kernel/slab/{cache}/trace)"
            ),
            Way::OddName => {
                return write!(
                    f,
                    "{cache} is no name that kernels give to caches: see whether the log is damaged."
                );
            }
            Way::Slab => {
                return write!(
                    f,
                    "This kernel uses SLAB, which cannot trace {cache}: build it with CONFIG_SLUB=y and CONFIG_SLUB_DEBUG=y (from 2.6.22 on), or ask kmemleak (CONFIG_DEBUG_KMEMLEAK=y, from 2.6.31 on) and give its report to slabtrace kmemleak. Before 5.2, CONFIG_DEBUG_SLAB_LEAK=y counts objects by caller in /proc/slab_allocators."
                );
            }
        }?;
        write!(
            f,
            ", record the console, and give the log to slabtrace. If it shows no leak, another cache of that size was merged into this one: boot with {}, and monitor again.",
            self.nomerge
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(release: &str) -> String {
        let version = version(release);
        let range = Range { least: version, most: version };
        let cache = "kmalloc-192".to_owned();
        NextStep { cache, way: range.way(), nomerge: range.nomerge() }.to_string()
    }

    #[test]
    fn the_step_is_that_of_the_kernel() {
        let old = step("2.6.32-5-686");
        assert!(old.contains("echo 1 > /sys/kernel/slab/kmalloc-192/trace"), "{old}");
        assert!(old.contains("with slub_nomerge,"), "{old}");
        assert!(step("4.19.0-27-amd64").contains("with slab_nomerge,"));
        assert!(step("6.1.0-50-amd64").contains("slub_debug=T,kmalloc-192"));
        assert!(!step("6.1.0-50-amd64").contains("echo 1"));
        assert!(step("6.12.1").contains("slab_debug=T,kmalloc-192"));
    }

    #[test]
    fn the_log_s_own_words_tell_the_kernel_s_age() {
        let mut memory = Memory::default();
        let way =
            |memory: &Memory, names: &[&str]| Range::of(names.iter().copied(), Some(memory)).way();
        assert_eq!(way(&memory, &["kmalloc-64"]), Way::Unknown);
        assert_eq!(way(&memory, &["kmalloc-cg-64"]), Way::Boot);
        for key in [Key::Buffers, Key::SwapCached, Key::PageTables, Key::VmallocUsed] {
            memory.set(key, 1);
        }
        assert_eq!(way(&memory, &["kmalloc-64"]), Way::Runtime);
        memory.set(Key::MemAvailable, 1);
        assert_eq!(way(&memory, &["kmalloc-64"]), Way::Runtime);
        memory.set(Key::KReclaimable, 1);
        assert_eq!(way(&memory, &["kmalloc-64"]), Way::Unknown);
        memory.set(Key::SecPageTables, 1);
        assert_eq!(way(&memory, &["kmalloc-64"]), Way::Boot);
    }

    #[test]
    fn no_command_is_made_of_a_name_that_is_one() {
        assert!(is_plain("kmalloc-192") && is_plain(":A-0000192") && is_plain("rpc_inode_cache"));
        assert!(!is_plain("x; reboot") && !is_plain("$(reboot)") && !is_plain("../../x"));
    }

    #[test]
    fn what_a_process_may_hold_is_said_first() {
        assert!(purpose("filp").is_some_and(|text| text.contains("/proc/*/fd")));
        assert_eq!(purpose("kmalloc-64"), None);
    }
}
