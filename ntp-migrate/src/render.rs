//! The text of the result.

use crate::ledger::{Ledger, Line, LineId, Verdict};
use crate::plan::Section;
use ntp_config::sanitize;
use std::fmt::Write as _;
use toml::Value;

/// The most lines of the input that comments name; the summary names all.
const MOST_COMMENTS: usize = 500;

/// The most characters of a file's name in a comment.
const LONGEST_NAME: usize = 100;

/// The text of one section, without comments.
pub(crate) fn section(section: &Section) -> String {
    let mut text = if section.is_array {
        format!("[[{}]]\n", section.name)
    } else {
        format!("[{}]\n", section.name)
    };
    for (key, value) in &section.entries {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} = {}", self::key(key), inline(value));
    }
    text
}

fn key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        Value::String(key.to_owned()).to_string()
    }
}

/// A value in one line.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => basic_string(text),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(inline).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Table(table) => {
            let keys: Vec<String> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), inline(value)))
                .collect();
            format!("{{ {} }}", keys.join(", "))
        }
        other => other.to_string(),
    }
}

/// A string in double quotes where that needs no escapes, otherwise as `toml` writes it.
fn basic_string(text: &str) -> String {
    let plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
    if text.chars().all(plain) {
        format!("\"{text}\"")
    } else {
        Value::String(text.to_owned()).to_string()
    }
}

/// The whole file: sections with the notes of their lines, then the lines that belong to none.
pub(crate) fn file(head: &[String], sections: &[Section], ledger: &Ledger) -> String {
    let mut text = String::new();
    for line in head {
        let _ = writeln!(text, "# {}", sanitize(line, 300));
    }
    let mut shown: Vec<LineId> = Vec::new();
    for section in sections {
        text.push('\n');
        for id in &section.lines {
            if !shown.contains(id) && shown.len() < MOST_COMMENTS {
                shown.extend(comment(*id, ledger, &mut text));
            }
        }
        text.push_str(&self::section(section));
    }
    remaining(&shown, ledger, &mut text);
    text
}

/// The comments about lines that no section shows.
fn remaining(shown: &[LineId], ledger: &Ledger, text: &mut String) {
    let is_noted = |id: &LineId| {
        ledger
            .line(*id)
            .is_some_and(|line| line.verdict > Verdict::Kept)
    };
    let rest: Vec<LineId> = ledger
        .ids()
        .into_iter()
        .filter(|id| is_noted(id) && !shown.contains(id))
        .collect();
    if rest.is_empty() {
        return;
    }
    text.push_str("\n# Lines without a section of their own:\n#\n");
    for id in rest.iter().take(MOST_COMMENTS) {
        comment(*id, ledger, text);
    }
    if let Some(more) = rest
        .len()
        .checked_sub(MOST_COMMENTS)
        .filter(|more| *more > 0)
    {
        let _ = writeln!(text, "# … and {more} more lines, which the summary names");
    }
}

/// Writes the notes of a line that is not simply kept.
fn comment(id: LineId, ledger: &Ledger, text: &mut String) -> Option<LineId> {
    let line = ledger
        .line(id)
        .filter(|line| line.verdict > Verdict::Kept)?;
    let _ = writeln!(
        text,
        "# {}: {}: {}",
        place(line),
        line.verdict.word(),
        line.text
    );
    for note in &line.notes {
        let _ = writeln!(text, "#   {note}");
    }
    Some(id)
}

/// The end of the name of a file, and the number of a line.
fn place(line: &Line) -> String {
    let file = line.file.display().to_string();
    let beyond = file.chars().count().saturating_sub(LONGEST_NAME);
    let end: String = file.chars().skip(beyond).collect();
    let mark = if beyond > 0 { "…" } else { "" };
    format!("{mark}{}:{}", sanitize(&end, usize::MAX), line.number)
}
