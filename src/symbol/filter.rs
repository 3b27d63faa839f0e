//! A kernel log in, the same log out with source places behind its frames.
//!
//! Nothing is taken away and no line is added. A frame `name+0xoffset/0xsize [module]` that
//! resolves is followed by its place:
//!
//! ```text
//! __kmalloc+0x49/0x150 (mm/slab_common.c:968)
//! leaky_open+0x1a/0x40 [leaky] (drivers/leaky.c:41, inlined kzalloc include/linux/slab.h:716 < leaky_new drivers/leaky.c:17)
//! dup+0x9/0x20 (ambiguous: fs/a.c:10 or fs/b.c:20)
//! [<8006ab2c>] 0x8006ab2c (show_stack+0x74/0x94 arch/mips/kernel/traps.c:210)
//! ```
//!
//! The first place is the one in the function that the log names. Calls that the compiler
//! inlined there follow innermost first; `<` reads "called by".

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{self, Write};

use foldhash::fast::FixedState;
use memchr::memmem;

use super::bare::{self, Bare};
use super::marks::FRAME;
use super::printed::{Printed, position};
use super::release::is_banner;
use super::{
    Frame, Named, Position, Reason, Resolution, Source, Symbolizer, build_id_in, release_in,
};
use crate::capture::MAX_LINE_BYTES;
use crate::print::Escaped;

/// Adds source places to a log that comes in pieces.
#[derive(Debug)]
pub struct LogFilter<S> {
    symbols: S,
    silence: Silence,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// What follows each distinct frame, by its text.
    suffixes: [HashMap<Vec<u8>, Vec<u8>, FixedState>; 3],
    tally: Tally,
    /// Frames of the present piece that had not been there before.
    news: usize,
    /// Whether the lines that follow are to be looked at as a whole.
    looks_ahead: bool,
    /// The release named last.
    release: Option<String>,
    /// The build id that was named with it.
    build_id: Option<String>,
    /// What follows each distinct bare address.
    bare: HashMap<(u64, Position), Unnamed, FixedState>,
    /// How often what the log said changed the names of addresses.
    generation: u64,
    /// Lines seen that a kernel prints first.
    banners: u64,
}

/// What follows a bare address.
#[derive(Debug)]
struct Unnamed {
    generation: u64,
    suffix: Vec<u8>,
    /// Why it has no place.
    missing: Option<String>,
}

/// Whether frames without a place stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Silence {
    /// They do.
    Kept,
    /// The reason follows them.
    Broken,
}

impl Silence {
    /// What follows a frame that has no place.
    fn text(self, reason: &Reason) -> String {
        match self {
            Silence::Kept => String::new(),
            Silence::Broken => format!(" ({reason})"),
        }
    }
}

/// What became of a log's distinct frames.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Frames with a place.
    pub found: u64,
    /// Frames without, by the reason.
    pub missing: BTreeMap<String, u64>,
}

/// A piece with fewer new frames is not followed by a look at the next as a whole.
const NEWS_MIN: usize = 16;

/// Distinct frames remembered; a log that has more is hostile or garbage.
const SUFFIXES_MAX: usize = 1 << 20;

impl<S: Symbolizer> LogFilter<S> {
    /// A filter that asks `symbols`.
    pub fn new(symbols: S) -> LogFilter<S> {
        LogFilter {
            symbols,
            silence: Silence::Kept,
            partial: Vec::new(),
            suffixes: Default::default(),
            tally: Tally::default(),
            bare: HashMap::default(),
            generation: 0,
            banners: 0,
            news: 0,
            looks_ahead: true,
            release: None,
            build_id: None,
        }
    }

    /// The same filter, which says of each frame without a place why it has none.
    #[must_use]
    pub fn with_reasons(self) -> LogFilter<S> {
        LogFilter { silence: Silence::Broken, ..self }
    }

