//! What a report has to do with the bytes it was made from.

use slabtrace::event::{Event, Witness};
use slabtrace::report::Report;

use super::run::{Capture, json};

/// Up to this size a capture is fed byte by byte.
const SINGLE_BYTES_MAX: usize = 300_000;

/// The line that an event names is one of the capture that tells of an event.
pub(crate) fn lines(events: &[Event], capture: &Capture) -> Result<(), String> {
    let lines: Vec<&[u8]> = capture.bytes.split(|&byte| byte == b'\n').collect();
    let is_none = |event: &&Event| {
        let at = usize::try_from(event.line.0).ok().and_then(|number| number.checked_sub(1));
        let line = at.and_then(|at| lines.get(at)).copied().unwrap_or_default();
        let word: &[u8] = match event.witness() {
            Witness::SlubTrace => b"TRACE",
            Witness::TraceEvents => b"call_site=",
        };
        !line.windows(word.len()).any(|part| part == word)
    };
    match events.iter().find(is_none) {
        None => Ok(()),
        Some(event) => Err(format!("line {} of event {} tells of none", event.line.0, event.seq)),
    }
}

/// However the capture is cut, the report is the same.
pub(crate) fn pieces(capture: &Capture, report: &Report) -> Result<(), String> {
    let whole = json(report);
    let sizes: &[Option<usize>] = if capture.bytes.len() <= SINGLE_BYTES_MAX {
        &[Some(1)]
    } else {
        &[Some(7), Some(4096), None]
    };
    for &size in sizes {
        let cut = match size {
            Some(size) => capture.report_of(capture.bytes.chunks(size)),
            None => capture.report_of(Ragged { rest: &capture.bytes, state: 0x9e37_79b9 }),
        };
        let name = size.map_or_else(|| "ragged".to_owned(), |size| format!("{size}-byte"));
        if json(&cut) != whole {
            return Err(format!("{name} pieces change the report"));
        }
    }
    Ok(())
}

/// Pieces of sizes that follow no pattern, the same in every run.
struct Ragged<'a> {
    rest: &'a [u8],
    state: u64,
}

impl<'a> Iterator for Ragged<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let size = usize::try_from(self.state % 9973).unwrap_or_default().min(self.rest.len());
        let (piece, rest) = self.rest.split_at(size);
        self.rest = rest;
        Some(piece)
    }
}
