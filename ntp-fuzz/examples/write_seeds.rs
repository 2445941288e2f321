//! Writes the seeds that our own encoders make into the corpora: `cargo run -p ntp-fuzz --example
//! write_seeds`.

use ntp_fuzz::seeds;
use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for seed in seeds::all() {
        let folder = corpora.join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(seed.name), seed.octets)?;
    }
    Ok(())
}
