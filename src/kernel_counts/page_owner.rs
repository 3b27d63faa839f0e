//! Lines of `page_owner` (`page_owner=on`, 3.19 on; `mm/page_owner.c`): who allocated each page,
//! one by one (`/sys/kernel/debug/page_owner`) or counted by backtrace
//! (`/sys/kernel/debug/page_owner_stacks/show_stacks`, 6.9 on).

use crate::record::cursor::{Cursor, hex_value};

/// The first line of a page's entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Allocation<'a> {
    /// The allocation is of two to the power of this many pages.
    pub(super) order: u32,
    /// Who allocated; the kernel tells from 5.11 on.
    pub(super) pid: Option<u32>,
    /// The task's name; the kernel tells from 5.18 on.
    pub(super) comm: Option<&'a [u8]>,
}

/// No kernel allocates more pages at once: the greatest order is 10, or 13 on arm64.
const ORDER_MAX: u64 = 20;

// Page allocated via order 0, mask 0x201da                                                3.19
// Page allocated via order 0, mask 0x24200ca(GFP_HIGHUSER_MOVABLE)                        4.6
// Page allocated via order 2, mask 0xd20c0(__GFP_IO|…), pid 7, ts 4511029 ns              5.10
// Page allocated via order 0, mask 0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), pid 1, tgid 1 (init), ts 5 ns, free_ts 0 ns
pub(super) fn allocation(text: &[u8]) -> Option<Allocation<'_>> {
    let mut cursor = Cursor::new(text.trim_ascii());
    cursor.eat(b"Page allocated via order ")?;
    let order = cursor.decimal().filter(|&order| order <= ORDER_MAX)?;
    cursor.eat(b", mask ")?;
    let pid = cursor.until(b", pid ").and_then(|_| cursor.decimal());
    let comm = cursor.until(b" (").and_then(|_| {
        let rest = cursor.rest();
        let end = memchr::memmem::rfind(rest, b"), ts ");
        // Somebody has broken the line behind it.
        Some(&rest[..end.or_else(|| rest.strip_suffix(b"),").map(<[u8]>::len))?])
    });
    Some(Allocation {
        order: u32::try_from(order).ok()?,
        pid: pid.and_then(|pid| u32::try_from(pid).ok()),
        comm,
    })
}

// PFN 4097 Block 8 type 1 Unmovable Flags …                                               3.19
// PFN 0x1021 type Movable Block 8 type Movable Flags 0xfffffc0040025(locked|uptodate|lru…)
pub(super) fn frame_number(text: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(text.trim_ascii());
    cursor.eat(b"PFN ")?;
    match cursor.eat(b"0x") {
        Some(()) => hex_value(cursor.eat_while(|byte| byte.is_ascii_hexdigit())),
        None => cursor.decimal(),
    }
}

// Charged to memcg system.slice
// Slab cache page
// Page has been migrated, last migrate reason: compaction
// handle: 15728651
// ts 1578829190639010 ns, free_ts 1576583851324450 ns       the rest of a first line that was broken
/// What else stands in an entry.
pub(super) fn is_remark(text: &[u8]) -> bool {
    const REMARKS: [&[u8]; 5] =
        [b"Charged ", b"Slab cache page", b"Page has been migrated", b"handle: ", b"ts "];
    REMARKS.iter().any(|remark| text.starts_with(remark))
}

/// Entries with one backtrace, added up by `tools/mm/page_owner_sort.c`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sum {
    /// All of their pages.
    pub(super) pages: u64,
    pub(super) of: SumOf,
}

/// Whose entries were added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SumOf {
    /// Those of the task that the entry names.
    OneTask,
    /// Those of any tasks.
    Any,
}

// 2 times, 2 pages:
// 1 times, 4 pages, PID 62 , task_comm_name: blue
// 12 times, 48 pages, by SLAB_ALLOC:
/// Reads what `page_owner_sort` writes in front of an entry.
pub(super) fn sum(text: &[u8]) -> Option<Sum> {
    let mut cursor = Cursor::new(text.trim_ascii());
    let times = cursor.decimal()?;
    cursor.eat(b" times, ")?;
    let pages = cursor.decimal()?;
    cursor.eat(b" pages")?;
    let is_of_a_task = memchr::memmem::find(cursor.rest(), b" PID ").is_some();
    let of = if times == 1 || is_of_a_task { SumOf::OneTask } else { SumOf::Any };
    matches!(cursor.peek(), None | Some(b':' | b',')).then_some(Sum { pages, of })
}

