//! The NTS keys and cookies of our sources, kept over a restart so that it needs no handshake.
//!
//! They are written when the daemon ends and removed when it starts: a cookie must not be used
//! twice, and after a crash it would be unknown which have been.
//!
//! The file is a JSON document with a `schema` number. A file of another schema is removed like any
//! other, and new keys are established: nothing is lost but one handshake for each source.

use crate::reload::NumberedSources;
use crate::state::file;
use crate::state::wall_clock::unix_now;
use data_encoding::HEXLOWER;
use ntp_config::{SourceEntry, SourceKind, Trust};
use ntp_proto::client::entry::SourceEntryId;
use ntp_proto::nts::{
    AeadAlgorithm, AeadKey, ClientKeys, Cookie, CookieJar, KeyPair, NtsGrant, Validity,
};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// The version of the file. Until schema 1, `trust` was a text that depended on the build.
const SCHEMA: u32 = 2;

/// The part of the file that every schema has.
#[derive(Deserialize)]
struct AnySchema {
    schema: u32,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    schema: u32,
    saved_unix_s: u64,
    sessions: Vec<KeptSession>,
}

#[derive(Serialize, Deserialize)]
struct KeptSession {
    ke_server: String,
    /// The demands that the server's certificate met; with others the keys are not used.
    trust: TrustFingerprint,
    address: SocketAddr,
    aead: u16,
    primary: KeptPair,
    alternate: Option<KeptPair>,
    cookies: Vec<Secret>,
    not_before_unix_s: i64,
    not_after_unix_s: i64,
    age_s: u64,
}

/// The demands of a source on key establishment, in a form that can be stored and compared.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct TrustFingerprint {
    /// The files of authorities, in the order of the configuration.
    certificate_authorities: Vec<String>,
    system_authorities: bool,
    /// SHA-256 digests, in hexadecimal digits.
    pinned_keys: Vec<String>,
    /// The offered algorithms by their numbers (IANA registry of AEAD algorithms), the preferred
    /// one first.
    aead_algorithms: Vec<u16>,
}

