//! The configuration of ntsclient (Go): a few keys of TOML, in any case.

use crate::files::Input;
use crate::ledger::LineId;
use crate::plan::{Mode, Plan, Source};
use crate::toml_text::{enter, parse, plain};
use crate::units::{LONGEST_MAX_POLL, SHORTEST_MIN_POLL, nearest_log2, number};
use toml::Value;
use toml::de::{DeTable, DeValue};

/// The keys, in lower case.
const KEYS: [&str; 3] = ["server", "cacert", "interval"];

/// The number of keys of a table that are known, if it has the server.
pub(crate) fn known_keys(table: &DeTable) -> usize {
    let keys: Vec<String> = table
        .keys()
        .map(|key| key.get_ref().to_ascii_lowercase())
        .collect();
    if keys.iter().any(|key| key == "server") {
        keys.iter()
            .filter(|key| KEYS.contains(&key.as_str()))
            .count()
    } else {
        0
    }
}

/// Reads the file.
pub(crate) fn read(main: &Input, plan: &mut Plan) -> Result<(), String> {
    let table = parse(main)?;
    let mut server: Option<(String, LineId)> = None;
    let mut authority: Option<(String, LineId)> = None;
    let mut poll = None;
    for (key, value) in table.get_ref() {
        let id = enter(main, &key.span(), &mut plan.ledger);
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            other => plain(other).to_string(),
        };
        match key.get_ref().to_ascii_lowercase().as_str() {
            "server" => server = Some((text, id)),
            "cacert" if text.starts_with('/') => authority = Some((text, id)),
            "cacert" => {
                let note = "the path of the certificates must be absolute";
                plan.ledger.lose(id, note);
            }
            "interval" => match number(&text).and_then(nearest_log2) {
                Some((power, exact)) => {
                    let used = power.clamp(SHORTEST_MIN_POLL, LONGEST_MAX_POLL);
                    if !exact || used != power {
                        let note = format!("the longest poll interval is 2^{used} s");
                        plan.ledger.approximate(id, note);
                    }
                    poll = Some(used);
                }
                None => plan
                    .ledger
                    .lose(id, "this is not a number of seconds above 0"),
            },
            other => {
                let note = format!("`{other}` is not a key that is known");
                plan.ledger.lose(id, note);
            }
        }
    }
    if let Some((host, id)) = server {
        let mut source = Source::new(id, Mode::Nts, &host);
        source.max_poll = poll;
        if let Some((file, _)) = authority {
            source
                .verbatim
                .push(("certificate-authority".to_owned(), Value::String(file)));
            source
                .verbatim
                .push(("system-authorities".to_owned(), Value::Boolean(false)));
        }
        plan.sources.push(source);
    }
    Ok(())
}
