//! Claims about selection: the sources that are believed, and the standing of all others.

use super::*;
use crate::clock::filter::ClockFilter;
use crate::clock::measurement::tests::measurement;

fn candidate(id: u32, offset: f64) -> Candidate {
    let mut filter = ClockFilter::default();
    let sample = measurement(0.0, offset, 0.010);
    let _ = filter.push(sample, Frequency::ZERO);
    let filtered = filter.filtered(sample.at, Frequency::ZERO).unwrap();
    Candidate {
        id: AssociationId::new(id),
        filtered,
        offset: Seconds::new(offset),
        poll: PollInterval::clamped(4),
        reference_id: ReferenceId::INIT,
        authenticated: false,
        doubt: None,
    }
}

fn sealed(id: u32, offset: f64) -> Candidate {
    Candidate {
        authenticated: true,
        ..candidate(id, offset)
    }
}

fn decide_now(candidates: &[Candidate], pending: usize, minimum_agreeing: usize) -> Selection {
    let awaited = Awaited {
        sources: pending,
        ..Awaited::default()
    };
    decide_by(
        candidates,
        &Requirements {
            minimum_agreeing,
            ..requirements(Authentication::Prefer, awaited)
        },
    )
}

fn requirements(authentication: Authentication, awaited: Awaited) -> Requirements {
    let maximum_distance = Seconds::new(1.5);
    Requirements {
        minimum_agreeing: 1,
        maximum_distance,
        authentication,
        awaited,
        rate: None,
    }
}

fn decide_by(candidates: &[Candidate], requirements: &Requirements) -> Selection {
    decide(candidates, measurement(0.0, 0.0, 0.0).at, requirements)
}

fn decide_with(policy: Authentication, candidates: &[Candidate]) -> Selection {
    decide_by(candidates, &requirements(policy, Awaited::default()))
}

#[test]
fn the_liar_is_named_and_the_others_are_used() {
    let selection = decide_now(
        &[candidate(1, 0.0), candidate(2, 0.3), candidate(3, 0.0001)],
        0,
        1,
    );

    assert!(matches!(
        selection.standing(AssociationId::new(2)),
        Some(Standing::Falseticker { truechimers: 2, .. })
    ));
    assert!(matches!(
        selection.outcome,
        Outcome::Agreed {
            usable: 3,
            agreeing: 2,
            ..
        }
    ));
    assert!(selection.combined.unwrap().offset.abs() < Seconds::new(0.001));
}

#[test]
fn a_liar_that_answers_first_is_not_believed_while_others_are_pending() {
    let selection = decide_now(&[candidate(1, 0.3)], 3, 1);
    assert_eq!(
        selection.outcome,
        Outcome::Waiting {
            usable: 1,
            pending: 3
        }
    );
    assert_eq!(
        selection.standing(AssociationId::new(1)),
        Some(Standing::WaitingForQuorum)
    );
}

#[test]
fn fewer_than_asked_for_are_refused_with_the_numbers() {
    let selection = decide_now(&[candidate(1, 0.0)], 0, 3);
    assert_eq!(
        selection.outcome,
        Outcome::NoMajority {
            usable: 1,
            agreeing: 1,
            needed: 3
        }
    );
}

#[test]
fn a_source_too_far_away_has_no_vote() {
    let mut far = candidate(1, 0.0);
    far.filtered.best.root.dispersion = Seconds::new(5.0);
    let selection = decide_now(&[far, candidate(2, 0.1)], 0, 1);
    assert!(matches!(
        selection.standing(AssociationId::new(1)),
        Some(Standing::TooDistant { .. })
    ));
    assert!(matches!(
        selection.outcome,
        Outcome::Agreed {
            usable: 1,
            agreeing: 1,
            ..
        }
    ));
}

#[test]
fn plain_sources_cannot_outvote_an_authenticated_one_unless_all_vote_alike() {
    let plain = [candidate(1, 40.0), candidate(2, 40.0), candidate(3, 40.0)];
    let all = [&plain[..], &[sealed(4, 0.0)]].concat();
    for policy in [Authentication::Require, Authentication::Prefer] {
        let selection = decide_with(policy, &all);
        let agreed = matches!(
            selection.outcome,
            Outcome::Agreed {
                agreeing: 1,
                authenticated: 1,
                ..
            }
        );
        assert!(agreed, "{policy:?}: {:?}", selection.outcome);
        assert_eq!(
            selection.standing(AssociationId::new(4)),
            Some(Standing::SystemPeer)
        );
        assert!(selection.combined.unwrap().offset.abs() < Seconds::new(0.001));
    }
    let contradicts = |standing| {
        matches!(
            standing,
            Some(Standing::ContradictsAuthenticated {
                authenticated: 1,
                ..
            })
        )
    };
    assert!(contradicts(
        decide_with(Authentication::Prefer, &all).standing(AssociationId::new(1))
    ));
    let required = decide_with(Authentication::Require, &all);
    assert_eq!(
        required.standing(AssociationId::new(1)),
        Some(Standing::NotAuthenticated)
    );
    let mixed = decide_with(Authentication::Mix, &all);
    assert!(matches!(
        mixed.standing(AssociationId::new(4)),
        Some(Standing::Falseticker { truechimers: 3, .. })
    ));
}

