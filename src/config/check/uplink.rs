//! What the types of `[uplink]` cannot say.

use std::time::Duration;

use super::{Found, absolute, check_url};
use crate::config::{
    ByteSize, Config, Credentials,
    report::Severity::{Error, Warning},
};

const SHORTEST_INTERVAL: Duration = Duration::from_secs(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);
/// A spool is made of segments, some of which must fit.
const SMALLEST_QUOTA: ByteSize = ByteSize::mib(8);
const MAX_LABEL_CHARS: usize = 64;
const MAX_NETWORKS: usize = 64;

pub(super) fn check_uplink(config: &Config, found: &mut Found<'_>) {
    let uplink = &config.uplink;
    match (&uplink.url, uplink.address(&config.school.uai)) {
        (Some(text), None) => {
            let says = format!("`{}` is no address", text.escape_debug());
            found(
                "uplink.url",
                Error,
                says,
                "such as \"https://mesures.example.org/api/v1/write\"",
            );
        }
        (Some(_), Some(url)) => {
            check_url("uplink.url", &url, &Credentials::default(), found);
            if url.scheme() == "https" && uplink.certificate.is_none() {
                let says = "the region cannot tell which box sends".into();
                found("uplink.url", Warning, says, "uplink.certificate and uplink.key");
            }
            if url.scheme() == "http" && uplink.certificate.is_some() {
                let says = "a certificate is of no use over plain http".into();
                found("uplink.url", Warning, says, "https://");
            }
        }
        _ => {}
    }
    if uplink.certificate.is_some() != uplink.key.is_some() {
        let says = "a certificate and its key go together".into();
        found("uplink.certificate", Error, says, "both, or neither");
    }
    for (name, path) in [("certificate", &uplink.certificate), ("key", &uplink.key)] {
        if let Some(path) = path {
            absolute(&format!("uplink.{name}"), path, found);
        }
    }
    for (name, label) in [("plaque", &uplink.plaque), ("site", &uplink.site)] {
        if label.chars().count() > MAX_LABEL_CHARS || label.chars().any(char::is_control) {
            let says = format!("`{}` is no label", label.escape_debug());
            found(&format!("uplink.{name}"), Error, says, "at most 64 characters in one line");
        }
    }
    if uplink.interval.0 < SHORTEST_INTERVAL || uplink.interval.0 > LONGEST_INTERVAL {
        let says = format!("collected every {}", uplink.interval);
        found("uplink.interval", Error, says, "10s to 1h");
    }
    if uplink.quota < SMALLEST_QUOTA {
        found("uplink.quota", Error, format!("{} is small", uplink.quota), "8 MiB or more");
    }
    if uplink.metrics_for.len() > MAX_NETWORKS {
        let says = format!("{} networks", uplink.metrics_for.len());
        found("uplink.metrics_for", Error, says, "at most 64");
    }
}
