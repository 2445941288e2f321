//! The state of the system: synchronized or not, the error bound, and the reasons.

use crate::stable_word::stable_words;
use crate::{Date, SteeringObstacle};
use serde::{Deserialize, Serialize};

/// The system's variables (RFC 5905 §11.2) and the verdict about them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SystemFacts {
    /// True if the clock is synchronized now. If not, `reasons` holds the reasons.
    pub synchronized: bool,
    /// Our stratum; 16 while the clock is not synchronized.
    pub stratum: u8,
    /// The leap indicator that we announce.
    pub leap: Leap,
    /// The reference ID in our replies: an IPv4 address, four letters, or eight hexadecimal digits,
    /// the beginning of the MD5 hash of an IPv6 address (RFC 5905 §7.3, refid). The source itself
    /// is the one with the state `selected`.
    pub reference_id: Option<String>,
    /// The time of the last correction of the clock.
    pub reference_time: Option<Date>,
    /// The time since the last update from measurements.
    pub last_update_ago_s: Option<f64>,
    /// The offset still to be corrected; positive when our clock is behind.
    pub offset_s: Option<f64>,
    /// The system jitter (RFC 5905 §11.2.3, PSI).
    pub jitter_s: Option<f64>,
    /// The error of the clock's rate that is being corrected; positive when our clock, left alone,
    /// runs fast.
    pub frequency_ratio: Option<f64>,
    /// The uncertainty of `frequency_ratio`.
    pub frequency_uncertainty_ratio: Option<f64>,
    /// The delay of the round trip to the primary source (RFC 5905 §7.3, rootdelay).
    pub root_delay_s: Option<f64>,
    /// The dispersion to the primary source, as of now (RFC 5905 §7.3, rootdisp).
    pub root_dispersion_s: Option<f64>,
    /// The greatest error that the clock may have now: |offset| + root dispersion + root delay / 2.
    pub error_bound_s: Option<f64>,
    /// A large offset that is being watched before the clock is set; positive when our clock is
    /// behind. `null` when there is none.
    #[serde(default)]
    pub watched_offset_s: Option<f64>,
    /// The time until the clock is set because of `watched_offset_s`, unless the offset goes away.
    #[serde(default)]
    pub watched_for_s_more: Option<f64>,
    /// The smallest interval between two readings of the clock.
    pub precision_s: Option<f64>,
    /// The poll interval of the discipline.
    pub poll_s: Option<f64>,
    /// The sum of the magnitudes of all steps after the first.
    pub accumulated_steps_s: f64,
    /// The limit of `accumulated_steps_s`; `null` when there is none.
    pub accumulated_steps_threshold_s: Option<f64>,
    /// The number of steps of the clock.
    pub step_count: u64,
    /// The control loop that steers the clock.
    pub discipline: DisciplineFacts,
    /// The numbers of sources: known, usable, agreeing.
    pub source_counts: SourceCounts,
    /// The reasons why the clock is not synchronized, the most important first; empty when it is.
    #[serde(default)]
    pub reasons: Vec<SystemReason>,
    /// Warnings, which may come with a synchronized clock.
    #[serde(default)]
    pub warnings: Vec<SystemReason>,
}

impl SystemFacts {
    /// True if the clock is synchronized, or if no source is configured and the daemon serves this
    /// machine's own clock because of `local-stratum`.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.synchronized || matches!(self.reasons.as_slice(), [SystemReason::LocalClock { .. }])
    }
}

/// The control loop that steers the clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisciplineFacts {
    /// The name of its algorithm.
    pub name: DisciplineName,
    /// The state of the algorithm.
    pub state: DisciplineState,
}

/// The algorithm of the control loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DisciplineName {
    /// The estimator of this daemon.
    #[default]
    Estimate,
    /// The loops of RFC 5905 §11.3.
    PllFll,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(DisciplineName {
    Estimate => "estimate",
    PllFll => "pll-fll",
});

/// The state of the control loop (RFC 5905 §11.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DisciplineState {
    /// The clock has never been set (NSET).
    #[default]
    NeverSet,
    /// The frequency of the clock is being measured (FREQ).
    MeasuringFrequency,
    /// The clock is synchronized (SYNC).
    Synchronized,
    /// A large offset was seen and is not trusted yet (SPIK).
    Spike,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(DisciplineState {
    NeverSet => "never-set",
    MeasuringFrequency => "measuring-frequency",
    Synchronized => "synchronized",
    Spike => "spike",
});

