//! Starting and stopping the thread that accepts.

use super::accept::Accepting;
use super::board::KeBoard;
use super::certificates::CertificateStore;
use super::connection::Service;
use super::counters::Counters;
use super::listener::KeListener;
use super::pool::KePool;
use super::priority;
use super::stop::Stop;
use arc_swap::ArcSwap;
use ntp_proto::nts::{KeServerConfig, KeySet};
use rand::rngs::{ChaCha12Rng, SysRng};
use rand::{SeedableRng, TryRng as _};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The name of the thread, at most 15 characters.
const THREAD: &str = "nts-ke-accept";

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum KeStartError {
    /// The system gives no thread, no descriptor or no event queue.
    #[error("cannot start serving NTS key establishment: {0}")]
    System(#[from] io::Error),
    /// The system gives no random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
}

/// A server that runs. If it is dropped, the server ends.
#[derive(Debug)]
pub struct KeServerHandle {
    board: KeBoard,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl KeListener {
    /// Serves clients from now on: accepts them on a thread of its own, and talks to them on those
    /// of the pool. Each connection takes the certificate and the keys that are current then. The
    /// pool's `ended` is called when the thread ends. Whoever ends the pool first is left with a
    /// server that serves nobody.
    ///
    /// # Errors
    /// If the system gives no thread, no descriptors or no random numbers.
    pub fn start(
        self,
        pool: &KePool,
        certificates: Arc<CertificateStore>,
        keys: Arc<ArcSwap<KeySet>>,
        grant: Arc<KeServerConfig>,
    ) -> Result<KeServerHandle, KeStartError> {
        let counters = Arc::new(Counters::default());
        let board = KeBoard {
            address: self.address,
            counters: Arc::clone(&counters),
            certificates: Arc::clone(&certificates),
        };
        let service = Service {
            certificates,
            keys,
            grant,
            counters,
        };
        let stop = Arc::new(Stop::new(self.socket));
        let accepting = Accepting::new(
            Arc::clone(&stop),
            self.limits,
            service,
            pool.seats(),
            generator()?,
        )?;
        let thread = pool.ended().watch(THREAD, move || {
            priority::low();
            accepting.run();
        })?;
        Ok(KeServerHandle {
            board,
            stop,
            thread: Some(thread),
        })
    }
}

impl KeServerHandle {
    /// Where the server shows its state, also after it has ended.
    #[must_use]
    pub fn board(&self) -> KeBoard {
        self.board.clone()
    }

    /// Ends the server, cuts off what is open, and waits until that is done and the thread has
    /// ended.
    pub fn stop(mut self) {
        self.tell();
        if let Some(thread) = self.thread.take() {
            // If it has panicked, that was said then.
            let _ = thread.join();
        }
    }

    fn tell(&self) {
        self.stop.tell();
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for KeServerHandle {
    fn drop(&mut self) {
        self.tell();
    }
}

fn generator() -> Result<ChaCha12Rng, KeStartError> {
    let mut seed = <ChaCha12Rng as SeedableRng>::Seed::default();
    SysRng
        .try_fill_bytes(&mut seed)
        .map_err(|error| KeStartError::Random(error.to_string()))?;
    Ok(ChaCha12Rng::from_seed(seed))
}
