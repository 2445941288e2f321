//! Sealing with AES-SIV-CMAC (RFC 5297): one plaintext under one nonce, or under several at once, as the cookies of a reply
//! are.
//!
//! Only the mode is ours. The library encrypts the blocks, and its own SIV, which is as slow for our short texts as it is
//! general, opens what comes in; the tests want the same octets from both. Two things depend on the time that sealing takes:
//! a reply is sealed after it has its transmit timestamp, and whoever asks for eight cookies must not keep us eight times as
//! busy. Each step of a CMAC waits for the one before, which leaves a processor idle that could encrypt several blocks in
//! the same time: so several nonces go in step.

use super::MAX_COOKIES;
use super::aead::TAG_LENGTH;
use aes::Block;
use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit};
use zeroize::Zeroize as _;

/// The length of a block in octets.
const BLOCK: usize = 16;

/// How many blocks of counter mode are made at once.
const STREAM_BLOCKS: usize = 8;

/// Seals `plaintext` into `sealed`, the tag first. `components` are the associated data and, last, the nonce. `None` means
/// that a length cannot be.
pub(super) fn seal<C: Aes>(key: &[u8], components: &[&[u8]], plaintext: &[u8], sealed: &mut [u8]) -> Option<()> {
    let (mac, stream) = keys::<C>(key)?;
    let zero = mac.code(&[0; BLOCK]);
    let state = components.iter().fold(zero, |state, component| doubled(state) ^ mac.code(component));
    finish(&mac, &stream, plaintext, &mut [state], std::iter::once(sealed))
}

/// Seals `plaintext` once under each nonce, into the place that belongs to it. There are [`MAX_COOKIES`] at most.
pub(super) fn seal_each<'a, C: Aes>(
    key: &[u8],
    associated: &[u8],
    plaintext: &[u8],
    nonces: &[[u8; BLOCK]],
    places: impl Iterator<Item = &'a mut [u8]>,
) -> Option<()> {
    let (mac, stream) = keys::<C>(key)?;
    let common = doubled(doubled(mac.code(&[0; BLOCK])) ^ mac.code(associated));
    let mut states = [0; MAX_COOKIES];
    let states = states.get_mut(..nonces.len())?;
    states.iter_mut().zip(nonces).for_each(|(state, nonce)| *state = u128::from_be_bytes(*nonce) ^ mac.whole);
    mac.step(states);
    states.iter_mut().for_each(|state| *state ^= common);
    finish(&mac, &stream, plaintext, states, places)
}

/// AES with a key of some length.
pub(super) trait Aes: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit {}

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit> Aes for C {}

/// The first half of a key makes codes, the second one encrypts (RFC 5297 §2.6).
fn keys<C: Aes>(key: &[u8]) -> Option<(Mac<C>, C)> {
    let (mac, stream) = key.split_at_checked(key.len() / 2)?;
    Some((Mac::new(C::new_from_slice(mac).ok()?), C::new_from_slice(stream).ok()?))
}

/// From the states of S2V before the plaintext to tags and ciphertexts.
fn finish<'a, C: Aes>(
    mac: &Mac<C>,
    stream: &C,
    plaintext: &[u8],
    states: &mut [u128],
    places: impl Iterator<Item = &'a mut [u8]>,
) -> Option<()> {
    mac.message(plaintext, states);
    let mut room = [Block::default(); STREAM_BLOCKS];
    for (place, tag) in places.zip(&*states) {
        let (tag_place, text) = place.split_first_chunk_mut::<TAG_LENGTH>()?;
        if text.len() != plaintext.len() {
            return None;
        }
        *tag_place = tag.to_be_bytes();
        encrypt(stream, &mut room, *tag, plaintext, text);
    }
    room.iter_mut().for_each(|block| block.as_mut_slice().zeroize());
    Some(())
}