impl TrustFingerprint {
    fn new(trust: &Trust) -> Self {
        let files = trust.certificate_authorities.iter();
        Self {
            certificate_authorities: files
                .map(|path| path.to_string_lossy().into_owned())
                .collect(),
            system_authorities: trust.system_authorities,
            pinned_keys: trust
                .pinned_keys
                .iter()
                .map(|digest| HEXLOWER.encode(digest))
                .collect(),
            aead_algorithms: trust
                .aead_algorithms
                .iter()
                .map(|algorithm| algorithm.id())
                .collect(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct KeptPair {
    c2s: Secret,
    s2c: Secret,
}

/// Octets in hexadecimal digits, wiped when dropped.
#[derive(Serialize, Deserialize)]
struct Secret(Zeroizing<String>);

impl Secret {
    fn new(octets: &[u8]) -> Self {
        Self(Zeroizing::new(HEXLOWER.encode(octets)))
    }

    fn octets(&self) -> Option<Zeroizing<Vec<u8>>> {
        HEXLOWER.decode(self.0.as_bytes()).ok().map(Zeroizing::new)
    }
}

impl KeptPair {
    fn new(pair: &KeyPair) -> Self {
        Self {
            c2s: Secret::new(pair.c2s.secret()),
            s2c: Secret::new(pair.s2c.secret()),
        }
    }

    fn pair(&self, algorithm: AeadAlgorithm) -> Option<KeyPair> {
        let key = |secret: &Secret| AeadKey::new(algorithm, &secret.octets()?);
        Some(KeyPair {
            c2s: key(&self.c2s)?,
            s2c: key(&self.s2c)?,
        })
    }
}

impl KeptSession {
    fn new(entry: &SourceEntry, granted: &NtsGrant) -> Option<Self> {
        let SourceKind::Nts { address, trust } = &entry.kind else {
            return None;
        };
        Some(Self {
            ke_server: address.to_string(),
            trust: TrustFingerprint::new(trust),
            address: *granted.addresses.first()?,
            aead: granted.keys.primary.algorithm().id(),
            primary: KeptPair::new(&granted.keys.primary),
            alternate: granted.keys.alternate.as_ref().map(KeptPair::new),
            cookies: granted
                .cookies
                .iter()
                .map(|cookie| Secret::new(cookie.octets()))
                .collect(),
            not_before_unix_s: granted.validity.not_before,
            not_after_unix_s: granted.validity.not_after,
            age_s: granted.age.as_secs(),
        })
    }

    fn granted(&self, since_saved: u64) -> Option<NtsGrant> {
        let algorithm = AeadAlgorithm::from_id(self.aead)?;
        let mut cookies = CookieJar::new();
        for cookie in &self.cookies {
            cookies.put(Cookie::new(&cookie.octets()?)?);
        }
        let alternate = match &self.alternate {
            Some(alternate) => Some(alternate.pair(algorithm)?),
            None => None,
        };
        Some(NtsGrant {
            addresses: vec![self.address],
            keys: ClientKeys {
                primary: self.primary.pair(algorithm)?,
                alternate,
            },
            cookies,
            validity: Validity {
                not_before: self.not_before_unix_s,
                not_after: self.not_after_unix_s,
            },
            provisional: false,
            age: Duration::from_secs(self.age_s.saturating_add(since_saved)),
        })
    }
}

/// Takes the sessions that an earlier run has kept for these sources, and removes the file.
pub(crate) fn take(path: &Path, sources: &NumberedSources) -> Vec<(SourceEntryId, NtsGrant)> {
    let Some(text) = file::read(path).map(Zeroizing::new) else {
        return Vec::new();
    };
    if let Err(error) = file::remove(path) {
        // A cookie that is used now and again at the next start would show observers that both are
        // the same client.
        tracing::warn!(
            "cannot remove {}: {error}; new keys are established instead",
            path.display()
        );
        return Vec::new();
    }
    let Some(kept) = parse(&text) else {
        return Vec::new();
    };
    let since_saved = unix_now().saturating_sub(kept.saved_unix_s);
    let of = |(id, entry): (SourceEntryId, &SourceEntry)| {
        let SourceKind::Nts { address, trust } = &entry.kind else {
            return None;
        };
        let (name, trust) = (address.to_string(), TrustFingerprint::new(trust));
        let session = kept
            .sessions
            .iter()
            .find(|session| session.ke_server == name && session.trust == trust)?;
        Some((id, session.granted(since_saved)?))
    };
    sources.iter().filter_map(of).collect()
}

/// The content of the file; `None` if it cannot be used. A file of another schema is no error.
fn parse(text: &[u8]) -> Option<Kept> {
    let kept = serde_json::from_slice(text).and_then(|AnySchema { schema }| {
        (schema == SCHEMA)
            .then(|| serde_json::from_slice(text))
            .transpose()
    });
    kept.unwrap_or_else(|error| {
        tracing::warn!(
            "the stored NTS keys of the sources cannot be read ({error}); new keys are established"
        );
        None
    })
}

/// The sessions as a file for the next start; `None` if there are none.
pub(crate) fn to_octets(
    sources: &NumberedSources,
    sessions: &[(SourceEntryId, NtsGrant)],
) -> Option<Vec<u8>> {
    let of = |(entry, granted): &(SourceEntryId, NtsGrant)| {
        KeptSession::new(sources.get(*entry)?, granted)
    };
    let kept = Kept {
        schema: SCHEMA,
        saved_unix_s: unix_now(),
        sessions: sessions.iter().filter_map(of).collect(),
    };
    (!kept.sessions.is_empty()).then(|| {
        serde_json::to_vec(&kept).expect("invariant: text and numbers can be written as JSON")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_config::HostPort;
    use ntp_proto::association::AssociationConfig;
    use rand::SeedableRng;
    use rand::rngs::ChaCha12Rng;
    use std::os::unix::fs::PermissionsExt;

    fn source(host: &str, trust: Trust) -> SourceEntry {
        let address = HostPort {
            host: host.into(),
            port: 4460,
        };
        SourceEntry {
            kind: SourceKind::Nts { address, trust },
            settings: AssociationConfig::default(),
        }
    }

    fn granted() -> NtsGrant {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let algorithm = AeadAlgorithm::Aes128GcmSiv;
        let mut pair = || KeyPair {
            c2s: AeadKey::random(algorithm, &mut rng),
            s2c: AeadKey::random(algorithm, &mut rng),
        };
        let keys = ClientKeys {
            primary: pair(),
            alternate: Some(pair()),
        };
        let mut cookies = CookieJar::new();
        cookies.extend((0..8).filter_map(|octet| Cookie::new(&[octet; 72])));
        NtsGrant {
            addresses: vec!["192.0.2.1:123".parse().unwrap()],
            keys,
            cookies,
            validity: Validity {
                not_before: 1,
                not_after: 2,
            },
            provisional: false,
            age: Duration::from_secs(77),
        }
    }

    fn numbered(sources: &[SourceEntry]) -> NumberedSources {
        NumberedSources::new(sources.to_vec())
    }

    fn keep(path: &Path, sources: &[SourceEntry], sessions: &[(SourceEntryId, NtsGrant)]) {
        file::replace(
            path,
            file::SECRET,
            &to_octets(&numbered(sources), sessions).unwrap(),
        )
        .unwrap();
    }

    #[test]
    fn kept_sessions_come_back_once_and_only_their_owner_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let sources = [
            source("a.example", Trust::default()),
            source("b.example", Trust::default()),
        ];
        keep(&path, &sources, &[(SourceEntryId::new(1), granted())]);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );

        let back = take(&path, &numbered(&sources));
        assert_eq!(back.len(), 1);
        let (entry, session) = &back[0];
        assert_eq!(*entry, SourceEntryId::new(1));
        assert_eq!(
            session.keys.primary.c2s.secret(),
            granted().keys.primary.c2s.secret()
        );
        assert_eq!(
            session.keys.alternate.as_ref().unwrap().s2c.secret(),
            granted().keys.alternate.unwrap().s2c.secret()
        );
        assert!(session.cookies.iter().eq(granted().cookies.iter()));
        assert!(session.age >= Duration::from_secs(77));
        assert!(take(&path, &numbered(&sources)).is_empty(), "a second time");
    }

    #[test]
    fn keys_of_another_server_or_of_other_demands_are_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let before = [source("a.example", Trust::default())];
        let pinned = Trust {
            pinned_keys: vec![[1; 32]],
            ..Trust::default()
        };
        for after in [
            source("b.example", Trust::default()),
            source("a.example", pinned),
        ] {
            keep(&path, &before, &[(SourceEntryId::new(0), granted())]);
            assert!(take(&path, &numbered(&[after])).is_empty());
        }
    }

    #[test]
    fn a_broken_file_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        for text in [
            "",
            "{",
            "{\"schema\":2,\"saved_unix_s\":0,\"sessions\":[{}]}",
            "{\"schema\":3}",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(take(&path, &numbered(&[source("a.example", Trust::default())])).is_empty());
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_file_of_schema_1_is_replaced_without_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let text = r#"{"schema":1,"saved_unix_s":0,"sessions":[{"ke_server":"a.example:4460",
            "trust":"Trust { system_authorities: true }","address":"192.0.2.1:123"}]}"#;
        std::fs::write(&path, text).unwrap();
        assert!(parse(text.as_bytes()).is_none());
        let sources = [source("a.example", Trust::default())];
        assert!(take(&path, &numbered(&sources)).is_empty());
        assert!(!path.exists());
    }
}
