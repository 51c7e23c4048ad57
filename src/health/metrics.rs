//! Every name under which the box tells values: what the region collects is this list, and its bounds
//! are the bound of what a box may cost there.

mod all;

pub use self::all::ALL;
use super::sample::Metric;

/// 1 while a link carries, 0 during an outage.
pub static LINK_UP: Metric =
    Metric::gauge("preau_link_up", "1 while a link carries, 0 during an outage.", &["link"], 4);

/// Seconds of outage seen since the start.
pub static LINK_DOWN_SECONDS: Metric = Metric::counter(
    "preau_link_down_seconds_total",
    "Seconds of outage seen since the start.",
    &["link"],
    4,
);

/// What the contract promises.
pub static LINK_CONTRACT: Metric = Metric::gauge(
    "preau_link_contract_bytes_per_second",
    "What the contract promises.",
    &["link", "direction"],
    8,
);

/// What the last throughput test moved.
pub static LINK_THROUGHPUT: Metric = Metric::gauge(
    "preau_link_throughput_bytes_per_second",
    "What the last throughput test moved.",
    &["link", "direction"],
    8,
);

/// Median round trip to the anchors, idle or busy.
pub static LINK_LATENCY: Metric = Metric::gauge(
    "preau_link_latency_seconds",
    "Median round trip to the anchors, idle or busy.",
    &["link", "load"],
    8,
);

/// Largest packet that passes.
pub static LINK_PATH_MTU: Metric =
    Metric::gauge("preau_link_path_mtu_bytes", "Largest packet that passes.", &["link"], 4);

/// Probes sent.
pub static PROBE_SENT: Metric =
    Metric::counter("preau_probe_sent_total", "Probes sent.", &["target", "method"], 32);

/// Probes without an answer in time.
pub static PROBE_LOST: Metric = Metric::counter(
    "preau_probe_lost_total",
    "Probes without an answer in time.",
    &["target", "method"],
    32,
);

/// Round trips of the last minute.
pub static PROBE_RTT: Metric = Metric::gauge(
    "preau_probe_rtt_seconds",
    "Round trips of the last minute.",
    &["target", "method", "percentile"],
    96,
);

/// Mean difference of successive round trips of the last minute.
pub static PROBE_JITTER: Metric = Metric::gauge(
    "preau_probe_jitter_seconds",
    "Mean difference of successive round trips of the last minute.",
    &["target", "method"],
    32,
);

/// Time of each phase of the last fetch: dns, connect, tls, `first_byte`.
pub static PROBE_PHASE: Metric = Metric::gauge(
    "preau_probe_phase_seconds",
    "Time of each phase of the last fetch: dns, connect, tls, first_byte.",
    &["target", "phase"],
    64,
);

/// 1 if the last fetch or question succeeded.
pub static PROBE_SUCCESS: Metric = Metric::gauge(
    "preau_probe_success",
    "1 if the last fetch or question succeeded.",
    &["target", "method"],
    32,
);

/// 1 while an interface has a carrier.
pub static INTERFACE_UP: Metric =
    Metric::gauge("preau_interface_up", "1 while an interface has a carrier.", &["interface"], 16);

/// What an interface has agreed on.
pub static INTERFACE_SPEED: Metric = Metric::gauge(
    "preau_interface_speed_bytes_per_second",
    "What an interface has agreed on.",
    &["interface"],
    16,
);

/// Bytes received.
pub static INTERFACE_RECEIVED: Metric =
    Metric::counter("preau_interface_receive_bytes_total", "Bytes received.", &["interface"], 16);

/// Bytes sent.
pub static INTERFACE_SENT: Metric =
    Metric::counter("preau_interface_transmit_bytes_total", "Bytes sent.", &["interface"], 16);

/// Frames received that were broken.
pub static INTERFACE_RECEIVE_ERRORS: Metric = Metric::counter(
    "preau_interface_receive_errors_total",
    "Frames received that were broken.",
    &["interface"],
    16,
);

