//! Lines of `/proc/meminfo`.

use crate::record::cursor::Cursor;

/// The values that the balance of memory is made of, and two that tell the kernel's age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    MemTotal,
    MemFree,
    MemAvailable,
    Buffers,
    Cached,
    SwapCached,
    AnonPages,
    Shmem,
    Slab,
    SReclaimable,
    SUnreclaim,
    KernelStack,
    PageTables,
    SecPageTables,
    VmallocUsed,
    Percpu,
    Hugetlb,
    LowTotal,
    LowFree,
    HighFree,
    KReclaimable,
    Zswapped,
}

/// Every key, in the order of [`Key`].
const NAMES: [(&[u8], Key); 22] = [
    (b"MemTotal", Key::MemTotal),
    (b"MemFree", Key::MemFree),
    (b"MemAvailable", Key::MemAvailable),
    (b"Buffers", Key::Buffers),
    (b"Cached", Key::Cached),
    (b"SwapCached", Key::SwapCached),
    (b"AnonPages", Key::AnonPages),
    (b"Shmem", Key::Shmem),
    (b"Slab", Key::Slab),
    (b"SReclaimable", Key::SReclaimable),
    (b"SUnreclaim", Key::SUnreclaim),
    (b"KernelStack", Key::KernelStack),
    (b"PageTables", Key::PageTables),
    (b"SecPageTables", Key::SecPageTables),
    (b"VmallocUsed", Key::VmallocUsed),
    (b"Percpu", Key::Percpu),
    (b"Hugetlb", Key::Hugetlb),
    (b"LowTotal", Key::LowTotal),
    (b"LowFree", Key::LowFree),
    (b"HighFree", Key::HighFree),
    (b"KReclaimable", Key::KReclaimable),
    (b"Zswapped", Key::Zswapped),
];

/// The values of one sample, in bytes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Memory([Option<u64>; NAMES.len()]);

impl Memory {
    pub(super) fn get(&self, key: Key) -> Option<u64> {
        self.0[key as usize]
    }

    pub(super) fn set(&mut self, key: Key, bytes: u64) {
        self.0[key as usize] = Some(bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// What a line of meminfo is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// A value of the balance, in bytes.
    Value(Key, u64),
    /// A value that is not used.
    Other,
    /// A value of the balance of which the end is lost.
    Torn,
}

// MemAvailable:     585340 kB
// Slab:              16388 kB
// Active(anon):       5728 kB
// HugePages_Total:       0
// MemTotal:        725460kB                                   by vendors, and by awk
// MemTotal:        708 MB                                     by scripts that divide
/// Reads a line.
pub(super) fn parse(line: &[u8]) -> Option<Line> {
    let mut cursor = Cursor::new(line.trim_ascii());
    let name = cursor.eat_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'(' | b')'));
    cursor.eat(b":")?;
    cursor.eat_while(|byte| byte == b' ' || byte == b'\t');
    let key = NAMES.iter().find(|(known, _)| *known == name).map(|(_, key)| *key);
    let Some(number) = cursor.decimal() else {
        return key.filter(|_| cursor.is_empty()).map(|_| Line::Torn);
    };
    cursor.eat_blanks();
    let rest = cursor.rest();
    match key {
        Some(key) if unit(rest).is_some() => {
            Some(Line::Value(key, number.saturating_mul(unit(rest)?)))
        }
        Some(_) if rest.is_empty() || rest == b"k" => Some(Line::Torn),
        None if unit(rest).is_some() || rest.is_empty() && name.starts_with(b"HugePages_") => {
            Some(Line::Other)
        }
        _ => None,
    }
}

/// The kernel prints `kB` alone, and means 1024 bytes.
fn unit(text: &[u8]) -> Option<u64> {
    match text {
        b"kB" | b"KB" | b"KiB" => Some(1 << 10),
        b"MB" | b"MiB" => Some(1 << 20),
        b"GB" | b"GiB" => Some(1 << 30),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_whole() {
        let value = Some(Line::Value(Key::SUnreclaim, 7304 * 1024));
        assert_eq!(parse(b"SUnreclaim:         7304 kB"), value);
        assert_eq!(parse(b"SUnreclaim: 7304kB"), value);
        assert_eq!(parse(b"SUnreclaim: 7 MB"), Some(Line::Value(Key::SUnreclaim, 7 << 20)));
        assert_eq!(parse(b"Slab:  1 kB\t"), Some(Line::Value(Key::Slab, 1024)));
        for line in ["SUnreclaim:         73", "SUnreclaim:   7304 k", "SUnreclaim:", "Slab: "] {
            assert_eq!(parse(line.as_bytes()), Some(Line::Torn), "{line}");
        }
        for line in ["Active(anon):  5 kB", "HugePages_Total:       0", "Mapped: 0 kB"] {
            assert_eq!(parse(line.as_bytes()), Some(Line::Other), "{line}");
        }
        for line in ["Slab 7 kB", "SUnreclaim: x", "PID: 7", "SUnreclaim: 7304 kB and more"] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn the_table_is_in_the_order_of_the_keys() {
        assert!(NAMES.iter().enumerate().all(|(at, (_, key))| *key as usize == at));
    }
}
