//! What is refused, where the message points, and what it says to write instead.

use ntp_config::parse_str;

/// A text that must be refused, and what must be in the message.
struct Case {
    text: &'static str,
    /// `line:column` of what is wrong.
    at: &'static str,
    /// The marked part of the line.
    marked: &'static str,
    message: &'static str,
    help: &'static str,
}

const SOURCE: &str = "[[source]]\nmode = \"server\"\naddress = \"a.example\"\n";

const SEVERAL_NTS: &str = "write one [[source]] with mode = \"nts\" for each of several servers";

fn refusal(text: &str) -> String {
    match parse_str("test.toml", text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error.to_string(),
    }
}

impl Case {
    fn check(&self) {
        let shown = refusal(self.text);
        let (line, column) = self.at.split_once(':').unwrap();
        let (line, column): (usize, usize) = (line.parse().unwrap(), column.parse().unwrap());
        let gutter = " ".repeat(line.to_string().len());
        let source = self.text.lines().nth(line - 1).unwrap();
        let blanks = " ".repeat(column - 1);
        let carets = "^".repeat(self.marked.chars().count());
        assert!(source[blanks.len()..].starts_with(self.marked), "the case itself is wrong: {source}");
        let block = format!(
            "{gutter}--> test.toml:{line}:{column}\n{gutter} |\n{line} | {source}\n{gutter} | {blanks}{carets}\n  = help: "
        );
        for part in [block.as_str(), self.message, self.help] {
            assert!(shown.contains(part), "missing:\n{part}\nin:\n{shown}");
        }
    }
}

fn check(cases: &[Case]) {
    cases.iter().for_each(Case::check);
}

#[test]
fn the_whole_message_reads_like_that_of_a_compiler() {
    let text = "[[source]]\nmode = \"server\"\naddres = \"ntp.example.org\"\n";
    let expected = "\
error: a `[[source]]` without an `address`
 --> test.toml:1:1
  |
1 | [[source]]
  | ^^^^^^^^^^
  = help: write address = \"ntp.example.org\", with another port than 123 as \"ntp.example.org:1123\"

error: unknown key `addres` in [[source]]; did you mean `address`?
 --> test.toml:3:1
  |
3 | addres = \"ntp.example.org\"
  | ^^^^^^
  = help: possible here: `mode`, `address`, `port`, `count`, `ignore`, `poll-interval-limits`, \
`initial-poll-interval`, `burst`, `ntp-version`, `certificate-authority`, `system-authorities`, `pinned-keys` and \
`aead-algorithms`";
    assert_eq!(refusal(text), expected);
}

#[test]
fn unknown_keys_are_refused_in_every_section() {
    check(&[
        Case {
            text: "[sources]\n",
            at: "1:2",
            marked: "sources",
            message: "unknown key `sources` in the file; did you mean `source`?",
            help: "`source-defaults`",
        },
        Case {
            text: "[synchronization]\nlocal_stratum = 3\n",
            at: "2:1",
            marked: "local_stratum",
            message: "did you mean `local-stratum`?",
            help: "possible here: `minimum-agreeing-sources`",
        },
        Case {
            text: "[synchronization.algorithm]\nwander = 1\n",
            at: "2:1",
            marked: "wander",
            message: "unknown key `wander` in [synchronization.algorithm]",
            help: "`initial-wander`",
        },
        Case {
            text: "[observability]\nlog-lvl = \"info\"\n",
            at: "2:1",
            marked: "log-lvl",
            message: "did you mean `log-level`?",
            help: "possible here",
        },
        Case {
            text: "[clock]\nmodus = \"none\"\n",
            at: "2:1",
            marked: "modus",
            message: "unknown key `modus` in [clock]",
            help: "`mode`",
        },
        Case {
            text: "[storage]\ndir = \"/x\"\n",
            at: "2:1",
            marked: "dir",
            message: "unknown key `dir` in [storage]",
            help: "possible here: `directory`",
        },
        Case {
            text: "[source-defaults]\nbrust = 2\n",
            at: "2:1",
            marked: "brust",
            message: "unknown key `brust` in [source-defaults]; did you mean `burst`?",
            help: "`burst`",
        },
        Case {
            text: "[source-defaults]\npoll-interval-limits = { min = 4, mx = 6 }\n",
            at: "2:35",
            marked: "mx",
            message: "did you mean `max`?",
            help: "`min` and `max`",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\nallow-list = 1\n",
            at: "3:1",
            marked: "allow-list",
            message: "did you mean `allowlist`?",
            help: "`denylist`",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\ndenylist = { filters = [] }\n",
            at: "3:14",
            marked: "filters",
            message: "did you mean `filter`?",
            help: "`filter` and `action`",
        },
    ]);
}

