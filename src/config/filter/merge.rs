//! The region's policy with the school's on top of it. What the school may not do is set aside
//! (`locks`): the region's word stands wherever it is locked.

use ipnet::IpNet;
use jiff::civil::Date;

use super::{Action, Exam, Filter, NamedPeriod, Profile, Rule, SafeSearch, SignedIn, locks};
use crate::config::LinkPart;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The region's file.
    Region,
    /// The school's `preau.toml`.
    School,
}

/// A whole policy: every name in it is known, and every profile says everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merged {
    /// Periods, the first that holds counts.
    pub periods: Vec<NamedPeriod>,
    /// Profiles, the first that fits counts.
    pub profiles: Vec<MergedProfile>,
    /// Index of the profile of who fits none; nothing = there is no profile.
    pub default_profile: Option<usize>,
    /// The region's rules, then the school's; none is switched off.
    pub rules: Vec<MergedRule>,
    /// Exams.
    pub exams: Vec<Exam>,
    /// First and last days without classes.
    pub holidays: Vec<(Date, Date)>,
    /// Days with classes although they fall into the former.
    pub school_days: Vec<Date>,
    /// What of the school's does not act, since the region locked otherwise: a line each.
    pub set_aside: Vec<String>,
}

/// A profile that says everything.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedProfile {
    /// Its name.
    pub name: String,
    /// The profile whose rules it follows too.
    pub like: Option<String>,
    /// See [`Profile::networks`].
    pub networks: Vec<IpNet>,
    /// See [`Profile::interfaces`].
    pub interfaces: Vec<String>,
    /// See [`Profile::roles`].
    pub roles: Vec<SignedIn>,
    /// See [`Profile::otherwise`].
    pub otherwise: Action,
    /// See [`Profile::safe_search`].
    pub safe_search: SafeSearch,
    /// See [`Profile::ceiling`].
    pub ceiling: Option<LinkPart>,
}

impl MergedProfile {
    /// Is a rule for these profiles (empty = all) for this one?
    pub fn follows(&self, profiles: &[String]) -> bool {
        let named = |name: &String| *name == self.name || Some(name) == self.like.as_ref();
        profiles.is_empty() || profiles.iter().any(named)
    }
}

/// A rule, and who said it.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedRule {
    /// The rule.
    pub rule: Rule,
    /// Whose it is.
    pub origin: Origin,
}

impl Filter {
    /// The whole policy of this section and of the files it names.
    pub fn merged(&self) -> Merged {
        let none = Self::default();
        let region = self.beside.region.as_deref().unwrap_or(&none);
        let school = locks::held_to(self, region);
        let profiles = profiles(region, &school);
        let default = school.default_profile.as_ref().or(region.default_profile.as_ref());
        let named = default.and_then(|name| profiles.iter().position(|p| p.name == *name));
        let zone = self.zone.or(region.zone);
        let holidays = self.beside.holidays.iter().filter(|holiday| holiday.is_of(zone));
        let days_off = region.days_off.iter().chain(&self.days_off);
        let school_days = region.school_days.iter().chain(&self.school_days);
        Merged {
            periods: periods(region, self),
            default_profile: named.or_else(|| profiles.len().checked_sub(1)),
            profiles,
            rules: rules(region, self),
            exams: region.exams.iter().chain(&self.exams).cloned().collect(),
            holidays: holidays
                .map(|holiday| (holiday.from, holiday.to))
                .chain(days_off.map(|day| (*day, *day)))
                .collect(),
            school_days: school_days.copied().collect(),
            set_aside: locks::set_aside(self),
        }
    }
}

/// Locked ones first, so that nothing of the school's comes before them; then the school's, then
/// those of the region that the school did not give other hours.
fn periods(region: &Filter, school: &Filter) -> Vec<NamedPeriod> {
    let locked = region.periods.iter().filter(|period| period.locked);
    let is_locked = |name: &String| region.periods.iter().any(|p| p.locked && p.name == *name);
    let own = school.periods.iter().filter(|period| !is_locked(&period.name));
    let of_school = |name: &String| school.periods.iter().any(|p| p.name == *name);
    let left = region.periods.iter().filter(|p| !p.locked && !of_school(&p.name));
    locked.chain(own).chain(left).cloned().collect()
}

/// In the school's order, then those of the region that the school does not name.
pub(super) fn profiles(region: &Filter, school: &Filter) -> Vec<MergedProfile> {
    let of_region = |name: &str| region.profiles.iter().find(|p| p.name == name);
    let of_school = |name: &str| school.profiles.iter().find(|p| p.name == name);
    let whole = |name: &str, like: Option<&String>| {
        let like = like.map(String::as_str);
        let layers: Vec<&Profile> =
            [of_school(name), of_region(name), like.and_then(of_school), like.and_then(of_region)]
                .into_iter()
                .flatten()
                .collect();
        let otherwise = layers.iter().find_map(|layer| layer.otherwise).unwrap_or(Action::Allow);
        let safe_search = layers.iter().find_map(|layer| layer.safe_search);
        let ceiling = layers.iter().find_map(|layer| layer.ceiling);
        (otherwise, safe_search.unwrap_or_default(), ceiling)
    };
    let one = |profile: &Profile, other: Option<&Profile>| {
        let like = profile.like.as_ref().or(other.and_then(|other| other.like.as_ref()));
        let (otherwise, safe_search, ceiling) = whole(&profile.name, like);
        let both = || std::iter::once(profile).chain(other);
        MergedProfile {
            name: profile.name.clone(),
            like: like.cloned(),
            networks: both().flat_map(|p| p.networks.iter().copied()).collect(),
            interfaces: both().flat_map(|p| p.interfaces.iter().cloned()).collect(),
            roles: both().flat_map(|p| p.roles.iter().copied()).collect(),
            otherwise,
            safe_search,
            ceiling,
        }
    };
    let own = school.profiles.iter().map(|profile| one(profile, of_region(&profile.name)));
    let left = region.profiles.iter().filter(|profile| of_school(&profile.name).is_none());
    own.chain(left.map(|profile| one(profile, None))).collect()
}

/// A school's rule takes the place of one of the region's that has its name and is not locked.
fn rules(region: &Filter, school: &Filter) -> Vec<MergedRule> {
    let replaced = |rule: &Rule| school.rules.iter().any(|own| own.name == rule.name);
    let is_locked = |name: &String| region.rules.iter().any(|r| r.locked && r.name == *name);
    let left = region.rules.iter().filter(|rule| rule.locked || !replaced(rule));
    let own = school.rules.iter().filter(|rule| !is_locked(&rule.name));
    left.map(|rule| (rule, Origin::Region))
        .chain(own.map(|rule| (rule, Origin::School)))
        .filter(|(rule, _)| !rule.off)
        .map(|(rule, origin)| MergedRule { rule: rule.clone(), origin })
        .collect()
}
