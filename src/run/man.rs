//! The manual page.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::{Cli, EXAMPLES, EXIT_STATUS, SYMBOLS_HEADING};

/// Writes the page in roff.
pub(super) fn write(out: &mut impl Write) -> io::Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let man = Man::new(command.clone().after_help(None::<&str>)).manual("User Commands");
    man.render_title(out)?;
    man.render_name_section(out)?;
    synopsis(&command, out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    for subcommand in command.get_subcommands() {
        self::subcommand(subcommand.clone(), out)?;
    }
    section("EXAMPLES", EXAMPLES, out)?;
    section("EXIT STATUS", EXIT_STATUS, out)?;
    section("VERSION", &format!("  {}", env!("CARGO_PKG_VERSION")), out)
}

/// How the program and each subcommand are called.
fn synopsis(command: &Command, out: &mut impl Write) -> io::Result<()> {
    let mut usages = vec!["  slabtrace [OPTIONS] [CAPTURE]...".to_owned()];
    usages.extend(command.get_subcommands().map(|subcommand| format!("  {}", usage(subcommand))));
    section("SYNOPSIS", &usages.join("\n"), out)
}

fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned()
}

/// A subcommand with its options. Those of symbols are the program's own.
fn subcommand(command: Command, out: &mut impl Write) -> io::Result<()> {
    let is_of_symbols = |arg: &clap::Arg| arg.get_help_heading() == Some(SYMBOLS_HEADING);
    let has_symbols = command.get_arguments().any(is_of_symbols);
    let name = command.get_name().to_uppercase();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(out, ".SH \"SLABTRACE {name}\"\n{}.", escaped(&about))?;
    if has_symbols {
        writeln!(out, ".PP\nThe options under SYMBOLS are options of this too.")?;
    }
    let own = command.mut_args(|arg| if is_of_symbols(&arg) { arg.hide(true) } else { arg });
    let mut options = Vec::new();
    Man::new(own).render_options_section(&mut options)?;
    // What stands in a section of its own is a part of this one, which needs no heading.
    let options = String::from_utf8_lossy(&options).into_owned();
    for line in options.lines().filter(|line| !line.starts_with(".SH ")) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// A section whose lines stand as they are, but for their common indentation.
fn section(title: &str, text: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, ".SH \"{title}\"\n.nf")?;
    for line in text.lines() {
        writeln!(out, "\\&{}", escaped(line.strip_prefix("  ").unwrap_or(line)))?;
    }
    writeln!(out, ".fi")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq")
}
