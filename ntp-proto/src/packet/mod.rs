//! What travels: headers, extension fields and message authentication codes.

mod fields;

pub use fields::{KissCode, LeapIndicator, Mode, ReferenceId, Stratum, Version};