#[test]
fn numbers_that_are_none_or_make_no_sense_are_refused() {
    check(&[
        Case {
            text: "[synchronization]\nsingle-step-panic-threshold = -5\n",
            at: "2:31",
            marked: "-5",
            message: "must not be negative",
            help: "from 0 upwards",
        },
        Case {
            text: "[synchronization]\nsingle-step-panic-threshold = -0.5\n",
            at: "2:31",
            marked: "-0.5",
            message: "must not be negative",
            help: "from 0 upwards",
        },
        Case {
            text: "[synchronization]\nsingle-step-panic-threshold = nan\n",
            at: "2:31",
            marked: "nan",
            message: "must not be not-a-number",
            help: "finite number",
        },
        Case {
            text: "[synchronization]\nsingle-step-panic-threshold = inf\n",
            at: "2:31",
            marked: "inf",
            message: "must not be an infinite number",
            help: "\"inf\" with quotes",
        },
        Case {
            text: "[synchronization]\nsingle-step-panic-threshold = -inf\n",
            at: "2:31",
            marked: "-inf",
            message: "must not be infinite",
            help: "finite number",
        },
        Case {
            text: "[synchronization]\nsingle-step-panic-threshold = 0\n",
            at: "2:31",
            marked: "0",
            message: "stop the daemon at the first correction",
            help: "above 0",
        },
        Case {
            text: "[synchronization]\nsingle-step-panic-threshold = \"infinite\"\n",
            at: "2:31",
            marked: "\"infinite\"",
            message: "a number of seconds or \"inf\"",
            help: "\"inf\" with quotes",
        },
        Case {
            text: "[synchronization]\nstartup-step-panic-threshold = { forward = nan, backward = 1 }\n",
            at: "2:44",
            marked: "nan",
            message: "`forward` must not be not-a-number",
            help: "finite",
        },
        Case {
            text: "[synchronization]\nstartup-step-panic-threshold = { forward = 1 }\n",
            at: "2:32",
            marked: "{ forward = 1 }",
            message: "needs both `forward` and `backward`",
            help: "one number for both",
        },
        Case {
            text: "[synchronization]\naccumulated-step-panic-threshold = -1e300\n",
            at: "2:36",
            marked: "-1e300",
            message: "must not be negative",
            help: "from 0 upwards",
        },
        Case {
            text: "[synchronization]\naccumulated-step-panic-threshold = 1e400\n",
            at: "2:36",
            marked: "1e400",
            message: "infinite",
            help: "number",
        },
        Case {
            text: "[synchronization]\nstep-threshold = 0\n",
            at: "2:18",
            marked: "0",
            message: "must not be 0",
            help: "\"inf\" to never step",
        },
        Case {
            text: "[synchronization]\nstartup-step-threshold = nan\n",
            at: "2:26",
            marked: "nan",
            message: "not-a-number",
            help: "finite",
        },
        Case {
            text: "[synchronization]\nmaximum-root-distance = 0.0\n",
            at: "2:25",
            marked: "0.0",
            message: "out of range",
            help: "above 0 and up to 16",
        },
        Case {
            text: "[synchronization]\nlocal-stratum = 0\n",
            at: "2:17",
            marked: "0",
            message: "`local-stratum` is out of range",
            help: "from 1 to 16",
        },
        Case {
            text: "[synchronization]\nlocal-stratum = 17\n",
            at: "2:17",
            marked: "17",
            message: "`local-stratum` is out of range",
            help: "from 1 to 16",
        },
        Case {
            text: "[synchronization]\nlocal-stratum = 99999999999999999999\n",
            at: "2:17",
            marked: "99999999999999999999",
            message: "more than 64 bits",
            help: "smaller",
        },
        Case {
            text: "[synchronization]\nminimum-agreeing-sources = 0\n",
            at: "2:28",
            marked: "0",
            message: "out of range",
            help: "from 1",
        },
        Case {
            text: "[synchronization]\nminimum-agreeing-sources = 2.5\n",
            at: "2:28",
            marked: "2.5",
            message: "must not be a number with a fraction",
            help: "integer",
        },
        Case {
            text: "[source-defaults]\npoll-interval-limits = { min = 4, max = 16 }\n",
            at: "2:41",
            marked: "16",
            message: "`max` of 16 cannot work: the possible error grows by 1 s in 2^16 s",
            help: "from 0 to 15",
        },
        Case {
            text: "[source-defaults]\npoll-interval-limits = { min = 13, max = 15 }\n",
            at: "2:32",
            marked: "13",
            message: "`min` of 13 cannot work: as long as the rate of the clock is not known",
            help: "from 0 to 12",
        },
        Case {
            text: "[source-defaults]\ninitial-poll-interval = 17\n",
            at: "2:25",
            marked: "17",
            message: "`initial-poll-interval` of 17 cannot work",
            help: "from 0 to 12",
        },
        Case {
            text: "[source-defaults]\ninitial-poll-interval = 18\n",
            at: "2:25",
            marked: "18",
            message: "out of range",
            help: "from 0 to 17",
        },
        Case {
            text: "[source-defaults]\npoll-interval-limits = { min = 8, max = 6 }\n",
            at: "2:32",
            marked: "8",
            message: "`min` (8) is longer than `max` (6)",
            help: "at most `max`",
        },
        Case {
            text: "[source-defaults]\nburst = 0\n",
            at: "2:9",
            marked: "0",
            message: "out of range",
            help: "from 1 to 8",
        },
        Case {
            text: "[clock]\nmode = \"virtual\"\nvirtual-offset = inf\n",
            at: "3:18",
            marked: "inf",
            message: "infinite",
            help: "finite",
        },
        Case {
            text: "[clock]\nmode = \"virtual\"\nvirtual-frequency = 0.2\n",
            at: "3:21",
            marked: "0.2",
            message: "out of range",
            help: "from -0.1 to 0.1",
        },
        Case {
            text: "[observability]\nobservation-permissions = 666\n",
            at: "2:27",
            marked: "666",
            message: "out of range",
            help: "0o666",
        },
        Case {
            text: "[observability]\nobservation-permissions = -1\n",
            at: "2:27",
            marked: "-1",
            message: "out of range",
            help: "octal number without quotes, from 0o000 to 0o777",
        },
        Case {
            text: "[observability]\nobservation-permissions = \"666\"\n",
            at: "2:27",
            marked: "\"666\"",
            message: "must not be a string",
            help: "octal number without quotes, from 0o000 to 0o777",
        },
    ]);
}

