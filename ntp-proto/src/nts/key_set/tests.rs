use super::*;
use crate::nts::{AeadAlgorithm, AeadKey, cookie_length};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(3)
}

fn pair(algorithm: AeadAlgorithm, rng: &mut ChaCha8Rng) -> KeyPair {
    KeyPair {
        c2s: AeadKey::random(algorithm, rng),
        s2c: AeadKey::random(algorithm, rng),
    }
}

fn same(left: &KeyPair, right: &KeyPair) -> bool {
    left.algorithm() == right.algorithm()
        && left.c2s.secret() == right.c2s.secret()
        && left.s2c.secret() == right.s2c.secret()
}

#[test]
fn a_cookie_gives_back_the_keys_of_every_algorithm_at_its_stated_length() {
    let mut rng = rng();
    let set = KeySet::new(7, 0, &mut rng);
    for (algorithm, length) in [
        (AeadAlgorithm::SivCmac256, 100),
        (AeadAlgorithm::SivCmac384, 132),
        (AeadAlgorithm::SivCmac512, 164),
        (AeadAlgorithm::Aes128GcmSiv, 68),
    ] {
        let keys = pair(algorithm, &mut rng);
        let cookie = set.seal_cookie(&keys, &mut rng);
        assert_eq!(cookie.len(), length);
        assert_eq!(cookie_length(algorithm), length);
        assert!(same(&set.open_cookie(&cookie).unwrap(), &keys));
    }
}

#[test]
fn two_cookies_of_the_same_keys_have_nothing_but_the_key_id_in_common() {
    let mut rng = rng();
    let set = KeySet::new(7, 0, &mut rng);
    let keys = pair(AeadAlgorithm::SivCmac256, &mut rng);
    let cookies = [
        set.seal_cookie(&keys, &mut rng),
        set.seal_cookie(&keys, &mut rng),
    ];
    let [a, b] = cookies.each_ref().map(Vec::as_slice);
    assert_eq!(a[..4], b[..4]);
    assert!(a[4..].chunks(4).zip(b[4..].chunks(4)).all(|(a, b)| a != b));
}

#[test]
fn a_cookie_outlives_as_many_rotations_as_the_set_keeps_keys() {
    let mut rng = rng();
    let mut set = KeySet::new(3, 0, &mut rng);
    let cookie = set.seal_cookie(&pair(AeadAlgorithm::SivCmac256, &mut rng), &mut rng);
    for now in 1..=3 {
        set.rotate(now, &mut rng);
        assert!(set.open_cookie(&cookie).is_ok(), "after {now} rotations");
    }
    set.rotate(4, &mut rng);
    assert_eq!(
        set.open_cookie(&cookie).unwrap_err(),
        CookieError::NoSuchKey
    );
    assert_eq!(set.rotated_at(), 4);
    assert_eq!(set.ids().count(), 5);
}

#[test]
fn the_next_key_is_known_before_it_is_used() {
    let mut rng = rng();
    let behind = KeySet::new(7, 0, &mut rng);
    let mut ahead = behind.clone();
    ahead.rotate(1, &mut rng);
    assert_eq!(behind.ids().next(), Some(ahead.current_id()));
    let cookie = ahead.seal_cookie(&pair(AeadAlgorithm::SivCmac256, &mut rng), &mut rng);
    assert!(behind.open_cookie(&cookie).is_ok());
}

#[test]
fn ids_stay_with_their_keys() {
    let mut rng = rng();
    let mut set = KeySet::new(2, 0, &mut rng);
    let before: Vec<_> = set.ids().collect();
    set.rotate(1, &mut rng);
    assert_eq!(set.ids().skip(1).collect::<Vec<_>>(), before);
}

#[test]
fn a_cookie_altered_anywhere_is_refused() {
    let mut rng = rng();
    let set = KeySet::new(7, 0, &mut rng);
    let cookie = set.seal_cookie(&pair(AeadAlgorithm::SivCmac256, &mut rng), &mut rng);
    for place in 0..cookie.len() {
        let mut bad = cookie.clone();
        bad[place] ^= 1;
        let expected = if place < 4 {
            CookieError::NoSuchKey
        } else {
            CookieError::Forged
        };
        assert_eq!(
            set.open_cookie(&bad).unwrap_err(),
            expected,
            "octet {place}"
        );
    }
}

#[test]
fn a_stored_set_comes_back_with_its_keys_and_its_time() {
    let mut rng = rng();
    let mut set = KeySet::new(7, 1, &mut rng);
    for now in 2..20 {
        let cookie = set.seal_cookie(&pair(AeadAlgorithm::Aes128GcmSiv, &mut rng), &mut rng);
        let restored = KeySet::from_octets(&set.to_octets()).unwrap();
        assert!(restored.open_cookie(&cookie).is_ok());
        assert_eq!(restored.rotated_at(), set.rotated_at());
        assert!(restored.ids().eq(set.ids()));
        assert_eq!(restored.to_octets(), set.to_octets());
        set.rotate(now, &mut rng);
    }
}

#[test]
fn a_damaged_set_is_refused() {
    let good = KeySet::new(7, 1, &mut rng()).to_octets();
    for place in 0..good.len() {
        let mut bad = good.to_vec();
        bad[place] ^= 4;
        assert!(KeySet::from_octets(&bad).is_err(), "octet {place}");
        assert!(
            KeySet::from_octets(&good[..place]).is_err(),
            "cut at {place}"
        );
    }
    assert_eq!(
        KeySet::from_octets(&[&good[..], &[0]].concat()).unwrap_err(),
        KeySetError::Damaged
    );
    assert_eq!(
        KeySet::from_octets(b"text").unwrap_err(),
        KeySetError::NotAKeySet
    );
    let mut newer = good.to_vec();
    newer[4] = 3;
    assert_eq!(
        KeySet::from_octets(&newer).unwrap_err(),
        KeySetError::UnknownVersion(3)
    );
}

#[test]
fn a_printed_set_tells_no_secret() {
    let mut rng = rng();
    let set = KeySet {
        keys: Vec::new(),
        old_keys: 7,
        rotated_at: 0,
    };
    let master = MasterKey::new(1, &[0x5A; 32]).unwrap();
    let set = KeySet {
        keys: vec![master],
        ..set
    };
    assert!(!format!("{set:?}").contains("90"));
    assert!(!format!("{:?}", pair(AeadAlgorithm::SivCmac256, &mut rng)).contains('['));
}

proptest! {
    #[test]
    fn opening_and_restoring_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let set = KeySet::new(7, 0, &mut rng());
        prop_assert!(set.open_cookie(&octets).is_err());
        prop_assert!(KeySet::from_octets(&octets).is_err());
        let named = [&b"TCKS\x02"[..], &octets].concat();
        prop_assert!(KeySet::from_octets(&named).is_err());
    }

    #[test]
    fn octets_that_name_our_key_are_still_no_cookie(octets in proptest::collection::vec(any::<u8>(), 96)) {
        let set = KeySet::new(7, 0, &mut rng());
        let cookie = [&set.current_id().to_be_bytes()[..], &octets].concat();
        prop_assert_eq!(set.open_cookie(&cookie).unwrap_err(), CookieError::Forged);
    }
}
