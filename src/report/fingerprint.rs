//! A leak's name across boots, builds and machines.

use std::borrow::Cow;

use super::FrameReport;
use crate::chain::base_name;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The 64-bit FNV-1a hash, in 16 hexadecimal digits, of the cache and the functions of the chain,
/// without compiler suffixes, offsets and addresses. Where the kernel has no symbols there is
/// nothing but addresses, and the fingerprint holds for the one build.
///
/// FNV-1a: Fowler, Noll, Vo; RFC 9923.
pub(crate) fn fingerprint(cache: &str, chain: &[FrameReport]) -> String {
    hash(cache, chain.iter().map(place))
}

/// The same of each function where it comes first: what is between two visits of one function is
/// recursion, and how often it went round says nothing.
pub(super) fn family(cache: &str, chain: &[FrameReport]) -> String {
    let mut places: Vec<Cow<'_, str>> = Vec::new();
    for place in chain.iter().map(place) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    hash(cache, places.into_iter())
}

/// What names a frame.
fn place(frame: &FrameReport) -> Cow<'_, str> {
    match (&frame.function, frame.address) {
        (Some(function), _) => Cow::Borrowed(base_name(function)),
        (None, Some(address)) => Cow::Owned(format!("{address:#x}")),
        (None, None) => Cow::Borrowed("?"),
    }
}

fn hash<'a>(cache: &'a str, functions: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut hash = FNV_OFFSET;
    for word in std::iter::once(Cow::Borrowed(cache)).chain(functions) {
        for byte in word.bytes().chain(std::iter::once(b'\n')) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Context, Role};

    fn frame(function: &str, offset: u64) -> FrameReport {
        FrameReport {
            function: Some(function.to_owned()),
            offset: Some(offset),
            size: None,
            module: None,
            build_id: None,
            address: None,
            reliable: true,
            aim: crate::record::frame::Aim::BehindCall,
            context: Context::Task,
            role: Role::Caller,
            source: None,
            unresolved: None,
        }
    }

    #[test]
    fn another_build_has_the_same_fingerprint() {
        let here =
            fingerprint("kmalloc-64", &[frame("leaky_fill.isra.0", 4), frame("leaky_init", 8)]);
        let there = fingerprint(
            "kmalloc-64",
            &[frame("leaky_fill.constprop.7", 40), frame("leaky_init", 80)],
        );
        assert_eq!(here, there);
    }

    #[test]
    fn another_leak_has_another() {
        let one = fingerprint("kmalloc-64", &[frame("ab", 0), frame("c", 0)]);
        assert_ne!(one, fingerprint("kmalloc-64", &[frame("a", 0), frame("bc", 0)]));
        assert_ne!(one, fingerprint("kmalloc-96", &[frame("ab", 0), frame("c", 0)]));
    }
}
