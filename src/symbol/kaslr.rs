//! How far a kernel ran from where it was linked, told from the log of its boot.
//!
//! Nothing is tried out: either lines say it, or it is not known.

use super::map::{Kind, Map, Placement};
use super::marks::{COMMAND_LINE, FRAME, OFFSET};
use super::release::{build_id_in, release_in};

/// Frames with address and symbol that are kept: the first of a boot.
const ANCHORS_MAX: usize = 64;

/// So many of them must agree.
const ANCHORS_MIN: usize = 2;

/// No function has a longer name.
const NAME_BYTES_MAX: usize = 512;

/// Kernels move by whole pages.
const PAGE: u64 = 4096;

/// What a boot's log says of where its kernel ran.
#[derive(Clone, Debug, Default)]
pub(super) struct KaslrEvidence {
    /// The release that it names.
    pub(super) release: Option<String>,
    /// The build id that it names.
    pub(super) build_id: Option<String>,
    anchors: Vec<Anchor>,
    /// Whether its kernel names functions: what it prints bare is none of its own then.
    pub(super) has_names: bool,
    /// What the kernel itself said.
    stated: Option<Stated>,
}

/// How far a kernel says that it moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stated {
    kaslr: u64,
    /// Where it was linked, if it says that too.
    from: Option<u64>,
}

impl Stated {
    /// It did not move.
    const NOT: Stated = Stated { kaslr: 0, from: None };

    fn kaslr(self, map: &Map) -> KaslrOffset {
        if self.from.is_some_and(|from| !map.begins_at(from)) {
            return KaslrOffset::Contradicted;
        }
        KaslrOffset::By(self.kaslr)
    }
}

/// A frame that shows its address and its symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Anchor {
    address: u64,
    function: String,
    offset: u64,
    size: u64,
}

/// What a frame with address and symbol says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Vote {
    /// The kernel moved so far.
    For(u64),
    /// The frame does not fit the map.
    Against,
}

/// How far a kernel moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KaslrOffset {
    /// By so many bytes upwards, modulo 2⁶⁴.
    By(u64),
    /// Nothing in the log tells.
    Unknown,
    /// The frames that show address and symbol do not fit the map.
    Contradicted,
}

impl KaslrEvidence {
    /// Takes note of a line. Tells whether something in it was new.
    pub(super) fn see(&mut self, line: &[u8]) -> bool {
        if FRAME.find(line).is_some() {
            return self.see_frame(line);
        }
        if let Some(stated) = stated(line) {
            return self.stated.replace(stated) != Some(stated);
        }
        let Some(release) = release_in(line) else { return false };
        let build_id = build_id_in(line);
        let is_new = self.release.as_deref() != Some(release)
            || build_id.is_some_and(|id| self.build_id.as_deref() != Some(id));
        if is_new {
            self.release = Some(release.to_owned());
            self.build_id = build_id.map(str::to_owned);
        }
        is_new
    }

    fn see_frame(&mut self, line: &[u8]) -> bool {
        let is_first = !std::mem::replace(&mut self.has_names, true);
        if self.anchors.len() >= ANCHORS_MAX {
            return is_first;
        }
        let anchor = Anchor::in_line(line).filter(|anchor| !self.anchors.contains(anchor));
        let is_new = anchor.is_some();
        self.anchors.extend(anchor);
        is_first || is_new
    }

    /// Where the kernel of a map ran. `boot` is the number of the boot in the log.
    pub(super) fn kaslr(&self, map: &Map, boot: usize) -> KaslrOffset {
        match self.by_anchors(map) {
            KaslrOffset::Unknown => {}
            found => return found,
        }
        // There was no CONFIG_RANDOMIZE_BASE before 3.14.
        let is_ancient = self.release.as_deref().is_some_and(|release| release.starts_with("2."));
        let is_fixed = map.placement == Placement::Fixed || is_ancient;
        match (self.stated, map.kind) {
            (Some(stated), Kind::Linked) => stated.kaslr(map),
            (_, Kind::Linked) if is_fixed => KaslrOffset::By(0),
            // Its addresses are those of one boot, and nothing says that another's are the same.
            (_, Kind::Live) if is_fixed || boot == 0 => KaslrOffset::By(0),
            _ => KaslrOffset::Unknown,
        }
    }

