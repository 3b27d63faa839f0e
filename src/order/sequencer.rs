//! Tokens in the order of the log: which boot each belongs to, and what is only printed again.

use std::sync::Arc;

use super::naming::Naming;
use super::replay::HeaderFingerprint;
use super::timeline::{Sign, Timeline, Turn};
use crate::address::LineNumber;
use crate::bind::{Assembler, Taken};
use crate::chain::Depth;
use crate::event::AssemblyLoss;
use crate::event::{Beginning, Boot, Detail, EventSink, Printing, Recognition, Witness};
use crate::lex::{
    Batch, Header, RecordedEntry, RecordedKind, Registers, Run, Texts, Token, TokenKind, Word,
};
use crate::names::Names;
use crate::record::Record;
use crate::symbol::Addresses;
use crate::time::{Clock, Stamp};

/// A boot prints its command line within this many lines of its banner.
const BANNER_LINES: u64 = 200;

/// Puts tokens in their place in time.
#[derive(Clone, Debug)]
pub(crate) struct Sequencer {
    names: Arc<Names>,
    naming: Naming,
    timeline: Timeline,
    /// Lines held until it is clear to which boot they belong.
    held: Vec<Held>,
    assembler: Assembler,
    /// Lines that were printed a second time.
    replayed_lines: u64,
    /// Every boot so far; the last one is the present one.
    boots: Vec<Boot>,
    /// The line of a banner that may begin a boot.
    banner: Option<LineNumber>,
    /// Events when the present boot began.
    events_before: u64,
    /// Whether the kernel's messages carry its time. Then a recording among them is older than they
    /// are, and says nothing of the order.
    messages_are_dated: bool,
}

/// A line that waits, with a text of its own.
#[derive(Clone, Debug)]
struct Held {
    token: Token,
    text: Vec<u8>,
    /// The entry that it is.
    entry: Option<RecordedEntry>,
}

impl Sequencer {
    /// A sequencer at the start of a log. `addresses` name what is bare in it.
    pub(crate) fn new(
        detail: Detail,
        depth: Depth,
        names: Arc<Names>,
        addresses: Addresses,
    ) -> Sequencer {
        Sequencer {
            names,
            naming: Naming::new(addresses),
            timeline: Timeline::default(),
            held: Vec::new(),
            assembler: Assembler::new(detail, depth),
            replayed_lines: 0,
            boots: vec![Boot::new(LineNumber(1))],
            banner: None,
            events_before: 0,
            messages_are_dated: false,
        }
    }

    /// The boots so far; complete at the end of the log.
    pub(crate) fn boots(&self) -> &[Boot] {
        &self.boots
    }

    /// What was lost so far.
    pub(crate) fn loss(&self) -> AssemblyLoss {
        AssemblyLoss { replayed_lines: self.replayed_lines, ..self.assembler.loss() }
    }

    /// Gives back what named bare addresses, with what it learned from the log.
    pub(crate) fn take_addresses(&mut self) -> Addresses {
        self.naming.take_addresses()
    }

    /// Takes the tokens of a piece of the log.
    pub(crate) fn take(&mut self, batch: &Batch, piece: &[u8], sink: &mut impl EventSink) {
        let texts = batch.texts(piece);
        for token in &batch.tokens {
            if let TokenKind::Entry(_) = token.kind {
                let dated = self.dated(token, &texts);
                self.token(dated.as_ref().unwrap_or(token), &texts, sink);
            } else {
                if !self.messages_are_dated {
                    let clock = token.first.map(|stamp| stamp.clock);
                    self.messages_are_dated = clock == Some(Clock::Boot);
                }
                self.token(token, &texts, sink);
            }
        }
    }

    /// Finds out where in time a token belongs. Lines of one token follow one another within a
    /// second, so that their first and last times speak for all.
    #[inline]
    fn token(&mut self, token: &Token, texts: &Texts<'_>, sink: &mut impl EventSink) {
        let is_in_order = match sign(token, texts) {
            Sign::None => {
                self.timeline.is_forward(token.first) && self.timeline.is_forward(token.last)
            }
            Sign::Header(header) => {
                self.timeline.is_forward(token.first) && !self.timeline.is_echo(header)
            }
            Sign::Banner => false,
        };
        if is_in_order {
            self.deliver(token, texts, sink);
        } else {
            token.split(texts, |line, text| self.place(line, text, sink));
        }
    }

