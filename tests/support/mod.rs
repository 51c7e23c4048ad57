//! What tests from outside share: the shared samples, a box started as its users start it, and an
//! origin to fetch from.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod browser;
pub mod dig;
pub mod door;
pub mod http;
pub mod idp;
pub mod names;
pub mod netns;
pub mod origin;
pub mod samples;
pub mod school_box;
pub mod signed;
pub mod source;
pub mod tls;
pub mod wire;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// How long anything may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `done` gives something; fails the test, naming `what`, when it never does.
pub fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        #[allow(clippy::disallowed_methods, reason = "a pause between two looks, on no runtime")]
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The folder of real samples beside the project. Without it a test is skipped, loudly; in
/// continuous integration that is a failure.
pub fn sample_folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    eprintln!("SKIPPED: the samples are not at {}", folder.display());
    None
}