/// Frames that could not be sent.
pub static INTERFACE_SEND_ERRORS: Metric = Metric::counter(
    "preau_interface_transmit_errors_total",
    "Frames that could not be sent.",
    &["interface"],
    16,
);

/// Frames received that were dropped.
pub static INTERFACE_RECEIVE_DROPS: Metric = Metric::counter(
    "preau_interface_receive_dropped_total",
    "Frames received that were dropped.",
    &["interface"],
    16,
);

/// 1 while a controller answers.
pub static CONTROLLER_UP: Metric =
    Metric::gauge("preau_wifi_controller_up", "1 while a controller answers.", &["controller"], 16);

/// How long the last look took.
pub static CONTROLLER_POLL: Metric = Metric::gauge(
    "preau_wifi_controller_poll_seconds",
    "How long the last look took.",
    &["controller"],
    16,
);

/// Access points by how they stand: up, down, missing, unknown.
pub static CONTROLLER_ACCESS_POINTS: Metric = Metric::gauge(
    "preau_wifi_controller_access_points",
    "Access points by how they stand: up, down, missing, unknown.",
    &["controller", "state"],
    64,
);

/// Clients as the controller counts them.
pub static CONTROLLER_CLIENTS: Metric = Metric::gauge(
    "preau_wifi_controller_clients",
    "Clients as the controller counts them.",
    &["controller"],
    16,
);

/// Clients of a network.
pub static SSID_CLIENTS: Metric =
    Metric::gauge("preau_wifi_ssid_clients", "Clients of a network.", &["controller", "ssid"], 64);

/// 1 while an access point is up, 0 while it is down or missing.
pub static AP_UP: Metric = Metric::gauge(
    "preau_wifi_ap_up",
    "1 while an access point is up, 0 while it is down or missing.",
    &["ap"],
    2048,
);

/// Time since its start.
pub static AP_UPTIME: Metric =
    Metric::gauge("preau_wifi_ap_uptime_seconds", "Time since its start.", &["ap"], 2048);

/// Starts, as the controller counts them.
pub static AP_REBOOTS: Metric = Metric::counter(
    "preau_wifi_ap_reboots_total",
    "Starts, as the controller counts them.",
    &["ap"],
    2048,
);

/// Always 1: what an access point is and where.
pub static AP_INFO: Metric = Metric::gauge(
    "preau_wifi_ap_info",
    "Always 1: what an access point is and where.",
    &["ap", "controller", "name", "model", "serial", "building", "floor", "room"],
    2048,
);

/// Clients of a radio.
pub static RADIO_CLIENTS: Metric =
    Metric::gauge("preau_wifi_radio_clients", "Clients of a radio.", &["ap", "radio"], 6144);

/// Channel number.
pub static RADIO_CHANNEL: Metric =
    Metric::gauge("preau_wifi_radio_channel", "Channel number.", &["ap", "radio"], 6144);

/// Part of the time in which the channel is used.
pub static RADIO_UTILISATION: Metric = Metric::gauge(
    "preau_wifi_radio_utilization_ratio",
    "Part of the time in which the channel is used.",
    &["ap", "radio"],
    6144,
);

/// Noise on the channel.
pub static RADIO_NOISE: Metric =
    Metric::gauge("preau_wifi_radio_noise_dbm", "Noise on the channel.", &["ap", "radio"], 6144);

/// Transmit power.
pub static RADIO_POWER: Metric =
    Metric::gauge("preau_wifi_radio_transmit_power_dbm", "Transmit power.", &["ap", "radio"], 6144);

/// Frequency of the box's own radio.
pub static OWN_RADIO_CHANNEL: Metric = Metric::gauge(
    "preau_wifi_own_radio_frequency_hertz",
    "Frequency of the box's own radio.",
    &["interface"],
    8,
);

