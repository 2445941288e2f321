//! The table of sources.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use ntp_observe::SourceFacts;

use crate::source_words::{host, label, sentence};
use crate::terminal::wrap;
use crate::units::{UNKNOWN, known, poll, seconds, signed_seconds};

/// From this width on the reasons stand in the table; below, they follow it.
const WIDE: usize = 150;

/// Columns of the source and its state, which are words; the others are numbers.
const WORDS: usize = 2;

const HEADER: [&str; 9] = ["State", "Address", "St", "Poll", "Reach", "Delay", "Offset", "Jitter", "Bound"];

/// All sources, one row each, with their reasons in words.
pub(crate) fn sources(sources: &[SourceFacts], width: usize) -> String {
    if sources.is_empty() {
        return String::new();
    }
    if width >= WIDE {
        wide(sources, width)
    } else {
        format!("{}\n{}", narrow(sources, width), reasons(sources, width))
    }
}

fn wide(sources: &[SourceFacts], width: usize) -> String {
    let mut table = empty(width);
    table.set_header(HEADER.into_iter().chain(["Reason"]));
    for source in sources {
        let mut row = cells(source);
        row[1] = label(source);
        table.add_row(row.into_iter().chain([sentence(source)]));
    }
    finish(&mut table)
}

fn narrow(sources: &[SourceFacts], width: usize) -> String {
    let mut table = empty(width);
    table.set_header(HEADER);
    for source in sources {
        table.add_row(cells(source));
    }
    finish(&mut table)
}

/// The reasons below a narrow table.
fn reasons(sources: &[SourceFacts], width: usize) -> String {
    sources
        .iter()
        .map(|source| {
            let text = format!("{} ({}): {}", label(source), source.state.word(), sentence(source));
            wrap("  - ", &text, width)
        })
        .collect()
}

fn empty(width: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table
}

/// Aligns the columns: words to the left, numbers to the right and never broken.
fn finish(table: &mut Table) -> String {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if (WORDS..HEADER.len()).contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        match index {
            1 => column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(16))),
            _ if index < HEADER.len() => column.set_constraint(ColumnConstraint::ContentWidth),
            _ => continue,
        };
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

fn cells(source: &SourceFacts) -> Vec<String> {
    vec![
        source.state.word().to_owned(),
        host(source).unwrap_or(&source.name).to_owned(),
        source.stratum.map_or_else(|| UNKNOWN.to_owned(), |stratum| stratum.to_string()),
        known(source.poll_s, poll),
        format!("{:o}", source.reach),
        known(source.delay_s, seconds),
        known(source.offset_s, signed_seconds),
        known(source.jitter_s, seconds),
        known(source.error_bound_s, seconds),
    ]
}

/// What the columns mean.
pub(crate) fn legend(width: usize) -> String {
    wrap(
        "",
        "St: stratum. Reach: the last eight polls in octal, 377 = all answered. Offset: + means that our clock is behind. \
         Bound: how far the offset may be wrong.",
        width,
    )
}
