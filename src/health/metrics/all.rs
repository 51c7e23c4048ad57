//! The names, in one list.

use super::{
    AP_INFO, AP_REBOOTS, AP_UP, AP_UPTIME, BUILD_INFO, CERTIFICATE_END, CLOCK_OFFSET,
    CLOCK_SYNCHRONIZED, CONTROLLER_ACCESS_POINTS, CONTROLLER_CLIENTS, CONTROLLER_POLL,
    CONTROLLER_UP, CPU, DISK_FREE, DISK_HEALTHY, DISK_SIZE, DISK_WEAR, DNS_QUESTIONS, HEARTBEAT,
    INCIDENTS_OPEN, INCIDENTS_OPENED, INTERFACE_RECEIVE_DROPS, INTERFACE_RECEIVE_ERRORS,
    INTERFACE_RECEIVED, INTERFACE_SEND_ERRORS, INTERFACE_SENT, INTERFACE_SPEED, INTERFACE_UP,
    LINK_CONTRACT, LINK_DOWN_SECONDS, LINK_LATENCY, LINK_PATH_MTU, LINK_THROUGHPUT, LINK_UP,
    LISTS_DATE, LOAD, MEMORY_AVAILABLE, MEMORY_TOTAL, MIRROR_PACKAGES, MIRROR_WANTED,
    OWN_RADIO_BUSY, OWN_RADIO_CHANNEL, OWN_RADIO_NOISE, PROBE_JITTER, PROBE_LOST, PROBE_PHASE,
    PROBE_RTT, PROBE_SENT, PROBE_SUCCESS, PROCESS_CPU, PROCESS_FDS, PROCESS_MEMORY, PROXY_REQUESTS,
    RADIO_CHANNEL, RADIO_CLIENTS, RADIO_NOISE, RADIO_POWER, RADIO_UTILISATION, SAMPLES_DROPPED,
    SAMPLES_SENT, SAMPLES_THINNED, SCRUB_DAMAGED, SCRUB_LAST, SERIES, SPOOL_BYTES, SPOOL_OLDEST,
    SPOOL_SAMPLES, SSID_CLIENTS, START_TIME, STORE_BYTES, TEMPERATURE, UPDATE_STATE,
    UPLINK_REQUESTS,
};
use crate::health::sample::Metric;

/// All of them.
pub static ALL: &[&Metric] = &[
    &LINK_UP,
    &LINK_DOWN_SECONDS,
    &LINK_CONTRACT,
    &LINK_THROUGHPUT,
    &LINK_LATENCY,
    &LINK_PATH_MTU,
    &PROBE_SENT,
    &PROBE_LOST,
    &PROBE_RTT,
    &PROBE_JITTER,
    &PROBE_PHASE,
    &PROBE_SUCCESS,
    &INTERFACE_UP,
    &INTERFACE_SPEED,
    &INTERFACE_RECEIVED,
    &INTERFACE_SENT,
    &INTERFACE_RECEIVE_ERRORS,
    &INTERFACE_SEND_ERRORS,
    &INTERFACE_RECEIVE_DROPS,
    &CONTROLLER_UP,
    &CONTROLLER_POLL,
    &CONTROLLER_ACCESS_POINTS,
    &CONTROLLER_CLIENTS,
    &SSID_CLIENTS,
    &AP_UP,
    &AP_UPTIME,
    &AP_REBOOTS,
    &AP_INFO,
    &RADIO_CLIENTS,
    &RADIO_CHANNEL,
    &RADIO_UTILISATION,
    &RADIO_NOISE,
    &RADIO_POWER,
    &OWN_RADIO_CHANNEL,
    &OWN_RADIO_NOISE,
    &OWN_RADIO_BUSY,
    &BUILD_INFO,
    &START_TIME,
    &PROCESS_CPU,
    &PROCESS_MEMORY,
    &PROCESS_FDS,
    &CPU,
    &LOAD,
    &MEMORY_TOTAL,
    &MEMORY_AVAILABLE,
    &DISK_SIZE,
    &DISK_FREE,
    &DISK_HEALTHY,
    &DISK_WEAR,
    &TEMPERATURE,
    &CLOCK_OFFSET,
    &CLOCK_SYNCHRONIZED,
    &CERTIFICATE_END,
    &MIRROR_PACKAGES,
    &MIRROR_WANTED,
    &STORE_BYTES,
    &SCRUB_LAST,
    &SCRUB_DAMAGED,
    &LISTS_DATE,
    &PROXY_REQUESTS,
    &DNS_QUESTIONS,
    &UPDATE_STATE,
    &INCIDENTS_OPEN,
    &INCIDENTS_OPENED,
    &SPOOL_BYTES,
    &SPOOL_SAMPLES,
    &SPOOL_OLDEST,
    &SAMPLES_SENT,
    &SAMPLES_THINNED,
    &SAMPLES_DROPPED,
    &UPLINK_REQUESTS,
    &HEARTBEAT,
    &SERIES,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::health::sample::MetricKind;

    #[test]
    fn names_follow_the_conventions_and_are_told_once() {
        let mut names = BTreeSet::new();
        for metric in ALL {
            assert!(names.insert(metric.name), "{} twice", metric.name);
            assert!(metric.name.starts_with("preau_"), "{}", metric.name);
            let counts = metric.name.ends_with("_total");
            assert_eq!(counts, metric.kind == MetricKind::Counter, "{}", metric.name);
            let plain = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(metric.labels.iter().all(|label| plain(label)), "{}", metric.name);
            assert!(metric.most > 0 && !metric.help.is_empty(), "{}", metric.name);
            assert!(
                !metric.labels.iter().any(|label| ["uai", "plaque", "site"].contains(label)),
                "{}: the box's own labels are added later",
                metric.name
            );
        }
    }
}
