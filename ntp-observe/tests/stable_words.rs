//! The words of the document never change: other programs compare them.

use ntp_observe::{SourceReason, SystemReason};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const SOURCE_REASONS: &str = "system-peer used-in-the-mean cluster-outlier interval-disagrees \
                              contradicts-authenticated not-authenticated \
                              waiting-for-authenticated implausible-time same-server \
                              waiting-for-majority waiting-for-quorum too-few-samples no-reply-yet \
                              no-reply port-unreachable unreachable replies-discarded \
                              server-unsynchronized stratum-too-high distance-too-large \
                              synchronization-loop kiss-deny kiss-rstr rate-limited resolving \
                              name-not-resolved no-addresses-left send-failed nts-establishing \
                              nts-ke-silent nts-ke-failed nts-keys-refused nts-out-of-cookies \
                              nts-unauthenticated-reply nts-certificate-time";

const SYSTEM_REASONS: &str = "starting no-sources-configured waiting-for-first-replies \
                              waiting-for-quorum waiting-for-samples no-source-usable no-majority \
                              too-few-agreeing waiting-for-authenticated no-authenticated-source \
                              certificate-unproven implausible-time unauthenticated \
                              key-establishment-silent clock-not-steerable measuring-only \
                              panic-threshold accumulated-steps-exceeded large-offset-watched \
                              clock-disturbed rate-beyond-limit clock-set-error few-sources \
                              distance-too-large last-update-too-old clock-moved-by-other \
                              clock-steered-by-other local-clock";

/// Objects with this word and every field that any reason has. Some fields have different types in
/// different reasons.
fn objects(word: &str) -> [Value; 2] {
    let common = json!({
        "code": word, "offset_s": 1.0, "by_s": 1.0, "limit_s": 1.0, "distance_s": 1.0,
        "age_s": 1.0, "sum_s": 1.0, "left_s": 1.0, "suspended_s": 1.0, "waited_s": 1.0,
        "poll_s": 1.0, "frequency_ratio": 1.0, "limit_ratio": 1.0, "set_ratio": 1.0,
        "found_ratio": 1.0, "majority": 1, "authenticated": 1, "agreeing": 1, "needed": 1,
        "have": 1, "need": 1, "sent": 1, "unanswered": 1, "stratum": 1, "asked": 1,
        "answered": 1, "pending": 1, "known": 1, "usable": 1, "plain": 1, "with_nts": 1,
        "count": 1, "error": "text", "last": "text", "stage": "tcp", "word": "timed-out",
        "message": "text", "ke_server": "text", "claimed": "2050-01-01T00:00:00Z",
    });
    let with = |limit: Value, source: Value, cause: Value| {
        let mut object = common.clone();
        (object["limit"], object["source"], object["cause"]) = (limit, source, cause);
        object
    };
    let date = json!("2049-01-01T00:00:00Z");
    let obstacle = json!({ "code": "as-configured" });
    [
        with(json!(15), json!(1), obstacle),
        with(date, json!("name"), json!("no-route")),
    ]
}

/// Reads a reason with this word, which must be one that this program knows.
fn known<T: DeserializeOwned + std::fmt::Debug>(word: &str) -> T {
    let read = objects(word).map(|object| serde_json::from_value::<T>(object).unwrap());
    let is_known = |reason: &T| !format!("{reason:?}").starts_with("Unknown");
    read.into_iter()
        .find(is_known)
        .unwrap_or_else(|| panic!("`{word}` is not known"))
}

#[test]
fn reasons_have_the_same_word_in_rust_and_in_json_and_it_never_changes() {
    for word in SOURCE_REASONS.split(' ') {
        assert_eq!(known::<SourceReason>(word).word(), word);
    }
    for word in SYSTEM_REASONS.split(' ') {
        let reason = match word {
            // Its source is a number beside a date.
            "implausible-time" => {
                let [mut object, _] = objects(word);
                object["limit"] = json!("2049-01-01T00:00:00Z");
                serde_json::from_value(object).unwrap()
            }
            word => known::<SystemReason>(word),
        };
        assert_eq!(reason.word(), word);
    }
}
