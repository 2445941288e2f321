//! NTP packets under the protection of NTS (RFC 8915 §5): requests and replies of both sides.

mod authenticated;
mod fields;
mod request;
mod response;
mod server;
#[cfg(test)]
mod tests;

pub use authenticated::Authenticated;
pub use fields::{FieldFault, MAX_UNIQUE_ID_LENGTH, UNIQUE_ID_LENGTH, UniqueId};
pub use request::{MAX_PROTECTED_REQUEST, ProtectedRequest, RequestError, protect_request};
pub use response::{MAX_PROTECTED_REPLY, Response, ResponseRefusal, open_response};
pub use server::{
    AuthenticatedRequest, NtsRefusal, PreparedReply, nak_length, open_request, write_nak,
};
pub(crate) use server::{ClaimedRequest, claim_request, verify_claims};
