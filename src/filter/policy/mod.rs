//! The policy made ready for questions: names are numbers, sites are in a table, periods are
//! moments. Made anew when the settings or the lists change; never changed.
//!
//! Pure. A question looks at, in this order: the box itself, what the region locked, an exam, a
//! teacher's opening, then whatever names the site most narrowly, then the profile's last word.

mod explain;
mod judge;
mod rules;
pub(super) mod sites;
mod timetable;
mod who;
mod zone;

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};

pub use self::{
    explain::{Explanation, Line, Standing},
    timetable::Timetable,
};
use self::{
    rules::{CompiledRule, ProfileRules},
    sites::{Listed, Sites},
    timetable::Span,
    who::Rooms,
};
use super::{
    category::CategorySet,
    host::Host,
    lists::Lists,
    verdict::{CategoryFacts, Ceiling, Who},
};
use crate::config::filter::{Merged, MergedProfile, Site};

/// Days for which the periods are worked out ahead: later questions take a little longer.
const AGENDA_DAYS: usize = 40;

/// A policy, for one generation of lists.
#[derive(Debug)]
pub struct Policy {
    profiles: Vec<CompiledProfile>,
    /// Of who fits none.
    default_profile: usize,
    rules: Vec<CompiledRule>,
    sites: Sites,
    exams: Vec<CompiledExam>,
    timetable: Timetable,
    agenda: Vec<Span>,
    categories: Vec<Option<CategoryFacts>>,
    /// Names and addresses of the box.
    own: Vec<Host>,
    complaints: Vec<String>,
}

/// A profile and what holds for it.
#[derive(Debug)]
struct CompiledProfile {
    profile: MergedProfile,
    rooms: Rooms,
    rules: ProfileRules,
    ceiling: Option<Arc<Ceiling>>,
    /// Its name, handed out without a copy.
    name: Arc<str>,
}

/// An exam.
#[derive(Debug)]
struct CompiledExam {
    name: String,
    rooms: Rooms,
    from: Timestamp,
    to: Timestamp,
    categories: CategorySet,
    sites: Sites,
}

/// What a policy is made of, beside its own text.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The categories of the lists in force.
    pub categories: Vec<CategoryFacts>,
    /// The box's own names and addresses: always open.
    pub own: Vec<Host>,
}

impl Surroundings {
    /// With these lists, and these names and addresses of the box.
    pub fn of(lists: Option<&Lists>, own: Vec<Host>) -> Self {
        let categories = lists.into_iter().flat_map(Lists::categories);
        let facts = categories.map(|(category, about)| CategoryFacts {
            category,
            name: about.name.clone(),
            aliases: about.aliases.clone(),
            list: about.sources.first().cloned().unwrap_or_default(),
            date: about.date,
        });
        Self { categories: facts.collect(), own }
    }
}

impl Policy {
    /// Makes it ready. What cannot be (a category that the lists do not have) is told by
    /// [`complaints`](Self::complaints); the rest holds.
    pub fn compile(
        policy: &Merged,
        surroundings: &Surroundings,
        zone: TimeZone,
        now: Timestamp,
    ) -> Self {
        let mut complaints = Vec::new();
        let mut category = |name: &str, of: &str| {
            let facts = surroundings.categories.iter().find(|facts| facts.is_called(name));
            if facts.is_none() {
                complaints.push(format!("{of} names the category `{name}`: no list has it"));
            }
            facts.map(|facts| facts.category)
        };
        let rules: Vec<_> =
            policy.rules.iter().map(|rule| CompiledRule::of(rule, policy, &mut category)).collect();
        let exams = policy
            .exams
            .iter()
            .map(|exam| CompiledExam {
                name: exam.name.clone(),
                rooms: Rooms::of(&exam.networks, &exam.interfaces),
                from: zone::moment(&zone, exam.from),
                to: zone::moment(&zone, exam.to),
                categories: exam
                    .categories
                    .iter()
                    .filter_map(|name| category(name, &format!("the exam `{}`", exam.name)))
                    .collect(),
                sites: exam.sites.iter().map(|site| (site, 0)).collect(),
            })
            .collect();
        let profiles = policy.profiles.iter().enumerate().map(|(index, profile)| CompiledProfile {
            profile: profile.clone(),
            rooms: Rooms::of(&profile.networks, &profile.interfaces),
            rules: ProfileRules::of(index, &rules, policy.periods.len()),
            ceiling: profile.ceiling.map(|most| {
                let profile = profile.name.as_str().into();
                Arc::new(Ceiling { profile, most })
            }),
            name: profile.name.as_str().into(),
        });
        let profiles: Vec<_> = profiles.chain(nobody(policy, &rules)).collect();
        let timetable = Timetable::of(policy, zone);
        let mut categories = Vec::new();
        for facts in &surroundings.categories {
            let number = facts.category.number();
            categories.resize_with(categories.len().max(number + 1), || None);
            categories[number] = Some(facts.clone());
        }
        Self {
            default_profile: policy.default_profile.unwrap_or(0),
            sites: named(policy),
            agenda: timetable.agenda(now, AGENDA_DAYS),
            own: surroundings.own.clone(),
            profiles,
            rules,
            exams,
            timetable,
            categories,
            complaints,
        }
    }

    /// What could not be: for the CMIL and the log.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Its hours.
    pub fn timetable(&self) -> &Timetable {
        &self.timetable
    }

    /// Is this the box itself?
    fn is_own(&self, host: &Host) -> bool {
        self.own.contains(host)
    }

    /// The region's locked rule that denies a site to somebody at some time, if there is one;
    /// `listed` are the categories that list the site.
    pub(super) fn locked(&self, who: &Who<'_>, site: &Site, listed: CategorySet) -> Option<&str> {
        let profile = self.profile_of(who);
        let denies = |rule: &&CompiledRule| {
            rule.is_locked
                && !rule.allows
                && rule.is_for(profile)
                && (!(rule.categories & listed).is_empty()
                    || rule.sites.iter().any(|own| own.covers(site)))
        };
        self.rules.iter().find(denies).map(|rule| rule.name.as_str())
    }
}

/// A policy without profiles has one that nobody sees: rules for all hold for it.
fn nobody(policy: &Merged, rules: &[CompiledRule]) -> Option<CompiledProfile> {
    policy.profiles.is_empty().then(|| CompiledProfile {
        profile: MergedProfile {
            name: String::new(),
            like: None,
            networks: Vec::new(),
            interfaces: Vec::new(),
            roles: Vec::new(),
            otherwise: crate::config::filter::Action::Allow,
            safe_search: crate::config::filter::SafeSearch::Off,
            ceiling: None,
        },
        rooms: Rooms::default(),
        rules: ProfileRules::of(0, rules, policy.periods.len()),
        ceiling: None,
        name: "".into(),
    })
}

/// The sites of all rules.
fn named(policy: &Merged) -> Sites {
    let rules = policy.rules.iter().enumerate();
    rules.flat_map(|(index, rule)| rule.rule.sites.iter().map(move |site| (site, index))).collect()
}
