//! Checking a configuration file, and what it needs of this machine.

use crate::args::Args;
use crate::outcome::Outcome;
use crate::terminal;
use crate::units::count;
use ntp_check::{Finding, findings};
use ntp_config::{ConfigError, DEFAULT_CONFIG_PATH, Loaded, Warning};
use serde_json::{Value, json};
use std::path::Path;

/// Checks `file`, or the file of `--config`, or the daemon's default.
pub(crate) fn run(args: &Args, file: Option<&Path>) -> Outcome {
    let path = file
        .or(args.config.as_deref())
        .unwrap_or(Path::new(DEFAULT_CONFIG_PATH));
    let loaded = match ntp_config::load(path) {
        Ok(loaded) => loaded,
        Err(error) => {
            print(
                args,
                &invalid(path, &error),
                || not_valid(path, &error),
                false,
            );
            return Outcome::Failed;
        }
    };
    let found = findings(&loaded.config);
    let fine = !found.iter().any(Finding::is_error);
    print(
        args,
        &checked(&loaded, &found, fine),
        || page(path, &loaded, &found),
        fine,
    );
    if fine { Outcome::Fine } else { Outcome::Failed }
}

fn print(args: &Args, json: &Value, page: impl FnOnce() -> String, fine: bool) {
    if args.json {
        terminal::print(&format!("{json:#}\n"));
    } else {
        terminal::print_page(&page(), fine);
    }
}

/// The page about a file that can be read: errors first, then warnings.
fn page(path: &Path, loaded: &Loaded, found: &[Finding]) -> String {
    let (errors, doubts): (Vec<&Finding>, Vec<&Finding>) =
        found.iter().partition(|finding| finding.is_error());
    let warnings = loaded
        .warnings
        .iter()
        .map(ToString::to_string)
        .chain(doubts.iter().map(ToString::to_string));
    let number = match loaded.warnings.len() + doubts.len() {
        0 => String::new(),
        number => format!(", with {}", count(number as u64, "warning")),
    };
    let verdict = match errors.len() {
        0 => format!("Valid: {}{number}.", path.display()),
        problems => {
            let problems = count(problems as u64, "problem");
            format!(
                "NOT valid on this machine: {}, {problems}{number}.",
                path.display()
            )
        }
    };
    let findings = errors
        .iter()
        .map(ToString::to_string)
        .chain(warnings)
        .map(|finding| format!("\n{finding}\n"));
    format!("{verdict}\n{}", findings.collect::<String>())
}

fn not_valid(path: &Path, error: &ConfigError) -> String {
    let problems = count(error.count() as u64, "problem");
    format!("NOT valid: {}, {problems}.\n\n{error}\n", path.display())
}

fn checked(loaded: &Loaded, found: &[Finding], fine: bool) -> Value {
    let (errors, doubts): (Vec<&Finding>, Vec<&Finding>) =
        found.iter().partition(|finding| finding.is_error());
    let problems: Vec<String> = errors
        .iter()
        .map(|error| format!("{}; {}", error.message, error.help))
        .collect();
    let doubts = doubts.into_iter().map(doubt);
    let warnings: Vec<Value> = loaded.warnings.iter().map(warning).chain(doubts).collect();
    json!({
        "valid": fine,
        "files": loaded.files,
        "warnings": warnings,
        "error": (!fine).then(|| json!({ "message": problems.join("\n"), "problems": problems })),
    })
}

fn warning(warning: &Warning) -> Value {
    let position = warning.position();
    json!({
        "message": warning.message(),
        "help": warning.help(),
        "file": position.map(|(file, _, _)| file),
        "line": position.map(|(_, line, _)| line),
        "column": position.map(|(_, _, column)| column),
    })
}

fn doubt(Finding { message, help, .. }: &Finding) -> Value {
    json!({ "message": message, "help": help, "file": null, "line": null, "column": null })
}

fn invalid(path: &Path, error: &ConfigError) -> Value {
    json!({
        "valid": false,
        "files": [path],
        "warnings": [],
        "error": {
            "message": error.to_string(),
            "problems": error.messages().collect::<Vec<_>>(),
        },
    })
}
