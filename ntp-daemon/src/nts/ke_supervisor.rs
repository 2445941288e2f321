//! Keeps key establishment going: an address that cannot be served is reported and tried again,
//! while time is served all the same.

use super::cookie_keys::SharedKeys;
use super::ke_servers::{KeService, KeServiceBoard, KeServiceError, RunningKeService};
use arc_swap::ArcSwap;
use ntp_config::NtsKeServerEntry;
use ntp_ke::server::KePool;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// The time from one attempt to start key establishment to the next.
const RETRY: Duration = Duration::from_secs(10);

/// The state and the counters of all listening addresses, in the order of the configuration.
pub(crate) type KeServiceBoards = Arc<ArcSwap<Vec<KeServiceBoard>>>;

/// One `[[nts-ke-server]]`, with all that is needed to serve it.
#[derive(Clone, Debug)]
pub(crate) struct KePlan {
    pub(crate) entry: NtsKeServerEntry,
    /// True if a socket at `[::]` serves IPv4 as well.
    pub(crate) dual_stack: bool,
    /// The addresses at which we serve time.
    pub(crate) served: Arc<[SocketAddr]>,
}

/// One listening address and how it is.
struct Slot {
    plan: KePlan,
    running: Option<RunningKeService>,
    board: KeServiceBoard,
}

/// The resources that all of them share.
pub(crate) struct KeResources {
    /// The number of threads that run handshakes.
    pub(crate) threads: NonZeroUsize,
    pub(crate) keys: SharedKeys,
    /// Called when a thread ends.
    pub(crate) ended: Arc<dyn Fn() + Send + Sync>,
}

/// All listening addresses of key establishment.
pub(crate) struct KeSupervisor {
    slots: Vec<Slot>,
    resources: KeResources,
    pool: Option<KePool>,
    boards: KeServiceBoards,
}

impl KePlan {
    fn open(&self) -> Result<KeService, KeServiceError> {
        KeService::open(&self.entry, self.dual_stack, &self.served)
    }

    fn waiting(&self, error: String) -> KeServiceBoard {
        KeServiceBoard::Waiting {
            listen: self.entry.listen,
            connection_limit: self.entry.concurrent_connections,
            error,
        }
    }
}

impl KeSupervisor {
    /// Starts all servers that can be started. The others are logged and shown, and tried again by
    /// [`run`](Self::run).
    pub(crate) fn start(plans: Vec<KePlan>, resources: KeResources) -> Self {
        let slots = plans.into_iter().map(|plan| Slot {
            board: plan.waiting(String::new()),
            plan,
            running: None,
        });
        let mut supervisor = Self {
            slots: slots.collect(),
            resources,
            pool: None,
            boards: KeServiceBoards::default(),
        };
        for place in 0..supervisor.slots.len() {
            let opened = supervisor.slots.get(place).map(|slot| slot.plan.open());
            opened
                .into_iter()
                .for_each(|opened| supervisor.settle(place, opened));
        }
        supervisor.show();
        supervisor
    }

    /// The state and the counters of the addresses, now and later.
    pub(crate) fn boards(&self) -> KeServiceBoards {
        Arc::clone(&self.boards)
    }

    /// Tries again what does not run, and reads certificates again at each of `reloads`, until
    /// `stop` resolves; then ends all threads and waits for them.
    pub(crate) async fn run(
        mut self,
        mut reloads: watch::Receiver<()>,
        mut stop: oneshot::Receiver<()>,
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
                Ok(()) = reloads.changed() => self.slots.iter().filter_map(|slot| slot.running.as_ref()).for_each(RunningKeService::reload),
            }
            self.try_again().await;
        }
        self.slots
            .into_iter()
            .filter_map(|slot| slot.running)
            .for_each(RunningKeService::stop);
        if let Some(pool) = self.pool {
            pool.stop();
        }
    }

    async fn try_again(&mut self) {
        for place in 0..self.slots.len() {
            let Some(slot) = self.slots.get(place).filter(|slot| slot.running.is_none()) else {
                continue;
            };
            let plan = slot.plan.clone();
            // Reading files must not hold up the client. A fault of this program is said where it
            // happens.
            let opened = tokio::task::spawn_blocking(move || plan.open()).await;
            opened
                .into_iter()
                .for_each(|opened| self.settle(place, opened));
            self.show();
        }
    }

    /// Serves what has been opened, or says why it cannot be.
    fn settle(&mut self, place: usize, opened: Result<KeService, KeServiceError>) {
        let started = opened.and_then(|service| {
            let pool = match self.pool.take() {
                Some(pool) => pool,
                None => {
                    let ended = Arc::clone(&self.resources.ended);
                    KePool::start(self.resources.threads, move || ended())?
                }
            };
            let started = service.start(&pool, Arc::clone(&self.resources.keys));
            self.pool = Some(pool);
            Ok(started?)
        });
        let Some(slot) = self.slots.get_mut(place) else {
            return;
        };
        match started {
            Ok((running, board)) => (slot.running, slot.board) = (Some(running), board),
            Err(error) => {
                let board = slot.plan.waiting(error.to_string());
                if slot.board.error() != board.error() {
                    tracing::error!(
                        "key establishment for NTS on {} cannot start: {error}. Everything else goes on, and it is tried again \
                         every {} s",
                        slot.plan.entry.listen,
                        RETRY.as_secs()
                    );
                }
                slot.board = board;
            }
        }
    }

    fn show(&self) {
        self.boards.store(Arc::new(
            self.slots.iter().map(|slot| slot.board.clone()).collect(),
        ));
    }
}
