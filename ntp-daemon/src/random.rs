//! Secrets from the operating system's random numbers.

use rand::rngs::{ChaCha12Rng, SysRng};
use rand::{Rng as _, SeedableRng as _, TryRng as _};

/// The operating system has no random numbers to give.
#[derive(Debug, thiserror::Error)]
#[error("the operating system provides no random numbers: {0}")]
pub(crate) struct RandomError(String);

/// A seed for one generator.
///
/// # Errors
/// If the operating system provides no random numbers.
pub(crate) fn seed() -> Result<[u8; 32], RandomError> {
    let mut seed = [0; 32];
    SysRng
        .try_fill_bytes(&mut seed)
        .map_err(|error| RandomError(error.to_string()))?;
    Ok(seed)
}

/// An endless supply of seeds.
///
/// # Errors
/// If the operating system provides no random numbers.
pub(crate) fn seeds() -> Result<impl FnMut() -> [u8; 32], RandomError> {
    let mut rng = ChaCha12Rng::from_seed(seed()?);
    Ok(move || {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        seed
    })
}
