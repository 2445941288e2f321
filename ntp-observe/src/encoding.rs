//! Writing and reading a document.

use crate::{Document, SCHEMA};
use serde::Deserialize;

/// The text is not a document that this program reads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The daemon writes another version of the document.
    #[error(
        "this program reads schema {SCHEMA}, but the daemon speaks schema {daemon}: use the \
         program of the same release as the daemon"
    )]
    UnknownSchema {
        /// The daemon's version.
        daemon: u32,
    },
    /// The text is not the JSON of a document.
    #[error(
        "what the socket sent is not a state document ({0}): is this the observation socket of an \
         ntp-daemon (`observation-path`)?"
    )]
    BadJson(#[from] serde_json::Error),
}

/// The document as the daemon sends it: one line of JSON.
#[must_use]
pub fn write_document(document: &Document) -> Vec<u8> {
    let mut text = serde_json::to_vec(document)
        .expect("invariant: every key is a string and writing to memory cannot fail");
    text.push(b'\n');
    text
}

/// The document in `text`. The schema is checked first.
///
/// # Errors
/// [`DecodeError::UnknownSchema`] for a schema other than [`SCHEMA`], [`DecodeError::BadJson`] when
/// the text is not a document.
pub fn read_document(text: &[u8]) -> Result<Document, DecodeError> {
    #[derive(Deserialize)]
    struct SchemaOnly {
        schema: u32,
    }

    let found: SchemaOnly = serde_json::from_slice(text)?;
    if found.schema != SCHEMA {
        return Err(DecodeError::UnknownSchema {
            daemon: found.schema,
        });
    }
    Ok(serde_json::from_slice(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ClockMode, KeysetFacts, NtsFacts, NtsKeErrorFacts, NtsKeReason, NtsKeServerFacts,
        NtsKeStage, NtsKeState, ServerFacts, SourceFacts, SourceReason, SourceState,
        SteeringObstacle, SystemFacts, SystemReason,
    };
    use serde_json::{Value, json};

    fn as_json(document: &Document) -> Value {
        serde_json::from_slice(&write_document(document)).unwrap()
    }

    #[test]
    fn a_document_comes_back_as_it_was_written() {
        let document = Document {
            system: SystemFacts {
                reasons: vec![
                    SystemReason::TooFewAgreeing {
                        agreeing: 1,
                        needed: 3,
                    },
                    SystemReason::Starting,
                ],
                ..SystemFacts::default()
            },
            sources: vec![SourceFacts {
                offset_s: Some(-1.5e-9),
                ..SourceFacts::default()
            }],
            servers: vec![ServerFacts::default()],
            nts_ke_servers: vec![NtsKeServerFacts {
                granted: 3,
                ..NtsKeServerFacts::default()
            }],
            keyset: Some(KeysetFacts {
                current_key_id: "0badcafe".into(),
                ..KeysetFacts::default()
            }),
            ..Document::default()
        };

        assert_eq!(read_document(&write_document(&document)).unwrap(), document);
    }

    #[test]
    fn unknown_fields_and_words_of_a_newer_daemon_are_no_obstacle() {
        let mut text = as_json(&Document {
            sources: vec![SourceFacts::default()],
            ..Document::default()
        });
        text["color"] = json!("green");
        text["clock"]["mode"] = json!("atomic");
        text["clock"]["obstacle"] = json!({"code": "in-a-box", "depth": 3});
        text["system"]["reasons"] = json!([{"code": "full-moon", "phase": 1.0}]);
        text["sources"][0]["state"] = json!("sleeping");
        text["sources"][0]["reason"] = json!({"code": "tired"});

        let document = read_document(&serde_json::to_vec(&text).unwrap()).unwrap();

        assert_eq!(document.clock.mode, ClockMode::Other("atomic".into()));
        assert_eq!(
            document.clock.obstacle,
            Some(SteeringObstacle::Unknown {
                code: "in-a-box".into()
            })
        );
        assert_eq!(
            document.system.reasons,
            [SystemReason::Unknown {
                code: "full-moon".into()
            }]
        );
        assert_eq!(
            document.sources[0].state,
            SourceState::Other("sleeping".into())
        );
        assert_eq!(
            document.sources[0].reason,
            SourceReason::Unknown {
                code: "tired".into()
            }
        );
    }

    #[test]
    fn a_document_of_a_daemon_that_knows_nothing_of_nts_is_read() {
        let mut text = as_json(&Document {
            sources: vec![SourceFacts::default()],
            servers: vec![ServerFacts::default()],
            ..Document::default()
        });
        for key in ["nts_ke_servers", "keyset"] {
            text.as_object_mut().unwrap().remove(key).unwrap();
        }
        text["sources"][0]
            .as_object_mut()
            .unwrap()
            .remove("nts")
            .unwrap();
        for key in ["nts_answered", "nts_naks_sent", "nts_refused"] {
            text["servers"][0]
                .as_object_mut()
                .unwrap()
                .remove(key)
                .unwrap();
        }

        let document = read_document(&serde_json::to_vec(&text).unwrap()).unwrap();

        assert_eq!(document.sources, [SourceFacts::default()]);
        assert_eq!(document.servers, [ServerFacts::default()]);
        assert_eq!((document.nts_ke_servers, document.keyset), (vec![], None));
    }

    #[test]
    fn facts_about_nts_may_be_fewer_or_more_than_are_known() {
        let mut text = as_json(&Document {
            sources: vec![SourceFacts::default()],
            ..Document::default()
        });
        text["sources"][0]["nts"] =
            json!({"ke_state": "negotiating", "cookies": 8, "flavour": "oatmeal"});
        text["keyset"] = json!({"current_key_id": "00000001"});
        text["nts_ke_servers"] = json!([{"listen_address": "[::]:4460"}]);

        let document = read_document(&serde_json::to_vec(&text).unwrap()).unwrap();

        let nts = document.sources[0].nts.clone().unwrap();
        assert_eq!(
            (nts.ke_state.word(), nts.cookies, nts.aead),
            ("negotiating", 8, None)
        );
        assert_eq!(document.keyset.unwrap().key_count, 0);
        assert_eq!(document.nts_ke_servers[0].certificate, None);
    }

    #[test]
    fn failures_of_nts_have_stable_words() {
        let reason = SourceReason::NtsKeFailed {
            stage: NtsKeStage::Tcp,
            reason: NtsKeReason::ConnectionRefused,
            message: "Connection refused".into(),
            retry_in_s: Some(16.0),
        };
        let error = NtsKeErrorFacts {
            stage: NtsKeStage::Tcp,
            ..NtsKeErrorFacts::default()
        };
        let nts = NtsFacts {
            ke_state: NtsKeState::Failed,
            last_ke_error: Some(error),
            ..NtsFacts::default()
        };
        let source = SourceFacts {
            reason,
            nts: Some(nts),
            ..SourceFacts::default()
        };

        let text = as_json(&Document {
            sources: vec![source],
            ..Document::default()
        });

        let source = &text["sources"][0];
        assert_eq!(source["reason"]["code"], "nts-ke-failed");
        assert_eq!(source["reason"]["word"], "connection-refused");
        assert_eq!(source["nts"]["ke_state"], "failed");
        assert_eq!(source["nts"]["last_ke_error"]["stage"], "tcp");
    }

    #[test]
    fn another_schema_is_refused_before_the_rest_is_looked_at() {
        let refusal = read_document(br#"{"schema": 3, "system": "quite different"}"#).unwrap_err();

        assert!(
            matches!(refusal, DecodeError::UnknownSchema { daemon: 3 }),
            "{refusal:?}"
        );
        assert_eq!(
            refusal.to_string(),
            "this program reads schema 2, but the daemon speaks schema 3: use the program of the \
             same release as the daemon"
        );
    }

    #[test]
    fn a_document_without_a_schema_is_refused() {
        assert!(matches!(read_document(b"{}"), Err(DecodeError::BadJson(_))));
        assert!(matches!(
            read_document(b"hello"),
            Err(DecodeError::BadJson(_))
        ));
        assert!(matches!(read_document(b""), Err(DecodeError::BadJson(_))));
    }

    #[test]
    fn numbers_that_are_not_known_are_null() {
        let text = as_json(&Document {
            sources: vec![SourceFacts::default()],
            ..Document::default()
        });

        assert_eq!(text["sources"][0]["offset_s"], Value::Null);
        assert_eq!(text["system"]["error_bound_s"], Value::Null);
        assert!(
            text["system"]
                .as_object()
                .unwrap()
                .contains_key("error_bound_s")
        );
    }

    #[test]
    fn codes_and_states_are_kebab_case_words() {
        let document = Document {
            system: SystemFacts {
                reasons: vec![SystemReason::PanicThreshold {
                    offset_s: 4000.0,
                    limit_s: 1000.0,
                }],
                ..SystemFacts::default()
            },
            sources: vec![SourceFacts {
                state: SourceState::Falseticker,
                reason: SourceReason::IntervalDisagrees {
                    offset_s: 0.1,
                    by_s: 0.09,
                    majority: 3,
                },
                ..SourceFacts::default()
            }],
            ..Document::default()
        };

        let text = as_json(&document);

        assert_eq!(
            text["system"]["reasons"],
            json!([{"code": "panic-threshold", "offset_s": 4000.0, "limit_s": 1000.0}])
        );
        assert_eq!(text["sources"][0]["state"], json!("falseticker"));
        assert_eq!(
            text["sources"][0]["reason"],
            json!({"code": "interval-disagrees", "offset_s": 0.1, "by_s": 0.09, "majority": 3})
        );
    }
}
