//! A server that tells the time, or lies. Its answers come from the server of `ntp-proto`.

use crate::random::Random;
use crate::scenario::{Leap, ServerScenario};
use ntp_proto::packet::{LeapIndicator, ReferenceId, Stratum};
use ntp_proto::server::{Request, ServedState, Server, ServerConfig, Snapshots, Verdict};
use ntp_proto::time::{Frequency, MonoTime, NtpDuration, NtpTimestamp, Precision, Seconds};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The longest reply.
pub(crate) const REPLY: usize = 1280;

/// UTC as an exact clock shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Utc {
    epoch: NtpTimestamp,
    leap: Option<Leap>,
}

impl Utc {
    pub(crate) fn new(epoch: i64, leap: Option<Leap>) -> Self {
        Self {
            epoch: NtpTimestamp::from_unix(epoch, 0),
            leap,
        }
    }

    /// How much UTC has been moved by leap seconds at true time `t`.
    pub(crate) fn leaped(&self, t: f64) -> f64 {
        self.leap
            .filter(|leap| t >= leap.at)
            .map_or(0.0, |leap| if leap.insert { -1.0 } else { 1.0 })
    }

    /// The reading of a clock at true time `t` that is `offset` ahead of UTC without leap seconds,
    /// in nanoseconds.
    pub(crate) fn shown(&self, t: f64, offset: f64) -> NtpTimestamp {
        self.epoch + NtpDuration::from_nanos(((t + offset) * 1e9).round() as i64)
    }

    /// What a server announces at true time `t`: the leap second at the end of this month.
    fn announced(&self, t: f64) -> LeapIndicator {
        match self.leap {
            Some(leap) if t < leap.at && t >= leap.at - 20.0 * 86_400.0 => {
                if leap.insert {
                    LeapIndicator::Insert
                } else {
                    LeapIndicator::Delete
                }
            }
            _ => LeapIndicator::NoWarning,
        }
    }
}

/// The reply of a server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) octets: Vec<u8>,
    /// The time on its clock at which it answered, on the scale of true time: leap seconds are
    /// taken out.
    pub(crate) at: f64,
}

/// One server.
#[derive(Debug)]
pub(crate) struct SimServer {
    server: Server,
    settings: ServerScenario,
    utc: Utc,
    noise: Random,
}

impl SimServer {
    pub(crate) fn new(settings: ServerScenario, utc: Utc, mut noise: Random) -> Self {
        let server = Server::new(Arc::new(ServerConfig::default()), noise.seed());
        Self {
            server,
            settings,
            utc,
            noise,
        }
    }

    /// Answers a request that arrives at true time `t`, without taking any time for it.
    pub(crate) fn answer(&mut self, t: f64, from: SocketAddr, octets: &[u8]) -> Option<Answer> {
        if self.settings.silent && self.is_faulty(t) {
            return None;
        }
        let ahead = self.ahead(t);
        let at = self.utc.shown(t, ahead);
        let request = Request {
            octets,
            from,
            receive: at,
            now: MonoTime::from_epoch(Duration::from_secs_f64(t)),
        };
        let late = if self.is_faulty(t) {
            self.settings.stamp
        } else {
            0.0
        };
        let state = self.state(t, at);
        let snapshots = Snapshots {
            state: &state,
            keys: None,
        };
        let Verdict::Reply(reply) = self.server.handle_request(request, snapshots) else {
            return None;
        };
        let mut buffer = [0; REPLY];
        let length = reply
            .emit(at + NtpDuration::from_seconds(late), &mut buffer)
            .ok()?;
        let octets = buffer.get(..length)?.to_vec();
        Some(Answer {
            octets,
            at: t + ahead - self.utc.leaped(t),
        })
    }

    /// The offset of its clock from true time.
    fn ahead(&mut self, t: f64) -> f64 {
        let active = self.is_faulty(t);
        let fault = &self.settings;
        let lie = if active {
            fault.offset + fault.drift * (t - fault.from)
        } else {
            0.0
        };
        let noise = fault.wobble * self.noise.normal();
        let ahead = self.utc.leaped(t) + lie + if active { noise } else { 0.0 };
        let since_tick = if active && fault.grain > 0.0 {
            (t + ahead).rem_euclid(fault.grain)
        } else {
            0.0
        };
        ahead - since_tick
    }

    /// True if its faults are active.
    fn is_faulty(&self, t: f64) -> bool {
        t >= self.settings.from && t < self.settings.until
    }

    fn state(&self, t: f64, at: NtpTimestamp) -> ServedState {
        if self.settings.unsynchronized && self.is_faulty(t) {
            return ServedState::UNSYNCHRONIZED;
        }
        ServedState {
            leap: self.utc.announced(t),
            stratum: Stratum::PRIMARY,
            precision: Precision::from_log2(-25),
            root_delay: Seconds::new(self.settings.root_delay),
            root_dispersion: Seconds::new(self.settings.root_dispersion),
            dispersion_rate: Frequency::ZERO,
            at,
            reference_id: ReferenceId::from_letters(*b"GPS\0"),
            reference_time: at,
            is_own_reference: false,
        }
    }
}
