//! Compiles the time of the build into the program: no clock may start before that.

use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // The convention of reproducible builds comes first.
    let given = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    println!(
        "cargo:rustc-env=TRUECHIMER_BUILD_UNIX_SECONDS={}",
        given.unwrap_or(now)
    );
}
