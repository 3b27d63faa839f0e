//! A frame and its place in the source, as JSON has them.

use serde::Serialize;

use crate::report::FrameReport;
use crate::symbol::Reason;

/// A frame, as reports and events show it.
#[derive(Serialize)]
pub(crate) struct Frame<'a> {
    function: Option<&'a str>,
    offset: Option<u64>,
    size: Option<u64>,
    module: Option<&'a str>,
    address: Option<String>,
    reliable: bool,
    context: &'static str,
    role: &'static str,
    source: Option<Source<'a>>,
    /// Why there is none, where images were at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    unresolved: Option<String>,
    /// The places of which one is meant, where the function's name and size do not tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Source<'a>>,
}

/// Where in the source a frame lies.
#[derive(Serialize)]
struct Source<'a> {
    file: &'a str,
    line: Option<u32>,
    column: Option<u32>,
    /// The line itself, where it was asked for and is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    inlined: Vec<Inlined<'a>>,
}

/// A call inlined there.
#[derive(Serialize)]
struct Inlined<'a> {
    function: &'a str,
    file: &'a str,
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

pub(crate) fn frame(frame: &FrameReport) -> Frame<'_> {
    Frame {
        function: frame.function.as_deref(),
        offset: frame.offset,
        size: frame.size,
        module: frame.module.as_deref(),
        address: frame.address.map(|address| format!("{address:#x}")),
        reliable: frame.reliable,
        context: frame.context.name(),
        role: frame.role.name(),
        source: frame.source.as_ref().map(source),
        unresolved: frame.unresolved.as_ref().map(ToString::to_string),
        candidates: match &frame.unresolved {
            Some(Reason::Ambiguous(places)) => places.iter().map(source).collect(),
            _ => Vec::new(),
        },
    }
}

fn source(source: &crate::symbol::Source) -> Source<'_> {
    let inlined = source.inlined.iter().map(|call| Inlined {
        function: &call.function,
        file: &call.file,
        line: call.line,
        text: call.text.as_deref(),
    });
    Source {
        file: &source.file,
        line: source.line,
        column: source.column,
        text: source.text.as_deref(),
        inlined: inlined.collect(),
    }
}
