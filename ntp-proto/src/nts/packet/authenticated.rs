//! The witness of a verified authenticator.

/// A value whose authenticator has been verified. Only opening a packet makes one, so a function
/// with this type in its signature cannot be given an unverified value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authenticated<T>(T);

impl<T> Authenticated<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &T {
        &self.0
    }

    /// The value by itself, from now on without its proof.
    #[must_use]
    pub fn into_value(self) -> T {
        self.0
    }
}
