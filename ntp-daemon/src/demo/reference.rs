//! The reference server of the demonstration: a server worker that trusts this machine's clock, and
//! an NTS-KE server with a certificate that is made for the occasion.

use super::DemoError;
use crate::daemon::DaemonError;
use crate::lifecycle::EndReports;
use crate::nts::ke_servers::{KeService, KeServiceError, RunningKeService};
use crate::random::{seed, seeds};
use crate::server::{RunningGroup, Shared, WorkerGroup, open_sockets};
use crate::state::file;
use arc_swap::ArcSwap;
use ntp_config::{NtsKeServerEntry, ServerEntry};
use ntp_ke::server::KePool;
use ntp_os_clock::Clock;
use ntp_proto::nts::{AeadAlgorithm, KeySet};
use ntp_proto::packet::{LeapIndicator, ReferenceId, Stratum};
use ntp_proto::server::{ServedState, ServerConfig};
use ntp_proto::time::{Frequency, Seconds};
use rand::SeedableRng;
use rand::rngs::ChaCha12Rng;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A running reference server; it ends when dropped.
pub(super) struct Reference {
    ke_address: SocketAddr,
    key_establishment: Option<(RunningKeService, KePool)>,
    server: Option<RunningGroup>,
}

impl Reference {
    /// Starts it on free ports of the loopback interface. Its certificate and that of the
    /// authority, `ca.pem`, are written into `folder`.
    pub(super) fn start(folder: &Path) -> Result<Self, DemoError> {
        let clock = Clock::measuring();
        let state = ServedState {
            leap: LeapIndicator::NoWarning,
            stratum: Stratum::PRIMARY,
            precision: clock.precision(),
            root_delay: Seconds::ZERO,
            root_dispersion: Seconds::ZERO,
            dispersion_rate: Frequency::ZERO,
            at: clock.now(),
            reference_id: ReferenceId::from_letters(*b"LOCL"),
            reference_time: clock.now(),
            is_own_reference: true,
        };
        let entry = ServerEntry {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            interface: None,
            config: ServerConfig::default(),
            worker_threads: Some(1),
            pin_threads: false,
            coalescing: Duration::ZERO,
        };
        let served = Arc::new(ArcSwap::from_pointee(state));
        let keys = KeySet::new(
            1,
            0,
            &mut ChaCha12Rng::from_seed(seed().map_err(DaemonError::from)?),
        );
        let keys = Arc::new(ArcSwap::from_pointee(keys));
        let shared = Shared {
            reader: clock.reader(),
            served,
            keys: Some(Arc::clone(&keys)),
        };
        let mut seeds = seeds().map_err(DaemonError::from)?;
        let sockets = open_sockets(&entry, false).map_err(DaemonError::from)?;
        let group = WorkerGroup::new(&entry, false, sockets, &shared, &mut seeds);
        let served = group
            .address()
            .ok_or_else(|| DemoError::SetUp("no address".into()))?;
        let failed = |error: KeServiceError| DemoError::SetUp(error.to_string());
        let service =
            KeService::open(&key_establishment(folder)?, false, None, &[served]).map_err(failed)?;
        let ke_address = service.address();
        let pool = KePool::start(NonZeroUsize::MIN, || ()).map_err(|error| failed(error.into()))?;
        let (running, _) = service
            .start(&pool, keys)
            .map_err(|error| failed(error.into()))?;
        let (reports, _) = EndReports::new();
        let server = group
            .start(&reports)
            .map_err(|error| DemoError::SetUp(error.to_string()))?;
        Ok(Self {
            ke_address,
            key_establishment: Some((running, pool)),
            server: Some(server),
        })
    }

    /// The address of its NTS-KE server.
    pub(super) fn ke_address(&self) -> SocketAddr {
        self.ke_address
    }
}

/// An NTS-KE server with an authority and a certificate of its own, valid for two days.
fn key_establishment(folder: &Path) -> Result<NtsKeServerEntry, DemoError> {
    let failed = |error: rcgen::Error| DemoError::SetUp(error.to_string());
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(
        rcgen::DnType::CommonName,
        "Truechimer demonstration authority",
    );
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(
        valid_now(authority),
        rcgen::KeyPair::generate().map_err(failed)?,
    );
    let authority = authority.map_err(failed)?;

    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let mut server = CertificateParams::default();
    server
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Truechimer demonstration");
    server.subject_alt_names = vec![rcgen::SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server = valid_now(server)
        .signed_by(&key, &authority)
        .map_err(failed)?;

    write(&folder.join("ca.pem"), file::PUBLIC, &authority.pem())?;
    Ok(NtsKeServerEntry {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        certificate_chain: write(&folder.join("server.pem"), file::PUBLIC, &server.pem())?,
        private_key: write(
            &folder.join("server.key"),
            file::SECRET,
            &key.serialize_pem(),
        )?,
        timeout: Duration::from_secs(5),
        concurrent_connections: 16,
        connections_per_client: 16,
        ntp_server: None,
        ntp_port: None,
        aead_algorithms: AeadAlgorithm::ALL.to_vec(),
    })
}

fn valid_now(mut params: CertificateParams) -> CertificateParams {
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    params.not_before = (now - day).into();
    params.not_after = (now + day).into();
    params
}

fn write(path: &Path, mode: u32, text: &str) -> Result<PathBuf, DemoError> {
    let written = file::replace(path, mode, text.as_bytes());
    written.map_err(|error| DemoError::SetUp(format!("{}: {error}", path.display())))?;
    Ok(path.to_owned())
}

impl Drop for Reference {
    fn drop(&mut self) {
        if let Some((running, pool)) = self.key_establishment.take() {
            running.stop();
            pool.stop();
        }
        if let Some(server) = self.server.take() {
            server.shut_down();
        }
    }
}