    /// The token with a time, if it is one of a recording that alone tells the time.
    fn dated(&self, token: &Token, texts: &Texts<'_>) -> Option<Token> {
        if self.messages_are_dated || token.first.is_some() {
            return None;
        }
        let TokenKind::Entry(entry) = token.kind else { return None };
        let stamp = texts.entry(entry)?.time.map(Stamp::boot);
        Some(Token { first: stamp, last: stamp, ..*token })
    }

    /// Finds out where in time a single line belongs.
    fn place(&mut self, token: &Token, texts: &Texts<'_>, sink: &mut impl EventSink) {
        match self.timeline.turn(&token.record(texts), sign(token, texts)) {
            Turn::Forward => self.deliver(token, texts, sink),
            Turn::Hold => self.hold(token, texts),
            Turn::Reboot => {
                self.hold(token, texts);
                self.reboot(sink);
                self.release_held(sink);
            }
            Turn::FalseAlarm => {
                self.hold(token, texts);
                self.release_held(sink);
            }
            Turn::Replay => {
                self.hold(token, texts);
                self.drop_held();
            }
            Turn::ReplayOver => {
                self.drop_held();
                self.deliver(token, texts, sink);
            }
            Turn::Drop => self.replayed_lines += 1,
        }
    }

    fn hold(&mut self, token: &Token, texts: &Texts<'_>) {
        let entry = match token.kind {
            TokenKind::Entry(entry) => texts.entry(entry).copied(),
            _ => None,
        };
        self.held.push(Held { token: *token, text: token.record(texts).text.to_vec(), entry });
    }

    fn release_held(&mut self, sink: &mut impl EventSink) {
        for Held { token, text, entry } in std::mem::take(&mut self.held) {
            let texts = match &entry {
                Some(entry) => Texts::of_entry(&text, entry),
                None => Texts::of_one(&text),
            };
            self.deliver(&token, &texts, sink);
        }
    }

    fn drop_held(&mut self) {
        self.replayed_lines += self.held.len() as u64;
        self.held.clear();
    }

    /// Hands a token on, which belongs to the present boot.
    #[inline]
    fn deliver(&mut self, token: &Token, texts: &Texts<'_>, sink: &mut impl EventSink) {
        match &token.kind {
            TokenKind::Header(header) => self.header(token, header, texts, sink),
            TokenKind::ObjectRows(rows) => {
                self.present_lines(token);
                self.assembler.object_rows(token.caller, *rows);
            }
            TokenKind::Registers(kind) => self.registers(token, *kind, texts, sink),
            TokenKind::Run(run) => self.run(token, run, texts, sink),
            TokenKind::Entry(entry) => {
                if let Some(entry) = texts.entry(*entry) {
                    self.entry(token, entry, texts, sink);
                }
            }
            TokenKind::Word(word) => self.word(&token.record(texts), *word, sink),
        }
    }

    fn header(
        &mut self,
        token: &Token,
        header: &Header,
        texts: &Texts<'_>,
        sink: &mut impl EventSink,
    ) {
        if let Sign::Header(fingerprint) = sign(token, texts) {
            self.timeline.remember(fingerprint);
        }
        self.present(token.line, token.first).pointers.see(header.object, header.digits);
        self.assembler.header(&token.record(texts), header);
        let Sequencer { assembler, names, .. } = self;
        assembler.drain(|event| sink.event(event, names));
    }

