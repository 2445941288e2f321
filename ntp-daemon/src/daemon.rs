//! Building all parts, running them, and ending when one of them ends.

use crate::client_task::{ClientTask, Parts, Question};
use crate::clock_choice;
use crate::ke_servers::handshake_threads;
use crate::ke_supervisor::{KePlan, KeResources, KeServiceBoards, KeSupervisor};
use crate::key_ring::{KeyRing, SharedKeys};
use crate::known_time;
use crate::leap_file::LeapFile;
use crate::lock::{self, Lock, Taken};
use crate::observe::{self, Facts, Listener};
use crate::server::{ServerBoard, Shared, Worker, WorkerGroup, WorkerStop, processors};
use crate::storage::Store;

use arc_swap::ArcSwap;
use ntp_config::{Config, NtsKeServerEntry, SourceEntry, SourceKind};
use ntp_os_clock::{ClockError, ClockKind, monotonic_now};
use ntp_proto::client::ClientConfig;
use ntp_proto::client::entry::{SourceEntryConfig, SourceEntryKind};
use ntp_proto::server::ServedState;
use ntp_udp::BindError;
use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, SeedableRng as _};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Questions that wait for the client task.
const QUESTIONS: usize = 16;

/// Why the daemon cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error(transparent)]
    Taken(#[from] Taken),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(
        "cannot show the state at {path}: {error}; choose another place with [observability] observation-path"
    )]
    Observe { path: PathBuf, error: io::Error },
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
    #[error("{doing}: {error}")]
    System {
        doing: &'static str,
        error: io::Error,
    },
    #[error("a server thread has ended: {0}")]
    Worker(io::Error),
    #[error("{0} has ended unexpectedly")]
    TaskEnded(&'static str),
}

/// Runs the daemon until a signal ends it.
pub(crate) fn run(config: Config, path: Option<PathBuf>) -> Result<(), DaemonError> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let (reload, reloads) = watch::channel(());
        let stop = stop_signal(reload)?;
        let daemon = Daemon::build(config, path)?;
        daemon.run(stop, reloads).await
    });
    // A look-up that hangs in the system's resolver must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// Single-threaded: the client needs no more, and the servers have threads of their own.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, DaemonError> {
    let built = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    built.map_err(|error| DaemonError::System {
        doing: "cannot start",
        error,
    })
}

/// Everything, ready to run.
pub(crate) struct Daemon {
    client: ClientTask,
    clock_lock: Option<Lock>,
    workers: Vec<Worker>,
    keys: Option<KeyRing>,
    ke_servers: Option<KeSupervisor>,
    leap_file: Option<LeapFile>,
    ke_server_end: mpsc::UnboundedReceiver<()>,
    listener: Option<Listener>,
    questions: (mpsc::Sender<Question>, mpsc::Receiver<Question>),
}

impl Daemon {
    /// Opens all that has to be open, so that what cannot work fails now.
    ///
    /// # Errors
    /// Says what cannot be opened and what to do.
    pub(crate) fn build(config: Config, path: Option<PathBuf>) -> Result<Self, DaemonError> {
        let clock = clock_choice::open(&config.clock)?;
        let clock_lock = if clock.kind() == ClockKind::System {
            lock::clock()?
        } else {
            None
        };
        let store = Store::open(&config.storage)?;
        clock_choice::announce(&clock, config.clock.mode);
        let served = Arc::new(ArcSwap::from_pointee(ServedState::UNSYNCHRONIZED));
        let keys = key_ring(&config)?;
        let shared = Shared {
            reader: clock.reader(),
            served: Arc::clone(&served),
            keys: keys.as_ref().map(KeyRing::shared),
        };
        let mut secrets = secrets()?;
        let (mut workers, mut boards) = (Vec::new(), Vec::new());
        for entry in &config.servers {
            let dual_stack = is_dual_stack(
                entry.listen,
                config.servers.iter().map(|other| other.listen),
            );
            let group = WorkerGroup::open(entry, dual_stack, &shared, &mut secrets)?;
            tracing::info!(
                address = group.board.listen,
                workers = group.workers.len(),
                "serving time"
            );
            workers.extend(group.workers);
            boards.push(group.board);
        }
        let listener = listen(&config)?;
        let (ke_ended, ke_server_end) = mpsc::unbounded_channel();
        // Who would be told is gone only when the daemon ends.
        let ended = move || {
            let _ = ke_ended.send(());
        };
        let ke_servers = start_ke_servers(&config, &boards, shared.keys.as_ref(), ended);
        let (leap_file, leap_tables) =
            LeapFile::open(config.synchronization.leap_seconds_file.clone());
        let facts = Facts {
            config_path: path,
            requested_clock: config.clock.mode,
            warn_on_jump: config.synchronization.warn_on_jump,
            servers: boards,
            keys: keys.as_ref().map(KeyRing::facts),
            ke_servers: ke_servers
                .as_ref()
                .map_or_else(KeServiceBoards::default, KeSupervisor::boards),
            started: monotonic_now(),
            clock_error: None,
            rivalry: None,
            sources: config.sources,
        };
        let client = ClientConfig {
            entries: facts.sources.iter().map(group).collect(),
            clock: config.synchronization.settings,
            sessions: Vec::new(),
            unproven_since: None,
            certain_since: Some(known_time::built()),
            plausible_until: Some(known_time::plausible_until()),
        };
        let parts = Parts {
            client,
            clock,
            store,
            facts,
            served,
            leap_tables,
        };
        Ok(Self {
            client: ClientTask::new(parts, seed()?),
            clock_lock,
            workers,
            keys,
            ke_servers,
            leap_file,
            ke_server_end,
            listener,
            questions: mpsc::channel(QUESTIONS),
        })
    }

