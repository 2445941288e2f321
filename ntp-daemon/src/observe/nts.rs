//! NTS: keys and cookies of sources, our NTS-KE servers, the keys of our cookies.

use super::dates::unix_date;
use crate::context::DaemonContext;
use crate::nts::cookie_keys::CookieKeyStatus;
use crate::nts::ke_servers::KeServiceStatus;
use ntp_ke::server::KeServerStatus;
use ntp_observe::{
    CertificateFacts, KeysetFacts, NtsFacts, NtsKeErrorFacts, NtsKeServerFacts, NtsKeState,
    SourceReason,
};
use ntp_proto::StableWord;
use ntp_proto::client::Member;
use ntp_proto::client::entry::SourceEntry;
use ntp_proto::time::{MonoTime, Now};
use std::time::Duration;

/// The time after which key establishment without an answer is shown; it fails after 16 s.
const SLOW: Duration = Duration::from_secs(5);

/// The NTS state of a source and of its association, if it has one; `None` for a source without
/// NTS.
pub(super) fn of_source(
    entry: &SourceEntry,
    member: Option<&Member>,
    context: &DaemonContext,
    now: Now,
) -> Option<NtsFacts> {
    if !entry.is_nts() {
        return None;
    }
    let establishment = entry.establishment();
    let session = member.and_then(|member| member.association().session());
    let wanted = session.is_none_or(|session| session.wants_keys(now.mono));
    let last_ke_error = establishment
        .last_failure()
        .map(|(failure, at)| NtsKeErrorFacts {
            stage: failure.stage.word().into(),
            reason: failure.reason.word().into(),
            message: failure.message.clone(),
            ago_s: now.mono.since(at).as_secs_f64(),
        });
    Some(NtsFacts {
        ke_server: context.name_of(entry.id()),
        ke_state: if entry.is_asking() {
            NtsKeState::Establishing
        } else if establishment.is_failing() {
            NtsKeState::Failed
        } else if wanted {
            NtsKeState::Waiting
        } else {
            NtsKeState::Established
        },
        aead: session.map(|session| session.algorithm().name().to_owned()),
        cookies: session.map_or(0, |session| count(session.cookies())),
        cookie_length: session.map(|session| count(session.cookie_length())),
        keys_age_s: session.map(|session| session.age(now.mono).as_secs_f64()),
        ke_attempts: establishment.attempts(),
        ke_successes: establishment.successes(),
        ke_failures: establishment
            .failures()
            .map(|(word, count)| (word.to_owned(), count))
            .collect(),
        last_ke_error,
        next_ke_in_s: retry_in(entry, now.mono),
        naks: session.map_or(0, ntp_proto::nts::NtsSession::naks),
        certificate_not_after: session.map(|session| unix_date(session.validity().not_after)),
        provisional: session.is_some_and(ntp_proto::nts::NtsSession::is_provisional),
    })
}

/// The reason for which a source with NTS has no association.
pub(super) fn why_missing(entry: &SourceEntry, now: MonoTime) -> SourceReason {
    let silent = || silent_for(entry, now).map(|waited_s| SourceReason::NtsKeSilent { waited_s });
    failure(entry, now)
        .or_else(silent)
        .unwrap_or(SourceReason::NtsEstablishing)
}

/// The seconds that key establishment has had no answer, once that is long enough to be shown.
pub(super) fn silent_for(entry: &SourceEntry, now: MonoTime) -> Option<f64> {
    let waited = now.since(entry.asking_since().filter(|_| entry.is_nts())?);
    (waited >= SLOW).then_some(waited.as_secs_f64())
}

/// The reason for which an association with NTS is of no use, if NTS is the cause.
pub(super) fn useless(member: &Member) -> Option<SourceReason> {
    let source = member.association();
    let session = source.session()?;
    if source.reach().is_reachable()
        || source.send_error().is_some()
        || source.demobilized().is_some()
    {
        return None;
    }
    if session.cookies() == 0 {
        Some(SourceReason::NtsOutOfCookies)
    } else if session.is_refused() {
        Some(SourceReason::NtsKeysRefused)
    } else if session.unauthentic() > 0 {
        Some(SourceReason::NtsUnauthenticatedReply)
    } else {
        None
    }
}

/// Further remarks about an association with NTS.
pub(super) fn notes(entry: &SourceEntry, member: &Member, now: MonoTime) -> Vec<SourceReason> {
    let wanted = member
        .association()
        .session()
        .is_some_and(|session| session.wants_keys(now));
    failure(entry, now).filter(|_| wanted).into_iter().collect()
}

fn failure(entry: &SourceEntry, now: MonoTime) -> Option<SourceReason> {
    let (failure, _) = entry
        .establishment()
        .last_failure()
        .filter(|_| entry.establishment().is_failing())?;
    Some(SourceReason::NtsKeFailed {
        stage: failure.stage.word().into(),
        reason: failure.reason.word().into(),
        message: failure.message.clone(),
        retry_in_s: retry_in(entry, now),
    })
}

fn retry_in(entry: &SourceEntry, now: MonoTime) -> Option<f64> {
    entry.retry_at().map(|at| at.since(now).as_secs_f64())
}

/// One of our NTS-KE servers.
pub(super) fn ke_server(service: &KeServiceStatus) -> NtsKeServerFacts {
    match service {
        KeServiceStatus::Running {
            status,
            connection_limit,
        } => running(status, *connection_limit),
        KeServiceStatus::Waiting {
            listen,
            connection_limit,
            error,
        } => NtsKeServerFacts {
            listen_address: listen.to_string(),
            connection_limit: *connection_limit as u64,
            start_error: Some(error.clone()),
            ..NtsKeServerFacts::default()
        },
    }
}

fn running(status: &KeServerStatus, connection_limit: usize) -> NtsKeServerFacts {
    let (stats, certificate) = (status.stats(), status.certificate());
    let others = [
        ("over-limit-total", stats.over_limit_total),
        ("over-limit-client", stats.over_limit_client),
        ("no-alpn", stats.no_alpn),
        ("tls-failed", stats.tls_failed),
        ("closed-early", stats.closed_early),
        ("timed-out", stats.timed_out),
    ];
    let refused = stats
        .refused
        .into_iter()
        .chain(others)
        .filter(|(_, count)| *count > 0);
    NtsKeServerFacts {
        listen_address: status.address().to_string(),
        accepted: stats.accepted,
        granted: stats.granted,
        refused: refused
            .map(|(word, count)| (word.to_owned(), count))
            .collect(),
        open_connections: stats.open,
        connection_limit: connection_limit as u64,
        certificate: certificate
            .chain
            .first()
            .map(|certificate| CertificateFacts {
                subject: certificate.subject.clone(),
                not_before: unix_date(certificate.validity.not_before),
                not_after: unix_date(certificate.validity.not_after),
            }),
        certificate_error: certificate.reload_error,
        start_error: None,
    }
}

/// The keys of our own cookies.
pub(super) fn keyset(status: &CookieKeyStatus) -> KeysetFacts {
    let now = tokio::time::Instant::now();
    KeysetFacts {
        current_key_id: format!("{:08x}", status.current_id),
        key_count: count(status.count),
        key_age_s: (status.age_before + now.duration_since(status.rotated)).as_secs_f64(),
        next_rotation_in_s: Some(
            status
                .next_rotation
                .saturating_duration_since(now)
                .as_secs_f64(),
        ),
        stored: status.stored,
        storage_error: status.storage_error.clone(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
