//! The schedule of look-ups of one name: at once, and after failures with exponential back-off.

use crate::time::MonoTime;
use std::time::Duration;

/// The first back-off.
const FIRST_BACK_OFF: Duration = Duration::from_secs(2);
/// The longest back-off is the first one doubled this many times, about 17 minutes.
const DOUBLINGS: u32 = 9;

/// The state of one name's look-up.
#[derive(Debug)]
pub(crate) enum Resolution {
    /// It is an address already.
    NotNeeded,
    /// Nothing is due until addresses are wanted.
    Idle { last: MonoTime, attempts: u32 },
    /// A look-up is due at this time.
    Due {
        at: MonoTime,
        attempts: u32,
        error: Option<String>,
    },
    /// A look-up is on its way; the one before may have failed.
    Asked {
        attempts: u32,
        since: MonoTime,
        error: Option<String>,
    },
}

impl Resolution {
    pub(crate) const fn due() -> Self {
        Self::Due {
            at: MonoTime::ZERO,
            attempts: 0,
            error: None,
        }
    }

    pub(crate) fn is_first_attempt(&self) -> bool {
        matches!(
            self,
            Self::Due { attempts: 0, .. } | Self::Asked { attempts: 1, .. }
        )
    }

    pub(crate) fn is_looking(&self) -> bool {
        matches!(self, Self::Due { .. } | Self::Asked { .. })
    }

    pub(crate) const fn is_asking(&self) -> bool {
        matches!(self, Self::Asked { .. })
    }

    pub(crate) const fn asking_since(&self) -> Option<MonoTime> {
        match self {
            Self::Asked { since, .. } => Some(*since),
            _ => None,
        }
    }

    pub(crate) fn look_up_soon(&mut self, now: MonoTime) {
        if let Self::Due { at, .. } = self {
            *at = now.min(*at);
        }
    }

    pub(crate) fn failure(&self) -> Option<(&str, MonoTime)> {
        match self {
            Self::Due {
                at,
                error: Some(error),
                ..
            }
            | Self::Asked {
                since: at,
                error: Some(error),
                ..
            } => Some((error, *at)),
            _ => None,
        }
    }

    pub(crate) fn timeout(&self) -> Option<MonoTime> {
        if let Self::Due { at, .. } = self {
            Some(*at)
        } else {
            None
        }
    }

    pub(crate) fn poll(&mut self, now: MonoTime) -> bool {
        match self {
            Self::Due {
                at,
                attempts,
                error,
            } if *at <= now => {
                *self = Self::Asked {
                    attempts: *attempts + 1,
                    since: now,
                    error: error.take(),
                };
                true
            }
            _ => false,
        }
    }

    /// Addresses are wanted: the more often in a row without success, the later.
    pub(crate) fn want(&mut self, now: MonoTime, jitter: f64) {
        if let Self::Idle { last, attempts } = *self {
            let at = (last + back_off(attempts, jitter)).max(now);
            *self = Self::Due {
                at,
                attempts,
                error: None,
            };
        }
    }

    /// Addresses are wanted this long after the last ones came.
    pub(crate) fn want_after(&mut self, now: MonoTime, span: Duration) {
        if let Self::Idle { last, attempts } = *self {
            *self = Self::Due {
                at: (last + span).max(now),
                attempts,
                error: None,
            };
        }
    }

    pub(crate) fn failed(&mut self, now: MonoTime, error: String, jitter: f64) {
        if let Self::Asked { attempts, .. } = *self {
            *self = Self::Due {
                at: now + back_off(attempts, jitter),
                attempts,
                error: Some(error),
            };
        }
    }

    pub(crate) fn succeeded(&mut self, now: MonoTime) {
        if let Self::Asked { attempts, .. } = *self {
            *self = Self::Idle {
                last: now,
                attempts,
            };
        }
    }

    /// The addresses are there without a look-up.
    pub(crate) fn satisfied(&mut self, now: MonoTime) {
        if let Self::Due { attempts, .. } = *self {
            *self = Self::Idle {
                last: now,
                attempts,
            };
        }
    }

    /// An address was measured: the next search starts without back-off.
    pub(crate) fn forgive(&mut self) {
        if let Self::Idle { attempts, .. } = self {
            *attempts = 1;
        }
    }
}

/// 2 s, 4 s, … each between three quarters and five quarters of that, so that a fleet does not ask
/// in step.
fn back_off(attempts: u32, jitter: f64) -> Duration {
    let doubled = FIRST_BACK_OFF * 2_u32.pow(attempts.saturating_sub(1).min(DOUBLINGS));
    doubled.mul_f64(0.75 + 0.5 * jitter.clamp(0.0, 1.0))
}
