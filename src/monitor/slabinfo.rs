//! Lines of `/proc/slabinfo`, versions 1.1 to 2.1, of `slabtop -o` and of `vmstat -m`.

use super::balance::whole;
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
    /// Bytes of all its slabs.
    pub(super) bytes: u64,
    /// Objects in a slab; 0 where the row does not say.
    pub(super) per_slab: u64,
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

/// Which table rows belong to. Some rows look like many other tables, and are read only behind
/// their own first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Table {
    /// `/proc/slabinfo` up to Linux 2.4.
    First,
    /// `/proc/slabinfo` from Linux 2.6 on.
    Second,
    /// `slabtop -o`.
    Slabtop,
    /// `vmstat -m`.
    Vmstat,
}

/// What a line of slabinfo is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Line<'a> {
    /// The first line of a table.
    Start(Table),
    /// A line that says what the columns are, or sums up.
    Heading,
    /// What all caches together take up, in bytes.
    Sum(u64),
    /// A cache.
    Row(Row<'a>),
    /// The beginning of a cache's row, of which the rest is lost, or nonsense in its place.
    Torn,
}

/// Reads a line of the table, if any, that has begun.
pub(super) fn parse(line: &[u8], table: Option<Table>) -> Option<Line<'_>> {
    let line = line.trim_ascii_start();
    if let Some(start) = start(line) {
        return Some(start);
    }
    // # name            <active_objs> <num_objs> <objsize> … : tunables <limit> …
    if line.starts_with(b"#") {
        return line.starts_with(b"# name").then_some(Line::Heading);
    }
    match split(line, b" : tunables ") {
        Some((head, _)) if is_prefixed(head) || head.contains(&b':') => None,
        Some((head, tail)) => Some(second(head, tail).map_or(Line::Torn, Line::Row)),
        None if table == Some(Table::First) => first(line).map(Line::Row),
        None if table == Some(Table::Vmstat) => vmstat(line).map(Line::Row),
        None => slabtop(line).map(Line::Row).or_else(|| torn(line, table?)),
    }
}

fn start(line: &[u8]) -> Option<Line<'_>> {
    if let Some(major) = version(line) {
        return Some(Line::Start(if major == 1 { Table::First } else { Table::Second }));
    }
    // Cache                       Num  Total   Size  Pages
    if line.starts_with(b"Cache ") && fields(line).eq(VMSTAT) {
        return Some(Line::Start(Table::Vmstat));
    }
    //  Active / Total Objects (% used)    : 97518 / 105893 (92.1%)
    if line.starts_with(b"Active / Total Objects") {
        return Some(Line::Start(Table::Slabtop));
    }
    if line.starts_with(b"Active / Total Size ") {
        return Some(sum(line).map_or(Line::Heading, Line::Sum));
    }
    //  Minimum / Average / Maximum Object : 0.01K / 0.23K / 50.28K
    //   OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME
    let is_heading = line.starts_with(b"Active / Total ")
        || line.starts_with(b"Minimum / Average ")
        || line.starts_with(b"OBJS ACTIVE ");
    is_heading.then_some(Line::Heading)
}

//  Active / Total Size (% used)       : 1415795.50K / 1416586.19K (99.9%)
/// What slabtop sums up.
fn sum(line: &[u8]) -> Option<u64> {
    let (_, sizes) = split(line, b" : ")?;
    let (_, total) = split(sizes, b" / ")?;
    sized(fields(total).next()?).map(|(bytes, _)| whole(bytes))
}

// 0.19K      1,13K in languages with a decimal comma      1.00M
/// Bytes of a size with its unit, and the bytes that one step of its last digit makes.
fn sized(field: &[u8]) -> Option<(f64, f64)> {
    const UNITS: &[u8] = b"BKMGT";
    let end = field.iter().position(u8::is_ascii_alphabetic)?;
    let (number, unit) = field.split_at(end);
    let exponent = UNITS.iter().position(|letter| *letter == unit[0].to_ascii_uppercase())?;
    if !matches!(&unit[1..], b"" | b"B" | b"iB") {
        return None;
    }
    let number = std::str::from_utf8(number).ok()?.replace(',', ".");
    let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let value: f64 = number.parse().ok().filter(|value| (0.0..1e15).contains(value))?;
    let unit = 1024f64.powi(i32::try_from(exponent).ok()?);
    Some((value * unit, unit / 10f64.powi(i32::try_from(decimals).ok()?)))
}

