//! Starting and stopping the thread.

use super::accept::Accepting;
use super::bind::KeListener;
use super::board::KeBoard;
use super::certificate_store::CertificateStore;
use super::connection::Service;
use super::counters::Counters;
use arc_swap::ArcSwap;
use ntp_proto::nts::{KeServerConfig, KeySet};
use rand::rngs::{ChaCha12Rng, SysRng};
use rand::{SeedableRng, TryRng as _};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The name of the thread, at most 15 characters.
const THREAD: &str = "nts-ke-server";

/// How much the thread yields to others (setpriority(2)). With 10, the 99th percentile of plain replies during a flood of
/// handshakes was about half of what it was without.
const NICENESS: i32 = 10;

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
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl KeListener {
    /// Serves clients from now on, on a thread of its own. Each connection takes the certificate and the keys that are
    /// current then. `ended` is called on that thread when it ends: told to, or by a fault of this program.
    ///
    /// # Errors
    /// If the system gives no thread, no descriptors or no random numbers.
    pub fn start(
        self,
        certificates: Arc<CertificateStore>,
        keys: Arc<ArcSwap<KeySet>>,
        grant: Arc<KeServerConfig>,
        ended: impl FnOnce() + Send + 'static,
    ) -> Result<KeServerHandle, KeStartError> {
        let counters = Arc::new(Counters::default());
        let board =
            KeBoard { address: self.address, counters: Arc::clone(&counters), certificates: Arc::clone(&certificates) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _within = runtime.enter();
            TcpListener::from_std(self.socket)?
        };
        let service = Service { certificates, keys, grant, counters };
        let accepting = Accepting::new(listener, self.limits, service, generator()?)?;
        let stop = Arc::new(Notify::new());
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name(THREAD.into()).spawn(move || {
            let _ending = Ending(Some(ended));
            yield_to_replies();
            runtime.block_on(accepting.run(told));
        })?;
        Ok(KeServerHandle { board, stop, thread: Some(thread) })
    }
}

impl KeServerHandle {
    /// Where the server shows its state, also after it has ended.
    #[must_use]
    pub fn board(&self) -> KeBoard {
        self.board.clone()
    }

    /// Ends the server, cuts off what is open, and waits until the thread has ended.
    pub fn stop(mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // If it has panicked, that was said then.
            let _ = thread.join();
        }
    }
}

impl Drop for KeServerHandle {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

/// Calls what is to be called at the end of the thread, however that comes.
struct Ending<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for Ending<F> {
    fn drop(&mut self) {
        if let Some(ended) = self.0.take() {
            ended();
        }
    }
}

/// Lets the threads that serve time go first: a handshake takes several hundred times as long as a reply and can wait. It
/// concerns the calling thread alone, and a system that refuses is none the worse.
fn yield_to_replies() {
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

fn generator() -> Result<ChaCha12Rng, KeStartError> {
    let mut seed = <ChaCha12Rng as SeedableRng>::Seed::default();
    SysRng.try_fill_bytes(&mut seed).map_err(|error| KeStartError::Random(error.to_string()))?;
    Ok(ChaCha12Rng::from_seed(seed))
}
