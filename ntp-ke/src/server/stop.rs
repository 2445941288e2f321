//! How the thread that accepts learns that it is to end.

use socket2::SockRef;
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};

/// The listening socket, and whether it is still to be listened to.
#[derive(Debug)]
pub(super) struct Stop {
    listener: TcpListener,
    told: AtomicBool,
}

impl Stop {
    pub(super) const fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            told: AtomicBool::new(false),
        }
    }

    pub(super) const fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// Nobody is accepted any more, and who waits for somebody is woken.
    pub(super) fn tell(&self) {
        self.told.store(true, Ordering::SeqCst);
        // It fails only where it has been done already.
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }

    pub(super) fn is_told(&self) -> bool {
        self.told.load(Ordering::SeqCst)
    }
}
