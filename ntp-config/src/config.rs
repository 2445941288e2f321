//! The validated configuration, which all programs work with.

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

/// The name of the control socket, beside the observation socket.
pub const CONTROL_SOCKET: &str = "control.sock";

/// The directory of persistent state when none is configured.
pub const DEFAULT_STORAGE_DIRECTORY: &str = "/var/lib/truechimer";

/// The UDP port of NTP, the default of sources and servers.
pub const NTP_PORT: u16 = 123;

/// The TCP port of NTS-KE (RFC 8915 §4), the default of sources and servers.
pub const NTS_KE_PORT: u16 = 4460;

/// The default number of servers of a pool.
pub const DEFAULT_POOL_COUNT: usize = 4;

/// The default of the longest wait for more requests.
pub const DEFAULT_COALESCING: Duration = Duration::from_micros(100);

/// A complete and consistent configuration.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Config {
    /// The sources of time: `[[source]]`.
    pub sources: Vec<SourceEntry>,
    /// The NTP servers: `[[server]]`.
    pub servers: Vec<ServerEntry>,
    /// The NTS-KE servers: `[[nts-ke-server]]`.
    pub nts_ke_servers: Vec<NtsKeServerEntry>,
    /// The common settings of NTS-KE servers: `[nts-ke]`.
    pub nts_ke: NtsKe,
    /// The keys that encrypt cookies: `[keyset]`.
    pub keyset: Keyset,
    /// The selection of sources and the discipline of the clock: `[synchronization]`.
    pub synchronization: Synchronization,
    /// The clock that is disciplined: `[clock]`.
    pub clock: ClockSection,
    /// The log, the observation socket and the metrics: `[observability]`.
    pub observability: Observability,
    /// The persistent state: `[storage]`.
    pub storage: Storage,
    /// The user and the sandbox of the daemon: `[security]`.
    pub security: Security,
}

impl Config {
    /// The most servers that these sources can use at a time; a pool counts as its `count`.
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
    /// The mode, with the address.
    pub kind: SourceKind,
    /// The settings of each of its associations.
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
    /// A name with the addresses of many servers.
    Pool {
        /// The name of the pool.
        address: HostPort,
        /// The number of servers in use at a time, 1 to 16.
        count: usize,
        /// Addresses that are never used.
        ignore: Vec<IpAddr>,
    },
    /// One server whose time is authenticated by NTS (RFC 8915).
    Nts {
        /// The NTS-KE server: its name, as in its certificate, and its TCP port.
        address: HostPort,
        /// The trusted certificates and the offered algorithms.
        trust: Trust,
    },
}

/// The requirements on a source with NTS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// Files with the certificates of trusted authorities (PEM).
    pub certificate_authorities: Vec<PathBuf>,
    /// True if the system's authorities are trusted as well.
    pub system_authorities: bool,
    /// SHA-256 hashes of public keys (SubjectPublicKeyInfo, DER), one of which must be in the
    /// server's chain; empty: any key is accepted. The chain must be valid in any case.
    pub pinned_keys: Vec<[u8; 32]>,
    /// The offered algorithms in order of preference; never empty.
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
    /// The host and port.
    #[must_use]
    pub const fn address(&self) -> &HostPort {
        match self {
            Self::Server { address } | Self::Pool { address, .. } | Self::Nts { address, .. } => {
                address
            }
        }
    }

    /// The most servers in use at a time.
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
    /// The UDP port of NTP or the TCP port of NTS-KE; never 0.
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
    /// The access rules and the rate limit.
    pub config: ServerConfig,
    /// The number of threads that serve this address; `None`: one for each processor that the
    /// process may use.
    pub worker_threads: Option<usize>,
    /// True if each thread is pinned to a processor.
    pub pin_threads: bool,
    /// The longest wait of a thread under load for more requests, so that one wake-up serves
    /// several; zero: no wait.
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
    /// The longest life of a connection, from its acceptance to its end.
    pub timeout: Duration,
    /// The most open connections, at least 1.
    pub concurrent_connections: usize,
    /// The most open connections of one IPv4 address or one IPv6 network of 64 bits, at least 1.
    pub connections_per_client: usize,
    /// The name or address of the NTP server in responses; `None`: clients use the host of the
    /// NTS-KE server.
    pub ntp_server: Option<String>,
    /// The UDP port of the NTP server in responses. The default is the port of the only
    /// `[[server]]`. `None`: 123, or, if that server listens on port 0, the port that the system
    /// chooses.
    pub ntp_port: Option<u16>,
    /// The algorithms that clients may request; never empty.
    pub aead_algorithms: Vec<AeadAlgorithm>,
}

