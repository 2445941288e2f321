//! The parts of an old configuration that stay in a new one.

/// For each of `new`, the place of the one among `old` that it continues, where `same` holds. Each
/// old one is continued at most once.
pub(super) fn pair<O, N>(
    old: &[O],
    new: &[N],
    same: impl Fn(&O, &N) -> bool,
) -> Vec<Option<usize>> {
    let mut taken = vec![false; old.len()];
    let mut continued = |new: &N| {
        let mut places = old.iter().zip(&mut taken).enumerate();
        places.find_map(|(place, (old, taken))| {
            (!*taken && same(old, new)).then(|| {
                *taken = true;
                place
            })
        })
    };
    new.iter().map(&mut continued).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_are_paired_one_to_one() {
        let pairs = |old: &[u8], new: &[u8]| pair(old, new, |old, new| old == new);
        assert_eq!(pairs(&[1, 2], &[2, 3, 1]), [Some(1), None, Some(0)]);
        assert_eq!(pairs(&[1, 1], &[1, 1, 1]), [Some(0), Some(1), None]);
        assert_eq!(pairs(&[], &[1]), [None]);
    }
}
