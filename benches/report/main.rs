//! How fast Préau looks around, beside the tool that people have for it, on one machine in one run.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../support/mod.rs"]
mod support;

mod cost;
mod fleet;
#[path = "../../tests/region_support/school.rs"]
mod school;
mod wifi;

use std::path::Path;

use anyhow::{Result, ensure};

use support::report::Report;

fn main() -> Result<()> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|word| word == part);
    let mut rows = Vec::new();
    if wanted("wifi") {
        wifi::measure(&mut rows)?;
    }
    if wanted("cost") {
        cost::measure(&mut rows)?;
    }
    if wanted("fleet") {
        fleet::measure(&mut rows)?;
    }
    ensure!(!rows.is_empty(), "the parts are wifi, cost and fleet");
    Report::new("report", rows).publish(&out)
}
