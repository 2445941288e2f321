//! The files that a configuration names and the daemon opens later.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ntp_config::{Config, NtsKeServerEntry, SourceKind};

/// The permission of everybody to read.
const READ_BY_ALL: u32 = 0o004;

/// What the daemon will probably stumble over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Doubt {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "warning: {}\n  = help: {}", self.message, self.help)
    }
}

/// All that can be seen from outside; what is in the files is for the daemon to judge.
pub(crate) fn doubts(config: &Config) -> Vec<Doubt> {
    let authorities = config.sources.iter().flat_map(|source| match &source.kind {
        SourceKind::Nts { trust, .. } => trust.certificate_authorities.as_slice(),
        SourceKind::Server { .. } | SourceKind::Pool { .. } => &[],
    });
    let authorities = authorities.filter_map(|path| absent(path, "certificate-authority"));
    let servers = config.nts_ke_servers.iter().flat_map(of_server);
    let folder = config.keyset.key_storage_path.as_deref().and_then(Path::parent).and_then(absent_folder);
    let mut doubts: Vec<Doubt> = authorities.chain(servers).chain(folder).collect();
    doubts.dedup();
    doubts
}

fn of_server(server: &NtsKeServerEntry) -> impl Iterator<Item = Doubt> {
    let chain = absent(&server.certificate_chain, "certificate-chain-path");
    let key = absent(&server.private_key, "private-key-path").or_else(|| readable_by_all(&server.private_key));
    chain.into_iter().chain(key)
}

/// Where this user may not look, the daemon perhaps may: that is no reason for a warning.
fn absent(path: &Path, key: &str) -> Option<Doubt> {
    let what = match fs::metadata(path) {
        Ok(found) if found.is_dir() => "is a folder",
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => "does not exist",
        _ => return None,
    };
    let help = format!("put a file with PEM text there, or name another one in `{key}`");
    Some(Doubt { message: format!("`{key}`: {} {what}", path.display()), help })
}

fn readable_by_all(key: &Path) -> Option<Doubt> {
    let mode = fs::metadata(key).ok()?.permissions().mode();
    let doubt = || Doubt {
        message: format!("`private-key-path`: every user of this machine can read {}", key.display()),
        help: "take the right away with chmod o-r, and have a new certificate made if others use this machine"
            .to_owned(),
    };
    (mode & READ_BY_ALL != 0).then(doubt)
}

fn absent_folder(folder: &Path) -> Option<Doubt> {
    let found = fs::metadata(folder);
    let absent = found.is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory));
    absent.then(|| Doubt {
        message: format!("`key-storage-path`: the folder {} does not exist", folder.display()),
        help: "make the folder, or the keys will be lost at each restart".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path) -> Config {
        let folder = folder.display();
        let text = format!(
            "[[source]]\nmode = \"nts\"\naddress = \"nts.example\"\ncertificate-authority = \"{folder}/ca.pem\"\n\
             [[server]]\nlisten = \"[::]:123\"\n\
             [[nts-ke-server]]\nlisten = \"[::]:4460\"\ncertificate-chain-path = \"{folder}/chain.pem\"\n\
             private-key-path = \"{folder}/key.pem\"\n[keyset]\nkey-storage-path = \"{folder}/keys/now\"\n"
        );
        ntp_config::parse_str("test", &text).unwrap().config
    }

    fn messages(folder: &Path) -> Vec<String> {
        doubts(&config(folder)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn files_that_are_not_there_are_doubtful() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("chain.pem")).unwrap();

        let shown = messages(folder.path());

        assert_eq!(shown.len(), 4, "{shown:?}");
        for (index, said) in
            ["ca.pem does not exist", "chain.pem is a folder", "key.pem does not exist", "keys does not exist"]
                .into_iter()
                .enumerate()
        {
            assert!(shown[index].contains(said) && shown[index].contains("  = help: "), "{shown:?}");
        }
    }

    #[test]
    fn a_private_key_is_not_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("keys")).unwrap();
        for file in ["ca.pem", "chain.pem", "key.pem"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let permit = |mode| {
            fs::set_permissions(folder.path().join("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
            messages(folder.path())
        };

        assert_eq!(permit(0o640), [""; 0]);
        assert!(permit(0o644)[0].contains("every user of this machine can read"));
    }
}
