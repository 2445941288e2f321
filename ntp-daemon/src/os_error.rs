//! Errors of the operating system by their number, as causes and as words.

use ntp_observe::NetworkCause;
use rustix::io::Errno;
use std::io;

/// The cause that an error number of the operating system stands for.
pub(crate) fn cause(os_error: i32) -> NetworkCause {
    match Errno::from_raw_os_error(os_error) {
        Errno::NETUNREACH | Errno::NETDOWN => NetworkCause::NoRoute,
        Errno::HOSTUNREACH | Errno::HOSTDOWN => NetworkCause::HostUnreachable,
        Errno::ACCESS | Errno::PERM => NetworkCause::Prohibited,
        _ => NetworkCause::Other("other".to_owned()),
    }
}

/// True if it says that nothing listens at the port.
pub(crate) fn is_closed_port(os_error: i32) -> bool {
    Errno::from_raw_os_error(os_error) == Errno::CONNREFUSED
}

/// The operating system's words for an error, without its number.
pub(crate) fn text(os_error: i32) -> String {
    let text = io::Error::from_raw_os_error(os_error).to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refused_connection_is_a_closed_port() {
        for (error, expected) in [
            (Errno::HOSTUNREACH, NetworkCause::HostUnreachable),
            (Errno::NETUNREACH, NetworkCause::NoRoute),
            (Errno::ACCESS, NetworkCause::Prohibited),
            (Errno::MSGSIZE, NetworkCause::Other("other".into())),
        ] {
            assert_eq!(cause(error.raw_os_error()), expected);
            assert!(!is_closed_port(error.raw_os_error()));
        }
        assert!(is_closed_port(Errno::CONNREFUSED.raw_os_error()));
    }

    #[test]
    fn errors_are_shown_without_numbers() {
        assert_eq!(text(Errno::HOSTUNREACH.raw_os_error()), "No route to host");
    }
}
