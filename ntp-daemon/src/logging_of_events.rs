//! The log of the client: transitions with their reason, and at `debug` each exchange with its
//! numbers.

use crate::digits::{behind, ppm, signed, span};
use crate::observe::Facts;
use crate::os_error;
use ntp_proto::StableWord;
use ntp_proto::association::{AssociationId, Discard};
use ntp_proto::client::{AssociationState, Client, Event, Member, Removal};
use ntp_proto::clock::{ClockEvent, Doubt, Halt, Outcome, Standing};
use ntp_proto::packet::KissCode;
use ntp_proto::time::{Now, Seconds, StampOrigin};
use std::net::SocketAddr;

/// Addresses that one line of the log names.
const MOST_ADDRESSES: usize = 4;

/// Writes an event into the log.
pub(crate) fn log(event: &Event, client: &Client, facts: &Facts, now: Now) {
    match event {
        Event::Resolve { host, .. } => tracing::debug!(%host, "looking up"),
        Event::Unresolved { entry, error } => {
            tracing::warn!(
                name = %facts.name_of(*entry),
                "the name cannot be looked up and will be tried again: {error}"
            );
        }
        Event::LastKnownAddresses { entry, addresses } => tracing::warn!(
            name = %facts.name_of(*entry),
            addresses,
            "the resolver does not help; the addresses that the name had in an earlier run are used until it does"
        ),
        Event::AddressesRefused { entry, refused } => {
            // The resolver decides how many there are.
            let shown = refused.iter().take(MOST_ADDRESSES);
            let list: Vec<_> = shown
                .map(|refused| format!("{} ({})", refused.address, refused.fault.word()))
                .collect();
            let more = refused.len().saturating_sub(MOST_ADDRESSES);
            tracing::warn!(
                name = %facts.name_of(*entry),
                "the name leads to addresses that no server can have, which are not used: {}{}",
                list.join(", "),
                if more > 0 { format!(" and {more} more") } else { String::new() }
            );
        }
        Event::Establish { host, port, .. } => {
            tracing::debug!(%host, port, "establishing keys for NTS");
        }
        Event::Established {
            entry,
            algorithm,
            cookies,
        } => {
            tracing::info!(name = %facts.name_of(*entry), %algorithm, cookies, "keys for NTS established");
        }
        Event::NotEstablished { entry, failure } => tracing::warn!(
            name = %facts.name_of(*entry),
            stage = %failure.stage,
            "no keys for NTS, which will be tried again: {}",
            failure.message
        ),
        Event::SameServer { entry, rival } => tracing::warn!(
            name = %facts.name_of(*entry),
            "this source leads to the same server as {}, and one clock counts once: it is not used; name another server",
            facts.name_of(*rival)
        ),
        Event::TimeDoubted => tracing::warn!(
            "no source with NTS can be used, as certificates have expired by this clock: the clock, or the last known time in the \
             state file, is doubted, and certificates are judged as at a first start"
        ),
        Event::AssociationAdded { address, entry, .. } => {
            tracing::info!(%address, name = %facts.name_of(*entry), "new source");
        }
        Event::AssociationRemoved {
            address, reason, ..
        } => {
            let why = match reason {
                Removal::Useless => "it brought nothing of use",
                Removal::NoRoute => {
                    "there is no way to its kind of addresses from here, and another address has one"
                }
                Removal::Falseticker => "it kept contradicting the majority",
                Removal::Denied => "it denied us",
                Removal::Moved => "its name has another address",
                Removal::Authenticated => "a source with NTS has the same server",
                Removal::Certificate => "its certificate is not valid now that the time is known",
            };
            tracing::info!(%address, "source replaced: {why}");
        }
        Event::AssociationChanged {
            address, from, to, ..
        } => log_source(*address, from.as_ref(), to, client),
        Event::Clock(ClockEvent::Synchronized) => log_synchronized(client, facts, now),
        Event::Clock(event) => log_clock(event, client, facts),
    }
}

