//! Headings of SLUB's own lists of who allocated and who freed the objects of a cache.
//!
//! `alloc_traces` and `free_traces` in `/sys/kernel/debug/slab/<cache>/` (5.16 on, `slab_debugfs_show`
//! in `mm/slub.c`), `alloc_calls` and `free_calls` in `/sys/kernel/slab/<cache>/` (2.6.22 to 5.15,
//! `list_locations` there). The kernel needs `slub_debug=U,<cache>`.

use crate::record::cursor::Cursor;
use crate::record::frame::FrameText;

/// The first line of an entry: so many objects in use were allocated, or freed the last time, at
/// one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Heading<'a> {
    pub(super) objects: u64,
    /// The call site; absent where the kernel does not know it.
    pub(super) site: Option<FrameText<'a>>,
    /// Bytes of each object that nobody asked for; the kernel tells from 6.1 on.
    pub(super) waste: Option<u64>,
    /// Least and greatest age, in ticks of the kernel's clock.
    pub(super) ages: Option<(i64, i64)>,
    /// Least and greatest process id.
    pub(super) pids: Option<(u32, u32)>,
}

//     276 percpu_populate+0xf0/0x1a0 age=29813/29817/29823 pid=1 cpus=0-1 nodes=0          2.6.22
//      20 leaky_dev_grab.constprop.0+0x2c/0x50 [leaky] age=167/174/189 pid=1 cpus=1        5.10
//    3933 <not-available> age=4294897158 pid=0 cpus=0
//     268 shmem_symlink+0xc0/0x25c waste=13668/51 age=1110/1124/1140 pid=83 cpus=0         6.1
pub(super) fn heading(text: &[u8]) -> Option<Heading<'_>> {
    // An age is always there. A numbered backtrace looks the same without.
    memchr::memmem::find(text, b" age=")?;
    heading_of_a_list(text)
}

//     276 red_alloc+0xf0/0x1a0                            somebody has left the rest out
/// Reads a line that is known to stand in such a list.
pub(super) fn heading_of_a_list(text: &[u8]) -> Option<Heading<'_>> {
    let mut cursor = Cursor::new(text.trim_ascii());
    let objects = cursor.decimal()?;
    cursor.eat(b" ")?;
    let rest = cursor.rest();
    let fields = [&b" waste="[..], b" age=", b" pid="];
    let first_field = fields.iter().find_map(|field| memchr::memmem::find(rest, field));
    let end = first_field.unwrap_or(rest.len());
    let site = match &rest[..end] {
        b"<not-available>" => None,
        site => Some(crate::kmemleak::frame(site)?),
    };
    let mut heading = Heading { objects, site, waste: None, ages: None, pids: None };
    for field in rest[end..].split(|&byte| byte == b' ') {
        if let Some(waste) = field.strip_prefix(b"waste=") {
            heading.waste = Some(last_number(waste)?);
        } else if let Some(ages) = field.strip_prefix(b"age=") {
            heading.ages = Some(range(ages, b'/')?);
        } else if let Some(pids) = field.strip_prefix(b"pid=") {
            let (least, greatest) = range(pids, b'-')?;
            heading.pids = Some((u32::try_from(least).ok()?, u32::try_from(greatest).ok()?));
        }
    }
    Some(heading)
}

// 13668/51
fn last_number(text: &[u8]) -> Option<u64> {
    Cursor::new(text.rsplit(|&byte| byte == b'/').next()?).decimal()
}

// 1110/1124/1140
// -25291/1335491/-25291
// 0-127
/// The first and the last of numbers; one alone is both.
fn range(text: &[u8], between: u8) -> Option<(i64, i64)> {
    let first_end = (1..text.len()).find(|&at| text[at] == between).unwrap_or(text.len());
    let first = signed(&text[..first_end])?;
    if first_end == text.len() {
        return Some((first, first));
    }
    // A minus in front of the last number is its own.
    let at = text.iter().rposition(|&byte| byte == between)?;
    Some((first, signed(&text[at + 1..])?))
}

fn signed(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let mut cursor = Cursor::new(digits);
    let value = i64::try_from(cursor.decimal()?).ok()?;
    cursor.is_empty().then_some(if digits.len() < text.len() { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::frame::Place;

    fn read(text: &str) -> Heading<'_> {
        heading(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_heading_of_every_era_is_read() {
        let old =
            read("    276 percpu_populate+0xf0/0x1a0 age=29813/29817/29823 pid=1 cpus=0-1 nodes=0");
        assert_eq!((old.objects, old.ages, old.pids), (276, Some((29813, 29823)), Some((1, 1))));
        let new =
            read("    268 shmem_symlink+0xc0/0x25c waste=13668/51 age=1110/1124/1140 pid=0-83");
        assert_eq!((new.objects, new.waste, new.pids), (268, Some(51), Some((0, 83))));
        let module = read(" 20 leaky_dev_grab.constprop.0+0x2c/0x50 [leaky] age=167 pid=1 cpus=1");
        let Some(Place::Symbol(symbol)) = module.site.map(|site| site.place) else { panic!() };
        assert_eq!(
            (symbol.function, symbol.module),
            (&b"leaky_dev_grab.constprop.0"[..], Some(&b"leaky"[..]))
        );
        assert_eq!(module.ages, Some((167, 167)));
    }

    #[test]
    fn what_the_kernel_does_not_know_is_absent() {
        let unknown = read("   3216 <not-available> age=-25291/1335491/-25291 pid=0 cpus=0");
        assert_eq!((unknown.site, unknown.ages), (None, Some((-25291, -25291))));
        let gone = read("      3 0xffffffffc08ea070 age=12/13/14 pid=7");
        assert!(matches!(gone.site.map(|site| site.place), Some(Place::Bare(_))));
    }

    #[test]
    fn in_a_list_an_age_may_be_missing() {
        let heading = heading_of_a_list(b"    276 red_alloc+0xf0/0x1a0").expect("a heading");
        assert_eq!((heading.objects, heading.ages), (276, None));
        assert!(heading_of_a_list(b"    276 red monkeys").is_none());
    }

    #[test]
    fn other_lines_that_begin_with_a_number_are_no_headings() {
        for text in [
            "    268 shmem_symlink+0xc0/0x25c",
            "1673  dump_stack+0x1/0x2",
            "    268 shmem_symlink+0xc0/0x25c waste=13668/51 ag",
            "12 monkeys age=7 pid=1",
            "    268 shmem_symlink+0xc0/0x25c age= pid=1",
        ] {
            assert_eq!(heading(text.as_bytes()), None, "{text}");
        }
    }
}
