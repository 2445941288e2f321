//! The clock, and the obstacle to steering it.

use crate::Date;
use crate::stable_word::stable_words;
use serde::{Deserialize, Serialize};

/// The clock that the daemon disciplines or measures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockFacts {
    /// The clock in use.
    pub mode: ClockMode,
    /// The clock that the configuration asked for.
    pub requested: ClockMode,
    /// True if the clock named by `mode` is steered, false if the daemon only measures.
    pub steering: bool,
    /// The obstacle to steering the machine's clock; `null` when it is steered.
    pub obstacle: Option<SteeringObstacle>,
    /// The current reading of the clock named by `mode`.
    pub now: Date,
    /// With a virtual clock: its reading minus the machine clock's.
    pub virtual_minus_system_s: Option<f64>,
    /// The kernel's state of its clock; `null` when it was not read.
    pub kernel: Option<KernelFacts>,
}

/// The clock that the daemon uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClockMode {
    /// The machine's clock.
    #[default]
    System,
    /// A clock kept inside the daemon; the machine's clock is left alone.
    Virtual,
    /// No clock at all: measuring only.
    None,
    /// The machine's clock, only measured where the daemon may not set it. Occurs only in
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

/// The obstacle to steering the machine's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum SteeringObstacle {
    /// The configuration demands it (a virtual clock, or none).
    AsConfigured,
    /// The kernel does not permit it: `CAP_SYS_TIME` is missing, or a container or sandbox
    /// interferes.
    NotPermitted {
        /// The error of the operating system.
        error: String,
    },
    /// This system offers no way to steer its clock.
    NotSupported {
        /// The missing facility.
        error: String,
    },
    /// Steering was allowed, and then failed.
    Failed {
        /// The error of the operating system.
        error: String,
    },
    /// A reason of a newer daemon.
    #[serde(untagged)]
    Unknown {
        /// The word of the reason.
        code: String,
    },
}

/// The kernel's state of the machine's clock (`adjtimex`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KernelFacts {
    /// True if the kernel considers its clock synchronized (`STA_UNSYNC` is off).
    pub synchronized: bool,
    /// The correction that the kernel applies to the clock's rate; positive makes the clock run
    /// faster.
    pub frequency_ratio: Option<f64>,
    /// The kernel's bound of the error (`maxerror`).
    pub max_error_s: Option<f64>,
    /// The kernel's estimate of the error (`esterror`).
    pub estimated_error_s: Option<f64>,
    /// TAI minus UTC; `null` when the kernel does not know it.
    pub tai_offset_s: Option<i32>,
}
