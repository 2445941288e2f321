//! The refusal of a text, with the remedy.

/// A text that is not of the expected form. Its `Display` is one sentence with the remedy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}; {help}")]
pub struct BadText {
    message: String,
    help: String,
}

impl BadText {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }

    /// The error.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The remedy.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }
}
