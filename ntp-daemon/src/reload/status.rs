//! The outcome of the last reload, for the observation document.

use arc_swap::ArcSwap;
use ntp_observe::{ConfigurationFacts, ConfigurationFailure, Date};
use std::sync::Arc;
use std::time::SystemTime;

/// The status of the configuration, now and later.
pub(crate) type ConfigurationStatus = Arc<ArcSwap<ConfigurationFacts>>;

/// The status at the start.
pub(crate) fn at_start() -> ConfigurationStatus {
    Arc::new(ArcSwap::from_pointee(ConfigurationFacts {
        loaded: Some(now()),
        ..ConfigurationFacts::default()
    }))
}

/// Another configuration is in force; `restart_needed` are the changes that are not.
pub(super) fn note_success(status: &ConfigurationStatus, restart_needed: Vec<String>) {
    let reloads = status.load().reloads + 1;
    status.store(Arc::new(ConfigurationFacts {
        loaded: Some(now()),
        reloads,
        failure: None,
        restart_needed,
    }));
}

/// A configuration could not be used.
pub(super) fn note_failure(status: &ConfigurationStatus, error: String) {
    let mut facts = (**status.load()).clone();
    facts.failure = Some(ConfigurationFailure { at: now(), error });
    status.store(Arc::new(facts));
}

fn now() -> Date {
    Date::from(SystemTime::now())
}
