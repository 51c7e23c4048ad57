//! One question, one verdict. Nothing here allocates, locks or looks at a clock.

use jiff::Timestamp;

use super::{
    CompiledExam, Listed, Policy,
    rules::{CompiledRule, InPeriod, Named, Periods, ProfileRules},
    timetable::place,
};
use crate::config::filter::Action;
use crate::filter::{
    category::{Category, CategorySet},
    lists::{Depth, Lists, Match},
    openings::Openings,
    target::Target,
    verdict::{Verdict, Who, Why},
};

/// How narrowly `*` names a site: not at all.
const EVERY_SITE: Depth = Depth::Labels(0);

/// Visits what the lists say of a target, from the most specific to the least.
pub(in crate::filter) type Find<'f> = dyn FnMut(&mut dyn FnMut(Match) -> bool) + 'f;

impl Policy {
    /// May it go through? By these lists, which must be those it was compiled for.
    pub fn judge<'a>(
        &'a self,
        lists: Option<&Lists>,
        openings: &'a Openings,
        who: &Who<'_>,
        target: &Target<'_>,
        now: Timestamp,
    ) -> Verdict<'a> {
        let mut find = |visit: &mut dyn FnMut(Match) -> bool| {
            if let Some(lists) = lists {
                lists.matches(target, visit);
            }
        };
        self.judge_over(&mut find, openings, who, target, now)
    }

    /// The same, wherever the matches come from.
    pub(in crate::filter) fn judge_over<'a>(
        &'a self,
        find: &mut Find<'_>,
        openings: &'a Openings,
        who: &Who<'_>,
        target: &Target<'_>,
        now: Timestamp,
    ) -> Verdict<'a> {
        let index = self.profile_of(who);
        let moment = self.moment(now);
        let Some(compiled) = self.profiles.get(index) else { return nothing_said() };
        let profile = &compiled.profile;
        let verdict = Verdict {
            allowed: true,
            profile: &profile.name,
            safe_search: profile.safe_search,
            ceiling: compiled.ceiling.as_ref(),
            name: Some(&compiled.name),
            ..nothing_said()
        };
        if self.is_own(target.host) {
            return Verdict { why: Why::TheBox, ..verdict };
        }
        let mut walk = Walk::new(self, index, &compiled.rules, moment.period);
        self.sites.visit(target, &mut |listed| walk.site(listed));
        let mut exam = ExamNow::of(self, who, target, now);
        if walk.needs_lists() || exam.needs_lists() {
            find(&mut |found| {
                let listed = walk.categories(found);
                exam.categories(listed);
                !(walk.is_decided() && exam.is_decided())
            });
        }
        let (locked, all) = walk.end();
        let lock_until = self.next(locked.flips, &moment);
        if let Some(decided) = locked.decided.filter(|decided| !decided.allows) {
            let verdict = Verdict { why: Why::Locked, until: lock_until, ..verdict };
            return self.said(verdict, decided, index, moment.period, true);
        }
        if let Some(exam) = exam.verdict(&verdict) {
            return Verdict { until: earliest(exam.until, lock_until), ..exam };
        }
        let exam_from = self.next_exam(who, now);
        if let Some(opening) = openings.of(who, target, now) {
            let until = earliest(Some(opening.until), earliest(lock_until, exam_from));
            let rule = Some(opening.name.as_str());
            return Verdict { why: Why::Opening, rule, until, ..verdict };
        }
        let change = self.next(locked.flips.or(all.flips), &moment);
        let verdict = Verdict { until: earliest(change, exam_from), ..verdict };
        match all.decided {
            Some(decided) => self.said(verdict, decided, index, moment.period, false),
            None => Verdict { allowed: profile.otherwise == Action::Allow, ..verdict },
        }
    }

    /// A verdict in the words of what decided it.
    fn said<'a>(
        &'a self,
        verdict: Verdict<'a>,
        decided: Decided,
        profile: usize,
        period: usize,
        locked: bool,
    ) -> Verdict<'a> {
        let (rule, category, why) = match decided.by {
            By::Site(rule) => (self.rules.get(rule), None, Why::Site),
            By::Category(category) => {
                let facts = self.categories.get(category.number()).and_then(Option::as_ref);
                let rule = self.rules.iter().find(|rule| {
                    rule.is_for(profile)
                        && rule.when.contains(period)
                        && rule.allows == decided.allows
                        && rule.categories.contains(category)
                        && (rule.is_locked || !locked)
                });
                (rule, facts, Why::Category)
            }
        };
        Verdict {
            allowed: decided.allows,
            why: if locked { verdict.why } else { why },
            rule: rule.map(|rule| rule.name.as_str()),
            origin: rule.map(|rule| rule.origin),
            category,
            depth: Some(decided.depth),
            ..verdict
        }
    }

    fn moment(&self, now: Timestamp) -> Moment {
        let place = place(&self.agenda, now);
        let known = place.and_then(|place| self.agenda.get(place));
        let period = known.map_or_else(|| self.timetable.index_at(now), |span| span.period);
        Moment { now, place, period }
    }

    /// The first moment at which one of these periods begins. At the end of what was worked out
    /// ahead it is better to ask again than to look farther.
    fn next(&self, periods: Periods, moment: &Moment) -> Option<Timestamp> {
        if periods.is_empty() {
            return None;
        }
        let Some(place) = moment.place else { return self.timetable.next_change(moment.now) };
        let later = self.agenda.get(place + 1..).unwrap_or_default();
        let begins = later.iter().find(|span| periods.contains(span.period));
        begins.map(|span| span.from).or_else(|| self.agenda.last().map(|last| last.to))
    }

    /// When the next exam of this room begins.
    fn next_exam(&self, who: &Who<'_>, now: Timestamp) -> Option<Timestamp> {
        self.exams_of(who).map(|exam| exam.from).filter(|from| *from > now).min()
    }
}

