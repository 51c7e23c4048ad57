//! How fast Préau looks around and reports, beside the tools that people have for it, on one machine in one
//! run; and what watching costs. A file a part: `scripts/bench report wifi`.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../support/mod.rs"]
mod support;

mod backfill;
mod cost;
mod fleet;
#[path = "../../tests/region_support/school.rs"]
mod school;
mod wifi;

use std::path::Path;

use anyhow::{Result, ensure};

use support::report::{Report, Row};

type Part = fn(&mut Vec<Row>) -> Result<()>;

const PARTS: [(&str, Part); 5] = [
    ("wifi", wifi::measure),
    ("cost", cost::measure),
    ("spool", backfill::spool),
    ("backfill", backfill::backfill),
    ("fleet", fleet::measure),
];

fn main() -> Result<()> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut rows = Vec::new();
    for (part, measure) in PARTS {
        if asked.is_empty() || asked.iter().any(|word| word == part) {
            measure(&mut rows)?;
        }
    }
    ensure!(!rows.is_empty(), "the parts are {}", PARTS.map(|(part, _)| part).join(", "));
    Report::new("report", rows).publish(&out)
}