/// Counter mode from a tag on (RFC 5297 §2.5).
fn encrypt<C: Aes>(cipher: &C, room: &mut [Block; STREAM_BLOCKS], tag: u128, plaintext: &[u8], text: &mut [u8]) {
    /// Two bits of a tag are not used, so that counters need not carry far.
    const MASK: u128 = !(1 << 63 | 1 << 31);
    let mut counter = tag & MASK;
    for (from, to) in plaintext.chunks(STREAM_BLOCKS * BLOCK).zip(text.chunks_mut(STREAM_BLOCKS * BLOCK)) {
        let (stream, _) = room.split_at_mut(from.len().div_ceil(BLOCK));
        for place in &mut *stream {
            *place = block(counter);
            counter = counter.wrapping_add(1);
        }
        cipher.encrypt_blocks(stream);
        let ((from, from_rest), (to, to_rest)) = (from.as_chunks(), to.as_chunks_mut());
        for ((to, from), key) in to.iter_mut().zip(from).zip(&*stream) {
            *to = (u128::from_be_bytes(*from) ^ number(key)).to_be_bytes();
        }
        let key = stream.last().into_iter().flatten();
        to_rest.iter_mut().zip(from_rest).zip(key).for_each(|((to, from), key)| *to = from ^ key);
    }
}

/// CMAC (RFC 4493) and S2V (RFC 5297 §2.4), with blocks as numbers.
struct Mac<C> {
    cipher: C,
    /// What is added to a last block that is whole.
    whole: u128,
    /// What is added to a last block that is filled up.
    filled: u128,
}

impl<C: Aes> Mac<C> {
    fn new(cipher: C) -> Self {
        let mut zero = Block::default();
        cipher.encrypt_block(&mut zero);
        let whole = doubled(number(&zero));
        Self { cipher, whole, filled: doubled(whole) }
    }

    /// The CMAC of some octets.
    fn code(&self, octets: &[u8]) -> u128 {
        let (before, last) = octets.split_at(octets.len().saturating_sub(1) / BLOCK * BLOCK);
        self.chain(before.as_chunks().0, self.last(last))
    }

    /// The last block of up to 16 octets, made different from all others.
    fn last(&self, octets: &[u8]) -> u128 {
        if octets.len() == BLOCK { left(octets) ^ self.whole } else { padded(octets) ^ self.filled }
    }

    /// One block after the other, each added to what became of those before.
    fn chain(&self, before: &[[u8; BLOCK]], last: u128) -> u128 {
        let mut end = 0;
        self.cipher.encrypt_with_backend(Chain { before, last, end: &mut end });
        end
    }

    /// The tags: the code of the plaintext, whose last 16 octets a state has been added to.
    fn message(&self, plaintext: &[u8], states: &mut [u128]) {
        let Some(before) = plaintext.len().checked_sub(BLOCK) else {
            let text = padded(plaintext);
            states.iter_mut().for_each(|state| *state = doubled(*state) ^ text ^ self.whole);
            return self.step(states);
        };
        // The state begins within the first block of the rest. What comes before is the same for all.
        let (common, rest) = plaintext.split_at(before / BLOCK * BLOCK);
        let (first, last) = rest.split_at(BLOCK);
        let start = match common.as_chunks().0.split_last() {
            None => left(first),
            Some((last, before)) => left(first) ^ self.chain(before, u128::from_be_bytes(*last)),
        };
        if last.is_empty() {
            states.iter_mut().for_each(|state| *state ^= start ^ self.whole);
            return self.step(states);
        }
        let within_first = 8 * (BLOCK - last.len());
        let end = self.last(last);
        let mut seconds = [0; MAX_COOKIES];
        for (second, state) in seconds.iter_mut().zip(&mut *states) {
            *second = end ^ *state << within_first;
            *state = start ^ *state >> (8 * BLOCK - within_first);
        }
        self.step(states);
        states.iter_mut().zip(&seconds).for_each(|(state, second)| *state ^= second);
        self.step(states);
        seconds.zeroize();
    }

    /// Encrypts all states.
    fn step(&self, states: &mut [u128]) {
        let mut blocks = [Block::default(); MAX_COOKIES];
        let (blocks, _) = blocks.split_at_mut(states.len().min(MAX_COOKIES));
        blocks.iter_mut().zip(&*states).for_each(|(place, state)| *place = block(*state));
        self.cipher.encrypt_blocks(blocks);
        states.iter_mut().zip(&*blocks).for_each(|(state, code)| *state = number(code));
    }
}

/// The inner loop of a CMAC, entered once for all of its blocks.
struct Chain<'a> {
    before: &'a [[u8; BLOCK]],
    last: u128,
    end: &'a mut u128,
}

