//! Lines of `/proc/slabinfo`, versions 1.1 to 2.1, and of `slabtop -o`.

use crate::record::cursor::Cursor;

/// One cache in one sample.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Row<'a> {
    pub(super) name: &'a [u8],
    /// Objects in use.
    pub(super) active: u64,
    /// Bytes of one object.
    pub(super) size: u64,
    /// Bytes of memory that an object takes up, with what its slab wastes.
    pub(super) footprint: f64,
    /// Whether the cache belongs to the SLAB allocator, which keeps objects per CPU by limits.
    pub(super) allocator: Allocator,
}

/// Which allocator printed a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Allocator {
    /// SLAB: its tunables are numbers.
    Slab,
    /// SLUB: its tunables are zero.
    Slub,
    /// The row does not say.
    Unknown,
}

/// What a line of slabinfo is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Line<'a> {
    /// The first line, and the major version.
    Version(u64),
    /// A cache.
    Row(Row<'a>),
    /// The beginning of a cache's row; the rest is lost.
    Torn,
}

/// Reads a line. Rows of version 1 look like many other tables, and are read only behind their
/// own first line.
pub(super) fn parse(line: &[u8], version: Option<u64>) -> Option<Line<'_>> {
    if let Some(major) = header(line) {
        return Some(Line::Version(major));
    }
    // # name            <active_objs> <num_objs> <objsize> … : tunables <limit> …
    if line.starts_with(b"#") {
        return None;
    }
    match split(line, b" : tunables ") {
        // A time in front is a recorder's, who is asked first.
        Some((head, _)) if head.contains(&b':') || head.starts_with(b"[") => None,
        Some((head, tail)) => Some(second(head, tail).map_or(Line::Torn, Line::Row)),
        None if version == Some(1) => first(line).map(Line::Row),
        None => slabtop(line).map(Line::Row).or_else(|| torn(line, version)),
    }
}

// slabinfo - version: 2.1
// slabinfo - version: 1.1 (SMP)
// slabinfo - version: 2.1 (statistics)
fn header(line: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(line);
    cursor.eat(b"slabinfo - version: ")?;
    cursor.decimal()
}

// kmalloc-192   357    357    192   21    1 : tunables    0    0    0 : slabdata     17     17      0
// size-64      1475   1475     64   59    1 : tunables  120   60    0 : slabdata     25     25      0
// dentry 10563 10563 192 21 1 : tunables 0 0 0 : slabdata 503 503 0            blanks collapsed
// size-32      119    119     32  119    1 : tunables  120   60    8 : slabdata      1      1      0 : globalstat …
fn second<'a>(head: &'a [u8], tail: &[u8]) -> Option<Row<'a>> {
    let (name, numbers) = numbers_behind(head, 5)?;
    let (tunables, slabdata) = split(tail, b" : slabdata ")?;
    let own = match split(slabdata, b" : ") {
        Some((own, _)) => own,
        None => slabdata,
    };
    if fields(own).count() != 3 || fields(own).any(|field| decimal(field).is_none()) {
        return None;
    }
    let is_slub = fields(tunables).all(|field| field == b"0");
    let allocator = if is_slub { Allocator::Slub } else { Allocator::Slab };
    let footprint = footprint(numbers[2], numbers[3], numbers[4]);
    Some(Row { name, active: numbers[0], size: numbers[2], footprint, allocator })
}

// kmem_cache            78     78    100    2    2    1
// size-4096             31     31   4096   31   31    1 :   60   30            SMP
fn first(line: &[u8]) -> Option<Row<'_>> {
    let head = split(line, b" : ").map_or(line, |(head, _)| head);
    let (name, numbers) = numbers_behind(head, 6)?;
    let footprint = numbers[2] as f64;
    Some(Row { name, active: numbers[0], size: numbers[2], footprint, allocator: Allocator::Slab })
}

//   OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME
//  10731  10563  98%    0.19K    511       21      2044K dentry
fn slabtop(line: &[u8]) -> Option<Row<'_>> {
    let mut fields = fields(line);
    let _total = decimal(fields.next()?)?;
    let active = decimal(fields.next()?)?;
    decimal(fields.next()?.strip_suffix(b"%")?)?;
    let size = std::str::from_utf8(fields.next()?.strip_suffix(b"K")?).ok()?;
    decimal(fields.next()?)?;
    decimal(fields.next()?)?;
    decimal(fields.next()?.strip_suffix(b"K")?)?;
    let name = fields.next()?;
    let kibibytes: f64 = size.parse().ok().filter(|size: &f64| (0.0..1e9).contains(size))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in that range")]
    let size = (kibibytes * 1024.0).round() as u64;
    let size = named_size(name).unwrap_or(size);
    let footprint = size as f64;
    Some(Row { name, active, size, footprint, allocator: Allocator::Unknown })
}

