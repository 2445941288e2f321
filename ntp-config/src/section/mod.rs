//! The sections of the file, each validated on its own.

pub(crate) mod aead;
mod clock;
mod file;
mod keyset;
mod listen;
mod not_yet;
mod nts_ke;
mod nts_ke_server;
mod observability;
mod security;
mod server;
mod source;
mod storage;
pub(crate) mod synchronization;
pub(crate) mod trust;

use crate::checks;
use crate::config::Config;
use crate::diagnostic::{Report, Span};
use crate::fields::{Fields, Section};
use crate::raw::Table;

const ROOT: Section = Section {
    name: "the file",
    keys: &[
        "source-defaults",
        "source",
        "server",
        "nts-ke-server",
        "nts-ke",
        "keyset",
        "synchronization",
        "clock",
        "observability",
        "storage",
        "security",
    ],
};

/// All kinds of tables with their keys. The documentation is tested against it.
#[cfg(test)]
pub(crate) const ALL: [&Section; 17] = [
    &ROOT,
    &source::DEFAULTS,
    &source::SOURCE,
    &source::POLL_LIMITS,
    &server::SERVER,
    &server::FILTER,
    &nts_ke_server::NTS_KE_SERVER,
    &nts_ke::NTS_KE,
    &keyset::KEYSET,
    &synchronization::SYNCHRONIZATION,
    &synchronization::THRESHOLD,
    &synchronization::ALGORITHM,
    &clock::CLOCK,
    &observability::OBSERVABILITY,
    &storage::STORAGE,
    &security::SECURITY,
    &not_yet::NOT_YET,
];

/// Reads the configuration from the merged files. It may be used only if the report has no errors.
pub(crate) fn read(root: Table, report: &mut Report) -> Config {
    let mut root = Fields::new(
        &ROOT,
        root,
        Span {
            file: 0,
            range: 0..0,
        },
    );
    let sources = source::read(&mut root, report);
    let servers = server::read(&mut root, report);
    let mut nts_ke_servers = nts_ke_server::read(&mut root, report);
    let span = |key| root.peek(key).map(|entry| entry.key.span.clone());
    let (nts_ke_span, keyset_span) = (span("nts-ke"), span("keyset"));
    let synchronization = synchronization::read(
        section(&mut root, &synchronization::SYNCHRONIZATION, report),
        report,
    );
    let clock = clock::read(section(&mut root, &clock::CLOCK, report), report);
    let mut config = Config {
        observability: observability::read(
            section(&mut root, &observability::OBSERVABILITY, report),
            report,
        ),
        storage: storage::read(
            section(&mut root, &storage::STORAGE, report),
            clock.mode,
            report,
        ),
        security: security::read(section(&mut root, &security::SECURITY, report), report),
        clock,
        synchronization: synchronization.value,
        sources: sources.iter().map(|source| source.value.clone()).collect(),
        servers: servers.iter().map(|server| server.value.clone()).collect(),
        nts_ke_servers: Vec::new(),
        nts_ke: nts_ke::read(section(&mut root, &nts_ke::NTS_KE, report), report),
        keyset: keyset::read(section(&mut root, &keyset::KEYSET, report), report),
    };
    config.synchronization.settings.serves_unsteered = config.clock.kept_by_another;
    not_yet::refuse(&mut root, report);
    root.finish(report);
    if !report.has_errors() {
        checks::sources(&sources, report);
        checks::servers(&servers, report);
        checks::nts_ke::servers(&nts_ke_servers, report);
        checks::nts_ke::assign_ntp_ports(&mut nts_ke_servers, &servers, report);
        config.nts_ke_servers = nts_ke_servers
            .into_iter()
            .map(|server| server.value)
            .collect();
        checks::nts_ke::threads(&config, nts_ke_span.as_ref(), report);
        checks::nts_ke::keys(&config, keyset_span.as_ref(), &servers, report);
        checks::whole(&config, &synchronization.demands, report);
    }
    config
}

/// A table at the top level. Its key is its name without the brackets.
fn section(root: &mut Fields, section: &'static Section, report: &mut Report) -> Fields {
    let key = section.name.trim_matches(['[', ']']);
    root.table(section, key, report)
        .unwrap_or(Fields::absent(section))
}
