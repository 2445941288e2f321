//! The daemon as a whole: opening its parts, starting them, waiting, and shutting them down.

use crate::client::handle::ClientHandle;
use crate::client::known_time;
use crate::client::leap_file::LeapFile;
use crate::client::open_clock::{self, OpenClock, OpenClockError};
use crate::client::task::{ClientTask, Parts};
use crate::context::DaemonContext;
use crate::control;
use crate::lifecycle::{EndReports, Part, PartEnd, TaskHandle};
use crate::notify::{self, Notifier};
use crate::nts::cookie_keys::CookieKeys;
use crate::nts::ke_supervisor::{KeServiceStatuses, KeSupervisor};
use crate::observe::{self, BoundSocket, Listener};
use crate::prepared::Prepared;
use crate::random::{RandomError, seed, seeds};
use crate::reload::{self, ConfigOrigin, ConfigurationStatus, NumberedSources, Reloader};
use crate::sandbox::{EnterError, Reach, Sandbox};
use crate::server::{ServerStatuses, Shared, WorkerGroup, is_dual_stack};
use crate::signals::stop_signal;
use crate::state::Store;
use crate::state::lock::LockHeld;
use arc_swap::ArcSwap;
use ntp_config::{Config, SourceEntry, SourceKind};
use ntp_os_clock::monotonic_now;
use ntp_proto::client::ClientConfig;
use ntp_proto::client::entry::{SourceEntryConfig, SourceEntryKind};
use ntp_proto::clock::ClockConfig;
use ntp_proto::server::ServedState;
use ntp_udp::{BindError, Socket};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// An error that keeps the daemon from starting or from running on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    #[error(transparent)]
    Clock(#[from] OpenClockError),
    #[error(transparent)]
    LockHeld(#[from] LockHeld),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(
        "cannot create the observation socket {path}: {error}; choose another place with \
         [observability] observation-path"
    )]
    Observe { path: PathBuf, error: io::Error },
    #[error(
        "cannot create the control socket {path}: {error}; choose another place with \
         [observability] control-path"
    )]
    Control { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Sandbox(#[from] EnterError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error("{doing}: {error}")]
    System {
        doing: &'static str,
        error: io::Error,
    },
    #[error("{0}")]
    PartEnded(PartEnd),
}

/// Runs the daemon until a signal ends it.
///
/// # Errors
/// If a part cannot be opened or started, or ends by itself.
pub(crate) fn run(config: Config, origin: ConfigOrigin) -> Result<(), DaemonError> {
    // Before the first thread, so that it holds for all of them.
    let prepared = Prepared::in_sandbox(&config, origin.path())?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let (reload, reloads) = watch::channel(());
        let stop = listen_to_signals(reload)?;
        let mut daemon = Daemon::open(config, origin, prepared)?
            .start(reloads)
            .await?;
        notify::ready();
        let outcome = daemon.wait(stop).await;
        notify::stopping();
        daemon.shut_down().await;
        outcome
    });
    // A look-up that hangs in the system's resolver must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// Single-threaded: the client needs no more, and the servers have threads of their own.
///
/// # Errors
/// If the operating system provides no event queue.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, DaemonError> {
    let built = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    built.map_err(|error| DaemonError::System {
        doing: "cannot start",
        error,
    })
}

/// Resolves when a signal asks the daemon to end, see [`stop_signal`].
///
/// # Errors
/// If the operating system refuses a signal handler.
pub(crate) fn listen_to_signals(
    reload: watch::Sender<()>,
) -> Result<impl Future<Output = ()>, DaemonError> {
    stop_signal(reload).map_err(|error| DaemonError::System {
        doing: "cannot listen to signals",
        error,
    })
}

/// All parts, opened and not yet started. Only the NTS-KE servers run already: their clients do not
/// need the other parts.
pub(crate) struct Daemon {
    client: ClientTask,
    servers: Vec<WorkerGroup>,
    config: Config,
    origin: ConfigOrigin,
    sources: NumberedSources,
    shared: Shared,
    statuses: ServerStatuses,
    status: ConfigurationStatus,
    reach: Option<Reach>,
    cookie_keys: Option<CookieKeys>,
    ke_servers: Option<KeSupervisor>,
    leap_file: Option<LeapFile>,
    listener: Option<Listener>,
    control: Option<Listener>,
    reports: EndReports,
    ends: mpsc::UnboundedReceiver<PartEnd>,
}

