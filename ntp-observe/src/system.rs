//! The state of the system: whether the clock can be relied on, how far, and why (not).

use serde::{Deserialize, Serialize};

use crate::stable_word::stable_words;
use crate::{Date, StableWord, SteeringObstacle};

/// The system's variables (RFC 5905 §11.2) and the verdict about them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SystemFacts {
    /// Whether the clock is synchronized now. If not, `reasons` says why.
    pub synchronized: bool,
    /// Our stratum; 16 while the clock is not synchronized.
    pub stratum: u8,
    /// The leap indicator that we announce.
    pub leap: Leap,
    /// The reference ID in our replies: an IPv4 address, four letters, or eight hexadecimal digits,
    /// the beginning of the MD5 hash of an IPv6 address (RFC 5905 §7.3, refid). The source itself
    /// is the one with the state `selected`.
    pub reference_id: Option<String>,
    /// When the clock was last set or corrected.
    pub reference_time: Option<Date>,
    /// How long ago the clock was last updated from measurements.
    pub last_update_ago_s: Option<f64>,
    /// The offset still to be corrected; positive when our clock is behind.
    pub offset_s: Option<f64>,
    /// The system jitter (RFC 5905 §11.2.3, PSI).
    pub jitter_s: Option<f64>,
    /// The error of the clock's rate that is being corrected; positive when our clock, left alone,
    /// runs fast.
    pub frequency_ratio: Option<f64>,
    /// How far `frequency_ratio` may be wrong.
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
    /// In how long the clock will be set because of `watched_offset_s`, unless the offset goes
    /// away.
    #[serde(default)]
    pub watched_for_s_more: Option<f64>,
    /// The smallest interval between two readings of the clock.
    pub precision_s: Option<f64>,
    /// The poll interval that the discipline has come to.
    pub poll_s: Option<f64>,
    /// The sum of the magnitudes of all steps after the first.
    pub accumulated_steps_s: f64,
    /// The limit of `accumulated_steps_s`; `null` when there is none.
    pub accumulated_steps_threshold_s: Option<f64>,
    /// How many times the clock has been stepped.
    pub step_count: u64,
    /// The control loop that steers the clock.
    pub discipline: DisciplineFacts,
    /// How many sources there are, and how many take part.
    pub source_counts: SourceCounts,
    /// Why the clock is not synchronized, the most important first; empty when it is.
    #[serde(default)]
    pub reasons: Vec<SystemReason>,
    /// What is not as it should be although the clock may be synchronized.
    #[serde(default)]
    pub warnings: Vec<SystemReason>,
}

