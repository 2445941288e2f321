//! The clock, and whether the daemon steers it.

use serde::{Deserialize, Serialize};

use crate::Date;
use crate::stable_word::stable_words;

/// The clock that the daemon looks after.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockFacts {
    /// The clock that is in fact used.
    pub mode: ClockMode,
    /// The clock that the configuration asked for.
    pub requested: ClockMode,
    /// Whether the clock named by `mode` is steered. `false` means that the daemon only measures.
    pub steering: bool,
    /// Why the machine's own clock is not steered; `null` when it is.
    pub obstacle: Option<SteeringObstacle>,
    /// What the clock named by `mode` reads now.
    pub now: Date,
    /// With a virtual clock: what it reads minus what the machine's clock reads.
    pub virtual_minus_system_s: Option<f64>,
    /// What the kernel says about its clock; `null` when it was not asked.
    pub kernel: Option<KernelFacts>,
}

/// Which clock the daemon looks after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClockMode {
    /// The machine's clock.
    #[default]
    System,
    /// A clock kept inside the daemon; the machine's clock is left alone.
    Virtual,
    /// No clock at all: measuring only.
    None,
    /// The machine's clock, which is only measured where the daemon may not set it; only ever
    /// `requested`.
    Auto,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(ClockMode {
    System => "system",
    Virtual => "virtual",
    None => "none",
    Auto => "auto",
});

/// Why the machine's clock is not steered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum SteeringObstacle {
    /// The configuration asks for exactly this (a virtual clock, or none).
    AsConfigured,
    /// The kernel does not let the daemon: no `CAP_SYS_TIME`, or a container or sandbox in between.
    NotPermitted {
        /// What the operating system answered.
        error: String,
    },
    /// This system offers no way to steer its clock.
    NotSupported {
        /// What is missing.
        error: String,
    },
    /// Steering was allowed, and then failed.
    Failed {
        /// What the operating system answered.
        error: String,
    },
    /// A reason of a newer daemon.
    #[serde(untagged)]
    Unknown {
        /// Its word.
        code: String,
    },
}

/// What the kernel says about the machine's clock (`adjtimex`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KernelFacts {
    /// Whether the kernel holds its clock for synchronized (`STA_UNSYNC` is off).
    pub synchronized: bool,
    /// The correction that the kernel applies to the clock's rate; positive makes the clock run
    /// faster.
    pub frequency_ratio: Option<f64>,
    /// The kernel's bound of the error (`maxerror`).
    pub max_error_s: Option<f64>,
    /// The kernel's estimate of the error (`esterror`).
    pub estimated_error_s: Option<f64>,
    /// TAI minus UTC; `null` when the kernel has not been told.
    pub tai_offset_s: Option<i32>,
}
