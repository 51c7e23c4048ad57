//! Precedence, over matches of a table: no lists are needed.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    config::filter::{Merged, MergedProfile, MergedRule, Origin, Rule, SafeSearch},
    filter::{
        host::Host,
        policy::{Explanation, Standing, Surroundings},
        testing::{at, from, paris},
        verdict::CategoryFacts,
    },
};

const NAMES: [&str; 4] = ["black", "grey", "white", "locked"];

fn surroundings() -> Surroundings {
    let facts = NAMES.iter().enumerate().map(|(number, name)| CategoryFacts {
        category: Category::new(number).unwrap(),
        name: (*name).to_owned(),
        aliases: Vec::new(),
        list: String::new(),
        date: None,
    });
    Surroundings { categories: facts.collect(), own: Vec::new() }
}

fn set(names: &[&str]) -> CategorySet {
    let number = |name: &&str| NAMES.iter().position(|known| known == name);
    names.iter().filter_map(number).filter_map(Category::new).collect()
}

fn found(depth: Depth, listed: &[&str]) -> Match {
    Match { depth, listed: set(listed), excepted: CategorySet::EMPTY }
}

fn rule(name: &str, action: Action, what: &[&str]) -> MergedRule {
    let (categories, sites): (Vec<&str>, _) = what.iter().partition(|one| NAMES.contains(*one));
    let rule = Rule {
        name: name.to_owned(),
        action,
        categories: categories.iter().map(ToString::to_string).collect(),
        sites: sites.iter().map(|site: &&str| site.parse().unwrap()).collect(),
        profiles: Vec::new(),
        during: Vec::new(),
        outside: Vec::new(),
        locked: false,
        off: false,
    };
    MergedRule { rule, origin: Origin::School }
}

fn locked(mut rule: MergedRule) -> MergedRule {
    (rule.rule.locked, rule.origin) = (true, Origin::Region);
    rule
}

fn policy(rules: Vec<MergedRule>, otherwise: Action) -> Policy {
    let profile = MergedProfile {
        name: "p".into(),
        like: None,
        networks: Vec::new(),
        interfaces: Vec::new(),
        roles: Vec::new(),
        otherwise,
        safe_search: SafeSearch::Off,
        ceiling: None,
    };
    let merged = Merged { rules, profiles: vec![profile], ..Merged::default() };
    Policy::compile(&merged, &surroundings(), paris(), at(0))
}

/// The verdict over these matches, which must be in order; in words.
fn judged(policy: &Policy, matches: &[Match], url: &str) -> (bool, Why, Option<String>) {
    let (host, path) = url.split_once('/').map_or((url, None), |(host, _)| (host, Some(url)));
    let path = path.and_then(|url| url.find('/').map(|at| &url[at..]));
    let host = Host::parse(host).unwrap();
    let target = Target { host: &host, port: 80, path };
    let openings = Openings::default();
    let mut find = |visit: &mut dyn FnMut(Match) -> bool| {
        for found in matches {
            if !visit(*found) {
                return;
            }
        }
    };
    let who = from("10.0.0.1");
    let now: Timestamp = at(0);
    let verdict = policy.judge_over(&mut find, &openings, &who, &target, now);
    (verdict.allowed, verdict.why, verdict.rule.map(ToOwned::to_owned))
}

