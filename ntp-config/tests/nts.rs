//! The sections of NTS: what they mean, what is warned about, and what is refused with which
//! remedy.

use ntp_config::{Config, Keyset, Loaded, NtsKeServerEntry, SourceKind, Trust, parse_str};
use ntp_proto::nts::AeadAlgorithm;
use ntp_proto::packet::Version;
use ntp_proto::server::FilterAction;
use std::path::PathBuf;
use std::time::Duration;

/// Sources enough that nothing is said about their number.
const POOL: &str = "[[source]]\nmode = \"pool\"\naddress = \"pool.example\"\n";

const SERVER: &str = "[[server]]\nlisten = \"[::]:123\"\n";

const KE: &str = "[[nts-ke-server]]\nlisten = \"[::]:4460\"\ncertificate-chain-path = \"/c.pem\"\nprivate-key-path = \"/k.pem\"\n";

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn accepted(text: &str) -> Loaded {
    parse_str("test.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn config(text: &str) -> Config {
    let loaded = accepted(text);
    assert_eq!(loaded.warnings, [], "{text}");
    loaded.config
}

/// The errors or warnings about a text.
fn said(text: &str) -> String {
    match parse_str("test.toml", text) {
        Ok(loaded) => loaded
            .warnings
            .iter()
            .map(|warning| format!("{warning}\n"))
            .collect(),
        Err(error) => error.to_string(),
    }
}

/// An NTS source with these lines after a pool, so that they start in line 7.
fn source(lines: &str) -> String {
    format!("{POOL}[[source]]\nmode = \"nts\"\naddress = \"nts.example\"\n{lines}")
}

fn trust(lines: &str) -> Trust {
    match &config(&source(lines)).sources[1].kind {
        SourceKind::Nts { trust, .. } => trust.clone(),
        other => panic!("{other:?}"),
    }
}

/// Servers of time and of keys with these lines in the latter, so that they start in line 10.
fn ke(lines: &str) -> String {
    format!("{POOL}{SERVER}{KE}{lines}")
}

fn ke_entry(lines: &str) -> NtsKeServerEntry {
    config(&ke(lines)).nts_ke_servers[0].clone()
}

/// Checks that the text is judged as `error` or `warning` at a place, with a message and a remedy.
fn check(severity: &str, text: &str, [at, message, help]: [&str; 3]) {
    let shown = said(text);
    let problem = shown
        .split("\n\n")
        .flat_map(|block| block.split("\nwarning: "))
        .find(|part| part.contains(message));
    let problem = problem.unwrap_or_else(|| panic!("missing {message} in:\n{shown}"));
    assert!(shown.contains(&format!("{severity}: ")), "{shown}");
    assert!(
        parse_str("test.toml", text).is_err() == (severity == "error"),
        "{shown}"
    );
    assert!(
        problem.contains(&format!("--> test.toml:{at}\n")),
        "not at {at}:\n{problem}"
    );
    let told = problem.split("= help: ").nth(1).unwrap_or_default();
    assert!(told.contains(help), "no help {help} in:\n{problem}");
}

#[test]
fn a_source_with_nts_needs_a_name_only() {
    let config = config(&source(""));
    let SourceKind::Nts { address, trust } = &config.sources[1].kind else {
        panic!("{config:?}")
    };
    assert_eq!(address.to_string(), "nts.example:4460");
    assert_eq!(trust, &Trust::default());
    assert_eq!(config.sources[1].settings.version, Version::V4);
    assert_eq!(config.most_usable_sources(), 5);
}

#[test]
fn the_port_of_key_establishment_is_said_like_any_port() {
    for lines in [
        "address = \"nts.example:4461\"",
        "address = \"nts.example\"\nport = 4461",
    ] {
        let text = format!("{POOL}[[source]]\nmode = \"nts\"\n{lines}\n");
        assert_eq!(
            config(&text).sources[1].kind.address().to_string(),
            "nts.example:4461"
        );
    }
}

#[test]
fn a_source_with_nts_has_the_usual_settings() {
    let settings = config(&source(
        "poll-interval-limits = { min = 6 }\nburst = 2\nntp-version = 4\n",
    ))
    .sources[1]
        .settings;
    assert_eq!(
        (
            settings.poll_limits.min().log2(),
            settings.burst,
            settings.version
        ),
        (6, 2, Version::V4)
    );
    assert!(said(&source("ntp-version = \"auto\"\n")).contains("means 4"));
}

#[test]
fn authorities_are_one_path_or_several_beside_or_instead_of_the_system_s() {
    let one = trust("certificate-authority = \"/etc/ca.pem\"\n");
    assert_eq!(one.certificate_authorities, [PathBuf::from("/etc/ca.pem")]);
    assert!(one.system_authorities);
    let two =
        trust("certificate-authority = [\"/a.pem\", \"/b.pem\"]\nsystem-authorities = false\n");
    assert_eq!(
        two.certificate_authorities,
        [PathBuf::from("/a.pem"), PathBuf::from("/b.pem")]
    );
    assert!(!two.system_authorities);
}

#[test]
fn a_pinned_key_is_understood_in_every_usual_spelling() {
    let bare = BASE64.trim_end_matches('=');
    let spellings = [
        HEX,
        BASE64,
        bare,
        &format!("sha256/{BASE64}"),
        &format!("sha256//{BASE64}"),
        &format!("sha256/{HEX}"),
    ];
    let keys = trust(&format!("pinned-keys = {spellings:?}\n")).pinned_keys;
    let expected: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
    assert_eq!(keys, [expected; 6]);
    let with_slash = format!("/{}", &"A".repeat(43)[1..]);
    let keys = trust(&format!(
        "pinned-keys = [\"{with_slash}=\", \"sha256/{with_slash}=\"]\n"
    ))
    .pinned_keys;
    assert!(keys[0] == keys[1] && keys[0][0] == 0xfc, "{keys:?}");
}

#[test]
fn algorithms_are_named_or_numbered_in_the_order_of_preference() {
    use AeadAlgorithm::{Aes128GcmSiv, SivCmac256, SivCmac384, SivCmac512};
    let algorithms =
        trust("aead-algorithms = [\"aes-siv-cmac-512\", 15, 30, 16]\n").aead_algorithms;
    assert_eq!(
        algorithms,
        [SivCmac512, SivCmac256, Aes128GcmSiv, SivCmac384]
    );
    assert_eq!(
        ke_entry("aead-algorithms = [17]\n").aead_algorithms,
        [SivCmac512]
    );
}

#[test]
fn a_source_with_nts_that_cannot_work_is_refused() {
    for (lines, expected) in [
        (
            "ntp-version = 3\n",
            [
                "7:15",
                "version 3 does not support NTS",
                "write 4 or remove",
            ],
        ),
        (
            "ntp-version = 5\n",
            ["7:15", "does not support NTPv5", "write 4 or remove"],
        ),
        (
            "count = 4\n",
            ["7:1", "pools have no NTS", "for each of several servers"],
        ),
        (
            "ignore = []\n",
            ["7:1", "pools have no NTS", "for each of several servers"],
        ),
        (
            "nts = true\n",
            ["7:1", "the `mode` sets", "remove this line"],
        ),
        (
            "enable-srv-resolution = true\n",
            ["7:1", "SRV records", "the name of one server"],
        ),
        (
            "certificate-authority = \"ca.pem\"\n",
            ["7:25", "must be an absolute path", "\"/etc/truechimer/"],
        ),
        (
            "certificate-authority = [\"/a\", \"-----BEGIN CERTIFICATE-----\"]\n",
            [
                "7:32",
                "the path of a file, not what is in it",
                "save the text",
            ],
        ),
        (
            "certificate-authority = 3\n",
            ["7:25", "must not be an integer", "a list of paths"],
        ),
        (
            "certificate-authority = [3]\n",
            ["7:26", "must not be an integer", "double quotes"],
        ),
        (
            "system-authorities = false\n",
            [
                "7:22",
                "no certificate is trusted",
                "`certificate-authority`",
            ],
        ),
        (
            "system-authorities = \"no\"\n",
            ["7:22", "must not be a string", "without quotes"],
        ),
        (
            "pinned-keys = \"ab\"\n",
            ["7:15", "must not be a string", "square brackets"],
        ),
        (
            "pinned-keys = [\"sha256/abcd\"]\n",
            [
                "7:16",
                "not the SHA-256 of a public key",
                "openssl dgst -sha256",
            ],
        ),
        (
            "pinned-keys = [\"\"]\n",
            [
                "7:16",
                "not the SHA-256 of a public key",
                "64 hexadecimal digits",
            ],
        ),
        (
            "aead-algorithms = []\n",
            ["7:19", "names no algorithm", "AES-SIV-CMAC-256"],
        ),
        (
            "aead-algorithms = 15\n",
            ["7:19", "must not be an integer", "square brackets"],
        ),
        (
            "aead-algorithms = [true]\n",
            [
                "7:20",
                "must not be a boolean",
                "numbers of IANA's registry",
            ],
        ),
        (
            "aead-algorithms = [\"AES-SIV-CMAC-265\"]\n",
            [
                "7:20",
                "did you mean `AES-SIV-CMAC-256`?",
                "`AES-128-GCM-SIV`, `AES-SIV-CMAC-256`",
            ],
        ),
        (
            "aead-algorithms = [31]\n",
            [
                "7:20",
                "`31` is not a supported AEAD algorithm",
                "numbers 30, 15, 17, 16",
            ],
        ),
        (
            "aead-algorithms = [15, \"AES-SIV-CMAC-256\"]\n",
            ["7:24", "twice", "remove one of them"],
        ),
    ] {
        check("error", &source(lines), expected);
    }
    let address = |address| format!("{POOL}[[source]]\nmode = \"nts\"\naddress = \"{address}\"\n");
    check(
        "error",
        &address("fe80::1%eth0"),
        [
            "6:11",
            "an address with an interface",
            "host name that is in",
        ],
    );
    check(
        "error",
        &address("nts.example:0"),
        ["6:11", "`0` is not a port", "or leave it out"],
    );
    let without = format!("{POOL}[[source]]\nmode = \"nts\"\n");
    check(
        "error",
        &without,
        ["4:1", "without an `address`", "another port than 4460"],
    );
}

#[test]
fn what_looks_like_nts_without_its_mode_is_never_plain_time() {
    for (mode, help) in [
        ("server", "write mode = \"nts\" and remove this line"),
        ("pool", "for each of several servers"),
    ] {
        for line in ["nts = true", "nts = false", "nts = \"x\""] {
            let text = format!("[[source]]\nmode = \"{mode}\"\naddress = \"a\"\n{line}\n");
            check("error", &text, ["4:1", "the `mode` sets", help]);
        }
        for line in [
            "certificate-authority = \"/a\"",
            "system-authorities = true",
            "pinned-keys = []",
            "aead-algorithms = [15]",
        ] {
            let text = format!("[[source]]\nmode = \"{mode}\"\naddress = \"a\"\n{line}\n");
            check(
                "error",
                &text,
                [
                    "4:1",
                    "only a source with NTS has it",
                    "write mode = \"nts\"",
                ],
            );
        }
    }
    let nothing = "[[source]]\naddress = \"a\"\n";
    check(
        "error",
        nothing,
        [
            "1:1",
            "without a `mode`",
            "mode = \"nts\" for a server with authentication",
        ],
    );
}

#[test]
fn an_address_is_warned_about_unless_the_authority_is_one_s_own() {
    for address in ["192.0.2.1", "[2001:db8::1]:4461"] {
        let text = format!("{POOL}[[source]]\nmode = \"nts\"\naddress = \"{address}\"\n");
        check(
            "warning",
            &text,
            [
                "6:11",
                "few certificates",
                "the host name that is in the server's certificate",
            ],
        );
        config(&format!("{text}certificate-authority = \"/ca.pem\"\n"));
    }
}

#[test]
fn one_server_is_one_source_with_nts() {
    let twice = source("[[source]]\nmode = \"nts\"\naddress = \"NTS.example.\"\n");
    check(
        "error",
        &twice,
        [
            "9:11",
            "`nts.example:4460` is already a source",
            "name another server",
        ],
    );
    config(&source(
        "[[source]]\nmode = \"nts\"\naddress = \"nts.example:4461\"\n",
    ));
    let plain = source("[[source]]\nmode = \"server\"\naddress = \"nts.example\"\n");
    check(
        "warning",
        &plain,
        ["9:11", "is already a source", "count twice in every vote"],
    );
    config(&source(
        "[[source]]\nmode = \"server\"\naddress = \"nts.example:4460\"\n",
    ));
}

#[test]
fn every_key_of_a_server_of_keys_reaches_its_entry() {
    let entry = ke_entry(
        "key-exchange-timeout-ms = 1500\nconcurrent-connections = 100\nconnections-per-client = 4\n\
         ntp-server = \"ntp.example\"\nntp-port = 1123\naccept-ntp-versions = [4]\naead-algorithms = [15]\n",
    );
    let expected = NtsKeServerEntry {
        listen: "[::]:4460".parse().unwrap(),
        certificate_chain: PathBuf::from("/c.pem"),
        private_key: PathBuf::from("/k.pem"),
        timeout: Duration::from_millis(1500),
        concurrent_connections: 100,
        connections_per_client: 4,
        ntp_server: Some("ntp.example".to_owned()),
        ntp_port: Some(1123),
        aead_algorithms: vec![AeadAlgorithm::SivCmac256],
    };
    assert_eq!(entry, expected);
}

#[test]
fn a_server_of_keys_needs_an_address_and_two_files_only() {
    let text = format!("{POOL}{SERVER}{}", KE.replace("[::]:4460", "::"));
    let entry = &config(&text).nts_ke_servers[0];
    assert_eq!(entry.listen.to_string(), "[::]:4460");
    assert_eq!(
        (entry.timeout, entry.concurrent_connections),
        (Duration::from_secs(5), 512)
    );
    assert_eq!(
        (
            entry.connections_per_client,
            entry.ntp_port,
            &entry.ntp_server
        ),
        (16, None, &None)
    );
    assert_eq!(entry.aead_algorithms, AeadAlgorithm::ALL);
    assert_eq!(
        ke_entry("concurrent-connections = 9\n").connections_per_client,
        9
    );
}

#[test]
fn a_server_of_keys_that_cannot_work_is_refused() {
    for (lines, expected) in [
        (
            "key-exchange-timeout-ms = 0\n",
            ["10:27", "out of range", "from 100 to 60000"],
        ),
        (
            "concurrent-connections = 0\n",
            ["10:26", "out of range", "from 1 to 65536"],
        ),
        (
            "connections-per-client = -1\n",
            ["10:26", "out of range", "from 1 to 65536"],
        ),
        (
            "ntp-server = \"a b\"\n",
            ["10:14", "not a host name", "ntp.example.org"],
        ),
        (
            "ntp-server = \"a:123\"\n",
            ["10:14", "must not hold a port", "`ntp-port`"],
        ),
        (
            "ntp-server = \"0.0.0.0\"\n",
            ["10:14", "the unspecified address", "every client can reach"],
        ),
        (
            "ntp-server = \"fe80::1%eth0\"\n",
            [
                "10:14",
                "clients cannot use an interface",
                "every client can reach",
            ],
        ),
        (
            "ntp-port = 0\n",
            ["10:12", "out of range", "from 1 to 65535"],
        ),
        (
            "accept-ntp-versions = [3, 4]\n",
            ["10:24", "version 3 does not support NTS", "write [4]"],
        ),
        (
            "accept-ntp-versions = [5]\n",
            ["10:23", "would serve no client", "write [4]"],
        ),
        (
            "accept-ntp-versions = []\n",
            ["10:23", "would serve no client", "write [4]"],
        ),
        (
            "accept-ntp-versions = [6]\n",
            ["10:24", "out of range", "from 3 to 5"],
        ),
        (
            "aead-algorithms = []\n",
            ["10:19", "names no algorithm", "remove this line"],
        ),
        (
            "accepted-pool-authentication-tokens = [\"secret\"]\n",
            ["10:1", "does not support NTS pools", "remove this line"],
        ),
        (
            "cert = \"/x\"\n",
            ["10:1", "unknown key `cert`", "`certificate-chain-path`"],
        ),
        (
            KE,
            ["11:10", "listens on [::]:4460 already", "another address"],
        ),
    ] {
        check("error", &ke(lines), expected);
    }
    for (key, message) in [
        ("listen", "a `[[nts-ke-server]]` without `listen`"),
        ("certificate-chain-path", "without `certificate-chain-path`"),
        ("private-key-path", "without `private-key-path`"),
    ] {
        let lines: Vec<&str> = KE.lines().filter(|line| !line.starts_with(key)).collect();
        let help = if key == "listen" {
            "listen = \"[::]:4460\""
        } else {
            "(PEM)"
        };
        check(
            "error",
            &format!("{POOL}{SERVER}{}\n", lines.join("\n")),
            ["6:1", message, help],
        );
    }
    let relative = format!("{POOL}{SERVER}{}", KE.replace("/k.pem", "k.pem"));
    check(
        "error",
        &relative,
        ["9:20", "must be an absolute path", "the whole path"],
    );
    let name = format!("{POOL}{SERVER}{}", KE.replace("[::]:4460", "localhost"));
    check(
        "error",
        &name,
        ["7:10", "`localhost` is not an IP address", "0.0.0.0:4460"],
    );
}

#[test]
fn what_has_no_effect_in_a_server_of_keys_is_said() {
    for (lines, expected) in [
        (
            "longlived-connections = 5\n",
            ["10:1", "has no effect: only NTS pools", "remove this line"],
        ),
        (
            "accept-ntp-versions = [4, 5]\n",
            ["10:27", "version 5 has no effect", "no keys are handed out"],
        ),
        (
            "connections-per-client = 600\n",
            ["10:26", "one client alone can take all 512", "up to 512"],
        ),
    ] {
        check("warning", &ke(lines), expected);
    }
    config(&ke("accepted-pool-authentication-tokens = []\n"));
}

#[test]
fn clients_are_told_the_port_of_the_only_server() {
    let port = |servers: &[&str], lines: &str| {
        let servers: String = servers
            .iter()
            .map(|listen| format!("[[server]]\nlisten = \"{listen}\"\n"))
            .collect();
        config(&format!("{POOL}{servers}{KE}{lines}")).nts_ke_servers[0].ntp_port
    };
    assert_eq!(port(&["[::]:123"], ""), None);
    assert_eq!(port(&["[::]:1123"], ""), Some(1123));
    assert_eq!(port(&["[::]:1123", "0.0.0.0:1123"], ""), Some(1123));
    assert_eq!(
        port(&["[::]:1123"], "ntp-server = \"ntp.example\"\n"),
        Some(1123)
    );
    assert_eq!(
        port(&["[::]:1123", "0.0.0.0:1124"], "ntp-port = 1124\n"),
        Some(1124)
    );
    assert_eq!(port(&["[::1]:0"], ""), None);
    assert_eq!(port(&[], "ntp-server = \"ntp.example\"\n"), None);
}

#[test]
fn where_clients_are_to_ask_must_be_clear() {
    let several = |ports: [u16; 2]| {
        let [first, second] =
            ports.map(|port| format!("[[server]]\nlisten = \"127.0.0.1:{port}\"\n"));
        format!("{POOL}{KE}{first}{second}")
    };
    check(
        "error",
        &several([1123, 1124]),
        [
            "5:10",
            "several ports, none of which is 123",
            "write `ntp-port`",
        ],
    );
    check(
        "error",
        &several([0, 0]),
        ["5:10", "several ports", "write `ntp-port`"],
    );
    check(
        "warning",
        &several([1123, 123]),
        ["5:10", "directed to port 123", "write `ntp-port`"],
    );
    let nowhere = format!("{POOL}{KE}");
    check(
        "error",
        &nowhere,
        [
            "5:10",
            "without a `[[server]]` that has its keys",
            "add a [[server]]",
        ],
    );
}

#[test]
fn several_servers_of_keys_share_the_work() {
    let second = KE.replace("[::]:4460", "127.0.0.1:0");
    assert_eq!(
        config(&ke(&format!("{second}{second}")))
            .nts_ke_servers
            .len(),
        3
    );
}

#[test]
fn the_threads_that_all_servers_of_keys_share_are_read_and_bounded() {
    let threads = |more: &str| {
        config(&ke(more))
            .nts_ke
            .handshake_threads
            .map(std::num::NonZeroUsize::get)
    };
    assert_eq!(threads(""), None);
    assert_eq!(threads("[nts-ke]\n"), None);
    assert_eq!(threads("[nts-ke]\nhandshake-threads = 64\n"), Some(64));
    for (line, expected) in [
        (
            "handshake-threads = 0",
            ["11:21", "out of range", "from 1 to 64"],
        ),
        (
            "handshake-threads = 65",
            ["11:21", "out of range", "from 1 to 64"],
        ),
        (
            "threads = 2",
            [
                "11:1",
                "unknown key `threads` in [nts-ke]",
                "`handshake-threads`",
            ],
        ),
    ] {
        check("error", &ke(&format!("[nts-ke]\n{line}\n")), expected);
    }
    // It is that of all of them, so that none of them may have its own.
    check(
        "error",
        &ke("handshake-threads = 2\n"),
        ["10:1", "unknown key `handshake-threads`", ""],
    );
    let alone = format!("{POOL}{SERVER}[nts-ke]\nhandshake-threads = 2\n");
    check(
        "warning",
        &alone,
        [
            "6:2",
            "`[nts-ke]` has no effect",
            "add an [[nts-ke-server]]",
        ],
    );
}

#[test]
fn every_key_of_the_keyset_reaches_the_configuration() {
    let keyset = config(&ke(
        "[keyset]\nstale-key-count = 24\nkey-rotation-interval = 3600\nkey-storage-path = \"/k\"\n",
    ))
    .keyset;
    let expected = Keyset {
        stale_key_count: 24,
        key_rotation_interval: Duration::from_secs(3600),
        key_storage_path: Some(PathBuf::from("/k")),
    };
    assert_eq!(keyset, expected);
    assert_eq!(config(&ke("[keyset]\n")).keyset, Keyset::default());
}

#[test]
fn a_keyset_that_cannot_work_is_refused() {
    for (line, expected) in [
        (
            "stale-key-count = 33",
            ["11:19", "out of range", "from 0 to 32"],
        ),
        (
            "key-rotation-interval = 0",
            ["11:25", "out of range", "from 1 to 31536000"],
        ),
        (
            "key-rotation-interval = 1.5",
            ["11:25", "must not be a number with a fraction", "integer"],
        ),
        (
            "key-storage-path = \"keys\"",
            ["11:20", "must be an absolute path", "the whole path"],
        ),
        (
            "key-count = 7",
            [
                "11:1",
                "unknown key `key-count` in [keyset]",
                "`stale-key-count`",
            ],
        ),
    ] {
        check("error", &ke(&format!("[keyset]\n{line}\n")), expected);
    }
}

#[test]
fn cookies_that_die_before_they_are_used_are_warned_about() {
    for (lines, at) in [
        ("stale-key-count = 0", "11:19"),
        ("key-rotation-interval = 600", "11:25"),
    ] {
        check(
            "warning",
            &ke(&format!("[keyset]\n{lines}\n")),
            [at, "cookies may expire after", "at least 8192"],
        );
    }
    config(&ke("[keyset]\nkey-rotation-interval = 1200\n"));
}

#[test]
fn keys_that_nobody_hands_out_are_warned_about_unless_a_file_may_be_shared() {
    let alone = format!("{POOL}{SERVER}[keyset]\nstale-key-count = 8\n");
    check(
        "warning",
        &alone,
        [
            "6:2",
            "`[keyset]` has no effect",
            "add an [[nts-ke-server]]",
        ],
    );
    let required = format!("{POOL}{SERVER}require-nts = true\n");
    check(
        "warning",
        &required,
        [
            "5:10",
            "would refuse every client",
            "add an [[nts-ke-server]]",
        ],
    );
    config(&format!(
        "{POOL}{SERVER}require-nts = true\n[keyset]\nkey-storage-path = \"/shared/keys\"\n"
    ));
}

#[test]
fn clients_without_nts_can_be_shut_out() {
    let action = |value: &str| {
        config(&format!("{POOL}{SERVER}require-nts = {value}\n{KE}")).servers[0]
            .config
            .require_nts
    };
    assert_eq!(action("false"), None);
    assert_eq!(action("true"), Some(FilterAction::Ignore));
    assert_eq!(action("\"ignore\""), Some(FilterAction::Ignore));
    assert_eq!(action("\"deny\""), Some(FilterAction::Deny));
    let wrong = |value: &str| format!("{POOL}{SERVER}require-nts = {value}\n{KE}");
    check(
        "error",
        &wrong("\"drop\""),
        [
            "6:15",
            "`require-nts` cannot be `drop`",
            "`ignore` and `deny`",
        ],
    );
    check(
        "error",
        &wrong("1"),
        [
            "6:15",
            "must not be an integer",
            "true, false, \"ignore\" or \"deny\"",
        ],
    );
}

/// As for a client and server of ntpd-rs 1.x, with every key of it that has to do with NTS.
#[test]
fn a_file_for_ntpd_rs_with_nts_works_as_it_is() {
    let loaded = accepted(
        r#"
        [observability]
        log-level = "info"
        observation-path = "/var/run/ntpd-rs/observe"

        [[source]]
        mode = "nts"
        address = "time.example.com"
        enable-srv-resolution = false

        [[source]]
        mode = "nts"
        address = "nts.internal.example:4460"
        certificate-authority = "/etc/ntpd-rs/ca.pem"
        ntp-version = 4

        [[source]]
        mode = "pool"
        address = "ntpd-rs.pool.ntp.org"
        count = 4

        [[server]]
        listen = "[::]:123"
        require-nts = "deny"

        [[nts-ke-server]]
        listen = "[::]:4460"
        certificate-chain-path = "/etc/letsencrypt/live/time.example.org/fullchain.pem"
        private-key-path = "/etc/letsencrypt/live/time.example.org/privkey.pem"
        key-exchange-timeout-ms = 1000
        concurrent-connections = 512
        ntp-server = "time.example.org"
        ntp-port = 123
        accept-ntp-versions = [4]
        accepted-pool-authentication-tokens = []

        [keyset]
        stale-key-count = 7
        key-rotation-interval = 86400
        key-storage-path = "/var/lib/ntpd-rs/keys"

        [synchronization]
        single-step-panic-threshold = 1800
        "#,
    );
    assert_eq!(loaded.warnings, []);
    assert_eq!(
        (
            loaded.config.sources.len(),
            loaded.config.nts_ke_servers.len()
        ),
        (3, 1)
    );
}
