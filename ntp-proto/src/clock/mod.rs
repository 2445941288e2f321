//! The way of a measurement: [filter](ClockFilter), [select](decide), cluster, combine,
//! [discipline](Discipline), steer. [`ClockProcess`] is the whole process.

mod authentication;
mod cluster;
mod combine;
mod command;
mod continuity;
mod discipline;
mod filter;
mod intersection;
mod leap;
mod leap_table;
mod measurement;
mod policy;
mod process;
mod selection;
mod steer;
mod system;
mod timescale;
mod unsteered;

pub use authentication::{Authentication, Awaited, Doubt, FirstTime};
pub use combine::Combined;
pub use command::{
    ClockAction, ClockChange, ClockEvent, ClockStatus, Disturbance, Halt, InitialClock,
};
pub use continuity::{Continuity, MachineTime};
pub use discipline::{
    ClockUpdate, Correction, Discipline, Estimate, KnownFrequency, LoopState, MAXIMUM_FREQUENCY,
    PllFll, discipline,
};
pub use filter::{ClockFilter, Filtered};
pub use leap::LeapSecond;
pub use leap_table::{LeapTable, TaiStep};
pub use measurement::{Exchange, FREQUENCY_TOLERANCE, Measurement, RootFacts};
pub use policy::{ClockConfig, DisciplineKind, DisturbanceLimits, StepLimits, StepPolicy};
pub use process::{ClockProcess, NotSteered};
pub use selection::{Candidate, Outcome, Requirements, Selection, Standing, decide};
pub use steer::{LARGEST_RATE, MAXIMUM_SLEW};
pub use system::SystemVariables;
pub use timescale::{FreeTime, Timescale};
