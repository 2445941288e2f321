//! What only the right key could have sealed.

/// A value whose authenticator has been verified. Only opening a packet makes one, so whoever asks
/// for it in a signature cannot be given what nobody has checked.
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
