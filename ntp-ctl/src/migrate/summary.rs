//! The summary of a migration, on standard error.

use crate::terminal;
use crate::units::count;
use ntp_config::sanitize;
use ntp_migrate::{Format, Line, Migration, Verdict};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// The version of the JSON summary.
const SCHEMA: u32 = 1;

/// Prints the failure of a migration.
pub(super) fn print_failure(as_json: bool, message: &str) {
    if as_json {
        let summary = json!({ "schema": SCHEMA, "error": { "message": message } });
        terminal::report(&format!("{summary:#}\n"));
    } else {
        terminal::complain(message);
    }
}

/// Prints what was kept, approximated and dropped.
pub(super) fn print(as_json: bool, output: Option<&Path>, migration: &Migration) {
    if as_json {
        terminal::report(&format!("{:#}\n", document(output, migration)));
    } else {
        terminal::report(&page(output, migration));
    }
}

fn page(output: Option<&Path>, migration: &Migration) -> String {
    let mut page = format!(
        "Read {} of {}: {} kept, {} approximated, {} dropped.\n",
        count(migration.files.len() as u64, "file"),
        Format::list(&migration.formats),
        migration.count(Verdict::Kept),
        migration.count(Verdict::Approximated),
        migration.count(Verdict::Dropped),
    );
    for verdict in [Verdict::Dropped, Verdict::Approximated] {
        let lines = migration.lines.iter();
        let mut lines = lines.filter(|line| line.verdict == verdict).peekable();
        if lines.peek().is_some() {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "\n{}:", verdict.word());
        }
        for line in lines {
            of_line(line, &mut page);
        }
    }
    for added in &migration.added {
        let _ = writeln!(page, "\nadded: {added}");
    }
    let file = output.map_or_else(|| "FILE".to_owned(), name);
    let _ = writeln!(page, "\nCheck the result with: ntp-ctl validate {file}");
    page
}

fn of_line(line: &Line, page: &mut String) {
    let _ = writeln!(
        page,
        "  {}:{}: {}",
        name(&line.file),
        line.number,
        line.text
    );
    for note in &line.notes {
        let _ = writeln!(page, "      {note}");
    }
}

/// The name of a file in one line, whatever characters it has.
fn name(path: &Path) -> String {
    sanitize(&path.display().to_string(), usize::MAX)
}

fn document(output: Option<&Path>, migration: &Migration) -> Value {
    let lines: Vec<Value> = migration
        .lines
        .iter()
        .map(|line| {
            json!({
                "file": line.file.display().to_string(),
                "line": line.number,
                "text": line.text,
                "result": line.verdict.word(),
                "notes": line.notes,
            })
        })
        .collect();
    let files: Vec<String> = migration
        .files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    json!({
        "schema": SCHEMA,
        "formats": migration.formats.iter().map(|f| f.word()).collect::<Vec<_>>(),
        "files": files,
        "output": output.map(|path| path.display().to_string()),
        "kept": migration.count(Verdict::Kept),
        "approximated": migration.count(Verdict::Approximated),
        "dropped": migration.count(Verdict::Dropped),
        "added": migration.added,
        "lines": lines,
        "error": null,
    })
}
