//! Accepted files, their warnings, and overlays of files.

use ntp_config::{
    ClockMode, Loaded, LogLevel, SandboxMode, SourceKind, for_pools, load, parse_str,
};
use ntp_proto::association::AssociationConfig;
use ntp_proto::clock::DisturbanceLimits;
use ntp_proto::packet::{ReferenceId, Version};
use ntp_proto::server::{FilterAction, ServerConfig};
use ntp_proto::time::{PollInterval, Seconds};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

const POOL: &str = "[[source]]\nmode = \"pool\"\naddress = \"pool.example\"\n";

fn accepted(text: &str) -> Loaded {
    parse_str("test.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn warnings(text: &str) -> String {
    let warnings = accepted(text).warnings;
    warnings
        .iter()
        .map(|warning| format!("{warning}\n"))
        .collect()
}

#[test]
fn the_configuration_of_the_package_raises_no_warning() {
    let loaded = accepted(include_str!("../../pkg/ntp.toml"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.security.user.as_deref(), Some("truechimer"));
}

#[test]
fn the_user_and_the_sandbox_of_the_daemon_are_read() {
    let text = format!("{POOL}[security]\nuser = \"truechimer\"\nsandbox = \"require\"\n");
    let security = accepted(&text).config.security;
    assert_eq!(security.user.as_deref(), Some("truechimer"));
    assert_eq!(security.sandbox, SandboxMode::Require);
    let security = accepted(POOL).config.security;
    assert_eq!((security.user, security.sandbox), (None, SandboxMode::Auto));
    for wrong in ["user = \"\"", "user = \"a:b\"", "sandbox = \"on\""] {
        let text = format!("{POOL}[security]\n{wrong}\n");
        assert!(parse_str("test.toml", &text).is_err(), "{wrong}");
    }
}

#[test]
fn a_pool_alone_is_a_configuration_without_warnings_and_with_all_defaults() {
    let loaded = accepted(POOL);
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.files, [PathBuf::from("test.toml")]);
    let config = loaded.config;
    assert_eq!(config.sources.len(), 1);
    assert_eq!(
        config.sources[0].kind.address().to_string(),
        "pool.example:123"
    );
    assert_eq!(config.sources[0].settings, AssociationConfig::default());
    assert_eq!(config.most_usable_sources(), 4);
    assert_eq!(
        config.synchronization,
        ntp_config::Synchronization::default()
    );
    assert_eq!(
        config.observability.observation_path_or_default(),
        Path::new("/run/truechimer/observe.sock")
    );
    assert_eq!(
        config.observability.metrics_exporter_listen.to_string(),
        "127.0.0.1:9975"
    );
    assert_eq!(
        config.storage.drift_file(),
        Some(PathBuf::from("/var/lib/truechimer/drift"))
    );
    assert_eq!(
        config.storage.state_file(),
        Some(PathBuf::from("/var/lib/truechimer/state"))
    );
    assert_eq!(
        config,
        for_pools(&["pool.example".to_owned()]).unwrap().config
    );
}

#[test]
fn every_key_of_a_source_reaches_its_entry() {
    let config = accepted(
        r#"
        [source-defaults]
        poll-interval-limits = { min = 5, max = 9 }
        initial-poll-interval = 6
        burst = 4

        [[source]]
        mode = "server"
        address = "[2001:db8::1]:1123"
        ntp-version = 3
        poll-interval-limits.max = 8

        [[source]]
        mode = "pool"
        address = "pool.example"
        port = 124
        count = 7
        ignore = ["192.0.2.1", "::ffff:192.0.2.2"]
        initial-poll-interval = 7
        burst = 1
        "#,
    )
    .config;
    let [server, pool] = &config.sources[..] else {
        panic!("two sources")
    };
    assert_eq!(server.kind.address().to_string(), "[2001:db8::1]:1123");
    assert_eq!(server.kind.most_servers(), 1);
    let settings = &server.settings;
    let polls = [
        settings.poll_limits.min(),
        settings.initial_poll,
        settings.poll_limits.max(),
    ];
    assert_eq!(polls.map(PollInterval::log2), [5, 6, 8]);
    assert_eq!((settings.version, settings.burst), (Version::V3, 4));
    let SourceKind::Pool {
        address,
        count,
        ignore,
    } = &pool.kind
    else {
        panic!("a pool")
    };
    assert_eq!((address.port, *count), (124, 7));
    assert_eq!(
        ignore.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["192.0.2.1", "192.0.2.2"]
    );
    let settings = &pool.settings;
    let polls = [
        settings.poll_limits.min(),
        settings.initial_poll,
        settings.poll_limits.max(),
    ];
    assert_eq!(polls.map(PollInterval::log2), [5, 7, 9]);
    assert_eq!((settings.version, settings.burst), (Version::V4, 1));
}

#[test]
fn every_key_of_a_server_reaches_its_entry() {
    let config = accepted(
        r#"
        [synchronization]
        local-stratum = 10
        [[server]]
        listen = "127.0.0.1:0"
        interface = "lo"
        allowlist = { filter = ["192.0.2.0/24", "2001:db8::/32"], action = "deny" }
        denylist = { filter = ["192.0.2.7"], action = "ignore" }
        rate-limiting-cache-size = 1024
        rate-limiting-cutoff-ms = 1500
        rate-limiting-burst = 3
        require-nts = false
        accept-ntp-versions = [4]
        [[server]]
        listen = "::"
        "#,
    )
    .config;
    let [server, plain] = &config.servers[..] else {
        panic!("two servers")
    };
    assert_eq!(server.listen.to_string(), "127.0.0.1:0");
    assert_eq!(server.interface.as_deref(), Some("lo"));
    let access = &server.config.access;
    assert_eq!(access.refusal("192.0.2.6".parse().unwrap()), None);
    assert_eq!(
        access.refusal("192.0.2.7".parse().unwrap()),
        Some(FilterAction::Ignore)
    );
    assert_eq!(
        access.refusal("198.51.100.1".parse().unwrap()),
        Some(FilterAction::Deny)
    );
    let limit = server.config.rate_limit.unwrap();
    assert_eq!(
        (limit.interval, limit.burst, limit.table_entries),
        (Duration::from_millis(1500), 3, 1024)
    );
    assert!(
        server.config.versions.contains(Version::V4)
            && !server.config.versions.contains(Version::V3)
    );
    assert_eq!(plain.listen.to_string(), "[::]:123");
    assert_eq!(plain.config, ServerConfig::default());
}

#[test]
fn any_key_of_the_rate_limit_sets_one_and_a_zero_takes_it_away() {
    let limit = |keys: &str| {
        let loaded = accepted(&format!("{POOL}[[server]]\nlisten = \"::\"\n{keys}"));
        (
            loaded.config.servers[0].config.rate_limit,
            loaded.warnings.len(),
        )
    };
    assert_eq!(limit(""), (None, 0));
    assert_eq!(limit("rate-limiting-cache-size = 0"), (None, 0));
    assert_eq!(
        limit("rate-limiting-cache-size = 0\nrate-limiting-cutoff-ms = 0"),
        (None, 0)
    );
    assert_eq!(
        limit("rate-limiting-cache-size = 32\nrate-limiting-cutoff-ms = 0"),
        (None, 1)
    );
    assert_eq!(
        limit("rate-limiting-cache-size = 0\nrate-limiting-cutoff-ms = 500"),
        (None, 1)
    );
    assert_eq!(
        limit("rate-limiting-cutoff-ms = 500").0.unwrap().interval,
        Duration::from_millis(500)
    );
    assert_eq!(
        limit("rate-limiting-cache-size = 32")
            .0
            .unwrap()
            .table_entries,
        32
    );
}

#[test]
fn every_key_of_the_other_sections_reaches_the_configuration() {
    let text = r#"
        [synchronization]
        minimum-agreeing-sources = 2
        single-step-panic-threshold = 1800
        startup-step-panic-threshold = { forward = "inf", backward = 1800.5 }
        accumulated-step-panic-threshold = 3600
        warn-on-jump = false
        local-stratum = 1
        reference-id = "GPS"
        discipline = "pll-fll"
        after-disturbance-panic-threshold = "running"
        step-threshold = "inf"
        startup-step-threshold = 0
        maximum-root-distance = 3
        [clock]
        mode = "virtual"
        virtual-offset = -2.5
        virtual-frequency = -50e-6
        [observability]
        log-level = "debug"
        ansi-colors = false
        observation-path = "/tmp/observe"
        observation-permissions = 0o660
        metrics-exporter-listen = "[::1]:9000"
        [storage]
        directory = "none"
    "#;
    let loaded = accepted(&format!("{POOL}{text}"));
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    let settings = config.synchronization.settings;
    let (steps, seconds) = (settings.steps, |value| Some(Seconds::new(value)));
    assert!(!config.synchronization.warn_on_jump);
    assert_eq!(settings.minimum_agreeing, 2);
    assert_eq!(
        (steps.running.forward, steps.running.backward),
        (seconds(1800.0), seconds(1800.0))
    );
    assert_eq!(
        (steps.startup.forward, steps.startup.backward),
        (None, seconds(1800.5))
    );
    assert_eq!(steps.accumulated, seconds(3600.0));
    assert_eq!(
        (steps.threshold, steps.startup_threshold),
        (None, Seconds::ZERO)
    );
    assert_eq!(steps.after_disturbance, DisturbanceLimits::Running);
    assert_eq!(settings.maximum_distance, Seconds::new(3.0));
    assert_eq!(settings.local_stratum.to_bits(), 1);
    assert_eq!(
        settings.local_reference_id,
        ReferenceId::from_letters(*b"GPS\0")
    );
    assert_eq!(config.clock.mode, ClockMode::Virtual);
    assert_eq!(config.clock.virtual_offset, Seconds::new(-2.5));
    assert_eq!(config.clock.virtual_frequency.to_f64(), -50e-6);
    assert_eq!(config.observability.log_level, LogLevel::Debug);
    assert_eq!(config.observability.ansi_colors, Some(false));
    assert_eq!(
        config.observability.observation_path_or_default(),
        Path::new("/tmp/observe")
    );
    assert_eq!(config.observability.observation_permissions, 0o660);
    assert_eq!(
        config.observability.metrics_exporter_listen.to_string(),
        "[::1]:9000"
    );
    assert_eq!(
        (config.storage.drift_file(), config.storage.state_file()),
        (None, None)
    );
}

#[test]
fn one_source_works_by_default_and_a_warning_says_what_it_cannot_do() {
    let one = "[[source]]\nmode = \"server\"\naddress = \"a.example\"\n";
    assert_eq!(
        accepted(one)
            .config
            .synchronization
            .settings
            .minimum_agreeing,
        1
    );
    assert!(warnings(one).contains("with one source, a wrong time cannot be detected"));
    let two = format!("{one}{}", one.replace("a.example", "b.example"));
    assert!(warnings(&two).contains("detected but not identified"));
    let three = format!("{two}{}", one.replace("a.example", "c.example"));
    assert_eq!(warnings(&three), "");
}

#[test]
fn what_has_no_effect_is_said_with_its_place() {
    for (section, at, message) in [
        (
            "[synchronization.algorithm]\nstep-threshold = 0.01",
            ":5:1",
            "`step-threshold` in [synchronization.algorithm] has no effect",
        ),
        (
            "[synchronization.algorithm]\nslew-minimum-duration = 8\ninitial-wander = 1e-8",
            ":5:1",
            "have no effect: they tune",
        ),
        (
            "[observability]\nlog-path = \"/var/log/ntp\"",
            ":5:1",
            "`log-path` has no effect: the log goes to standard error",
        ),
        (
            "[observability]\nlog-path-metrics-exporter = \"/var/log/x\"",
            ":5:1",
            "has no effect",
        ),
        (
            "[clock]\ntimestamp-mode = \"hardware\"",
            ":5:1",
            "`timestamp-mode` has no effect",
        ),
        (
            "[clock]\nvirtual-offset = 1",
            ":5:1",
            "the clock is not a virtual one",
        ),
        (
            "[[server]]\nlisten = \"::\"\naccept-ntp-versions = [4, 5]",
            ":6:27",
            "version 5 has no effect",
        ),
        (
            "[[server]]\nlisten = \"::\"\nallowlist = { filter = [] }",
            ":6:24",
            "refuses every client",
        ),
        (
            "[[source]]\nmode = \"server\"\naddress = \"a\"\nntp-version = \"auto\"",
            ":7:15",
            "means 4",
        ),
        (
            "[[source]]\nmode = \"server\"\naddress = \"Pool.example:123\"",
            ":6:11",
            "is already a source",
        ),
        (
            "[source-defaults]\ninitial-poll-interval = 2",
            ":5:25",
            "outside `poll-interval-limits`; 4 is used",
        ),
    ] {
        let shown = warnings(&format!("{POOL}{section}\n"));
        for part in ["warning: ", "= help: ", "^", at, message] {
            assert!(shown.contains(part), "missing {part} in:\n{shown}");
        }
    }
}

#[test]
fn a_server_without_a_source_is_warned_about_unless_it_has_a_stratum_of_its_own() {
    let server = "[[server]]\nlisten = \"::\"\n";
    assert!(warnings(server).contains("not synchronized"));
    assert_eq!(
        warnings(&format!("{server}[synchronization]\nlocal-stratum = 8\n")),
        ""
    );
}

#[test]
fn servers_on_port_0_or_on_other_interfaces_do_not_collide() {
    let two =
        |rest: &str| format!("{POOL}[[server]]\nlisten = {rest}\n[[server]]\nlisten = {rest}\n");
    assert_eq!(warnings(&two("\"127.0.0.1:0\"")), "");
    assert_eq!(
        warnings(&two("\"::\"").replacen("\"::\"\n", "\"::\"\ninterface = \"eth0\"\n", 1)),
        ""
    );
}

#[test]
fn pools_on_the_command_line_need_no_file_and_are_checked() {
    let loaded = for_pools(&["a.example".to_owned(), "[::1]:1123".to_owned()]).unwrap();
    assert_eq!((loaded.config.sources.len(), loaded.files.len()), (2, 0));
    assert_eq!(
        loaded.config.sources[1].kind.address().to_string(),
        "[::1]:1123"
    );
    let shown = for_pools(&["a b".to_owned()]).unwrap_err().to_string();
    assert!(
        shown.contains("error: `a b` is not a host name") && shown.contains("= help: "),
        "{shown}"
    );
    assert!(for_pools(&[]).is_err());
}

#[test]
fn log_levels_are_read_from_the_command_line_too() {
    assert_eq!("Debug".parse(), Ok(LogLevel::Debug));
    let refused = "loud".parse::<LogLevel>().unwrap_err().to_string();
    assert!(
        refused.contains("loud") && refused.contains("trace"),
        "{refused}"
    );
}

/// A folder with a main file and drop-ins.
fn folder(main: &str, drop_ins: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ntp.toml"), main).unwrap();
    std::fs::create_dir(folder.path().join("conf.d")).unwrap();
    for (name, text) in drop_ins {
        std::fs::write(folder.path().join("conf.d").join(name), text).unwrap();
    }
    folder
}

#[test]
fn later_files_win_key_by_key_and_sources_are_collected() {
    let main = format!("{POOL}[synchronization]\nlocal-stratum = 5\nwarn-on-jump = false\n");
    let folder = folder(
        &main,
        &[
            ("20-b.toml", "[synchronization]\nlocal-stratum = 7\n"),
            (
                "10-a.toml",
                "[synchronization]\nlocal-stratum = 6\n[[source]]\nmode = \"server\"\naddress = \"a\"\n",
            ),
            ("README", "this is not read"),
            (".hidden.toml", "nor = is this"),
            ("old.toml~", "nor = is this"),
        ],
    );
    let loaded = load(&folder.path().join("ntp.toml")).unwrap();
    let synchronization = loaded.config.synchronization;
    assert_eq!(synchronization.settings.local_stratum.to_bits(), 7);
    assert!(!synchronization.warn_on_jump);
    let hosts: Vec<_> = loaded
        .config
        .sources
        .iter()
        .map(|source| source.kind.address().host.as_str())
        .collect();
    assert_eq!(hosts, ["pool.example", "a"]);
    let names: Vec<_> = loaded
        .files
        .iter()
        .filter_map(|path| path.file_name())
        .collect();
    assert_eq!(names, ["ntp.toml", "10-a.toml", "20-b.toml"]);
}

#[test]
fn an_error_points_into_the_drop_in_that_has_it() {
    let folder = folder(
        POOL,
        &[("10-a.toml", "\n[synchronization]\nlocal-stratum = 0\n")],
    );
    let shown = load(&folder.path().join("ntp.toml"))
        .unwrap_err()
        .to_string();
    assert!(shown.contains("10-a.toml:3:17"), "{shown}");
    assert!(
        shown.contains("3 | local-stratum = 0\n  |                 ^\n"),
        "{shown}"
    );
}

#[test]
fn files_that_cannot_be_read_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ntp.toml");
    let shown = load(&path).unwrap_err().to_string();
    assert!(
        shown.contains("ntp.toml does not exist") && shown.contains("-c FILE"),
        "{shown}"
    );

    std::fs::write(&path, b"# fine\n# \xff\n").unwrap();
    let shown = load(&path).unwrap_err().to_string();
    assert!(shown.contains("not UTF-8 text, first in line 2"), "{shown}");

    std::fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    assert!(
        load(&path)
            .unwrap_err()
            .to_string()
            .contains("larger than 1 MiB")
    );

    assert!(
        load(folder.path())
            .unwrap_err()
            .to_string()
            .contains("cannot be read")
    );
}

