//! States and reasons of a document in sentences with a remedy. Text for people is made here and
//! nowhere else.
//!
//! | module | concept |
//! |---|---|
//! | `system` | reasons of the system and of the clock |
//! | `source` | reasons of a source |
//! | `discarded` | replies that are discarded |
//! | `nts` | reasons of a source that concern NTS |
//! | `authentication` | reasons that concern the precedence of sources with NTS |
//! | `source_name` | names of sources |
//! | `headline` | the cause that all sources have in common |

pub(crate) mod authentication;
pub(crate) mod discarded;
pub(crate) mod headline;
pub(crate) mod nts;
pub(crate) mod source;
pub(crate) mod source_name;
pub(crate) mod system;

use crate::units::span;

/// A state or a reason in a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The cause: a sentence without a capital letter and without a full stop.
    pub(crate) cause: String,
    /// The part that is too long for the first line, or too special for several sources: without a
    /// capital letter as well.
    pub(crate) detail: Option<String>,
    /// The action that helps, in the same form; `None` when there is nothing to be done.
    pub(crate) remedy: Option<String>,
}

impl Message {
    pub(crate) fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            detail: None,
            remedy: Some(remedy.into()),
        }
    }

    pub(crate) fn plain(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            detail: None,
            remedy: None,
        }
    }

    pub(crate) fn with_detail(self, detail: Option<String>) -> Self {
        Self { detail, ..self }
    }

    /// The whole message in one sentence.
    pub(crate) fn whole(&self) -> String {
        let detail = self
            .detail
            .as_deref()
            .map(|detail| format!(" ({detail})"))
            .unwrap_or_default();
        let remedy = self
            .remedy
            .as_deref()
            .map(|remedy| format!("; {remedy}"))
            .unwrap_or_default();
        format!("{}{detail}{remedy}", self.cause)
    }

    /// A reason that only a newer daemon knows.
    pub(crate) fn unknown(code: &str) -> Self {
        Self::new(
            format!("`{code}` (a reason that this ntp-ctl does not know)"),
            "use the ntp-ctl of the same release as the daemon",
        )
    }
}

/// The time until the next attempt, to be appended to a sentence; empty if none is planned.
pub(crate) fn next_try(retry_in_s: Option<f64>) -> String {
    retry_in_s
        .map(|wait| format!(", next try in {}", span(wait)))
        .unwrap_or_default()
}
