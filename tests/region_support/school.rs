//! What a school of so many access points tells: every name of the list, over labels as a school has
//! them. The load of a region is computed from it, and the fleet of `benches/report` sends it.

use preau::{
    config::INCIDENT_KINDS,
    health::{
        metrics::{self, ALL},
        sample::Metric,
    },
};

/// A series of a school.
#[derive(Debug, Clone)]
pub struct Told {
    pub metric: &'static Metric,
    pub labels: Vec<(&'static str, String)>,
}

/// Radios of an access point: 2.4 and 5 GHz.
const RADIOS: usize = 2;
/// Access points of a building.
const IN_A_BUILDING: usize = 25;

/// What a box says that has one link, six targets, one controller and no radio of its own.
fn values(metric: &Metric, label: &str) -> &'static [&'static str] {
    match label {
        "link" => &["fibre"],
        "direction" => &["down", "up"],
        "load" => &["idle", "busy"],
        "target" => &["gateway", "edge", "gar", "ent", "anchor-1", "anchor-2"],
        "method" if metric == &metrics::PROBE_SUCCESS => &["dns", "http"],
        "method" => &["icmp", "tcp"],
        "percentile" => &["0.5", "0.9", "0.99"],
        "phase" => &["dns", "connect", "tls", "first_byte"],
        "interface" if metric.name.contains("own_radio") => &[],
        "interface" => &["enp1s0", "enp2s0", "br0"],
        "controller" => &["controller-1"],
        "ssid" => &["LYCEE", "LYCEE-PERSONNELS", "LYCEE-INVITES", "LYCEE-4.0"],
        "mode" => &["user", "system", "irq", "idle", "iowait", "steal"],
        "mountpoint" => &["/", "/var/lib/preau"],
        "device" => &["nvme0n1"],
        "sensor" => &["cpu", "board", "nvme", "acpitz"],
        "certificate" => &["https"],
        "version" => &["0.1.0"],
        "kind" => &INCIDENT_KINDS,
        "step" => &["1m", "15m"],
        "reason" => &["refused", "full", "damaged", "clock"],
        "state" if metric == &metrics::CONTROLLER_ACCESS_POINTS => {
            &["up", "down", "missing", "unknown"]
        }
        "state" if metric == &metrics::MIRROR_PACKAGES => &["here", "wanted", "failed"],
        "state" => &["idle", "fetching", "waiting", "installing", "confirming", "failed"],
        "result" if metric == &metrics::UPLINK_REQUESTS => {
            &["taken", "refused", "failed", "unreachable"]
        }
        "result" if metric == &metrics::DNS_QUESTIONS => &["answered", "refused", "failed"],
        "result" => &["served", "refused", "failed"],
        _ => &[],
    }
}

/// All that the `number`-th school tells.
pub fn told(number: usize, access_points: usize) -> Vec<Told> {
    let mut all = Vec::new();
    for metric in ALL.iter().copied() {
        if metric.labels.contains(&"ap") {
            let radios = if metric.labels.contains(&"radio") { RADIOS } else { 1 };
            for place in 0..access_points * radios {
                let labels = metric.labels.iter().map(|&label| {
                    (label, of_an_access_point(number, place / radios, place % radios, label))
                });
                all.push(Told { metric, labels: labels.collect() });
            }
            continue;
        }
        let mut rows = vec![Vec::new()];
        for &label in metric.labels {
            let values = values(metric, label);
            rows = rows
                .into_iter()
                .flat_map(|row: Vec<(&'static str, String)>| {
                    values.iter().map(move |value| {
                        let mut row = row.clone();
                        row.push((label, (*value).to_owned()));
                        row
                    })
                })
                .collect();
        }
        all.extend(rows.into_iter().map(|labels| Told { metric, labels }));
    }
    all
}

fn of_an_access_point(school: usize, place: usize, radio: usize, label: &str) -> String {
    let room = 100 + place % IN_A_BUILDING;
    match label {
        "ap" => format!("02:00:{:02x}:{:02x}:{place:02x}:00", school >> 8, school & 0xff),
        "radio" => radio.to_string(),
        "controller" => "controller-1".to_owned(),
        "name" => format!("AP-{}-{room}", place / IN_A_BUILDING),
        "model" => "AP-515".to_owned(),
        "serial" => format!("CN{school:04}{place:04}"),
        "building" => format!("Bâtiment {}", place / IN_A_BUILDING + 1),
        "floor" => (place % 3).to_string(),
        _ => room.to_string(),
    }
}
