//! Reads single values of a command line in the same way as those of a file.

pub use crate::bad_text::BadText;

use crate::address;
use crate::config::HostPort;
use crate::section::{aead, trust};
use ntp_proto::nts::AeadAlgorithm;

/// Reads a host with or without a port, as `ntp.example.org`, `192.0.2.1:124` or
/// `[2001:db8::1]:123`.
///
/// # Errors
/// If the text is not a host, or not the address of one server.
pub fn host(text: &str, default_port: u16) -> Result<HostPort, BadText> {
    let host = address::host(text)?;
    match address::not_a_server(&host.host) {
        Some(refusal) => Err(refusal),
        None => Ok(host.or_port(default_port)),
    }
}

/// Reads the SHA-256 of a public key as `pinned-keys` does: 64 hexadecimal digits or base64.
///
/// # Errors
/// If it is neither; the remedy is the command that prints it.
pub fn pinned_key(text: &str) -> Result<[u8; 32], BadText> {
    trust::key_hash(text)
}

/// Reads the name or the number of an algorithm as `aead-algorithms` does.
///
/// # Errors
/// If there is no such algorithm; the remedy lists all.
pub fn aead_algorithm(text: &str) -> Result<AeadAlgorithm, BadText> {
    match text.parse::<u16>() {
        Ok(id) => aead::from_number(id.into()),
        Err(_) => aead::from_name(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NTP_PORT, NTS_KE_PORT};

    #[test]
    fn a_host_gets_the_port_of_its_protocol_unless_it_names_one() {
        assert_eq!(
            host("ntp.example.org", NTS_KE_PORT).unwrap().to_string(),
            "ntp.example.org:4460"
        );
        assert_eq!(
            host("[2001:db8::1]:1234", NTP_PORT).unwrap().to_string(),
            "[2001:db8::1]:1234"
        );
    }

    #[test]
    fn an_address_that_no_server_can_have_is_refused_with_a_remedy() {
        let refused = host("0.0.0.0", NTP_PORT).unwrap_err();
        assert!(
            refused
                .to_string()
                .ends_with("not the address of one server; write the address of the server")
        );
        assert!(
            host("ntp://x", NTP_PORT)
                .unwrap_err()
                .to_string()
                .contains("is a URL")
        );
    }

    #[test]
    fn algorithms_have_names_and_numbers() {
        assert_eq!(
            aead_algorithm("aes-siv-cmac-256"),
            Ok(AeadAlgorithm::SivCmac256)
        );
        assert_eq!(aead_algorithm("30"), Ok(AeadAlgorithm::Aes128GcmSiv));
        let refused = aead_algorithm("AES-SIV-CMAC-265").unwrap_err().to_string();
        assert!(
            refused.contains("did you mean `AES-SIV-CMAC-256`?"),
            "{refused}"
        );
    }

    #[test]
    fn a_key_is_read_in_hexadecimal_and_in_base64() {
        assert_eq!(pinned_key(&"5a".repeat(32)), Ok([0x5a; 32]));
        assert_eq!(
            pinned_key("sha256//WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo="),
            Ok([0x5a; 32])
        );
        assert!(pinned_key("5a").is_err());
    }
}
