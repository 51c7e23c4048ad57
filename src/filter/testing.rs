//! What this room's tests share: a policy in a few lines, and lists in a table.

use std::{net::IpAddr, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use tempfile::TempDir;

use super::{
    category::Category,
    host::Host,
    lists::{
        Builder, Lists,
        build::{Rule, Scope},
    },
    verdict::Who,
};
use crate::{
    config::{
        Config,
        filter::{Beside, Merged},
    },
    store::{Store, StoreOptions},
};

/// The school's settings with these rules.
pub(super) fn merged(filter: &str) -> Merged {
    merged_with(None, filter)
}

/// The same, under a region's.
pub(super) fn merged_with(region: Option<&str>, filter: &str) -> Merged {
    let text = format!(
        "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n[filter]\n{filter}"
    );
    let beside = Beside::of(region, None).unwrap();
    Config::parse_beside("t", &text, beside).unwrap().0.filter.merged()
}

/// Lists of these categories and their names.
pub(super) fn lists(categories: &[(&str, &[&str])]) -> Lists {
    let mut builder = Builder::default();
    for (name, hosts) in categories {
        let category: Category = builder.category(name).unwrap();
        for host in *hosts {
            let rule = Rule::Host(Host::parse(host).unwrap(), Scope::Whole);
            builder.add(category, &rule, false).unwrap();
        }
    }
    builder.finish().unwrap().0
}

pub(super) fn paris() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap()
}

/// Thursday 26 November 2026, 10:00 in Paris, and seconds after it.
pub(super) fn at(seconds: i64) -> Timestamp {
    let ten: Timestamp = "2026-11-26T09:00:00Z".parse().unwrap();
    ten + jiff::SignedDuration::from_secs(seconds)
}

pub(super) fn from(address: &str) -> Who<'static> {
    Who::at(address.parse::<IpAddr>().unwrap())
}

pub(super) fn open_store(folder: &TempDir) -> Store {
    Store::open(StoreOptions {
        path: folder.path().to_owned(),
        quota: None,
        reserve: 0,
        keep_replaced: Duration::ZERO,
    })
    .unwrap()
}