// stack_count: 8248                                                                       6.9
// nr_base_pages: 16                                                                       6.11
/// The pages with the backtrace that stands in front.
pub(super) fn pages(text: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(text.trim_ascii());
    cursor.eat(b"nr_base_pages: ").or_else(|| cursor.eat(b"stack_count: "))?;
    cursor.decimal().filter(|_| cursor.is_empty())
}

/// Whether a function is one of the page allocator's own (`mm/page_alloc.c`, `mm/mempolicy.c`).
pub(super) fn is_page_allocator(function: &str) -> bool {
    let base = crate::chain::base_name(function);
    let base = base.strip_suffix("_noprof").unwrap_or(base);
    matches!(
        base,
        "save_stack"
            | "__set_page_owner"
            | "__set_page_owner_handle"
            | "__reset_page_owner"
            | "prep_new_page"
            | "post_alloc_hook"
            | "get_page_from_freelist"
            | "__get_free_pages"
            | "get_free_pages"
            | "get_zeroed_page"
    ) || ["__alloc_pages", "alloc_pages", "__alloc_frozen_pages", "__folio_alloc", "folio_alloc"]
        .iter()
        .any(|start| base.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_every_era_is_read() {
        let oldest = allocation(b"Page allocated via order 0, mask 0x201da").expect("a page");
        assert_eq!(oldest, Allocation { order: 0, pid: None, comm: None });
        let middle = allocation(b"Page allocated via order 2, mask 0xd2(A|B), pid 7, ts 4511 ns");
        assert_eq!(middle.map(|page| (page.order, page.pid, page.comm)), Some((2, Some(7), None)));
        let new = b"Page allocated via order 0, mask 0x1(A), pid 1, tgid 1 (my (app)), ts 5 ns, free_ts 0 ns";
        assert_eq!(allocation(new).and_then(|page| page.comm), Some(&b"my (app)"[..]));
        assert_eq!(allocation(b"Page allocated via order 77, mask 0x1"), None);
    }

    #[test]
    fn the_page_allocator_s_own_functions_are_known() {
        for name in ["__alloc_pages_nodemask", "alloc_pages_mpol", "folio_alloc_noprof"] {
            assert!(is_page_allocator(name), "{name}");
        }
        assert!(!is_page_allocator("leaky_alloc_pages"));
    }

    #[test]
    fn a_first_line_that_was_broken_still_names_the_task() {
        let text = b"Page allocated via order 0, mask 0x1(A), pid 736, tgid 736 (red),";
        assert_eq!(allocation(text).and_then(|page| page.comm), Some(&b"red"[..]));
        assert!(is_remark(b"ts 1578829190639010 ns, free_ts 1576583851324450 ns"));
    }

    #[test]
    fn sums_are_read_whatever_they_are_sorted_by() {
        for (text, pages) in [
            ("2 times, 2 pages:", Some(2)),
            ("1 times, 4 pages, PID 62 , task_comm_name: blue", Some(4)),
            ("12 times, 48 pages, by SLAB_ALLOC:", Some(48)),
            ("2 times, 2 pagesful", None),
            ("2 times", None),
        ] {
            assert_eq!(sum(text.as_bytes()).map(|sum| sum.pages), pages, "{text}");
        }
    }

    #[test]
    fn page_frame_numbers_are_decimal_or_hexadecimal() {
        assert_eq!(frame_number(b"PFN 4097 Block 8 type 1 Unmovable"), Some(4097));
        assert_eq!(frame_number(b"PFN 0x1001 type Movable Block 8"), Some(4097));
    }

    #[test]
    fn counts_by_backtrace_are_read_under_both_names() {
        assert_eq!(
            [pages(b"nr_base_pages: 16"), pages(b"stack_count: 8248")],
            [Some(16), Some(8248)]
        );
        assert_eq!(pages(b"nr_base_pages: 1x"), None);
    }
}
