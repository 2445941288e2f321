//! What went wrong, at whichever stage.

use super::certificate_fault::CertificateFault;
use super::look_up::Family;
use ntp_proto::StableWord;
use ntp_proto::nts::{KeError, KeReason};
use std::io;
use std::time::Duration;

/// Why an establishment came to nothing. All text is harmless.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The resolver knows no address of this name, or does not answer.
    NameNotResolved {
        /// The name.
        name: String,
        /// What the resolver said.
        error: String,
    },
    /// The name has addresses, but none that a server can have.
    NoUsableAddress {
        /// The name.
        name: String,
    },
    /// The name has addresses, but none of the family that was asked for.
    NotOfFamily {
        /// The name.
        name: String,
        /// The family.
        family: Family,
    },
    /// What was asked for cannot stand in a certificate.
    NotAHostName {
        /// The name.
        name: String,
    },
    /// The time was up.
    TimedOut {
        /// How long the stage, or what was left for it, has lasted at most.
        after: Duration,
    },
    /// Nobody listens at the port.
    Refused,
    /// There is no way to the host.
    Unreachable(String),
    /// The other side has broken the connection off.
    Reset,
    /// The other side has closed the connection in the midst of it.
    Closed,
    /// Any other error of the network.
    Network(String),
    /// What came is not TLS.
    NotTls,
    /// The server does not speak TLS 1.3.
    TlsVersion,
    /// The server has refused with an alert.
    Alert {
        /// Its name in RFC 8446 §6, or its number.
        name: String,
    },
    /// The server does TLS in a way that cannot be followed.
    Tls(String),
    /// The certificates are not believed.
    Certificate(CertificateFault),
    /// The server speaks TLS, but not NTS key establishment.
    NoAlpn,
    /// The records of the server.
    Records(KeError),
}

impl Cause {
    /// From an error of a socket.
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
            // The kernel's own patience, about two minutes.
            Kind::TimedOut => Self::Unreachable(error.to_string()),
            _ => Self::Network(error.to_string()),
        }
    }

    /// The reason without its details.
    #[must_use]
    pub const fn reason(&self) -> KeReason {
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
            Self::Certificate(fault) => fault.reason(),
            Self::NoAlpn => KeReason::NoAlpn,
            Self::Records(error) => KeReason::Records(*error),
        }
    }
}

impl StableWord for Cause {
    fn word(&self) -> &'static str {
        self.reason().word()
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NameNotResolved { name, error } => {
                write!(f, "the name {name} cannot be resolved ({error}); check its spelling and the resolver")
            }
            Self::NoUsableAddress { name } => write!(f, "the name {name} has no address that a server can have"),
            Self::NotOfFamily { name, family } => write!(f, "{name} has no {family} address"),
            Self::NotAHostName { name } => write!(f, "{name} is no name that a certificate can be for"),
            Self::TimedOut { after } => write!(f, "no answer within {:.1} s", after.as_secs_f64()),
            Self::Refused => {
                f.write_str("connection refused: nothing listens there, or a firewall says so; is the port right?")
            }
            Self::Unreachable(error) => write!(f, "the host cannot be reached ({error})"),
            Self::Reset => f.write_str(
                "the other side broke the connection off; it may have too many connections, or a firewall interferes",
            ),
            Self::Closed => f.write_str("the other side closed the connection without an answer"),
            Self::Network(error) => write!(f, "the network failed ({error})"),
            Self::NotTls => f.write_str("what answers there does not speak TLS; is the port right?"),
            Self::TlsVersion => f.write_str("the server does not speak TLS 1.3, without which there is no NTS"),
            Self::Alert { name } => {
                write!(f, "the server refused with the TLS alert `{name}`")?;
                f.write_str(match name.as_str() {
                    "handshake_failure" => ": it has no parameters in common with us, such as TLS 1.3",
                    "unrecognized_name" => ": it does not serve this name",
                    "certificate_required" => ": it wants a certificate of ours, which NTS does not provide for",
                    "internal_error" => ": the fault is its own",
                    _ => "",
                })
            }
            Self::Tls(error) => write!(f, "TLS failed ({error})"),
            Self::Certificate(fault) => fault.fmt(f),
            Self::NoAlpn => f.write_str(
                "the server speaks TLS, but not NTS key establishment (it did not agree to the protocol ntske/1); is the \
                 port right?",
            ),
            Self::Records(error) => error.fmt(f),
        }
    }
}
