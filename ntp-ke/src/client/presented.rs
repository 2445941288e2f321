//! The certificates that a server has presented in a handshake.

use crate::certificate::CertificateFacts;
use ntp_proto::nts::Validity;

/// The certificates of a server, accepted or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Presented {
    /// The chain, the server's own certificate first.
    pub(super) facts: Vec<CertificateFacts>,
    /// The time in which all certificates from the server's own up to the authority are valid.
    pub(super) validity: Option<Validity>,
}