#[test]
fn values_of_another_kind_are_refused() {
    check(&[
        Case {
            text: "source = 1\n",
            at: "1:1",
            marked: "source",
            message: "must be a list of sections",
            help: "write `[[source]]` with two brackets",
        },
        Case {
            text: "[source]\nmode = \"pool\"\n",
            at: "1:2",
            marked: "source",
            message: "must be a list of sections",
            help: "two brackets",
        },
        Case {
            text: "synchronization = 3\n",
            at: "1:19",
            marked: "3",
            message: "must not be an integer",
            help: "a table with",
        },
        Case {
            text: "[synchronization]\nwarn-on-jump = \"yes\"\n",
            at: "2:16",
            marked: "\"yes\"",
            message: "must not be a string",
            help: "without quotes",
        },
        Case {
            text: "[synchronization]\nstep-threshold = 2020-01-01\n",
            at: "2:18",
            marked: "2020-01-01",
            message: "must be a number of seconds",
            help: "\"inf\"",
        },
        Case {
            text: "[[source]]\nmode = \"server\"\naddress = 5\n",
            at: "3:11",
            marked: "5",
            message: "must not be an integer",
            help: "double quotes",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\naccept-ntp-versions = 4\n",
            at: "3:23",
            marked: "4",
            message: "must not be an integer",
            help: "square brackets",
        },
        Case {
            text: "[source-defaults]\npoll-interval-limits = [4, 6]\n",
            at: "2:24",
            marked: "[4, 6]",
            message: "must not be an array",
            help: "`min` and `max`",
        },
        Case { text: "source = [3]\n", at: "1:11", marked: "3", message: "must not be an integer", help: "[[source]]" },
    ]);
}

