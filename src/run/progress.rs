//! How far reading has got, on a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Smaller files are read before anybody looks.
const BYTES_MIN: u64 = 64 << 20;

const TEMPLATE: &str = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// A bar on standard error; nothing where that is no terminal.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// The bar of a file of so many bytes.
    pub(crate) fn of(bytes: u64) -> Progress {
        if bytes < BYTES_MIN || !io::stderr().is_terminal() {
            return Progress::hidden();
        }
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(TEMPLATE);
        Progress(style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style)))
    }

    /// No bar.
    pub(crate) fn hidden() -> Progress {
        Progress(ProgressBar::hidden())
    }

    /// So many bytes have been read.
    pub(crate) fn reach(&self, bytes: u64) {
        self.0.set_position(bytes);
    }
}

impl Drop for Progress {
    /// What is printed next begins where the bar was.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
