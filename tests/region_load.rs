//! What a region takes, in `docs/region.md`: its figures of series are those of the list of metrics, and
//! what follows is computed from the figures that were measured.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test stops where something is wrong, and figures are for people"
)]

mod region_support;
mod support;

use std::{collections::BTreeMap, fs, path::Path};

use region_support::school;

/// Seconds between two collections (`uplink.interval`).
const INTERVAL: f64 = 60.0;
const DAY: f64 = 86_400.0;

fn text() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/region.md")).unwrap()
}

/// A number as the page writes it: `1,234` or `1.5`.
fn number(cell: &str) -> f64 {
    let plain: String = cell.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    plain.parse().unwrap_or_else(|_| panic!("{cell} is no number"))
}

/// Rows of the table below a line, by their first cell.
fn table(text: &str, below: &str) -> BTreeMap<String, Vec<f64>> {
    let (_, rest) = text.split_once(below).unwrap_or_else(|| panic!("no {below}"));
    rest.lines()
        .skip_while(|line| !line.starts_with('|'))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let first = cells.next().unwrap().to_owned();
            (first, cells.map(number).collect())
        })
        .collect()
}

fn near(what: &str, told: f64, computed: f64) {
    let off = (told - computed).abs() / computed;
    assert!(off < 0.06, "{what}: the page says {told}, computed is {computed:.4}");
}

#[test]
fn the_page_counts_the_series_that_the_list_has() {
    let rows = table(&text(), "Series of a school");
    assert_eq!(rows.len(), 3);
    for (access_points, cells) in rows {
        let series = school::told(1, access_points.parse().unwrap());
        assert_eq!(cells, [series.len() as f64], "{access_points} access points");
        let mut names = BTreeMap::new();
        for told in &series {
            *names.entry(told.metric.name).or_insert(0) += 1;
            assert_eq!(told.labels.len(), told.metric.labels.len(), "{told:?}");
            assert!(names[told.metric.name] <= told.metric.most, "{}", told.metric.name);
        }
    }
}

#[test]
fn the_page_computes_a_region_from_what_was_measured() {
    let text = text();
    let measured = table(&text, "Measured by `scripts/bench report fleet`");
    let of = |name: &str| {
        let found = measured.iter().find(|(row, _)| row.contains(name));
        found.unwrap_or_else(|| panic!("no {name} in {measured:?}")).1[0]
    };
    let (wire, disk) = (of("network, live"), of("disk, samples"));
    let (index, memory) = (of("disk, index"), of("memory"));
    let processor = of("one core takes");
    let series = school::told(1, 100).len() as f64;
    let regions = table(&text, "Computed for schools of 100 access points");
    assert_eq!(regions.len(), 3);
    for (boxes, cells) in regions {
        let boxes = number(&boxes);
        let (all, rate) = (boxes * series, boxes * series / INTERVAL);
        // Columns: series, samples a second, Mbit/s, GB a year, GiB of memory, cores.
        let computed = [
            all / 1e6,
            rate / 1e3,
            rate * wire * 8.0 / 1e6,
            (rate * DAY * disk + all * index) * 365.0 / 1e9,
            all * memory / f64::from(1 << 30),
            rate / processor,
        ];
        for (told, computed) in cells.iter().zip(computed) {
            near(&format!("{boxes} boxes"), *told, computed);
        }
        assert_eq!(cells.len(), computed.len());
    }
}
