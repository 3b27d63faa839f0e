//! Folded stacks: a line for each chain, as the scripts of flame graphs read them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{Stack, Weight};

/// Writes a line for each stack that weighs anything: its functions from the outermost to the one
/// that called the allocator, its cache, and what it weighs.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(stacks: &[Stack], weight: Weight, out: &mut impl Write) -> io::Result<()> {
    lines(stacks, weight).iter().try_for_each(|line| writeln!(out, "{line}"))
}

// ret_from_fork;kthread;leaky_worker [leaky];leaky_obj_get [leaky];[leaky_cache] 704
// boot 1;ret_from_fork;kthread;leaky_worker [leaky];(kmalloc-64) 128
/// The lines, sorted; stacks of equal functions are one.
pub(super) fn lines(stacks: &[Stack], weight: Weight) -> Vec<String> {
    let is_one_boot = stacks.windows(2).all(|pair| pair[0].boot == pair[1].boot);
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for stack in stacks {
        let boot = (!is_one_boot).then(|| format!("boot {}", stack.boot));
        let functions = stack.places.iter().rev().map(|place| plain(&place.title()));
        let cache = stack.cache.as_deref().map(|cache| format!("({})", plain(cache)));
        let frames: Vec<String> = boot.into_iter().chain(functions).chain(cache).collect();
        *sums.entry(frames.join(";")).or_default() += stack.weight(weight);
    }
    let weighty = sums.into_iter().filter(|&(_, sum)| sum > 0);
    weighty.map(|(frames, sum)| format!("{frames} {sum}")).collect()
}

/// A name without what parts frames.
fn plain(name: &str) -> String {
    crate::print::Escaped(name).to_string().replace(';', ":")
}
