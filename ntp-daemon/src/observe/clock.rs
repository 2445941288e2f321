//! The clock that is disciplined, and the obstacle to steering it.

use super::dates::date;
use crate::context::DaemonContext;
use crate::os_error;
use ntp_config::ClockMode as Requested;
use ntp_observe::{ClockFacts, ClockMode, SteeringObstacle};
use ntp_os_clock::{Clock, ClockKind};
use ntp_proto::time::Now;
use rustix::io::Errno;

/// The clock as of `now`.
pub(super) fn facts(clock: &Clock, context: &DaemonContext, now: Now) -> ClockFacts {
    ClockFacts {
        mode: match clock.kind() {
            ClockKind::System => ClockMode::System,
            ClockKind::Virtual => ClockMode::Virtual,
            ClockKind::None => ClockMode::None,
        },
        requested: match context.requested_clock {
            Requested::Auto => ClockMode::Auto,
            Requested::System => ClockMode::System,
            Requested::Virtual => ClockMode::Virtual,
            Requested::None => ClockMode::None,
        },
        steering: clock.steers(),
        obstacle: obstacle(clock, context),
        now: date(now.local),
        virtual_minus_system_s: clock.as_virtual().map(|clock| clock.true_offset().to_f64()),
        kernel: None,
    }
}

/// The reason for which the machine's own clock is not steered.
pub(super) fn obstacle(clock: &Clock, context: &DaemonContext) -> Option<SteeringObstacle> {
    if let Some(error) = &context.clock_error {
        return Some(SteeringObstacle::Failed {
            error: error.clone(),
        });
    }
    match (clock.obstacle(), clock.kind()) {
        (Some(error), _) if error.is_missing_permission() => {
            // The remedy is for ntp-ctl to say.
            Some(SteeringObstacle::NotPermitted {
                error: os_error::text(Errno::PERM.raw_os_error()),
            })
        }
        (Some(error), _) => Some(SteeringObstacle::NotSupported {
            error: error.to_string(),
        }),
        (None, ClockKind::System) => None,
        (None, ClockKind::Virtual | ClockKind::None) => Some(SteeringObstacle::AsConfigured),
    }
}