/// Before anything is known.
fn nothing_said<'a>() -> Verdict<'a> {
    Verdict {
        allowed: false,
        why: Why::Otherwise,
        profile: "",
        safe_search: crate::config::filter::SafeSearch::Off,
        ceiling: None,
        name: None,
        rule: None,
        origin: None,
        category: None,
        depth: None,
        until: None,
    }
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Now, in the timetable.
struct Moment {
    now: Timestamp,
    place: Option<usize>,
    period: usize,
}

/// What a level came to.
#[derive(Debug, Clone, Copy)]
struct Decided {
    allows: bool,
    by: By,
    depth: Depth,
    /// See [`Listed::narrow`].
    narrow: usize,
}

#[derive(Debug, Clone, Copy)]
enum By {
    /// A rule, by its place.
    Site(usize),
    Category(Category),
}

/// Rules of one rank: those that the region locked, or all.
#[derive(Debug, Default)]
struct Level {
    /// What the narrowest site named by a rule says.
    site: Option<Decided>,
    site_is_timeless: bool,
    decided: Option<Decided>,
    /// Periods in which a rule that was looked at holds otherwise than now.
    flips: Periods,
}

impl Level {
    /// A rule names the site. The narrowest counts; of two as narrow, the one that allows.
    fn site(&mut self, listed: Listed, rule: &CompiledRule, period: usize) {
        let Listed { depth, narrow, .. } = listed;
        let rank = (depth, narrow, rule.allows);
        let best = self.site.map(|site| (site.depth, site.narrow, site.allows));
        if self.site_is_timeless && best > Some(rank) {
            return;
        }
        if !rule.is_timeless() {
            self.flips = self.flips.or(rule.when.flips(period));
        }
        if rule.when.contains(period) && best < Some(rank) {
            let (allows, by) = (rule.allows, By::Site(listed.rule));
            self.site = Some(Decided { allows, by, depth, narrow });
            self.site_is_timeless = rule.is_timeless();
        }
    }

    /// May a match of the lists still decide? A rule that names the site counts more than a
    /// category at the same depth.
    fn asks(&mut self, depth: Depth) -> bool {
        match self.site {
            _ if self.decided.is_some() => false,
            Some(site) if site.depth >= depth => {
                self.decided = Some(site);
                false
            }
            _ => true,
        }
    }

    fn categories(&mut self, listed: CategorySet, named: Named, depth: Depth) {
        let (allowed, denied) = (listed & named.allowed, listed & named.denied);
        let found = allowed.first().map(|category| (true, category));
        let found = found.or(denied.first().map(|category| (false, category)));
        let Some((allows, category)) = found else { return };
        // An expression is but a guess: it does not contradict a rule that names the site.
        let knows_better = self.site.is_some_and(|s| s.depth > EVERY_SITE && s.allows != allows);
        if depth != Depth::Expression || !knows_better {
            let by = By::Category(category);
            self.decided = Some(Decided { allows, by, depth, narrow: 0 });
        }
    }
}

/// The walk from the narrowest match to the widest.
struct Walk<'p> {
    policy: &'p Policy,
    profile: usize,
    rules: &'p ProfileRules,
    period: usize,
    named: InPeriod,
    locked: Level,
    all: Level,
    /// Categories whose own list took the target out.
    excepted: CategorySet,
}