#[test]
fn the_narrowest_decides_and_a_site_before_a_category() {
    use Action::{Allow, Deny};
    let two = Depth::Labels(2);
    let three = Depth::Labels(3);
    for (rules, matches, allowed, by) in [
        // Categories: the narrower list, allow at equal depth, and what a list takes out itself.
        (vec![rule("d", Deny, &["black"])], vec![found(two, &["black"])], false, "d"),
        (
            vec![rule("d", Deny, &["black"]), rule("a", Allow, &["white"])],
            vec![found(two, &["black", "white"])],
            true,
            "a",
        ),
        (
            vec![rule("d", Deny, &["black"]), rule("a", Allow, &["white"])],
            vec![found(three, &["black"]), found(two, &["white"])],
            false,
            "d",
        ),
        // Own sites: narrower than, as narrow as, and less narrow than the category.
        (
            vec![rule("d", Deny, &["a.b.example"]), rule("a", Allow, &["white"])],
            vec![found(two, &["white"])],
            false,
            "d",
        ),
        (
            vec![rule("d", Deny, &["b.example"]), rule("a", Allow, &["white"])],
            vec![found(two, &["white"])],
            false,
            "d",
        ),
        (
            vec![rule("a", Allow, &["b.example"]), rule("d", Deny, &["black"])],
            vec![found(three, &["black"])],
            false,
            "d",
        ),
        // An expression is a guess: a rule that names the site knows better.
        (
            vec![rule("a", Allow, &["b.example"]), rule("d", Deny, &["black"])],
            vec![found(Depth::Expression, &["black"])],
            true,
            "a",
        ),
        (
            vec![rule("a", Allow, &["*"]), rule("d", Deny, &["black"])],
            vec![found(Depth::Expression, &["black"])],
            false,
            "d",
        ),
        (
            vec![rule("a", Allow, &["b.example"]), rule("d", Deny, &["black"])],
            vec![found(Depth::Expression, &["grey"]), found(Depth::Url, &["black"])],
            false,
            "d",
        ),
        // Own sites among themselves.
        (
            vec![rule("d", Deny, &["b.example"]), rule("a", Allow, &["b.example"])],
            vec![],
            true,
            "a",
        ),
        (
            vec![rule("a", Allow, &["b.example"]), rule("d", Deny, &["a.b.example/x"])],
            vec![],
            false,
            "d",
        ),
        // Locked: before all else, at any depth; the region's own exceptions with it.
        (
            vec![locked(rule("l", Deny, &["locked"])), rule("a", Allow, &["a.b.example"])],
            vec![found(two, &["locked"])],
            false,
            "l",
        ),
        (
            vec![
                locked(rule("l", Deny, &["locked"])),
                locked(rule("e", Allow, &["white"])),
                rule("d", Deny, &["b.example"]),
            ],
            vec![found(two, &["locked", "white"])],
            false,
            "d",
        ),
        (
            vec![locked(rule("l", Deny, &["locked"])), locked(rule("e", Allow, &["white"]))],
            vec![found(two, &["locked", "white"])],
            true,
            "e",
        ),
    ] {
        let policy = policy(rules, Allow);
        let (is_allowed, _, rule) = judged(&policy, &matches, "a.b.example/x");
        assert_eq!((is_allowed, rule.as_deref()), (allowed, Some(by)), "{matches:?}");
    }
    let excepted = Match { excepted: set(&["black"]), ..found(three, &[]) };
    let policy = policy(vec![rule("d", Deny, &["black"])], Allow);
    let taken_out = judged(&policy, &[excepted, found(two, &["black"])], "a.b.example");
    assert_eq!(taken_out, (true, Why::Otherwise, None));
}

#[test]
fn only_what_is_listed_is_allowed_when_the_profile_denies_the_rest() {
    let rules = || vec![rule("a", Action::Allow, &["white", "b.example"])];
    let policy = policy(rules(), Action::Deny);
    assert!(judged(&policy, &[], "b.example").0);
    assert!(judged(&policy, &[found(Depth::Labels(2), &["white"])], "c.example").0);
    assert_eq!(judged(&policy, &[], "c.example"), (false, Why::Otherwise, None));
}

fn depths() -> impl Strategy<Value = Vec<Match>> {
    let one = (0..16_u128, 0..4_u128);
    proptest::collection::vec(one, 0..6).prop_map(|sets| {
        let depths =
            [Depth::Expression, Depth::Url, Depth::Labels(3), Depth::Labels(2), Depth::Labels(1)];
        let matches = depths.into_iter().zip(sets).map(|(depth, (listed, excepted))| Match {
            depth,
            listed: CategorySet::from_bits(listed),
            excepted: CategorySet::from_bits(excepted),
        });
        matches.collect()
    })
}

