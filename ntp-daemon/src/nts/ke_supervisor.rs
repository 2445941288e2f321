//! Supervises our NTS-KE servers: an address that cannot be served is reported and tried again,
//! while time is served independently of that.

use super::cookie_keys::SharedKeys;
use super::ke_servers::{
    KeService, KeServiceError, KeServiceStatus, RunningKeService, handshake_threads,
};
use crate::lifecycle::{EndReports, EndWatch, Part, StopSignal};
use crate::listening::BoundKeSockets;
use crate::server::{is_dual_stack, processors};
use arc_swap::ArcSwap;
use ntp_config::{Config, NtsKeServerEntry};
use ntp_ke::server::{CertificateStore, KePool};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The interval between two attempts to start an NTS-KE server.
const RETRY: Duration = Duration::from_secs(10);

/// The status of all NTS-KE servers, in the order of the configuration.
pub(crate) type KeServiceStatuses = Arc<ArcSwap<Vec<KeServiceStatus>>>;

/// Other NTS-KE servers.
#[derive(Debug)]
pub(crate) struct KeChange {
    /// All `[[nts-ke-server]]`.
    pub(crate) entries: Vec<NtsKeServerEntry>,
    /// The addresses at which we serve time.
    pub(crate) served: Arc<[SocketAddr]>,
}

/// One `[[nts-ke-server]]`, with everything that is needed to serve it.
#[derive(Clone, PartialEq, Debug)]
struct KePlan {
    entry: NtsKeServerEntry,
    /// True if a socket at `[::]` serves IPv4 as well.
    dual_stack: bool,
    /// The addresses at which we serve time.
    served: Arc<[SocketAddr]>,
}

/// One NTS-KE server and its status.
struct Slot {
    plan: KePlan,
    running: Option<RunningKeService>,
    status: KeServiceStatus,
}

/// All NTS-KE servers of the configuration, and the threads that run their handshakes.
pub(crate) struct KeSupervisor {
    slots: Vec<Slot>,
    /// The sockets that were bound at the start, each for as long as a server has its address.
    bound: HashMap<SocketAddr, Arc<TcpListener>>,
    keys: SharedKeys,
    /// The number of threads that run handshakes.
    threads: NonZeroUsize,
    pool: Option<KePool>,
    statuses: KeServiceStatuses,
    /// Reports the end of a thread.
    watch: EndWatch,
}

impl Slot {
    /// A server that is yet to be started.
    fn new(plan: KePlan) -> Self {
        Self {
            status: plan.waiting(String::new()),
            plan,
            running: None,
        }
    }

    fn stop(self) {
        if let Some(running) = self.running {
            running.stop();
            tracing::info!(address = %self.plan.entry.listen, "no longer serving NTS key establishment");
        }
    }
}

impl KePlan {
    /// The plans for all of `entries`.
    fn all(entries: &[NtsKeServerEntry], served: &Arc<[SocketAddr]>) -> Vec<Self> {
        let plan = |entry: &NtsKeServerEntry| Self {
            entry: entry.clone(),
            dual_stack: is_dual_stack(entry.listen, entries.iter().map(|other| other.listen)),
            served: Arc::clone(served),
        };
        entries.iter().map(plan).collect()
    }

    /// Opens the server, with the socket that is `bound` already, if there is one.
    fn open(&self, bound: Option<&TcpListener>) -> Result<KeService, KeServiceError> {
        KeService::open(&self.entry, self.dual_stack, bound, &self.served)
    }

    /// Reads the certificate and drops it.
    fn check_certificate(&self) -> Result<(), KeServiceError> {
        CertificateStore::open(&self.entry.certificate_chain, &self.entry.private_key)?;
        Ok(())
    }

    fn waiting(&self, error: String) -> KeServiceStatus {
        KeServiceStatus::Waiting {
            listen: self.entry.listen,
            connection_limit: self.entry.concurrent_connections,
            error,
        }
    }
}

impl KeSupervisor {
    /// Starts all servers that can be started, with these cookie keys. The others are logged, shown
    /// in the status, and tried again by [`run`](Self::run). `bound` are the sockets that are bound
    /// already, `served` the addresses at which we serve time.
    pub(crate) fn start(
        config: &Config,
        bound: BoundKeSockets,
        served: &Arc<[SocketAddr]>,
        keys: SharedKeys,
        reports: &EndReports,
    ) -> Self {
        let plans = KePlan::all(&config.nts_ke_servers, served);
        let mut supervisor = Self {
            slots: plans.into_iter().map(Slot::new).collect(),
            bound: bound
                .into_iter()
                .map(|(listen, socket)| (listen, Arc::new(socket)))
                .collect(),
            keys,
            threads: config
                .nts_ke
                .handshake_threads
                .unwrap_or_else(|| handshake_threads(processors())),
            pool: None,
            statuses: KeServiceStatuses::default(),
            watch: reports.watch(Part::NtsKeServer),
        };
        for place in 0..supervisor.slots.len() {
            let opened = supervisor.slots.get(place).map(|slot| {
                let bound = supervisor.bound.get(&slot.plan.entry.listen);
                slot.plan.open(bound.map(Arc::as_ref))
            });
            opened
                .into_iter()
                .for_each(|opened| supervisor.settle(place, opened));
        }
        supervisor.publish();
        supervisor
    }