    /// Takes the next piece of the log, and writes the lines that it completes.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            if self.partial.is_empty() && std::mem::take(&mut self.looks_ahead) {
                self.look_ahead(bytes);
            }
            let (line, rest) = bytes.split_at(end + 1);
            if self.partial.is_empty() {
                self.line(line, out)?;
            } else {
                self.partial.extend_from_slice(line);
                self.finish(out)?;
            }
            bytes = rest;
        }
        self.looks_ahead |= std::mem::take(&mut self.news) >= NEWS_MIN;
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > MAX_LINE_BYTES { self.finish(out) } else { Ok(()) }
    }

    /// Ends the log: writes a last line without a newline.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        let line = std::mem::take(&mut self.partial);
        self.line(&line, out)?;
        self.partial = line;
        self.partial.clear();
        Ok(())
    }

    /// What was asked.
    pub fn symbols(&self) -> &S {
        &self.symbols
    }

    /// What became of the distinct frames so far.
    pub fn tally(&self) -> Tally {
        let mut tally = self.tally.clone();
        let missing = self.bare.values().filter_map(|bare| bare.missing.as_ref());
        for reason in missing.clone() {
            *tally.missing.entry(reason.clone()).or_default() += 1;
        }
        tally.found += (self.bare.len() - missing.count()) as u64;
        tally
    }

    fn line(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        let bare = if FRAME.find(line).is_some() {
            self.beside_names(line)
        } else {
            self.learn(line);
            self.without_names(line)
        };
        if bare.is_empty() { self.named_line(line, out) } else { self.bare_line(line, &bare, out) }
    }

    /// Takes note of what a line says of its kernel.
    fn learn(&mut self, line: &[u8]) {
        if let Some(release) = release_in(line) {
            let is_news = self.symbols.set_release(release);
            if build_id_in(line).is_some_and(|id| self.symbols.set_build_id(id)) || is_news {
                self.suffixes = Default::default();
                self.looks_ahead = true;
            }
            if self.names_another_kernel(line) {
                self.release = Some(release.to_owned());
                self.build_id = build_id_in(line).map(str::to_owned);
            }
        }
    }

    fn names_another_kernel(&self, line: &[u8]) -> bool {
        let Some(release) = release_in(line) else { return false };
        self.release.as_deref() != Some(release)
            || build_id_in(line).is_some_and(|id| self.build_id.as_deref() != Some(id))
    }

    /// The bare addresses of a line that has names too, where they can be named.
    fn beside_names(&mut self, line: &[u8]) -> Vec<Bare> {
        if !self.symbols.has_addresses() {
            return Vec::new();
        }
        self.generation += u64::from(self.symbols.see(line));
        bare::in_brackets(line)
    }

    /// The bare addresses of a line without names, where they can be named.
    fn without_names(&mut self, line: &[u8]) -> Vec<Bare> {
        if !self.symbols.has_addresses() {
            return Vec::new();
        }
        if is_banner(line) {
            self.banners += 1;
            if self.banners > 1 {
                self.symbols.next_boot();
                self.generation += 1;
            }
        }
        self.generation += u64::from(self.symbols.see(line));
        bare::find(line)
    }

    /// A line with bare addresses, between which names may stand.
    fn bare_line(&mut self, line: &[u8], found: &[Bare], out: &mut impl Write) -> io::Result<()> {
        let mut written = 0;
        for bare in found {
            self.named_line(&line[written..bare.end], out)?;
            written = bare.end;
            let position = position(&line[..bare.start], &line[bare.end..]);
            out.write_all(self.bare_suffix(bare.address, position))?;
        }
        self.named_line(&line[written..], out)
    }

    /// What follows a bare address.
    fn bare_suffix(&mut self, address: u64, position: Position) -> &[u8] {
        let key = (address, position);
        let is_known = self.bare.get(&key).is_some_and(|known| known.generation == self.generation);
        if !is_known {
            let (suffix, missing) = match self.symbols.name(None, address) {
                Ok(named) => self.named_suffix(&named, position),
                Err(reason) => (self.silence.text(&reason), Some(reason.to_string())),
            };
            if self.bare.len() >= SUFFIXES_MAX {
                self.bare.clear();
            }
            let generation = self.generation;
            self.bare.insert(key, Unnamed { generation, suffix: suffix.into_bytes(), missing });
        }
        self.bare.get(&key).map_or(&[], |known| known.suffix.as_slice())
    }

    /// The name of an address and its place, and the reason where it has none.
    fn named_suffix(&mut self, named: &Named, position: Position) -> (String, Option<String>) {
        let answer = match &named.function {
            Some(function) => self.symbols.resolve(&Frame {
                function,
                offset: named.offset,
                size: named.size,
                module: named.module.as_deref(),
                build_id: None,
                position,
                linked: named.linked,
            }),
            None => Resolution::Missing(Reason::OutsideKernel),
        };
        let name = name(named);
        match answer {
            Resolution::Found(source) => (format!(" ({name} {})", place(&source)), None),
            Resolution::Missing(reason) => {
                (format!(" ({name}){}", self.silence.text(&reason)), Some(reason.to_string()))
            }
        }
    }

    /// A line, or the part of one, whose frames have names.
    fn named_line(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut written = 0;
        for plus in FRAME.find_iter(line) {
            if plus < written {
                continue;
            }
            let Some(found) = Printed::at(line, plus) else { continue };
            out.write_all(&line[written..found.end])?;
            written = found.end;
            out.write_all(self.suffix(&line[found.start..found.end], &found.frame))?;
        }
        out.write_all(&line[written..])
    }

    /// Shows the frames of a piece to the symbols, which then look them up in the order of their
    /// addresses. It is not worth while where few are new.
    fn look_ahead(&mut self, bytes: &[u8]) {
        let mut seen: HashSet<&[u8], FixedState> = HashSet::default();
        let mut frames = Vec::new();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            // What comes behind the name of another kernel is its own.
            if self.names_another_kernel(line) {
                break;
            }
            for plus in memmem::find_iter(line, b"+0x") {
                let Some(found) = Printed::at(line, plus) else { continue };
                let text = &line[found.start..found.end];
                let is_known = self.suffixes[found.frame.position as usize].contains_key(text);
                if !is_known && seen.insert(text) {
                    frames.push(found.frame);
                }
            }
        }
        self.symbols.prepare(&frames);
    }

    /// What follows a frame.
    fn suffix(&mut self, text: &[u8], frame: &Frame<'_>) -> &[u8] {
        let suffixes = &mut self.suffixes[frame.position as usize];
        if suffixes.len() >= SUFFIXES_MAX {
            suffixes.clear();
        }
        if !suffixes.contains_key(text) {
            let answer = self.symbols.resolve(frame);
            self.tally.see(&answer);
            self.news = self.news.saturating_add(1);
            suffixes.insert(text.to_owned(), suffix(&answer, self.silence).into_bytes());
        }
        suffixes.get(text).map_or(&[], Vec::as_slice)
    }
}

