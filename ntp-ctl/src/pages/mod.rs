//! The pages that `status` and `sources` print, and the elements that all pages share.
//!
//! | module | concept |
//! |---|---|
//! | `status` | both pages as a whole |
//! | `verdict` | the first line, and what to do |
//! | `clock` | the lines about the clock |
//! | `configuration` | the lines about the configuration in force |
//! | `table` | the table of sources |
//! | `details` | everything about one source |
//! | `nts` | the lines about NTS: keys and cookies of our sources, and our NTS-KE server |
//! | `sandbox` | the rights that the daemon has given up |

pub(crate) mod clock;
pub(crate) mod configuration;
pub(crate) mod details;
pub(crate) mod nts;
mod sandbox;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod verdict;

use crate::terminal::{columns, wrap, wrap_with};

/// The column in which the text of a fact begins.
pub(crate) const FACT_COLUMN: usize = 13;

/// A named fact, hanging below its beginning.
pub(crate) fn fact(name: &str, text: &str, width: usize) -> String {
    wrap(&format!("{name:<FACT_COLUMN$}"), text, width)
}

/// The indentation of the further lines of a verdict that is too long for one.
const INDENT: &str = "  ";

/// The sentence in lines of at most `width` columns: broken after a semicolon, if one comes late
/// enough in the first line, otherwise between words.
pub(crate) fn fit(sentence: &str, width: usize) -> String {
    if columns(sentence) <= width {
        return format!("{sentence}\n");
    }
    let fits = |place: &usize| {
        sentence
            .get(..*place)
            .is_some_and(|head| (width / 2..=width).contains(&columns(head)))
    };
    let semicolons = sentence.match_indices("; ").map(|(place, _)| place + 1);
    match semicolons
        .filter(fits)
        .last()
        .and_then(|place| sentence.split_at_checked(place))
    {
        Some((head, tail)) => format!("{head}\n{}", wrap(INDENT, tail, width)),
        None => wrap_with("", INDENT, sentence, width),
    }
}

/// The sentence with the sign that ends it.
pub(crate) fn stopped(sentence: &str) -> String {
    if sentence.ends_with(['?', '.']) {
        sentence.to_owned()
    } else {
        format!("{sentence}.")
    }
}
