//! The words about the filter.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    access::Role,
    config::filter::Site,
    filter::{Opening, PolicyReport, Who, policy::Explanation, reviews::Review, target::Typed},
};

/// What may be asked of the filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterAsk {
    /// May somebody go somewhere, and why?
    Explain(Question),
    /// Which profiles are there, and what do they say?
    Policy,
    /// Open a site to a class for a while.
    Open {
        /// The site.
        site: Site,
        /// The class's network.
        network: IpNet,
        /// For how many minutes.
        minutes: u32,
        /// Who opens it, as the one who typed says.
        by: String,
        /// What for.
        reason: String,
    },
    /// Close a site before its time.
    Close {
        /// The site.
        site: Site,
        /// In this network; nothing = in all.
        network: Option<IpNet>,
        /// Who closes it.
        by: String,
    },
    /// What is open?
    Openings,
    /// What did pupils ask to look at again?
    Reviews,
    /// Answer such a request.
    Answer {
        /// Its number.
        id: u32,
        /// The words, for the pupil.
        text: String,
        /// Who answers.
        by: String,
    },
}

/// May somebody go somewhere?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Where, as typed.
    pub url: String,
    /// The device's address; nothing = one that is of no network.
    pub from: Option<IpAddr>,
    /// The interface that leads to it; nothing = as the daemon sees it.
    pub interface: Option<String>,
    /// What the person who signed in is; nothing = as the daemon knows it, of a question about now.
    pub role: Option<Role>,
    /// When: local time (`2026-11-26T10:05`), or with a zone; nothing = now.
    pub at: Option<String>,
}

/// A question whose texts were understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Where.
    pub typed: Typed,
    /// When.
    pub at: Timestamp,
    from: IpAddr,
    interface: Option<String>,
    role: Option<Role>,
}

impl Asked {
    /// Who asks.
    pub fn who(&self) -> Who<'_> {
        Who { address: self.from, interface: self.interface.as_deref(), role: self.role }
    }
}

impl Question {
    /// Understands its texts, local times in `zone`.
    ///
    /// # Errors
    /// One of them says nothing; which, and what was expected.
    pub fn read(&self, zone: &TimeZone) -> Result<Asked, String> {
        let typed = Typed::parse(&self.url)
            .map_err(|why| format!("`{}` is no address: {why}", self.url.escape_debug()))?;
        let at = match &self.at {
            None => Timestamp::now(),
            Some(text) => moment(text, zone).ok_or_else(|| {
                let text = text.escape_debug();
                format!("`{text}` is no moment, such as \"2026-11-26T10:05\" or \"2026-11-26\"")
            })?,
        };
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let (from, interface) = (self.from.unwrap_or(nowhere), self.interface.clone());
        Ok(Asked { typed, at, from, interface, role: self.role })
    }
}

fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    let local = || {
        let local = text.parse::<jiff::civil::DateTime>().ok()?;
        zone.to_timestamp(local).ok()
    };
    text.parse().ok().or_else(local)
}

/// What the filter answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterAnswer {
    /// Of `Explain`.
    Explained(Box<Explanation>),
    /// Of `Policy`.
    Policy(Box<PolicyReport>),
    /// Of `Open`.
    Opened(Opening),
    /// Of `Close`.
    Closed {
        /// How many were open.
        count: usize,
    },
    /// Of `Openings`.
    Openings(Vec<Opening>),
    /// Of `Reviews`: those that wait first.
    Reviews {
        /// As many as fit.
        reviews: Vec<Review>,
        /// How many were left out.
        more: usize,
    },
    /// Of `Answer`.
    Answered(Review),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_local_time_or_with_its_zone() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        for (text, read) in [
            ("2026-11-26T10:05", Some("2026-11-26T09:05:00Z")),
            ("2026-11-26 10:05", Some("2026-11-26T09:05:00Z")),
            ("2026-11-26", Some("2026-11-25T23:00:00Z")),
            ("2026-11-26T10:05Z", Some("2026-11-26T10:05:00Z")),
            ("2026-11-26T10:05+02:00", Some("2026-11-26T08:05:00Z")),
            ("tomorrow", None),
        ] {
            assert_eq!(moment(text, &zone).map(|at| at.to_string()).as_deref(), read, "{text}");
        }
    }
}
