//! The one timer of the client task.
//!
//! The runtime's own timers are kept in a wheel of six levels, which wakes the process at each
//! level that a long sleep passes: about once more for every wait. A kernel timer wakes it when
//! something is due, to the microsecond, and also if that time passed while the machine was
//! suspended.
//!
//! A simulator that is preloaded into the program replaces waiting in `epoll_wait` and may know no
//! timerfd, which would then go by real time. Under [simulated time](crate::simulated_time), the
//! runtime's timers are used.

use crate::simulated_time::is_simulated;
use ntp_os_clock::{ClockSetNotice, Timer, monotonic_now};
use ntp_proto::time::MonoTime;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Waits for one time after another; calls the kernel only when the time changes.
pub(crate) struct WakeTimer {
    /// `None` where the kernel has no such timers or time is simulated: then the runtime's are
    /// used.
    timer: Option<AsyncFd<Timer>>,
    /// The time that the timer is set to, unless that has passed.
    set: Option<MonoTime>,
}

impl WakeTimer {
    /// A timer that is not set. Must be called within a runtime.
    pub(crate) fn new() -> Self {
        Self {
            timer: (!is_simulated())
                .then(|| Timer::new().and_then(watched).ok())
                .flatten(),
            set: None,
        }
    }

    /// Resolves at `due`, or at once if that is past. Cancel safe.
    pub(crate) async fn reached(&mut self, due: MonoTime) {
        loop {
            match self.armed(due) {
                Some(timer) => match timer.readable().await {
                    Ok(mut ready) => ready.clear_ready(),
                    Err(_) => self.timer = None,
                },
                None => tokio::time::sleep(due.since(monotonic_now())).await,
            }
            self.set = None;
            // A time that was set before may have come first.
            if monotonic_now() >= due {
                return;
            }
        }
    }

    /// The timer, set to `due`.
    fn armed(&mut self, due: MonoTime) -> Option<&AsyncFd<Timer>> {
        let timer = self.timer.as_ref()?;
        if self.set != Some(due) {
            timer.get_ref().set(due).ok()?;
            self.set = Some(due);
        }
        Some(timer)
    }
}

/// Waits for the system's clock to be set, or for the machine to resume.
pub(crate) struct SetNotice(Option<AsyncFd<ClockSetNotice>>);

/// The interval at which the clock is read if the kernel gives no notice of a step.
const LOOKING_INTERVAL: Duration = Duration::from_secs(1);

impl SetNotice {
    /// Must be called within a runtime.
    pub(crate) fn new() -> Self {
        Self(
            (!is_simulated())
                .then(|| ClockSetNotice::new().and_then(watched).ok())
                .flatten(),
        )
    }

    /// Resolves when the clock may have been set. Cancel safe.
    pub(crate) async fn noticed(&mut self) {
        let Some(notice) = &self.0 else {
            return tokio::time::sleep(LOOKING_INTERVAL).await;
        };
        let rearmed = match notice.readable().await {
            Ok(mut ready) => {
                ready.clear_ready();
                notice.get_ref().rearm()
            }
            Err(error) => Err(error),
        };
        if rearmed.is_err() {
            self.0 = None;
        }
    }
}

#[expect(
    deprecated,
    reason = "the other constructor is unsafe for descriptors that change; these keep their own"
)]
fn watched<T: AsRawFd>(inner: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(inner, Interest::READABLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    const SOON: Duration = Duration::from_millis(30);
    const LATE: Duration = Duration::from_secs(3600);
    /// Much later than soon, and much sooner than late.
    const PATIENCE: Duration = Duration::from_secs(300);

    /// Runs a test with either kind of timer.
    fn with_both(test: impl AsyncFn(WakeTimer)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let timer = WakeTimer::new();
            assert!(timer.timer.is_some());
            test(timer).await;
            test(WakeTimer {
                timer: None,
                set: None,
            })
            .await;
        });
    }

    /// Sets the timer to `due` and gives up at once. Returns whether it was set, which it is not if
    /// `due` has passed already.
    async fn give_up(timer: &mut WakeTimer, due: MonoTime) -> bool {
        let mut reached = pin!(timer.reached(due));
        poll_fn(|context| Poll::Ready(reached.as_mut().poll(context).is_pending())).await
    }

    /// Sets the timer to a time soon, which passes while no task waits for it. A machine may be so
    /// busy that the time passes before the timer is set: then a later one is tried, so that how
    /// busy it is decides nothing.
    async fn missed(timer: &mut WakeTimer) -> MonoTime {
        let mut span = SOON;
        loop {
            let due = monotonic_now() + span;
            if give_up(timer, due).await {
                while monotonic_now() < due {
                    tokio::time::sleep(SOON).await;
                }
                return due;
            }
            span *= 2;
        }
    }

    async fn reached(timer: &mut WakeTimer, due: MonoTime) {
        tokio::time::timeout(PATIENCE, timer.reached(due))
            .await
            .unwrap();
        assert!(monotonic_now() >= due, "never too early");
    }

    #[test]
    fn a_timer_resolves_when_it_is_due_again_and_again() {
        with_both(async |mut timer| {
            for _ in 0..3 {
                reached(&mut timer, monotonic_now() + SOON).await;
            }
        });
    }

    #[test]
    fn a_timer_in_the_past_resolves_at_once_each_time() {
        with_both(async |mut timer| {
            let past = monotonic_now();
            for _ in 0..3 {
                reached(&mut timer, past).await;
            }
            reached(&mut timer, MonoTime::ZERO).await;
        });
    }

    #[test]
    fn a_timer_set_to_an_earlier_time_resolves_earlier() {
        with_both(async |mut timer| {
            let now = monotonic_now();
            assert!(give_up(&mut timer, now + LATE).await, "it is not due yet");
            reached(&mut timer, now + SOON).await;
        });
    }

    #[test]
    fn a_timer_set_to_a_later_time_does_not_resolve_at_the_earlier_one() {
        with_both(async |mut timer| {
            missed(&mut timer).await;
            reached(&mut timer, monotonic_now() + SOON).await;
        });
    }

    #[test]
    fn waiting_again_for_the_same_time_loses_nothing() {
        with_both(async |mut timer| {
            let due = missed(&mut timer).await;
            reached(&mut timer, due).await;
        });
    }

    #[test]
    fn others_have_their_turn_even_if_something_is_always_due() {
        with_both(async |mut timer| {
            let others = tokio::spawn(tokio::time::sleep(SOON));
            while !others.is_finished() {
                timer.reached(MonoTime::ZERO).await;
            }
        });
    }
}
