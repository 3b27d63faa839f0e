//! The manual page.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::{Cli, EXAMPLES, EXIT_STATUS};

/// Writes the page in roff.
pub(super) fn write(out: &mut impl Write) -> io::Result<()> {
    let command = Cli::command().after_help(None::<&str>);
    let man = Man::new(command).manual("User Commands");
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    section(
        "SUBCOMMANDS",
        "slabtrace events, kmemleak, monitor, symbolize, completions and man; see their --help.",
        out,
    )?;
    section("EXAMPLES", EXAMPLES, out)?;
    section("EXIT STATUS", EXIT_STATUS, out)?;
    man.render_version_section(out)
}

/// A section whose lines stand as they are.
fn section(title: &str, text: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, ".SH \"{title}\"\n.nf")?;
    for line in text.lines() {
        writeln!(out, "\\&{}", line.replace('\\', "\\e").replace('-', "\\-"))?;
    }
    writeln!(out, ".fi")
}
