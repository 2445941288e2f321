//! Polls out of turn: after a disturbance of our clock, for a confirmation, and when the network
//! has changed.

use super::Association;
use crate::association::pacing::BURST_SPACING;
use crate::time::{MonoTime, PollInterval};

impl Association {
    /// Makes the next request due at `now`, for a driver that sets the pace itself. The exchange in
    /// flight is abandoned, and refusals in it have no effect. A demobilized association still
    /// sends nothing.
    pub fn ask_at_once(&mut self, now: MonoTime) {
        self.abandon();
        self.next_poll = now;
    }

    /// The local clock was changed by another program or a suspend. Unless `samples_hold`, as the
    /// size of the change is known, the server must be measured again before it counts. It is
    /// polled at once.
    pub(crate) fn handle_disturbance(&mut self, now: MonoTime, samples_hold: bool) {
        self.handle_step();
        if !samples_hold {
            self.filter.clear();
            self.pending = self.reach.is_reachable();
        }
        self.pacing.burst_again(now);
        self.ask_soon(now);
    }

    /// Begins a burst by order of the administrator.
    pub(crate) fn handle_burst(&mut self, now: MonoTime) {
        self.pacing.burst_again(now);
        self.ask_soon(now);
    }

    /// Asks as soon as the server can mind no more than a burst, for the testimony of this source
    /// about a change that another one shows, or for a second exchange.
    pub(crate) fn ask_soon(&mut self, now: MonoTime) {
        if self.demobilized.is_none() && !self.pacing.is_rate_limited() {
            let earliest = self.sent_at.map_or(now, |sent| sent + BURST_SPACING);
            self.next_poll = self.next_poll.min(earliest.max(now));
        }
    }

    /// The network is up: polls at once, and again soon.
    pub(crate) fn poll_soon(&mut self, now: MonoTime) {
        if self.demobilized.is_none() && self.pacing.poll_soon(now) {
            self.next_poll = self.next_poll.min(now);
        }
    }

    /// The network of this machine has changed: a server that did not answer, or could not be
    /// asked, is asked now.
    pub(crate) fn handle_network_change(&mut self, now: MonoTime) {
        if self.demobilized.is_none() && self.pacing.search_anew(now) {
            self.next_poll = self.next_poll.min(now);
        }
    }

    /// The discipline wants to hear from us at this interval. If that is sooner than planned, it
    /// begins now.
    pub(crate) fn want_poll(&mut self, poll: PollInterval, now: MonoTime) {
        let before = self.pacing.poll();
        self.pacing.want(poll);
        if self.pacing.poll() < before {
            self.next_poll = self.next_poll.min(now + self.pacing.interval(0.0));
        }
    }
}
