//! The connections that are open, counted where they come in and where they end, which are
//! different threads.

use super::counters::Counters;
use super::limits::{Client, Clients, OverLimit};
use super::listener::Limits;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The book of one listening address. Its lock is taken twice per connection, and never by who
/// serves time.
#[derive(Debug)]
pub(super) struct Guests {
    limits: Limits,
    counters: Arc<Counters>,
    clients: Mutex<Clients>,
    left: Condvar,
}

/// A connection that is open, until this is dropped: at its end, by a fault within it, or because
/// it is cut off.
#[derive(Debug)]
pub(super) struct Guest {
    book: Arc<Guests>,
    client: Client,
}

impl Guests {
    pub(super) fn new(limits: Limits, counters: Arc<Counters>) -> Self {
        Self {
            limits,
            counters,
            clients: Mutex::default(),
            left: Condvar::new(),
        }
    }

    /// Takes a place in.
    ///
    /// # Errors
    /// Says which limit stands against it.
    pub(super) fn enter(book: &Arc<Self>, client: Client) -> Result<Guest, OverLimit> {
        let mut clients = book.clients();
        clients.enter(client, book.limits.total, book.limits.per_client)?;
        book.counters.open(clients.total());
        Ok(Guest {
            book: Arc::clone(book),
            client,
        })
    }

    /// Waits until nobody is left.
    pub(super) fn wait_until_gone(&self) {
        let gone = self
            .left
            .wait_while(self.clients(), |clients| clients.total() > 0);
        drop(gone.unwrap_or_else(PoisonError::into_inner));
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut clients = self.book.clients();
        clients.leave(self.client);
        self.book.counters.open(clients.total());
        self.book.left.notify_all();
    }
}
