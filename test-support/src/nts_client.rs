//! A client that establishes NTS keys once, and asks for the time on demand.
//!
//! Key establishment is that of `ntp-ke`, which tests against other people's servers have shown to
//! be right.

use ntp_config::{HostPort, Trust};
use ntp_ke::client::{CertificateTime, Connector, Established, Failure, establish};
use ntp_proto::nts::{
    AeadAlgorithm, Cookie, CookieJar, KeyPair, MAX_PROTECTED_REQUEST, Response, ResponseRefusal,
    UniqueId, open_response, protect_request,
};
use ntp_proto::packet::Header;
use rand::SeedableRng as _;
use rand::rngs::{ChaCha12Rng, SysRng};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The limit for an establishment.
const PATIENCE: Duration = Duration::from_secs(10);

/// An NTS client that trusts one authority.
pub struct NtsClient {
    connector: Connector,
    runtime: tokio::runtime::Runtime,
}

impl NtsClient {
    /// A client that believes the authority in a file, and wants one of these algorithms.
    ///
    /// # Panics
    /// If the file is not one of an authority.
    #[must_use]
    pub fn new(authority: &Path, algorithms: &[AeadAlgorithm]) -> Self {
        let trust = Trust {
            certificate_authorities: vec![authority.to_owned()],
            system_authorities: false,
            aead_algorithms: algorithms.to_vec(),
            ..Trust::default()
        };
        let connector = Connector::new(&trust).expect("the authority can be read");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self {
            connector,
            runtime: runtime.expect("the system gives an event queue"),
        }
    }

    /// Asks a server for keys and cookies.
    ///
    /// # Errors
    /// Names the stage at which it failed, and the reason.
    pub fn establish(&self, server: SocketAddr) -> Result<Established, Box<Failure>> {
        let target = HostPort {
            host: server.ip().to_string(),
            port: server.port(),
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        self.runtime
            .block_on(establish(
                &target,
                &self.connector,
                CertificateTime::At(now),
                PATIENCE,
            ))
            .map_err(Box::new)
    }

    /// The same, ready to ask for the time.
    ///
    /// # Errors
    /// Names the stage at which it failed, and the reason.
    pub fn session(&self, server: SocketAddr) -> Result<NtsSession, Box<Failure>> {
        self.establish(server).map(NtsSession::new)
    }
}

/// Keys and cookies.
pub struct NtsSession {
    keys: KeyPair,
    jar: CookieJar,
    rng: ChaCha12Rng,
}

impl NtsSession {
    fn new(established: Established) -> Self {
        Self {
            keys: established.keys.primary,
            jar: established.reply.cookies,
            rng: ChaCha12Rng::try_from_rng(&mut SysRng).expect("the system gives random numbers"),
        }
    }

    /// The keys of the session.
    #[must_use]
    pub const fn keys(&self) -> &KeyPair {
        &self.keys
    }

    /// The cookies that are left, the oldest first.
    pub fn cookies(&self) -> impl Iterator<Item = &Cookie> {
        self.jar.iter()
    }

    /// A protected request, which uses up a cookie, and what its reply has to repeat.
    ///
    /// # Panics
    /// If there is no cookie left.
    pub fn request(&mut self, header: &Header) -> (Vec<u8>, UniqueId) {
        let mut buffer = [0; MAX_PROTECTED_REQUEST];
        let written = protect_request(
            header,
            &mut self.jar,
            &self.keys.c2s,
            &mut self.rng,
            &mut buffer,
        );
        let written = written.expect("there is a cookie, and room for it");
        (
            buffer.split_at(written.length).0.to_vec(),
            written.unique_id,
        )
    }

    /// Opens a reply, and keeps its cookies.
    ///
    /// # Errors
    /// Names the reason for which it is not.
    pub fn open(&mut self, octets: &[u8], unique_id: &UniqueId) -> Result<Header, ResponseRefusal> {
        let Response { header, cookies } =
            open_response(octets, unique_id, &self.keys.s2c)?.into_value();
        self.jar.extend(cookies);
        Ok(header)
    }
}
