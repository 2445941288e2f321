//! Requests that have come together: each is judged, then all authenticators are verified in one
//! go, then each is settled in its turn.

use super::{DropReason, PendingReply, Request, Server, Snapshots, Verdict};
use crate::nts::{ClaimedRequest, KeySet, UniqueId, verify_claims};
use crate::time::MonoTime;

/// The most requests that are judged together. Their replies are best sent together too: more would
/// save little, and the longer a reply waits for others, the less sure it is when it leaves.
pub const MAX_BATCH: usize = 16;

/// The result of all tests of a request but the verification of its authenticator.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    /// Its reply, still without protection, if nothing is wrong with that of the request.
    pub(super) reply: Result<PendingReply<'static>, DropReason>,
    /// Its protection by NTS, if it has any.
    pub(super) nts: Option<Nts<'a>>,
    /// The time of its arrival.
    pub(super) now: MonoTime,
}

/// The protection of a request whose fields follow RFC 8915.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it stays where it is made; a box would be an allocation for each request"
)]
pub(super) enum Nts<'a> {
    /// Its cookie is good; its authenticator is not yet verified.
    Claimed(ClaimedRequest<'a>, &'a KeySet),
    /// Its cookie cannot be opened.
    Refused(DropReason, UniqueId),
}

impl Judged<'_> {
    /// Room for one.
    pub(super) const fn nothing() -> Self {
        Self {
            reply: Err(DropReason::TooShort),
            nts: None,
            now: MonoTime::ZERO,
        }
    }
}

/// Verifies all that wait for it.
pub(super) fn verify<'j>(judged: &'j [Judged<'j>]) {
    let claims = judged.iter().filter_map(|judged| match &judged.nts {
        Some(Nts::Claimed(claim, _)) => Some(claim),
        Some(Nts::Refused(..)) | None => None,
    });
    if claims.clone().next().is_some() {
        verify_claims(claims);
    }
}

/// The verdicts on a batch, in the order of its requests.
///
/// A protected reply is prepared when its turn comes; [`next`](Self::next) also counts. A verdict
/// that is not taken is not counted.
#[derive(Debug)]
#[must_use = "a verdict is reached when it is taken"]
pub struct Verdicts<'s, 'a> {
    server: &'s mut Server,
    judged: [Judged<'a>; MAX_BATCH],
    length: usize,
    turn: usize,
}

impl Server {
    /// Judges requests that have come together, [`MAX_BATCH`] at most; no more are taken from the
    /// iterator. The verdicts are those of [`handle_request`](Self::handle_request), and what is
    /// verified is verified in one go.
    pub fn handle_batch<'a>(
        &mut self,
        requests: impl IntoIterator<Item = Request<'a>>,
        snapshots: Snapshots<'a>,
    ) -> Verdicts<'_, 'a> {
        let mut verdicts = Verdicts {
            server: self,
            // Each is made in its place: a constant that is repeated would be copied with all the
            // room that the protection may take.
            judged: std::array::from_fn(|_| Judged::nothing()),
            length: 0,
            turn: 0,
        };
        for (place, request) in verdicts.judged.iter_mut().zip(requests) {
            verdicts.server.judge(request, snapshots, place);
            verdicts.length += 1;
        }
        verify(verdicts.judged.split_at(verdicts.length).0);
        verdicts
    }
}

impl Verdicts<'_, '_> {
    /// The verdict on the next request; its reply lives until the next verdict. `None` after the
    /// last.
    #[expect(
        clippy::should_implement_trait,
        reason = "a verdict borrows from here, which no iterator can lend"
    )]
    pub fn next(&mut self) -> Option<Verdict<'_>> {
        let (judged, _) = self.judged.split_at(self.length);
        let judged = judged.get(self.turn)?;
        self.turn += 1;
        Some(self.server.settle(judged))
    }
}