const VMSTAT: [&[u8]; 5] = [b"Cache", b"Num", b"Total", b"Size", b"Pages"];

// slabinfo - version: 2.1
// slabinfo - version: 1.1 (SMP)
// slabinfo - version: 2.1 (statistics)
fn version(line: &[u8]) -> Option<u64> {
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
    let slabs: Vec<u64> = fields(own).map_while(decimal).collect();
    if slabs.len() != 3 || fields(own).count() != 3 {
        return None;
    }
    // A damaged number, for no cache has more objects in use than it has.
    if numbers[0] > numbers[1] {
        return None;
    }
    let is_slub = fields(tunables).all(|field| field == b"0");
    let allocator = if is_slub { Allocator::Slub } else { Allocator::Slab };
    let footprint = footprint(numbers[2], numbers[3], numbers[4]);
    let (active, size, per_slab) = (numbers[0], numbers[2], numbers[3]);
    let bytes = whole(footprint * per_slab.max(1) as f64 * slabs[1] as f64);
    Some(Row { name, active, size, footprint, bytes, per_slab, allocator })
}

// kmem_cache            78     78    100    2    2    1
// size-4096             31     31   4096   31   31    1 :   60   30            SMP
fn first(line: &[u8]) -> Option<Row<'_>> {
    let head = split(line, b" : ").map_or(line, |(head, _)| head);
    let (name, numbers) = numbers_behind(head, 6)?;
    let footprint = numbers[2] as f64;
    let (active, size, allocator) = (numbers[0], numbers[2], Allocator::Slab);
    let bytes = numbers[4].saturating_mul(numbers[5]).saturating_mul(PAGES[0]);
    Some(Row { name, active, size, footprint, bytes, per_slab: 0, allocator })
}

//  10731  10563  98%    0.19K    511       21      2044K dentry
fn slabtop(line: &[u8]) -> Option<Row<'_>> {
    let mut fields = fields(line);
    let total = decimal(fields.next()?)?;
    let active = decimal(fields.next()?).filter(|&active| active <= total)?;
    decimal(fields.next()?.strip_suffix(b"%")?)?;
    let (size, step) = sized(fields.next()?)?;
    let slabs = decimal(fields.next()?)?;
    let per_slab = decimal(fields.next()?)?;
    let (bytes, _) = sized(fields.next()?)?;
    let name = fields.next()?;
    let size = named_size(name).unwrap_or_else(|| rounded_size(size, step));
    let objects = slabs.saturating_mul(per_slab);
    let footprint = (bytes / objects.max(1) as f64).max(size as f64);
    let (bytes, allocator) = (whole(bytes), Allocator::Unknown);
    Some(Row { name, active, size, footprint, bytes, per_slab, allocator })
}

/// The size that slabtop rounds to a step: sizes are multiples of a word.
fn rounded_size(bytes: f64, step: f64) -> u64 {
    const WORD: f64 = 8.0;
    if step < WORD { whole(bytes.round()) } else { whole((bytes / WORD).round() * WORD) }
}

// dentry                   10563  10731    192     21
// The last number is not pages but objects of a slab in some versions, and is not used.
fn vmstat(line: &[u8]) -> Option<Row<'_>> {
    let (name, numbers) = numbers_behind(line, 4)?;
    let (active, size) = (numbers[0], numbers[2]);
    let footprint = size as f64;
    let is_row = active <= numbers[1];
    let allocator = Allocator::Unknown;
    let bytes = numbers[1].saturating_mul(size);
    is_row.then_some(Row { name, active, size, footprint, bytes, per_slab: 0, allocator })
}

/// The size in a kmalloc cache's name: slabtop rounds what it prints.
pub(super) fn named_size(name: &[u8]) -> Option<u64> {
    memchr::memmem::find(name, b"kmalloc-")?;
    let last = name.rsplit(|&byte| byte == b'-').next()?;
    match last.strip_suffix(b"k") {
        Some(kibibytes) => decimal(kibibytes)?.checked_mul(1024),
        None => decimal(last),
    }
}

