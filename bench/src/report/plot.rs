//! Plots as SVG, readable on light and on dark pages.

use std::fmt::Write as _;

use super::words::{count, nanoseconds};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 48.0;
/// Minimum distance between two labels.
const LINE: f64 = 16.0;
/// One colour for each line, for light pages and for dark ones.
const COLOURS: [(&str, &str); 7] = [
    ("#2563c9", "#6aa2f7"),
    ("#8a8a8a", "#9a9a9a"),
    ("#b9b9b9", "#6d6d6d"),
    ("#c2410c", "#f59155"),
    ("#a21caf", "#dd80e8"),
    ("#15803d", "#5fc484"),
    ("#92660a", "#d8b04a"),
];

/// A line of a plot.
pub(super) struct Line {
    /// The name, written at the line's end.
    pub(super) name: String,
    /// The points of the line.
    pub(super) points: Vec<(f64, f64)>,
}

/// A bar of a plot.
pub(super) struct Bar {
    /// The name of the bar.
    pub(super) name: String,
    /// The length of the bar.
    pub(super) value: f64,
    /// The text at the bar's end.
    pub(super) text: String,
    /// `true` if the bar is ours.
    pub(super) ours: bool,
}

/// Plots nanoseconds over numbers of rules, both on logarithmic axes.
pub(super) fn log_log(title: &str, below: &str, lines: &[Line]) -> String {
    let axes = Axes::around(lines);
    let mut body = axes.grid();
    let end = |line: &Line| line.points.last().map_or((LEFT, TOP), |end| axes.place(*end));
    let ends: Vec<(f64, f64)> = lines.iter().map(end).collect();
    for (n, ((line, label), (end, _))) in lines.iter().zip(apart(&ends)).zip(&ends).enumerate() {
        let places: Vec<(f64, f64)> = line.points.iter().map(|point| axes.place(*point)).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let _ = writeln!(body, "<path class=\"line c{n}\" d=\"M{}\"/>", path.join("L"));
        for (x, y) in places {
            let _ = writeln!(body, "<circle class=\"dot c{n}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>");
        }
        let (x, y, name) = (end + 9.0, label + 4.0, &line.name);
        let _ = writeln!(body, "<text class=\"name c{n}\" x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>");
    }
    let (x, y) = (f64::midpoint(LEFT, WIDTH - RIGHT), HEIGHT - 8.0);
    let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"mid\">{below}</text>");
    page(title, HEIGHT, &body)
}

/// The powers of ten that a plot shows, first and last.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
}

impl Axes {
    fn around(lines: &[Line]) -> Self {
        let points = || lines.iter().flat_map(|line| &line.points);
        Self { x: decades(points().map(|point| point.0)), y: decades(points().map(|point| point.1)) }
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let part = |value: f64, (from, to): (f64, f64)| (value.log10() - from) / (to - from);
        let (across, up) = (part(x, self.x), part(y, self.y));
        (LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM))
    }

    /// Draws a line and a label for each power of ten.
    fn grid(&self) -> String {
        let mut body = String::new();
        for value in powers(self.y) {
            let (_, y) = self.place((1.0, value));
            let _ = writeln!(body, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/>", WIDTH - RIGHT);
            let (x, y, label) = (LEFT - 8.0, y + 4.0, nanoseconds(value));
            let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"end\">{label}</text>");
        }
        for value in powers(self.x) {
            let ((x, _), y) = (self.place((value, 1.0)), HEIGHT - BOTTOM + 20.0);
            let label = count(crate::random::as_usize(value.round()));
            let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"mid\">{label}</text>");
        }
        body
    }
}

/// Returns the whole powers of ten of an axis.
fn powers((from, to): (f64, f64)) -> impl Iterator<Item = f64> {
    let exponents = std::iter::successors(Some(from), |exponent| Some(exponent + 1.0));
    exponents.take_while(move |exponent| *exponent <= to).map(|exponent| 10_f64.powf(exponent))
}

/// Plots bars one below the other.
pub(super) fn bars(title: &str, bars: &[Bar]) -> String {
    const NAMES: f64 = 300.0;
    let longest = bars.iter().map(|bar| bar.value).fold(1.0, f64::max);
    let (mut body, mut y) = (String::new(), TOP);
    for bar in bars {
        let width = bar.value / longest * (WIDTH - NAMES - 110.0);
        let class = if bar.ours { "c0" } else { "c1" };
        let _ =
            writeln!(body, "<text x=\"{:.1}\" y=\"{:.1}\" class=\"end\">{}</text>", NAMES - 8.0, y + 15.0, bar.name);
        let _ = writeln!(
            body,
            "<rect class=\"bar {class}\" x=\"{NAMES}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"20\" rx=\"2\"/>"
        );
        let _ = writeln!(body, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", NAMES + width + 8.0, y + 15.0, bar.text);
        y += 28.0;
    }
    page(title, y + 12.0, &body)
}

fn page(title: &str, height: f64, body: &str) -> String {
    let (mut light, mut dark) = (String::new(), String::new());
    for (n, (on_light, on_dark)) in COLOURS.iter().enumerate() {
        let _ = write!(light, ".c{n}{{--c:{on_light}}}");
        let _ = write!(dark, ".c{n}{{--c:{on_dark}}}");
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\">\n<style>\n\
         text{{font:13px system-ui,sans-serif;fill:#333}}.title{{font-size:16px;font-weight:600}}\
         .end{{text-anchor:end}}.mid{{text-anchor:middle}}.grid{{stroke:#d5d5d5;stroke-width:1}}\
         .line{{fill:none;stroke:var(--c);stroke-width:2.2}}.dot,.bar,.name{{fill:var(--c)}}\n{light}\n\
         @media (prefers-color-scheme:dark){{text{{fill:#ccc}}.grid{{stroke:#3d3d3d}}.name{{fill:var(--c)}}{dark}}}\n\
         </style>\n<text x=\"16\" y=\"28\" class=\"title\">{title}</text>\n{body}</svg>\n"
    )
}

/// Returns the whole powers of ten around all values.
fn decades(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    (low, high.max(low + 1.0))
}

/// Returns the heights of labels at the `ends` of lines, moved apart where they would cover each other.
fn apart(ends: &[(f64, f64)]) -> Vec<f64> {
    let mut order: Vec<(usize, (f64, f64))> = ends.iter().copied().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
    let mut placed: Vec<(usize, (f64, f64))> = Vec::new();
    for (n, (x, y)) in order {
        let beside = placed.iter().filter(|(_, (other, _))| (other - x).abs() < RIGHT);
        let above = beside.map(|(_, (_, y))| *y).fold(f64::MIN, f64::max);
        placed.push((n, (x, y.max(above + LINE))));
    }
    placed.sort_by_key(|(n, _)| *n);
    placed.into_iter().map(|(_, (_, y))| y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_cover_each_other() {
        let heights = apart(&[(100.0, 50.0), (100.0, 52.0), (100.0, 51.0), (600.0, 50.0)]);
        assert_eq!(heights, [50.0, 82.0, 66.0, 50.0]);
    }
}
