//! The systemd units: systemd understands them, and the service may do little.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// Tenths of the exposure level that `systemd-analyze security` counts: 1.5.
const MOST_EXPOSED: &str = "15";

/// The units, with the program that was built in the place of the one that will be installed.
fn units() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("/usr/bin/preau", env!("CARGO_BIN_EXE_preau"));
        let text = text.replace("Documentation=file:///usr/share/doc/preau/README.md\n", "");
        fs::write(folder.path().join(path.file_name().unwrap()), text).unwrap();
    }
    let service = folder.path().join("preau.service");
    (folder, service)
}

fn analyze(arguments: &[&str], files: &[&Path]) -> Option<Output> {
    let done = Command::new("systemd-analyze").args(arguments).args(files).output();
    if done.is_err() {
        assert!(std::env::var_os("CI").is_none(), "systemd-analyze is missing");
        eprintln!("SKIPPED: systemd-analyze is not installed (scripts/install test)");
    }
    done.ok()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let (folder, service) = units();
    let socket = folder.path().join("preau.socket");
    let secure = folder.path().join("preau-https.socket");
    let proxy = folder.path().join("preau-proxy.socket");
    let [names, names_tls] =
        ["preau-dns.socket", "preau-dns-tls.socket"].map(|name| folder.path().join(name));
    let taken = ["preau-tproxy.socket", "preau-tproxy-tls.socket", "preau-nft.service"];
    let [clear, tls, rules] = taken.map(|name| folder.path().join(name));
    let files =
        [service.as_path(), &socket, &secure, &proxy, &names, &names_tls, &clear, &tls, &rules];
    let Some(verified) = analyze(&["verify", "--man=no"], &files) else { return };
    let ours: Vec<_> =
        words(&verified).lines().filter(|line| line.contains("preau")).map(str::to_owned).collect();
    assert!(verified.status.success() && ours.is_empty(), "{}", words(&verified));
}

#[test]
fn the_service_is_exposed_at_a_level_of_1_5_at_most() {
    let (_folder, service) = units();
    let threshold = format!("--threshold={MOST_EXPOSED}");
    let arguments = ["security", "--offline=yes", "--no-pager", &threshold];
    let Some(judged) = analyze(&arguments, &[&service]) else { return };
    assert!(judged.status.success(), "{}", words(&judged));
}
