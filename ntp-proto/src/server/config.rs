//! The settings of a server.

use super::{AccessPolicy, FilterAction, RateLimit};
use crate::packet::Version;

/// The versions of the protocol that a server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VersionSet(u8);

impl VersionSet {
    /// No version at all.
    pub const NONE: Self = Self(0);
    /// NTPv1 to NTPv4: all that we speak.
    pub const ALL: Self = Self::NONE
        .with(Version::V1)
        .with(Version::V2)
        .with(Version::V3)
        .with(Version::V4);

    /// This set and one more version.
    #[must_use]
    pub const fn with(self, version: Version) -> Self {
        Self(self.0 | 1 << version.to_bits())
    }

    /// True if the version is in the set.
    #[must_use]
    pub const fn contains(self, version: Version) -> bool {
        self.0 & 1 << version.to_bits() != 0
    }
}

impl FromIterator<Version> for VersionSet {
    fn from_iter<T: IntoIterator<Item = Version>>(versions: T) -> Self {
        versions.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The settings of one server. The default answers all clients, in every version that we speak,
/// without limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerConfig {
    /// The clients that may ask.
    pub access: AccessPolicy,
    /// The limit on each client's requests, if there is one.
    pub rate_limit: Option<RateLimit>,
    /// The versions that are answered; what we do not speak stays unanswered even if it is in the
    /// set.
    pub versions: VersionSet,
    /// The most RATE kisses per second and, apart from them, the most DENY kisses; beyond that
    /// there is silence. 0 means none.
    pub kisses_per_second: u32,
    /// The answer to requests without NTS; `None`: the time. It does not matter for those with NTS.
    pub require_nts: Option<FilterAction>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            access: AccessPolicy::default(),
            rate_limit: None,
            versions: VersionSet::ALL,
            kisses_per_second: 100,
            require_nts: None,
        }
    }
}
