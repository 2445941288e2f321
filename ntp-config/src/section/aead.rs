//! The key `aead-algorithms` of sources with NTS and of NTS-KE servers.

use crate::bad_text::BadText;
use crate::diagnostic::{Located, Report};
use crate::fields::{Fields, wrong_kind};
use crate::raw::Value;
use crate::suggest::{listed, nearest};
use ntp_proto::nts::AeadAlgorithm;

const KEY: &str = "aead-algorithms";

const NAMES: [&str; AeadAlgorithm::ALL.len()] = {
    let [a, b, c, d] = AeadAlgorithm::ALL;
    [a.name(), b.name(), c.name(), d.name()]
};

/// Reads the algorithms in the order of the file; without the key, all algorithms, the best first.
pub(super) fn algorithms(fields: &mut Fields, report: &mut Report) -> Vec<AeadAlgorithm> {
    let empty = fields
        .peek(KEY)
        .is_some_and(|entry| entry.value.value.is_empty_array());
    let mut seen = Vec::new();
    let named = fields.list(KEY, report, |value, report| {
        let algorithm = algorithm(value, report)?;
        if seen.contains(&algorithm) {
            let help = "remove one of them; their order is the order of preference";
            report.error(
                &value.span,
                format!("{algorithm} is in `{KEY}` twice"),
                help,
            );
        }
        seen.push(algorithm);
        Some(algorithm)
    });
    let Some(named) = named else {
        return AeadAlgorithm::ALL.to_vec();
    };
    if empty {
        let help = "name at least AES-SIV-CMAC-256, which every NTS implementation supports, or \
                    remove this line";
        report.error(&named.span, format!("`{KEY}` names no algorithm"), help);
    }
    named.value
}

fn algorithm(value: &Located<Value>, report: &mut Report) -> Option<AeadAlgorithm> {
    let found = match &value.value {
        Value::String(name) => from_name(name),
        Value::Integer(id) => from_number(*id),
        _ => {
            wrong_kind(
                value,
                KEY,
                "names in double quotes, or numbers of IANA's registry",
                report,
            );
            return None;
        }
    };
    found
        .map_err(|bad| report.error(&value.span, bad.message(), bad.help()))
        .ok()
}

/// The algorithm of this name.
pub(crate) fn from_name(name: &str) -> Result<AeadAlgorithm, BadText> {
    AeadAlgorithm::from_name(name).ok_or_else(|| unknown(name, nearest(name, &NAMES)))
}

/// The algorithm of this number in IANA's registry.
pub(crate) fn from_number(id: i64) -> Result<AeadAlgorithm, BadText> {
    u16::try_from(id)
        .ok()
        .and_then(AeadAlgorithm::from_id)
        .ok_or_else(|| unknown(&id.to_string(), None))
}

fn unknown(text: &str, guess: Option<&str>) -> BadText {
    let guess = guess.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    let ids = AeadAlgorithm::ALL
        .map(|algorithm| algorithm.id().to_string())
        .join(", ");
    let help = format!("possible here: {}, or their numbers {ids}", listed(&NAMES));
    BadText::new(
        format!("`{text}` is not a supported AEAD algorithm{guess}"),
        help,
    )
}
