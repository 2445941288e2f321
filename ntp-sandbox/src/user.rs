//! The user to become.

use nix::unistd::{Gid, Uid, getgrouplist, setgroups, setresgid, setresuid};
use std::ffi::CString;
use std::io;

/// A user of this machine. It is looked up before the sandbox, since the look-up may ask services.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    name: String,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

/// A user that cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such user.
    #[error("this machine has no user {0}")]
    Unknown(String),
    /// The look-up failed.
    #[error("cannot look up the user {name}: {error}")]
    LookUp {
        /// The name of the user.
        name: String,
        /// The error of the operating system.
        error: io::Error,
    },
}

impl User {
    /// Looks a user up, with the groups that it is in.
    ///
    /// # Errors
    /// If there is none, or the look-up fails.
    pub fn named(name: &str) -> Result<Self, UserError> {
        let failed = |error: nix::Error| UserError::LookUp {
            name: name.to_owned(),
            error: error.into(),
        };
        let found = nix::unistd::User::from_name(name)
            .map_err(failed)?
            .ok_or_else(|| UserError::Unknown(name.to_owned()))?;
        let c_name = CString::new(name).map_err(|_| UserError::Unknown(name.to_owned()))?;
        Ok(Self {
            groups: getgrouplist(&c_name, found.gid).map_err(failed)?,
            name: found.name,
            uid: found.uid,
            gid: found.gid,
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the user.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// The number of the user's own group.
    #[must_use]
    pub const fn gid(&self) -> u32 {
        self.gid.as_raw()
    }

    /// Becomes this user: groups first, while that is still permitted. The way back is closed.
    pub(crate) fn become_it(&self) -> io::Result<()> {
        setgroups(&self.groups)?;
        setresgid(self.gid, self.gid, self.gid)?;
        Ok(setresuid(self.uid, self.uid, self.uid)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_or_the_error_names_it() {
        let root = User::named("root").unwrap();
        assert_eq!((root.name(), root.uid(), root.gid()), ("root", 0, 0));
        let error = User::named("no-such-user-here").unwrap_err();
        assert_eq!(
            error.to_string(),
            "this machine has no user no-such-user-here"
        );
    }
}
