//! The table of sources.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use ntp_observe::SourceFacts;

use crate::nts;
use crate::source_words::{host, label, sentence};
use crate::terminal::wrap;
use crate::units::{UNKNOWN, known, poll, seconds, signed_seconds};

/// From this width on the reasons stand in the table; below, they follow it.
const WIDE: usize = 150;

/// Below this width a table with the column of NTS goes without jitter, which is missed least.
const WITH_JITTER: usize = 88;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    State,
    Address,
    Nts,
    Stratum,
    Poll,
    Reach,
    Delay,
    Offset,
    Jitter,
    Bound,
    Reason,
}

impl Column {
    const ALL: [Self; 11] = [
        Self::State,
        Self::Address,
        Self::Nts,
        Self::Stratum,
        Self::Poll,
        Self::Reach,
        Self::Delay,
        Self::Offset,
        Self::Jitter,
        Self::Bound,
        Self::Reason,
    ];

    /// Whether it has a place among these sources at this width.
    fn is_shown(self, sources: &[SourceFacts], width: usize) -> bool {
        match self {
            Self::Nts => any_nts(sources),
            Self::Jitter => width >= WITH_JITTER || !any_nts(sources),
            Self::Reason => width >= WIDE,
            _ => true,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::State => "State",
            Self::Address => "Address",
            Self::Nts => "NTS",
            Self::Stratum => "St",
            Self::Poll => "Poll",
            Self::Reach => "Reach",
            Self::Delay => "Delay",
            Self::Offset => "Offset",
            Self::Jitter => "Jitter",
            Self::Bound => "Bound",
            Self::Reason => "Reason",
        }
    }

    /// Whether it holds words, which stand on the left; numbers stand on the right.
    const fn is_words(self) -> bool {
        matches!(self, Self::State | Self::Address | Self::Nts | Self::Reason)
    }

    /// What keeps it from being broken; reasons and long names may be.
    const fn constraint(self) -> Option<ColumnConstraint> {
        match self {
            Self::Address => Some(ColumnConstraint::LowerBoundary(Width::Fixed(16))),
            Self::Reason => None,
            _ => Some(ColumnConstraint::ContentWidth),
        }
    }

    fn cell(self, source: &SourceFacts, width: usize) -> String {
        match self {
            Self::State => source.state.word().to_owned(),
            Self::Address if width >= WIDE => label(source),
            Self::Address => host(source).unwrap_or(&source.name).to_owned(),
            Self::Nts => source.nts.as_ref().map_or_else(|| UNKNOWN.to_owned(), nts::cell),
            Self::Stratum => source.stratum.map_or_else(|| UNKNOWN.to_owned(), |stratum| stratum.to_string()),
            Self::Poll => known(source.poll_s, poll),
            Self::Reach => format!("{:o}", source.reach),
            Self::Delay => known(source.delay_s, seconds),
            Self::Offset => known(source.offset_s, signed_seconds),
            Self::Jitter => known(source.jitter_s, seconds),
            Self::Bound => known(source.error_bound_s, seconds),
            Self::Reason => sentence(source),
        }
    }
}

fn any_nts(sources: &[SourceFacts]) -> bool {
    sources.iter().any(|source| source.nts.is_some())
}

/// All sources, one row each, with their reasons in words.
pub(crate) fn sources(sources: &[SourceFacts], width: usize) -> String {
    if sources.is_empty() {
        return String::new();
    }
    let rows = rows(sources, width);
    if width >= WIDE { rows } else { format!("{rows}\n{}", reasons(sources, width)) }
}

fn rows(sources: &[SourceFacts], width: usize) -> String {
    let columns: Vec<Column> = Column::ALL.into_iter().filter(|column| column.is_shown(sources, width)).collect();
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(columns.iter().map(|column| column.title()));
    for source in sources {
        table.add_row(columns.iter().map(|column| column.cell(source, width)));
    }
    for (column, place) in columns.iter().zip(table.column_iter_mut()) {
        place.set_padding((0, 1));
        if !column.is_words() {
            place.set_cell_alignment(CellAlignment::Right);
        }
        if let Some(constraint) = column.constraint() {
            place.set_constraint(constraint);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
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

/// What the columns mean.
pub(crate) fn legend(sources: &[SourceFacts], width: usize) -> String {
    let nts = if any_nts(sources) { "NTS: time that is authenticated, and cookies left to ask for it. " } else { "" };
    let text = format!(
        "{nts}St: stratum. Reach: the last eight polls in octal, 377 = all answered. Offset: + means that our clock is \
         behind. Bound: how far the offset may be wrong.",
    );
    wrap("", &text, width)
}
