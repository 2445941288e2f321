//! The owner of the configuration in force and of the parts that it can replace.

use super::origin::ConfigOrigin;
use super::plan::{self, ServerStep};
use super::sources::NumberedSources;
use super::status::{self, ConfigurationStatus};
use crate::client::command::{ClientCommand, ClientSettings};
use crate::daemon::DaemonError;
use crate::lifecycle::{EndReports, TaskHandle};
use crate::listening::FIRST_FREE_PORT;
use crate::nts::cookie_keys::KeyOrder;
use crate::nts::ke_supervisor::KeChange;
use crate::observe::{self, DocumentRequest, Listener};
use crate::random::seeds;
use crate::sandbox::Reach;
use crate::server::{
    RunningGroup, ServerStatus, ServerStatuses, Shared, WorkerGroup, open_sockets,
};
use crate::{logging, notify};
use ntp_config::{Config, ConfigError, Loaded, ServerEntry};
use ntp_udp::BindError;
use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// The outcome of a reload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// The configuration is in force, but for these changes, which need a restart.
    Applied {
        /// The sections and keys, by name.
        restart_needed: Vec<String>,
    },
    /// Nothing was applied.
    Refused(Refusal),
}

/// The reason for which a configuration was not applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    /// The error in words, with its place and remedy, in as many lines as that takes.
    pub(crate) text: String,
    /// The same in one line.
    pub(crate) line: String,
}

impl Refusal {
    /// The same with a remedy.
    fn with(self, remedy: &str) -> Self {
        Self {
            text: format!("{}\n{remedy}", self.text),
            line: format!("{}; {remedy}", self.line),
        }
    }
}

impl From<DaemonError> for Refusal {
    fn from(error: DaemonError) -> Self {
        Self::from(error.to_string())
    }
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self {
            line: text.clone(),
            text,
        }
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self {
            text: error.to_string().trim_end().to_owned(),
            line: error.messages().collect::<Vec<_>>().join("; "),
        }
    }
}

/// The parts that a reload reaches, at work.
pub(crate) struct Running {
    pub(crate) origin: ConfigOrigin,
    /// The configuration in force.
    pub(crate) config: Config,
    pub(crate) sources: NumberedSources,
    pub(crate) shared: Shared,
    pub(crate) servers: Vec<RunningGroup>,
    pub(crate) statuses: ServerStatuses,
    pub(crate) status: ConfigurationStatus,
    /// The files and ports within reach; `None`: all.
    pub(crate) reach: Option<Reach>,
    pub(crate) client: mpsc::Sender<ClientCommand>,
    pub(crate) documents: mpsc::Sender<DocumentRequest>,
    /// The observation socket, if there is one.
    pub(crate) observer: Option<TaskHandle>,
    /// The way to the NTS-KE servers, if there are any.
    pub(crate) ke_servers: Option<mpsc::Sender<KeChange>>,
    /// Makes the other parts read certificates, keys and leap seconds again.
    pub(crate) files: watch::Sender<()>,
    /// The way to the owner of the cookie keys, if there are any.
    pub(crate) keys: Option<mpsc::Sender<KeyOrder>>,
    /// The control socket, if there is one.
    pub(crate) control: Option<TaskHandle>,
    pub(crate) reports: EndReports,
}

/// Everything that a new configuration needs to have open.
struct Opened {
    /// A group for each [`ServerStep::Open`], in order.
    groups: Vec<WorkerGroup>,
    listener: Option<Listener>,
}

/// Applies other configurations.
pub(crate) struct Reloader(Running);

impl Reloader {
    pub(crate) const fn new(running: Running) -> Self {
        Self(running)
    }

    /// Reads the configuration again and applies it as a whole, or leaves everything as it is.
    /// Certificates, keys and leap seconds are read again in any case.
    pub(crate) async fn reload(&mut self) -> Outcome {
        notify::reloading();
        let outcome = self.read_and_apply().await;
        notify::ready();
        outcome
    }

    async fn read_and_apply(&mut self) -> Outcome {
        let origin = self.0.origin.clone();
        // Reading files must not hold up the client.
        let outcome = match tokio::task::spawn_blocking(move || origin.load()).await {
            Ok(Ok(loaded)) => self.adopt(loaded).await,
            Ok(Err(error)) => Err(self.explain_unread(Refusal::from(error))),
            Err(error) => Err(Refusal::from(format!(
                "the configuration could not be read: {error}"
            ))),
        };
        self.0.files.send_replace(());
        match outcome {
            Ok(restart_needed) => {
                log_applied(&restart_needed);
                status::note_success(&self.0.status, restart_needed.clone());
                Outcome::Applied { restart_needed }
            }
            Err(error) => {
                tracing::error!(
                    "the configuration was not reloaded, and the one in force stays: {}",
                    error.text
                );
                status::note_failure(&self.0.status, error.line.clone());
                Outcome::Refused(error)
            }
        }
    }

