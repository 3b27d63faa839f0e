//! Lines of `/proc/meminfo`.

use crate::record::cursor::Cursor;

/// The values that the balance of memory is made of.
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
}

/// Every key, in the order of [`Key`].
const NAMES: [(&[u8], Key); 20] = [
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

// MemAvailable:     585340 kB
// Slab:              16388 kB
/// A key of the balance, and its bytes.
pub(super) fn parse(line: &[u8]) -> Option<(Key, u64)> {
    let mut cursor = Cursor::new(line);
    let name = cursor.eat_while(|byte| byte.is_ascii_alphanumeric());
    cursor.eat(b":")?;
    cursor.eat_blanks();
    let kilobytes = cursor.decimal()?;
    cursor.eat(b" kB")?;
    let (_, key) = NAMES.iter().find(|(known, _)| *known == name)?;
    cursor.rest().trim_ascii().is_empty().then_some((*key, kilobytes.saturating_mul(1024)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_whole() {
        assert_eq!(parse(b"SUnreclaim:         7304 kB"), Some((Key::SUnreclaim, 7304 * 1024)));
        assert_eq!(parse(b"Slab:  1 kB\t"), Some((Key::Slab, 1024)));
        for line in
            ["Active(anon):  5 kB", "SUnreclaim:         73", "SUnreclaim:   7304 k", "Slab 7 kB"]
        {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn the_table_is_in_the_order_of_the_keys() {
        assert!(NAMES.iter().enumerate().all(|(at, (_, key))| *key as usize == at));
    }
}
