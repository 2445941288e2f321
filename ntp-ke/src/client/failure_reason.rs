//! The reasons for which an establishment fails, at any stage.

use super::certificate_reason::CertificateReason;
use super::family::Family;
use ntp_proto::StableWord;
use ntp_proto::nts::{KeError, KeReason};
use std::io;
use std::time::Duration;

/// The reason for which an establishment failed. Texts of the peer and the system are sanitized.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FailureReason {
    /// The resolver has no address for the name, or does not answer.
    NameNotResolved {
        /// The requested name.
        name: String,
        /// The resolver's message.
        error: String,
    },
    /// The name has no address that a server can have.
    NoUsableAddress {
        /// The requested name.
        name: String,
    },
    /// The name has no address of the requested family.
    NotOfFamily {
        /// The requested name.
        name: String,
        /// The family.
        family: Family,
    },
    /// The requested name cannot be in a certificate.
    NotAHostName {
        /// The requested name.
        name: String,
    },
    /// The deadline passed.
    TimedOut {
        /// The time that was left for the stage.
        after: Duration,
    },
    /// The host refused the connection.
    Refused,
    /// The host or network is unreachable; with the system's message.
    Unreachable(String),
    /// The server reset the connection.
    Reset,
    /// The server closed the connection too early.
    Closed,
    /// Another network error, with the system's message.
    Network(String),
    /// The server's octets are not TLS.
    NotTls,
    /// The server does not speak TLS 1.3.
    TlsVersion,
    /// The server sent a TLS alert.
    Alert {
        /// Its name in RFC 8446 §6, or its number.
        name: String,
    },
    /// Another TLS error, with the library's message.
    Tls(String),
    /// The certificates were refused.
    Certificate(CertificateReason),
    /// The server speaks TLS but not NTS key establishment.
    NoAlpn,
    /// The server's NTS-KE records are an error, or cannot be used.
    Records(KeError),
}

impl FailureReason {
    /// The reason for an error of a socket.
    pub(super) fn network(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionRefused => Self::Refused,
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => Self::Reset,
            Kind::UnexpectedEof => Self::Closed,
            Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::AddrNotAvailable => Self::Unreachable(error.to_string()),
            // The kernel's own timeout, about two minutes.
            Kind::TimedOut => Self::Unreachable(error.to_string()),
            _ => Self::Network(error.to_string()),
        }
    }

    /// The reason without its details.
    #[must_use]
    pub const fn kind(&self) -> KeReason {
        match self {
            Self::NameNotResolved { .. } => KeReason::NameNotResolved,
            Self::NoUsableAddress { .. } => KeReason::NoUsableAddress,
            Self::NotOfFamily { .. } => KeReason::NoAddressOfFamily,
            Self::NotAHostName { .. } => KeReason::NotAHostName,
            Self::TimedOut { .. } => KeReason::TimedOut,
            Self::Refused => KeReason::ConnectionRefused,
            Self::Unreachable(_) => KeReason::Unreachable,
            Self::Reset => KeReason::ConnectionReset,
            Self::Closed => KeReason::ConnectionClosed,
            Self::Network(_) => KeReason::NetworkError,
            Self::NotTls => KeReason::NotTls,
            Self::TlsVersion => KeReason::TlsVersion,
            Self::Alert { .. } => KeReason::TlsAlert,
            Self::Tls(_) => KeReason::TlsError,
            Self::Certificate(reason) => reason.kind(),
            Self::NoAlpn => KeReason::NoAlpn,
            Self::Records(error) => KeReason::Records(*error),
        }
    }
}

impl StableWord for FailureReason {
    fn word(&self) -> &'static str {
        self.kind().word()
    }
}

impl std::fmt::Display for FailureReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NameNotResolved { name, error } => {
                write!(
                    f,
                    "the name {name} cannot be resolved ({error}); check its spelling and the \
                     resolver"
                )
            }
            Self::NoUsableAddress { name } => write!(f, "the name {name} has no usable address"),
            Self::NotOfFamily { name, family } => write!(f, "{name} has no {family} address"),
            Self::NotAHostName { name } => {
                write!(f, "{name} is not a host name that a certificate can name")
            }
            Self::TimedOut { after } => write!(f, "no reply within {:.1} s", after.as_secs_f64()),
            Self::Refused => f.write_str("connection refused; check the port and the firewalls"),
            Self::Unreachable(error) => write!(f, "the host cannot be reached ({error})"),
            Self::Reset => f.write_str(
                "the server reset the connection; it may have too many connections, or a firewall \
                 may interfere",
            ),
            Self::Closed => f.write_str("the server closed the connection without a reply"),
            Self::Network(error) => write!(f, "network error ({error})"),
            Self::NotTls => f.write_str("the server does not speak TLS; check the port"),
            Self::TlsVersion => {
                f.write_str("the server does not support TLS 1.3, which NTS requires")
            }
            Self::Alert { name } => {
                write!(f, "the server sent the TLS alert `{name}`")?;
                f.write_str(match name.as_str() {
                    "handshake_failure" => ": no parameters in common, such as TLS 1.3",
                    "unrecognized_name" => ": it does not serve this name",
                    "certificate_required" => {
                        ": it requires a client certificate, which NTS does not use"
                    }
                    "internal_error" => ": the error is the server's own",
                    _ => "",
                })
            }
            Self::Tls(error) => write!(f, "TLS error ({error})"),
            Self::Certificate(reason) => reason.fmt(f),
            Self::NoAlpn => f.write_str(
                "the server speaks TLS but not NTS key establishment (it did not accept the \
                 protocol ntske/1); check the port",
            ),
            Self::Records(error) => error.fmt(f),
        }
    }
}
