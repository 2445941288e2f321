//! The log of the client: transitions with their reasons, and at `debug` each exchange with its
//! numbers.

use crate::context::DaemonContext;
use crate::digits::{behind, ppm, signed, span};
use crate::os_error;
use ntp_proto::StableWord;
use ntp_proto::association::{AssociationId, Discard};
use ntp_proto::client::entry::RefusedAddress;
use ntp_proto::client::{AssociationState, Client, Event, Member, Removal};
use ntp_proto::clock::{ClockEvent, Doubt, Halt, Outcome, Standing};
use ntp_proto::packet::KissCode;
use ntp_proto::time::{Now, Seconds, StampOrigin};
use std::net::SocketAddr;

/// The limit of addresses in one line of the log.
const MOST_ADDRESSES: usize = 4;

/// Writes an event into the log.
pub(crate) fn log(event: &Event, client: &Client, context: &DaemonContext, now: Now) {
    match event {
        Event::Resolve { host, .. } => tracing::debug!(%host, "looking up"),
        Event::Unresolved { entry, error } => {
            tracing::warn!(
                name = %context.name_of(*entry),
                "the name cannot be looked up and will be tried again: {error}"
            );
        }
        Event::LastKnownAddresses { entry, addresses } => tracing::warn!(
            name = %context.name_of(*entry),
            addresses,
            "the name cannot be looked up; the addresses that the name had in an earlier run are used until it can"
        ),
        Event::AddressesRefused { entry, refused } => {
            log_refused_addresses(&context.name_of(*entry), refused);
        }
        Event::Establish { host, port, .. } => {
            tracing::debug!(%host, port, "establishing NTS keys");
        }
        Event::Established {
            entry,
            algorithm,
            cookies,
        } => {
            tracing::info!(name = %context.name_of(*entry), %algorithm, cookies, "NTS keys established");
        }
        Event::NotEstablished { entry, failure } => tracing::warn!(
            name = %context.name_of(*entry),
            stage = %failure.stage,
            "NTS key establishment failed and will be tried again: {}",
            failure.message
        ),
        Event::SameServer { entry, rival } => tracing::warn!(
            name = %context.name_of(*entry),
            "this source leads to the same server as {}, and one clock counts once: it is not used; configure another server",
            context.name_of(*rival)
        ),
        Event::TimeDoubted => tracing::warn!(
            "no source with NTS can be used, as certificates have expired by this clock: the clock, or the last known time in the \
             state file, may be wrong, and certificates are judged as at a first start"
        ),
        Event::AssociationAdded { address, entry, .. } => {
            tracing::info!(%address, name = %context.name_of(*entry), "new source");
        }
        Event::AssociationRemoved {
            address, reason, ..
        } => {
            let reason = removal_in_words(reason);
            tracing::info!(%address, "source replaced: {reason}");
        }
        Event::AssociationChanged {
            address, from, to, ..
        } => log_source(*address, from.as_ref(), to, client),
        Event::Clock(ClockEvent::Synchronized) => log_synchronized(client, context, now),
        Event::Clock(event) => log_clock(event, client, context),
    }
}

fn log_refused_addresses(name: &str, refused: &[RefusedAddress]) {
    // Their number is up to the resolver.
    let shown = refused.iter().take(MOST_ADDRESSES);
    let list: Vec<_> = shown
        .map(|refused| format!("{} ({})", refused.address, refused.fault.word()))
        .collect();
    let more = refused.len().saturating_sub(MOST_ADDRESSES);
    tracing::warn!(
        %name,
        "the name resolves to addresses that no server can have, which are not used: {}{}",
        list.join(", "),
        if more > 0 { format!(" and {more} more") } else { String::new() }
    );
}

/// The reason for which a source was replaced, in words.
fn removal_in_words(reason: &Removal) -> &'static str {
    match reason {
        Removal::Useless => "it gave no usable replies",
        Removal::NoRoute => {
            "this machine has no route to its address family, and another address is reachable"
        }
        Removal::Falseticker => "it kept contradicting the majority",
        Removal::Denied => "it refused to serve us",
        Removal::Moved => "its name has another address",
        Removal::Authenticated => "a source with NTS has the same server",
        Removal::Configured => "the configuration has changed",
        Removal::Certificate => "its certificate is not valid now that the time is known",
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
            "the error bound of the source exceeds the limit"
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
        Standing::SystemPeer => "is the system peer",
        Standing::Combined => "is used",
        Standing::Outlier => "is kept in reserve",
        Standing::WaitingForQuorum => "waits for others to agree",
        Standing::Falseticker { .. } => "contradicts the majority",
        Standing::TooDistant { .. } => "has too large an error bound",
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
        Discard::WrongAddress => "they come from another address or port than the request went to",
        Discard::Malformed => "they are not NTP packets",
        Discard::UnknownVersion(version) => return format!("they are of NTP version {version}"),
        Discard::NotAReply => "they are not server replies (mode 4)",
        Discard::Duplicate => "they repeat an earlier reply",
        Discard::Bogus => "they do not match a request",
        Discard::TooLate => "they come too late",
        Discard::Unauthenticated => "they are not authenticated",
        Discard::Forged => "their authentication is wrong",
        Discard::Nak => "the server does not know our keys (NTSN)",
        Discard::Kiss(kiss) => return format!("they are a kiss of death ({})", letters(kiss)),
        Discard::InvalidTimestamps => "timestamps are missing or run backwards",
        Discard::Unsynchronized => "the server reports that it is not synchronized",
        Discard::RootDistance => "the server reports a root distance of 16 s or more",
        Discard::NegativeDelay => "they come back sooner than the server's own processing time",
        Discard::Loop => "the server synchronizes to us",
        Discard::CertificateTime => {
            "they show a time at which the server's own certificate is not valid"
        }
    };
    words.to_owned()
}