/// Text that is nearly a configuration, so that it gets past the first stage.
fn lines() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "[[source]]",
        "[source]",
        "[[server]]",
        "[synchronization]",
        "[clock]",
        "[observability]",
        "[storage]",
        "[source-defaults]",
        "[synchronization.algorithm]",
        "[keyset]",
        "[[nts-ke-server]]",
        "[nts-ke]",
        "handshake-threads = 0",
        "mode = \"pool\"",
        "mode = \"server\"",
        "mode = \"nts\"",
        "mode = [[]]",
        "address = \"é:1\"",
        "address = \"[::1]:9\"",
        "address = {}",
        "listen = \":::\"",
        "listen = \"::\"",
        "local-stratum = 9",
        "a.b.c = 1",
        "a.b = [1, {c = 2}]",
        "poll-interval-limits = {min = 9}",
        "poll-interval-limits.max = 1",
        "count = -9223372036854775808",
        "step-threshold = +inf",
        "step-threshold = -nan",
        "directory = '''\n/x'''",
        "filter = [",
        "]",
        "\"",
        "=",
        "\u{feff}",
        "\t\r",
        "allowlist = {filter = ['::/0', 3]}",
        "rate-limiting-burst = 0x7fff",
        "observation-permissions = 0o1000",
        "virtual-offset = 1e308",
        "accept-ntp-versions = [[3]]",
        "ignore = ['fe80::1%x']",
        "reference-id = \"\\u0000\"",
        "pinned-keys = [\"sha256/é\", \"sha256//\"]",
        "aead-algorithms = [15, -1, \"é\"]",
        "certificate-authority = [\"\\u0000\", [\"/x\"]]",
        "certificate-chain-path = \"/é\"",
        "private-key-path = \"/k\"",
        "ntp-server = \"::1%é\"",
        "key-rotation-interval = 9223372036854775807",
        "stale-key-count = 32",
        "require-nts = {}",
    ]);
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = parse_str("t", &text).map_err(|error| error.to_string());
    }

    #[test]
    fn nothing_like_a_configuration_makes_the_reader_panic(text in lines()) {
        match parse_str("t", &text) {
            Ok(loaded) => prop_assert!(loaded.warnings.iter().all(|warning| !warning.to_string().is_empty())),
            Err(error) => prop_assert!(error.count() > 0 && error.to_string().contains("= help: ")),
        }
    }
}

