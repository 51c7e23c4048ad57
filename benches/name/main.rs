//! How fast Préau answers for names, beside unbound with the same forwarder and the same names
//! refused, on one machine in one run.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../support/mod.rs"]
mod support;

mod forwarder;
mod lists;
mod load;
mod memory;
mod peers;
mod speed;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use self::{
    forwarder::Forwarder,
    lists::Refused,
    peers::School,
    support::report::{Report, Row},
};

type Theme = fn(&Bench, &mut Vec<Row>) -> Result<()>;

/// What every theme stands on.
struct Bench {
    school: School,
    forwarder: Forwarder,
    refused: Refused,
}

fn main() -> Result<()> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    let work = out.join("name-work");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("emptying {}", work.display()))?;
    }
    fs::create_dir_all(&work)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("compiling the lists");
    let refused = Refused::make(&work)?;
    let forwarder = Forwarder::start(threads)?;
    let school = School { work: work.clone(), forwarder: forwarder.address, threads };
    let bench = Bench { school, forwarder, refused };
    let mut rows = Vec::new();
    let themes: [(&str, Theme); 4] = [
        ("cached", speed::cached),
        ("blocked", speed::blocked),
        ("forwarded", speed::forwarded),
        ("memory", memory::measure),
    ];
    // Named alone, a theme is measured alone: `scripts/bench name memory`.
    let named: Vec<String> = std::env::args().skip(1).filter(|one| !one.starts_with('-')).collect();
    for (name, measure) in themes {
        if named.is_empty() || named.iter().any(|one| one == name) {
            measure(&bench, &mut rows)?;
        }
    }
    fs::remove_dir_all(&work)?;
    Report::new("name", rows).publish(&out)
}
