//! What a validated configuration says: the only form that the programs work with.

use ntp_proto::association::AssociationConfig;
use ntp_proto::clock::ClockConfig;
use ntp_proto::nts::AeadAlgorithm;
use ntp_proto::server::ServerConfig;
use ntp_proto::time::{Frequency, Seconds};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The configuration file that the programs read when none is named.
pub const DEFAULT_CONFIG_PATH: &str = "/etc/truechimer/ntp.toml";

/// The observation socket when none is configured.
pub const DEFAULT_OBSERVATION_PATH: &str = "/run/truechimer/observe.sock";

/// The folder of what survives a restart when none is configured.
pub const DEFAULT_STORAGE_DIRECTORY: &str = "/var/lib/truechimer";

/// The port of NTP, for sources and servers that name none.
pub const NTP_PORT: u16 = 123;

/// The TCP port of NTS key establishment, for sources and servers that name none (RFC 8915 §4).
pub const NTS_KE_PORT: u16 = 4460;

/// How many servers of a pool are used when the file does not say.
pub const DEFAULT_POOL_COUNT: usize = 4;

/// The longest wait for more requests when the file does not say.
pub const DEFAULT_COALESCING: Duration = Duration::from_micros(100);

/// A complete and consistent configuration.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Config {
    /// Whom we ask for the time: `[[source]]`.
    pub sources: Vec<SourceEntry>,
    /// Whom we tell the time: `[[server]]`.
    pub servers: Vec<ServerEntry>,
    /// Where we hand out keys and cookies for authenticated time: `[[nts-ke-server]]`.
    pub nts_ke_servers: Vec<NtsKeServerEntry>,
    /// What these share: `[nts-ke]`.
    pub nts_ke: NtsKe,
    /// The keys that seal our cookies: `[keyset]`.
    pub keyset: Keyset,
    /// How the clock is disciplined: `[synchronization]`.
    pub synchronization: Synchronization,
    /// Which clock is disciplined: `[clock]`.
    pub clock: ClockSection,
    /// What can be seen from outside: `[observability]`.
    pub observability: Observability,
    /// What is kept over a restart: `[storage]`.
    pub storage: Storage,
}

impl Config {
    /// The most servers that these sources can ever bring into use; a pool brings its `count`.
    #[must_use]
    pub fn most_usable_sources(&self) -> usize {
        self.sources
            .iter()
            .map(|source| source.kind.most_servers())
            .sum()
    }
}

/// One `[[source]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceEntry {
    /// Where it comes from.
    pub kind: SourceKind,
    /// How each of its associations behaves.
    pub settings: AssociationConfig,
}

/// The `mode` of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SourceKind {
    /// One server; if the name has several addresses, one of them is used.
    Server {
        /// The server.
        address: HostPort,
    },
    /// A name behind which there are many servers.
    Pool {
        /// The name of the pool.
        address: HostPort,
        /// How many of its servers are used at a time, 1 to 16.
        count: usize,
        /// Addresses that are never used.
        ignore: Vec<IpAddr>,
    },
    /// One server whose time is authenticated by NTS (RFC 8915).
    Nts {
        /// The server of key establishment: its name, as in its certificate, and its TCP port.
        address: HostPort,
        /// Which certificates are believed, and which algorithms are offered.
        trust: Trust,
    },
}

/// What a source of authenticated time is held to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// Files with certificates of authorities (PEM) that are believed.
    pub certificate_authorities: Vec<PathBuf>,
    /// Whether the authorities that the system believes are believed as well.
    pub system_authorities: bool,
    /// SHA-256 over the public key (SubjectPublicKeyInfo, DER) of a certificate, one of which must
    /// be in the server's chain; empty: any key will do. This comes on top of a valid chain.
    pub pinned_keys: Vec<[u8; 32]>,
    /// The algorithms that are offered, the most wanted first; never empty.
    pub aead_algorithms: Vec<AeadAlgorithm>,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            certificate_authorities: Vec::new(),
            system_authorities: true,
            pinned_keys: Vec::new(),
            aead_algorithms: AeadAlgorithm::ALL.to_vec(),
        }
    }
}

