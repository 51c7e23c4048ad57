//! How fast Préau carries, beside what schools have now, on one machine in one run. A file a theme.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../support/mod.rs"]
mod support;

mod cache;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use support::report::Report;

fn main() -> Result<()> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    let work = out.join("carry-work");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("emptying {}", work.display()))?;
    }
    fs::create_dir_all(&work)?;
    let mut rows = Vec::new();
    cache::measure(&work, &mut rows)?;
    fs::remove_dir_all(&work)?;
    Report::new("carry", rows).publish(&out)
}
