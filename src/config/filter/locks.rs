//! What a school may not loosen: each try is an error that names the region's rule.

use super::{Action, Filter, Merged, Profile, Rule, SafeSearch, Site};
use crate::config::{check::Fault, report::Severity::Error};

/// Every try of the school's section to loosen what the region locked.
pub(super) fn check(school: &Filter) -> Vec<Fault> {
    let Some(region) = school.beside.region.as_deref() else { return Vec::new() };
    let merged = school.merged();
    let mut faults = Faults(Vec::new());
    for (index, period) in school.periods.iter().enumerate() {
        if region.periods.iter().any(|own| own.locked && own.name == period.name) {
            let says = format!("the region locked the hours of `{}`", period.name);
            faults.add(format!("filter.periods[{index}].name"), says, "a period of another name");
        }
    }
    for (index, rule) in school.rules.iter().enumerate() {
        faults.rule(&format!("filter.rules[{index}]"), rule, region, &merged);
    }
    for (index, exam) in school.exams.iter().enumerate() {
        let key = format!("filter.exams[{index}]");
        for locked in region.rules.iter().filter(|rule| is_locked_denial(rule)) {
            faults.opened(&key, &exam.categories, &exam.sites, locked);
        }
    }
    for (index, profile) in school.profiles.iter().enumerate() {
        faults.profile(&format!("filter.profiles[{index}]"), profile, region);
    }
    faults.default_profile(school, region);
    faults.0
}

fn is_locked_denial(rule: &Rule) -> bool {
    rule.locked && rule.action == Action::Deny
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, key: String, says: String, expected: &'static str) {
        self.0.push(Fault { key, severity: Error, says, expected });
    }

    fn rule(&mut self, key: &str, rule: &Rule, region: &Filter, merged: &Merged) {
        for locked in region.rules.iter().filter(|own| own.locked) {
            if locked.name == rule.name {
                let says = format!("the region's rule `{}` is locked", locked.name);
                self.add(format!("{key}.name"), says, "a rule of another name");
            } else if rule.action == Action::Allow
                && !rule.off
                && is_locked_denial(locked)
                && meet(rule, locked, merged)
            {
                self.opened(key, &rule.categories, &rule.sites, locked);
            }
        }
    }

    /// What would be opened although it is locked.
    fn opened(&mut self, key: &str, categories: &[String], sites: &[Site], locked: &Rule) {
        for (index, category) in categories.iter().enumerate() {
            if locked.categories.contains(category) {
                let says = format!("the region's rule `{}` locks `{category}`", locked.name);
                self.add(format!("{key}.categories[{index}]"), says, "what the region left open");
            }
        }
        for (index, site) in sites.iter().enumerate() {
            if locked.sites.iter().any(|own| own.covers(site)) {
                let says = format!("the region's rule `{}` locks {site}", locked.name);
                self.add(format!("{key}.sites[{index}]"), says, "what the region left open");
            }
        }
    }

    fn profile(&mut self, key: &str, profile: &Profile, region: &Filter) {
        let named = |name: &str| region.profiles.iter().find(|own| own.name == name);
        let own = named(&profile.name);
        let base = own.or_else(|| profile.like.as_deref().and_then(named));
        if let Some(base) = base.filter(|base| base.locked) {
            self.looser(key, profile, base, own.is_some());
        }
        let taken = region.profiles.iter().filter(|other| other.locked);
        let others = taken.filter(|other| {
            other.name != profile.name && profile.like.as_ref() != Some(&other.name)
        });
        for other in others {
            if profile.roles.iter().any(|role| other.roles.contains(role)) {
                let says = format!("the region locked who is in `{}`", other.name);
                self.add(format!("{key}.roles"), says, "other roles, or like = that profile");
            }
        }
        let narrow = region.rules.iter().find(|r| is_locked_denial(r) && !r.profiles.is_empty());
        if let (Some(locked), None) = (narrow, base) {
            let (name, rule) = (&profile.name, &locked.name);
            let says = format!("the profile `{name}` would escape the region's rule `{rule}`");
            self.add(key.to_owned(), says, "like = one of the region's profiles");
        }
    }

    fn looser(&mut self, key: &str, profile: &Profile, base: &Profile, is_own: bool) {
        let name = &base.name;
        let otherwise = base.otherwise.unwrap_or(Action::Allow);
        if profile.otherwise == Some(Action::Allow) && otherwise == Action::Deny {
            let says = format!("the region's profile `{name}` is locked: deny");
            self.add(format!("{key}.otherwise"), says, "\"deny\", or no key");
        }
        let least = base.safe_search.unwrap_or(SafeSearch::Off);
        if profile.safe_search.is_some_and(|own| own < least) {
            let says = format!("the region's profile `{name}` is locked: a stricter search");
            self.add(format!("{key}.safe_search"), says, "at least as strict, or no key");
        }
        if is_own && !profile.roles.is_empty() {
            let says = format!("the region locked who is in `{name}`");
            self.add(format!("{key}.roles"), says, "networks and interfaces alone");
        }
        if is_own && profile.like.is_some() && profile.like != base.like {
            let says = format!("the region's profile `{name}` is locked");
            self.add(format!("{key}.like"), says, "no such key here");
        }
    }

    fn default_profile(&mut self, school: &Filter, region: &Filter) {
        let (Some(own), Some(regions)) = (&school.default_profile, &region.default_profile) else {
            return;
        };
        let locked = region.profiles.iter().any(|p| p.locked && p.name == *regions);
        let base = school.profiles.iter().find(|profile| profile.name == *own);
        let is_like = base.is_some_and(|profile| profile.like.as_ref() == Some(regions));
        if locked && own != regions && !is_like {
            let says = format!("the region locked `{regions}` for who fits no profile");
            self.add("filter.default_profile".into(), says, "that one, or one like it");
        }
    }
}

/// Can both rules hold for the same profile in the same period?
fn meet(rule: &Rule, locked: &Rule, merged: &Merged) -> bool {
    let both = |profile: &super::MergedProfile| {
        profile.follows(&rule.profiles) && profile.follows(&locked.profiles)
    };
    let everybody = merged.profiles.is_empty();
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
    (everybody || merged.profiles.iter().any(both)) && !apart
}
