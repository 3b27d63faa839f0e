//! The reports at the end of a watch: the same writers as those of `slabtrace`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use slabtrace::export::Weight;
use slabtrace::report::{Escaped, Ink, PIPE_WIDTH, Report, Style, TextOptions};

use crate::cli::{self, Format};
use crate::run::format::{self, Layout};
use crate::run::output::Output;

/// Files that reports go to.
pub(super) struct Reports {
    files: Vec<(PathBuf, Format)>,
}

impl Reports {
    /// Files with the formats that their names say.
    ///
    /// # Errors
    ///
    /// When a name says none.
    pub(super) fn new(paths: &[PathBuf]) -> anyhow::Result<Reports> {
        let named = |path: &PathBuf| {
            let shown = path.display().to_string();
            let message = format!(
                "the name {} says no format; let it end with .txt, .json, .html, .md, .csv, .svg, .folded, .pb.gz or .speedscope",
                Escaped(&shown)
            );
            let format = format_of(path).ok_or_else(|| cli::usage_error(&message));
            format.map(|format| (path.clone(), format))
        };
        let files = paths.iter().map(named).collect::<Result<_, _>>()?;
        Ok(Reports { files })
    }

    /// Writes all of them.
    pub(super) fn write(&self, report: &Report) -> anyhow::Result<()> {
        for (path, format) in &self.files {
            write(report, path, *format)?;
        }
        Ok(())
    }
}

/// Writes a report to a file.
pub(super) fn write(report: &Report, path: &Path, format: Format) -> anyhow::Result<()> {
    let layout = Layout { weight: Weight::default(), text: TextOptions::default() };
    Output::open(Some(path))?.write(|out| format::write_report(report, format, layout, out))?;
    Ok(())
}

/// Writes a report as text to standard output.
pub(super) fn to_stdout(report: &Report) -> anyhow::Result<()> {
    let has_colour = io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let ink = if has_colour { Ink::Colour } else { Ink::Plain };
    let text = TextOptions { style: Style::new(ink, PIPE_WIDTH), ..TextOptions::default() };
    let layout = Layout { weight: Weight::default(), text };
    Output::Stdout.write(|out| format::write_report(report, Format::Text, layout, out))?;
    Ok(())
}

/// The format that a file's name says.
fn format_of(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?;
    let endings = [
        (".txt", Format::Text),
        (".json", Format::Json),
        (".html", Format::Html),
        (".md", Format::Md),
        (".csv", Format::Csv),
        (".svg", Format::Svg),
        (".folded", Format::Folded),
        (".pb.gz", Format::Pprof),
        (".pprof", Format::Pprof),
        (".speedscope", Format::Speedscope),
        (".speedscope.json", Format::Speedscope),
    ];
    // The longest ending says most.
    let fitting = endings.into_iter().filter(|(ending, _)| name.ends_with(ending));
    fitting.max_by_key(|(ending, _)| ending.len()).map(|(_, format)| format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_format() {
        for (name, format) in [
            ("leak.txt", Some(Format::Text)),
            ("leak.speedscope.json", Some(Format::Speedscope)),
            ("a/leak.pb.gz", Some(Format::Pprof)),
            ("leak", None),
            ("leak.gz", None),
        ] {
            assert_eq!(format_of(Path::new(name)), format, "{name}");
        }
    }
}