/// `[nts-ke]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NtsKe {
    /// The number of threads for the handshakes of all `[[nts-ke-server]]`; `None`: half the number
    /// of processors that the process may use, at least one and at most eight.
    pub handshake_threads: Option<NonZeroUsize>,
}

/// `[keyset]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keyset {
    /// The number of retired keys that still decrypt cookies.
    pub stale_key_count: usize,
    /// The time for which a key encrypts cookies.
    pub key_rotation_interval: Duration,
    /// The file that keeps the keys over a restart; `None`: `nts-keys` in the directory of
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
    /// The settings of selection and discipline.
    pub settings: ClockConfig,
    /// True if a step of the clock is logged as a warning, false if as information.
    pub warn_on_jump: bool,
    /// The file with all leap seconds, as IERS and NIST publish it; `None`: the sources announce
    /// leap seconds.
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
    /// The clock that is disciplined.
    pub mode: ClockMode,
    /// True if another program disciplines the clock, so that it is served with its measured error.
    pub kept_by_another: bool,
    /// The first offset of the virtual clock from the system clock; positive: ahead of it.
    pub virtual_offset: Seconds,
    /// The frequency of the virtual clock relative to the system clock, within ±0.1 s/s; positive:
    /// faster.
    pub virtual_frequency: Frequency,
}

/// The `mode` of `[clock]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClockMode {
    /// The system clock if the process may set it; otherwise it is only measured, and the log says
    /// so.
    #[default]
    Auto,
    /// The system clock; without the right to set it the daemon does not start.
    System,
    /// A virtual clock on top of the system clock, which stays as it is.
    Virtual,
    /// No clock: offsets are measured and shown, not corrected.
    None,
}

/// `[observability]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observability {
    /// The lowest severity that is logged.
    pub log_level: LogLevel,
    /// True if the log has colors; `None`: if it goes to a terminal.
    pub ansi_colors: Option<bool>,
    /// The configured observation socket; `None`: [`DEFAULT_OBSERVATION_PATH`].
    pub observation_path: Option<PathBuf>,
    /// The configured control socket; `None`: `control.sock` beside the observation socket.
    pub control_path: Option<PathBuf>,
    /// The permission bits of the observation socket.
    pub observation_permissions: u32,
    /// The listening address of the metrics exporter.
    pub metrics_exporter_listen: SocketAddr,
}

impl Observability {
    /// The path of the observation socket, or its default.
    #[must_use]
    pub fn observation_path_or_default(&self) -> &Path {
        self.observation_path
            .as_deref()
            .unwrap_or(Path::new(DEFAULT_OBSERVATION_PATH))
    }

    /// The path of the control socket, or its default.
    #[must_use]
    pub fn control_path_or_default(&self) -> PathBuf {
        let beside = || {
            self.observation_path_or_default()
                .with_file_name(CONTROL_SOCKET)
        };
        self.control_path.clone().unwrap_or_else(beside)
    }
}

impl Default for Observability {
    fn default() -> Self {
        Self {
            log_level: LogLevel::Info,
            ansi_colors: None,
            observation_path: None,
            control_path: None,
            observation_permissions: 0o666,
            metrics_exporter_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9975),
        }
    }
}

/// The lowest severity that is logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogLevel {
    /// Errors that the operator must act upon.
    Error,
    /// Warnings of degraded service as well.
    Warn,
    /// Changes of state as well.
    #[default]
    Info,
    /// Every exchange as well.
    Debug,
    /// All details.
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

    /// The word for the level in a configuration file and on a command line.
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

/// A word that is not a log level.
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
    /// The directory of persistent state; `None`: nothing is kept.
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

    /// The file with the keys of `[keyset]`, unless `key-storage-path` names another.
    #[must_use]
    pub fn nts_keys_file(&self) -> Option<PathBuf> {
        self.directory
            .as_deref()
            .map(|directory| directory.join("nts-keys"))
    }

    /// The file with the keys and cookies of sources with NTS.
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

    /// The file with the last known time and the sum of all steps.
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

/// `[security]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Security {
    /// The user that the daemon becomes if it is started as root; `None`: it stays root, without
    /// most of root's rights.
    pub user: Option<String>,
    /// The strength of the sandbox.
    pub sandbox: SandboxMode,
}

/// The strength of the sandbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SandboxMode {
    /// As far as the kernel has it.
    #[default]
    Auto,
    /// All of it, or the daemon does not start.
    Require,
    /// None.
    Off,
}

impl SandboxMode {
    /// All modes, the default first.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Require, Self::Off];

    /// The word for the mode in a configuration file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Require => "require",
            Self::Off => "off",
        }
    }
}
