//! The summary of a migration, on standard error.

use crate::terminal;
use crate::units::count;
use ntp_migrate::{Line, Migration, Verdict};
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
    let formats: Vec<&str> = migration.formats.iter().map(|f| f.as_str()).collect();
    let mut page = format!(
        "Read {} of {}: {} kept, {} approximated, {} dropped.\n",
        count(migration.files.len() as u64, "file"),
        formats.join(", "),
        migration.count(Verdict::Kept),
        migration.count(Verdict::Approximated),
        migration.count(Verdict::Dropped),
    );
    for verdict in [Verdict::Dropped, Verdict::Approximated] {
        let lines = migration.lines.iter();
        let mut lines = lines.filter(|line| line.verdict == verdict).peekable();
        if lines.peek().is_some() {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "\n{}:", verdict.as_str());
        }
        for line in lines {
            of_line(line, &mut page);
        }
    }
    for added in &migration.added {
        let _ = writeln!(page, "\nadded: {added}");
    }
    let file = output.map_or_else(|| "FILE".to_owned(), |path| path.display().to_string());
    let _ = writeln!(page, "\nCheck the result with: ntp-ctl validate {file}");
    page
}

fn of_line(line: &Line, page: &mut String) {
    let _ = writeln!(
        page,
        "  {}:{}: {}",
        line.file.display(),
        line.number,
        line.text
    );
    for note in &line.notes {
        let _ = writeln!(page, "      {note}");
    }
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
                "result": line.verdict.as_str(),
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
        "formats": migration.formats.iter().map(|f| f.as_str()).collect::<Vec<_>>(),
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