impl SystemFacts {
    /// True if all is as it should be: the clock is synchronized; or no source is configured, and
    /// the daemon serves this machine's own clock because `local-stratum` says so.
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
    /// Its state.
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

/// How many sources there are, and how many take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCounts {
    /// All sources: each association, and each name that has no address yet.
    pub known: u32,
    /// Those that pass the tests for use (RFC 5905 §11.2.1).
    pub usable: u32,
    /// Those whose intervals agree with one another: the truechimers.
    pub agreeing: u32,
    /// How many have to agree before the clock is touched.
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

/// Why the clock is not synchronized, or what else the operator should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum SystemReason {
    /// The daemon has just been started and has not asked anybody yet.
    Starting,
    /// The configuration names no source.
    NoSourcesConfigured,
    /// Requests are out, no source has answered yet.
    WaitingForFirstReplies {
        /// How many sources have been asked.
        asked: u32,
    },
    /// Some sources have answered; the first decision waits, for some seconds, for enough others to
    /// make a majority.
    WaitingForQuorum {
        /// How many have answered.
        answered: u32,
        /// How many have yet to.
        pending: u32,
    },
    /// Sources answer, but they have not given enough samples yet.
    WaitingForSamples,
    /// Not one source can be used; each one's reason stands with it.
    NoSourceUsable {
        /// How many sources there are.
        known: u32,
    },
    /// The usable sources contradict one another and no majority agrees.
    NoMajority {
        /// How many sources are usable.
        usable: u32,
        /// How many of them agree, at most.
        agreeing: u32,
        /// How many would be a majority.
        needed: u32,
        /// The sources that are not in the largest group, by
        /// [`SourceFacts::id`](crate::SourceFacts::id).
        #[serde(default)]
        disagreeing: Vec<u64>,
    },
    /// The sources that agree are fewer than the configuration demands.
    TooFewAgreeing {
        /// How many agree.
        agreeing: u32,
        /// How many have to agree.
        needed: u32,
    },
    /// Only sources without NTS can be used, and those with NTS are waited for.
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
    /// The clock was never right, the certificate of the only source that could be used cannot be
    /// judged without the time, and so it may not set the clock alone.
    CertificateUnproven {
        /// The source, by [`SourceFacts::id`](crate::SourceFacts::id).
        source: u64,
    },
    /// The only source that could be used has no NTS, and claims a time so late that it is not
    /// believed alone.
    ImplausibleTime {
        /// The source, by [`SourceFacts::id`](crate::SourceFacts::id).
        source: u64,
        /// The time that it claims.
        claimed: Date,
        /// The latest time that one source without NTS is believed alone.
        limit: Date,
    },
    /// There are sources with NTS, none of them can be used, and the time comes from others that
    /// are not authenticated.
    Unauthenticated {
        /// The number of sources with NTS.
        with_nts: u32,
    },
    /// The first key establishment has gone without an answer for some seconds, and there is no
    /// other source.
    KeyEstablishmentSilent {
        /// The server of key establishment, host and TCP port.
        ke_server: String,
        /// The time without an answer.
        waited_s: f64,
    },
    /// The clock cannot be steered.
    ClockNotSteerable {
        /// Why not.
        cause: SteeringObstacle,
    },
    /// The daemon measures and steers nothing, because it was told to.
    MeasuringOnly,
    /// The clock is so far off that the daemon will not step it without being told.
    PanicThreshold {
        /// The offset measured; positive when our clock is behind.
        offset_s: f64,
        /// The largest step allowed in this direction.
        limit_s: f64,
    },
    /// The clock has been stepped too far in sum.
    AccumulatedStepsExceeded {
        /// The sum of all steps with the one that was refused.
        sum_s: f64,
        /// The limit of the sum.
        limit_s: f64,
    },
    /// The sources agree that the clock is far off. It will be set unless that goes away while it
    /// is watched.
    LargeOffsetWatched {
        /// The offset; positive when our clock is behind.
        offset_s: f64,
        /// In how long the clock will be set.
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
        /// What it answered.
        error: String,
    },
    /// Fewer than three sources: two cannot outvote a liar, one cannot be checked at all.
    FewSources {
        /// How many sources there are.
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
        /// How long ago it was.
        age_s: f64,
    },
    /// Something other than this daemon moved the clock.
    ClockMovedByOther {
        /// By how much; positive when it was moved forward.
        by_s: f64,
    },
    /// Another program has changed the rate of the clock within the last hour.
    ClockSteeredByOther {
        /// The correction of the rate that this daemon had set; positive makes the clock run
        /// faster.
        set_ratio: f64,
        /// The one that was found last.
        found_ratio: f64,
        /// The number of times that another rate was found.
        count: u64,
        /// Running programs that may be the cause, each with the number of its process (`chronyd
        /// (812)`).
        #[serde(default)]
        suspects: Vec<String>,
    },
    /// No source is used, and the daemon hands out its own clock at the stratum of `local-stratum`.
    /// As the only reason it says that no source is configured: then this is what was asked for.
    LocalClock {
        /// The stratum that it claims.
        stratum: u8,
    },
    /// A reason of a newer daemon.
    #[serde(untagged)]
    Unknown {
        /// Its word.
        code: String,
    },
}

impl StableWord for SystemReason {
    fn word(&self) -> &str {
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