fn log_source(
    address: SocketAddr,
    from: Option<&AssociationState>,
    to: &AssociationState,
    client: &Client,
) {
    match to {
        AssociationState::Judged(Standing::Falseticker {
            offset,
            missed_by,
            truechimers,
        }) => tracing::warn!(
            %address, offset = %signed(*offset), missed_by = %span(*missed_by), majority = truechimers,
            "falseticker: the source contradicts the majority"
        ),
        AssociationState::Judged(Standing::ContradictsAuthenticated {
            offset,
            missed_by,
            authenticated,
        }) => tracing::warn!(
            %address, offset = %signed(*offset), missed_by = %span(*missed_by), authenticated,
            "the source contradicts those with NTS and is not used"
        ),
        AssociationState::Judged(Standing::Unwitnessed(doubt)) => log_doubt(address, *doubt),
        AssociationState::Judged(Standing::TooDistant { distance, limit }) => tracing::warn!(
            %address, distance = %span(*distance), limit = %span(*limit),
            "the source could be wrong by more than is accepted"
        ),
        AssociationState::Judged(Standing::NoMajority) => log_no_majority(address, client),
        AssociationState::Unreachable { unanswered } => {
            tracing::warn!(%address, unanswered, "the source does not answer");
        }
        AssociationState::Unusable(discard) => {
            tracing::warn!(%address, "the source's replies cannot be used: {}", discard_in_words(*discard));
        }
        AssociationState::Demobilized(kiss) => {
            tracing::warn!(%address, "the source refuses to serve us ({})", letters(*kiss));
        }
        AssociationState::SendFailed(error) => {
            tracing::warn!(%address, "cannot send to the source: {}", os_error::text(*error));
        }
        AssociationState::Judged(standing) => {
            let recovered = matches!(
                from,
                Some(AssociationState::Unreachable { .. } | AssociationState::SendFailed(_))
            );
            let standing = standing_in_words(standing);
            if recovered {
                tracing::info!(%address, "the source answers again, and {standing}");
            } else {
                tracing::debug!(%address, "the source {standing}");
            }
        }
        AssociationState::Measured => tracing::debug!(%address, "the source answers"),
        AssociationState::NoReplyYet { sent } => {
            tracing::debug!(%address, sent, "the source has not answered yet");
        }
    }
}

/// Sources can contradict one another only where there are several.
fn log_no_majority(address: SocketAddr, client: &Client) {
    match client.clock().selection().outcome {
        Outcome::NoMajority {
            usable,
            agreeing,
            needed,
        } if agreeing > usable / 2 => {
            tracing::warn!(%address, agreeing, needed, "the source is good, but too few agree");
        }
        _ => tracing::warn!(%address, "the sources contradict each other and no majority agrees"),
    }
}

fn standing_in_words(standing: &Standing) -> &'static str {
    match standing {
        Standing::SystemPeer => "is the best one",
        Standing::Combined => "is used",
        Standing::Outlier => "is kept in reserve",
        Standing::WaitingForQuorum => "waits for others to agree",
        Standing::Falseticker { .. } => "contradicts the majority",
        Standing::TooDistant { .. } => "could be wrong by too much",
        Standing::NoMajority => "finds no majority",
        Standing::ContradictsAuthenticated { .. } => "contradicts those with NTS",
        Standing::NotAuthenticated => "has no NTS, and is only measured",
        Standing::WaitingForAuthenticated => "waits for a source with NTS",
        Standing::Unwitnessed(_) => "waits for another one to agree",
    }
}

/// The letters of a kiss.
fn letters(kiss: KissCode) -> String {
    kiss.to_reference_id()
        .letters()
        .unwrap_or_else(|| "a kiss of death".to_owned())
}

