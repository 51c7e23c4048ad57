//! Who asks, and what is answered.

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{category::Category, lists::Depth};
use crate::{
    access::Role,
    config::{
        LinkPart,
        filter::{Origin, SafeSearch},
    },
};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who<'a> {
    /// The device's address.
    pub address: IpAddr,
    /// The interface it came by (VLAN), when it is known.
    pub interface: Option<&'a str>,
    /// What the person who signed in on the device is, when somebody did.
    pub role: Option<Role>,
}

impl Who<'_> {
    /// A device of which nothing but the address is known.
    pub fn at(address: IpAddr) -> Self {
        Self { address, interface: None, role: None }
    }
}

/// What decided. In the order in which they are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The box itself: always open.
    TheBox,
    /// A denial that the region locked.
    Locked,
    /// An exam is on in this room.
    Exam,
    /// A teacher opened this site for a while.
    Opening,
    /// A rule names this site.
    Site,
    /// A rule names a category that lists this site.
    Category,
    /// No rule names it: what the profile says of such sites.
    Otherwise,
}

/// A category of the lists in force, as verdicts tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryFacts {
    /// Its number in these lists.
    pub category: Category,
    /// Its name.
    pub name: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Where its list comes from.
    pub list: String,
    /// When that list was made.
    pub date: Option<Timestamp>,
}

impl CategoryFacts {
    /// Is it called so?
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }
}

/// What the devices of a profile may take of the link, all of them together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// Whose it is.
    pub profile: Arc<str>,
    /// How much.
    pub most: LinkPart,
}

/// May this go through? With the reason, and the moment at which it could be otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict<'a> {
    /// May it?
    pub allowed: bool,
    /// What decided.
    pub why: Why,
    /// By whose rules; empty = the policy has no profile.
    pub profile: &'a str,
    /// The same, for whoever keeps it.
    pub name: Option<&'a Arc<str>>,
    /// What search engines are asked to leave out for this profile.
    pub safe_search: SafeSearch,
    /// What the profile's devices may take of the link, if that has a limit.
    pub ceiling: Option<&'a Arc<Ceiling>>,
    /// The rule or exam that decided; of an opening, its site.
    pub rule: Option<&'a str>,
    /// Who made the rule.
    pub origin: Option<Origin>,
    /// The category that the rule names and that lists the site.
    pub category: Option<&'a CategoryFacts>,
    /// How narrowly the site is named.
    pub depth: Option<Depth>,
    /// The first moment at which it could be otherwise, when the policy knows one.
    pub until: Option<Timestamp>,
}

impl Verdict<'_> {
    /// In words that outlive the policy and lists it was judged by.
    pub fn reason(&self) -> Reason {
        Reason {
            allowed: self.allowed,
            why: self.why,
            profile: self.profile.to_owned(),
            safe_search: self.safe_search,
            rule: self.rule.map(ToOwned::to_owned),
            by_region: self.origin == Some(Origin::Region),
            category: self.category.map(|facts| facts.name.clone()),
            list: self.category.map(|facts| facts.list.clone()),
            list_date: self.category.and_then(|facts| facts.date),
            until: self.until,
        }
    }
}

/// A verdict in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// May it go through?
    pub allowed: bool,
    /// What decided.
    pub why: Why,
    /// By whose rules; empty = the policy has no profile.
    pub profile: String,
    /// What search engines are asked to leave out.
    pub safe_search: SafeSearch,
    /// The rule, exam or opening.
    pub rule: Option<String>,
    /// Did the region make the rule?
    pub by_region: bool,
    /// The category.
    pub category: Option<String>,
    /// Where the category's list comes from.
    pub list: Option<String>,
    /// When that list was made.
    pub list_date: Option<Timestamp>,
    /// The first moment at which it could be otherwise.
    pub until: Option<Timestamp>,
}
