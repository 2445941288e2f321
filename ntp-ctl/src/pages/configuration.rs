//! The lines about the configuration in force.

use crate::terminal::wrap;
use ntp_observe::Document;

/// The lines about the last reload that need the administrator; empty if all of it is in force.
pub(crate) fn alarms(document: &Document, width: usize) -> String {
    let facts = &document.daemon.configuration;
    let refused = facts.failure.as_ref().map(|failure| {
        format!(
            "The configuration read at {} was refused, and the one before it is in force: {}. Correct it \
             (`ntp-ctl validate` shows the place) and run `ntp-ctl reload`.",
            failure.at, failure.error
        )
    });
    let waiting = (!facts.restart_needed.is_empty()).then(|| {
        format!(
            "The configuration has changes that need a restart of the daemon: {}.",
            facts.restart_needed.join(", ")
        )
    });
    let alarms = refused.into_iter().chain(waiting);
    alarms.map(|text| wrap("", &text, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_observe::{ConfigurationFailure, Date};

    #[test]
    fn a_refused_configuration_and_changes_that_wait_are_shown() {
        let mut document = Document::default();
        assert_eq!(alarms(&document, 200), "");
        document.daemon.configuration.failure = Some(ConfigurationFailure {
            at: Date::from_unix(1_800_000_000, 0),
            error: "ntp.toml:3:1: unknown key `sauce`".into(),
        });
        document.daemon.configuration.restart_needed = vec!["[clock]".into(), "[storage]".into()];
        assert_eq!(
            alarms(&document, 300),
            "The configuration read at 2027-01-15T08:00:00Z was refused, and the one before it is in force: \
             ntp.toml:3:1: unknown key `sauce`. Correct it (`ntp-ctl validate` shows the place) and run `ntp-ctl reload`.\n\
             The configuration has changes that need a restart of the daemon: [clock], [storage].\n"
        );
    }
}
