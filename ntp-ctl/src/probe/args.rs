//! The options of `query` and `nts`.

use ntp_config::text::{self, BadText};
use ntp_config::{AeadAlgorithm, HostPort, NTP_PORT, NTS_KE_PORT, Trust};
use ntp_probe::{Family, MAX_SAMPLES, Options};
use std::path::PathBuf;
use std::time::Duration;

/// The longest timeout, in seconds.
const MAX_TIMEOUT: f64 = 60.0;

/// The options of `ntp-ctl query`.
#[derive(Debug, clap::Args)]
pub(crate) struct QueryArgs {
    /// Host name or address of an NTP server, with its UDP port if that is not 123
    #[arg(value_name = "HOST[:PORT]", value_parser = ntp_server)]
    pub(super) server: HostPort,
    #[command(flatten)]
    pub(super) how: How,
}

/// The options of `ntp-ctl nts`.
#[derive(Debug, clap::Args)]
pub(crate) struct NtsArgs {
    /// Host name of an NTS-KE server, with its TCP port if that is not 4460
    #[arg(value_name = "HOST[:PORT]", value_parser = ke_server)]
    pub(super) server: HostPort,
    /// File with further certificate authorities to trust (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// Do not trust the system's certificate authorities
    #[arg(long, requires = "ca")]
    no_system_ca: bool,
    /// SHA-256 of a public key that must be in the server's chain (hexadecimal or base64)
    #[arg(long, value_name = "SHA256", value_parser = text::pinned_key)]
    pin: Vec<[u8; 32]>,
    /// AEAD algorithm to offer, by name or number; the first one is preferred
    #[arg(long, value_name = "NAME", value_parser = text::aead_algorithm)]
    aead: Vec<AeadAlgorithm>,
    #[command(flatten)]
    pub(super) how: How,
}

/// The options of both.
#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// The longest wait for each reply; key establishment may take twice as long
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = timeout)]
    timeout: Duration,
    /// Exchanges with the server, 1 to 8, two seconds apart
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=MAX_SAMPLES as i64))]
    samples: u8,
}

impl How {
    pub(super) fn options(&self) -> Options {
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        };
        Options {
            samples: self.samples.into(),
            timeout: self.timeout,
            family,
            ..Options::default()
        }
    }
}

impl NtsArgs {
    /// The TCP port of the NTS-KE server.
    pub(crate) const fn port(&self) -> u16 {
        self.server.port
    }

    /// The files with certificates of authorities.
    pub(crate) fn authority_files(&self) -> &[PathBuf] {
        &self.ca
    }

    /// The trust settings, as in the configuration of a source.
    pub(super) fn trust(&self) -> Trust {
        let offered = if self.aead.is_empty() {
            Trust::default().aead_algorithms
        } else {
            self.aead.clone()
        };
        Trust {
            certificate_authorities: self.ca.clone(),
            system_authorities: !self.no_system_ca,
            pinned_keys: self.pin.clone(),
            aead_algorithms: offered,
        }
    }
}

fn ntp_server(text: &str) -> Result<HostPort, BadText> {
    text::host(text, NTP_PORT)
}

fn ke_server(text: &str) -> Result<HostPort, BadText> {
    text::host(text, NTS_KE_PORT)
}

fn timeout(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.1..=MAX_TIMEOUT).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("write seconds from 0.1 to {MAX_TIMEOUT}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser as _;

    fn nts(line: &[&str]) -> Result<NtsArgs, clap::Error> {
        let line = ["ntp-ctl", "nts"].iter().chain(line);
        match Args::try_parse_from(line)?.command {
            Command::Nts(nts) => Ok(nts),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_protocol_has_its_port() {
        assert_eq!(
            nts(&["ntp.example.org"]).unwrap().server.to_string(),
            "ntp.example.org:4460"
        );
        assert_eq!(
            ntp_server("192.0.2.1").unwrap().to_string(),
            "192.0.2.1:123"
        );
    }

    #[test]
    fn what_is_to_be_believed_is_as_in_a_configuration() {
        let plain = nts(&["host"]).unwrap();
        assert_eq!(plain.trust(), Trust::default());

        let pin = "5a".repeat(32);
        let strict = nts(&[
            "host",
            "--ca",
            "ca.pem",
            "--no-system-ca",
            "--pin",
            &pin,
            "--aead",
            "aes-siv-cmac-256",
        ])
        .unwrap();
        let trust = Trust {
            certificate_authorities: vec!["ca.pem".into()],
            system_authorities: false,
            pinned_keys: vec![[0x5a; 32]],
            aead_algorithms: vec![AeadAlgorithm::SivCmac256],
        };
        assert_eq!(strict.trust(), trust);
    }

    #[test]
    fn options_that_make_no_sense_are_mistakes_of_usage() {
        let lines: [&[&str]; 8] = [
            &[],
            &["ntp://host"],
            &["host", "-4", "-6"],
            &["host", "--no-system-ca"],
            &["host", "--pin", "5a"],
            &["host", "--aead", "rot13"],
            &["host", "--samples", "9"],
            &["host", "--timeout", "0"],
        ];
        for line in lines {
            assert_eq!(nts(line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }

    #[test]
    fn one_family_can_be_chosen() {
        assert_eq!(
            nts(&["-6", "host"]).unwrap().how.options().family,
            Some(Family::V6)
        );
        assert_eq!(
            nts(&["host", "-4"]).unwrap().how.options().family,
            Some(Family::V4)
        );
        assert_eq!(nts(&["host"]).unwrap().how.options(), Options::default());
    }
}