/// The reason to discard a datagram, in words.
fn discard_in_words(discard: Discard) -> String {
    let words = match discard {
        Discard::WrongAddress => "they come from another address or port than was asked",
        Discard::Malformed => "they are no NTP packets",
        Discard::UnknownVersion(version) => return format!("they are of version {version} of NTP"),
        Discard::NotAReply => "they are no replies of a server (mode 4)",
        Discard::Duplicate => "they repeat an earlier reply",
        Discard::Bogus => "they answer something that was not asked",
        Discard::TooLate => "they come too late",
        Discard::Unauthenticated => "they are not authenticated",
        Discard::Forged => "their authentication is wrong",
        Discard::Nak => "the server does not know our keys (NTSN)",
        Discard::Kiss(kiss) => return format!("they are a kiss of death ({})", letters(kiss)),
        Discard::InvalidTimestamps => "timestamps are missing or run backwards",
        Discard::Unsynchronized => "the server says that its own clock is not synchronised",
        Discard::RootDistance => "the server says that its own clock may be wrong by 16 s or more",
        Discard::NegativeDelay => {
            "they come back sooner than the server says to have worked on them"
        }
        Discard::Loop => "the server takes its time from us",
        Discard::CertificateTime => {
            "they show a time at which the server's own certificate is not valid"
        }
    };
    words.to_owned()
}

/// Writes an exchange into the log, with its numbers.
pub(crate) fn log_exchange(source: AssociationId, client: &Client, facts: &Facts, now: Now) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let Some(member) = member(client, source) else {
        return;
    };
    let Some(newest) = member.association().filter().samples().next() else {
        return;
    };
    let offset = newest.offset() - client.clock().timescale().steered_by(now.local);
    let stamps = format!(
        "{}/{}",
        stamp_in_words(newest.sent_by),
        stamp_in_words(newest.received_by)
    );
    tracing::debug!(
        server = %name(member, facts),
        offset = %signed(offset),
        delay = %span(newest.delay()),
        dispersion = %span(newest.dispersion),
        root_delay = %span(newest.root.delay),
        root_dispersion = %span(newest.root.dispersion),
        stratum = newest.root.stratum.to_bits(),
        poll = %span(member.association().poll().seconds()),
        reach = %format_args!("{:o}", member.association().reach().bits()),
        %stamps,
        "exchange"
    );
}

/// Writes into the log that a datagram was not believed.
pub(crate) fn log_discard(source: AssociationId, discard: Discard, client: &Client, facts: &Facts) {
    let Some(member) = member(client, source) else {
        return;
    };
    tracing::debug!(
        server = %name(member, facts), reason = discard.word(),
        "replies were not believed: {}", discard_in_words(discard)
    );
}

fn stamp_in_words(origin: StampOrigin) -> &'static str {
    match origin {
        StampOrigin::Daemon => "daemon",
        StampOrigin::Kernel => "kernel",
        StampOrigin::Hardware => "card",
    }
}

fn member(client: &Client, source: AssociationId) -> Option<&Member> {
    client
        .members()
        .find(|member| member.association().id() == source)
}

/// A source as people know it: its name, with the address where that says more.
fn name(member: &Member, facts: &Facts) -> String {
    let (name, address) = (
        facts.name_of(member.entry()),
        member.association().address().to_string(),
    );
    if name == address {
        name
    } else {
        format!("{name} ({address})")
    }
}

/// The clock is right: by whom, and how well.
fn log_synchronized(client: &Client, facts: &Facts, now: Now) {
    let clock = client.clock();
    let free = clock.timescale().to_free(now.local);
    let bound = clock
        .system()
        .map(|system| system.root_distance_at(free))
        .unwrap_or_default();
    let bound = span(bound.max(clock.remaining_offset(now).unwrap_or_default().abs()));
    let stratum = client.served_state(now).stratum.to_bits();
    let Outcome::Agreed {
        peer,
        usable,
        agreeing,
        ..
    } = clock.selection().outcome
    else {
        return tracing::info!(
            "the clock is synchronised, right to within {bound}; stratum {stratum}"
        );
    };
    let peer = member(client, peer)
        .map(|member| name(member, facts))
        .unwrap_or_default();
    let agreement = match usable {
        1 => "the only usable source".to_owned(),
        usable => format!("{agreeing} of {usable} usable sources agree"),
    };
    tracing::info!(
        "the clock is synchronised to {peer}, right to within {bound}; stratum {stratum}, {agreement}"
    );
}