    /// Where questions about the state can be asked.
    pub(crate) fn questions(&self) -> mpsc::Sender<Question> {
        self.questions.0.clone()
    }

    /// Runs until `stop` resolves or a part ends, which none should. What can change without a
    /// restart is read again at each of `reloads`.
    ///
    /// # Errors
    /// Says which part has ended, and why.
    pub(crate) async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        reloads: watch::Receiver<()>,
    ) -> Result<(), DaemonError> {
        // Held until the client has left the clock in order.
        let _clock_lock = self.clock_lock;
        let (worker_ended, mut worker_end) = mpsc::unbounded_channel();
        let stop_workers = WorkerStop::default();
        let mut threads = Vec::new();
        for worker in self.workers {
            let ended = worker_ended.clone();
            let thread = worker.start(stop_workers.clone(), move |outcome| {
                drop(ended.send(outcome));
            });
            threads.push(thread.map_err(|error| DaemonError::System {
                doing: "cannot start a server thread",
                error,
            })?);
        }
        let (stop_client, client_stop) = oneshot::channel();
        let mut observer = self
            .listener
            .map(|listener| tokio::spawn(observe::serve(listener, self.questions.0.clone())));
        let mut keys = self
            .keys
            .map(|keys| tokio::spawn(keys.run(reloads.clone())));
        if let Some(leap_file) = self.leap_file {
            tokio::spawn(leap_file.run(reloads.clone()));
        }
        let (stop_ke, ke_stop) = oneshot::channel();
        let ke_servers = self
            .ke_servers
            .map(|servers| tokio::spawn(servers.run(reloads, ke_stop)));
        let serves_keys = ke_servers.is_some();
        let mut client = tokio::spawn(self.client.run(self.questions.1, client_stop));
        let outcome = tokio::select! {
            () = stop => Ok(()),
            _ = &mut client => Err(DaemonError::TaskEnded("the client")),
            Some(ended) = worker_end.recv() => match ended {
                Err(error) => Err(DaemonError::Worker(error)),
                Ok(()) => Err(DaemonError::TaskEnded("a server thread")),
            },
            Some(()) = self.ke_server_end.recv(), if serves_keys => {
                Err(DaemonError::TaskEnded("a server of key establishment"))
            }
            () = ended(&mut observer) => Err(DaemonError::TaskEnded("the observation socket")),
            () = ended(&mut keys) => Err(DaemonError::TaskEnded("the keeper of the keys")),
        };
        // The client leaves the clock in order, whatever the reason.
        let _ = stop_client.send(());
        if !client.is_finished() {
            let _ = client.await;
        }
        let _ = stop_ke.send(());
        if let Some(ke_servers) = ke_servers {
            let _ = ke_servers.await;
        }
        stop_workers.stop();
        for thread in threads {
            let _ = thread.join();
        }
        if let Some(observer) = observer.filter(|observer| !observer.is_finished()) {
            observer.abort();
            // Removes the socket.
            let _ = observer.await;
        }
        outcome
    }
}