/// A row that breaks off before its end.
fn torn(line: &[u8], table: Table) -> Option<Line<'_>> {
    let mut fields = fields(line);
    let first = fields.next()?;
    let has_number = fields.next().and_then(decimal).is_some();
    let is_date = fields.next().is_some_and(|field| field.contains(&b':'));
    let is_torn = match table {
        Table::Second => !first.starts_with(b"#") && has_number && !is_date,
        Table::Slabtop => decimal(first).is_some() && has_number && !is_date,
        Table::First | Table::Vmstat => false,
    };
    is_torn.then_some(Line::Torn)
}

/// The sizes of pages that kernels have, the usual one first.
const PAGES: [u64; 4] = [4096, 8192, 16384, 65536];

/// A slab's bytes for each of its objects. The page size is the least that the objects fit in.
fn footprint(size: u64, per_slab: u64, pages: u64) -> f64 {
    let needed = size.saturating_mul(per_slab);
    let slab =
        PAGES.map(|page| page.saturating_mul(pages)).into_iter().find(|&slab| slab >= needed);
    if per_slab == 0 { size as f64 } else { slab.unwrap_or(needed) as f64 / per_slab as f64 }
}

/// Whether a row begins with a recorder's time or a mark of quotation: these are asked first.
fn is_prefixed(head: &[u8]) -> bool {
    const EPOCH_DIGITS: usize = 10;
    let first = fields(head).next().unwrap_or_default();
    let is_number = first.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    head.starts_with(b"[")
        || is_number && first.len() >= EPOCH_DIGITS
        || matches!(first, b">" | b"|")
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
    let is_name = is_name && !is_prefixed(rest);
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

    fn row(line: &str, table: Option<Table>) -> (String, u64, u64, Allocator) {
        match parse(line.as_bytes(), table) {
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
        assert_eq!(
            row(slab, Some(Table::Second)),
            ("size-64(DMA)".to_owned(), 5, 64, Allocator::Slab)
        );
        let statistics = "size-32 119 119 32 119 1 : tunables 120 60 8 : slabdata 1 1 0 : globalstat 1 2 3 : cpustat 4 5";
        assert_eq!(row(statistics, Some(Table::Second)).1, 119);
        let old = "size-4096             31     32   4096   31   31    1 :   60   30";
        assert_eq!(
            row(old, Some(Table::First)),
            ("size-4096".to_owned(), 31, 4096, Allocator::Slab)
        );
        let blank = "ip mrt cache          1      2     96    1    1    1";
        assert_eq!(row(blank, Some(Table::First)).0, "ip mrt cache");
        let top = " 10731  10563  98%    0.19K    511       21      2044K kmalloc-192";
        assert_eq!(row(top, None), ("kmalloc-192".to_owned(), 10563, 192, Allocator::Unknown));
        let top = "  14280  14280 100%    0.57K    510       28      8160K radix_tree_node";
        assert_eq!(row(top, None).2, 584);
        let comma = "  96768  96768 100%    1,13K  13824        7    110592K nfs_inode_cache";
        assert_eq!(row(comma, None).2, 1160);
        let human = "    500    500 100%    1.00M    500        1     500.0M big_cache";
        assert_eq!(row(human, None).2, 1 << 20);
        let Some(Line::Row(human)) = parse(human.as_bytes(), None) else { panic!("a row") };
        assert_eq!(human.bytes, 500 << 20);
        let sum = b" Active / Total Size (% used)       : 1415795.50K / 1416586.19K (99.9%)";
        assert_eq!(parse(sum, None), Some(Line::Sum(1_450_584_258)));
        let stat = "radix_tree_node          14280  14280    584     28";
        assert_eq!(row(stat, Some(Table::Vmstat)).2, 584);
    }

    #[test]
    fn a_torn_row_is_told_from_a_whole_one() {
        let whole = "kmalloc-192          357    378    192   21    1 : tunables    0    0    0 : slabdata     17     17      0";
        let impossible = whole.replace("357    378", "957    378");
        assert_eq!(parse(impossible.as_bytes(), None), Some(Line::Torn));
        let top = "  14280  14280 100%    0.57K    510";
        assert_eq!(parse(top.as_bytes(), Some(Table::Slabtop)), Some(Line::Torn));
        for end in [25, 40, 60, 90, whole.len() - 8] {
            let torn = &whole[..end];
            assert_eq!(parse(torn.as_bytes(), Some(Table::Second)), Some(Line::Torn), "{torn}");
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
