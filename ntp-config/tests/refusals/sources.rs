//! Sources that cannot work, and a protection that they cannot give.

use crate::{Case, SEVERAL_NTS, SOURCE, check, refusal};
use ntp_config::parse_str;

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
            message: "given twice",
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
            message: "does not support NTPv5",
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
fn a_misspelled_mode_is_recognized() {
    let shown = refusal("[[source]]\nmod = \"server\"\naddress = \"a\"\n");
    assert!(shown.contains("without a `mode`"), "{shown}");
    assert!(
        shown.contains("unknown key `mod` in [[source]]; did you mean `mode`?"),
        "{shown}"
    );
    assert_eq!(shown.matches("error:").count(), 2, "{shown}");
}

#[test]
fn what_ntpd_rs_has_and_we_do_not_is_refused_and_never_weakened() {
    check(&[
        Case {
            text: "[[source]]\nmode = \"nts-pool\"\naddress = \"a\"\n",
            at: "2:8",
            marked: "\"nts-pool\"",
            message: "does not support NTS pools",
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
        Case {
            text: "[csptp]\n",
            at: "1:2",
            marked: "csptp",
            message: "CSPTP",
            help: "remove the section",
        },
        Case {
            text: "[clock]\nclock = \"/dev/ptp0\"\n",
            at: "2:1",
            marked: "clock",
            message: "only the system clock",
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
fn authentication_that_no_source_can_meet_is_refused() {
    let required = format!("{SOURCE}[synchronization]\nauthentication = \"require\"\n");
    let shown = refusal(&required);
    assert!(shown.contains("test.toml:5:18"), "{shown}");
    assert!(
        shown.contains("no source has NTS: the clock would never be synchronized"),
        "{shown}"
    );
    assert!(
        shown.contains("add a source with mode = \"nts\""),
        "{shown}"
    );

    let nts = "[[source]]\nmode = \"nts\"\naddress = \"nts.example\"\n";
    let both = required.replace("[synchronization]", &format!("{nts}[synchronization]"));
    assert!(parse_str("test.toml", &both).is_ok());
    let shown = refusal(&format!("{both}minimum-agreeing-sources = 2\n"));
    assert!(
        shown.contains("there is at most 1"),
        "plain sources do not count: {shown}"
    );
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
    assert!(
        shown.contains("there is at most 1: the clock would never be synchronized"),
        "{shown}"
    );
    assert!(
        shown.contains("add sources, or remove this line"),
        "{shown}"
    );

    let pool = text.replace("\"server\"", "\"pool\"");
    assert!(parse_str("test.toml", &pool).is_ok(), "a pool brings four");
}

#[test]
fn a_file_without_any_task_is_refused() {
    for text in [
        "",
        "# nothing\n",
        "source = []\n",
        "[synchronization]\nlocal-stratum = 3\n",
    ] {
        let shown = refusal(text);
        assert!(
            shown.contains("there is nothing to do") && shown.contains("[[source]]"),
            "{shown}"
        );
    }
}

#[test]
fn addresses_at_which_nobody_can_answer_are_refused() {
    for (address, said) in [
        ("0.0.0.0", "the unspecified address"),
        ("[::]:1123", "the unspecified address"),
        ("224.0.1.1", "a multicast address"),
        ("255.255.255.255", "the broadcast address"),
        ("fe80::1", "a link-local address without its interface"),
    ] {
        let told = refusal(&format!(
            "[[source]]\nmode = \"server\"\naddress = \"{address}\"\n"
        ));
        assert!(
            told.contains(said) && told.contains("test.toml:3:11"),
            "{told}"
        );
    }
}