impl SourceKind {
    /// The host and port behind it.
    #[must_use]
    pub const fn address(&self) -> &HostPort {
        match self {
            Self::Server { address } | Self::Pool { address, .. } | Self::Nts { address, .. } => {
                address
            }
        }
    }

    /// The most servers that it brings into use.
    #[must_use]
    pub const fn most_servers(&self) -> usize {
        match self {
            Self::Server { .. } | Self::Nts { .. } => 1,
            Self::Pool { count, .. } => *count,
        }
    }
}

/// A host, by name or address, and a port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HostPort {
    /// A host name, or an IPv4 or IPv6 address without brackets.
    pub host: String,
    /// The UDP port, or the TCP port of key establishment; never 0.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// One `[[server]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct ServerEntry {
    /// The local address and port; port 0 lets the system choose a free one.
    pub listen: SocketAddr,
    /// The network interface to which the socket is bound; `None`: any.
    pub interface: Option<String>,
    /// Who is answered, and how often.
    pub config: ServerConfig,
    /// How many threads serve this address; `None`: one for each processor that the process may
    /// use.
    pub worker_threads: Option<usize>,
    /// Whether each of them is tied to a processor.
    pub pin_threads: bool,
    /// The longest that a thread under load waits for more requests, so that one wake-up serves
    /// several; zero: never.
    pub coalescing: Duration,
}

/// One `[[nts-ke-server]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NtsKeServerEntry {
    /// The local address and TCP port; port 0 lets the system choose a free one.
    pub listen: SocketAddr,
    /// The file with the certificate chain (PEM), the server's own certificate first.
    pub certificate_chain: PathBuf,
    /// The file with the private key (PEM).
    pub private_key: PathBuf,
    /// How long one connection may take from its acceptance to its end.
    pub timeout: Duration,
    /// The most connections at a time, at least 1.
    pub concurrent_connections: usize,
    /// The most connections at a time of one IPv4 address or one IPv6 network of 64 bits, at least
    /// 1.
    pub connections_per_client: usize,
    /// The name or address of the NTP server that clients are told to ask; `None`: the one that
    /// they asked for keys.
    pub ntp_server: Option<String>,
    /// The UDP port that clients are told to ask; `None`: 123, unless the only `[[server]]` listens
    /// on port 0, whose true port only the system knows. Where the file does not say it, this is
    /// the port of the only `[[server]]`.
    pub ntp_port: Option<u16>,
    /// The algorithms that clients may choose from; never empty.
    pub aead_algorithms: Vec<AeadAlgorithm>,
}

/// `[nts-ke]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NtsKe {
    /// How many threads run the handshakes of all `[[nts-ke-server]]`; `None`: half as many as the
    /// process may use processors, at least one and at most eight.
    pub handshake_threads: Option<NonZeroUsize>,
}

/// `[keyset]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keyset {
    /// How many keys that seal no more cookies still open old ones.
    pub stale_key_count: usize,
    /// How long a key seals cookies.
    pub key_rotation_interval: Duration,
    /// The file in which the keys survive a restart; `None`: `nts-keys` in the folder of
    /// `[storage]`.
    pub key_storage_path: Option<PathBuf>,
}

impl Default for Keyset {
    fn default() -> Self {
        Self {
            stale_key_count: 7,
            key_rotation_interval: Duration::from_secs(86_400),
            key_storage_path: None,
        }
    }
}

/// `[synchronization]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Synchronization {
    /// Whom to believe and how to correct the clock.
    pub settings: ClockConfig,
    /// Whether a step of the clock is logged as a warning; otherwise it is logged as information.
    pub warn_on_jump: bool,
    /// The file with all leap seconds, as IERS and NIST publish it; `None`: the sources announce
    /// them.
    pub leap_seconds_file: Option<PathBuf>,
}

impl Default for Synchronization {
    fn default() -> Self {
        Self {
            settings: ClockConfig::default(),
            warn_on_jump: true,
            leap_seconds_file: None,
        }
    }
}

