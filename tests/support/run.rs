//! Running the library on a capture, whole and in pieces.

use slabtrace::event::{Depth, Detail, Event, EventSink, Names};
use slabtrace::report::{Report, TextOptions, write_json, write_text};
use slabtrace::{Analysis, AnalysisOptions, Parser, ParserOptions};

use super::unpack::unpack;

/// A capture, unpacked.
#[derive(Debug)]
pub(crate) struct Capture {
    /// Its path relative to the package, the same on any machine.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

impl Capture {
    /// Reads and unpacks a capture.
    pub(crate) fn read(path: String) -> Result<Capture, String> {
        let bytes = unpack(&path)?;
        Ok(Capture { path, bytes })
    }

    /// The report, from one piece.
    pub(crate) fn report(&self) -> Report {
        self.report_of(std::iter::once(self.bytes.as_slice()))
    }

    /// The report, from pieces that make up the capture.
    pub(crate) fn report_of<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>) -> Report {
        let mut analysis = Analysis::new(AnalysisOptions::default());
        pieces.for_each(|piece| analysis.feed(piece));
        analysis.end_input(self.path.clone(), self.bytes.len() as u64);
        analysis.finish()
    }

    /// Every event in full.
    pub(crate) fn events(&self) -> Vec<Event> {
        let options = ParserOptions { detail: Detail::Full, depth: Depth::Complete };
        let mut parser = Parser::new(options);
        let mut collected = Collected(Vec::new());
        parser.feed(&self.bytes, &mut collected);
        parser.finish(&mut collected);
        collected.0
    }
}

struct Collected(Vec<Event>);

impl EventSink for Collected {
    fn event(&mut self, event: &Event, _names: &Names) {
        self.0.push(event.clone());
    }
}

/// The report as JSON.
pub(crate) fn json(report: &Report) -> String {
    let mut out = Vec::new();
    write_json(report, &mut out).expect("memory takes any bytes");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// The report as text without colour.
pub(crate) fn text(report: &Report) -> String {
    let mut out = Vec::new();
    write_text(report, TextOptions::default(), &mut out).expect("memory takes any bytes");
    String::from_utf8(out).expect("the text report is UTF-8")
}