    /// An entry of a recording.
    fn entry(
        &mut self,
        token: &Token,
        entry: &RecordedEntry,
        texts: &Texts<'_>,
        sink: &mut impl EventSink,
    ) {
        if let Sign::Header(fingerprint) = sign(token, texts) {
            self.timeline.remember(fingerprint);
        }
        let boot = self.present(token.line, token.first);
        if let RecordedKind::Event(event) = &entry.kind {
            boot.pointers.see(event.object, event.digits);
        }
        let Sequencer { assembler, names, .. } = self;
        assembler.entry(token, entry, names);
        assembler.drain_recording(|event| sink.event(event, names));
        self.report_losses(sink);
    }

    fn registers(
        &mut self,
        token: &Token,
        kind: Registers,
        texts: &Texts<'_>,
        sink: &mut impl EventSink,
    ) {
        if sink.is_listening() {
            token.split(texts, |line, text| sink.line(&line.record(text), Recognition::Known));
        }
        self.present_lines(token);
        self.assembler.registers(token, kind, texts);
    }

    /// Takes lines of a backtrace at once, if they can only be the next ones of one that is open.
    #[inline]
    fn run(&mut self, token: &Token, run: &Run, texts: &Texts<'_>, sink: &mut impl EventSink) {
        let Sequencer { assembler, names, naming, .. } = self;
        let may_take_whole = !sink.is_listening() && naming.is_idle();
        if may_take_whole && assembler.run(token, run, texts, names) == Taken::Whole {
            self.present_lines(token);
            self.report_losses(sink);
        } else {
            token.split(texts, |line, text| self.deliver(line, text, sink));
        }
    }

    fn word(&mut self, record: &Record<'_>, word: Word, sink: &mut impl EventSink) {
        let word = self.naming.word(word, record.text, &self.names);
        match word {
            Word::Banner(_) => self.see_banner(record),
            Word::CommandLine => self.see_command_line(record, sink),
            Word::BootSeparator => self.begin_boot(record.line, sink),
            Word::Slabinfo(cache, row) => sink.slabinfo(cache, row, record.line),
            Word::Other => sink.line(record, Recognition::Unknown),
            _ => sink.line(record, Recognition::Known),
        }
        self.present(record.line, record.stamp);
        self.assembler.word(record, word, &self.names);
        self.report_losses(sink);
    }

    #[inline]
    fn report_losses(&mut self, sink: &mut impl EventSink) {
        if !self.assembler.has_losses() {
            return;
        }
        for (lost, line) in self.assembler.take_losses() {
            sink.lost(lost, line, &self.names);
        }
    }

    /// Takes note of several lines in their boot.
    #[inline]
    fn present_lines(&mut self, token: &Token) {
        let boot = self.present(token.line, token.first);
        boot.see(token.last_line(), token.last);
    }

    /// Takes note of a line in its boot.
    #[inline]
    fn present(&mut self, line: LineNumber, stamp: Option<Stamp>) -> &mut Boot {
        let last = self.boots.len() - 1;
        let boot = &mut self.boots[last];
        boot.see(line, stamp);
        boot
    }

    /// The clock tells of a reboot, where there is one that restarts. Without, a banner does, if
    /// the kernel's command line follows: `/proc/version` prints the banner too.
    fn see_banner(&mut self, record: &Record<'_>) {
        let has_boot_clock = record.stamp.is_some_and(|stamp| stamp.clock == Clock::Boot);
        self.banner = (!has_boot_clock).then_some(record.line);
    }

    fn see_command_line(&mut self, record: &Record<'_>, sink: &mut impl EventSink) {
        let Some(banner) = self.banner.take() else { return };
        if record.line.0.saturating_sub(banner.0) <= BANNER_LINES {
            self.begin_boot(banner, sink);
        }
    }

    /// A boot begins at `line`, unless the present one has no event yet: then it is the same one,
    /// printed by another console.
    fn begin_boot(&mut self, line: LineNumber, sink: &mut impl EventSink) {
        if self.assembler.events() > self.events_before {
            self.next_boot(line, sink);
            self.timeline.restart();
        }
    }

    fn reboot(&mut self, sink: &mut impl EventSink) {
        let line = self.held.first().map_or(LineNumber(0), |held| held.token.line);
        self.next_boot(line, sink);
    }