/// The numbers of sources: known, usable, agreeing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCounts {
    /// All sources: each association, and each name without an address.
    pub known: u32,
    /// Sources that pass the tests for use (RFC 5905 §11.2.1).
    pub usable: u32,
    /// Sources whose intervals agree with one another: the truechimers.
    pub agreeing: u32,
    /// The number of sources that have to agree before the clock is corrected.
    pub needed: u32,
}

/// The warning of a leap second (RFC 5905 §7.3, leap).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Leap {
    /// No leap second is announced.
    None,
    /// The last minute of the day has 61 seconds.
    Insert,
    /// The last minute of the day has 59 seconds.
    Delete,
    /// The clock is not synchronized.
    #[default]
    Unsynchronized,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(Leap {
    None => "none",
    Insert => "insert",
    Delete => "delete",
    Unsynchronized => "unsynchronized",
});

impl Leap {
    /// The two bits of the packet header; `None` for a word of a newer daemon.
    #[must_use]
    pub fn bits(&self) -> Option<u8> {
        match self {
            Self::None => Some(0),
            Self::Insert => Some(1),
            Self::Delete => Some(2),
            Self::Unsynchronized => Some(3),
            Self::Other(_) => None,
        }
    }
}

/// A reason why the clock is not synchronized, or a warning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum SystemReason {
    /// The daemon has just been started and has not sent a request yet.
    Starting,
    /// The configuration names no source.
    NoSourcesConfigured,
    /// Requests were sent, and no source has answered yet.
    WaitingForFirstReplies {
        /// The number of sources that have been asked.
        asked: u32,
    },
    /// Some sources have answered; the first decision waits, for some seconds, for enough others to
    /// make a majority.
    WaitingForQuorum {
        /// The number of sources that have answered.
        answered: u32,
        /// The number of sources that have not answered yet.
        pending: u32,
    },
    /// Sources answer, but they have not given enough samples yet.
    WaitingForSamples,
    /// No source can be used; each source holds its reason.
    NoSourceUsable {
        /// The number of sources.
        known: u32,
    },
    /// The usable sources contradict one another and no majority agrees.
    NoMajority {
        /// The number of usable sources.
        usable: u32,
        /// The size of the largest group that agrees.
        agreeing: u32,
        /// The size of a majority.
        needed: u32,
        /// The sources that are not in the largest group, by
        /// [`SourceFacts::id`](crate::SourceFacts::id).
        #[serde(default)]
        disagreeing: Vec<u64>,
    },
    /// The sources that agree are fewer than the configuration demands.
    TooFewAgreeing {
        /// The number of sources that agree.
        agreeing: u32,
        /// The number of sources that have to agree.
        needed: u32,
    },
    /// Only sources without NTS can be used, and the daemon waits for those with NTS.
    WaitingForAuthenticated {
        /// The number of sources without NTS that could be used.
        plain: u32,
    },
    /// Only sources without NTS could be used, and the configuration lets none of them set the
    /// clock.
    NoAuthenticatedSource {
        /// The number of sources without NTS that could be used.
        plain: u32,
    },
    /// The clock has never been synchronized, and the certificate of the only usable source cannot
    /// be checked without the time, so it may not set the clock alone.
    CertificateUnproven {
        /// The source, by [`SourceFacts::id`](crate::SourceFacts::id).
        source: u64,
    },
    /// The only usable source has no NTS, and claims a time so late that another source must
    /// confirm it.
    ImplausibleTime {
        /// The source, by [`SourceFacts::id`](crate::SourceFacts::id).
        source: u64,
        /// The time that it claims.
        claimed: Date,
        /// The latest time that one source without NTS may set alone.
        limit: Date,
    },
    /// No source with NTS can be used, and the time comes from sources that are not authenticated.
    Unauthenticated {
        /// The number of sources with NTS.
        with_nts: u32,
    },
    /// The first key establishment has had no answer for some seconds, and there is no other
    /// source.
    KeyEstablishmentSilent {
        /// The NTS-KE server, host and TCP port.
        ke_server: String,
        /// The time without an answer.
        waited_s: f64,
    },
    /// The clock cannot be steered.
    ClockNotSteerable {
        /// The obstacle to steering.
        cause: SteeringObstacle,
    },
    /// The daemon only measures, as configured.
    MeasuringOnly,
    /// The offset exceeds the panic threshold, and the daemon does not step the clock.
    PanicThreshold {
        /// The offset measured; positive when our clock is behind.
        offset_s: f64,
        /// The largest step allowed in this direction.
        limit_s: f64,
    },
    /// The sum of all steps exceeds its limit.
    AccumulatedStepsExceeded {
        /// The sum of all steps, the refused one included.
        sum_s: f64,
        /// The limit of the sum.
        limit_s: f64,
    },
    /// The sources agree on a large offset. The clock will be set unless the offset goes away.
    LargeOffsetWatched {
        /// The offset; positive when our clock is behind.
        offset_s: f64,
        /// The time until the clock is set.
        left_s: f64,
    },
    /// Something other than this daemon changed the clock, or the machine was suspended, and the
    /// sources have not confirmed the clock again yet.
    ClockDisturbed {
        /// The step that was made; positive when the clock was set forward.
        by_s: f64,
        /// The duration of the suspend; 0 if there was none.
        suspended_s: f64,
    },
    /// The rate of the clock is off by more than can be corrected, so that its error grows.
    RateBeyondLimit {
        /// The error of the rate; positive when the clock, left alone, runs fast.
        frequency_ratio: f64,
        /// The largest error that can be corrected.
        limit_ratio: f64,
    },
    /// The operating system refused a correction.
    ClockSetError {
        /// The error of the operating system.
        error: String,
    },
    /// Fewer than three sources: two cannot outvote a liar, one cannot be checked at all.
    FewSources {
        /// The number of sources.
        count: u32,
    },
    /// The error bound is too large to call the clock synchronized.
    DistanceTooLarge {
        /// The root distance (RFC 5905 §11.2.3, LAMBDA).
        distance_s: f64,
        /// Its limit (RFC 5905 §11.1, MAXDIST).
        limit_s: f64,
    },
    /// The last measurement is too long ago.
    LastUpdateTooOld {
        /// The time since the last measurement.
        age_s: f64,
    },
    /// Something other than this daemon moved the clock.
    ClockMovedByOther {
        /// The step; positive when the clock was moved forward.
        by_s: f64,
    },
    /// Another program has changed the rate of the clock within the last hour.
    ClockSteeredByOther {
        /// The correction of the rate that this daemon had set; positive makes the clock run
        /// faster.
        set_ratio: f64,
        /// The correction that was found last.
        found_ratio: f64,
        /// The number of times that another rate was found.
        count: u64,
        /// Running programs that may be the cause, each with its process id (`chronyd (812)`).
        #[serde(default)]
        suspects: Vec<String>,
    },
    /// No source is used, and the daemon serves this machine's clock at the stratum of
    /// `local-stratum`. As the only reason it means that no source is configured, which is healthy.
    LocalClock {
        /// The stratum of our replies.
        stratum: u8,
    },
    /// A reason of a newer daemon.
    #[serde(untagged)]
    Unknown {
        /// The word of the reason.
        code: String,
    },
}

