//! Maps TLS errors to a stage and a reason.

use super::certificate_reason::CertificateReason;
use super::failure::Stage;
use super::failure_reason::FailureReason;
use super::presented::Presented;
use ntp_config::sanitize;
use rustls::{AlertDescription, Error, PeerIncompatible, PeerMisbehaved};
use std::io;

/// The most characters of the library's message.
const MAX_TEXT: usize = 160;

/// The stage and the reason of an error of a TLS stream during `stage`.
pub(super) fn from_stream(
    stage: Stage,
    error: &io::Error,
    presented: &Presented,
) -> (Stage, FailureReason) {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
    {
        Some(error) => from_tls(stage, error, presented),
        None => (stage, FailureReason::network(error)),
    }
}

/// The stage and the reason of a TLS error.
pub(super) fn from_tls(
    stage: Stage,
    error: &Error,
    presented: &Presented,
) -> (Stage, FailureReason) {
    match error {
        Error::InvalidCertificate(error) => (
            Stage::Certificate,
            FailureReason::Certificate(CertificateReason::new(error, presented)),
        ),
        Error::NoCertificatesPresented => (
            Stage::Certificate,
            FailureReason::Certificate(CertificateReason::Malformed),
        ),
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | Error::NoApplicationProtocol
        | Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
            (Stage::Alpn, FailureReason::NoAlpn)
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => (stage, FailureReason::TlsVersion),
        Error::AlertReceived(alert) => (
            stage,
            FailureReason::Alert {
                name: alert_name(*alert),
            },
        ),
        // Before the first valid record, the peer most likely does not speak TLS at all.
        Error::InvalidMessage(_) if stage == Stage::Tls && presented.facts.is_empty() => {
            (stage, FailureReason::NotTls)
        }
        other => (
            stage,
            FailureReason::Tls(sanitize(&other.to_string(), MAX_TEXT)),
        ),
    }
}

/// The name of an alert in RFC 8446 §6.
fn alert_name(alert: AlertDescription) -> String {
    let Some(name) = alert.as_str() else {
        return format!("alert {}", u8::from(alert));
    };
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (place, letter) in letters.iter().enumerate() {
        let after = place.checked_sub(1).and_then(|before| letters.get(before));
        let before_small = letters.get(place + 1).is_some_and(char::is_ascii_lowercase);
        let starts_word = after.is_some_and(|after| !after.is_ascii_uppercase() || before_small);
        if letter.is_ascii_uppercase() && starts_word {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_the_names_of_the_standard() {
        assert_eq!(
            alert_name(AlertDescription::HandshakeFailure),
            "handshake_failure"
        );
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(
            alert_name(AlertDescription::UnknownPSKIdentity),
            "unknown_psk_identity"
        );
        assert_eq!(alert_name(AlertDescription::from(200)), "alert 200");
    }
}
