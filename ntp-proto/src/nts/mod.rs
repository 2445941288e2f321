//! Network Time Security (RFC 8915).

mod aead;
mod exporter;
mod gcm_siv;
mod siv;

pub use aead::{AeadAlgorithm, AeadKey, Forged, MAX_KEY_LENGTH, MAX_NONCE_LENGTH, TAG_LENGTH};
pub use exporter::{EXPORTER_LABEL, KeyPair, PROTOCOL_NTPV4};