/// Waits for the end of a task that should not end, without ever waking up meanwhile.
async fn ended(task: &mut Option<JoinHandle<()>>) {
    match task {
        // Whether it has returned or panicked, it is gone.
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}

/// A socket at `[::]` serves IPv4 as well, unless another one does that at the same port.
fn is_dual_stack(listen: SocketAddr, all: impl Iterator<Item = SocketAddr>) -> bool {
    let mut rivals = all.filter(|other| other.is_ipv4() && other.port() == listen.port());
    listen.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        && (listen.port() == 0 || rivals.next().is_none())
}

/// The keys of NTS cookies, where somebody needs them: our own key establishment, or one elsewhere
/// that shares a file.
fn key_ring(config: &Config) -> Result<Option<KeyRing>, DaemonError> {
    let wanted = !config.nts_ke_servers.is_empty() || config.keyset.key_storage_path.is_some();
    Ok(if wanted {
        Some(KeyRing::open(&config.keyset, &config.storage, seed()?))
    } else {
        None
    })
}

/// Starts key establishment, if there is to be any.
fn start_ke_servers(
    config: &Config,
    boards: &[ServerBoard],
    keys: Option<&SharedKeys>,
    ended: impl Fn() + Send + Sync + 'static,
) -> Option<KeSupervisor> {
    let all = &config.nts_ke_servers;
    let keys = Arc::clone(keys.filter(|_| !all.is_empty())?);
    let served: Arc<[SocketAddr]> = boards
        .iter()
        .filter_map(|board| board.listen.parse().ok())
        .collect();
    let plan = |entry: &NtsKeServerEntry| KePlan {
        entry: entry.clone(),
        dual_stack: is_dual_stack(entry.listen, all.iter().map(|other| other.listen)),
        served: Arc::clone(&served),
    };
    let threads = config
        .nts_ke
        .handshake_threads
        .unwrap_or_else(|| handshake_threads(processors()));
    Some(KeSupervisor::start(
        all.iter().map(plan).collect(),
        KeResources {
            threads,
            keys,
            ended: Arc::new(ended),
        },
    ))
}

/// Opens the observation socket. Where nobody has asked for it, its default place may be out of
/// reach.
fn listen(config: &Config) -> Result<Option<Listener>, DaemonError> {
    let settings = &config.observability;
    let path: &Path = settings.observation_path_or_default();
    match Listener::bind(path, settings.observation_permissions) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if settings.observation_path.is_none() => {
            tracing::warn!(
                "ntp-ctl will not find this daemon, as {} cannot be made: {error}; set [observability] observation-path \
                 to a place that this user can write",
                path.display()
            );
            Ok(None)
        }
        Err(error) => Err(DaemonError::Observe {
            path: path.to_owned(),
            error,
        }),
    }
}

fn group(entry: &SourceEntry) -> SourceEntryConfig {
    let address = entry.kind.address();
    let kind = match &entry.kind {
        SourceKind::Server { .. } => SourceEntryKind::Server,
        SourceKind::Nts { .. } => SourceEntryKind::Nts,
        SourceKind::Pool { count, ignore, .. } => SourceEntryKind::Pool {
            count: *count,
            ignore: ignore.clone(),
        },
    };
    SourceEntryConfig {
        host: address.host.clone(),
        port: address.port,
        kind,
        association: entry.settings,
    }
}

pub(crate) fn seed() -> Result<[u8; 32], DaemonError> {
    use rand::TryRng;
    let mut seed = [0; 32];
    rand::rngs::SysRng
        .try_fill_bytes(&mut seed)
        .map_err(|error| DaemonError::Random(error.to_string()))?;
    Ok(seed)
}

/// As many secrets as anybody wants.
pub(crate) fn secrets() -> Result<impl FnMut() -> [u8; 32], DaemonError> {
    let mut rng = ChaCha12Rng::from_seed(seed()?);
    Ok(move || {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        secret
    })
}

/// Other daemons take these signals for more or less of a log, or for their statistics.
fn log_replacement_of(signal: &str) {
    tracing::info!(
        "{signal} has no meaning here, and is ignored: `ntp-ctl status --verbose` shows the state, and [observability] \
         log-level or the option -l says how much is logged from the next start on"
    );
}

/// Resolves when the daemon is asked to end; SIGHUP goes to `reload`. SIGUSR1 and SIGUSR2 do
/// nothing.
pub(crate) fn stop_signal(
    reload: watch::Sender<()>,
) -> Result<impl Future<Output = ()>, DaemonError> {
    let on = |kind| {
        signal(kind).map_err(|error| DaemonError::System {
            doing: "cannot listen to signals",
            error,
        })
    };
    let mut terminate = on(SignalKind::terminate())?;
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut hang_up = on(SignalKind::hangup())?;
    let (mut first_user, mut second_user) = (
        on(SignalKind::user_defined1())?,
        on(SignalKind::user_defined2())?,
    );
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return tracing::info!("the daemon ends, as SIGTERM asks for"),
                _ = interrupt.recv() => return tracing::info!("the daemon ends, as SIGINT asks for"),
                _ = hang_up.recv() => {
                    tracing::info!(
                        "reading certificates and keys again; the configuration itself is read at the start only"
                    );
                    reload.send_replace(());
                }
                _ = first_user.recv() => log_replacement_of("SIGUSR1"),
                _ = second_user.recv() => log_replacement_of("SIGUSR2"),
            }
        }
    })
}
