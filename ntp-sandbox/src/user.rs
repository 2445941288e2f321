//! The user to become.

use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::{fs, io};

/// The users of this machine (passwd(5)). Users of services of the system are in no other place.
const USERS: &str = "/etc/passwd";
/// Its groups (group(5)).
const GROUPS: &str = "/etc/group";

/// A user of this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    name: String,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

/// A user that cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such user.
    #[error("this machine has no user {0} (in {USERS})")]
    Unknown(String),
    /// The look-up failed.
    #[error("cannot look up the user {name} in {file}: {error}")]
    LookUp {
        /// The name of the user.
        name: String,
        /// The file that cannot be read.
        file: &'static str,
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
        let read = |file| {
            fs::read_to_string(file).map_err(|error| UserError::LookUp {
                name: name.to_owned(),
                file,
                error,
            })
        };
        Self::within(name, &read(USERS)?, &read(GROUPS)?)
            .ok_or_else(|| UserError::Unknown(name.to_owned()))
    }

    /// The user of this name in the texts of both files.
    fn within(name: &str, users: &str, groups: &str) -> Option<Self> {
        let (uid, gid) = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next()? == name;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            found.then_some((uid, gid))
        })?;
        let group = |line: &str| {
            let mut fields = line.split(':').skip(2);
            let number = fields.next()?.parse().ok()?;
            let is_member = fields.next()?.split(',').any(|member| member == name);
            is_member.then_some(number)
        };
        Some(Self {
            name: name.to_owned(),
            uid,
            gid,
            groups: groups.lines().filter_map(group).chain([gid]).collect(),
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
        self.uid
    }

    /// The number of the user's own group.
    #[must_use]
    pub const fn gid(&self) -> u32 {
        self.gid
    }

    /// Becomes this user: groups first, while that is still permitted. The way back is closed. It
    /// holds for this thread and those that it starts.
    pub(crate) fn become_it(&self) -> io::Result<()> {
        let groups: Vec<_> = self.groups.iter().copied().map(Gid::from_raw).collect();
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        Ok(set_thread_res_uid(uid, uid, uid)?)
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
            "this machine has no user no-such-user-here (in /etc/passwd)"
        );
    }

    #[test]
    fn a_user_is_in_its_own_group_and_in_those_that_name_it() {
        let users =
            "# local\nroot:x:0:0::/root:/bin/sh\nnot-a-line\nclock:x:998:997:,:/:/sbin/nologin\n";
        let groups = "root:x:0:\nptp:x:44:other,clock\nclocks:x:45:clockwork\n";
        let found = User::within("clock", users, groups).unwrap();
        assert_eq!((found.uid, found.gid), (998, 997));
        assert_eq!(found.groups, [44, 997]);
        assert_eq!(User::within("not-a-line", users, groups), None);
        assert_eq!(User::within("998", users, groups), None);
    }
}
