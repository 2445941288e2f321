//! Directives whose result does not depend on their arguments.

use crate::ledger::{LineId, Verdict};
use crate::plan::Plan;
use crate::reasons::{COMMANDS, LOG, LOG_FILES, SERVICE, STORAGE};
use crate::text::Directive;
use Verdict::{Approximated, Dropped, Kept};

const ESTIMATOR: &str = "the estimator needs no such setting";
const SELECTION: &str = "the selection of sources needs no such setting";
const REFERENCE_CLOCK: &str = "there are no reference clocks; an NTP server that has it can be a \
                               source";
const NO_SYNTHETIC: &str = "there is no smearing of leap seconds or of the served time";
const REMOTE: &str = "the state cannot be read over the network in this way; the metrics exporter \
                      (`metrics-exporter-listen`) serves it";
const CLOCK_OF_MACHINE: &str = "the kernel copies the time to the hardware clock while it is \
                                synchronized; the daemon does not measure that clock";
const HARDWARE_TIMESTAMPS: &str = "there are no hardware timestamps; those of the kernel are used";
const OUTGOING: &str = "requests leave from a random port of the address that the system chooses";

/// The directives, with the result and the reason.
const SIMPLE: [(&str, Verdict, &str); 71] = [
    (
        "acquisitionport",
        Dropped,
        "each request leaves from another random port",
    ),
    ("bindacqaddress", Dropped, OUTGOING),
    ("bindacqdevice", Dropped, OUTGOING),
    ("dscp", Dropped, "packets are not marked"),
    ("dumpdir", Approximated, STORAGE),
    ("dumponexit", Approximated, STORAGE),
    ("maxsamples", Approximated, ESTIMATOR),
    ("minsamples", Approximated, ESTIMATOR),
    (
        "refresh",
        Approximated,
        "names are looked up once a day, and after failures",
    ),
    ("manual", Dropped, "the time cannot be typed in"),
    ("refclock", Dropped, REFERENCE_CLOCK),
    ("ntsdumpdir", Approximated, STORAGE),
    (
        "ntsrefresh",
        Approximated,
        "keys are fetched again when they are needed",
    ),
    (
        "nocerttimecheck",
        Approximated,
        "the dates of certificates are judged as CONFIGURATION.md says under `first-time-from`",
    ),
    ("combinelimit", Approximated, SELECTION),
    ("maxjitter", Approximated, SELECTION),
    ("reselectdist", Approximated, SELECTION),
    ("stratumweight", Approximated, SELECTION),
    ("maxstratum", Approximated, SELECTION),
    ("minstratum", Approximated, SELECTION),
    (
        "clockprecision",
        Approximated,
        "the precision of the clock is measured",
    ),
    ("corrtimeratio", Approximated, ESTIMATOR),
    (
        "driftfile",
        Approximated,
        "the frequency is learned again, and kept in the directory of [storage]",
    ),
    ("fallbackdrift", Approximated, ESTIMATOR),
    ("maxclockerror", Approximated, ESTIMATOR),
    ("maxdrift", Approximated, ESTIMATOR),
    ("maxupdateskew", Approximated, ESTIMATOR),
    (
        "maxslewrate",
        Approximated,
        "the rate of a correction is not configured",
    ),
    (
        "tempcomp",
        Dropped,
        "there is no compensation by a temperature",
    ),
    ("smoothtime", Dropped, NO_SYNTHETIC),
    (
        "broadcast",
        Dropped,
        "there are no broadcast servers; clients must ask",
    ),
    (
        "noclientlog",
        Approximated,
        "clients are only remembered for a rate limit",
    ),
    (
        "ntpsigndsocket",
        Dropped,
        "replies are not signed for Active Directory (MS-SNTP)",
    ),
    (
        "ntsratelimit",
        Approximated,
        "connections are limited by `concurrent-connections` and `connections-per-client`",
    ),
    ("cmdratelimit", Approximated, COMMANDS),
    ("bindcmdaddress", Approximated, COMMANDS),
    ("bindcmddevice", Approximated, COMMANDS),
    ("cmdport", Approximated, COMMANDS),
    ("cmddeny", Kept, ""),
    ("cmdallow", Dropped, REMOTE),
    ("opencommands", Dropped, REMOTE),
    ("rtcsync", Kept, ""),
    ("rtcfile", Dropped, CLOCK_OF_MACHINE),
    ("rtcdevice", Dropped, CLOCK_OF_MACHINE),
    ("rtcautotrim", Dropped, CLOCK_OF_MACHINE),
    ("rtconutc", Approximated, CLOCK_OF_MACHINE),
    ("hwclockfile", Approximated, CLOCK_OF_MACHINE),
    ("hwtimestamp", Dropped, HARDWARE_TIMESTAMPS),
    ("hwtstimeout", Dropped, HARDWARE_TIMESTAMPS),
    ("maxtxbuffers", Dropped, HARDWARE_TIMESTAMPS),
    ("ptpport", Dropped, "there is no NTP over PTP"),
    ("ptpdomain", Dropped, "there is no NTP over PTP"),
    ("log", Dropped, LOG_FILES),
    ("logdir", Approximated, LOG),
    ("logbanner", Approximated, LOG),
    ("logchange", Approximated, "the log names each step"),
    (
        "mailonchange",
        Dropped,
        "no mail is sent; the metrics exporter is for alerts",
    ),
    ("user", Approximated, SERVICE),
    ("pidfile", Approximated, SERVICE),
    ("lock_all", Approximated, SERVICE),
    ("sched_priority", Approximated, SERVICE),
    // Of old versions, without effect in new ones.
    ("commandkey", Approximated, COMMANDS),
    ("generatecommandkey", Approximated, COMMANDS),
    (
        "linux_freq_scale",
        Approximated,
        "it has no effect in chrony either",
    ),
    (
        "linux_hz",
        Approximated,
        "it has no effect in chrony either",
    ),
    // Read in other modules.
    ("server", Kept, ""),
    ("pool", Kept, ""),
    ("peer", Kept, ""),
    ("include", Kept, ""),
    ("confdir", Kept, ""),
    ("sourcedir", Kept, ""),
];

/// Directives of the other modules, by which its files are recognized.
const OTHERS: [&str; 29] = [
    "allow",
    "deny",
    "bindaddress",
    "binddevice",
    "port",
    "ratelimit",
    "clientloglimit",
    "local",
    "ntsservercert",
    "ntsserverkey",
    "ntsport",
    "ntsntpserver",
    "maxntsconnections",
    "ntsprocesses",
    "ntsrotate",
    "makestep",
    "maxchange",
    "maxdistance",
    "minsources",
    "authselectmode",
    "leapsectz",
    "leapseclist",
    "leapsecmode",
    "ntstrustedcerts",
    "nosystemcert",
    "ntsaeads",
    "initstepslew",
    "keyfile",
    "dscp",
];

/// Notes the result of a directive; false if it is not one of these.
pub(super) fn note(directive: &Directive, plan: &mut Plan, id: LineId) -> bool {
    let keyword = directive.keyword();
    let Some((_, verdict, note)) = SIMPLE.iter().find(|(name, _, _)| *name == keyword) else {
        return false;
    };
    match verdict {
        Kept => {}
        Approximated => plan.ledger.approximate(id, note),
        Dropped => plan.ledger.lose(id, note),
    }
    true
}

/// True for a directive of chrony.
pub(crate) fn is_known(keyword: &str) -> bool {
    OTHERS.contains(&keyword) || SIMPLE.iter().any(|(name, _, _)| *name == keyword)
}