#[test]
fn plain_sources_that_agree_count_in_the_mean_and_an_authenticated_one_leads() {
    let mut near = [candidate(1, 0.0004), candidate(2, 0.0006)];
    for plain in &mut near {
        plain.filtered.best.root.stratum = crate::packet::Stratum::PRIMARY;
    }
    let mut one = sealed(3, 0.0);
    one.filtered.best.root.stratum = crate::packet::Stratum::from_bits(5);
    let selection = decide_with(Authentication::Prefer, &[near[0], near[1], one]);
    assert_eq!(
        selection.standing(AssociationId::new(3)),
        Some(Standing::SystemPeer)
    );
    assert_eq!(
        selection.standing(AssociationId::new(1)),
        Some(Standing::Combined)
    );
    assert!(selection.combined.unwrap().offset > Seconds::new(0.0002));
}

#[test]
fn authenticated_sources_that_contradict_one_another_are_not_overruled_by_plain_ones() {
    let all = [
        sealed(1, 0.0),
        sealed(2, 40.0),
        candidate(3, 40.0),
        candidate(4, 40.0),
        candidate(5, 40.0),
    ];
    let outcome = decide_with(Authentication::Prefer, &all).outcome;
    assert_eq!(
        outcome,
        Outcome::NoMajority {
            usable: 5,
            agreeing: 1,
            needed: 2
        }
    );
}

#[test]
fn plain_sources_wait_for_an_authenticated_one_that_may_still_answer() {
    let plain = [candidate(1, 0.0), candidate(2, 0.0)];
    let at_the_start = Awaited {
        sources: 1,
        authenticated: 1,
        silent: false,
    };
    let later = Awaited {
        silent: true,
        ..Awaited::default()
    };
    for awaited in [at_the_start, later] {
        let selection = decide_by(&plain, &requirements(Authentication::Prefer, awaited));
        assert_eq!(
            selection.outcome,
            Outcome::AwaitingAuthenticated { plain: 2 }
        );
        assert_eq!(
            selection.standing(AssociationId::new(1)),
            Some(Standing::WaitingForAuthenticated)
        );
    }
    let alone = decide_with(Authentication::Prefer, &plain).outcome;
    assert!(matches!(
        alone,
        Outcome::Agreed {
            agreeing: 2,
            authenticated: 0,
            ..
        }
    ));
}

#[test]
fn plain_sources_wait_for_nothing_where_nts_is_required() {
    let plain = [candidate(1, 0.0), candidate(2, 0.0)];
    let at_the_start = Awaited {
        sources: 1,
        authenticated: 1,
        silent: false,
    };
    let later = Awaited {
        silent: true,
        ..Awaited::default()
    };
    for awaited in [Awaited::default(), at_the_start, later] {
        let selection = decide_by(&plain, &requirements(Authentication::Require, awaited));
        assert_eq!(
            selection.outcome,
            Outcome::NoneAuthenticated { plain: 2 },
            "{awaited:?}"
        );
        assert_eq!(
            selection.standing(AssociationId::new(1)),
            Some(Standing::NotAuthenticated)
        );
    }
}

#[test]
fn a_source_in_doubt_needs_one_more_that_agrees() {
    let claimed = crate::time::NtpTimestamp::from_unix(1_800_000_000, 0);
    let doubts = [
        Doubt::CertificateUnproven,
        Doubt::Implausible { claimed, until: 0 },
    ];
    for doubt in doubts {
        let doubted = Candidate {
            doubt: Some(doubt),
            ..candidate(1, 0.0)
        };
        let outcome = decide_now(&[doubted], 0, 1).outcome;
        assert_eq!(
            outcome,
            Outcome::Unwitnessed {
                source: AssociationId::new(1),
                doubt,
                usable: 1
            }
        );
        assert_eq!(
            decide_now(&[doubted], 1, 1).outcome,
            Outcome::Waiting {
                usable: 1,
                pending: 1
            }
        );
        for witness in [
            candidate(2, 0.001),
            Candidate {
                doubt: Some(doubt),
                ..candidate(2, 0.001)
            },
        ] {
            let outcome = decide_now(&[doubted, witness], 0, 1).outcome;
            assert!(
                matches!(outcome, Outcome::Agreed { agreeing: 2, .. }),
                "{outcome:?}"
            );
        }
    }
    // One with NTS does not suffice either if all others contradict it.
    let doubted = Candidate {
        doubt: Some(Doubt::CertificateUnproven),
        ..sealed(1, 0.0)
    };
    let outcome = decide_with(
        Authentication::Prefer,
        &[doubted, candidate(2, 9.0), candidate(3, 9.0)],
    )
    .outcome;
    assert!(
        matches!(outcome, Outcome::Unwitnessed { usable: 3, .. }),
        "{outcome:?}"
    );
}

#[test]
fn plain_sources_that_agree_make_up_the_number_that_is_asked_for() {
    let needed = |minimum_agreeing, all: &[Candidate]| {
        let by = requirements(Authentication::Prefer, Awaited::default());
        decide_by(
            all,
            &Requirements {
                minimum_agreeing,
                ..by
            },
        )
        .outcome
    };
    let all = [sealed(1, 0.0), candidate(2, 0.0), candidate(3, 9.0)];
    assert!(matches!(
        needed(2, &all),
        Outcome::Agreed { agreeing: 2, .. }
    ));
    assert_eq!(
        needed(3, &all),
        Outcome::NoMajority {
            usable: 3,
            agreeing: 2,
            needed: 3
        }
    );
}
