//! Checks that the user exists that the daemon is to become.

use crate::{Finding, Severity};
use ntp_config::Config;
use ntp_sandbox::User;

pub(crate) fn findings(config: &Config) -> Option<Finding> {
    let name = config.security.user.as_deref()?;
    let error = User::named(name).err()?;
    Some(Finding {
        severity: Severity::Error,
        message: format!("[security] user: {error}"),
        help: "create the user with `systemd-sysusers` or `useradd --system`, or correct the name"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_that_does_not_exist_is_an_error() {
        let mut config = Config::default();
        assert_eq!(findings(&config), None);
        config.security.user = Some("root".to_owned());
        assert_eq!(findings(&config), None);
        config.security.user = Some("no-such-user-here".to_owned());
        assert!(findings(&config).is_some_and(|finding| finding.is_error()));
    }
}
