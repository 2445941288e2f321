//! The reference server of the demonstration: a server worker that trusts this machine's clock.

use super::DemoError;
use crate::daemon::DaemonError;
use crate::server::{Shared, Worker, WorkerStop};
use arc_swap::ArcSwap;
use ntp_config::ServerEntry;
use ntp_os_clock::Clock;
use ntp_proto::packet::{LeapIndicator, ReferenceId, Stratum};
use ntp_proto::server::{ServedState, ServerConfig};
use ntp_proto::time::{Frequency, Seconds};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

/// A running reference server; it ends when dropped.
pub(super) struct Reference {
    address: SocketAddr,
    stop: WorkerStop,
    thread: Option<JoinHandle<()>>,
}

impl Reference {
    /// Starts it on a free port of the loopback interface.
    pub(super) fn start() -> Result<Self, DemoError> {
        let clock = Clock::measuring();
        let state = ServedState {
            leap: LeapIndicator::NoWarning,
            stratum: Stratum::PRIMARY,
            precision: clock.precision(),
            root_delay: Seconds::ZERO,
            root_dispersion: Seconds::ZERO,
            dispersion_rate: Frequency::ZERO,
            at: clock.now(),
            reference_id: ReferenceId::from_letters(*b"LOCL"),
            reference_time: clock.now(),
        };
        let entry = ServerEntry {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            interface: None,
            config: ServerConfig::default(),
        };
        let served = Arc::new(ArcSwap::from_pointee(state));
        let shared = Shared { reader: clock.reader(), served, keys: None };
        let worker = Worker::open(&entry, false, shared, crate::daemon::seed()?).map_err(DaemonError::from)?;
        let address = worker.board().listen.parse().map_err(|_| DemoError::SetUp("no address".into()))?;
        let stop = WorkerStop::default();
        let thread = worker.start(stop.clone(), drop).map_err(|error| DemoError::SetUp(error.to_string()))?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
