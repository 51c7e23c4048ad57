//! The region's side, started on loopback with the very files of `config/region/metrics`: the
//! authority of the boxes, nginx, `VictoriaMetrics`, and what a box sends.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod authority;
pub mod edge;
pub mod engine;
pub mod school;
pub mod texts;
pub mod write;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::{sys::signal, unistd::Pid};

/// Two schools of the region, and their networks.
pub const BAYEN: &str = "0510035L";
pub const OTHER: &str = "0670007U";

/// What the region copies to its servers.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/region/metrics")
}

/// Are these programs here? Without one a test is skipped, loudly; in continuous integration it fails.
pub fn present(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs
        .iter()
        .filter(|program| {
            let mut command = Command::new(program);
            command.arg(if **program == "nginx" { "-v" } else { "--version" });
            command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
        })
        .collect();
    assert!(missing.is_empty() || std::env::var_os("CI").is_none(), "{missing:?}: not installed");
    if !missing.is_empty() {
        eprintln!("SKIPPED: {missing:?} not installed (scripts/install test)");
    }
    missing.is_empty()
}

/// A server of the region, ended with the test.
#[derive(Debug)]
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let id = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = signal::kill(id, signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// What a program says and whether it is content.
pub fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let ran = Command::new(program).args(arguments).current_dir(folder()).output().unwrap();
    let text = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8_lossy(&text).into_owned())
}