#[test]
fn sources_that_cannot_work_are_refused() {
    check(&[
        Case {
            text: "[[source]]\naddress = \"a\"\n",
            at: "1:1",
            marked: "[[source]]",
            message: "without a `mode`",
            help: "mode = \"server\"",
        },
        Case {
            text: "[[source]]\nmode = \"peer\"\naddress = \"a\"\n",
            at: "2:8",
            marked: "\"peer\"",
            message: "`mode` cannot be `peer`",
            help: "`server`, `pool`",
        },
        Case {
            text: "[[source]]\nmode = \"Server\"\naddress = \"a\"\n",
            at: "2:8",
            marked: "\"Server\"",
            message: "did you mean `server`?",
            help: "possible here",
        },
        Case {
            text: "[[source]]\nmode = \"server\"\naddress = \"a b\"\n",
            at: "3:11",
            marked: "\"a b\"",
            message: "is not a host name",
            help: "ntp.example.org",
        },
        Case {
            text: "[[source]]\nmode = \"server\"\naddress = \"ntp://a\"\n",
            at: "3:11",
            marked: "\"ntp://a\"",
            message: "is a URL",
            help: "only the host name",
        },
        Case {
            text: "[[source]]\nmode = \"server\"\naddress = \"a:0\"\n",
            at: "3:11",
            marked: "\"a:0\"",
            message: "`0` is not a port",
            help: "from 1 to 65535",
        },
        Case {
            text: "[[source]]\nmode = \"server\"\naddress = \"a:124\"\nport = 125\n",
            at: "4:8",
            marked: "125",
            message: "said twice",
            help: "remove `port`",
        },
        Case {
            text: "[[source]]\nmode = \"server\"\naddress = \"a\"\nport = 0\n",
            at: "4:8",
            marked: "0",
            message: "out of range",
            help: "from 1 to 65535",
        },
        Case {
            text: "[[source]]\nmode = \"server\"\naddress = \"a\"\ncount = 4\n",
            at: "4:1",
            marked: "count",
            message: "only a pool has it",
            help: "mode = \"pool\"",
        },
        Case {
            text: "[[source]]\nmode = \"pool\"\naddress = \"a\"\ncount = 0\n",
            at: "4:9",
            marked: "0",
            message: "out of range",
            help: "from 1 to 16",
        },
        Case {
            text: "[[source]]\nmode = \"pool\"\naddress = \"a\"\ncount = 17\n",
            at: "4:9",
            marked: "17",
            message: "out of range",
            help: "from 1 to 16",
        },
        Case {
            text: "[[source]]\nmode = \"pool\"\naddress = \"a\"\nignore = [\"b\"]\n",
            at: "4:11",
            marked: "\"b\"",
            message: "not an IP address",
            help: "192.0.2.1",
        },
        Case {
            text: "[[source]]\nmode = \"server\"\naddress = \"a\"\nntp-version = 5\n",
            at: "4:15",
            marked: "5",
            message: "no NTPv5",
            help: "write 4",
        },
        Case {
            text: "[[source]]\nmode = \"server\"\naddress = \"a\"\nntp-version = 2\n",
            at: "4:15",
            marked: "2",
            message: "out of range",
            help: "from 3 to 4",
        },
    ]);
}

