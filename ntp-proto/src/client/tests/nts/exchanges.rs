//! Exchanges with NTS: never a word without protection, and no cookie twice.

use super::*;

#[test]
fn a_source_with_nts_synchronizes_and_its_cookies_stay_eight_and_are_used_once() {
    let mut world = world(1);
    world.run(3000.0);
    assert!(world.synchronized());
    assert!(world.offset().abs() < 1e-4, "{}", world.offset());
    assert_eq!(cookies(&world), [8]);
    assert_eq!(
        (
            world.nts.establishments,
            world.nts.reused,
            world.nts.plain_requests
        ),
        (1, 0, 0)
    );
    assert!(world.nts.cookies.len() > 20);
}

#[test]
fn plain_or_forged_replies_are_never_believed_and_nothing_is_ever_asked_plainly() {
    for mood in [Mood::Plain, Mood::Forged] {
        let mut world = world(1);
        world.nts.mood = mood;
        world.run(2000.0);
        assert!(!world.synchronized());
        assert_eq!(
            (
                measured(&world),
                world.nts.plain_requests,
                world.steps().len()
            ),
            (0, 0, 0)
        );
        let member = world.client.members().next().unwrap();
        assert!(member.association().session().unwrap().unauthentic() > 0);
    }
}

#[test]
fn a_forged_nak_beside_the_true_reply_does_no_harm() {
    let mut world = world(1);
    world.nts.mood = Mood::NakFirst;
    world.run(3000.0);
    assert!(world.synchronized());
    assert_eq!((world.nts.establishments, cookies(&world)), (1, vec![8]));
}
