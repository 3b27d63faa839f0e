//! The picture.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Sparkline, Table, Wrap};
use slabtrace::report::{Escaped, Report, binary_size, counted};

use super::entry::Entry;
use super::scene::Scene;
use super::view::{Focus, KEYS, Page, View};

/// A line that carries this part of what it can is likely to drop messages.
const SATURATED: f64 = 0.9;

/// A terminal of so many columns has room for every part of a timeline.
const WIDE: u16 = 110;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, view: &mut View, scene: &Scene<'_>) {
    let area = frame.area();
    // The keys need the room.
    let console = if view.page == Page::Help { 0 } else { (area.height / 4).clamp(3, 14) };
    // A conclusion of two sentences has room.
    let conclusion_lines = if area.width < 100 { 3 } else { 2 };
    let [head, numbers, upper, lower, foot] = Layout::vertical([
        Constraint::Length(conclusion_lines),
        Constraint::Length(3),
        Constraint::Min(3),
        Constraint::Length(console),
        Constraint::Length(1),
    ])
    .areas(area);
    conclusion(frame, head, scene);
    sums(frame, numbers, scene);
    match view.page.clone() {
        Page::List => list(frame, upper, view, scene),
        Page::Place(family, boot) => place(frame, upper, view, scene, &family, boot),
        Page::Help => help(frame, upper, view),
    }
    raw(frame, lower, view, scene);
    footer(frame, foot, view, scene);
}

fn conclusion(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let report = scene.report;
    let is_leak = report.families.iter().any(|family| family.judgement.verdict.is_leak());
    let text = match &report.conclusion {
        Some(conclusion) if report.totals.events > 0 => conclusion.clone(),
        _ => "No event of a slab cache has come yet.".to_owned(),
    };
    let style = if is_leak { scene.alarm() } else { Style::new().add_modifier(Modifier::BOLD) };
    frame.render_widget(Paragraph::new(text).style(style).wrap(Wrap { trim: true }), area);
}

fn sums(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let [top, rest] = Layout::vertical([Constraint::Length(1), Constraint::Length(2)]).areas(area);
    let [text, line] =
        Layout::horizontal([Constraint::Min(40), Constraint::Length(26)]).areas(rest);
    frame.render_widget(Paragraph::new(source_line(scene)), top);
    let totals = &scene.report.totals;
    let (lost, is_any) = lost(scene.report);
    let lines = vec![
        Line::from(format!(
            "{}, {:.1}/s; {} live, {}; {}",
            counted(totals.events, "event"),
            scene.rates.events_per_second(),
            counted(totals.live_objects, "object"),
            binary_size(totals.live_bytes),
            counted(scene.report.caches.len() as u64, "cache")
        )),
        Line::styled(lost, if is_any { scene.alarm() } else { scene.faint() }),
    ];
    frame.render_widget(Paragraph::new(lines), text);
    let width = usize::from(line.width.saturating_sub(1));
    let events = &scene.rates.events;
    let shown = &events[events.len().saturating_sub(width)..];
    let block = Block::new().borders(Borders::LEFT).title("events/s");
    frame.render_widget(Sparkline::default().block(block).data(shown), line);
}

/// What is watched, since when, how much came, and whether the line can carry more.
fn source_line<'a>(scene: &Scene<'_>) -> Line<'a> {
    let rate = scene.rates.bytes_per_second();
    let load = scene.capacity.map(|capacity| rate / capacity);
    let (carried, style) = match load {
        Some(load) if load >= SATURATED => {
            (format!("{:.0} % of the line: it drops messages  ", load * 100.0), scene.alarm())
        }
        Some(load) => (format!("{:.0} % of the line  ", load * 100.0), Style::new()),
        None => (String::new(), Style::new()),
    };
    let seconds = scene.elapsed.as_secs();
    let begun = format!(
        "{}  {:02}:{:02}:{:02}  ",
        Escaped(scene.source),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let came = format!("{}, {}", rate_text(rate), binary_size(scene.bytes));
    Line::from(vec![Span::raw(begun), Span::styled(carried, style), Span::raw(came)])
}

