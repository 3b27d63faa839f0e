//! What the user has chosen to see.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::widgets::TableState;

use super::entry::{Entry, Order};
use super::scene::Scene;

/// Lines that a page of the console goes.
const PAGE: i64 = 10;

/// What is shown, and how.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) page: Page,
    pub(super) focus: Focus,
    pub(super) order: Order,
    /// Which row of the list is chosen.
    pub(super) table: TableState,
    /// Only places that hold this are listed.
    pub(super) filter: String,
    /// What was looked for in the console.
    pub(super) sought: String,
    /// What is being typed, where something is.
    pub(super) prompt: Option<String>,
    /// How many lines the console is scrolled back.
    pub(super) back: usize,
    /// How many lines had come to the console when it was looked at last.
    pub(super) seen: usize,
    /// How many lines an opened place is scrolled on.
    pub(super) scroll: u16,
    /// Whether the picture stands still.
    pub(super) is_paused: bool,
    /// A word to the user.
    pub(super) message: Option<String>,
}

/// What fills the upper pane.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) enum Page {
    /// The places.
    #[default]
    List,
    /// One of them, by its name and boot.
    Place(String, usize),
    /// The keys.
    Help,
}

/// Which pane keys are for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Focus {
    #[default]
    Places,
    Console,
}

/// What the user wants that the screen cannot do itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Action {
    /// Nothing.
    None,
    /// The end.
    Quit,
    /// The report as it is, in a file.
    Snapshot,
}

/// What the keys do, for the page of help.
pub(super) const KEYS: [(&str, &str); 12] = [
    ("↑ ↓  j k", "choose a place; scroll what has the focus"),
    ("PgUp PgDn Home End", "the same, further"),
    ("Enter", "open the place: chain, source lines, lifetimes, tasks"),
    ("Esc", "back; forget the filter"),
    ("s", "order by verdict, growth, bytes, objects"),
    ("/", "list what holds a text; in the console, search it"),
    ("n", "the next line of the console that holds it"),
    ("Tab", "from the places to the console and back"),
    ("p", "let the picture stand still; what comes is read and kept"),
    ("w", "write a page of the report as it is (HTML)"),
    ("?", "these keys"),
    ("q  Ctrl-C", "end, and report"),
];

impl View {
    /// Does what a key says.
    pub(super) fn key(&mut self, key: KeyEvent, scene: &Scene<'_>) -> Action {
        self.message = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Action::Quit;
        }
        if self.prompt.is_some() {
            self.type_key(key.code, scene);
            return Action::None;
        }
        match key.code {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Char('w') => return Action::Snapshot,
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Char('?') => {
                self.page = if self.page == Page::Help { Page::List } else { Page::Help };
            }
            KeyCode::Char('/') => self.prompt = Some(String::new()),
            KeyCode::Char('n') => self.search(scene),
            KeyCode::Tab => {
                self.focus = match self.focus {
                    Focus::Places => Focus::Console,
                    Focus::Console => Focus::Places,
                };
            }
            KeyCode::Esc => self.go_back(),
            KeyCode::Enter => self.open(scene),
            code => self.go(code, scene),
        }
        Action::None
    }

    /// Keeps the console where it was scrolled to while lines come.
    pub(super) fn hold(&mut self, scene: &Scene<'_>) {
        let come = scene.console.seen().saturating_sub(self.seen);
        self.seen = scene.console.seen();
        if self.back > 0 {
            self.back = (self.back + come).min(scene.console.len());
        }
    }

    /// A key of a text that is typed.
    fn type_key(&mut self, code: KeyCode, scene: &Scene<'_>) {
        let Some(text) = &mut self.prompt else { return };
        match code {
            KeyCode::Char(character) => text.push(character),
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Esc => self.prompt = None,
            KeyCode::Enter => {
                let text = self.prompt.take().unwrap_or_default();
                match self.focus {
                    Focus::Places => {
                        self.filter = text;
                        self.table.select(Some(0));
                    }
                    Focus::Console => {
                        self.sought = text;
                        self.search(scene);
                    }
                }
            }
            _ => {}
        }
    }

    /// Scrolls the console back to the next line that holds what is looked for.
    fn search(&mut self, scene: &Scene<'_>) {
        if self.sought.is_empty() {
            return;
        }
        match scene.console.find(&self.sought, self.back) {
            Some(back) => self.back = back,
            None => self.message = Some(format!("no line before holds {:?}", self.sought)),
        }
    }

    fn go_back(&mut self) {
        match self.page {
            Page::List => self.filter.clear(),
            _ => self.page = Page::List,
        }
        self.back = 0;
        self.scroll = 0;
    }

    fn open(&mut self, scene: &Scene<'_>) {
        if self.page != Page::List {
            self.go_back();
            return;
        }
        let entries = Entry::all(scene.report, self.order, &self.filter);
        if let Some(entry) = self.table.selected().and_then(|at| entries.get(at)) {
            self.page = Page::Place(entry.family.name.clone(), entry.family.boot);
            self.scroll = 0;
        }
    }

    /// A key that goes somewhere.
    fn go(&mut self, code: KeyCode, scene: &Scene<'_>) {
        let step: i64 = match code {
            KeyCode::Up | KeyCode::Char('k') => -1,
            KeyCode::Down | KeyCode::Char('j') => 1,
            KeyCode::PageUp => -PAGE,
            KeyCode::PageDown => PAGE,
            KeyCode::Home => i64::MIN / 2,
            KeyCode::End => i64::MAX / 2,
            _ => return,
        };
        let moved = |from: usize, step: i64, last: usize| -> usize {
            let from = i64::try_from(from).unwrap_or(i64::MAX / 2);
            let last = i64::try_from(last).unwrap_or(i64::MAX / 2);
            usize::try_from(from.saturating_add(step).clamp(0, last)).unwrap_or(0)
        };
        match (self.focus, &self.page) {
            // Back is up.
            (Focus::Console, _) => self.back = moved(self.back, -step, scene.console.len()),
            (Focus::Places, Page::List) => {
                let rows = Entry::all(scene.report, self.order, &self.filter).len();
                let at = self.table.selected().unwrap_or(0);
                self.table.select(Some(moved(at, step, rows.saturating_sub(1))));
            }
            (Focus::Places, _) => {
                let scroll = moved(self.scroll.into(), step, usize::from(u16::MAX / 2));
                self.scroll = u16::try_from(scroll).unwrap_or(0);
            }
        }
    }
}