impl Tally {
    fn see(&mut self, answer: &Resolution) {
        match answer {
            Resolution::Found(_) => self.found += 1,
            Resolution::Missing(reason) => {
                *self.missing.entry(reason.to_string()).or_default() += 1;
            }
        }
    }
}

/// An address's name as kallsyms prints it.
fn name(named: &Named) -> String {
    let size = named.size.map_or_else(String::new, |size| format!("/{size:#x}"));
    let module = named.module.as_ref().map_or_else(String::new, |module| format!(" [{module}]"));
    let function = named.function.as_deref().unwrap_or("?");
    Escaped(&format!("{function}+{:#x}{size}{module}", named.offset)).to_string()
}

/// The text behind a frame.
fn suffix(answer: &Resolution, silence: Silence) -> String {
    match answer {
        Resolution::Found(source) => format!(" ({})", place(source)),
        Resolution::Missing(Reason::Ambiguous(places)) if !places.is_empty() => {
            let places: Vec<String> = places.iter().map(place).collect();
            format!(" (ambiguous: {})", places.join(" or "))
        }
        Resolution::Missing(reason) => silence.text(reason),
    }
}

fn place(source: &Source) -> String {
    let mut text = at(&source.file, source.line, source.text.as_deref());
    for (index, call) in source.inlined.iter().enumerate() {
        let lead = if index == 0 { ", inlined" } else { " <" };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{lead} {} {}",
            call.function,
            at(&call.file, call.line, call.text.as_deref())
        );
    }
    // Names come from files that may be hostile, and the line must stay one.
    Escaped(&text).to_string()
}