/// Noise at the box's own radio.
pub static OWN_RADIO_NOISE: Metric = Metric::gauge(
    "preau_wifi_own_radio_noise_dbm",
    "Noise at the box's own radio.",
    &["interface"],
    8,
);

/// Part of the time in which the box's own radio finds its channel used.
pub static OWN_RADIO_BUSY: Metric = Metric::gauge(
    "preau_wifi_own_radio_utilization_ratio",
    "Part of the time in which the box's own radio finds its channel used.",
    &["interface"],
    8,
);

/// Always 1: what runs.
pub static BUILD_INFO: Metric =
    Metric::gauge("preau_build_info", "Always 1: what runs.", &["version"], 1);

/// When the daemon started.
pub static START_TIME: Metric =
    Metric::gauge("preau_process_start_time_seconds", "When the daemon started.", &[], 1);

/// Processor time of the daemon.
pub static PROCESS_CPU: Metric =
    Metric::counter("preau_process_cpu_seconds_total", "Processor time of the daemon.", &[], 1);

/// Memory of the daemon.
pub static PROCESS_MEMORY: Metric =
    Metric::gauge("preau_process_resident_memory_bytes", "Memory of the daemon.", &[], 1);

/// Descriptors of the daemon.
pub static PROCESS_FDS: Metric =
    Metric::gauge("preau_process_open_fds", "Descriptors of the daemon.", &[], 1);

/// Processor time of the box by use.
pub static CPU: Metric =
    Metric::counter("preau_cpu_seconds_total", "Processor time of the box by use.", &["mode"], 8);

/// Load of the last minute.
pub static LOAD: Metric = Metric::gauge("preau_load1", "Load of the last minute.", &[], 1);

/// Memory.
pub static MEMORY_TOTAL: Metric = Metric::gauge("preau_memory_total_bytes", "Memory.", &[], 1);

/// Memory that could be had.
pub static MEMORY_AVAILABLE: Metric =
    Metric::gauge("preau_memory_available_bytes", "Memory that could be had.", &[], 1);

/// Size of a file system.
pub static DISK_SIZE: Metric =
    Metric::gauge("preau_disk_size_bytes", "Size of a file system.", &["mountpoint"], 8);

/// Free room of a file system.
pub static DISK_FREE: Metric =
    Metric::gauge("preau_disk_free_bytes", "Free room of a file system.", &["mountpoint"], 8);

/// 1 if a disk says that it is well.
pub static DISK_HEALTHY: Metric =
    Metric::gauge("preau_disk_healthy", "1 if a disk says that it is well.", &["device"], 8);

/// Part of its life that a disk says it has used.
pub static DISK_WEAR: Metric = Metric::gauge(
    "preau_disk_wear_ratio",
    "Part of its life that a disk says it has used.",
    &["device"],
    8,
);

/// Temperatures.
pub static TEMPERATURE: Metric =
    Metric::gauge("preau_temperature_celsius", "Temperatures.", &["sensor"], 16);

/// How far the clock is from its source.
pub static CLOCK_OFFSET: Metric =
    Metric::gauge("preau_clock_offset_seconds", "How far the clock is from its source.", &[], 1);

/// 1 if the clock is synchronised.
pub static CLOCK_SYNCHRONIZED: Metric =
    Metric::gauge("preau_clock_synchronized", "1 if the clock is synchronised.", &[], 1);

/// When a certificate ends.
pub static CERTIFICATE_END: Metric = Metric::gauge(
    "preau_certificate_expiry_timestamp_seconds",
    "When a certificate ends.",
    &["certificate"],
    8,
);

/// Packages by how they are: here, wanted, failed.
pub static MIRROR_PACKAGES: Metric = Metric::gauge(
    "preau_mirror_packages",
    "Packages by how they are: here, wanted, failed.",
    &["state"],
    4,
);

/// Bytes still to come.
pub static MIRROR_WANTED: Metric =
    Metric::gauge("preau_mirror_wanted_bytes", "Bytes still to come.", &[], 1);