/// True once the log has said that a large offset is being watched.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    said: bool,
}

impl Watching {
    /// Writes into the log when the watch over a large offset begins, and when it ends because the
    /// offset has gone.
    pub(crate) fn log(&mut self, client: &Client, now: Now) {
        let clock = client.clock();
        match clock.watched(now) {
            Some((offset, left)) if !self.said => {
                self.said = true;
                tracing::warn!(
                    "the clock is {}; it will be set in {} unless that goes away",
                    behind(offset),
                    span(left)
                );
            }
            None if std::mem::take(&mut self.said) && clock.halted().is_none() => {
                tracing::info!("no large offset is watched any more");
            }
            _ => {}
        }
    }
}

fn log_doubt(address: SocketAddr, doubt: Doubt) {
    match doubt {
        Doubt::CertificateUnproven => tracing::warn!(
            %address,
            "the clock was never right, so that the certificate of this source cannot be judged, and no other source agrees \
             with it: the clock is left alone. Add a source, set the clock by hand and restart, or allow it with \
             first-time-from = \"single\" in [synchronization]"
        ),
        Doubt::Implausible { until, .. } => tracing::warn!(
            %address, limit = ntp_observe::Date::from_unix(until, 0).to_string(),
            "the only source that can be used has no NTS and claims a time that is implausible: the clock is left alone. Add a \
             source that agrees, or one with NTS"
        ),
    }
}

fn log_clock(event: &ClockEvent, client: &Client, facts: &Facts) {
    match event {
        ClockEvent::Synchronized => tracing::info!("the clock is synchronised"),
        ClockEvent::Lost => tracing::warn!("the clock is no longer synchronised"),
        ClockEvent::Resumed => tracing::info!("the clock is being corrected again"),
        ClockEvent::Stepped(step) if facts.warn_on_jump => {
            tracing::warn!(step = %signed(*step), "the clock was stepped");
        }
        ClockEvent::Stepped(step) => tracing::info!(step = %signed(*step), "the clock was stepped"),
        ClockEvent::Halted(halt) => log_halt(halt),
        ClockEvent::Disturbed(disturbance) if !disturbance.suspended.is_zero() => tracing::info!(
            suspended = %span(Seconds::new(disturbance.suspended.as_secs_f64())),
            "the machine was suspended; the clock is confirmed again"
        ),
        // Setting the clock is the other program's business then.
        ClockEvent::Disturbed(disturbance)
            if !client.clock().steers() || client.entries().is_empty() =>
        {
            tracing::info!(step = %signed(disturbance.step), "another program has set the clock");
        }
        ClockEvent::Disturbed(disturbance) => tracing::warn!(
            step = %signed(disturbance.step),
            "another program has set the clock; it is confirmed again. If another time service runs here, stop one of the two"
        ),
    }
}

fn log_halt(halt: &Halt) {
    match halt {
        Halt::Panic { offset, limit } => tracing::error!(
            offset = %signed(*offset),
            limit = %span(*limit),
            "the clock is off by more than the panic threshold and is left alone; if the sources are right, set it by \
             hand (and remove the state file of [storage], if it holds a wrong time) or raise the threshold in \
             [synchronization], then restart"
        ),
        Halt::AccumulatedSteps { sum, limit } => tracing::error!(
            sum = %span(*sum),
            limit = %span(*limit),
            "all steps together would exceed accumulated-step-panic-threshold; the clock is left alone. If the sources \
             are right, remove the state file or raise the threshold, then restart"
        ),
        Halt::ClockRefused => {
            tracing::error!("the operating system refused a correction of the clock");
        }
        Halt::RateBeyondLimit { needed, limit } => tracing::error!(
            needed = %ppm(*needed),
            limit = %ppm(*limit),
            "the clock's rate is off by more than can be corrected, so that its error grows; the clock source of this machine \
             is broken: see /sys/devices/system/clocksource/clocksource0/available_clocksource for others"
        ),
    }
}