    /// The status of the servers, now and later.
    pub(crate) fn statuses(&self) -> KeServiceStatuses {
        Arc::clone(&self.statuses)
    }

    /// Retries the servers that do not run, reads certificates again at each of `reloads`, and
    /// replaces servers at each of `changes`, until `stop` resolves; then ends all threads and
    /// waits for them.
    pub(crate) async fn run(
        mut self,
        mut reloads: watch::Receiver<()>,
        mut changes: mpsc::Receiver<KeChange>,
        mut stop: StopSignal,
    ) {
        loop {
            let complete = self.slots.iter().all(|slot| slot.running.is_some());
            let retry = async {
                if complete {
                    std::future::pending::<()>().await;
                } else {
                    tokio::time::sleep(RETRY).await;
                }
            };
            tokio::select! {
                _ = &mut stop => break,
                () = retry => {}
                Some(change) = changes.recv() => self.replace(&change).await,
                Ok(()) = reloads.changed() => self.reload(),
            }
            self.try_again().await;
        }
        self.watch.expect_end();
        self.slots
            .into_iter()
            .filter_map(|slot| slot.running)
            .for_each(RunningKeService::stop);
        if let Some(pool) = self.pool {
            pool.stop();
        }
    }

    fn reload(&self) {
        let running = self.slots.iter().filter_map(|slot| slot.running.as_ref());
        running.for_each(RunningKeService::reload);
    }

    /// Ends the servers that have gone or changed. A server that is not as before takes its address
    /// over from the old one, unless its certificate cannot be used: then the old one goes on.
    async fn replace(&mut self, change: &KeChange) {
        let mut before: Vec<Option<Slot>> = self.slots.drain(..).map(Some).collect();
        let mut take = |fits: &dyn Fn(&KePlan) -> bool| {
            let found = before
                .iter_mut()
                .find(|slot| slot.as_ref().is_some_and(|slot| fits(&slot.plan)));
            found.and_then(Option::take)
        };
        let plans = KePlan::all(&change.entries, &change.served);
        let kept: Vec<Option<Slot>> = plans.iter().map(|plan| take(&|old| old == plan)).collect();
        let mut slots = Vec::new();
        for (plan, kept) in plans.into_iter().zip(kept) {
            if let Some(slot) = kept {
                slots.push(slot);
                continue;
            }
            let listen = plan.entry.listen;
            let rival = take(&|old| old.entry.listen == listen);
            let Some(rival) = rival.filter(|rival| rival.running.is_some()) else {
                slots.push(Slot::new(plan));
                continue;
            };
            let checked = plan.clone();
            let usable = tokio::task::spawn_blocking(move || checked.check_certificate()).await;
            if let Ok(Err(error)) = usable {
                tracing::error!("the NTS-KE server on {listen} stays as it was: {error}");
                slots.push(rival);
            } else {
                rival.stop();
                slots.push(Slot::new(plan));
            }
        }
        self.slots = slots;
        // A socket that nothing serves would keep clients waiting.
        self.bound.retain(|listen, _| {
            self.slots
                .iter()
                .any(|slot| slot.plan.entry.listen == *listen)
        });
        before.into_iter().flatten().for_each(Slot::stop);
        self.publish();
    }

    async fn try_again(&mut self) {
        for place in 0..self.slots.len() {
            let Some(slot) = self.slots.get(place).filter(|slot| slot.running.is_none()) else {
                continue;
            };
            let plan = slot.plan.clone();
            let bound = self.bound.get(&plan.entry.listen).cloned();
            // Reading files must not hold up the client. A panic is reported when it happens.
            let opened = tokio::task::spawn_blocking(move || plan.open(bound.as_deref())).await;
            opened
                .into_iter()
                .for_each(|opened| self.settle(place, opened));
            self.publish();
        }
    }

    /// Starts a server that has been opened, or logs the error.
    fn settle(&mut self, place: usize, opened: Result<KeService, KeServiceError>) {
        let started = opened.and_then(|service| {
            let pool = match self.pool.take() {
                Some(pool) => pool,
                None => {
                    let watch = self.watch.clone();
                    KePool::start(self.threads, move || watch.report(None))?
                }
            };
            let started = service.start(&pool, Arc::clone(&self.keys));
            self.pool = Some(pool);
            Ok(started?)
        });
        let Some(slot) = self.slots.get_mut(place) else {
            return;
        };
        match started {
            Ok((running, status)) => (slot.running, slot.status) = (Some(running), status),
            Err(error) => {
                let status = slot.plan.waiting(error.to_string());
                if slot.status.error() != status.error() {
                    tracing::error!(
                        "the NTS-KE server on {} cannot start: {error}. Everything else goes on, and it is tried \
                         again every {} s",
                        slot.plan.entry.listen,
                        RETRY.as_secs()
                    );
                }
                slot.status = status;
            }
        }
    }

    fn publish(&self) {
        self.statuses.store(Arc::new(
            self.slots.iter().map(|slot| slot.status.clone()).collect(),
        ));
    }
}