#[test]
fn threads_of_a_server_are_read_and_have_defaults() {
    let config = accepted(
        "[[server]]\nlisten = \"127.0.0.1:1123\"\nworker-threads = 3\npin-threads = true\ncoalescing-us = 0\n\
         [[server]]\nlisten = \"127.0.0.1:2123\"\n",
    )
    .config;
    let [chosen, default] = &config.servers[..] else {
        panic!("two servers")
    };
    assert_eq!(
        (
            chosen.worker_threads,
            chosen.pin_threads,
            chosen.coalescing.as_micros()
        ),
        (Some(3), true, 0)
    );
    assert_eq!(
        (
            default.worker_threads,
            default.pin_threads,
            default.coalescing.as_micros()
        ),
        (None, false, 100)
    );
}

#[test]
fn a_clock_of_our_own_or_none_does_not_use_the_folder_of_the_service() {
    let source = "[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n";
    for mode in ["virtual", "none"] {
        let text = format!("{source}[clock]\nmode = \"{mode}\"\n");
        assert_eq!(accepted(&text).config.storage.directory, None, "{mode}");
        let named = accepted(&format!("{text}[storage]\ndirectory = \"/srv/trial\"\n"));
        assert_eq!(
            named.config.storage.directory,
            Some(PathBuf::from("/srv/trial")),
            "{mode}"
        );
    }
    for mode in ["auto", "system"] {
        let text = format!("{source}[clock]\nmode = \"{mode}\"\n");
        assert_eq!(
            accepted(&text).config.storage.directory,
            Some(PathBuf::from("/var/lib/truechimer")),
            "{mode}"
        );
    }
}

