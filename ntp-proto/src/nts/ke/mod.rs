//! Key establishment (RFC 8915 §4): the records that both sides exchange over TLS.

mod client;
mod error;
mod failure;
mod record;
mod server;

pub use client::{ClientKeys, KeClient, KeReply, MAX_KE_REPLY};
pub use error::{KeError, KeErrorCode};
pub use failure::{KeReason, KeStage};
pub use record::{MAX_RECORDS, Record, RecordType};
pub use server::{KeRefusal, KeRequest, KeServer, KeServerConfig, MAX_KE_REQUEST};
