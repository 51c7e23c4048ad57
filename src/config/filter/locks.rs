//! What a school may not loosen: each try is set aside, and told with the region's rule that stands
//! against it. The rest of the school's file acts, so that a box starts whatever the region locked
//! since that file was written.

use super::{
    Action, Filter, Profile, Rule, SafeSearch, Site,
    merge::{self, MergedProfile},
};
use crate::config::{check::Fault, report::Severity::Aside};

/// Every try of the school's section to loosen what the region locked.
pub(super) fn check(school: &Filter) -> Vec<Fault> {
    tries(school).into_iter().map(|one| one.fault).collect()
}

/// The same, a line each for who sees no line of the file.
pub(super) fn set_aside(school: &Filter) -> Vec<String> {
    let line = |one: Try| format!("set aside: {}: {}", one.what, one.fault.says);
    tries(school).into_iter().map(line).collect()
}

/// The school's section without the profiles, and keys of profiles, that loosen what the region
/// locked. Rules and exams stay: where they open what is locked, the verdict is the lock's
/// (`filter::policy::judge`), and elsewhere they act.
pub(super) fn held_to(school: &Filter, region: &Filter) -> Filter {
    let mut none = Tries::default();
    let profiles: Vec<Profile> = school
        .profiles
        .iter()
        .filter_map(|profile| none.profile(String::new, profile, region))
        .collect();
    let default_profile = school.default_profile.clone().filter(|own| {
        let gone = school.profiles.iter().any(|profile| profile.name == *own)
            && !profiles.iter().any(|profile| profile.name == *own);
        !gone && !takes_default(own, school, region)
    });
    Filter { default_profile, profiles, ..school.clone() }
}

fn tries(school: &Filter) -> Vec<Try> {
    let Some(region) = school.beside.region.as_deref() else { return Vec::new() };
    let profiles = merge::profiles(region, &held_to(school, region));
    let mut tries = Tries::default();
    for (index, period) in school.periods.iter().enumerate() {
        if region.periods.iter().any(|own| own.locked && own.name == period.name) {
            let name = &period.name;
            let says = format!("the region locked the hours of `{name}`");
            let key = format!("filter.periods[{index}].name");
            tries.add(key, format!("the period `{name}`"), says, "a period of another name");
        }
    }
    for (index, rule) in school.rules.iter().enumerate() {
        tries.rule(&format!("filter.rules[{index}]"), rule, region, &profiles);
    }
    for (index, exam) in school.exams.iter().enumerate() {
        let (key, whose) = (format!("filter.exams[{index}]"), format!("the exam `{}`", exam.name));
        for locked in region.rules.iter().filter(|rule| is_locked_denial(rule)) {
            tries.opened((&key, &whose), &exam.categories, &exam.sites, locked);
        }
    }
    for (index, profile) in school.profiles.iter().enumerate() {
        tries.profile(|| format!("filter.profiles[{index}]"), profile, region);
    }
    if let Some(own) = &school.default_profile
        && takes_default(own, school, region)
    {
        let regions = region.default_profile.as_deref().unwrap_or_default();
        let says = format!("the region locked `{regions}` for who fits no profile");
        let key = "filter.default_profile".to_owned();
        tries.add(key, "`default_profile`".into(), says, "that one, or one like it");
    }
    tries.0
}

fn is_locked_denial(rule: &Rule) -> bool {
    rule.locked && rule.action == Action::Deny
}

/// Would the school's default take the place of one that the region locked?
fn takes_default(own: &String, school: &Filter, region: &Filter) -> bool {
    let Some(regions) = &region.default_profile else { return false };
    let locked = region.profiles.iter().any(|p| p.locked && p.name == *regions);
    let base = school.profiles.iter().find(|profile| profile.name == *own);
    let is_like = base.is_some_and(|profile| profile.like.as_ref() == Some(regions));
    locked && own != regions && !is_like
}

/// A try to loosen something.
struct Try {
    fault: Fault,
    /// What of the school's it is about.
    what: String,
}

#[derive(Default)]
struct Tries(Vec<Try>);

impl Tries {
    fn add(&mut self, key: String, what: String, says: String, expected: &'static str) {
        self.0.push(Try { fault: Fault { key, severity: Aside, says, expected }, what });
    }

    fn rule(&mut self, key: &str, rule: &Rule, region: &Filter, profiles: &[MergedProfile]) {
        let whose = format!("the rule `{}`", rule.name);
        for locked in region.rules.iter().filter(|own| own.locked) {
            if locked.name == rule.name {
                let says = format!("the region's rule `{}` is locked", locked.name);
                self.add(format!("{key}.name"), whose.clone(), says, "a rule of another name");
            } else if rule.action == Action::Allow
                && !rule.off
                && is_locked_denial(locked)
                && meet(rule, locked, profiles)
            {
                self.opened((key, &whose), &rule.categories, &rule.sites, locked);
            }
        }
    }