#[test]
fn a_host_that_only_hands_out_keys_is_something_to_do() {
    let text = "[[nts-ke-server]]\nlisten = \"[::]:4460\"\ncertificate-chain-path = \"/c\"\nprivate-key-path = \"/k\"\n\
                ntp-server = \"ntp.example.org\"\n[keyset]\nkey-storage-path = \"/var/lib/truechimer/shared-keys\"\n";
    let loaded = parse_str("only keys", text).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(
        loaded.config.nts_ke_servers[0].ntp_server.as_deref(),
        Some("ntp.example.org")
    );
}

#[test]
fn a_clock_of_mode_none_is_served_by_what_is_measured_unless_the_file_says_otherwise() {
    let source = "[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n[clock]\n";
    for (clock, served, warned) in [
        ("mode = \"none\"\n", true, false),
        (
            "mode = \"none\"\nkept-by-another-program = false\n",
            false,
            false,
        ),
        ("mode = \"auto\"\n", false, false),
        (
            "mode = \"auto\"\nkept-by-another-program = true\n",
            true,
            false,
        ),
        (
            "mode = \"virtual\"\nkept-by-another-program = true\n",
            false,
            true,
        ),
        (
            "mode = \"system\"\nkept-by-another-program = true\n",
            false,
            true,
        ),
    ] {
        let loaded = parse_str("clock", &format!("{source}{clock}")).unwrap();
        assert_eq!(
            loaded.config.synchronization.settings.serves_unsteered, served,
            "{clock}"
        );
        let said = loaded
            .warnings
            .iter()
            .any(|warning| warning.message().contains("kept-by-another-program"));
        assert_eq!(said, warned, "{clock}");
    }
}

#[test]
fn a_file_of_leap_seconds_can_be_named() {
    let path = "/usr/share/zoneinfo/leap-seconds.list";
    let text = format!(
        "[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n[synchronization]\nleap-seconds-file = \"{path}\"\n"
    );
    let config = parse_str("leap", &text).unwrap().config;
    assert_eq!(config.synchronization.leap_seconds_file, Some(path.into()));
}

#[test]
fn an_accumulated_step_panic_threshold_of_0_is_no_limit_as_in_ntpd_rs() {
    for text in ["0", "0.0", "\"inf\""] {
        let text = format!("{POOL}[synchronization]\naccumulated-step-panic-threshold = {text}\n");
        assert_eq!(
            accepted(&text)
                .config
                .synchronization
                .settings
                .steps
                .accumulated,
            None,
            "{text}"
        );
    }
}