    /// Applies a configuration. Returns the names of what needs a restart.
    ///
    /// # Errors
    /// The reason for which nothing was applied.
    async fn adopt(&mut self, loaded: Loaded) -> Result<Vec<String>, Refusal> {
        for warning in &loaded.warnings {
            tracing::warn!("{}; {}", warning.message(), warning.help());
        }
        let mut config = loaded.config;
        let mut restart_needed = plan::keep_what_is_fixed(&self.0.config, &mut config);
        if self.0.ke_servers.is_none() && !config.nts_ke_servers.is_empty() {
            restart_needed.push("[[nts-ke-server]] (the first)".to_owned());
            config.nts_ke_servers.clear();
        }
        restart_needed.extend(self.0.reach.iter().flat_map(|reach| reach.beyond(&config)));
        let steps = plan::server_steps(&self.0.servers, &config);
        let opened = self.open(&config, &steps)?;
        // Only a lack of threads makes this fail, and then the groups before go on.
        let ended = self
            .replace_servers(&mut config, &steps, opened.groups, &mut restart_needed)
            .map_err(|error| error.to_string())?;
        if config.observability.log_level != self.0.config.observability.log_level {
            logging::set_level(config.observability.log_level);
        }
        self.configure_client(&config).await;
        self.configure_ke_servers(&config).await;
        self.replace_observer(opened.listener).await;
        self.0.config = config;
        // They finish their batch, which takes milliseconds.
        let ending = tokio::task::spawn_blocking(move || {
            ended.into_iter().for_each(RunningGroup::shut_down);
        });
        let _ = ending.await;
        Ok(restart_needed)
    }

    /// The error of a configuration that could not be used, which the sandbox may have hidden.
    fn explain_unread(&self, refusal: Refusal) -> Refusal {
        let reach = self.0.reach.as_ref();
        let file = self.0.origin.path();
        let hidden = reach.zip(file).filter(|(reach, file)| reach.hides(file));
        match hidden {
            None => refusal,
            Some((_, file)) => refusal.with(&format!(
                "{} is outside the folders that the sandbox has left to the daemon at its start; \
                 restart the daemon to read it",
                file.display()
            )),
        }
    }

    /// The error of a new observation socket, which the sandbox may have refused.
    fn explain_socket(&self, path: &Path, error: io::Error) -> Refusal {
        let reach = self.0.reach.as_ref();
        let closed = reach.is_some_and(|reach| reach.is_closed_to_writing(path));
        let refused = closed && error.kind() == io::ErrorKind::PermissionDenied;
        let path = path.to_owned();
        let refusal = Refusal::from(DaemonError::Observe { path, error });
        if !refused {
            return refusal;
        }
        refusal.with(
            "the sandbox lets the daemon write only to the folders that the configuration has named \
             at the start; restart the daemon to apply that",
        )
    }

    /// The error of a new listening address. Another one of this daemon may be in its way, or the
    /// right that its port needs may have been given up.
    fn explain(&self, new: &ServerEntry, error: BindError) -> Refusal {
        if error.error.kind() == io::ErrorKind::PermissionDenied
            && new.listen.port() < FIRST_FREE_PORT
        {
            return Refusal::from(format!(
                "cannot serve time on {}: the daemon has given up the right to bind ports below \
                 {FIRST_FREE_PORT} after its start; restart it to apply that",
                new.listen
            ));
        }
        let in_the_way = self.0.servers.iter().find(|group| {
            let old = group.entry().listen;
            let overlap = old.ip().is_unspecified() || new.listen.ip().is_unspecified();
            old.port() == new.listen.port() && overlap
        });
        match in_the_way {
            None => Refusal::from(DaemonError::from(error)),
            Some(group) => Refusal::from(format!(
                "the daemon cannot change from listen = \"{}\" to \"{}\" while it runs, as the two \
                 overlap; restart it to apply that",
                group.entry().listen,
                new.listen
            )),
        }
    }

