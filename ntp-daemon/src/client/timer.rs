//! The one timer of the client task.
//!
//! The runtime's own timers stand in a wheel of six levels, which wakes the process at each level
//! that a long sleep passes: about once more for every wait. A timer of the kernel's wakes it when
//! something is due, to the microsecond, and also when that came to pass while the machine slept.
//!
//! A simulator that is preloaded into the program replaces waiting in `epoll_wait` and may know no
//! timerfd, which would then go by the real time. With `LD_PRELOAD` in the environment, the
//! runtime's timers are used.

use ntp_os_clock::{ClockSetNotice, Timer, monotonic_now};
use ntp_proto::time::MonoTime;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// True if time may be a simulator's, which passes while nothing happens and stands still while
/// something does.
pub(crate) fn is_simulated() -> bool {
    std::env::var_os("LD_PRELOAD").is_some()
}

/// Waits for one time after another, and asks the kernel only when the time is another one than
/// before.
pub(crate) struct Alarm {
    /// `None` where the system has no such timers or may be a simulated one; then the runtime's do.
    timer: Option<AsyncFd<Timer>>,
    /// What the timer is set to, unless that has passed.
    set: Option<MonoTime>,
}

impl Alarm {
    /// Needs a runtime around it.
    pub(crate) fn new() -> Self {
        Self {
            timer: (!is_simulated())
                .then(|| Timer::new().and_then(watched).ok())
                .flatten(),
            set: None,
        }
    }

    /// Resolves when it is `due`, at once if that is past. If it is dropped before, nothing is
    /// lost.
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
    /// Needs a runtime around it.
    pub(crate) fn new() -> Self {
        Self(
            (!is_simulated())
                .then(|| ClockSetNotice::new().and_then(watched).ok())
                .flatten(),
        )
    }

    /// Resolves when the clock may have been set. If it is dropped before, nothing is lost.
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
    fn with_both(test: impl AsyncFn(Alarm)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let alarm = Alarm::new();
            assert!(alarm.timer.is_some());
            test(alarm).await;
            test(Alarm {
                timer: None,
                set: None,
            })
            .await;
        });
    }

    /// Sets the alarm to `due` and gives up at once. Returns whether it was set, which it is not if
    /// `due` has passed already.
    async fn give_up(alarm: &mut Alarm, due: MonoTime) -> bool {
        let mut reached = pin!(alarm.reached(due));
        poll_fn(|context| Poll::Ready(reached.as_mut().poll(context).is_pending())).await
    }

    /// Sets the alarm to a time soon, which passes while no task waits for it. A machine may be so
    /// busy that the time passes before the alarm is set: then a later one is tried, so that how
    /// busy it is decides nothing.
    async fn missed(alarm: &mut Alarm) -> MonoTime {
        let mut span = SOON;
        loop {
            let due = monotonic_now() + span;
            if give_up(alarm, due).await {
                while monotonic_now() < due {
                    tokio::time::sleep(SOON).await;
                }
                return due;
            }
            span *= 2;
        }
    }

    async fn reached(alarm: &mut Alarm, due: MonoTime) {
        tokio::time::timeout(PATIENCE, alarm.reached(due))
            .await
            .unwrap();
        assert!(monotonic_now() >= due, "never too early");
    }

    #[test]
    fn an_alarm_rings_when_it_is_due_again_and_again() {
        with_both(async |mut alarm| {
            for _ in 0..3 {
                reached(&mut alarm, monotonic_now() + SOON).await;
            }
        });
    }

    #[test]
    fn an_alarm_in_the_past_rings_at_once_and_as_often_as_it_is_asked() {
        with_both(async |mut alarm| {
            let past = monotonic_now();
            for _ in 0..3 {
                reached(&mut alarm, past).await;
            }
            reached(&mut alarm, MonoTime::ZERO).await;
        });
    }

    #[test]
    fn an_alarm_set_to_an_earlier_time_rings_earlier() {
        with_both(async |mut alarm| {
            let now = monotonic_now();
            assert!(give_up(&mut alarm, now + LATE).await, "it is not due yet");
            reached(&mut alarm, now + SOON).await;
        });
    }

    #[test]
    fn an_alarm_set_to_a_later_time_does_not_ring_at_the_earlier_one() {
        with_both(async |mut alarm| {
            missed(&mut alarm).await;
            reached(&mut alarm, monotonic_now() + SOON).await;
        });
    }

    #[test]
    fn waiting_again_for_the_same_time_loses_nothing() {
        with_both(async |mut alarm| {
            let due = missed(&mut alarm).await;
            reached(&mut alarm, due).await;
        });
    }

    #[test]
    fn others_have_their_turn_even_if_something_is_always_due() {
        with_both(async |mut alarm| {
            let others = tokio::spawn(tokio::time::sleep(SOON));
            while !others.is_finished() {
                alarm.reached(MonoTime::ZERO).await;
            }
        });
    }
}