    /// What most frames with address and symbol agree on.
    fn by_anchors(&self, map: &Map) -> KaslrOffset {
        let votes: Vec<Vote> = self.anchors.iter().filter_map(|anchor| anchor.vote(map)).collect();
        let count = |kaslr| votes.iter().filter(|&&vote| vote == Vote::For(kaslr)).count();
        let offsets = votes.iter().filter_map(|vote| match *vote {
            Vote::For(kaslr) => Some(kaslr),
            Vote::Against => None,
        });
        let most = offsets.max_by_key(|&kaslr| (count(kaslr), kaslr));
        match most.map(|kaslr| (kaslr, count(kaslr))) {
            _ if votes.len() < ANCHORS_MIN => KaslrOffset::Unknown,
            Some((kaslr, votes_for)) if votes_for * 4 >= votes.len() * 3 => KaslrOffset::By(kaslr),
            _ => KaslrOffset::Contradicted,
        }
    }
}

impl Anchor {
    //  [<ffffffff8110a3b1>] kmem_cache_alloc+0x60/0x90                     x86 to 4.9
    // [<c0012378>] (dump_backtrace+0x18/0x114) from [<c03a0a5c>] (…)        arm
    // [c000000004997480] [c0000000004db88c] .alloc_debug_processing+0x21c/0x230
    //  [0000000000456a80] dump_stack+0x20/0x40                             sparc64
    /// The first frame of a line, if it shows both and lies in the kernel itself.
    fn in_line(line: &[u8]) -> Option<Anchor> {
        let plus = FRAME.find(line)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$');
        let start = line[..plus].iter().rposition(|&byte| !is_name(byte))? + 1;
        let address = address_before(&line[..start])?;
        let function = std::str::from_utf8(&line[start..plus]).ok()?;
        let (offset, rest) = number(line[plus..].strip_prefix(b"+0x")?)?;
        let (size, rest) = number(rest.strip_prefix(b"/0x")?)?;
        let is_name = (1..=NAME_BYTES_MAX).contains(&function.len());
        if !is_name || rest.starts_with(b" [") {
            return None;
        }
        Some(Anchor { address, function: function.to_owned(), offset, size })
    }

    /// How far the kernel moved by this frame, or that it does not fit; nothing where the frame
    /// tells nothing: its function is not the only one of its name, or its address is a hash.
    fn vote(&self, map: &Map) -> Option<Vote> {
        if map.is_high() && u32::try_from(self.address).is_ok() {
            return None;
        }
        let (start, size) = map.find(&self.function)?;
        let kaslr = self.address.wrapping_sub(self.offset).wrapping_sub(start);
        let fits = kaslr.is_multiple_of(PAGE) && size == self.size;
        Some(if fits { Vote::For(kaslr) } else { Vote::Against })
    }
}

/// The address in brackets that stands before a symbol.
fn address_before(head: &[u8]) -> Option<u64> {
    let head = head.trim_ascii_end();
    let head = head.strip_suffix(b"(").or_else(|| head.strip_suffix(b"?")).unwrap_or(head);
    let head = head.trim_ascii_end().strip_suffix(b"]")?;
    let head = head.strip_suffix(b">").unwrap_or(head);
    let digits = head.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (head, digits) = head.split_at(head.len() - digits);
    let is_bracketed = head.ends_with(b"[<") || head.ends_with(b"[");
    let (address, _) = number(digits).filter(|_| matches!(digits.len(), 8 | 16) && is_bracketed)?;
    Some(address)
}

// Kernel Offset: 0x1a000000 from 0xffffffff81000000 (relocation range: 0xffffffff80000000-…)
// Kernel Offset: disabled
// Kernel command line: console=ttyS0 nokaslr
/// The distance that the kernel itself states: when it panics, or none where it was told so.
fn stated(line: &[u8]) -> Option<Stated> {
    if let Some(at) = OFFSET.find(line) {
        let text = &line[at + OFFSET.needle().len()..];
        if text.starts_with(b"disabled") {
            return Some(Stated::NOT);
        }
        let (kaslr, rest) = number(text.strip_prefix(b"0x")?)?;
        let from = rest.strip_prefix(b" from 0x").and_then(number).map(|(from, _)| from);
        return Some(Stated { kaslr, from });
    }
    let at = COMMAND_LINE.find(line)?;
    let mut words = line[at..].split(u8::is_ascii_whitespace);
    words.any(|word| word == b"nokaslr").then_some(Stated::NOT)
}

