//! The operating system's copy of the state: how good the clock is, and the leap second.

use super::ClockProcess;
use crate::clock::command::{ClockAction, ClockStatus};
use crate::clock::leap::{self, LeapSecond};
use crate::clock::leap_table::LeapTable;
use crate::clock::timescale::FreeTime;
use crate::packet::LeapIndicator;
use crate::time::{MonoTime, Now, NtpTimestamp, Seconds};
use std::sync::Arc;
use std::time::Duration;

/// The kernel's error bound grows by 500 ppm and ours by some 15, so that it has to be set again.
/// In this time the two grow apart by half a second; the kernel calls its clock unsynchronized at
/// 16 s.
const REFRESH: Seconds = Seconds::new(1024.0);

/// An edge of the leap second is due this much after its second has begun.
const AFTER_EDGE: Duration = Duration::from_millis(1);

/// The last status that was handed out, and when.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Reported {
    at: FreeTime,
    leap: (LeapIndicator, Option<i32>),
}

impl ClockProcess {
    /// From now on, this table says which leap seconds there are; `None`: the sources do.
    pub fn handle_leap_table(&mut self, now: Now, table: Option<Arc<LeapTable>>) {
        self.leap_table = table;
        self.refresh_status(now);
    }

    /// The leap indicator to serve at a reading of our clock.
    #[must_use]
    pub fn leap_at(&self, local: NtpTimestamp) -> LeapIndicator {
        leap::served(self.expected_leap(local), local)
    }

    pub(super) fn expected_leap(&self, local: NtpTimestamp) -> Option<LeapSecond> {
        let voted = self.system.and_then(|system| system.leap);
        leap::expected(self.leap_table.as_deref(), voted, local)
    }

    /// Reports the error of the clock at `at`, which is about now, to the operating system.
    pub(super) fn push_status(&mut self, at: FreeTime) {
        let Some(system) = self.system.filter(|_| self.was_synchronized) else {
            return self.push_unsynchronized();
        };
        let leap = self.leap_of_kernel(self.timescale.to_local(at));
        self.queue_status(ClockStatus {
            synchronized: true,
            leap: leap.0,
            max_error: system.root_distance_at(at),
            estimated_error: self.jitter,
            tai_offset: leap.1,
        });
        self.reported = Some(Reported { at, leap });
    }

    /// Reports to the operating system that the clock is no longer synchronized.
    pub(super) fn push_unsynchronized(&mut self) {
        self.queue_status(ClockStatus::UNSYNCHRONIZED);
        self.reported = None;
    }

    fn queue_status(&mut self, status: ClockStatus) {
        if self.steers {
            self.actions
                .retain(|action| !matches!(action, ClockAction::SetStatus(_)));
            self.actions.push_back(ClockAction::SetStatus(status));
        }
    }

    fn leap_of_kernel(&self, local: NtpTimestamp) -> (LeapIndicator, Option<i32>) {
        leap::of_kernel(self.leap_table.as_deref(), self.expected_leap(local), local)
    }

    /// Reports the status again if time alone has changed it.
    pub(super) fn refresh_status(&mut self, now: Now) {
        let free = self.timescale.to_free(now.local);
        let leap = self.leap_of_kernel(now.local);
        let stale = self
            .reported
            .is_some_and(|last| free - last.at >= REFRESH || last.leap != leap);
        if self.was_synchronized && stale {
            self.push_status(free);
        }
    }

    /// The time at which [`refresh_status`](Self::refresh_status) has something to report, or the
    /// served leap bits change.
    pub(super) fn status_timeout(&self, now: Now) -> Option<MonoTime> {
        let free = self.timescale.to_free(now.local);
        let reported = self.reported.filter(|_| self.was_synchronized);
        let refresh = reported.map(|last| now.mono + span(REFRESH - (free - last.at)));
        let (unix, nanos) = (
            leap::unix(now.local),
            now.local - NtpTimestamp::from_unix(leap::unix(now.local), 0),
        );
        let edge = self
            .expected_leap(now.local)
            .and_then(|leap| leap.next_change(unix))
            .map(|edge| {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "leap seconds are less than a few years away"
                )]
                let seconds = Seconds::new((edge - unix) as f64) - Seconds::from(nanos);
                now.mono + span(seconds) + AFTER_EDGE
            });
        [refresh, edge].into_iter().flatten().min()
    }
}

fn span(seconds: Seconds) -> Duration {
    Duration::try_from_secs_f64(seconds.to_f64().max(0.0)).unwrap_or(Duration::MAX)
}
