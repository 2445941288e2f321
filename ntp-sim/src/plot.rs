//! The error of one run over time, with the bound that the client claims around it, as an SVG
//! picture.

use ntp_proto::clock::DisciplineKind;
use ntp_sim::outcome::Second;
use ntp_sim::scenario::Scenario;
use ntp_sim::world::World;
use std::fmt::Write as _;
use std::path::Path;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 70.0;
/// Columns of the picture; each shows the range of the error within its time.
const COLUMNS: usize = 800;

/// The range of what happens within one column.
#[derive(Clone, Copy)]
struct Column {
    low: f64,
    high: f64,
    bound: f64,
}

/// Runs the scenario and writes the picture.
pub(crate) fn draw(
    scenario: &Scenario,
    discipline: DisciplineKind,
    seed: u64,
    output: &Path,
) -> Result<(), String> {
    let mut seconds = Vec::new();
    World::new(scenario, discipline, seed).go(|second| seconds.push(*second));
    let shown: Vec<Second> = seconds
        .into_iter()
        .filter(|second| second.t >= scenario.skip)
        .collect();
    let title = format!("{} (seed {seed})", scenario.name);
    let text = picture(&title, &columns(&shown), (shown.first(), shown.last()));
    std::fs::write(output, text)
        .map_err(|error| format!("cannot write {}: {error}", output.display()))
}

fn columns(seconds: &[Second]) -> Vec<Column> {
    let width = seconds.len().div_ceil(COLUMNS).max(1);
    let nothing = Column {
        low: f64::INFINITY,
        high: f64::NEG_INFINITY,
        bound: 0.0,
    };
    let widen = |column: Column, second: &Second| Column {
        low: column.low.min(second.error),
        high: column.high.max(second.error),
        bound: column.bound.max(second.bound.unwrap_or(0.0)),
    };
    seconds
        .chunks(width)
        .map(|chunk| chunk.iter().fold(nothing, widen))
        .collect()
}

fn picture(
    title: &str,
    columns: &[Column],
    (first, last): (Option<&Second>, Option<&Second>),
) -> String {
    let error = columns
        .iter()
        .map(|column| column.high.max(-column.low))
        .fold(0.0, f64::max);
    let bound = columns
        .iter()
        .map(|column| column.bound)
        .fold(0.0, f64::max);
    // A bound far beyond the error would hide it: then it is cut off at the edge.
    let scale = bound.min(error * 4.0).max(error).max(1e-9) * 1.1;
    let (step, middle) = (
        (WIDTH - 2.0 * MARGIN) / columns.len().max(1) as f64,
        HEIGHT / 2.0,
    );
    let x = |place: usize| MARGIN + step * place as f64;
    let y = |value: f64| middle - (value / scale).clamp(-1.0, 1.0) * (middle - 40.0);
    let mut band = String::new();
    for (place, column) in columns.iter().enumerate() {
        let _ = write!(band, "{:.1},{:.1} ", x(place), y(column.bound));
    }
    for (place, column) in columns.iter().enumerate().rev() {
        let _ = write!(band, "{:.1},{:.1} ", x(place), y(-column.bound));
    }
    let mut curve = String::new();
    for (place, column) in columns.iter().enumerate() {
        let _ = write!(
            curve,
            "M{:.1} {:.1}V{:.1}",
            x(place),
            y(column.low),
            y(column.high) - 0.5
        );
    }
    let mut labels = String::new();
    for share in [-1.0, -0.5, 0.0, 0.5, 1.0] {
        let value = scale / 1.1 * share;
        let _ = write!(
            labels,
            "<line x1=\"{MARGIN}\" x2=\"{:.0}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ccc\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - MARGIN,
            y(value),
            y(value),
            MARGIN - 6.0,
            y(value) + 4.0,
            micro(value)
        );
    }
    let (from, to) = (
        first.map_or(0.0, |second| second.t),
        last.map_or(0.0, |second| second.t),
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{MARGIN}\" y=\"22\" font-size=\"15\">{title}</text>\n\
         <text x=\"{:.0}\" y=\"22\" text-anchor=\"end\">error (line) and claimed bound (band), in µs</text>\n\
         <polygon points=\"{band}\" fill=\"#dbe9f6\"/>\n{labels}\n\
         <path d=\"{curve}\" stroke=\"#1f4e79\" stroke-width=\"1.2\" fill=\"none\"/>\n\
         <text x=\"{MARGIN}\" y=\"{:.0}\">{from:.0} s</text>\n\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{to:.0} s</text>\n</svg>\n",
        WIDTH - MARGIN,
        HEIGHT - 12.0,
        WIDTH - MARGIN,
        HEIGHT - 12.0,
    )
}

fn micro(value: f64) -> String {
    let micro = value * 1e6;
    if micro.abs() >= 10.0 {
        format!("{micro:.0}")
    } else {
        format!("{micro:.2}")
    }
}