impl Daemon {
    /// Opens everything else that has to be open, so that what cannot work fails now.
    ///
    /// # Errors
    /// Names the part that cannot be opened, and the remedy.
    pub(crate) fn open(
        config: Config,
        origin: ConfigOrigin,
        prepared: Prepared,
    ) -> Result<Self, DaemonError> {
        let Prepared {
            sockets,
            control,
            sandbox,
        } = prepared;
        let (sandbox, reach) = sandbox.map_or((None, None), |Sandbox { facts, reach }| {
            (Some(facts), Some(reach))
        });
        let (reports, ends) = EndReports::new();
        let clock = OpenClock::open(&config.clock)?;
        let store = Store::open(&config.storage)?;
        open_clock::announce(&clock.clock, config.clock.mode);
        let served = Arc::new(ArcSwap::from_pointee(ServedState::UNSYNCHRONIZED));
        let cookie_keys = open_cookie_keys(&config)?;
        let shared = Shared {
            reader: clock.clock.reader(),
            served: Arc::clone(&served),
            keys: cookie_keys.as_ref().map(CookieKeys::shared),
        };
        let servers = open_servers(&config, &shared, sockets.time)?;
        let listener = open_observation_socket(&config)?;
        let control = open_control_socket(&config, control, listener.is_some())?;
        let addresses: Arc<[SocketAddr]> =
            servers.iter().filter_map(WorkerGroup::address).collect();
        let ke_servers = shared
            .keys
            .clone()
            .filter(|_| !config.nts_ke_servers.is_empty())
            .map(|keys| KeSupervisor::start(&config, sockets.nts_ke, &addresses, keys, &reports));
        let (leap_file, leap_tables) =
            LeapFile::open(config.synchronization.leap_seconds_file.clone());
        let statuses = servers.iter().map(|group| group.status.clone()).collect();
        let statuses: ServerStatuses = Arc::new(ArcSwap::from_pointee(statuses));
        let (sources, status) = (
            NumberedSources::new(config.sources.clone()),
            reload::at_start(),
        );
        let context = DaemonContext {
            config_path: origin.path().map(Path::to_owned),
            requested_clock: config.clock.mode,
            sandbox,
            warn_on_jump: config.synchronization.warn_on_jump,
            servers: Arc::clone(&statuses),
            keys: cookie_keys.as_ref().map(CookieKeys::status),
            ke_servers: ke_servers
                .as_ref()
                .map_or_else(KeServiceStatuses::default, KeSupervisor::statuses),
            started: monotonic_now(),
            clock_error: None,
            rivalry: None,
            sources: sources.clone(),
            configuration: Arc::clone(&status),
        };
        let parts = Parts {
            client: client_config(&context.sources, config.synchronization.settings),
            clock,
            store,
            context,
            served,
            leap_tables,
        };
        Ok(Self {
            client: ClientTask::new(parts, seed()?),
            servers,
            config,
            origin,
            sources,
            shared,
            statuses,
            status,
            reach,
            cookie_keys,
            ke_servers,
            leap_file,
            listener,
            control,
            reports,
            ends,
        })
    }

    /// Starts all parts. The configuration, certificates, keys and leap seconds are read again at
    /// each of `reloads`.
    ///
    /// # Errors
    /// If the operating system provides no thread; then no part runs.
    pub(crate) async fn start(
        self,
        reloads: watch::Receiver<()>,
    ) -> Result<RunningDaemon, DaemonError> {
        let reports = self.reports;
        let mut servers = Vec::new();
        for group in self.servers {
            let started = group.start(&reports);
            servers.push(started.map_err(|error| DaemonError::System {
                doing: "cannot start a server thread",
                error,
            })?);
        }
        let client = ClientHandle::start(self.client, &reports);
        let notifier = Notifier::new(client.document_requests(), Arc::clone(&self.statuses))
            .map(|notifier| reports.spawn(Part::Notifier, notifier.run()));
        let observer = self
            .listener
            .map(|listener| observe::start(listener, client.document_requests(), &reports));
        let (files, files_again) = watch::channel(());
        let (rotate, key_orders) = mpsc::channel(1);
        let keys = self.cookie_keys.as_ref().map(|_| rotate);
        let (give_order, orders) = mpsc::channel(1);
        let control = self
            .control
            .map(|listener| control::start(listener, give_order, &reports));
        let cookie_keys = self
            .cookie_keys
            .map(|keys| reports.spawn(Part::CookieKeys, keys.run(files_again.clone(), key_orders)));
        let leap_file = self
            .leap_file
            .map(|file| reports.spawn(Part::LeapSeconds, file.run(files_again.clone())));
        let (ke_changes, changes) = mpsc::channel(1);
        let ke_changes = self.ke_servers.as_ref().map(|_| ke_changes);
        let ke_servers = self.ke_servers.map(|supervisor| {
            reports.spawn_stoppable(Part::NtsKeServer, |stop| {
                supervisor.run(files_again.clone(), changes, stop)
            })
        });
        let reloader = Reloader::new(reload::Running {
            origin: self.origin,
            config: self.config,
            sources: self.sources,
            shared: self.shared,
            servers,
            statuses: self.statuses,
            status: self.status,
            reach: self.reach,
            client: client.commands(),
            documents: client.document_requests(),
            observer,
            ke_servers: ke_changes,
            files,
            keys,
            control,
            reports,
        });
        Ok(RunningDaemon {
            client,
            reloader,
            reloads,
            orders,
            cookie_keys,
            ke_servers,
            leap_file,
            notifier,
            ends: self.ends,
        })
    }
}