    /// Opens what is new. An error leaves no trace.
    fn open(&self, config: &Config, steps: &[ServerStep]) -> Result<Opened, Refusal> {
        let mut seeds = seeds().map_err(DaemonError::from)?;
        let mut groups = Vec::new();
        for (entry, step) in config.servers.iter().zip(steps) {
            if let ServerStep::Open(dual_stack) = step {
                let shared = &self.0.shared;
                let sockets = open_sockets(entry, *dual_stack);
                let sockets = sockets.map_err(|error| self.explain(entry, error))?;
                let group = WorkerGroup::new(entry, *dual_stack, sockets, shared, &mut seeds);
                groups.push(group);
            }
        }
        let (old, new) = (&self.0.config.observability, &config.observability);
        let (before, path) = (
            old.observation_path_or_default(),
            new.observation_path_or_default(),
        );
        let failed = |error| self.explain_socket(path, error);
        let mut listener = None;
        if path != before || (self.0.observer.is_none() && new.observation_path.is_some()) {
            listener = Some(Listener::bind(path, new.observation_permissions).map_err(failed)?);
        } else if old.observation_permissions != new.observation_permissions {
            let permissions = Permissions::from_mode(new.observation_permissions);
            fs::set_permissions(path, permissions).map_err(failed)?;
        }
        Ok(Opened { groups, listener })
    }

    /// Starts the new groups, passes their settings to those that stay, and returns those that end.
    fn replace_servers(
        &mut self,
        config: &mut Config,
        steps: &[ServerStep],
        groups: Vec<WorkerGroup>,
        restart_needed: &mut Vec<String>,
    ) -> io::Result<Vec<RunningGroup>> {
        let mut started = Vec::new();
        for group in groups {
            let address = group.status.listen.clone();
            started.push(group.start(&self.0.reports)?);
            tracing::info!(address, "serving time");
        }
        let mut started = started.into_iter();
        let mut before: Vec<Option<RunningGroup>> = self.0.servers.drain(..).map(Some).collect();
        let listens: Vec<SocketAddr> = config.servers.iter().map(|entry| entry.listen).collect();
        for (entry, step) in config.servers.iter_mut().zip(steps) {
            let group = match step {
                ServerStep::Open(_) => started.next(),
                ServerStep::Keep(place) => before.get_mut(*place).and_then(Option::take),
            };
            let Some(mut group) = group else { continue };
            let dual_stack = crate::server::is_dual_stack(entry.listen, listens.iter().copied());
            if plan::fixed_settings(&group, entry, dual_stack) {
                restart_needed.push(format!(
                    "[[server]] listen = \"{}\" (threads, pinning, interface, address family)",
                    entry.listen
                ));
            }
            group.configure(entry);
            *entry = group.entry().clone();
            self.0.servers.push(group);
        }
        let statuses = self.0.servers.iter().map(|group| group.status().clone());
        self.0.statuses.store(Arc::new(statuses.collect()));
        let ended: Vec<RunningGroup> = before.into_iter().flatten().collect();
        for group in &ended {
            tracing::info!(address = group.status().listen, "no longer serving time");
        }
        Ok(ended)
    }

    pub(super) const fn running(&self) -> &Running {
        &self.0
    }

    pub(super) const fn running_mut(&mut self) -> &mut Running {
        &mut self.0
    }

    pub(super) async fn configure_client(&mut self, config: &Config) {
        self.0.sources = self.0.sources.continued_with(config.sources.clone());
        let settings = ClientSettings {
            sources: self.0.sources.clone(),
            clock: config.synchronization.settings,
            warn_on_jump: config.synchronization.warn_on_jump,
        };
        let (done, answer) = oneshot::channel();
        let order = ClientCommand::Configure(Box::new(settings), done);
        // It has gone only when the daemon ends.
        if self.0.client.send(order).await.is_ok() {
            let _ = answer.await;
        }
    }

    async fn configure_ke_servers(&self, config: &Config) {
        let Some(ke_servers) = &self.0.ke_servers else {
            return;
        };
        let change = KeChange {
            entries: config.nts_ke_servers.clone(),
            served: self.served(),
        };
        let _ = ke_servers.send(change).await;
    }

    /// The addresses at which we serve time.
    fn served(&self) -> Arc<[SocketAddr]> {
        let listen = |group: &RunningGroup| {
            let ServerStatus { listen, .. } = group.status();
            listen.parse().ok()
        };
        self.0.servers.iter().filter_map(listen).collect()
    }

    async fn replace_observer(&mut self, listener: Option<Listener>) {
        let Some(listener) = listener else { return };
        let observer = observe::start(listener, self.0.documents.clone(), &self.0.reports);
        if let Some(before) = self.0.observer.replace(observer) {
            // Removes the socket.
            before.shut_down().await;
        }
    }

    /// Ends the parts.
    pub(crate) async fn shut_down(self) {
        self.0.servers.into_iter().for_each(RunningGroup::shut_down);
        // Removes the sockets.
        for socket in [self.0.observer, self.0.control].into_iter().flatten() {
            socket.shut_down().await;
        }
    }
}

fn log_applied(restart_needed: &[String]) {
    if restart_needed.is_empty() {
        return tracing::info!("the configuration has been reloaded");
    }
    tracing::warn!(
        "the configuration has been reloaded, but for {}: restart the daemon to apply that",
        restart_needed.join(", ")
    );
}
