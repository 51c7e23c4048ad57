//! `[health.tickets]`: what is said of incidents, to whom.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Credentials, Endpoint, Period, TimeWindow};

/// Names of all kinds of incidents, as `health` knows them.
pub const INCIDENT_KINDS: [&str; 20] = [
    "link_down",
    "link_degraded",
    "link_slow",
    "path_mtu",
    "target_silent",
    "names_fail",
    "controller_silent",
    "access_point_down",
    "wing_down",
    "disk_full",
    "disk_failing",
    "hot",
    "clock_wrong",
    "certificate_ending",
    "mirror_stuck",
    "store_damaged",
    "lists_old",
    "proxy_fails",
    "update_failed",
    "uplink_stuck",
];

/// `[health.tickets]`. Incidents are kept whatever it says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tickets {
    /// Whom the desk may call at the school.
    pub contact: Option<String>,
    /// The terms of the contract, as tickets quote them.
    pub contract: Option<String>,
    /// The availability that the contract promises for a month.
    pub availability: Option<Percent>,
    /// When boarders are in: the third clock of the availability.
    pub boarding_hours: Vec<TimeWindow>,
    /// An incident that ends within this is kept, and nobody is told.
    pub delay: Period,
    /// What is wrong again within this of its end is the same incident.
    pub merge: Period,
    /// Lesser ones are kept, and nobody is told.
    pub severity: TicketSeverity,
    /// Only these kinds; empty = all.
    pub kinds: Vec<String>,
    /// Tickets sent in an hour by each way; the rest waits.
    pub most_per_hour: u32,
    /// By mail.
    pub mail: Option<TicketMail>,
    /// By HTTPS.
    pub hook: Option<TicketHook>,
}

impl Default for Tickets {
    fn default() -> Self {
        Self {
            contact: None,
            contract: None,
            availability: None,
            boarding_hours: "mon-thu,sun 18:00-22:00".parse().into_iter().collect(),
            delay: Period::seconds(120),
            merge: Period::seconds(600),
            severity: TicketSeverity::Degraded,
            kinds: Vec::new(),
            most_per_hour: 12,
            mail: None,
            hook: None,
        }
    }
}

/// How much an incident must weigh for somebody to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TicketSeverity {
    /// Nobody is hindered yet.
    Notice,
    /// Something works badly, or in a few places not.
    Degraded,
    /// Something that many need is gone.
    Outage,
}

/// `[health.tickets.mail]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TicketMail {
    /// The server that takes it.
    pub server: Endpoint,
    /// How the way there is kept secret.
    #[serde(default)]
    pub tls: MailTls,
    /// Who writes.
    pub from: String,
    /// Who reads.
    pub to: Vec<String>,
    /// The account at the server.
    pub user: Option<String>,
    /// A file with its password, in one line.
    pub password_file: Option<PathBuf>,
}

/// TLS toward a mail server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// From the first byte on, as on port 465 (RFC 8314 §3.3).
    Tls,
    /// After STARTTLS, as on port 587 (RFC 3207); without it nothing is sent.
    #[default]
    Starttls,
    /// None at all.
    None,
}

/// `[health.tickets.hook]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TicketHook {
    /// Where tickets go by POST, as JSON.
    pub url: Url,
    /// How the box proves who it is.
    #[serde(default)]
    pub credentials: Credentials,
}

/// Hundredths with up to three decimals, such as `99.95%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

const A_PERCENT: &str = "hundredths from 0 to 100, such as \"99.7%\"";

impl Percent {
    /// As a part of one.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 100_000.0
    }
}

impl FromStr for Percent {
    type Err = super::BadUnit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let number = text.trim().strip_suffix('%')?.trim_end();
            let (whole, part) = number.split_once(['.', ',']).unwrap_or((number, "0"));
            let digits = |text: &str, most: usize| {
                let good = (1..=most).contains(&text.len());
                good && text.bytes().all(|byte| byte.is_ascii_digit())
            };
            if !digits(whole, 3) || !digits(part, 3) {
                return None;
            }
            let value =
                whole.parse::<u32>().ok()? * 1000 + format!("{part:0<3}").parse::<u32>().ok()?;
            (value <= 100_000).then_some(Self(value))
        };
        read().ok_or_else(|| super::BadUnit::new(text, A_PERCENT))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:03}", self.0 % 1000);
        let part = part.trim_end_matches('0');
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{}{point}{part}%", self.0 / 1000)
    }
}

impl Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_read_as_contracts_write_it_and_shown_so() {
        for (text, shown) in
            [("99.7%", "99.7%"), ("99,95 %", "99.95%"), ("100%", "100%"), (" 0.5% ", "0.5%")]
        {
            let read: Percent = text.parse().unwrap();
            assert_eq!(read.to_string(), shown);
            assert_eq!(shown.parse(), Ok(read));
        }
        for text in ["", "%", "99.7", "100.001%", "101%", "-1%", "99.7777%", "1e2%", "99.%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
        assert!((Percent(99_700).share() - 0.997).abs() < 1e-12);
    }

    #[test]
    fn boarders_are_in_on_five_evenings_when_nobody_says_otherwise() {
        assert_eq!(Tickets::default().boarding_hours.len(), 1);
    }
}
