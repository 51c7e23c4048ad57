//! How hot it is: thermal zones and hwmon (the kernel's sysfs-class-thermal and hwmon sysfs-interface).

use std::{collections::BTreeSet, path::Path};

use super::files;

/// What a sensor may say; anything else is a sensor that is not there.
const SENSIBLE: std::ops::RangeInclusive<f64> = -40.0..=150.0;
/// A limit must be above this: some firmware says 0.
const LEAST_LIMIT: f64 = 40.0;
/// This far below where the hardware cuts off, somebody must hear of it.
const BEFORE_CRITICAL: f64 = 5.0;
/// Where the hardware names no limit.
const USUAL_LIMIT: f64 = 90.0;
/// The same of a disk.
const USUAL_DISK_LIMIT: f64 = 70.0;
/// Sensors that are told.
const MAX_SENSORS: usize = 16;

/// A sensor, in °C.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// What it measures, by the kernel's name; unique.
    pub sensor: String,
    /// How hot.
    pub celsius: f64,
    /// From here on it is too hot.
    pub limit: f64,
}

/// Every sensor. Blocking.
pub fn heat(root: &Path) -> Vec<Heat> {
    let mut all: Vec<Heat> = Vec::new();
    let mut zones = BTreeSet::new();
    for zone in files::within(&root.join("sys/class/thermal"), "thermal_zone") {
        let Some(name) = files::name(&zone.join("type")) else { continue };
        zones.insert(name.replace('-', "_"));
        let Some(celsius) = degrees(&zone.join("temp")) else { continue };
        let critical = critical(&zone);
        all.push(Heat { limit: limit(critical, &name), sensor: name, celsius });
    }
    for chip in files::within(&root.join("sys/class/hwmon"), "hwmon") {
        let Some(name) = files::name(&chip.join("name")) else { continue };
        // The kernel shows thermal zones here once more.
        if zones.contains(&name.replace('-', "_")) {
            continue;
        }
        for input in files::within(&chip, "temp") {
            let number = files::name_of(&input).and_then(|file| file.strip_suffix("_input"));
            let Some(number) = number else { continue };
            let Some(celsius) = degrees(&input) else { continue };
            let own = |what: &str| chip.join(format!("{number}_{what}"));
            let label = files::name(&own("label")).unwrap_or_else(|| number.to_owned());
            let critical = degrees(&own("crit")).or_else(|| degrees(&own("max")));
            let sensor = format!("{name} {label}");
            all.push(Heat { limit: limit(critical, &name), sensor, celsius });
        }
    }
    all.truncate(MAX_SENSORS);
    tell_apart(&mut all);
    all
}

fn degrees(path: &Path) -> Option<f64> {
    let thousandths: i32 = files::word(path)?;
    let celsius = f64::from(thousandths) / 1000.0;
    SENSIBLE.contains(&celsius).then_some(celsius)
}

/// Where a zone's hardware cuts off.
fn critical(zone: &Path) -> Option<f64> {
    files::within(zone, "trip_point_").iter().find_map(|path| {
        let number = files::name_of(path)?.strip_suffix("_type")?;
        let critical = files::text(path)?.trim() == "critical";
        critical.then(|| degrees(&zone.join(format!("{number}_temp"))))?
    })
}

fn limit(critical: Option<f64>, chip: &str) -> f64 {
    let usual = if ["nvme", "drivetemp"].contains(&chip) { USUAL_DISK_LIMIT } else { USUAL_LIMIT };
    critical
        .map(|critical| critical - BEFORE_CRITICAL)
        .filter(|at| *at > LEAST_LIMIT)
        .unwrap_or(usual)
}

/// Two of one name get a number.
fn tell_apart(all: &mut [Heat]) {
    let mut names = BTreeSet::new();
    for one in all {
        let mut name = one.sensor.clone();
        for number in 2..=MAX_SENSORS {
            if names.insert(name.clone()) {
                break;
            }
            name = format!("{} {number}", one.sensor);
        }
        one.sensor = name;
    }
}
