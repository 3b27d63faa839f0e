//! A frame of a call chain, and where in the source it lies.

use std::fmt;
use std::io::{self, Write};

use crate::event::Role;
use crate::print::{Escaped, Style};
use crate::report::FrameReport;
use crate::symbol::{Reason, Source};

/// Where a frame lies, or why that is not known, on lines of its own.
pub(crate) fn frame_place(
    frame: &FrameReport,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    if let Some(source) = &frame.source {
        source_lines(source, style, out)?;
    } else if let Some(Reason::Ambiguous(places)) = &frame.unresolved {
        writeln!(out, "        {}", style.dim("one of, which the name does not tell:"))?;
        for source in places {
            source_lines(source, style, out)?;
        }
    } else if let Some(reason) = frame.unresolved.as_ref().filter(|reason| is_of_frame(reason)) {
        writeln!(out, "        {}", style.dim(&format!("({reason})")))?;
    }
    Ok(())
}

/// Whether a reason tells of one frame, and not of all of a module: that there is no image is said
/// once, as advice.
fn is_of_frame(reason: &Reason) -> bool {
    *reason != Reason::NoImage
}

/// The place of a frame, and above it the calls inlined there, as they would stand as frames.
fn source_lines(source: &Source, style: Style, out: &mut impl Write) -> io::Result<()> {
    for call in &source.inlined {
        let text =
            format!("{} in {}, inlined", place(&call.file, call.line), Escaped(&call.function));
        writeln!(out, "        {}", style.dim(&text))?;
        quote(call.text.as_deref(), out)?;
    }
    writeln!(out, "        {}", style.dim(&place(&source.file, source.line)))?;
    quote(source.text.as_deref(), out)
}

/// A line of source.
fn quote(text: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    text.map_or(Ok(()), |text| writeln!(out, "          | {}", Escaped(text)))
}

fn place(file: &str, line: Option<u32>) -> String {
    line.map_or_else(|| Escaped(file).to_string(), |line| format!("{}:{line}", Escaped(file)))
}

pub(crate) fn frame_text(frame: &FrameReport, style: Style) -> String {
    let text = frame.to_string();
    if frame.role == Role::Caller { text } else { style.dim(&text) }
}

impl fmt::Display for FrameReport {
    /// As kernels print it, with a question mark before what the unwinder does not vouch for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.reliable {
            f.write_str("? ")?;
        }
        match (&self.function, self.address) {
            (Some(function), _) => write!(f, "{}", Escaped(function))?,
            (None, Some(address)) => write!(f, "{address:#x}")?,
            (None, None) => f.write_str("?")?,
        }
        if let (Some(_), Some(offset)) = (&self.function, self.offset) {
            write!(f, "+{offset:#x}")?;
            if let Some(size) = self.size {
                write!(f, "/{size:#x}")?;
            }
        }
        f.write_str(&module(self.module.as_deref()))
    }
}

pub(super) fn module(module: Option<&str>) -> String {
    module.map_or_else(String::new, |module| format!(" [{}]", Escaped(module)))
}
