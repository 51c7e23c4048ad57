//! The systemd units: systemd understands them, and the service may do little.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
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
    let (folder, _) = units();
    let files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind != "sysusers"))
        .collect();
    assert!(files.len() > 8, "{files:?}");
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
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

#[test]
fn the_clock_is_called_synchronised_only_when_the_system_says_so() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/preau-clock.service");
    let text = fs::read_to_string(unit).unwrap();
    let line = text.lines().find(|line| line.starts_with("ExecCondition=/bin/sh -c ")).unwrap();
    let script = line.split_once('\'').and_then(|(_, rest)| rest.rsplit_once('\'')).unwrap().0;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("timedatectl");
    for (says, good) in [("echo yes", true), ("echo no", false), ("exit 1", false)] {
        fs::write(&program, format!("#!/bin/sh\n{says}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut asked = Command::new("/bin/sh");
        let status = asked.args(["-c", script]).env("PATH", folder.path()).status().unwrap();
        assert_eq!(status.success(), good, "{says}");
    }
}