impl<'p> Walk<'p> {
    fn new(policy: &'p Policy, profile: usize, rules: &'p ProfileRules, period: usize) -> Self {
        let named = rules.in_period(period);
        let (locked, all) = (Level::default(), Level::default());
        Self { policy, profile, rules, period, named, locked, all, excepted: CategorySet::EMPTY }
    }

    fn site(&mut self, listed: Listed) {
        let Some(rule) = self.policy.rules.get(listed.rule) else { return };
        if rule.is_for(self.profile) {
            self.all.site(listed, rule, self.period);
            if rule.is_locked {
                self.locked.site(listed, rule, self.period);
            }
        }
    }

    fn needs_lists(&self) -> bool {
        !(self.named.all.is_empty() && self.rules.timed.is_empty())
    }

    /// Takes up a match. The categories that list the target at this depth.
    fn categories(&mut self, found: Match) -> CategorySet {
        self.excepted |= found.excepted;
        let listed = found.listed.minus(self.excepted);
        let timed = !(listed & self.rules.timed).is_empty();
        if self.locked.asks(found.depth) {
            if timed {
                self.locked.flips = self.locked.flips.or(self.flips(listed, true));
            }
            self.locked.categories(listed, self.named.locked, found.depth);
        }
        if self.all.asks(found.depth) {
            if timed {
                self.all.flips = self.all.flips.or(self.flips(listed, false));
            }
            self.all.categories(listed, self.named.all, found.depth);
        }
        listed
    }

    /// The periods in which a rule on one of these categories holds otherwise than now.
    fn flips(&self, listed: CategorySet, locked: bool) -> Periods {
        let rules = self.rules.rules.iter();
        let rules = rules.filter_map(|place| self.policy.rules.get(usize::from(*place)));
        rules
            .filter(|rule| !rule.is_timeless() && (rule.is_locked || !locked))
            .filter(|rule| !(rule.categories & listed).is_empty())
            .fold(Periods::NONE, |flips, rule| flips.or(rule.when.flips(self.period)))
    }

    fn is_decided(&self) -> bool {
        let no_locks = self.named.locked.is_empty() && self.rules.timed.is_empty();
        self.all.decided.is_some() && (no_locks || self.locked.decided.is_some())
    }

    fn end(mut self) -> (Level, Level) {
        self.locked.decided = self.locked.decided.or(self.locked.site);
        self.all.decided = self.all.decided.or(self.all.site);
        (self.locked, self.all)
    }
}

/// The exam that is on in this room, if any.
struct ExamNow<'p> {
    exam: Option<&'p CompiledExam>,
    open: bool,
}

impl<'p> ExamNow<'p> {
    /// Of several at once, one that leaves the site open, else the first.
    fn of(policy: &'p Policy, who: &Who<'_>, target: &Target<'_>, now: Timestamp) -> Self {
        let is_on = |exam: &&CompiledExam| {
            exam.from <= now && now < exam.to && exam.rooms.hold(who, who.address.to_canonical())
        };
        let names = |exam: &&CompiledExam| {
            let mut named = false;
            exam.sites.visit(target, &mut |_| named = true);
            named
        };
        let on = || policy.exams.iter().filter(is_on);
        match on().find(names) {
            Some(exam) => Self { exam: Some(exam), open: true },
            None => Self { exam: on().next(), open: false },
        }
    }

    fn needs_lists(&self) -> bool {
        self.exam.is_some_and(|exam| !self.open && !exam.categories.is_empty())
    }

    fn categories(&mut self, listed: CategorySet) {
        self.open |= self.exam.is_some_and(|exam| !(exam.categories & listed).is_empty());
    }

    fn is_decided(&self) -> bool {
        self.exam.is_none_or(|exam| self.open || exam.categories.is_empty())
    }

    fn verdict(&self, verdict: &Verdict<'p>) -> Option<Verdict<'p>> {
        self.exam.map(|exam| Verdict {
            allowed: self.open,
            why: Why::Exam,
            rule: Some(&exam.name),
            until: Some(exam.to),
            ..*verdict
        })
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