#[test]
fn a_misspelled_mode_is_recognised() {
    let shown = refusal("[[source]]\nmod = \"server\"\naddress = \"a\"\n");
    assert!(shown.contains("without a `mode`"), "{shown}");
    assert!(shown.contains("unknown key `mod` in [[source]]; did you mean `mode`?"), "{shown}");
    assert_eq!(shown.matches("error:").count(), 2, "{shown}");
}

#[test]
fn what_ntpd_rs_has_and_we_do_not_is_refused_and_never_weakened() {
    check(&[
        Case {
            text: "[[source]]\nmode = \"nts-pool\"\naddress = \"a\"\n",
            at: "2:8",
            marked: "\"nts-pool\"",
            message: "no pools of servers with NTS",
            help: SEVERAL_NTS,
        },
        Case {
            text: "[[source]]\nmode = \"sock\"\npath = \"/x\"\nprecision = 1\n",
            at: "2:8",
            marked: "\"sock\"",
            message: "no reference clocks",
            help: "mode = \"server\"",
        },
        Case {
            text: "[[source]]\nmode = \"pps\"\npath = \"/x\"\nprecision = 1\n",
            at: "2:8",
            marked: "\"pps\"",
            message: "no reference clocks",
            help: "mode = \"server\"",
        },
        Case {
            text: "[[source]]\nmode = \"csptp\"\n",
            at: "2:8",
            marked: "\"csptp\"",
            message: "CSPTP",
            help: "write mode = \"nts\" or mode = \"server\"",
        },
        Case { text: "[csptp]\n", at: "1:2", marked: "csptp", message: "CSPTP", help: "remove the section" },
        Case {
            text: "[clock]\nclock = \"/dev/ptp0\"\n",
            at: "2:1",
            marked: "clock",
            message: "system's clock only",
            help: "remove this line",
        },
        Case {
            text: "[clock]\ninterface = \"eth0\"\n",
            at: "2:1",
            marked: "interface",
            message: "every interface",
            help: "[[server]]",
        },
    ]);
}

