//! `preau health box`: how the box and its services are, and what is wrong with them.

use indicatif::{HumanBytes, HumanDuration};
use jiff::Timestamp;
use preau::health::{
    finding::{Finding, Verdict},
    told::{BoxLines, ValueLine},
};
use serde_json::json;

use super::{exit::Exit, health::moment};

/// What the daemon knows.
pub fn tell(lines: &BoxLines, json: bool) -> Exit {
    if json {
        println!("{}", json!(lines));
    } else {
        show(lines);
    }
    let wrong = lines.findings.iter().any(is_wrong);
    if wrong { Exit::Temporary } else { Exit::Good }
}

fn is_wrong(finding: &Finding) -> bool {
    finding.verdict == Verdict::Wrong
}

/// The values, found by name.
struct Values<'a>(&'a [ValueLine]);

impl<'a> Values<'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a ValueLine> {
        self.0.iter().filter(move |line| line.name == name)
    }

    fn one(&self, name: &str) -> Option<f64> {
        self.all(name).next().map(|line| line.value)
    }

    /// The value of that name which is of the same thing.
    fn beside(&self, name: &str, line: &ValueLine) -> Option<f64> {
        self.all(name).find(|other| other.labels == line.labels).map(|other| other.value)
    }

    fn bytes(&self, name: &str) -> String {
        say(self.one(name), bytes)
    }

    fn moment(&self, name: &str) -> String {
        say(self.one(name), |seconds| say(at(seconds), moment))
    }

    /// `1 here, 2 wanted` by its label.
    fn counts(&self, name: &str) -> String {
        let parts = self.all(name).map(|line| format!("{} {}", line.value, first(line)));
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
    }
}

fn show(lines: &BoxLines) {
    let values = Values(&lines.values);
    if lines.values.is_empty() {
        println!("not looked at yet");
    }
    for line in values.all("preau_build_info") {
        let cpu = say(values.one("preau_process_cpu_seconds_total"), |s| format!("{s:.1} s"));
        println!(
            "daemon       {}, since {}, {cpu} of processor, {}, {} descriptors",
            first(line),
            values.moment("preau_process_start_time_seconds"),
            values.bytes("preau_process_resident_memory_bytes"),
            say(values.one("preau_process_open_fds"), |count| count.to_string()),
        );
    }
    machine(&values);
    services(&values);
    for line in values.all("preau_wifi_own_radio_frequency_hertz") {
        let noise = values.beside("preau_wifi_own_radio_noise_dbm", line);
        let busy = values.beside("preau_wifi_own_radio_utilization_ratio", line);
        println!(
            "radio        {}: {:.0} MHz, noise {}, channel used {}",
            first(line),
            line.value / 1e6,
            say(noise, |dbm| format!("{dbm} dBm")),
            say(busy, percent)
        );
    }
    for one in lines.findings.iter().filter(|one| is_wrong(one)) {
        let kind = json!(one.kind);
        let kind = kind.as_str().unwrap_or_default();
        println!("WRONG        {kind}, since {}: {}", moment(one.since), one.detail);
    }
    let unknown = lines.findings.iter().filter(|one| one.verdict == Verdict::Unknown).count();
    if unknown > 0 {
        println!("unknown      {unknown} of {} things that are watched", lines.findings.len());
    }
}

fn machine(values: &Values<'_>) {
    if let Some(load) = values.one("preau_load1") {
        println!("load         {load}");
    }
    if values.one("preau_memory_total_bytes").is_some() {
        let (free, all) = ("preau_memory_available_bytes", "preau_memory_total_bytes");
        println!("memory       {} of {} available", values.bytes(free), values.bytes(all));
    }
    for line in values.all("preau_disk_size_bytes") {
        let free = say(values.beside("preau_disk_free_bytes", line), bytes);
        println!("file system  {}: {free} of {} free", first(line), bytes(line.value));
    }
    for line in values.all("preau_disk_wear_ratio") {
        println!("disk         {}: {} of its life used", first(line), percent(line.value));
    }
    for line in values.all("preau_temperature_celsius") {
        println!("temperature  {}: {:.0} °C", first(line), line.value);
    }
    if let Some(synchronised) = values.one("preau_clock_synchronized") {
        let not = if synchronised > 0.0 { "" } else { "NOT " };
        let offset = say(values.one("preau_clock_offset_seconds"), |s| format!("{s:.6} s"));
        println!("clock        {not}synchronised, offset {offset}");
    }
}

fn services(values: &Values<'_>) {
    for line in values.all("preau_certificate_expiry_timestamp_seconds") {
        println!("certificate  {}: until {}", first(line), say(at(line.value), moment));
    }
    if values.one("preau_store_bytes").is_none() {
        return;
    }
    println!(
        "mirror       {} packages, {} to come",
        values.counts("preau_mirror_packages"),
        values.bytes("preau_mirror_wanted_bytes")
    );
    println!(
        "store        {}, read back whole {}, {} packages set aside",
        values.bytes("preau_store_bytes"),
        values.moment("preau_store_scrub_last_timestamp_seconds"),
        say(values.one("preau_store_quarantined_packages"), |count| count.to_string())
    );
    if let Some(date) = values.one("preau_filter_lists_timestamp_seconds") {
        let age = at(date).and_then(|date| Timestamp::now().duration_since(date).try_into().ok());
        println!("lists        {} old", say(age, |age| HumanDuration(age).to_string()));
    }
    println!("proxy        {}", values.counts("preau_proxy_requests_total"));
    println!("names        {}", values.counts("preau_dns_questions_total"));
}

fn first(line: &ValueLine) -> &str {
    line.labels.values().next().map_or("", String::as_str)
}

fn say<T>(value: Option<T>, say: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), say)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
fn bytes(count: f64) -> String {
    HumanBytes(count as u64).to_string()
}

#[expect(clippy::cast_possible_truncation, reason = "a moment, to the second")]
fn at(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_second(seconds as i64).ok()
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
