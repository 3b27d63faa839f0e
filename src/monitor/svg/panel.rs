//! One diagram: lines over time in a frame of axes.

use std::fmt::{self, Write as _};

use super::axis::{TimeTick, Unit, Values};
use super::xml::Xml;

/// A line of more points than this is drawn by the least and the greatest of each part of it.
const POINTS_MAX: usize = 700;

/// A pause so many times longer than usual is drawn as a gap.
const GAP_FACTOR: f64 = 5.0;

/// What a line is drawn as; the name is its class in the style sheet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stroke {
    /// What the panel is about.
    Main,
    /// The same, where it leaks.
    Alarm,
    /// What goes along.
    Second,
    /// A trend through it.
    Trend,
}

impl Stroke {
    fn class(self) -> &'static str {
        match self {
            Stroke::Main => "main",
            Stroke::Alarm => "alarm",
            Stroke::Second => "second",
            Stroke::Trend => "trend",
        }
    }
}

/// A line.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) stroke: Stroke,
    pub(super) points: Vec<(f64, f64)>,
}

/// A diagram.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Panel {
    /// Names in the heading come from the lines; this follows them.
    pub(super) note: String,
    pub(super) unit: Unit,
    pub(super) lines: Vec<Line>,
}

/// Where a diagram's frame is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Frame {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Panel {
    /// Draws it, over a span of time with these marks.
    pub(super) fn draw(
        &self,
        frame: Frame,
        span: f64,
        times: &[TimeTick],
        out: &mut String,
    ) -> fmt::Result {
        let values = self.values(frame);
        let place = Place { frame, span, low: values.low, high: values.high };
        writeln!(out, "<g>")?;
        self.heading(frame, &values, out)?;
        for (value, label) in &values.ticks {
            let y = place.y(*value);
            let (left, right) = (frame.x, frame.x + frame.width);
            writeln!(out, r#"<path class="grid" d="M{left:.1} {y:.1}H{right:.1}"/>"#)?;
            let (x, y) = (left - 8.0, y + 4.0);
            writeln!(out, r#"<text class="mark end" x="{x:.1}" y="{y:.1}">{}</text>"#, Xml(label))?;
        }
        for TimeTick { at, label, date } in times {
            let x = place.x(*at);
            let (top, bottom) = (frame.y + frame.height, frame.y + frame.height + 5.0);
            writeln!(out, r#"<path class="axis" d="M{x:.1} {top:.1}V{bottom:.1}"/>"#)?;
            let lines = [Some(label), date.as_ref()];
            for (line, y) in lines.into_iter().flatten().zip([bottom + 14.0, bottom + 29.0]) {
                let text = Xml(line);
                writeln!(out, r#"<text class="mark mid" x="{x:.1}" y="{y:.1}">{text}</text>"#)?;
            }
        }
        for line in &self.lines {
            let class = line.stroke.class();
            writeln!(out, r#"<path class="line {class}" d="{}"/>"#, path(&line.points, &place))?;
        }
        writeln!(out, "</g>")
    }

    fn heading(&self, frame: Frame, values: &Values, out: &mut String) -> fmt::Result {
        let (x, y) = (frame.x, frame.y - 9.0);
        write!(out, r#"<text class="head" x="{x:.1}" y="{y:.1}">"#)?;
        let named = self.lines.iter().filter(|line| line.stroke != Stroke::Trend);
        for (at, line) in named.enumerate() {
            let gap = if at > 0 { r#" dx="14""# } else { "" };
            write!(
                out,
                r#"<tspan class="name {}"{gap}>{}</tspan>"#,
                line.stroke.class(),
                Xml(&line.name)
            )?;
        }
        // An axis that leaves out its beginning makes much of little.
        let begin = values.ticks.first().filter(|_| values.low > 0.0);
        let begin = begin.map(|(_, label)| format!("axis from {label}"));
        let note = std::iter::once(self.note.clone()).chain(begin);
        let note: Vec<String> = note.filter(|part| !part.is_empty()).collect();
        let note = note.join("; ");
        writeln!(out, r#"<tspan class="note" dx="14">{}</tspan></text>"#, Xml(&note))
    }

    fn values(&self, frame: Frame) -> Values {
        let values = self.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let (least, most) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        let (least, most) = if least <= most { (least, most) } else { (0.0, 1.0) };
        Values::new(least, most, self.unit, (frame.height / 40.0).max(2.0))
    }
}

/// Values to places.
struct Place {
    frame: Frame,
    span: f64,
    low: f64,
    high: f64,
}

impl Place {
    fn x(&self, time: f64) -> f64 {
        self.frame.x + self.frame.width * (time / self.span.max(f64::EPSILON)).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low).max(f64::EPSILON);
        self.frame.y + self.frame.height * (1.0 - part.clamp(0.0, 1.0))
    }
}

fn path(points: &[(f64, f64)], place: &Place) -> String {
    let points = &extremes(points);
    let pauses: Vec<f64> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let longest = crate::statistics::median(&pauses) * GAP_FACTOR;
    let mut text = String::new();
    for (at, &(time, value)) in points.iter().enumerate() {
        let is_gap = at == 0 || longest > 0.0 && time - points[at - 1].0 > longest;
        let command = if is_gap { 'M' } else { 'L' };
        let (x, y) = (place.x(time), place.y(value));
        // A line of a single point is a dot, with round ends.
        let dot = if is_gap { "h0" } else { "" };
        let _ = write!(text, "{command}{x:.1} {y:.1}{dot}");
    }
    text
}

/// A series with as many points as can be told apart: of each part the least and the greatest.
fn extremes(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let length = points.len().div_ceil(POINTS_MAX / 2);
    let mut kept = Vec::with_capacity(POINTS_MAX);
    for part in points.chunks(length) {
        let least = part.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = part.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let (Some(&least), Some(&most)) = (least, most) else { continue };
        kept.extend(if least.0 <= most.0 { [least, most] } else { [most, least] });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        frame: Frame { x: 0.0, y: 0.0, width: 100.0, height: 10.0 },
        span: 10.0,
        low: 0.0,
        high: 10.0,
    };

    #[test]
    fn time_is_real_and_pauses_are_gaps() {
        let points = [(0.0, 0.0), (1.0, 10.0), (2.0, 10.0), (9.0, 5.0)];
        assert_eq!(path(&points, &PLACE), "M0.0 10.0h0L10.0 0.0L20.0 0.0M90.0 5.0h0");
    }

    #[test]
    fn no_peak_is_lost_in_a_long_series() {
        let points: Vec<(f64, f64)> =
            (0..5000).map(|at| (f64::from(at), if at == 2501 { 9.0 } else { 1.0 })).collect();
        let kept = extremes(&points);
        assert!(kept.len() <= POINTS_MAX && kept.contains(&(2501.0, 9.0)));
    }
}