impl SystemReason {
    /// The stable word of this reason, which is its `code` in JSON.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Starting => "starting",
            Self::NoSourcesConfigured => "no-sources-configured",
            Self::WaitingForFirstReplies { .. } => "waiting-for-first-replies",
            Self::WaitingForQuorum { .. } => "waiting-for-quorum",
            Self::WaitingForSamples => "waiting-for-samples",
            Self::NoSourceUsable { .. } => "no-source-usable",
            Self::NoMajority { .. } => "no-majority",
            Self::TooFewAgreeing { .. } => "too-few-agreeing",
            Self::WaitingForAuthenticated { .. } => "waiting-for-authenticated",
            Self::NoAuthenticatedSource { .. } => "no-authenticated-source",
            Self::CertificateUnproven { .. } => "certificate-unproven",
            Self::ImplausibleTime { .. } => "implausible-time",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::KeyEstablishmentSilent { .. } => "key-establishment-silent",
            Self::ClockNotSteerable { .. } => "clock-not-steerable",
            Self::MeasuringOnly => "measuring-only",
            Self::PanicThreshold { .. } => "panic-threshold",
            Self::AccumulatedStepsExceeded { .. } => "accumulated-steps-exceeded",
            Self::LargeOffsetWatched { .. } => "large-offset-watched",
            Self::ClockDisturbed { .. } => "clock-disturbed",
            Self::RateBeyondLimit { .. } => "rate-beyond-limit",
            Self::ClockSetError { .. } => "clock-set-error",
            Self::FewSources { .. } => "few-sources",
            Self::DistanceTooLarge { .. } => "distance-too-large",
            Self::LastUpdateTooOld { .. } => "last-update-too-old",
            Self::ClockMovedByOther { .. } => "clock-moved-by-other",
            Self::ClockSteeredByOther { .. } => "clock-steered-by-other",
            Self::LocalClock { .. } => "local-clock",
            Self::Unknown { code } => code,
        }
    }
}