/// What was lost, in words, and whether anything was. The last event may still be coming, and is no
/// torn one for that.
fn lost(report: &Report) -> (String, bool) {
    let mut loss = report.loss;
    loss.torn_events = loss.torn_events.saturating_sub(1);
    let kinds = [
        (loss.printk_dropped, "message", "dropped"),
        (loss.entries_lost, "trace entry", "lost"),
        (loss.lost_frees, "free", "not logged"),
        (loss.torn_events, "event", "torn"),
        (loss.headless_stacks, "backtrace", "without its event"),
        (loss.orphan_frees, "free", "of objects not seen allocated"),
    ];
    let named: Vec<String> = kinds
        .into_iter()
        .filter(|&(count, ..)| count > 0)
        .map(|(count, noun, what)| format!("{} {what}", counted(count, noun)))
        .collect();
    if named.is_empty() {
        ("lost: nothing".to_owned(), false)
    } else {
        (format!("lost or unmatched: {}", named.join(", ")), loss.is_any())
    }
}

fn list(frame: &mut Frame<'_>, area: Rect, view: &mut View, scene: &Scene<'_>) {
    let entries = Entry::all(scene.report, view.order, &view.filter);
    if view.table.selected().is_none() && !entries.is_empty() {
        view.table.select(Some(0));
    }
    let bars_width = if area.width < WIDE { 11 } else { 32 };
    let rows = entries.iter().map(|entry| {
        let verdict = entry.family.judgement.verdict;
        let mark = if verdict.is_leak() { "● " } else { "  " };
        let style = if verdict.is_leak() { scene.alarm() } else { Style::new() };
        Row::new([
            Cell::from(Span::styled(format!("{mark}{}", verdict.title()), style)),
            Cell::from(Escaped(&entry.group.cache).to_string()),
            Cell::from(Line::from(entry.family.live_objects.to_string()).right_aligned()),
            Cell::from(
                Line::from(entry.family.live_bytes.map_or("?".to_owned(), binary_size))
                    .right_aligned(),
            ),
            Cell::from(bars(&entry.live(), bars_width.into())),
            Cell::from(entry.site.clone()),
        ])
    });
    let widths = [
        Constraint::Length(14),
        Constraint::Length(13),
        Constraint::Length(7),
        Constraint::Length(9),
        Constraint::Length(bars_width),
        Constraint::Min(16),
    ];
    let filtered = if view.filter.is_empty() {
        String::new()
    } else {
        format!(", that hold {:?}", view.filter)
    };
    let title =
        format!(" {} by {}{filtered} ", counted(entries.len() as u64, "place"), view.order.name());
    let heads = Row::new(["  verdict", "cache", "objects", "    bytes", "live", "allocated in"]);
    let table = Table::new(rows, widths)
        .header(heads.style(scene.faint()))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(pane(&title, view.focus == Focus::Places));
    frame.render_stateful_widget(table, area, &mut view.table);
}

/// A place in full.
fn place(
    frame: &mut Frame<'_>,
    area: Rect,
    view: &View,
    scene: &Scene<'_>,
    family: &str,
    boot: usize,
) {
    let entries = Entry::all(scene.report, view.order, "");
    let entry =
        entries.iter().find(|entry| entry.family.name == family && entry.family.boot == boot);
    let Some(entry) = entry else {
        frame.render_widget(Paragraph::new("It lives no more. Esc goes back."), area);
        return;
    };
    let title = format!(" {}  {} ", entry.family.judgement.verdict.title(), entry.site);
    let paragraph = Paragraph::new(in_full(entry, scene))
        .wrap(Wrap { trim: false })
        .scroll((view.scroll, 0))
        .block(pane(&title, view.focus == Focus::Places));
    frame.render_widget(paragraph, area);
}

fn in_full<'a>(entry: &Entry<'_>, scene: &Scene<'_>) -> Vec<Line<'a>> {
    let (family, group) = (entry.family, entry.group);
    let (low, high) = family.likely;
    let likely = if (low, high) == (family.live_objects, family.live_objects) {
        String::new()
    } else {
        format!(", probably {low} to {high}")
    };
    let mut lines = vec![
        Line::from(format!(
            "{}: {} allocated, {} freed, {} live{likely}",
            Escaped(&group.cache),
            family.allocs,
            family.frees,
            family.live_objects
        )),
        Line::from(family.judgement.reason.to_string()),
    ];
    if let Some(lived) = family.lifetimes {
        lines.push(Line::from(format!(
            "freed ones lived {:.3} s (median), {:.3} s at most",
            lived.median, lived.max
        )));
    }
    lines.push(Line::from(format!("live {}", bars(&entry.live(), 32))));
    for frame in &group.chain {
        lines.push(Line::from(format!("  {frame}")));
        if let Some(source) = &frame.source {
            let line = source.line.map_or(String::new(), |line| format!(":{line}"));
            let place = format!("    {}{line}", Escaped(&source.file));
            lines.push(Line::from(Span::styled(place, scene.faint())));
        }
    }
    for process in &group.processes {
        let comm = process.comm.as_deref().unwrap_or("unknown task");
        let pid = process.pid.map_or(String::new(), |pid| format!(" pid {pid}"));
        lines.push(Line::from(format!(
            "allocated by {}{pid} ({})",
            Escaped(comm),
            process.live_objects
        )));
    }
    for freer in &group.freed_by {
        let function = freer.function.as_deref().unwrap_or("unknown code");
        let line = format!("siblings freed by {} ({})", Escaped(function), freer.frees);
        lines.push(Line::from(line));
    }
    lines.push(Line::from(Span::styled(
        format!("fingerprint {}", group.fingerprint),
        scene.faint(),
    )));
    lines
}