/// Takes hexadecimal digits.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = text.split_at(length);
    let value = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
ffffffff81000000 T _stext
ffffffff81000100 T one
ffffffff81000200 T two
ffffffff81000300 T three
ffffffff81000400 T _etext
";

    fn kaslr(map: &str, lines: &[&str]) -> KaslrOffset {
        let mut evidence = KaslrEvidence::default();
        for line in lines {
            evidence.see(line.as_bytes());
        }
        evidence.kaslr(&Map::of_text(map.as_bytes()).expect("memory"), 0)
    }

    #[test]
    fn frames_with_address_and_symbol_tell_how_far_the_kernel_moved() {
        let one = " [<ffffffff8a000110>] one+0x10/0x100";
        let two = " [<ffffffff8a000220>] ? two+0x20/0x100";
        let hashed = "    [<00000000f9f8cefb>] three+0x30/0x100";
        let of_module = " [<ffffffffc0a01010>] one+0x10/0x100 [leaky]";
        let by = KaslrOffset::By(0x900_0000);
        for (lines, wanted) in [
            (&[one, two][..], by),
            (&[one, two, hashed, of_module], by),
            (&[one], KaslrOffset::Unknown),
            (&[one, one], KaslrOffset::Unknown),
            (&[hashed, hashed], KaslrOffset::Unknown),
            (&[one, " [<ffffffff8b000220>] two+0x20/0x100"], KaslrOffset::Contradicted),
            (&[" [<ffffffff8a000118>] one+0x10/0x100", two], KaslrOffset::Contradicted),
            (&[" [<ffffffff8a000110>] one+0x10/0x180", two], KaslrOffset::Contradicted),
        ] {
            assert_eq!(kaslr(MAP, lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn brackets_of_every_architecture_are_read() {
        for (line, address) in [
            ("[<c0012388>] (one+0x10/0x100) from [<c03a0a5c>] (two+0x18/0x1c)", 0xc001_2388),
            ("[c000000004997480] [c0000000004db88c] .one+0x10/0x100", 0xc000_0000_004d_b88c),
            (" [0000000000456a80] one+0x10/0x100", 0x45_6a80),
        ] {
            assert_eq!(
                Anchor::in_line(line.as_bytes()).map(|a| a.address),
                Some(address),
                "{line}"
            );
        }
        for line in [" one+0x10/0x100", "[    1.000000] one+0x10/0x100", "x[12345] one+0x1/0x2"] {
            assert_eq!(Anchor::in_line(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn the_kernel_may_say_it_itself() {
        let offset = "Kernel Offset: 0x1a000000 from 0xffffffff81000000 (relocation range: …)";
        for (line, wanted) in [
            (offset, KaslrOffset::By(0x1a00_0000)),
            ("Kernel Offset: 0x1a000000 from 0xffffffff80000000", KaslrOffset::Contradicted),
            ("Kernel Offset: disabled", KaslrOffset::By(0)),
            ("Kernel command line: quiet nokaslr", KaslrOffset::By(0)),
            ("Kernel command line: quiet nokaslrx", KaslrOffset::Unknown),
            ("CPU: 0 PID: 1 Comm: x Not tainted 2.6.32 #1", KaslrOffset::By(0)),
            ("CPU: 0 PID: 1 Comm: x Not tainted 6.1.0 #1", KaslrOffset::Unknown),
        ] {
            assert_eq!(kaslr(MAP, &[line]), wanted, "{line}");
        }
        let live = format!("{MAP}ffffffffc0a01000 t f\t[leaky]\n");
        assert_eq!(kaslr(&live, &[]), KaslrOffset::By(0), "its addresses are the boot's own");
        assert_eq!(kaslr(&live, &[offset]), KaslrOffset::By(0));
    }
}
