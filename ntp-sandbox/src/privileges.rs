//! Capabilities (capabilities(7)).

use crate::{SandboxError, User, is_root};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_keep_capabilities,
};
use std::io;

/// Keeps what is `wanted` and held, gives up every other capability, and becomes `user` if this is
/// root. Returns the names of the capabilities that are in effect afterwards.
pub(crate) fn drop_all_but(
    wanted: CapabilitySet,
    user: Option<&User>,
) -> Result<Vec<String>, SandboxError> {
    let failed = |error: rustix::io::Errno| SandboxError::Capabilities(error.into());
    let held = capabilities(None).map_err(failed)?;
    let kept = held.permitted & wanted;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        // First, since the right to do so goes with the user.
        narrow_bounding_set(kept).map_err(failed)?;
    }
    if let Some(user) = user.filter(|user| is_root() && user.uid() != 0) {
        set_keep_capabilities(true).map_err(failed)?;
        user.become_it().map_err(|error| SandboxError::User {
            user: user.name().to_owned(),
            error,
        })?;
        set_keep_capabilities(false).map_err(failed)?;
    }
    // Kernels before 4.3 have no ambient set.
    let _ = clear_ambient_capability_set();
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )
    .map_err(failed)?;
    let now = capabilities(None).map_err(failed)?;
    if now.permitted != kept {
        let error = "the kernel has not taken them away";
        return Err(SandboxError::Capabilities(io::Error::other(error)));
    }
    Ok(names(now.effective))
}

fn narrow_bounding_set(kept: CapabilitySet) -> rustix::io::Result<()> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // The first that the kernel does not know ends the list.
        let Ok(held) = capability_is_in_bounding_set(capability) else {
            break;
        };
        if held && !kept.contains(capability) {
            remove_capability_from_bounding_set(capability)?;
        }
    }
    Ok(())
}

fn names(set: CapabilitySet) -> Vec<String> {
    let name = |(name, _)| format!("CAP_{name}");
    set.iter_names().map(name).collect()
}
