//! Width, colour, and output that cannot harm a terminal.

use std::io::{self, IsTerminal as _, Write as _};

/// The width that is assumed when the output is no terminal.
const DEFAULT_WIDTH: usize = 100;

/// The narrowest width for which the pages are laid out.
const NARROWEST: usize = 40;

/// The number of columns to write in: `COLUMNS` if it is set, otherwise the terminal's.
pub(crate) fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let asked = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    told.or_else(asked).filter(|columns| *columns > 0).map_or(DEFAULT_WIDTH, |columns: usize| columns.max(NARROWEST))
}

/// Prints a page whose first line is the verdict; on a terminal the verdict is green or red.
pub(crate) fn print_page(page: &str, good: bool) {
    let page = harmless(page);
    if !io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return print(&page);
    }
    let (verdict, rest) = page.split_once('\n').unwrap_or((&page, ""));
    let colour = if good { "\u{1b}[1;32m" } else { "\u{1b}[1;31m" };
    print(&format!("{colour}{verdict}\u{1b}[0m\n{rest}"));
}

/// Writes to the standard output. A reader that has gone away (`| head`) wants no complaint; of a full disk it must
/// hear.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => complain(&format!("cannot write: {error}")),
        _ => {}
    }
}

/// Writes one message to the standard error.
pub(crate) fn complain(message: &str) {
    // When nobody reads our complaints, there is nobody to complain to.
    let _ = writeln!(io::stderr(), "ntp-ctl: {}", harmless(message));
}

/// The text without control characters: names, reference ids and errors come from the network.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// The text in lines of at most `width` columns, broken between words, with `first` before the first line and blanks
/// of the same width before the others.
pub(crate) fn wrap(first: &str, text: &str, width: usize) -> String {
    let hang = first.chars().count();
    let mut page = String::from(first);
    let mut column = hang;
    for (index, word) in text.split_whitespace().enumerate() {
        let len = word.chars().count();
        if index > 0 && column + 1 + len > width {
            page.push('\n');
            page.extend(std::iter::repeat_n(' ', hang));
            column = hang;
        } else if index > 0 {
            page.push(' ');
            column += 1;
        }
        page.push_str(word);
        column += len;
    }
    page.push('\n');
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_hangs_below_its_beginning() {
        assert_eq!(wrap("a: ", "one two three four", 12), "a: one two\n   three\n   four\n");
    }

    #[test]
    fn a_word_that_is_too_long_stays_whole() {
        assert_eq!(wrap("", "one extraordinary word", 5), "one\nextraordinary\nword\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\nc");
    }
}
