//! A watch on a whole terminal.
//!
//! `scene.rs` is what is known, and `view.rs` what the user chose of it, which changes by keys alone;
//! `draw.rs` makes a picture of both, and changes nothing.

mod draw;
mod entry;
mod scene;
mod view;

use std::io;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

pub(super) use scene::{Ink, Scene};
pub(super) use view::Action;
use view::View;

/// A picture is drawn this often at most.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

/// The terminal, while it shows a watch. It is as before when this is dropped.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    view: View,
    drawn: Option<Instant>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    ///
    /// When it cannot be set up.
    pub(super) fn open() -> io::Result<Screen> {
        let terminal = ratatui::try_init()?;
        Ok(Screen { terminal, view: View::default(), drawn: None })
    }

    /// Whether the picture stands still.
    pub(super) fn is_paused(&self) -> bool {
        self.view.is_paused
    }

    /// Tells the user something, until the next key.
    pub(super) fn tell(&mut self, message: String) {
        self.view.message = Some(message);
        self.drawn = None;
    }

    /// Takes keys for a while, and draws where it is time. What the user asks for is returned.
    ///
    /// # Errors
    ///
    /// When the terminal has gone.
    pub(super) fn tick(&mut self, wait: Duration, scene: &Scene<'_>) -> io::Result<Action> {
        self.view.hold(scene);
        if event::poll(wait)? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    self.drawn = None;
                    let action = self.view.key(key, scene);
                    if action != Action::None {
                        return Ok(action);
                    }
                }
                Event::Resize(..) => self.drawn = None,
                _ => {}
            }
        }
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAWN_EVERY) {
            let view = &mut self.view;
            self.terminal.draw(|frame| draw::draw(frame, view, scene))?;
            self.drawn = Some(Instant::now());
        }
        Ok(Action::None)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may have gone.
        let _ = ratatui::try_restore();
    }
}