fn help(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let lines: Vec<Line<'_>> =
        KEYS.iter().map(|(keys, what)| Line::from(format!("{keys:>20}  {what}"))).collect();
    let paragraph = Paragraph::new(lines).scroll((view.scroll, 0)).block(pane(" keys ", true));
    frame.render_widget(paragraph, area);
}

/// The raw console.
fn raw(frame: &mut Frame<'_>, area: Rect, view: &View, scene: &Scene<'_>) {
    let rows = usize::from(area.height.saturating_sub(1));
    let title = match view.back {
        0 => " console ".to_owned(),
        back => format!(" console, {back} lines back "),
    };
    let lines: Vec<Line<'_>> = scene
        .console
        .lines(rows, view.back)
        .into_iter()
        .map(|line| {
            let is_sought = !view.sought.is_empty() && line.contains(&view.sought);
            let style = Style::new();
            let style = if is_sought { style.add_modifier(Modifier::REVERSED) } else { style };
            Line::styled(line, style)
        })
        .collect();
    let block = pane(&title, view.focus == Focus::Console);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn footer(frame: &mut Frame<'_>, area: Rect, view: &View, scene: &Scene<'_>) {
    let line = match (&view.prompt, &view.message, scene.trouble) {
        (Some(prompt), ..) => Line::from(format!("/{prompt}_")),
        (None, Some(message), _) => Line::from(message.clone()),
        (None, None, Some(trouble)) => Line::styled(Escaped(trouble).to_string(), scene.alarm()),
        (None, None, None) if view.is_paused => {
            Line::styled("paused: what comes is read and kept; p goes on", scene.alarm())
        }
        _ => Line::from("? keys  Enter open  s order  / filter  Tab console  p pause  q end"),
    };
    frame.render_widget(Paragraph::new(line), area);
}

fn pane(title: &str, has_focus: bool) -> Block<'static> {
    let style = Style::new();
    let style = if has_focus { style.add_modifier(Modifier::BOLD) } else { style };
    Block::new().borders(Borders::TOP).title(Line::styled(title.to_owned(), style))
}