/// `[clock]`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ClockSection {
    /// Which clock is disciplined.
    pub mode: ClockMode,
    /// True if another program keeps a clock that we do not steer, so that it is served with the
    /// error that is measured.
    pub kept_by_another: bool,
    /// Where the virtual clock starts, relative to the system's clock; positive: ahead of it.
    pub virtual_offset: Seconds,
    /// How much faster than the system's clock the virtual clock runs, within ±0.1 s/s.
    pub virtual_frequency: Frequency,
}

/// The `mode` of `[clock]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClockMode {
    /// The system's clock where we may set it; otherwise it is measured only, and the log says so.
    #[default]
    Auto,
    /// The system's clock; without the right to set it the daemon does not start.
    System,
    /// A clock of our own, calculated on top of the system's, which stays as it is.
    Virtual,
    /// No clock: offsets are measured and shown, nothing is corrected.
    None,
}

/// `[observability]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observability {
    /// The least severe messages that are logged.
    pub log_level: LogLevel,
    /// Whether the log is coloured; `None`: when it goes to a terminal.
    pub ansi_colors: Option<bool>,
    /// The observation socket as configured; `None`: [`DEFAULT_OBSERVATION_PATH`].
    pub observation_path: Option<PathBuf>,
    /// The permission bits of the observation socket.
    pub observation_permissions: u32,
    /// Where the metrics exporter listens.
    pub metrics_exporter_listen: SocketAddr,
}

impl Observability {
    /// The path of the observation socket, configured or not.
    #[must_use]
    pub fn observation_path_or_default(&self) -> &Path {
        self.observation_path
            .as_deref()
            .unwrap_or(Path::new(DEFAULT_OBSERVATION_PATH))
    }
}

impl Default for Observability {
    fn default() -> Self {
        Self {
            log_level: LogLevel::Info,
            ansi_colors: None,
            observation_path: None,
            observation_permissions: 0o666,
            metrics_exporter_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9975),
        }
    }
}

/// How much is logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogLevel {
    /// What the operator must act upon.
    Error,
    /// Degraded service as well.
    Warn,
    /// Changes of state as well.
    #[default]
    Info,
    /// Every exchange as well.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// All levels, the quietest first.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// The word for it in a configuration file and on a command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no log level.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown log level `{0}`; the levels are error, warn, info, debug and trace")]
pub struct UnknownLogLevel(String);

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let level = Self::ALL
            .into_iter()
            .find(|level| word.eq_ignore_ascii_case(level.as_str()));
        level.ok_or_else(|| UnknownLogLevel(word.to_owned()))
    }
}

/// `[storage]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Storage {
    /// The folder of what survives a restart; `None`: nothing is kept.
    pub directory: Option<PathBuf>,
}

impl Storage {
    /// The file with the frequency of the clock.
    #[must_use]
    pub fn drift_file(&self) -> Option<PathBuf> {
        self.directory
            .as_deref()
            .map(|directory| directory.join("drift"))
    }

    /// The file with the keys of `[keyset]`, unless that names another.
    #[must_use]
    pub fn nts_keys_file(&self) -> Option<PathBuf> {
        self.directory
            .as_deref()
            .map(|directory| directory.join("nts-keys"))
    }

    /// The file with keys and cookies that our sources have been granted.
    #[must_use]
    pub fn nts_sessions_file(&self) -> Option<PathBuf> {
        self.directory
            .as_deref()
            .map(|directory| directory.join("nts-sessions"))
    }

    /// The file with the last known addresses of names.
    #[must_use]
    pub fn addresses_file(&self) -> Option<PathBuf> {
        self.directory
            .as_deref()
            .map(|directory| directory.join("addresses"))
    }

    /// The file with the rest: the last known time and the sum of all steps.
    #[must_use]
    pub fn state_file(&self) -> Option<PathBuf> {
        self.directory
            .as_deref()
            .map(|directory| directory.join("state"))
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            directory: Some(PathBuf::from(DEFAULT_STORAGE_DIRECTORY)),
        }
    }
}
