//! How fast Préau carries, beside what schools have now, on one machine in one run. A file a theme.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../support/mod.rs"]
mod support;

mod cache;
mod peers;
mod proxy;
mod verdicts;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use support::report::{Report, Row};

type Theme = fn(&Path, &mut Vec<Row>) -> Result<()>;

fn main() -> Result<()> {
    if let Some(file) = std::env::var_os(verdicts::WEIGH) {
        return verdicts::weigh(Path::new(&file));
    }
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    let work = out.join("carry-work");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("emptying {}", work.display()))?;
    }
    fs::create_dir_all(&work)?;
    let mut rows = Vec::new();
    let themes: [(&str, Theme); 3] =
        [("cache", cache::measure), ("proxy", proxy::measure), ("verdicts", verdicts::measure)];
    // Named alone, a theme is measured alone: `scripts/bench carry proxy`.
    let named: Vec<String> = std::env::args().skip(1).filter(|one| !one.starts_with('-')).collect();
    for (name, measure) in themes {
        if named.is_empty() || named.iter().any(|one| one == name) {
            measure(&work, &mut rows)?;
        }
    }
    fs::remove_dir_all(&work)?;
    Report::new("carry", rows).publish(&out)
}
