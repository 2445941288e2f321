//! The whole document, and what the daemon says about itself and about its clock.

use serde::{Deserialize, Serialize};

use crate::{
    Date, FetchError, KeysetFacts, NtsKeServerFacts, SCHEMA, ServerFacts, SourceFacts, SystemFacts,
};

/// Everything the daemon shows at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The version of this document, see [`SCHEMA`].
    pub schema: u32,
    /// The process.
    pub daemon: DaemonFacts,
    /// The clock, and whether the daemon may steer it.
    pub clock: ClockFacts,
    /// The state of the system: whether the clock can be relied on, and why (not).
    pub system: SystemFacts,
    /// All sources, in the order of the configuration; the members of a pool stand together.
    #[serde(default)]
    pub sources: Vec<SourceFacts>,
    /// All addresses on which the daemon serves time; empty for a mere client.
    #[serde(default)]
    pub servers: Vec<ServerFacts>,
    /// All addresses at which the daemon hands out keys for authenticated time.
    #[serde(default)]
    pub nts_ke_servers: Vec<NtsKeServerFacts>,
    /// The keys that seal cookies; `null` where no requests with NTS are answered.
    #[serde(default)]
    pub keyset: Option<KeysetFacts>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            daemon: DaemonFacts::default(),
            clock: ClockFacts::default(),
            system: SystemFacts::default(),
            sources: Vec::new(),
            servers: Vec::new(),
            nts_ke_servers: Vec::new(),
            keyset: None,
        }
    }
}

/// The daemon's process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DaemonFacts {
    /// The release of the daemon (`0.1.0`).
    pub version: String,
    /// Its process id, in the daemon's own name space.
    pub pid: u32,
    /// When it started, as its clock then read.
    pub started: Date,
    /// How long it has been running, by the monotonic clock.
    pub uptime_s: f64,
    /// The configuration file in use; `null` when everything came from the command line.
    pub config_path: Option<String>,
}

/// The clock that the daemon looks after.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockFacts {
    /// The clock that is in fact used.
    pub mode: ClockMode,
    /// The clock that the configuration asked for.
    pub requested: ClockMode,
    /// Whether the clock named by `mode` is steered. `false` means that the daemon only measures.
    pub steering: bool,
    /// Why the machine's own clock is not steered; `null` when it is.
    pub obstacle: Option<SteeringObstacle>,
    /// What the clock named by `mode` reads now.
    pub now: Date,
    /// With a virtual clock: what it reads minus what the machine's clock reads.
    pub virtual_minus_system_s: Option<f64>,
    /// What the kernel says about its clock; `null` when it was not asked.
    pub kernel: Option<KernelFacts>,
}

/// Which clock the daemon looks after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockMode {
    /// The machine's clock.
    #[default]
    System,
    /// A clock kept inside the daemon; the machine's clock is left alone.
    Virtual,
    /// No clock at all: measuring only.
    None,
    /// The machine's clock, which is only measured where the daemon may not set it; only ever
    /// `requested`.
    Auto,
    /// A word of a newer daemon.
    #[serde(untagged)]
    Other(String),
}

impl ClockMode {
    /// The stable word of this mode, as it stands in the document.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::System => "system",
            Self::Virtual => "virtual",
            Self::None => "none",
            Self::Auto => "auto",
            Self::Other(word) => word,
        }
    }
}

/// Why the machine's clock is not steered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum SteeringObstacle {
    /// The configuration asks for exactly this (a virtual clock, or none).
    AsConfigured,
    /// The kernel does not let the daemon: no `CAP_SYS_TIME`, or a container or sandbox in between.
    NotPermitted {
        /// What the operating system answered.
        error: String,
    },
    /// This system offers no way to steer its clock.
    NotSupported {
        /// What is missing.
        error: String,
    },
    /// Steering was allowed, and then failed.
    Failed {
        /// What the operating system answered.
        error: String,
    },
    /// A reason of a newer daemon.
    #[serde(untagged)]
    Unknown {
        /// Its word.
        code: String,
    },
}

/// What the kernel says about the machine's clock (`adjtimex`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KernelFacts {
    /// Whether the kernel holds its clock for synchronized (`STA_UNSYNC` is off).
    pub synchronized: bool,
    /// The correction that the kernel applies to the clock's rate; positive makes the clock run
    /// faster.
    pub frequency_ratio: Option<f64>,
    /// The kernel's bound of the error (`maxerror`).
    pub max_error_s: Option<f64>,
    /// The kernel's estimate of the error (`esterror`).
    pub estimated_error_s: Option<f64>,
    /// TAI minus UTC; `null` when the kernel has not been told.
    pub tai_offset_s: Option<i32>,
}

/// The document as the daemon sends it: one line of JSON.
#[must_use]
pub fn write_document(document: &Document) -> Vec<u8> {
    let mut text = serde_json::to_vec(document)
        .expect("invariant: every key is a string and writing to memory cannot fail");
    text.push(b'\n');
    text
}

/// The document in `text`. The schema is looked at before anything else.
///
/// # Errors
/// [`FetchError::UnknownSchema`] for a schema other than [`SCHEMA`], [`FetchError::BadJson`] when
/// the text is not a document.
pub fn read_document(text: &[u8]) -> Result<Document, FetchError> {
    #[derive(Deserialize)]
    struct SchemaOnly {
        schema: u32,
    }

    let found: SchemaOnly = serde_json::from_slice(text)?;
    if found.schema != SCHEMA {
        return Err(FetchError::UnknownSchema {
            daemon: found.schema,
        });
    }
    Ok(serde_json::from_slice(text)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{NtsFacts, NtsKeErrorFacts, NtsKeState, SourceReason, SourceState, SystemReason};

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
    fn facts_of_nts_may_be_fewer_or_more_than_are_known() {
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
    fn what_fails_in_nts_is_told_by_stable_words() {
        let reason = SourceReason::NtsKeFailed {
            stage: "tcp".into(),
            word: "connection-refused".into(),
            message: "Connection refused".into(),
            retry_in_s: Some(16.0),
        };
        let error = NtsKeErrorFacts {
            stage: "tcp".into(),
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
            matches!(refusal, FetchError::UnknownSchema { daemon: 3 }),
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
        assert!(matches!(read_document(b"{}"), Err(FetchError::BadJson(_))));
        assert!(matches!(
            read_document(b"hello"),
            Err(FetchError::BadJson(_))
        ));
        assert!(matches!(read_document(b""), Err(FetchError::BadJson(_))));
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
