//! Rules as bits: for which profiles, in which periods, of which categories.

use crate::{
    config::filter::{Action, Merged, MergedRule, Origin, Site},
    filter::category::{Category, CategorySet},
};

/// A set of periods; the bit after the last period is "no period".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Periods(u64);

impl Periods {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(u64::MAX);

    pub(super) fn contains(self, period: usize) -> bool {
        self.0 & bit(period) != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The periods in which what holds in these is otherwise than it is in `now`.
    pub(super) fn flips(self, now: usize) -> Self {
        if self.contains(now) { Self(!self.0) } else { self }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn named(names: &[String], policy: &Merged) -> Self {
        let places = names
            .iter()
            .filter_map(|name| policy.periods.iter().position(|period| period.name == *name));
        Self(places.fold(0, |set, place| set | bit(place)))
    }
}

/// Periods and profiles are at most 64 in all (`config/filter/check.rs`); one beyond is no member.
fn bit(place: usize) -> u64 {
    u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
}

/// A rule.
#[derive(Debug)]
pub(super) struct CompiledRule {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) is_locked: bool,
    pub(super) allows: bool,
    pub(super) categories: CategorySet,
    pub(super) sites: Vec<Site>,
    pub(super) when: Periods,
    profiles: u64,
}

impl CompiledRule {
    pub(super) fn of(
        rule: &MergedRule,
        policy: &Merged,
        category: &mut impl FnMut(&str, &str) -> Option<Category>,
    ) -> Self {
        let MergedRule { rule, origin } = rule;
        let of = format!("the rule `{}`", rule.name);
        let when = match (&rule.during[..], &rule.outside[..]) {
            ([], []) => Periods::ALL,
            ([], outside) => Periods(!Periods::named(outside, policy).0),
            (during, _) => Periods::named(during, policy),
        };
        let follows = policy.profiles.iter().enumerate();
        let follows = follows.filter(|(_, profile)| profile.follows(&rule.profiles));
        let profiles = follows.fold(0, |set, (place, _)| set | bit(place));
        let everybody = rule.profiles.is_empty();
        Self {
            name: rule.name.clone(),
            origin: *origin,
            is_locked: rule.locked && *origin == Origin::Region,
            allows: rule.action == Action::Allow,
            categories: rule.categories.iter().filter_map(|name| category(name, &of)).collect(),
            sites: rule.sites.clone(),
            when,
            profiles: if everybody { u64::MAX } else { profiles },
        }
    }

    pub(super) fn is_for(&self, profile: usize) -> bool {
        self.profiles & bit(profile) != 0
    }

    /// Does it hold always?
    pub(super) fn is_timeless(&self) -> bool {
        self.when == Periods::ALL
    }
}

/// Categories that rules name.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Named {
    pub(super) allowed: CategorySet,
    pub(super) denied: CategorySet,
}

impl Named {
    fn add(&mut self, rule: &CompiledRule) {
        let set = if rule.allows { &mut self.allowed } else { &mut self.denied };
        *set |= rule.categories;
    }

    pub(super) fn is_empty(self) -> bool {
        (self.allowed | self.denied).is_empty()
    }
}

/// What holds in one period: at the level of what is locked, and of all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InPeriod {
    pub(super) locked: Named,
    pub(super) all: Named,
}

/// The rules of one profile.
#[derive(Debug)]
pub(super) struct ProfileRules {
    /// Places of its rules, in their order.
    pub(super) rules: Vec<u16>,
    by_period: Vec<InPeriod>,
    /// Categories of rules that do not hold always.
    pub(super) timed: CategorySet,
}

impl ProfileRules {
    pub(super) fn of(profile: usize, all: &[CompiledRule], periods: usize) -> Self {
        let own: Vec<_> = all.iter().enumerate().filter(|(_, rule)| rule.is_for(profile)).collect();
        let mut by_period = vec![InPeriod::default(); periods + 1];
        for (period, named) in by_period.iter_mut().enumerate() {
            for (_, rule) in own.iter().filter(|(_, rule)| rule.when.contains(period)) {
                named.all.add(rule);
                if rule.is_locked {
                    named.locked.add(rule);
                }
            }
        }
        let timed = own.iter().filter(|(_, rule)| !rule.is_timeless());
        Self {
            timed: timed.fold(CategorySet::EMPTY, |set, (_, rule)| set | rule.categories),
            rules: own.iter().filter_map(|(place, _)| u16::try_from(*place).ok()).collect(),
            by_period,
        }
    }

    pub(super) fn in_period(&self, period: usize) -> InPeriod {
        self.by_period.get(period).copied().unwrap_or_default()
    }
}