impl BlockSizeUser for Chain<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Chain<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        // Octets that are only added can stand in any order, and need not be turned around on their way.
        let mut state = Block::default();
        let mut add = |octets: [u8; BLOCK]| {
            let sum = u128::from_ne_bytes(state.into()) ^ u128::from_ne_bytes(octets);
            state = sum.to_ne_bytes().into();
            backend.encrypt_block((&mut state).into());
        };
        self.before.iter().for_each(|octets| add(*octets));
        add(self.last.to_be_bytes());
        *self.end = number(&state);
    }
}

/// Multiplied by x in the field of RFC 5297 §2.3, without a branch that would tell the first bit.
const fn doubled(value: u128) -> u128 {
    value << 1 ^ (0x87 & 0u128.wrapping_sub(value >> 127))
}

fn block(value: u128) -> Block {
    value.to_be_bytes().into()
}

fn number(block: &Block) -> u128 {
    u128::from_be_bytes((*block).into())
}

/// Up to 16 octets from the left, and zeros.
fn left(octets: &[u8]) -> u128 {
    let mut block = [0; BLOCK];
    block.iter_mut().zip(octets).for_each(|(place, octet)| *place = *octet);
    u128::from_be_bytes(block)
}

/// Fewer than 16 octets, a one and zeros.
fn padded(octets: &[u8]) -> u128 {
    left(octets) | 1 << 127 >> (8 * octets.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::aes::{Aes128, Aes192, Aes256};
    use aes_siv::siv::CmacSiv;
    use proptest::prelude::*;

    /// What the library makes of it.
    macro_rules! by_library {
        ($cipher:ty, $key:expr, $components:expr, $plaintext:expr) => {{
            let mut text = $plaintext.to_vec();
            let mut cipher = CmacSiv::<$cipher>::new_from_slice(&$key).unwrap();
            let tag = cipher.encrypt_inout_detached($components, text.as_mut_slice().into()).unwrap();
            [&tag[..], &text[..]].concat()
        }};
    }

    macro_rules! equals_library {
        ($cipher:ty, $key:expr, $components:expr, $plaintext:expr) => {{
            let components: Vec<&[u8]> = $components.iter().map(Vec::as_slice).collect();
            let mut sealed = vec![0; $plaintext.len() + TAG_LENGTH];
            prop_assert_eq!(seal::<$cipher>(&$key, &components, &$plaintext, &mut sealed), Some(()));
            prop_assert_eq!(sealed, by_library!($cipher, $key, &components, $plaintext));
        }};
    }

    fn octets(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), length)
    }

    proptest! {
        #[test]
        fn each_size_of_key_makes_what_the_library_makes(
            key in octets(64),
            components in prop::collection::vec(octets(0..=300), 1..=3),
            plaintext in octets(0..=300),
        ) {
            equals_library!(Aes128, key[..32], components, plaintext);
            equals_library!(Aes192, key[..48], components, plaintext);
            equals_library!(Aes256, key[..64], components, plaintext);
        }

        #[test]
        fn many_at_once_are_what_the_library_makes_of_each(
            key in octets(64),
            associated in octets(0..=40),
            plaintext in octets(0..=200),
            nonces in prop::collection::vec(any::<[u8; 16]>(), 0..=MAX_COOKIES),
        ) {
            let mut sealed = vec![vec![0; plaintext.len() + TAG_LENGTH]; nonces.len()];
            let places = sealed.iter_mut().map(Vec::as_mut_slice);
            prop_assert_eq!(seal_each::<Aes256>(&key, &associated, &plaintext, &nonces, places), Some(()));
            for (nonce, sealed) in nonces.iter().zip(sealed) {
                prop_assert_eq!(sealed, by_library!(Aes256, key, [&associated[..], &nonce[..]], plaintext));
            }
        }
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let seal = |key: usize, sealed: usize, count: usize| {
            let mut places = [[0; 200]; 9];
            let places = places.iter_mut().map(|place| &mut place[..sealed]);
            seal_each::<Aes256>(&[7; 65][..key], &[0; 4], &[0; 68], &[[0; 16]; 9][..count], places)
        };
        assert_eq!(seal(64, 84, 8), Some(()));
        for (key, sealed, count) in [(32, 84, 1), (0, 84, 1), (65, 84, 1), (64, 83, 1), (64, 0, 1), (64, 84, 9)] {
            assert_eq!(seal(key, sealed, count), None, "{key} {sealed} {count}");
        }
    }
}