    /// What would be opened although it is locked.
    fn opened(
        &mut self,
        (key, whose): (&str, &str),
        categories: &[String],
        sites: &[Site],
        locked: &Rule,
    ) {
        for (index, category) in categories.iter().enumerate() {
            if locked.categories.contains(category) {
                let says = format!("the region's rule `{}` locks `{category}`", locked.name);
                let key = format!("{key}.categories[{index}]");
                self.add(
                    key,
                    format!("`{category}` of {whose}"),
                    says,
                    "what the region left open",
                );
            }
        }
        for (index, site) in sites.iter().enumerate() {
            if locked.sites.iter().any(|own| own.covers(site)) {
                let says = format!("the region's rule `{}` locks {site}", locked.name);
                let key = format!("{key}.sites[{index}]");
                self.add(key, format!("{site} of {whose}"), says, "what the region left open");
            }
        }
    }

    /// What is left of a profile: nothing of one that would escape a locked rule.
    fn profile(
        &mut self,
        key: impl Fn() -> String,
        profile: &Profile,
        region: &Filter,
    ) -> Option<Profile> {
        let mut left = profile.clone();
        let named = |name: &str| region.profiles.iter().find(|own| own.name == name);
        let own = named(&profile.name);
        let base = own.or_else(|| profile.like.as_deref().and_then(named));
        if let Some(base) = base.filter(|base| base.locked) {
            self.looser(&key, profile, base, &mut left);
            if own.is_some() {
                self.renamed(&key, profile, base, &mut left);
            }
        }
        let taken = region.profiles.iter().filter(|other| other.locked);
        let others = taken.filter(|other| {
            other.name != profile.name && profile.like.as_ref() != Some(&other.name)
        });
        for other in others {
            if profile.roles.iter().any(|role| other.roles.contains(role)) {
                left.roles.retain(|role| !other.roles.contains(role));
                let says = format!("the region locked who is in `{}`", other.name);
                let what = format!("roles of the profile `{}`", profile.name);
                let (key, expected) = (key(), "other roles, or like = that profile");
                self.add(format!("{key}.roles"), what, says, expected);
            }
        }
        // Without roles it would fit whoever signed in.
        let was_for_others = left.roles.is_empty() && !profile.roles.is_empty() && own.is_none();
        let narrow = region.rules.iter().find(|r| is_locked_denial(r) && !r.profiles.is_empty());
        if let (Some(locked), None) = (narrow, base) {
            let (name, rule) = (&profile.name, &locked.name);
            let says = format!("the profile `{name}` would escape the region's rule `{rule}`");
            let what = format!("the profile `{name}`");
            self.add(key(), what, says, "like = one of the region's profiles");
            return None;
        }
        (!was_for_others).then_some(left)
    }

    fn looser(
        &mut self,
        key: impl Fn() -> String,
        profile: &Profile,
        base: &Profile,
        left: &mut Profile,
    ) {
        let name = &base.name;
        let of = |key: &str| format!("`{key}` of the profile `{}`", profile.name);
        let otherwise = base.otherwise.unwrap_or(Action::Allow);
        if profile.otherwise == Some(Action::Allow) && otherwise == Action::Deny {
            left.otherwise = None;
            let says = format!("the region's profile `{name}` is locked: deny");
            let key = format!("{}.otherwise", key());
            self.add(key, of("otherwise"), says, "\"deny\", or no key");
        }
        let least = base.safe_search.unwrap_or(SafeSearch::Off);
        if profile.safe_search.is_some_and(|own| own < least) {
            left.safe_search = None;
            let says = format!("the region's profile `{name}` is locked: a stricter search");
            let key = format!("{}.safe_search", key());
            self.add(key, of("safe_search"), says, "at least as strict, or no key");
        }
        if let (Some(own), Some(most)) = (profile.ceiling, base.ceiling)
            && !own.is_within(most)
        {
            left.ceiling = None;
            let says = format!("the region's profile `{name}` is locked: a ceiling of {most}");
            let key = format!("{}.ceiling", key());
            self.add(key, of("ceiling"), says, "no more, in the same unit, or no key");
        }
    }

    /// Whose people, and whose rules, are of a locked profile is the region's to say.
    fn renamed(
        &mut self,
        key: impl Fn() -> String,
        profile: &Profile,
        base: &Profile,
        left: &mut Profile,
    ) {
        let name = &base.name;
        if !profile.roles.is_empty() {
            left.roles.clear();
            let (says, what) = (
                format!("the region locked who is in `{name}`"),
                format!("roles of the profile `{name}`"),
            );
            self.add(format!("{}.roles", key()), what, says, "networks and interfaces alone");
        }
        if profile.like.is_some() && profile.like != base.like {
            left.like = None;
            let says = format!("the region's profile `{name}` is locked");
            let what = format!("`like` of the profile `{name}`");
            self.add(format!("{}.like", key()), what, says, "no such key here");
        }
    }
}

/// Can both rules hold for the same profile in the same period?
fn meet(rule: &Rule, locked: &Rule, profiles: &[MergedProfile]) -> bool {
    let both = |profile: &MergedProfile| {
        profile.follows(&rule.profiles) && profile.follows(&locked.profiles)
    };
    let everybody = profiles.is_empty();
    let apart = match (&rule.during[..], &locked.during[..]) {
        ([_, ..], [_, ..]) => !rule.during.iter().any(|name| locked.during.contains(name)),
        ([_, ..], []) if !locked.outside.is_empty() => {
            rule.during.iter().all(|name| locked.outside.contains(name))
        }
        ([], [_, ..]) if !rule.outside.is_empty() => {
            locked.during.iter().all(|name| rule.outside.contains(name))
        }
        _ => false,
    };
    (everybody || profiles.iter().any(both)) && !apart
}
