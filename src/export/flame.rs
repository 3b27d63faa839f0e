//! A flame graph: each function as wide as what lives below it.

use std::io::{self, Write};

use inferno::flamegraph::{self, Options};

use super::{Stack, Weight, folded};
use crate::print::Escaped;

/// What stands above a graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Title {
    /// In large letters.
    pub title: String,
    /// Below it.
    pub subtitle: Option<String>,
}

/// Writes an SVG picture that zooms and searches in a browser, without anything from the network.
/// The same stacks give the same bytes.
///
/// # Errors
///
/// When `out` cannot be written, or when no stack weighs anything.
pub fn write(
    stacks: &[Stack],
    weight: Weight,
    title: &Title,
    out: &mut impl Write,
) -> io::Result<()> {
    let lines = folded::lines(stacks, weight);
    let mut options = Options::default();
    options.title = Escaped(&title.title).to_string();
    options.subtitle = title.subtitle.as_deref().map(|text| Escaped(text).to_string());
    weight.unit().clone_into(&mut options.count_name);
    // The colour of a function follows from its name, so that two graphs can be compared.
    options.hash = true;
    options.min_width = 0.0;
    if lines.is_empty() {
        return empty(&options, out);
    }
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), out)
        .map_err(io::Error::other)
}

/// A picture that says that there is nothing to show.
fn empty(options: &Options<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="60"><text x="600" y="35" text-anchor="middle" font-family="sans-serif">{}: nothing lives whose {} are known</text></svg>"#,
        xml(&options.title),
        options.count_name,
    )
}

/// Text as it stands in XML.
fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
