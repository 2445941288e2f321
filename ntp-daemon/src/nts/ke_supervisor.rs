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
use ntp_ke::server::KePool;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The interval between two attempts to start an NTS-KE server.
const RETRY: Duration = Duration::from_secs(10);

/// The status of all NTS-KE servers, in the order of the configuration.
pub(crate) type KeServiceStatuses = Arc<ArcSwap<Vec<KeServiceStatus>>>;

/// One `[[nts-ke-server]]`, with everything that is needed to serve it.
#[derive(Clone, Debug)]
struct KePlan {
    entry: NtsKeServerEntry,
    /// True if a socket at `[::]` serves IPv4 as well.
    dual_stack: bool,
    /// The socket, if it was bound at the start.
    bound: Option<Arc<TcpListener>>,
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
    keys: SharedKeys,
    /// The number of threads that run handshakes.
    threads: NonZeroUsize,
    pool: Option<KePool>,
    statuses: KeServiceStatuses,
    /// Reports the end of a thread.
    watch: EndWatch,
}

impl KePlan {
    fn open(&self) -> Result<KeService, KeServiceError> {
        KeService::open(
            &self.entry,
            self.dual_stack,
            self.bound.as_deref(),
            &self.served,
        )
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
        mut bound: BoundKeSockets,
        served: &Arc<[SocketAddr]>,
        keys: SharedKeys,
        reports: &EndReports,
    ) -> Self {
        let all = &config.nts_ke_servers;
        let mut slot = |entry: &NtsKeServerEntry| {
            let plan = KePlan {
                entry: entry.clone(),
                dual_stack: is_dual_stack(entry.listen, all.iter().map(|other| other.listen)),
                bound: bound.remove(&entry.listen).map(Arc::new),
                served: Arc::clone(served),
            };
            Slot {
                status: plan.waiting(String::new()),
                plan,
                running: None,
            }
        };
        let mut supervisor = Self {
            slots: all.iter().map(&mut slot).collect(),
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
            let opened = supervisor.slots.get(place).map(|slot| slot.plan.open());
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

    /// Retries the servers that do not run, and reads certificates again at each of `reloads`,
    /// until `stop` resolves; then ends all threads and waits for them.
    pub(crate) async fn run(mut self, mut reloads: watch::Receiver<()>, mut stop: StopSignal) {
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

    async fn try_again(&mut self) {
        for place in 0..self.slots.len() {
            let Some(slot) = self.slots.get(place).filter(|slot| slot.running.is_none()) else {
                continue;
            };
            let plan = slot.plan.clone();
            // Reading files must not hold up the client. A panic is reported when it happens.
            let opened = tokio::task::spawn_blocking(move || plan.open()).await;
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
