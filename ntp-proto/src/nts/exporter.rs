//! From a TLS session to the keys of both directions (RFC 8915 §4.2, §5.1).

use super::{AeadAlgorithm, AeadKey};

/// The label under which TLS exports the keys.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-network-time-security";

/// The number of NTPv4 in the registry of next protocols.
pub const PROTOCOL_NTPV4: u16 = 0;

/// Which way a key protects packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    ClientToServer = 0,
    ServerToClient = 1,
}

/// The keys of a client and a server.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// Protects requests.
    pub c2s: AeadKey,
    /// Protects replies.
    pub s2c: AeadKey,
}

impl KeyPair {
    /// Has TLS export both keys. `exporter` gets the label, the context and the place to fill: the
    /// arguments of `export_keying_material` of a TLS library.
    ///
    /// `context` is the algorithm that the exporter's context names. It is `algorithm` itself but
    /// with some peers of [`AeadAlgorithm::Aes128GcmSiv`], which name [`AeadAlgorithm::SivCmac256`]
    /// there.
    ///
    /// # Errors
    /// The error of `exporter`.
    pub fn export<E>(
        algorithm: AeadAlgorithm,
        context: AeadAlgorithm,
        mut exporter: impl FnMut(&[u8], &[u8], &mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut key = |direction| {
            AeadKey::try_make(algorithm, |place| {
                exporter(EXPORTER_LABEL, &exporter_context(context, direction), place)
            })
        };
        Ok(Self {
            c2s: key(Direction::ClientToServer)?,
            s2c: key(Direction::ServerToClient)?,
        })
    }

    /// The algorithm of both keys.
    #[must_use]
    pub const fn algorithm(&self) -> AeadAlgorithm {
        self.c2s.algorithm()
    }
}

const fn exporter_context(algorithm: AeadAlgorithm, direction: Direction) -> [u8; 5] {
    let [protocol_high, protocol_low] = PROTOCOL_NTPV4.to_be_bytes();
    let [high, low] = algorithm.id().to_be_bytes();
    [protocol_high, protocol_low, high, low, direction as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn the_context_tells_protocol_algorithm_and_direction() {
        let mut asked = Vec::new();
        let pair = KeyPair::export(
            AeadAlgorithm::Aes128GcmSiv,
            AeadAlgorithm::SivCmac256,
            |label, context, out| {
                assert_eq!(label, b"EXPORTER-network-time-security");
                asked.push(context.to_vec());
                out.fill(asked.len() as u8);
                Ok::<_, Infallible>(())
            },
        )
        .unwrap();
        assert_eq!(asked, [[0, 0, 0, 15, 0], [0, 0, 0, 15, 1]]);
        assert_eq!(pair.c2s.secret(), [1; 16]);
        assert_eq!(pair.s2c.secret(), [2; 16]);
    }

    #[test]
    fn a_refused_export_makes_no_keys() {
        let refused = KeyPair::export(
            AeadAlgorithm::SivCmac256,
            AeadAlgorithm::SivCmac256,
            |_, _, _| Err("handshake"),
        );
        assert_eq!(refused.unwrap_err(), "handshake");
    }
}
