//! Width, color and sanitized output of the terminal.

use ntp_config::is_printable;
use ntp_observe::Document;
use serde_json::Value;
use std::io::{self, IsTerminal as _, Write as _};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The width that is assumed when the output is no terminal.
const DEFAULT_WIDTH: usize = 100;

/// The narrowest width for which the pages are laid out.
const NARROWEST: usize = 40;

/// The number of columns to write in: `COLUMNS` if it is set, otherwise the terminal's.
pub(crate) fn width() -> usize {
    let given = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let asked = || {
        rustix::termios::tcgetwinsize(io::stdout())
            .ok()
            .map(|size| usize::from(size.ws_col))
    };
    given
        .or_else(asked)
        .filter(|columns| *columns > 0)
        .map_or(DEFAULT_WIDTH, |columns: usize| columns.max(NARROWEST))
}

/// Prints a page whose first line is the verdict; on a terminal the verdict is green or red.
pub(crate) fn print_page(page: &str, good: bool) {
    let page = sanitize(page);
    if !io::stdout().is_terminal()
        || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
    {
        return print(&page);
    }
    let (verdict, rest) = page.split_once('\n').unwrap_or((&page, ""));
    let color = if good { "\u{1b}[1;32m" } else { "\u{1b}[1;31m" };
    print(&format!("{color}{verdict}\u{1b}[0m\n{rest}"));
}

/// Writes to the standard output, and reports an error to the standard error.
pub(crate) fn print(text: &str) {
    if let Err(error) = try_print(text) {
        complain(&format!("cannot write: {error}"));
    }
}

/// Writes to the standard output. A closed pipe (`| head`) is no error; a full disk is.
pub(crate) fn try_print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes one message to the standard error.
pub(crate) fn complain(message: &str) {
    // A closed standard error leaves no place to report to.
    let _ = writeln!(io::stderr(), "ntp-ctl: {}", sanitize(message));
}

/// Writes a page to the standard error.
pub(crate) fn report(page: &str) {
    let _ = write!(io::stderr(), "{}", sanitize(page));
}

/// The text without characters that could control a terminal: names, reference ids and errors come
/// from the network.
pub(crate) fn sanitize(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_printable(c) || c == '\n' {
                c
            } else {
                REPLACEMENT
            }
        })
        .collect()
}

/// The replacement of a character that is not shown.
const REPLACEMENT: char = '\u{fffd}';

/// The document with sanitized texts, which cannot break a line either.
pub(crate) fn sanitize_document(document: &Document) -> Document {
    let value = serde_json::to_value(document).map(sanitize_value);
    // Only texts are replaced, by texts, so the result is still a document.
    value
        .and_then(serde_json::from_value)
        .expect("invariant: a document survives the way through JSON")
}

fn sanitize_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(
            text.chars()
                .map(|c| if is_printable(c) { c } else { REPLACEMENT })
                .collect(),
        ),
        Value::Array(values) => Value::Array(values.into_iter().map(sanitize_value).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| (name, sanitize_value(value)))
                .collect(),
        ),
        other => other,
    }
}

/// The width of a text in columns.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The text in lines of at most `width` columns, broken between words, with `first` before the
/// first line and blanks of the same width before the others. A word that is longer than a line is
/// broken as well.
pub(crate) fn wrap(first: &str, text: &str, width: usize) -> String {
    wrap_with(first, &" ".repeat(columns(first)), text, width)
}

/// The same, with `next` before all lines but the first.
pub(crate) fn wrap_with(first: &str, next: &str, text: &str, width: usize) -> String {
    let mut page = String::from(first);
    let mut column = columns(first);
    let hang = columns(next);
    let mut begun = false;
    for word in text.split_whitespace() {
        let length = columns(word);
        if begun && column + 1 + length > width {
            page.push('\n');
            page.push_str(next);
            column = hang;
        } else if begun {
            page.push(' ');
            column += 1;
        }
        begun = true;
        for c in word.chars() {
            let length = c.width().unwrap_or(0);
            if column + length > width && column > hang {
                page.push('\n');
                page.push_str(next);
                column = hang;
            }
            page.push(c);
            column += length;
        }
    }
    page.push('\n');
    page
}

/// The text in at most `width` columns, with an ellipsis in the place of its middle if it is
/// longer.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let tail = fitting(text.chars().rev(), room / 2);
    let head = fitting(text.chars(), room - room / 2);
    format!(
        "{}…{}",
        head.iter().collect::<String>(),
        tail.iter().rev().collect::<String>()
    )
}

/// The first of these characters that fit into `room` columns.
fn fitting(characters: impl Iterator<Item = char>, room: usize) -> Vec<char> {
    let mut left = room;
    let fits = |c: &char| {
        let length = c.width().unwrap_or(0);
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    };
    characters.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_hangs_below_its_beginning() {
        assert_eq!(
            wrap("a: ", "one two three four", 12),
            "a: one two\n   three\n   four\n"
        );
    }

    #[test]
    fn a_word_that_is_too_long_is_broken() {
        assert_eq!(
            wrap("", "one extraordinary word", 5),
            "one\nextra\nordin\nary\nword\n"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(wrap("", "時刻 時刻", 8), "時刻\n時刻\n");
        assert_eq!(shorten("時刻時刻時刻", 7), "時…刻");
    }

    #[test]
    fn a_text_that_is_too_long_keeps_its_beginning_and_its_end() {
        assert_eq!(
            shorten("a-very-long-name.example.org", 15),
            "a-very-…ple.org"
        );
        assert_eq!(shorten("short", 15), "short");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(
            sanitize("a\u{1b}[2Jb\nc\u{202e}d"),
            "a\u{fffd}[2Jb\nc\u{fffd}d"
        );
    }

    #[test]
    fn a_name_in_a_document_cannot_begin_a_line() {
        let mut document = Document::default();
        document.daemon.config_path = Some("a\nSynchronized\u{2028}".into());
        assert_eq!(
            sanitize_document(&document).daemon.config_path.unwrap(),
            "a\u{fffd}Synchronized\u{fffd}"
        );
    }
}