/// The handles of all parts that run.
pub(crate) struct RunningDaemon {
    client: ClientHandle,
    /// The owner of the parts that can be replaced.
    reloader: Reloader,
    reloads: watch::Receiver<()>,
    orders: mpsc::Receiver<control::Order>,
    cookie_keys: Option<TaskHandle>,
    ke_servers: Option<TaskHandle>,
    leap_file: Option<TaskHandle>,
    notifier: Option<TaskHandle>,
    ends: mpsc::UnboundedReceiver<PartEnd>,
}

impl RunningDaemon {
    /// The place to ask for documents.
    #[cfg(feature = "demo")]
    pub(crate) fn document_requests(&self) -> mpsc::Sender<observe::DocumentRequest> {
        self.client.document_requests()
    }

    /// Waits until `stop` resolves or a part ends, which none should. Until then the configuration
    /// is reloaded whenever that is asked for.
    ///
    /// # Errors
    /// Names the part that has ended, and its error.
    pub(crate) async fn wait(&mut self, stop: impl Future<Output = ()>) -> Result<(), DaemonError> {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                Some(end) = self.ends.recv() => return Err(DaemonError::PartEnded(end)),
                Ok(()) = self.reloads.changed() => {
                    self.reloader.reload().await;
                }
                Some((command, answer)) = self.orders.recv() => {
                    // The one who asked may have gone.
                    let _ = answer.send(self.reloader.carry_out(command).await);
                }
            }
        }
    }

    /// Ends all parts. The client comes first: it leaves the clock in order, whatever happens to
    /// the others.
    pub(crate) async fn shut_down(self) {
        self.client.shut_down().await;
        let tasks = [
            self.notifier,
            self.ke_servers,
            self.cookie_keys,
            self.leap_file,
        ];
        for task in tasks.into_iter().flatten() {
            task.shut_down().await;
        }
        self.reloader.shut_down().await;
    }
}

/// Opens the NTS cookie keys if they are needed: by our own NTS-KE servers, or by one elsewhere
/// that shares the file.
fn open_cookie_keys(config: &Config) -> Result<Option<CookieKeys>, RandomError> {
    let wanted = !config.nts_ke_servers.is_empty() || config.keyset.key_storage_path.is_some();
    Ok(if wanted {
        Some(CookieKeys::open(&config.keyset, &config.storage, seed()?))
    } else {
        None
    })
}

/// The workers of all listening addresses, with the sockets that are bound for them.
fn open_servers(
    config: &Config,
    shared: &Shared,
    sockets: Vec<Vec<Arc<Socket>>>,
) -> Result<Vec<WorkerGroup>, RandomError> {
    let mut seeds = seeds()?;
    let mut groups = Vec::new();
    for (entry, sockets) in config.servers.iter().zip(sockets) {
        let dual_stack = is_dual_stack(entry.listen, config.servers.iter().map(|it| it.listen));
        let group = WorkerGroup::new(entry, dual_stack, sockets, shared, &mut seeds);
        tracing::info!(
            address = group.status.listen,
            workers = group.workers.len(),
            "serving time"
        );
        groups.push(group);
    }
    Ok(groups)
}

/// Opens the observation socket. At its default place, which is not configured, a failure is only a
/// warning.
fn open_observation_socket(config: &Config) -> Result<Option<Listener>, DaemonError> {
    let settings = &config.observability;
    let path: &Path = settings.observation_path_or_default();
    match Listener::bind(path, settings.observation_permissions) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if settings.observation_path.is_none() => {
            tracing::warn!(
                "ntp-ctl will not find this daemon: cannot create {}: {error}; set [observability] \
                 observation-path to a place that this user can write",
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

/// Listens at the control socket, if it could be `bound`. At its default place a failure is only a
/// warning, and none at all where the observation socket could not be made either.
fn open_control_socket(
    config: &Config,
    bound: io::Result<BoundSocket>,
    observed: bool,
) -> Result<Option<Listener>, DaemonError> {
    let settings = &config.observability;
    let path = settings.control_path_or_default();
    match bound.and_then(BoundSocket::listen) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if settings.control_path.is_none() => {
            if observed {
                tracing::warn!(
                    "ntp-ctl cannot give orders to this daemon: cannot create {}: {error}; set \
                     [observability] control-path to a place that this user can write",
                    path.display()
                );
            }
            Ok(None)
        }
        Err(error) => Err(DaemonError::Control { path, error }),
    }
}

/// The configuration of the client, without what earlier runs have left.
fn client_config(sources: &NumberedSources, clock: ClockConfig) -> ClientConfig {
    ClientConfig {
        entries: sources
            .iter()
            .map(|(_, entry)| source_entry(entry))
            .collect(),
        clock,
        sessions: Vec::new(),
        unproven_since: None,
        certain_since: Some(known_time::built()),
        plausible_until: Some(known_time::plausible_until()),
    }
}

pub(crate) fn source_entry(entry: &SourceEntry) -> SourceEntryConfig {
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
