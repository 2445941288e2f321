//! The findings on a machine that lacks the files or addresses of a configuration.

use ntp_check::{Finding, findings};
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

/// A folder with a certificate and its key, valid for 30 days from `begin`, in Unix seconds; the
/// name is `time.example`.
fn with_certificate(begin: i64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["time.example".to_owned()]).unwrap();
    let date = |unix: i64| {
        (std::time::UNIX_EPOCH + std::time::Duration::from_secs(unix.unsigned_abs())).into()
    };
    (params.not_before, params.not_after) = (date(begin), date(begin + 30 * 86_400));
    fs::write(
        folder.path().join("chain.pem"),
        params.self_signed(&key).unwrap().pem(),
    )
    .unwrap();
    write_key(folder.path(), &key);
    folder
}

fn write_key(folder: &Path, key: &KeyPair) {
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
}

fn now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn of(text: &str) -> Vec<Finding> {
    findings(&ntp_config::parse_str("test", text).unwrap().config)
}

/// The findings about an NTS-KE server with the files of a directory.
fn nts_ke_server(folder: &Path) -> Vec<Finding> {
    let folder = folder.display();
    of(&format!(
        "[[server]]\nlisten = \"127.0.0.1:123\"\n[[nts-ke-server]]\nlisten = \"127.0.0.1:4460\"\n\
         certificate-chain-path = \"{folder}/chain.pem\"\nprivate-key-path = \"{folder}/key.pem\"\n"
    ))
}

/// The only finding: true if it is an error, and its text.
#[track_caller]
fn only(found: &[Finding]) -> (bool, String) {
    let [finding] = found else {
        panic!("one finding is expected: {found:?}")
    };
    (finding.is_error(), finding.to_string())
}

#[test]
fn a_good_pair_of_certificate_and_key_is_no_finding() {
    assert_eq!(nts_ke_server(with_certificate(now() - 3600).path()), []);
}

#[test]
fn a_key_that_is_not_that_of_the_certificate_is_an_error() {
    let folder = with_certificate(now() - 3600);
    write_key(folder.path(), &KeyPair::generate().unwrap());
    let (error, text) = only(&nts_ke_server(folder.path()));
    assert!(
        error
            && text.contains("does not belong to the first certificate")
            && text.contains("= help: "),
        "{text}"
    );
}

#[test]
fn files_that_are_missing_or_are_no_pem_are_errors_that_name_them() {
    for file in ["chain.pem", "key.pem"] {
        let folder = with_certificate(now() - 3600);
        fs::remove_file(folder.path().join(file)).unwrap();
        let (error, text) = only(&nts_ke_server(folder.path()));
        assert!(
            error && text.contains(file) && text.contains("does not exist"),
            "{text}"
        );

        fs::create_dir(folder.path().join(file)).unwrap();
        let (error, text) = only(&nts_ke_server(folder.path()));
        assert!(
            error && text.contains(file) && text.contains("is a folder"),
            "{text}"
        );

        fs::remove_dir(folder.path().join(file)).unwrap();
        fs::write(folder.path().join(file), "no PEM").unwrap();
        let (error, text) = only(&nts_ke_server(folder.path()));
        assert!(
            error && text.contains(file) && text.contains("PEM"),
            "{text}"
        );
    }
}

#[test]
fn a_certificate_that_has_expired_or_is_not_valid_yet_is_a_warning() {
    let (error, text) = only(&nts_ke_server(with_certificate(now() - 60 * 86_400).path()));
    assert!(!error && text.contains("expired at"), "{text}");
    let (error, text) = only(&nts_ke_server(with_certificate(now() + 86_400).path()));
    assert!(!error && text.contains("is not valid before"), "{text}");
}

#[test]
fn a_private_key_that_every_user_can_read_is_a_warning_with_the_command_that_helps() {
    let folder = with_certificate(now() - 3600);
    fs::set_permissions(
        folder.path().join("key.pem"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let (error, text) = only(&nts_ke_server(folder.path()));
    assert!(!error && text.contains("chmod o-r"), "{text}");
    let (said, _help) = text.split_once("= help").unwrap();
    assert!(
        said.contains("key.pem"),
        "the sentence names the file of the key: {text}"
    );
}

#[test]
fn devices_and_pipes_in_place_of_files_are_named_and_not_waited_for() {
    let device = Path::new("/dev/zero");
    for file in ["chain.pem", "key.pem"] {
        let folder = with_certificate(now() - 3600);
        fs::remove_file(folder.path().join(file)).unwrap();
        std::os::unix::fs::symlink(device, folder.path().join(file)).unwrap();
        let (error, text) = only(&nts_ke_server(folder.path()));
        assert!(
            error && text.contains(file) && text.contains("pipe or a device"),
            "{text}"
        );
    }
    let source = "[[source]]\nmode = \"nts\"\naddress = \"nts.example\"\ncertificate-authority = \"/dev/zero\"\n";
    let (error, text) = only(&of(source));
    assert!(!error && text.contains("pipe or a device"), "{text}");
    let leap = "[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n[synchronization]\nleap-seconds-file = \"/dev/zero\"\n";
    let (error, text) = only(&of(leap));
    assert!(!error && text.contains("pipe or a device"), "{text}");
}

#[test]
fn addresses_and_interfaces_that_are_not_there_are_warnings() {
    // An address for documentation, which no machine has.
    let (error, text) = only(&of("[[server]]\nlisten = \"192.0.2.77:123\"\n"));
    assert!(
        !error && text.contains("192.0.2.77") && text.contains("ip address"),
        "{text}"
    );
    let (error, text) = only(&of(
        "[[server]]\nlisten = \"127.0.0.1\"\ninterface = \"nosuch0\"\n",
    ));
    assert!(
        !error && text.contains("nosuch0") && text.contains("ip link"),
        "{text}"
    );
    assert_eq!(of("[[server]]\nlisten = \"0.0.0.0:123\"\n"), []);
}

#[test]
fn authorities_that_cannot_be_read_are_warnings() {
    let (error, text) = only(&of(
        "[[source]]\nmode = \"nts\"\naddress = \"nts.example\"\ncertificate-authority = \"/nowhere/ca.pem\"\n",
    ));
    assert!(
        !error && text.contains("/nowhere/ca.pem does not exist"),
        "{text}"
    );
}

#[test]
fn a_file_of_leap_seconds_that_cannot_be_used_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leap-seconds.list");
    let text = format!(
        "[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n[synchronization]\nleap-seconds-file = \"{}\"\n",
        path.display()
    );
    let (error, said) = only(&of(&text));
    assert!(!error && said.contains("cannot be read"), "{said}");
    fs::write(&path, "no leap seconds\n").unwrap();
    let (error, said) = only(&of(&text));
    assert!(!error && said.contains("cannot be used"), "{said}");
}

#[test]
fn a_folder_for_keys_that_is_not_there_is_a_warning() {
    let (error, text) = only(&of(
        "[[server]]\nlisten = \"127.0.0.1\"\n[keyset]\nkey-storage-path = \"/nowhere/keys\"\n",
    ));
    assert!(
        !error && text.contains("the folder /nowhere does not exist"),
        "{text}"
    );
}
