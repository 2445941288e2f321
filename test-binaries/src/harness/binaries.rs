//! Where the programs of this workspace are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The packages whose programs the tests start.
const PACKAGES: [&str; 4] = ["ntp-daemon", "ntp-ctl", "ntp-metrics-exporter", "test-binaries"];

/// The variable that names a folder where the programs are already.
const VARIABLE: &str = "TRUECHIMER_PROGRAMS";

/// The path of a program of this workspace, built as the running test was, or from the folder that `TRUECHIMER_PROGRAMS`
/// names.
///
/// Cargo builds for a test only the programs of the test's own package, so that the others are built here, once.
///
/// # Panics
/// If it cannot be built.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let directory = BUILT.get_or_init(|| std::env::var_os(VARIABLE).map_or_else(build, PathBuf::from));
    let path = directory.join(name);
    assert!(path.exists(), "{} has not been built", path.display());
    path
}

/// Builds all programs, and returns their folder.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("invariant: a test runs from a file");
    // <target>/<profile>/deps/<test>
    let directory = test.ancestors().nth(2).expect("invariant: Cargo puts tests into a subfolder");
    let target = directory.parent().expect("invariant: the profile has a folder of its own");
    let profile = directory.file_name().and_then(|name| name.to_str()).expect("invariant: profiles have plain names");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--bins", "--profile", if profile == "debug" { "dev" } else { profile }])
        .args(PACKAGES.iter().flat_map(|package| ["-p", package]))
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(target)
        .output()
        .expect("Cargo can be started");
    assert!(output.status.success(), "the programs cannot be built:\n{}", String::from_utf8_lossy(&output.stderr));
    directory.to_owned()
}
