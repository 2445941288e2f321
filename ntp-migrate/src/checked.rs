//! Asks our own configuration checker about single sections.

use crate::plan::Section;
use crate::render;
use toml::Value;

/// Sources that satisfy every check across sections.
const COMPANIONS: &str = "[[source]]\nmode = \"nts\"\naddress = \"nts.example.org\"\n\
                          [[source]]\nmode = \"pool\"\naddress = \"pool.example.org\"\n";

/// A server that satisfies every check across sections.
const SERVER: &str = "[[server]]\nlisten = \"192.0.2.1:123\"\n";

/// The reason why the checker refuses a section.
pub(crate) fn refusal(section: &Section) -> Option<String> {
    let text = render::section(section);
    let companions = match section.name {
        "source" => String::new(),
        "server" => COMPANIONS.to_owned(),
        _ => format!("{COMPANIONS}{SERVER}"),
    };
    problem(&format!("{companions}{text}"))
}

/// The reason why the checker refuses a value in a table.
pub(crate) fn refusal_of(table: &'static str, key: &str, value: &Value) -> Option<String> {
    let section = Section {
        name: table,
        is_array: false,
        entries: vec![(key.to_owned(), value.clone())],
        lines: Vec::new(),
    };
    refusal(&section)
}

/// The first problem of a whole file.
pub(crate) fn problem(text: &str) -> Option<String> {
    let error = ntp_config::parse_str("ntp.toml", text).err()?;
    let first = error.messages().next();
    Some(first.map_or_else(|| "it is not accepted".to_owned(), str::to_owned))
}
