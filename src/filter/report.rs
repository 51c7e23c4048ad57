//! The policy in force, for a person: who, what, when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::State;
use crate::config::filter::{Action, Merged, MergedProfile, MergedRule, Origin, SafeSearch};

/// Rules shown of one profile; the rest is counted.
const MAX_RULES: usize = 100;

/// The policy and the lists in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// Profiles, the first that fits counts.
    pub profiles: Vec<ProfileReport>,
    /// The profile of who fits none.
    pub default_profile: Option<String>,
    /// The period that holds.
    pub period: Option<String>,
    /// When another one begins.
    pub next_period: Option<Timestamp>,
    /// Exams under way or to come: name, from, to (local).
    pub exams: Vec<(String, String, String)>,
    /// The lists.
    pub lists: Option<ListsReport>,
    /// What a person should look at.
    pub complaints: Vec<String>,
}

/// Lists, in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListsReport {
    /// The file.
    pub file: String,
    /// How many categories.
    pub categories: usize,
    /// The date of the newest.
    pub date: Option<Timestamp>,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileReport {
    /// Its name.
    pub name: String,
    /// Whom it is for, in words.
    pub whom: Vec<String>,
    /// Is what no rule names allowed?
    pub otherwise_allowed: bool,
    /// What search engines are asked to leave out.
    pub safe_search: SafeSearch,
    /// What its devices may take of the link together, if that has a limit.
    pub ceiling: Option<String>,
    /// Its rules.
    pub rules: Vec<RuleReport>,
    /// Rules left out.
    pub more: usize,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleReport {
    /// Its name.
    pub name: String,
    /// Does it allow?
    pub allows: bool,
    /// Did the region make it?
    pub by_region: bool,
    /// May the school not loosen it?
    pub is_locked: bool,
    /// Categories.
    pub categories: Vec<String>,
    /// How many sites.
    pub sites: usize,
    /// Periods in which it holds; empty = see `outside`.
    pub during: Vec<String>,
    /// Periods in which it does not hold.
    pub outside: Vec<String>,
}

pub(super) fn report(policy: &Merged, state: &State, now: Timestamp) -> PolicyReport {
    let timetable = state.policy().timetable();
    let default = policy.default_profile.and_then(|index| policy.profiles.get(index));
    let mut complaints = [state.troubles(), &policy.set_aside].concat();
    if state.lists().is_none() && names_categories(policy) {
        complaints.push("there are no lists: rules on categories do nothing".into());
    } else {
        complaints.extend(state.policy().complaints().iter().cloned());
    }
    let exams = policy.exams.iter().filter(|exam| timetable.local(now) < exam.to);
    PolicyReport {
        profiles: policy.profiles.iter().map(|profile| of_profile(profile, policy)).collect(),
        default_profile: default.map(|profile| profile.name.clone()),
        period: timetable.period(now).map(ToOwned::to_owned),
        next_period: timetable.next_change(now),
        exams: exams
            .map(|exam| (exam.name.clone(), exam.from.to_string(), exam.to.to_string()))
            .collect(),
        lists: state.lists().map(|lists| ListsReport {
            file: state.lists_file().map(|file| file.display().to_string()).unwrap_or_default(),
            categories: lists.categories().count(),
            date: lists.date(),
        }),
        complaints,
    }
}

fn names_categories(policy: &Merged) -> bool {
    policy.rules.iter().any(|rule| !rule.rule.categories.is_empty())
}

fn of_profile(profile: &MergedProfile, policy: &Merged) -> ProfileReport {
    let networks = profile.networks.iter().map(ToString::to_string);
    let roles = profile.roles.iter().map(|role| format!("{role:?}").to_lowercase());
    let rules = policy.rules.iter().filter(|rule| profile.follows(&rule.rule.profiles));
    let rules: Vec<_> = rules.map(of_rule).collect();
    ProfileReport {
        name: profile.name.clone(),
        whom: roles.chain(networks).chain(profile.interfaces.iter().cloned()).collect(),
        otherwise_allowed: profile.otherwise == Action::Allow,
        safe_search: profile.safe_search,
        ceiling: profile.ceiling.map(|most| most.to_string()),
        more: rules.len().saturating_sub(MAX_RULES),
        rules: rules.into_iter().take(MAX_RULES).collect(),
    }
}

fn of_rule(MergedRule { rule, origin }: &MergedRule) -> RuleReport {
    RuleReport {
        name: rule.name.clone(),
        allows: rule.action == Action::Allow,
        by_region: *origin == Origin::Region,
        is_locked: rule.locked,
        categories: rule.categories.clone(),
        sites: rule.sites.len(),
        during: rule.during.clone(),
        outside: rule.outside.clone(),
    }
}