#[test]
fn servers_that_cannot_work_are_refused() {
    check(&[
        Case {
            text: "[[server]]\n",
            at: "1:1",
            marked: "[[server]]",
            message: "without `listen`",
            help: "listen = \"[::]:123\"",
        },
        Case {
            text: "[[server]]\nlisten = \"eth0\"\n",
            at: "2:10",
            marked: "\"eth0\"",
            message: "not an IP address",
            help: "0.0.0.0:123",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\ninterface = \"a/b\"\n",
            at: "3:13",
            marked: "\"a/b\"",
            message: "not the name of a network interface",
            help: "ip link",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\n[[server]]\nlisten = \"::\"\n",
            at: "4:10",
            marked: "\"::\"",
            message: "listens on [::]:123 already",
            help: "another address",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\nallowlist = { action = \"deny\" }\n",
            at: "3:13",
            marked: "{ action = \"deny\" }",
            message: "`allowlist` without `filter`",
            help: "192.0.2.0/24",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\nallowlist = { filter = [\"10.0.0.1/8\"] }\n",
            at: "3:25",
            marked: "\"10.0.0.1/8\"",
            message: "10.0.0.1/8",
            help: "\"10.0.0.0/8\"",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\ndenylist = { filter = [\"10.0.0.0/33\"] }\n",
            at: "3:24",
            marked: "\"10.0.0.0/33\"",
            message: "10.0.0.0/33",
            help: "from 0 to 32",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\ndenylist = { filter = [\"host\"] }\n",
            at: "3:24",
            marked: "\"host\"",
            message: "host",
            help: "2001:db8::/32",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\ndenylist = { filter = [], action = \"drop\" }\n",
            at: "3:36",
            marked: "\"drop\"",
            message: "`action` cannot be `drop`",
            help: "`ignore` and `deny`",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\nrate-limiting-cutoff-ms = -1\n",
            at: "3:27",
            marked: "-1",
            message: "out of range",
            help: "from 0",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\nrate-limiting-cache-size = 16777217\n",
            at: "3:28",
            marked: "16777217",
            message: "out of range",
            help: "to 16777216",
        },
        Case {
            text: "[synchronization]\nleap-seconds-file = \"leap-seconds.list\"\n",
            at: "2:21",
            marked: "\"leap-seconds.list\"",
            message: "must be an absolute path",
            help: "/usr/share/zoneinfo/leap-seconds.list",
        },
        Case {
            text: "[clock]\nkept-by-another-program = \"yes\"\n",
            at: "2:27",
            marked: "\"yes\"",
            message: "must not be a string",
            help: "without quotes",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\naccept-ntp-versions = [5]\n",
            at: "3:23",
            marked: "[5]",
            message: "answer no client",
            help: "[1, 2, 3, 4]",
        },
        Case {
            text: "[[server]]\nlisten = \"[::]:123\"\naccept-ntp-versions = [4, 6]\n",
            at: "3:27",
            marked: "6",
            message: "out of range",
            help: "from 1 to 5",
        },
    ]);
}

#[test]
fn other_impossible_values_are_refused() {
    check(&[
        Case {
            text: "[synchronization]\nreference-id = \"LOCAL\"\n",
            at: "2:16",
            marked: "\"LOCAL\"",
            message: "not a reference id",
            help: "up to four letters",
        },
        Case {
            text: "[synchronization]\nreference-id = \"ö\"\n",
            at: "2:16",
            marked: "\"ö\"",
            message: "not a reference id",
            help: "ASCII",
        },
        Case {
            text: "[synchronization]\ndiscipline = \"kalman\"\n",
            at: "2:14",
            marked: "\"kalman\"",
            message: "cannot be `kalman`",
            help: "`estimate` and `pll-fll`",
        },
        Case {
            text: "[clock]\nmode = \"virtul\"\n",
            at: "2:8",
            marked: "\"virtul\"",
            message: "did you mean `virtual`?",
            help: "`auto`, `system`, `virtual` and `none`",
        },
        Case {
            text: "[observability]\nlog-level = \"verbose\"\n",
            at: "2:13",
            marked: "\"verbose\"",
            message: "`log-level` cannot be `verbose`",
            help: "`error`, `warn`, `info`, `debug` and `trace`",
        },
        Case {
            text: "[observability]\nobservation-path = \"observe\"\n",
            at: "2:20",
            marked: "\"observe\"",
            message: "absolute path",
            help: "/run/truechimer",
        },
        Case {
            text: "[observability]\nmetrics-exporter-listen = \"localhost:9975\"\n",
            at: "2:27",
            marked: "\"localhost:9975\"",
            message: "not an IP address with a port",
            help: "127.0.0.1:9975",
        },
        Case {
            text: "[storage]\ndirectory = \"\"\n",
            at: "2:13",
            marked: "\"\"",
            message: "absolute path",
            help: "\"none\" to keep nothing",
        },
    ]);
}

#[test]
fn authentication_that_no_source_can_meet_is_refused() {
    let required = format!("{SOURCE}[synchronization]\nauthentication = \"require\"\n");
    let shown = refusal(&required);
    assert!(shown.contains("test.toml:5:18"), "{shown}");
    assert!(shown.contains("no source has NTS: the clock would never be synchronised"), "{shown}");
    assert!(shown.contains("add a source with mode = \"nts\""), "{shown}");

    let nts = "[[source]]\nmode = \"nts\"\naddress = \"nts.example\"\n";
    let both = required.replace("[synchronization]", &format!("{nts}[synchronization]"));
    assert!(parse_str("test.toml", &both).is_ok());
    let shown = refusal(&format!("{both}minimum-agreeing-sources = 2\n"));
    assert!(shown.contains("there is at most 1"), "plain sources do not count: {shown}");
}

#[test]
fn words_of_authentication_that_do_not_exist_are_refused() {
    Case {
        text: "[synchronization]\nauthentication = \"required\"\n",
        at: "2:18",
        marked: "\"required\"",
        message: "`authentication` cannot be `required`; did you mean `require`?",
        help: "`require`, `prefer` and `mix`",
    }
    .check();
    Case {
        text: "[synchronization]\nfirst-time-from = \"any\"\n",
        at: "2:19",
        marked: "\"any\"",
        message: "`first-time-from` cannot be `any`",
        help: "`witness` and `single`",
    }
    .check();
}

#[test]
fn a_minimum_that_can_never_be_met_is_refused() {
    let text = format!("{SOURCE}[synchronization]\nminimum-agreeing-sources = 3\n");
    let shown = refusal(&text);
    assert!(shown.contains("test.toml:5:28"), "{shown}");
    assert!(shown.contains("there is at most 1: the clock would never be synchronised"), "{shown}");
    assert!(shown.contains("add sources, or remove this line"), "{shown}");

    let pool = text.replace("\"server\"", "\"pool\"");
    assert!(parse_str("test.toml", &pool).is_ok(), "a pool brings four");
}

#[test]
fn a_file_without_any_task_is_refused() {
    for text in ["", "# nothing\n", "source = []\n", "[synchronization]\nlocal-stratum = 3\n"] {
        let shown = refusal(text);
        assert!(shown.contains("there is nothing to do") && shown.contains("[[source]]"), "{shown}");
    }
}

#[test]
fn what_is_no_toml_is_refused_with_its_place() {
    check(&[
        Case {
            text: "[[source]]\nmode = server\n",
            at: "2:8",
            marked: "server",
            message: "this is not TOML",
            help: "double quotes",
        },
        Case {
            text: "[synchronization]\nlocal-stratum = 3\nlocal-stratum = 4\n",
            at: "3:1",
            marked: "local-stratum",
            message: "duplicate key",
            help: "key = value",
        },
    ]);
}

#[test]
fn all_problems_come_at_once_and_a_flood_of_them_is_cut() {
    let error = parse_str("t", "[clock]\na = 1\nb = 2\n[storage]\nc = 3\n").unwrap_err();
    assert_eq!(error.count(), 3);
    assert_eq!(error.messages().count(), 3);

    let many: String = (0..30).map(|n| format!("key{n} = 1\n")).collect();
    let shown = refusal(&many);
    assert_eq!(shown.matches("error:").count(), 20);
    assert!(shown.ends_with("and 10 more"), "{shown}");
}

#[test]
fn the_mark_is_below_its_target_after_tabs_and_wide_text_and_in_long_lines() {
    let tabbed = refusal("[clock]\n\tmodus = \"none\"\n");
    assert!(tabbed.contains("2 | \tmodus = \"none\"\n  | \t^^^^^\n"), "{tabbed}");

    let accented = refusal("storage = { directory = \"/é\", x = 1 }\n");
    assert!(accented.contains("test.toml:1:31"), "{accented}");

    let long = refusal(&format!("[clock]\nmodus = \"{}\" # {}\n", "x".repeat(5000), "y".repeat(5000)));
    assert!(long.lines().all(|line| line.len() < 300), "{long}");

    let long_value = refusal(&format!("[clock]\nmode = \"{}\"\n", "x".repeat(5000)));
    assert!(long_value.lines().all(|line| line.len() < 1000), "{long_value}");

    let windows = refusal("[clock]\r\nmodus = 1\r\n");
    assert!(windows.contains("2 | modus = 1\n  | ^^^^^\n"), "{windows}");
}

#[test]
fn no_control_character_of_the_file_reaches_the_terminal() {
    let shown = refusal("[clock]\n\"\\u001b[31mx\" = 1\nmode = \"\u{1b}[31m\"\n");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let shown = refusal("[clock]\n\"\\u001b[31mx\" = 1\n");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let shown = refusal("[clock]\nmode = \"\\u001b[31m\"\n");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn addresses_at_which_nobody_can_answer_are_refused() {
    for (address, said) in [
        ("0.0.0.0", "the address of any host"),
        ("[::]:1123", "the address of any host"),
        ("224.0.1.1", "a multicast address"),
        ("255.255.255.255", "the broadcast address"),
        ("fe80::1", "a link-local address without its interface"),
    ] {
        let told = refusal(&format!("[[source]]\nmode = \"server\"\naddress = \"{address}\"\n"));
        assert!(told.contains(said) && told.contains("test.toml:3:11"), "{told}");
    }
}
