//! The whole document, as of now.

use super::{nts, sources, system};
use crate::ke_supervisor::KeServiceBoards;
use crate::key_ring::KeyFacts;
use crate::os_error;
use crate::rivals::Rivalry;
use crate::server::ServerBoard;
use arc_swap::ArcSwap;
use ntp_config::{ClockMode as Requested, SourceEntry};
use ntp_observe::{ClockFacts, ClockMode, DaemonFacts, Date, Document, SteeringObstacle};
use ntp_os_clock::{Clock, ClockKind};
use ntp_proto::client::Client;
use ntp_proto::client::entry::SourceEntryId;
use ntp_proto::time::{MonoTime, Now, NtpDuration, NtpTimestamp};
use rustix::io::Errno;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// What the daemon knows beside the client and the clock.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) config_path: Option<PathBuf>,
    pub(crate) sources: Vec<SourceEntry>,
    pub(crate) requested_clock: Requested,
    pub(crate) warn_on_jump: bool,
    pub(crate) servers: Vec<ServerBoard>,
    pub(crate) keys: Option<Arc<ArcSwap<KeyFacts>>>,
    pub(crate) ke_servers: KeServiceBoards,
    pub(crate) started: MonoTime,
    /// What the operating system said when it last refused to obey.
    pub(crate) clock_error: Option<String>,
    /// Another program that steers the clock, if one was noticed.
    pub(crate) rivalry: Option<Rivalry>,
}

impl Facts {
    /// The name of a configured entry.
    pub(crate) fn name_of(&self, group: SourceEntryId) -> String {
        self.sources
            .get(group.place())
            .map(|entry| entry.kind.address().to_string())
            .unwrap_or_default()
    }
}

/// All that can be said now.
pub(crate) fn document(client: &Client, clock: &Clock, facts: &Facts, now: Now) -> Document {
    let sources = sources::facts(client, facts, now);
    Document {
        daemon: DaemonFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: started(facts, now),
            uptime_s: now.mono.since(facts.started).as_secs_f64(),
            config_path: facts
                .config_path
                .as_ref()
                .map(|path| path.display().to_string()),
        },
        clock: clock_facts(clock, facts, now),
        system: system::facts(client, clock, facts, now, sources.len()),
        sources,
        servers: facts.servers.iter().map(ServerBoard::facts).collect(),
        nts_ke_servers: facts.ke_servers.load().iter().map(nts::ke_server).collect(),
        keyset: facts.keys.as_ref().map(|keys| nts::keyset(&keys.load())),
        ..Document::default()
    }
}

fn clock_facts(clock: &Clock, facts: &Facts, now: Now) -> ClockFacts {
    ClockFacts {
        mode: match clock.kind() {
            ClockKind::System => ClockMode::System,
            ClockKind::Virtual => ClockMode::Virtual,
            ClockKind::None => ClockMode::None,
        },
        requested: match facts.requested_clock {
            Requested::Auto => ClockMode::Auto,
            Requested::System => ClockMode::System,
            Requested::Virtual => ClockMode::Virtual,
            Requested::None => ClockMode::None,
        },
        steering: clock.steers(),
        obstacle: obstacle(clock, facts),
        now: date(now.local),
        virtual_minus_system_s: clock.as_virtual().map(|clock| clock.true_offset().to_f64()),
        kernel: None,
    }
}

/// Why the machine's own clock is not steered.
pub(super) fn obstacle(clock: &Clock, facts: &Facts) -> Option<SteeringObstacle> {
    if let Some(error) = &facts.clock_error {
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

/// The start, by our clock as it goes now.
fn started(facts: &Facts, now: Now) -> Date {
    date(now.local - NtpDuration::from(now.mono.since(facts.started)))
}

/// A reading of our clock as a date, in the era next to the machine's own date.
pub(super) fn date(at: NtpTimestamp) -> Date {
    let machine = Date::from(SystemTime::now()).unix_seconds();
    let (seconds, nanos) = at.to_unix_near(machine);
    Date::from_unix(seconds, nanos)
}

/// A date that somebody else has told in Unix seconds.
pub(super) fn unix_date(seconds: i64) -> Date {
    Date::from_unix(seconds, 0)
}