/// Bytes of packages kept.
pub static STORE_BYTES: Metric =
    Metric::gauge("preau_store_bytes", "Bytes of packages kept.", &[], 1);

/// When the last scrub ended.
pub static SCRUB_LAST: Metric =
    Metric::gauge("preau_store_scrub_last_timestamp_seconds", "When the last scrub ended.", &[], 1);

/// Damaged packages that were set aside.
pub static SCRUB_DAMAGED: Metric = Metric::gauge(
    "preau_store_quarantined_packages",
    "Damaged packages that were set aside.",
    &[],
    1,
);

/// Date of the lists in force.
pub static LISTS_DATE: Metric =
    Metric::gauge("preau_filter_lists_timestamp_seconds", "Date of the lists in force.", &[], 1);

/// Requests and tunnels by result: served, refused, failed.
pub static PROXY_REQUESTS: Metric = Metric::counter(
    "preau_proxy_requests_total",
    "Requests and tunnels by result: served, refused, failed.",
    &["result"],
    4,
);

/// Questions by result: answered, refused, failed.
pub static DNS_QUESTIONS: Metric = Metric::counter(
    "preau_dns_questions_total",
    "Questions by result: answered, refused, failed.",
    &["result"],
    4,
);

/// 1 for the state in which updates are.
pub static UPDATE_STATE: Metric =
    Metric::gauge("preau_update_state", "1 for the state in which updates are.", &["state"], 8);

/// Open incidents by kind.
pub static INCIDENTS_OPEN: Metric =
    Metric::gauge("preau_incidents_open", "Open incidents by kind.", &["kind"], 24);

/// Incidents opened since the start.
pub static INCIDENTS_OPENED: Metric = Metric::counter(
    "preau_incidents_opened_total",
    "Incidents opened since the start.",
    &["kind"],
    24,
);

/// Bytes that wait to be sent.
pub static SPOOL_BYTES: Metric =
    Metric::gauge("preau_uplink_spool_bytes", "Bytes that wait to be sent.", &[], 1);

/// Samples that wait to be sent.
pub static SPOOL_SAMPLES: Metric =
    Metric::gauge("preau_uplink_spool_samples", "Samples that wait to be sent.", &[], 1);

/// Time of the oldest sample that waits.
pub static SPOOL_OLDEST: Metric = Metric::gauge(
    "preau_uplink_spool_oldest_timestamp_seconds",
    "Time of the oldest sample that waits.",
    &[],
    1,
);

/// Samples that the region took.
pub static SAMPLES_SENT: Metric =
    Metric::counter("preau_uplink_samples_sent_total", "Samples that the region took.", &[], 1);

/// Samples merged away to make room, by step: 1m, 15m.
pub static SAMPLES_THINNED: Metric = Metric::counter(
    "preau_uplink_samples_thinned_total",
    "Samples merged away to make room, by step: 1m, 15m.",
    &["step"],
    2,
);

/// Samples lost, by reason: refused, full, damaged, clock.
pub static SAMPLES_DROPPED: Metric = Metric::counter(
    "preau_uplink_samples_dropped_total",
    "Samples lost, by reason: refused, full, damaged, clock.",
    &["reason"],
    4,
);

/// Requests by result: taken, refused, failed, unreachable.
pub static UPLINK_REQUESTS: Metric = Metric::counter(
    "preau_uplink_requests_total",
    "Requests by result: taken, refused, failed, unreachable.",
    &["result"],
    4,
);

/// The box's clock at each collection.
pub static HEARTBEAT: Metric = Metric::gauge(
    "preau_heartbeat_timestamp_seconds",
    "The box's clock at each collection.",
    &[],
    1,
);

/// Series that the box tells.
pub static SERIES: Metric =
    Metric::gauge("preau_uplink_series", "Series that the box tells.", &[], 1);