fn at(file: &str, line: Option<u32>, text: Option<&str>) -> String {
    let place = line.map_or_else(|| format!("{file}:?"), |line| format!("{file}:{line}"));
    text.map_or_else(|| place.clone(), |text| format!("{place} `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::super::InlinedCall;
    use super::*;

    /// Knows a few functions.
    #[derive(Default)]
    struct Fake {
        asked: Vec<String>,
        prepared: Vec<String>,
        release: String,
    }

    impl Symbolizer for Fake {
        fn resolve(&mut self, frame: &Frame<'_>) -> Resolution {
            self.asked.push(format!("{frame:?}"));
            let source = |line| Source {
                file: "a.c".to_owned(),
                line,
                column: None,
                text: None,
                inlined: vec![],
            };
            match frame.function {
                "known" => Resolution::Found(source(Some(7))),
                "deep" => {
                    let call = |function: &str, line| InlinedCall {
                        function: function.to_owned(),
                        file: "b.h".to_owned(),
                        line: Some(line),
                        text: None,
                    };
                    let inlined = vec![call("leaf", 1), call("middle", 2)];
                    Resolution::Found(Source { inlined, ..source(Some(9)) })
                }
                "dup" => {
                    Resolution::Missing(Reason::Ambiguous(vec![source(Some(1)), source(None)]))
                }
                _ => Resolution::Missing(Reason::NoSuchSymbol),
            }
        }

        fn prepare(&mut self, frames: &[Frame<'_>]) {
            let shown = |frame: &Frame<'_>| format!("{}@{}", frame.function, self.release);
            self.prepared.extend(frames.iter().map(shown));
        }

        fn set_release(&mut self, release: &str) -> bool {
            std::mem::replace(&mut self.release, release.to_owned()) != release
        }
    }

    fn filter(pieces: &[&[u8]]) -> (String, LogFilter<Fake>) {
        let mut out = Vec::new();
        let mut filter = LogFilter::new(Fake::default());
        for piece in pieces {
            filter.feed(piece, &mut out).expect("memory");
        }
        filter.finish(&mut out).expect("memory");
        (String::from_utf8(out).expect("text"), filter)
    }

    #[test]
    fn places_follow_frames_and_nothing_else_changes() {
        for (line, expected) in [
            (" known+0x1/0x2\r\n", " known+0x1/0x2 (a.c:7)\r\n"),
            ("x known+0x1/0x2 [mod] y", "x known+0x1/0x2 [mod] (a.c:7) y"),
            ("deep+0x1/0x2", "deep+0x1/0x2 (a.c:9, inlined leaf b.h:1 < middle b.h:2)"),
            ("dup+0x1/0x2", "dup+0x1/0x2 (ambiguous: a.c:1 or a.c:?)"),
            ("other+0x1/0x2 known+0x1", "other+0x1/0x2 known+0x1"),
            ("known+0x1/0x2 known+0x3/0x4", "known+0x1/0x2 (a.c:7) known+0x3/0x4 (a.c:7)"),
            ("known+0x1/0x2 [bad id!]", "known+0x1/0x2 (a.c:7) [bad id!]"),
            ("known+0x11111111111111111/0x2", "known+0x11111111111111111/0x2"),
            ("+0x1/0x2 7up+0x1/0x2", "+0x1/0x2 7up+0x1/0x2"),
        ] {
            assert_eq!(filter(&[line.as_bytes()]).0, expected);
        }
    }

    #[test]
    fn a_distinct_frame_is_asked_for_once() {
        let (_, filter) =
            filter(&[b"known+0x1/0x2\nknown+0x1/0x2\nwhat+0x1/0x2\n ? known+0x1/0x2\n"]);
        assert_eq!(filter.symbols().asked.len(), 3, "a doubted frame is another");
        assert_eq!(filter.tally().found, 2);
        assert_eq!(filter.tally().missing["no such symbol"], 1);
    }

    #[test]
    fn every_kernel_of_a_piece_is_looked_through_on_its_own() {
        let (_, filter) = filter(&[
            b"one+0x1/0x2 two+0x1/0x2 [mod]\none+0x1/0x2\nLinux version 6.1.0-1-x (y)\nthree+0x1/0x2\n",
            b"few+0x1/0x2\n",
        ]);
        assert_eq!(filter.symbols().prepared, ["one@", "two@", "three@6.1.0-1-x"]);
        assert_eq!(filter.symbols().asked.len(), 4);
    }

    #[test]
    fn lines_are_looked_through_that_come_behind_a_piece_of_one() {
        let (_, filter) = filter(&[b"one+0", b"x1/0x2\ntwo+0x1/0x2\nthree+0x1/0x2\n"]);
        assert_eq!(filter.symbols().prepared, ["two@", "three@"]);
    }

    #[test]
    fn pieces_do_not_matter() {
        let log = b"one known+0x1/0x2 [mod]\ndeep+0x1/0x2\nend";
        let whole = filter(&[log]).0;
        for cut in 0..log.len() {
            assert_eq!(filter(&[&log[..cut], &log[cut..]]).0, whole, "cut at {cut}");
        }
    }
}
