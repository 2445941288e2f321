//! Servers that cannot work.

use crate::{Case, check};

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