/// A series in at most so many bars: numbers for which there is no room are taken together.
fn bars(series: &[u64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = series.iter().copied().max().unwrap_or(0).max(1);
    let parts = series.chunks(series.len().div_ceil(width.max(1)).max(1));
    parts
        .filter_map(|part| part.iter().copied().max())
        .map(|value| {
            let level = value.saturating_mul(BARS.len() as u64 - 1) / most;
            BARS[usize::try_from(level).unwrap_or(0).min(BARS.len() - 1)]
        })
        .collect()
}

/// A rate of bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of bytes; casts saturate"
)]
fn rate_text(bytes_per_second: f64) -> String {
    format!("{}/s", binary_size(bytes_per_second.round() as u64))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use std::time::Duration;

    use super::super::super::console::Console;
    use super::super::super::live::Live;
    use super::super::scene::Ink;
    use super::super::view::Action;
    use super::*;

    /// A log in which one place leaks, and another frees.
    fn log(comm: &str) -> String {
        let mut log = String::new();
        for round in 0..40_u64 {
            for (op, object, function) in [
                ("alloc", 64 * round, "leaky_get"),
                ("alloc", 0x10_0000, "tidy_get"),
                ("free", 0x10_0000, "tidy_put"),
            ] {
                let object = 0xffff_8880_0400_0000 + object;
                let time = 1.0 + round as f64 / 10.0;
                for line in [
                    format!("TRACE kmalloc-64 {op} {object:#x} inuse=1 fp=0x0"),
                    format!("CPU: 0 PID: 90 Comm: {comm} Not tainted 6.1.0 #1"),
                    "Call Trace:".to_owned(),
                    " dump_stack_lvl+0x44/0x5c".to_owned(),
                    format!(" {}+0x49/0x150", if op == "free" { "kfree" } else { "__kmalloc" }),
                    format!(" {function}+0x10/0x30 [leaky]"),
                ] {
                    writeln!(log, "[{time:12.6}] {line}").expect("memory takes any text");
                }
            }
        }
        log
    }

    /// Keys, and what the screen shows behind each.
    fn screens(log: &str, size: (u16, u16), keys: &[KeyCode]) -> Vec<String> {
        let mut live = Live::new("serial.log".to_owned());
        let mut console = Console::default();
        live.feed(log.as_bytes());
        console.feed(log.as_bytes());
        live.end_second();
        let rates = live.rates().clone();
        let bytes = live.bytes();
        let scene = Scene {
            report: &live.picture().report,
            console: &console,
            rates: &rates,
            source: "serial\u{1b}[31m",
            capacity: Some(11_520.0),
            bytes,
            elapsed: Duration::from_secs(3_725),
            trouble: None,
            ink: Ink::Plain,
        };
        let mut view = View::default();
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("memory");
        let mut shown = Vec::new();
        for key in std::iter::once(None).chain(keys.iter().map(Some)) {
            if let Some(&code) = key {
                let action = view.key(KeyEvent::new(code, KeyModifiers::NONE), &scene);
                assert_eq!(action, Action::None);
            }
            terminal.draw(|frame| draw(frame, &mut view, &scene)).expect("memory");
            shown.push(terminal.backend().to_string());
        }
        shown
    }

    #[test]
    fn the_leak_is_named_and_opens() {
        let log = log("insmod");
        let shown = screens(&log, (80, 24), &[KeyCode::Enter, KeyCode::Esc, KeyCode::Char('s')]);
        assert!(shown[0].contains("leaky_get [leaky] leaks kmalloc-64: 40 of 40"), "{}", shown[0]);
        assert!(shown[0].contains("● accumulating kmalloc-64"), "{}", shown[0]);
        assert!(shown[0].contains("01:02:05"), "{}", shown[0]);
        assert!(shown[0].contains("it drops messages"), "{}", shown[0]);
        assert!(shown[0].contains("120 events"), "{}", shown[0]);
        assert!(shown[1].contains("leaky_get+0x10/0x30 [leaky]"), "{}", shown[1]);
        assert!(shown[1].contains("allocated by insmod pid 90 (40)"), "{}", shown[1]);
        assert_eq!(shown[2], shown[0], "Esc goes back");
        assert!(shown[3].contains("1 place by growth"), "{}", shown[3]);
    }

    #[test]
    fn places_are_filtered_and_the_console_searched() {
        let log = log("insmod");
        let typed = |text: &str| -> Vec<KeyCode> {
            let keys = text.chars().map(KeyCode::Char);
            std::iter::once(KeyCode::Char('/')).chain(keys).chain([KeyCode::Enter]).collect()
        };
        let shown = screens(&log, (80, 24), &typed("nothing"));
        let last = shown.last().expect("a screen");
        assert!(last.contains("0 places by verdict, that hold \"nothing\""), "{last}");
        let keys = [vec![KeyCode::Tab], typed("tidy_put"), vec![KeyCode::Char('n')]].concat();
        let shown = screens(&log, (80, 24), &keys);
        let last = shown.last().expect("a screen");
        assert!(last.contains("lines back"), "{last}");
        assert!(last.contains("tidy_put+0x10/0x30"), "{last}");
    }

    #[test]
    fn no_size_is_too_small_and_no_text_acts() {
        let log = log("\u{1b}[2J\u{202e}x");
        let keys = [KeyCode::Enter, KeyCode::Char('?'), KeyCode::End, KeyCode::Tab, KeyCode::Home];
        for size in [(1, 1), (5, 2), (20, 6), (80, 24), (300, 100)] {
            for screen in screens(&log, size, &keys) {
                assert!(!screen.contains(['\u{1b}', '\u{202e}']), "{screen}");
            }
        }
    }

    #[test]
    fn a_series_fits_its_width() {
        assert_eq!(bars(&[0, 7, 14], 3), "▁▄█");
        assert_eq!(bars(&[1; 32], 11).chars().count(), 11);
        assert_eq!(bars(&[], 11), "");
    }
}
