//! Keys that do not exist, values of another kind, and values that are impossible by themselves.

use crate::{Case, check};

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
        Case {
            text: "source = [3]\n",
            at: "1:11",
            marked: "3",
            message: "must not be an integer",
            help: "[[source]]",
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
