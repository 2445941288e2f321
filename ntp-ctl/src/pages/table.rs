//! The table of sources.

use crate::messages::source_name::{self, host, label};
use crate::pages::nts;
use crate::terminal::{columns, shorten, wrap};
use crate::units::{UNKNOWN, known, poll, seconds, signed_seconds};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use ntp_observe::{SourceFacts, SourceMode};

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    State,
    Source,
    Nts,
    Stratum,
    Poll,
    Reach,
    Delay,
    Offset,
    Jitter,
    Bound,
}

/// The columns that are left out where the width does not suffice, the least important first, and
/// the length of a name that takes precedence over each. The first two make room for any IPv6
/// address.
const DISPENSABLE: [(Column, usize); 6] = [
    (Column::Jitter, 39),
    (Column::Delay, 39),
    (Column::Poll, 22),
    (Column::Reach, 22),
    (Column::Stratum, 14),
    (Column::Nts, 14),
];

/// The length to which a name is shortened at most.
const SHORTEST: usize = 8;

impl Column {
    const ALL: [Self; 10] = [
        Self::State,
        Self::Source,
        Self::Nts,
        Self::Stratum,
        Self::Poll,
        Self::Reach,
        Self::Delay,
        Self::Offset,
        Self::Jitter,
        Self::Bound,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::State => "State",
            Self::Source => "Source",
            Self::Nts => "NTS",
            Self::Stratum => "St",
            Self::Poll => "Poll",
            Self::Reach => "Reach",
            Self::Delay => "Delay",
            Self::Offset => "Offset",
            Self::Jitter => "Jitter",
            Self::Bound => "Bound",
        }
    }

    /// True for a column of words, which is aligned left; numbers are aligned right.
    const fn is_words(self) -> bool {
        matches!(self, Self::State | Self::Source | Self::Nts)
    }

    fn cell(self, source: &SourceFacts) -> String {
        match self {
            Self::State => source.state.word().to_owned(),
            Self::Source => label(source),
            Self::Nts => source
                .nts
                .as_ref()
                .map_or_else(|| UNKNOWN.to_owned(), nts::cell),
            Self::Stratum => source
                .stratum
                .map_or_else(|| UNKNOWN.to_owned(), |stratum| stratum.to_string()),
            Self::Poll => known(source.poll_s, poll),
            Self::Reach => format!("{:o}", source.reach),
            Self::Delay => known(source.delay_s, seconds),
            Self::Offset => known(source.offset_s, signed_seconds),
            Self::Jitter => known(source.jitter_s, seconds),
            Self::Bound => known(source.error_bound_s, seconds),
        }
    }

    /// The width of the column, the blank behind it included.
    fn width(self, sources: &[SourceFacts]) -> usize {
        let cells = sources.iter().map(|source| columns(&self.cell(source)));
        1 + cells
            .chain([columns(self.title())])
            .max()
            .unwrap_or_default()
    }
}

/// The columns that fit into this width, and the width of the names.
fn layout(sources: &[SourceFacts], width: usize) -> (Vec<Column>, usize) {
    let names = sources.iter().map(|source| columns(&short_name(source)));
    let shortest = names
        .chain([columns(Column::Source.title())])
        .max()
        .unwrap_or_default();
    let mut shown: Vec<Column> = Column::ALL
        .into_iter()
        .filter(|column| *column != Column::Nts || any_nts(sources))
        .collect();
    let room = |shown: &[Column]| {
        let others = shown
            .iter()
            .filter(|column| **column != Column::Source)
            .map(|column| column.width(sources))
            .sum();
        width.saturating_sub(others)
    };
    for (column, worth) in DISPENSABLE {
        if room(&shown) < shortest.min(worth) {
            shown.retain(|other| *other != column);
        }
    }
    let names = room(&shown).max(SHORTEST);
    (shown, names)
}

/// The short name: the configured one, or the address of a member of a pool.
fn short_name(source: &SourceFacts) -> String {
    match host(source) {
        Some(address) if source.mode == SourceMode::Pool => address.to_owned(),
        _ => source_name::bare_name(source).to_owned(),
    }
}

fn any_nts(sources: &[SourceFacts]) -> bool {
    sources.iter().any(|source| source.nts.is_some())
}

/// All sources, one row each, within `width` columns unless that is very little.
pub(crate) fn sources(sources: &[SourceFacts], width: usize) -> String {
    let (shown, names) = layout(sources, width);
    // Labels only where all of them fit.
    let long = sources
        .iter()
        .all(|source| columns(&label(source)) <= names);
    let cell = |column: Column, source: &SourceFacts| match column {
        Column::Source if long => label(source),
        Column::Source => shorten(&short_name(source), names),
        other => other.cell(source),
    };
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(shown.iter().map(|column| column.title()));
    for source in sources {
        table.add_row(shown.iter().map(|column| cell(*column, source)));
    }
    for (column, place) in shown.iter().zip(table.column_iter_mut()) {
        place.set_padding((0, 1));
        if !column.is_words() {
            place.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// The legend of the columns.
pub(crate) fn legend(sources: &[SourceFacts], width: usize) -> String {
    let nts = if any_nts(sources) {
        "NTS: cookies left for authenticated requests. "
    } else {
        ""
    };
    let text = format!(
        "{nts}St: stratum. Reach: the last eight polls in octal, 377 = all answered. Offset: + \
         means that our clock is behind. Bound: how far the offset may be wrong.",
    );
    wrap("", &text, width)
}