fn rules(only: Option<Action>) -> impl Strategy<Value = Vec<MergedRule>> {
    let what = prop::sample::select(vec![
        "black",
        "grey",
        "white",
        "a.b.example",
        "b.example",
        "example",
        "*",
        "b.example/x",
        "c.example",
        "10.0.0.0/8",
    ]);
    let one = (any::<bool>(), prop::collection::vec(what, 1..3));
    prop::collection::vec(one, 0..5).prop_map(move |rules| {
        let action = |allows| if allows { Action::Allow } else { Action::Deny };
        let named = rules.into_iter().enumerate().map(|(index, (allows, what))| {
            rule(&format!("r{index}"), only.unwrap_or(action(allows)), &what)
        });
        named.collect()
    })
}

fn url() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a.b.example/x", "b.example", "c.example/", "example", "10.1.2.3"])
}

proptest! {
    #[test]
    fn what_is_locked_is_never_allowed(
        rules in rules(None),
        matches in depths(),
        url in url(),
        open in any::<bool>(),
    ) {
        let otherwise = if open { Action::Allow } else { Action::Deny };
        let mut alone = vec![locked(rule("l", Action::Deny, &["locked", "c.example"]))];
        let lock = judged(&policy(alone.clone(), Action::Allow), &matches, url);
        alone.extend(rules);
        let all = judged(&policy(alone, otherwise), &matches, url);
        // By the lock alone denied: with whatever the school adds, denied by the lock.
        if !lock.0 {
            prop_assert_eq!(all, lock);
        }
    }

    #[test]
    fn a_rule_that_allows_never_denies(
        rules in rules(None),
        more in rules(Some(Action::Allow)),
        matches in depths(),
        url in url(),
    ) {
        let before = judged(&policy(rules.clone(), Action::Allow), &matches, url);
        let named = more.into_iter().enumerate().map(|(index, mut more)| {
            more.rule.name = format!("more{index}");
            more
        });
        let after = judged(&policy(rules.into_iter().chain(named).collect(), Action::Allow), &matches, url);
        prop_assert!(after.0 || !before.0, "{before:?} {after:?}");
    }

    #[test]
    fn a_rule_that_denies_never_allows(
        rules in rules(None),
        more in rules(Some(Action::Deny)),
        matches in depths(),
        url in url(),
    ) {
        let before = judged(&policy(rules.clone(), Action::Deny), &matches, url);
        let named = more.into_iter().enumerate().map(|(index, mut more)| {
            more.rule.name = format!("more{index}");
            more
        });
        let after = judged(&policy(rules.into_iter().chain(named).collect(), Action::Deny), &matches, url);
        prop_assert!(before.0 || !after.0, "{before:?} {after:?}");
    }

    #[test]
    fn who_explains_agrees_with_who_judges(rules in rules(None), matches in depths(), url in url()) {
        let policy = policy(rules, Action::Allow);
        let (allowed, why, rule) = judged(&policy, &matches, url);
        let (name, path) = url.find('/').map_or((url, None), |at| (&url[..at], Some(&url[at..])));
        let host = Host::parse(name).unwrap();
        let target = Target { host: &host, port: 80, path };
        let mut find = |visit: &mut dyn FnMut(Match) -> bool| {
            let _ = matches.iter().all(|found| visit(*found));
        };
        let told: Explanation =
            policy.explain_over(&mut find, &Openings::default(), &from("10.0.0.1"), &target, at(0));
        prop_assert_eq!((told.reason.allowed, told.reason.why, &told.reason.rule), (allowed, why, &rule));
        let won = told.lines.iter().find(|line| line.standing == Standing::Won);
        prop_assert_eq!(won.map(|line| &line.rule), rule.as_ref());
        prop_assert!(won.is_none_or(|line| line.allows == allowed));
    }
}
