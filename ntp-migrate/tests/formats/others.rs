//! OpenNTPD and ntsclient.

use crate::{Memory, Outcome};
use ntp_migrate::Verdict::{Approximated, Dropped, Kept};
use std::path::PathBuf;

#[test]
fn openntpd_keeps_its_servers_and_addresses_and_loses_constraints() {
    let files = Memory::of(&[(
        "/etc/ntpd.conf",
        "# comment\n\
         listen on *\n\
         listen on 192.0.2.1\n\
         servers pool.example\n\
         server a.example weight 5 trusted # comment\n\
         constraint from \"https://www.example.com\"\n\
         constraints from \"https://www.example.org/\"\n\
         sensor nmea0 refid GPS\n\
         query from 192.0.2.7\n\
         listen on host.example\n\
         listen on ::1 rtable 4\n\
         server b.example\n",
    )]);
    let result = Outcome::of(&files, "/etc/ntpd.conf", None);

    assert_eq!(
        result.sources(),
        [
            "pool pool.example:123 4",
            "server a.example:123",
            "server b.example:123"
        ]
    );
    let servers = result.config.servers.iter();
    let listen: Vec<String> = servers.map(|s| s.listen.to_string()).collect();
    assert_eq!(listen, ["0.0.0.0:123", "[::]:123", "192.0.2.1:123"]);
    assert_eq!((result.verdict(2), result.verdict(12)), (Kept, Kept));
    assert_eq!(
        (result.verdict(4), result.verdict(5)),
        (Approximated, Approximated)
    );
    for number in 6..=11 {
        assert_eq!(result.verdict(number), Dropped, "line {number}");
    }
    assert!(result.notes(6).contains("a constraint"));
    assert!(result.notes(7).contains("mode = \"nts\""));
}

#[test]
fn openntpd_serves_no_client_by_default() {
    let files = Memory::of(&[("/etc/ntpd.conf", "server a.example\n")]);
    let result = Outcome::of(&files, "/etc/ntpd.conf", None);
    assert!(result.config.servers.is_empty());
}

#[test]
fn ntsclient_keeps_its_three_keys_in_any_case() {
    let files = Memory::of(&[(
        "/etc/ntsclient.toml",
        "server = \"a.example:4461\"\nCACert = \"/etc/pki/a.pem\"\nInterval = 1000\nx = 1\n",
    )]);
    let result = Outcome::of(&files, "/etc/ntsclient.toml", None);

    assert_eq!(result.sources(), ["nts a.example:4461"]);
    assert_eq!(
        result.trust(0).certificate_authorities,
        [PathBuf::from("/etc/pki/a.pem")]
    );
    assert!(!result.trust(0).system_authorities);
    assert_eq!(result.polls(0), (4, 10));
    let verdicts: Vec<_> = (1..=4).map(|number| result.verdict(number)).collect();
    assert_eq!(verdicts, [Kept, Kept, Approximated, Dropped]);
}

#[test]
fn ntsclient_without_a_usable_authority_says_so() {
    let files = Memory::of(&[("/n.toml", "Server = \"a.example\"\nCACert = \"a.pem\"\n")]);
    let result = Outcome::of(&files, "/n.toml", None);
    assert_eq!(result.verdict(2), Dropped);
}
