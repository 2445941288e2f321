//! Checking a configuration file.

use std::path::Path;

use ntp_config::{ConfigError, DEFAULT_CONFIG_PATH, Loaded, Warning};
use serde_json::{Value, json};

use crate::args::Args;
use crate::files::{self, Doubt};
use crate::units::count;
use crate::{Outcome, terminal};

/// Checks `file`, or the file of `--config`, or the daemon's default.
pub(crate) fn run(args: &Args, file: Option<&Path>) -> Outcome {
    let path = file.or(args.config.as_deref()).unwrap_or(Path::new(DEFAULT_CONFIG_PATH));
    let loaded = ntp_config::load(path);
    if args.json {
        let json = match &loaded {
            Ok(loaded) => valid(loaded),
            Err(error) => invalid(path, error),
        };
        terminal::print(&format!("{json:#}\n"));
    } else {
        tell(path, &loaded);
    }
    if loaded.is_ok() { Outcome::Fine } else { Outcome::Failed }
}

fn tell(path: &Path, loaded: &Result<Loaded, ConfigError>) {
    match loaded {
        Ok(loaded) => {
            let doubts = files::doubts(&loaded.config);
            let warnings = loaded.warnings.iter().map(|warning| format!("\n{warning}\n"));
            let warnings = warnings.chain(doubts.iter().map(|doubt| format!("\n{doubt}\n"))).collect::<String>();
            let found = match loaded.warnings.len() + doubts.len() {
                0 => String::new(),
                number => format!(", with {}", count(number as u64, "warning")),
            };
            terminal::print_page(&format!("Valid: {}{found}.\n{warnings}", path.display()), true);
        }
        Err(error) => {
            let problems = count(error.count() as u64, "problem");
            terminal::print_page(&format!("NOT valid: {}, {problems}.\n\n{error}\n", path.display()), false);
        }
    }
}

fn valid(loaded: &Loaded) -> Value {
    let doubts = files::doubts(&loaded.config);
    json!({
        "valid": true,
        "files": loaded.files,
        "warnings": loaded.warnings.iter().map(warning).chain(doubts.iter().map(doubt)).collect::<Vec<_>>(),
        "error": null,
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

fn doubt(Doubt { message, help }: &Doubt) -> Value {
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
