//! seccomp: the system calls that are refused.
//!
//! A refused call ends with EPERM, as without the right to it. Calls that are not listed stay
//! allowed: new versions of a C library use new ones, and a daemon that is killed keeps no time.

use crate::Level;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// The bit in the numbers of the calls of the x32 ABI, which the kernel may offer beside x86-64.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;
/// The calls with numbers of their own in the x32 ABI: execve, ptrace, kexec_load, process_vm_readv,
/// process_vm_writev and execveat.
#[cfg(target_arch = "x86_64")]
const X32_ONLY: [i64; 6] = [520, 521, 528, 539, 540, 545];

/// Calls of no use to the daemon and of much to an attacker.
const REFUSED: [i64; 51] = [
    // Programs and other processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_personality,
    // Name spaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // The kernel itself, and its large attack surfaces.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_fanotify_init,
    libc::SYS_lookup_dcookie,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_mknodat,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
];

/// Those that only this architecture has.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: [i64; 6] = [
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: [i64; 0] = [];

/// The families of sockets that are of use.
const FAMILIES: [i32; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// Restricts this thread and those that it starts.
pub(crate) fn restrict(lacking: &mut Vec<String>) -> Level {
    match programs().and_then(|programs| {
        programs
            .iter()
            .try_for_each(|program| seccompiler::apply_filter(program))
            .map_err(|error| error.to_string())
    }) {
        Ok(()) => Level::Full,
        Err(error) => {
            lacking.push(format!("seccomp: {error}"));
            Level::Unavailable
        }
    }
}

/// The filters: one for each error, as the strictest counts.
fn programs() -> Result<[BpfProgram; 2], String> {
    let text = |error: seccompiler::BackendError| error.to_string();
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = REFUSED
        .into_iter()
        .chain(REFUSED_HERE)
        .flat_map(abis)
        .map(|call| (call, Vec::new()))
        .collect();
    #[cfg(target_arch = "x86_64")]
    refused.extend(X32_ONLY.map(|call| (X32 | call, Vec::new())));
    for (call, rules) in [
        (libc::SYS_clone, new_processes().map_err(text)?),
        (libc::SYS_socket, odd_sockets().map_err(text)?),
        (libc::SYS_ioctl, terminal_input().map_err(text)?),
    ] {
        refused.extend(abis(call).map(|call| (call, rules.clone())));
    }
    // Its flags are out of a filter's sight; without it, libraries use clone.
    let clone3 = abis(libc::SYS_clone3).map(|call| (call, Vec::new()));
    Ok([
        program(refused, libc::EPERM)?,
        program(clone3.collect(), libc::ENOSYS)?,
    ])
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> Result<BpfProgram, String> {
    let text = |error: seccompiler::BackendError| error.to_string();
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(text)?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        architecture,
    );
    filter.and_then(TryInto::try_into).map_err(text)
}

/// The numbers of a call in all ABIs of this architecture.
fn abis(call: i64) -> impl Iterator<Item = i64> {
    #[cfg(target_arch = "x86_64")]
    let numbers = [call, call | X32];
    #[cfg(not(target_arch = "x86_64"))]
    let numbers = [call];
    numbers.into_iter()
}

type Rules = Result<Vec<SeccompRule>, seccompiler::BackendError>;

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: i32,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    let value = u64::from(value.cast_unsigned());
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// Everything that is not a thread of this process.
fn new_processes() -> Rules {
    let thread = u64::from(libc::CLONE_THREAD.cast_unsigned());
    let no_thread = condition(0, SeccompCmpOp::MaskedEq(thread), 0)?;
    Ok(vec![SeccompRule::new(vec![no_thread])?])
}

/// Sockets of other families, and raw ones.
fn odd_sockets() -> Rules {
    let foreign = FAMILIES
        .map(|family| condition(0, SeccompCmpOp::Ne, family))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    // The flags SOCK_CLOEXEC and SOCK_NONBLOCK are in the upper bits.
    let raw = |family| {
        SeccompRule::new(vec![
            condition(0, SeccompCmpOp::Eq, family)?,
            condition(1, SeccompCmpOp::MaskedEq(0xf), libc::SOCK_RAW)?,
        ])
    };
    Ok(vec![
        SeccompRule::new(foreign)?,
        raw(libc::AF_INET)?,
        raw(libc::AF_INET6)?,
    ])
}

/// Typing into the terminal that has started the daemon.
fn terminal_input() -> Rules {
    let push = i32::try_from(libc::TIOCSTI).unwrap_or_default();
    let console = i32::try_from(libc::TIOCLINUX).unwrap_or_default();
    [push, console]
        .map(|request| SeccompRule::new(vec![condition(1, SeccompCmpOp::Eq, request)?]))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile() {
        let [refused, absent] = programs().unwrap();
        assert!(refused.len() > REFUSED.len());
        assert!(!absent.is_empty());
    }
}
