//! The control socket: orders from the administrator, see docs/design/reload.md.

mod socket;

pub(crate) use socket::{Order, bind, start};
