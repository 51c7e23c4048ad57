//! `[filter]`: who may go where, and when. The region's policy file holds one such section, and
//! the school's `preau.toml` another on top of it; [`Merged`] is what the two say together.
//!
//! Not here: lists of sites by category, and what follows for one address (`filter`).

mod beside;
mod check;
mod holidays;
mod locks;
mod merge;
mod site;

use std::path::PathBuf;

use ipnet::IpNet;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

pub(crate) use self::site::path_begins;
pub use self::{
    beside::Beside,
    holidays::{Holiday, Zone},
    merge::{Merged, MergedProfile, MergedRule, Origin},
    site::{Site, SiteHost},
};
pub(super) use self::{beside::read_beside, check::check};
use super::{LinkPart, TimeWindow};

/// `[filter]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// The region's policy file; nothing = the school's rules alone.
    pub region: Option<PathBuf>,
    /// A file with the dates of school holidays; nothing = there are none.
    pub holidays: Option<PathBuf>,
    /// Whose holidays.
    pub zone: Option<Zone>,
    /// Further days without classes.
    pub days_off: Vec<Date>,
    /// Days with classes although they fall into holidays.
    pub school_days: Vec<Date>,
    /// The profile of who fits none; nothing = the last one.
    pub default_profile: Option<String>,
    /// Named hours, the first that holds counts.
    pub periods: Vec<NamedPeriod>,
    /// Groups of people and devices, the first that fits counts.
    pub profiles: Vec<Profile>,
    /// What is allowed and denied.
    pub rules: Vec<Rule>,
    /// Rooms that see a few sites only, from a moment to another.
    pub exams: Vec<Exam>,
    /// What the files named here hold: read by `Config::load`.
    #[serde(skip)]
    pub beside: Beside,
}

/// `[[filter.periods]]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NamedPeriod {
    /// Its name in rules.
    pub name: String,
    /// Local hours; those over midnight belong to the day they start on.
    pub hours: Vec<TimeWindow>,
    /// Which days the hours start on.
    #[serde(default)]
    pub days: Days,
    /// May the school give it other hours? Said by the region only.
    #[serde(default)]
    pub locked: bool,
}

/// Which days a period starts on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Days {
    /// Outside holidays.
    #[default]
    School,
    /// In holidays, and on days off.
    Holidays,
    /// Every day.
    All,
}

/// `[[filter.profiles]]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name in rules.
    pub name: String,
    /// The profile whose rules it follows too, and whose `otherwise`, `safe_search` and `ceiling`
    /// it takes.
    pub like: Option<String>,
    /// Networks whose devices it is for.
    #[serde(default)]
    pub networks: Vec<IpNet>,
    /// Interfaces (VLAN) whose devices it is for.
    #[serde(default)]
    pub interfaces: Vec<String>,
    /// Who signed in as one of these; others who signed in do not fit, wherever they are.
    #[serde(default)]
    pub roles: Vec<SignedIn>,
    /// What happens to what no rule names; nothing = as the region, or the profile it is like.
    pub otherwise: Option<Action>,
    /// What search engines are asked to leave out; nothing = as `otherwise`.
    pub safe_search: Option<SafeSearch>,
    /// What its devices may take of the link, all of them together; nothing = as `otherwise`, else
    /// as much as there is.
    pub ceiling: Option<LinkPart>,
    /// May the school loosen it? Said by the region only.
    #[serde(default)]
    pub locked: bool,
}

/// Roles, as people sign in with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignedIn {
    /// *Élève*.
    Pupil,
    /// *Enseignant*.
    Teacher,
    /// *Professeur documentaliste*.
    Documentaliste,
    /// *Chef d'établissement*.
    Head,
    /// Any other member of the staff.
    Staff,
}

/// Allowed or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Yes.
    Allow,
    /// No.
    #[default]
    Deny,
}

/// What search engines and video sites are asked to leave out.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum SafeSearch {
    /// Nothing.
    #[default]
    Off,
    /// What they call moderate.
    Moderate,
    /// All they can.
    Strict,
}

/// `[[filter.rules]]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, which verdicts give as the reason.
    pub name: String,
    /// Does it allow or deny?
    #[serde(default)]
    pub action: Action,
    /// Categories of the lists.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Sites.
    #[serde(default)]
    pub sites: Vec<Site>,
    /// Profiles it is for; empty = all.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Periods in which it holds; empty = always.
    #[serde(default)]
    pub during: Vec<String>,
    /// Periods in which it does not hold.
    #[serde(default)]
    pub outside: Vec<String>,
    /// May the school loosen it? Said by the region only.
    #[serde(default)]
    pub locked: bool,
    /// Switched off: how a school does without a rule of the region that is not locked.
    #[serde(default)]
    pub off: bool,
}

/// `[[filter.exams]]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exam {
    /// Its name, which verdicts give as the reason.
    pub name: String,
    /// Networks of the rooms.
    #[serde(default)]
    pub networks: Vec<IpNet>,
    /// Interfaces (VLAN) of the rooms.
    #[serde(default)]
    pub interfaces: Vec<String>,
    /// First local moment.
    pub from: DateTime,
    /// First local moment after it.
    pub to: DateTime,
    /// Categories that stay open, such as `examen_pix`.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Sites that stay open.
    #[serde(default)]
    pub sites: Vec<Site>,
}
