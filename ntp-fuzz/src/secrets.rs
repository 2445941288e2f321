//! Cookies, and the file of the keys that seal them.

use crate::session::{SESSION, rng};
use ntp_proto::nts::{Cookie, KeySet, MAX_OLD_KEYS, MAX_OWN_COOKIE, cookie_length};
use siphasher::sip::SipHasher24;
use std::hash::Hasher as _;

/// The length of the check sum that ends a key-set file, in octets.
const CHECK_LENGTH: usize = 8;

/// A cookie that a client presents. Only ours open, and their keys can be sealed again.
#[must_use]
pub fn cookie(data: &[u8]) -> bool {
    if let Some(cookie) = Cookie::new(data) {
        assert_eq!(cookie.octets(), data);
    }
    let Ok(pair) = SESSION.keys.open_cookie(data) else {
        return false;
    };
    assert!(data.len() <= MAX_OWN_COOKIE);
    assert_eq!(data.len(), cookie_length(pair.algorithm()));
    let sealed = SESSION.keys.seal_cookie(&pair, &mut rng(4));
    assert_eq!(sealed.len(), data.len());
    let again = SESSION.keys.open_cookie(&sealed).expect("it is ours");
    assert_eq!(again.algorithm(), pair.algorithm());
    true
}

/// The file with the keys that seal cookies. What is read can be written again, octet for octet.
///
/// The octets are tried with a correct check sum as well, so that the reader behind it is reached.
#[must_use]
pub fn key_set(data: &[u8]) -> bool {
    if let Some((content, _)) = data.split_last_chunk::<CHECK_LENGTH>() {
        let mut hasher = SipHasher24::new();
        hasher.write(content);
        key_set_is_stable(&[content, &hasher.finish().to_be_bytes()].concat());
    }
    key_set_is_stable(data)
}

fn key_set_is_stable(data: &[u8]) -> bool {
    let mut keys = match KeySet::from_octets(data) {
        Ok(keys) => keys,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    assert_eq!(*keys.to_octets(), data);
    assert_eq!(keys.ids().nth(1), Some(keys.current_id()));
    let cookie = keys.seal_cookie(&SESSION.pair, &mut rng(5));
    keys.rotate(keys.rotated_at(), &mut rng(6));
    assert!(keys.ids().count() <= 2 + usize::from(MAX_OLD_KEYS));
    // The former current key is the first of the past, unless none is kept.
    assert!(keys.ids().count() == 2 || keys.open_cookie(&cookie).is_ok());
    true
}
