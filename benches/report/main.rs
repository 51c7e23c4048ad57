//! How fast Préau looks around, beside the tool that people have for it, on one machine in one run.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../support/mod.rs"]
mod support;

mod wifi;

use std::path::Path;

use anyhow::Result;

use support::report::Report;

fn main() -> Result<()> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    let mut rows = Vec::new();
    wifi::measure(&mut rows)?;
    Report::new("report", rows).publish(&out)
}
