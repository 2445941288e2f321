//! The programs of this workspace.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The variable that names a folder where the programs are already.
const VARIABLE: &str = "TRUECHIMER_PROGRAMS";

/// The path of a program of this workspace, built as the running test was, or from the folder that
/// `TRUECHIMER_PROGRAMS` names.
///
/// Cargo builds for a test only the programs of the test's own package. `cargo test --workspace`
/// has built all of them, with the same features, so that nothing is left to do here; after `cargo
/// test -p test-binaries` they are brought up to date.
///
/// # Panics
/// If it cannot be built.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let directory =
        BUILT.get_or_init(|| std::env::var_os(VARIABLE).map_or_else(build, PathBuf::from));
    let path = directory.join(name);
    assert!(path.exists(), "{} has not been built", path.display());
    path
}

/// Builds all programs, shows what is being built, and returns their folder.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("invariant: a test runs from a file");
    // <target>/<profile>/deps/<test>
    let directory = test
        .ancestors()
        .nth(2)
        .expect("invariant: Cargo puts tests into a subfolder");
    let target = directory
        .parent()
        .expect("invariant: the profile has a folder of its own");
    let profile = directory
        .file_name()
        .and_then(|name| name.to_str())
        .expect("invariant: profiles have plain names");
    let profile = if profile == "debug" { "dev" } else { profile };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut build = Command::new(cargo);
    build.args(["build", "--workspace", "--bins", "--profile", profile]);
    build
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(target);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_of_this_package))
    {
        build.env_remove(name);
    }
    // Not captured, as the printing macros are in a test.
    let _ = writeln!(
        io::stderr(),
        "the end-to-end tests start the programs of this workspace, which must be up to date: cargo build --workspace \
         --bins --profile {profile} (a second after `cargo test --workspace`, else some minutes)"
    );
    let status = build.status().expect("Cargo can be started");
    assert!(
        status.success(),
        "the programs cannot be built; what is above says why"
    );
    directory.to_owned()
}

/// True for the variables that Cargo sets for a test of its own package: they would make other
/// packages look changed.
fn is_of_this_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}
