//! A verdict with everything that was looked at: for people who ask why. Not for the hot path.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Policy, judge::Find, rules::CompiledRule};
use crate::{
    config::filter::Origin,
    filter::{
        category::CategorySet,
        lists::{Depth, Lists, Match},
        openings::Openings,
        target::Target,
        verdict::{Reason, Who, Why},
    },
};

/// Lines of rules that do not name the site are left out beyond this many.
const MAX_LINES: usize = 150;

/// A verdict, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The verdict.
    pub reason: Reason,
    /// The period that holds, by its name.
    pub period: Option<String>,
    /// When the next one begins.
    pub next_period: Option<Timestamp>,
    /// Every category that lists the site, and where.
    pub listed: Vec<(String, String)>,
    /// Every rule: those that name the site first.
    pub lines: Vec<Line>,
    /// Rules left out of `lines`.
    pub more: usize,
}

/// A rule that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The rule.
    pub rule: String,
    /// Did the region make it?
    pub by_region: bool,
    /// May the school not loosen it?
    pub is_locked: bool,
    /// Does it allow?
    pub allows: bool,
    /// What came of it.
    pub standing: Standing,
    /// How it names the site, when it does: a category or a site, and how narrowly.
    pub by: Option<String>,
}

/// What came of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It decided.
    Won,
    /// It names the site, and something else decided.
    Weaker,
    /// It names the site, in other periods.
    NotNow,
    /// It does not name the site.
    NotNamed,
    /// It is for other profiles.
    OtherProfile,
}

impl Policy {
    /// The verdict of [`judge`](Self::judge), and every rule.
    pub fn explain(
        &self,
        lists: Option<&Lists>,
        openings: &Openings,
        who: &Who<'_>,
        target: &Target<'_>,
        now: Timestamp,
    ) -> Explanation {
        let mut find = |visit: &mut dyn FnMut(Match) -> bool| {
            if let Some(lists) = lists {
                lists.matches(target, visit);
            }
        };
        self.explain_over(&mut find, openings, who, target, now)
    }

    pub(super) fn explain_over(
        &self,
        find: &mut Find<'_>,
        openings: &Openings,
        who: &Who<'_>,
        target: &Target<'_>,
        now: Timestamp,
    ) -> Explanation {
        let reason = self.judge_over(find, openings, who, target, now).reason();
        let mut listed: Vec<(CategorySet, Depth)> = Vec::new();
        let mut excepted = CategorySet::EMPTY;
        find(&mut |found| {
            excepted |= found.excepted;
            listed.push((found.listed.minus(excepted), found.depth));
            true
        });
        let mut named: Vec<(usize, Depth)> = Vec::new();
        self.sites.visit(target, &mut |site| named.push((site.rule, site.depth)));
        let profile = self.profile_of(who);
        let period = self.timetable.index_at(now);
        let line = |(place, rule): (usize, &CompiledRule)| {
            let by = self.how(place, rule, &named, &listed);
            let decided = matches!(reason.why, Why::Locked | Why::Site | Why::Category);
            let standing = match &by {
                _ if !rule.is_for(profile) => Standing::OtherProfile,
                None => Standing::NotNamed,
                Some(_) if !rule.when.contains(period) => Standing::NotNow,
                Some(_) if decided && reason.rule.as_ref() == Some(&rule.name) => Standing::Won,
                Some(_) => Standing::Weaker,
            };
            Line {
                rule: rule.name.clone(),
                by_region: rule.origin == Origin::Region,
                is_locked: rule.is_locked,
                allows: rule.allows,
                standing,
                by,
            }
        };
        let mut lines: Vec<Line> = self.rules.iter().enumerate().map(line).collect();
        lines.sort_by_key(|line| line.standing);
        let more = lines.len().saturating_sub(MAX_LINES);
        lines.truncate(MAX_LINES);
        Explanation {
            reason,
            period: self.timetable.name(period).map(ToOwned::to_owned),
            next_period: self.timetable.next_change(now),
            listed: self.by_name(&listed),
            lines,
            more,
        }
    }

    /// How a rule names the site.
    fn how(
        &self,
        place: usize,
        rule: &CompiledRule,
        named: &[(usize, Depth)],
        listed: &[(CategorySet, Depth)],
    ) -> Option<String> {
        let site = named.iter().find(|(rule, _)| *rule == place);
        if let Some((_, depth)) = site {
            return Some(format!("its site, {}", words(*depth)));
        }
        listed.iter().find_map(|(categories, depth)| {
            let category = (*categories & rule.categories).first()?;
            let name = self.name_of(category.number());
            Some(format!("category {name}, {}", words(*depth)))
        })
    }

    fn by_name(&self, listed: &[(CategorySet, Depth)]) -> Vec<(String, String)> {
        let each = listed.iter().flat_map(|(categories, depth)| {
            categories.iter().map(|one| (self.name_of(one.number()).to_owned(), words(*depth)))
        });
        each.collect()
    }

    fn name_of(&self, category: usize) -> &str {
        let facts = self.categories.get(category).and_then(Option::as_ref);
        facts.map_or("?", |facts| facts.name.as_str())
    }
}

/// How narrowly, for a person.
pub(in crate::filter) fn words(depth: Depth) -> String {
    match depth {
        Depth::Expression => "by an expression on its address".into(),
        Depth::Url => "by the beginning of its path".into(),
        Depth::Address => "by its IP address".into(),
        Depth::Labels(0) => "as every site".into(),
        Depth::Labels(1) => "by its top-level domain".into(),
        Depth::Labels(count) => format!("by a domain of {count} labels"),
    }
}