/// The size in a kmalloc cache's name: slabtop rounds what it prints.
fn named_size(name: &[u8]) -> Option<u64> {
    memchr::memmem::find(name, b"kmalloc-")?;
    let last = name.rsplit(|&byte| byte == b'-').next()?;
    match last.strip_suffix(b"k") {
        Some(kibibytes) => decimal(kibibytes)?.checked_mul(1024),
        None => decimal(last),
    }
}

/// A row of version 2 that breaks off before its tunables.
fn torn(line: &[u8], version: Option<u64>) -> Option<Line<'_>> {
    let mut fields = fields(line);
    let is_name = fields.next().is_some_and(|name| !name.starts_with(b"#"));
    let has_number = fields.next().and_then(decimal).is_some();
    let is_date = fields.next().is_some_and(|field| field.contains(&b':'));
    (version == Some(2) && is_name && has_number && !is_date).then_some(Line::Torn)
}

/// A slab's bytes for each of its objects. The page size is the least that the objects fit in.
fn footprint(size: u64, per_slab: u64, pages: u64) -> f64 {
    const PAGES: [u64; 4] = [4096, 8192, 16384, 65536];
    let needed = size.saturating_mul(per_slab);
    let slab =
        PAGES.map(|page| page.saturating_mul(pages)).into_iter().find(|&slab| slab >= needed);
    if per_slab == 0 { size as f64 } else { slab.unwrap_or(needed) as f64 / per_slab as f64 }
}

/// A name, which may hold blanks, and as many numbers behind it.
fn numbers_behind(head: &[u8], count: usize) -> Option<(&[u8], Vec<u64>)> {
    let mut rest = head.trim_ascii();
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        let at = rest.iter().rposition(u8::is_ascii_whitespace)?;
        numbers.push(decimal(&rest[at + 1..])?);
        rest = rest[..at].trim_ascii_end();
    }
    numbers.reverse();
    // A blank may be part of a name, but a time in front is not.
    if rest.contains(&b' ') && (rest.contains(&b':') || rest.starts_with(b"[")) {
        return None;
    }
    let is_name = rest.first().is_some_and(|byte| byte.is_ascii_graphic() && *byte != b'#');
    is_name.then_some((rest, numbers))
}

fn split<'a>(line: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(line, by)?;
    Some((&line[..at], &line[at + by.len()..]))
}

fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

fn decimal(field: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(field);
    cursor.decimal().filter(|_| cursor.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str, version: Option<u64>) -> (String, u64, u64, Allocator) {
        match parse(line.as_bytes(), version) {
            Some(Line::Row(row)) => (
                String::from_utf8_lossy(row.name).into_owned(),
                row.active,
                row.size,
                row.allocator,
            ),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_row_of_every_version_is_read() {
        let new = "kmalloc-192          357    378    192   21    1 : tunables    0    0    0 : slabdata     17     17      0";
        assert_eq!(row(new, None), ("kmalloc-192".to_owned(), 357, 192, Allocator::Slub));
        let slab = "size-64(DMA)  5 59 64 59 1 : tunables  120   60    0 : slabdata 1 1 0";
        assert_eq!(row(slab, Some(2)), ("size-64(DMA)".to_owned(), 5, 64, Allocator::Slab));
        let statistics = "size-32 119 119 32 119 1 : tunables 120 60 8 : slabdata 1 1 0 : globalstat 1 2 3 : cpustat 4 5";
        assert_eq!(row(statistics, Some(2)).1, 119);
        let old = "size-4096             31     32   4096   31   31    1 :   60   30";
        assert_eq!(row(old, Some(1)), ("size-4096".to_owned(), 31, 4096, Allocator::Slab));
        let blank = "ip mrt cache          1      2     96    1    1    1";
        assert_eq!(row(blank, Some(1)).0, "ip mrt cache");
        let top = " 10731  10563  98%    0.19K    511       21      2044K kmalloc-192";
        assert_eq!(row(top, None), ("kmalloc-192".to_owned(), 10563, 192, Allocator::Unknown));
    }

    #[test]
    fn a_torn_row_is_told_from_a_whole_one() {
        let whole = "kmalloc-192          357    378    192   21    1 : tunables    0    0    0 : slabdata     17     17      0";
        for end in [25, 40, 60, 90, whole.len() - 8] {
            let torn = &whole[..end];
            assert_eq!(parse(torn.as_bytes(), Some(2)), Some(Line::Torn), "{torn}");
        }
    }

    #[test]
    fn tables_of_other_files_are_no_rows() {
        for line in [
            "cpu 1 2 3 4 5 6 7 8",
            "    1 0        2260 1672 S    init             {init} /bin/busybox sh /init",
            "# name            <active_objs> <num_objs> : tunables <limit> : slabdata <a> <b> <c>",
            "Sat Nov 21 19:32:37 UTC 2026",
        ] {
            assert!(!matches!(parse(line.as_bytes(), None), Some(Line::Row(_))), "{line}");
        }
    }
}