    fn next_boot(&mut self, line: LineNumber, sink: &mut impl EventSink) {
        self.end_boot(sink);
        if let Some(boot) = self.boots.last_mut() {
            boot.last_line = boot.last_line.min(LineNumber(line.0.saturating_sub(1)));
        }
        self.assembler.next_boot();
        self.events_before = self.assembler.events();
        self.banner = None;
        self.naming.next_boot();
        self.boots.push(Boot::new(line));
        sink.boot(line, &self.names);
    }

    /// Completes what the present boot's records left open.
    fn end_boot(&mut self, sink: &mut impl EventSink) {
        let Sequencer { assembler, names, boots, .. } = self;
        let mut done = Vec::new();
        assembler.flush(names, |event| done.push(event.clone()));
        for event in &done {
            sink.event(event, names);
        }
        let boot = boots.last();
        let times = boot.and_then(Boot::times);
        sink.printed(Printing {
            beginning: boot.map_or(Beginning::Later, Boot::beginning),
            times,
            ..assembler.printing(Witness::SlubTrace)
        });
        // A recording is switched on: objects are older, whenever that is.
        sink.printed(Printing { times, ..assembler.printing(Witness::TraceEvents) });
        self.report_losses(sink);
        if let Some(boot) = self.boots.last_mut() {
            boot.kernel = self.assembler.kernel();
            boot.build_id = self.assembler.build_id();
            boot.hardware = self.assembler.hardware();
        }
    }

    pub(crate) fn finish(&mut self, sink: &mut impl EventSink) {
        match self.timeline.finish() {
            Turn::Reboot => self.reboot(sink),
            Turn::Replay => self.drop_held(),
            _ => {}
        }
        self.release_held(sink);
        self.end_boot(sink);
    }
}

/// What a token says about its place in time.
#[inline]
fn sign(token: &Token, texts: &Texts<'_>) -> Sign {
    let Some(stamp) = token.first else { return Sign::None };
    match &token.kind {
        TokenKind::Header(header) => {
            Sign::Header(HeaderFingerprint { micros: stamp.micros, hash: header.hash })
        }
        TokenKind::Entry(entry) => match texts.entry(*entry).map(|entry| entry.kind) {
            Some(RecordedKind::Event(event)) => {
                Sign::Header(HeaderFingerprint { micros: stamp.micros, hash: event.hash })
            }
            _ => Sign::None,
        },
        TokenKind::Word(Word::Banner(_)) if stamp.clock == Clock::Boot => Sign::Banner,
        _ => Sign::None,
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, EventSink};
    use crate::names::Names;
    use crate::{Parser, ParserOptions};

    struct Nobody;

    impl EventSink for Nobody {
        fn event(&mut self, _event: &Event, _names: &Names) {}
    }

    /// How many boots a log without times has in which so many lines stand between an event and the
    /// next one.
    fn boots(between: &[&str]) -> usize {
        let header = "TRACE kmalloc-64 alloc 0xffff888004a10040 inuse=1 fp=0xffff888004a10080\n";
        let log = format!("{header}{}\n{header}", between.join("\n"));
        let mut parser = Parser::new(ParserOptions::default());
        parser.feed(log.as_bytes(), &mut Nobody);
        parser.finish(&mut Nobody);
        parser.boots().len()
    }

    const BANNER: &str = "Linux version 6.1.0-50-amd64 (debian-kernel) #1 SMP";

    #[test]
    fn a_banner_begins_a_boot_where_the_command_line_follows() {
        for command_line in ["Kernel command line: quiet", "Command line: quiet"] {
            assert_eq!(boots(&[BANNER, command_line]), 2, "{command_line}");
            assert_eq!(boots(&[command_line]), 1, "{command_line}");
        }
        assert_eq!(boots(&[BANNER]), 1, "as /proc/version prints it");
    }

    #[test]
    fn the_command_line_follows_soon() {
        for (lines, expected) in [(199, 2), (200, 1)] {
            let mut between = vec![BANNER];
            between.extend(vec!["x"; lines]);
            between.push("Kernel command line: quiet");
            assert_eq!(boots(&between), expected, "{lines}");
        }
    }
}
