//! What happens to measurements: filter, select, cluster, combine, discipline.

mod policy;

pub use policy::{ClockConfig, DisciplineKind, StepLimits, StepPolicy};
