//! What is known, for a picture of it.

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};
use slabtrace::report::Report;

use super::super::console::Console;
use super::super::live::Rates;

/// Whether the terminal shows colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Ink {
    /// It does.
    Colour,
    /// It does not, or the user wants none.
    Plain,
}

/// What is known, for a picture.
pub(in super::super) struct Scene<'a> {
    /// The report of what has come.
    pub(in super::super) report: &'a Report,
    /// The last lines.
    pub(in super::super) console: &'a Console,
    /// What came in each second.
    pub(in super::super) rates: &'a Rates,
    /// What is watched.
    pub(in super::super) source: &'a str,
    /// Bytes that it can carry in a second.
    pub(in super::super) capacity: Option<f64>,
    /// Bytes that came.
    pub(in super::super) bytes: u64,
    /// Since when.
    pub(in super::super) elapsed: Duration,
    /// What is wrong: the source is away, the disk full.
    pub(in super::super) trouble: Option<&'a str>,
    /// Whether there are colours.
    pub(in super::super) ink: Ink,
}

impl Scene<'_> {
    /// What must be seen.
    pub(super) fn alarm(&self) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        match self.ink {
            Ink::Colour => bold.fg(Color::LightRed),
            Ink::Plain => bold,
        }
    }

    /// What may be overlooked.
    pub(super) fn faint(&self) -> Style {
        match self.ink {
            Ink::Colour => Style::new().fg(Color::DarkGray),
            Ink::Plain => Style::new(),
        }
    }
}