/// Writes an exchange into the log, with its numbers.
pub(crate) fn log_exchange(
    source: AssociationId,
    client: &Client,
    context: &DaemonContext,
    now: Now,
) {
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
        server = %name(member, context),
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

/// Writes into the log that a datagram was discarded.
pub(crate) fn log_discard(
    source: AssociationId,
    discard: Discard,
    client: &Client,
    context: &DaemonContext,
) {
    let Some(member) = member(client, source) else {
        return;
    };
    tracing::debug!(
        server = %name(member, context), reason = discard.word(),
        "replies were discarded: {}", discard_in_words(discard)
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

/// The name of a source, with its address where that adds something.
fn name(member: &Member, context: &DaemonContext) -> String {
    let (name, address) = (
        context.name_of(member.entry()),
        member.association().address().to_string(),
    );
    if name == address {
        name
    } else {
        format!("{name} ({address})")
    }
}

/// Logs the source and the error bound of a clock that is synchronized.
fn log_synchronized(client: &Client, context: &DaemonContext, now: Now) {
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
            "the clock is synchronized, right to within {bound}; stratum {stratum}"
        );
    };
    let peer = member(client, peer)
        .map(|member| name(member, context))
        .unwrap_or_default();
    let agreement = match usable {
        1 => "the only usable source".to_owned(),
        usable => format!("{agreeing} of {usable} usable sources agree"),
    };
    tracing::info!(
        "the clock is synchronized to {peer}, right to within {bound}; stratum {stratum}, {agreement}"
    );
}

/// Remembers whether the log has reported that a large offset is being watched.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    logged: bool,
}

impl Watching {
    /// Writes into the log when the watch over a large offset begins, and when it ends because the
    /// offset has gone.
    pub(crate) fn log(&mut self, client: &Client, now: Now) {
        let clock = client.clock();
        match clock.watched(now) {
            Some((offset, left)) if !self.logged => {
                self.logged = true;
                tracing::warn!(
                    "the clock is {}; it will be set in {} unless that goes away",
                    behind(offset),
                    span(left)
                );
            }
            None if std::mem::take(&mut self.logged) && clock.halted().is_none() => {
                tracing::info!("the large offset has gone; it is no longer watched");
            }
            _ => {}
        }
    }
}

fn log_doubt(address: SocketAddr, doubt: Doubt) {
    match doubt {
        Doubt::CertificateUnproven => tracing::warn!(
            %address,
            "the clock was never known to be right, so the certificate of this source cannot be judged, and no other source agrees \
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

fn log_clock(event: &ClockEvent, client: &Client, context: &DaemonContext) {
    match event {
        ClockEvent::Synchronized => tracing::info!("the clock is synchronized"),
        ClockEvent::Lost => tracing::warn!("the clock is no longer synchronized"),
        ClockEvent::Resumed => tracing::info!("the clock is being corrected again"),
        ClockEvent::Stepped(step) if context.warn_on_jump => {
            tracing::warn!(step = %signed(*step), "the clock was stepped");
        }
        ClockEvent::Stepped(step) => tracing::info!(step = %signed(*step), "the clock was stepped"),
        ClockEvent::Halted(halt) => log_halt(halt),
        ClockEvent::Disturbed(disturbance) if !disturbance.suspended.is_zero() => tracing::info!(
            suspended = %span(Seconds::new(disturbance.suspended.as_secs_f64())),
            "the machine was suspended; the sources have to confirm the clock"
        ),
        // Then the other program is in charge of the clock.
        ClockEvent::Disturbed(disturbance)
            if !client.clock().steers() || client.entries().is_empty() =>
        {
            tracing::info!(step = %signed(disturbance.step), "another program has set the clock");
        }
        ClockEvent::Disturbed(disturbance) => tracing::warn!(
            step = %signed(disturbance.step),
            "another program has set the clock; the sources have to confirm it. If another time service runs here, stop one of the two"
        ),
    }
}

fn log_halt(halt: &Halt) {
    match halt {
        Halt::Panic { offset, limit } => tracing::error!(
            offset = %signed(*offset),
            limit = %span(*limit),
            "the clock is off by more than the panic threshold and is left alone; if the sources are right, set it with \
             `ntp-ctl step`, or raise the threshold in [synchronization] and run `ntp-ctl reload`"
        ),
        Halt::AccumulatedSteps { sum, limit } => tracing::error!(
            sum = %span(*sum),
            limit = %span(*limit),
            "all steps together would exceed accumulated-step-panic-threshold; the clock is left alone. If the sources \
             are right, set it with `ntp-ctl step`, or raise the threshold and run `ntp-ctl reload`"
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
