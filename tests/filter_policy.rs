//! The policy of a real school: who may go where, when; what a school may not loosen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod filter_support;

use std::collections::{BTreeMap, BTreeSet};

use filter_support::{
    HOLIDAYS, REGION, SCHOOL, ask, at, config, explain, lists, policy, shown, who,
};
use preau::{
    config::{
        Config, Finding,
        filter::{Beside, SafeSearch},
    },
    filter::{Reason, Why, policy::Standing},
};

const CASES: &str = include_str!("data/filter/cases.txt");

#[derive(Debug)]
struct Case {
    line: usize,
    who: &'static str,
    when: &'static str,
    url: &'static str,
    expected: [&'static str; 3],
}

fn cases() -> Vec<Case> {
    let lines = CASES.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let [who, when, url, verdict, by, until] = cells[..] else { panic!("{line}") };
            Case { line: index + 1, who, when, url, expected: [verdict, by, until] }
        })
        .collect()
}

fn by(reason: &Reason) -> String {
    let rule = reason.rule.clone().unwrap_or_default();
    let category = reason.category.as_ref().map(|name| format!(": {name}")).unwrap_or_default();
    match reason.why {
        Why::TheBox => "the box".into(),
        Why::Locked => format!("!{rule}{category}"),
        Why::Exam => format!("exam {rule}"),
        Why::Opening => format!("opened {rule}"),
        Why::Site | Why::Category => format!("{rule}{category}"),
        Why::Otherwise => format!("({})", reason.profile),
    }
}

#[test]
fn every_case_of_a_real_school_is_judged_as_its_table_says() {
    let (config, lists, cases) = (config(REGION, SCHOOL), lists(), cases());
    assert!(cases.len() >= 60, "{} cases", cases.len());
    // The box works the hours out anew every hour; here, every day that has a case.
    let mut policies = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let now = at(case.when);
        let day = &case.when[..10];
        let policy = policies.entry(day).or_insert_with(|| policy(&config, &lists, now));
        assert_eq!(policy.complaints(), missing().as_slice());
        let reason = ask(policy, &lists, &who(case.who), case.url, now);
        let verdict = if reason.allowed { "allow" } else { "deny" };
        let until = reason.until.map(shown).unwrap_or_default();
        let said = [verdict, &by(&reason), &until];
        if said != case.expected {
            wrong.push(format!("{}: {} {}: {said:?}", case.line, case.who, case.url));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Categories of the region's policy that the lists of this test do not have: told, not ignored.
fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    for (rule, categories) in [
        ("mineurs", &["dangerous_material", "sect"][..]),
        ("contournement", &["residential-proxies", "doh", "remote-control"]),
        ("distractions", &["dating", "manga", "celebrity"]),
    ] {
        for name in categories {
            missing.push(format!("the rule `{rule}` names the category `{name}`: no list has it"));
        }
    }
    missing
}

#[test]
fn the_explanation_of_each_case_names_the_rule_that_decided() {
    let (config, lists) = (config(REGION, SCHOOL), lists());
    let mut policies = BTreeMap::new();
    for case in cases() {
        let now = at(case.when);
        let day = &case.when[..10];
        let policy = policies.entry(day).or_insert_with(|| policy(&config, &lists, now));
        let (who, url) = (who(case.who), case.url);
        let told = explain(policy, &lists, &who, url, now);
        assert_eq!(told.reason, ask(policy, &lists, &who, url, now), "{}", case.line);
        let won: Vec<_> = told.lines.iter().filter(|l| l.standing == Standing::Won).collect();
        match told.reason.why {
            Why::Locked | Why::Site | Why::Category => {
                assert_eq!(won.len(), 1, "{}: {won:?}", case.line);
                assert_eq!(Some(&won[0].rule), told.reason.rule.as_ref());
                assert_eq!(won[0].allows, told.reason.allowed);
            }
            _ => assert!(won.is_empty(), "{}: {won:?}", case.line),
        }
        assert_eq!(told.lines.len(), config.filter.merged().rules.len());
    }
}

#[test]
fn a_verdict_names_its_list_and_the_day_it_was_made() {
    let (config, lists) = (config(REGION, SCHOOL), lists());
    let now = at("2026-11-26T09:00");
    let policy = policy(&config, &lists, now);
    let reason = ask(&policy, &lists, &who("eleve"), "https://adulte.example/", now);
    assert_eq!(reason.list.as_deref(), Some("adult/domains"));
    assert_eq!(reason.list_date, Some("2026-11-20T03:00:00Z".parse().unwrap()));
    assert!(reason.by_region);
    assert_eq!(reason.safe_search, SafeSearch::Strict);
    let teacher = ask(&policy, &lists, &who("prof"), "https://adulte.example/", now);
    assert_eq!(teacher.safe_search, SafeSearch::Off);
    let boarder = ask(&policy, &lists, &who("interne"), "https://x.example/", now);
    assert_eq!(boarder.safe_search, SafeSearch::Strict, "as the profile it is like");
}

/// What is wrong with the school's file once these rules are added, under this region.
fn refused_by(region: &str, more: &str) -> Vec<Finding> {
    let beside = Beside::of(Some(region), Some(HOLIDAYS)).unwrap();
    let text = format!("{SCHOOL}\n{more}");
    let error = Config::parse_beside("preau.toml", &text, beside).expect_err("refused");
    error.findings().to_vec()
}

#[test]
fn a_school_that_loosens_what_is_locked_is_told_which_rule() {
    for (more, key, says) in [
        // The rule itself, or its end.
        (
            "[[filter.rules]]\nname = \"mineurs\"\nsites = [\"a.example\"]\n",
            "name",
            "`mineurs` is locked",
        ),
        ("[[filter.rules]]\nname = \"mineurs\"\noff = true\n", "name", "`mineurs` is locked"),
        // A category that it denies, for all, for a profile like the one it is for.
        (
            "[[filter.rules]]\nname = \"x\"\naction = \"allow\"\ncategories = [\"vpn\"]\n",
            "categories[0]",
            "`contournement` locks `vpn`",
        ),
        (
            "[[filter.rules]]\nname = \"x\"\naction = \"allow\"\ncategories = [\"games\", \"adult\"]\n\
             profiles = [\"internat\"]\nduring = [\"nuit\"]\n",
            "categories[1]",
            "`mineurs` locks `adult`",
        ),
        // An exam that opens it.
        (
            "[[filter.exams]]\nname = \"x\"\nnetworks = [\"10.31.5.0/24\"]\n\
             from = \"2027-03-03T09:00\"\nto = \"2027-03-03T12:00\"\ncategories = [\"vpn\"]\n",
            "categories[0]",
            "`contournement` locks `vpn`",
        ),
        // A profile that would escape, or be laxer, or take its people.
        (
            "[[filter.profiles]]\nname = \"libre\"\nnetworks = [\"10.99.0.0/16\"]\n",
            "filter.profiles[6]",
            "`libre` would escape the region's rule `mineurs`",
        ),
        (
            "[[filter.profiles]]\nname = \"libre\"\nlike = \"eleves\"\nsafe_search = \"off\"\n",
            "safe_search",
            "`eleves` is locked",
        ),
        (
            "[[filter.profiles]]\nname = \"x\"\nlike = \"professeurs\"\nroles = [\"pupil\"]\n",
            "roles",
            "locked who is in `eleves`",
        ),
        (
            "[[filter.profiles]]\nname = \"x\"\nlike = \"serveurs\"\notherwise = \"allow\"\n",
            "otherwise",
            "`serveurs` is locked",
        ),
    ] {
        let findings = refused_by(REGION, more);
        assert_eq!(findings.len(), 1, "{more}\n{findings:?}");
        assert!(findings[0].key.ends_with(key), "{more}\n{findings:?}");
        assert!(findings[0].message.contains(says), "{more}\n{findings:?}");
        assert!(findings[0].line > SCHOOL.lines().count(), "it points at what was added");
    }
}

#[test]
fn a_school_cannot_lock_nor_name_what_nobody_defines() {
    for (more, key, says) in [
        (
            "[[filter.rules]]\nname = \"x\"\nsites = [\"a.example\"]\nlocked = true\n",
            "locked",
            "only the region",
        ),
        (
            "[[filter.rules]]\nname = \"x\"\nsites = [\"a.example\"]\nduring = [\"siesta\"]\n",
            "during",
            "`siesta`",
        ),
        (
            "[[filter.rules]]\nname = \"x\"\nsites = [\"a.example\"]\nprofiles = [\"y\"]\n",
            "profiles",
            "`y`",
        ),
        ("[[filter.profiles]]\nname = \"x\"\nlike = \"y\"\n", "like", "`y`"),
        (
            "[[filter.profiles]]\nname = \"x\"\nlike = \"internat\"\n",
            "like",
            "itself like `eleves`",
        ),
        ("[[filter.rules]]\nname = \"sommeil\"\nsites = [\"a.example\"]\n", "name", "there twice"),
        (
            "[[filter.exams]]\nname = \"x\"\nnetworks = [\"10.31.5.0/24\"]\n\
             from = \"2027-03-03T12:00\"\nto = \"2027-03-03T09:00\"\n",
            "to",
            "before it begins",
        ),
    ] {
        let findings = refused_by(REGION, more);
        let found = findings.iter().find(|f| f.key.ends_with(key) && f.message.contains(says));
        assert!(found.is_some(), "{more}\n{findings:?}");
    }
}

#[test]
fn locked_sites_hours_and_defaults_hold_too() {
    let region = format!(
        "{REGION}\n[[filter.rules]]\nname = \"arrete\"\nsites = [\"interdit.example\"]\nlocked = true\n\
         [[filter.rules]]\nname = \"jour\"\ncategories = [\"games\"]\nduring = [\"journee\"]\nlocked = true\n\
         [[filter.periods]]\nname = \"journee\"\nhours = [\"lun-ven 08:00-18:00\"]\nlocked = true\n"
    );
    for (more, key, says) in [
        (
            "[[filter.rules]]\nname = \"x\"\naction = \"allow\"\nsites = [\"a.interdit.example\"]\n",
            "sites[0]",
            "`arrete` locks a.interdit.example",
        ),
        (
            "[[filter.periods]]\nname = \"journee\"\nhours = [\"lun 08:00-09:00\"]\n",
            "name",
            "hours of `journee`",
        ),
        (
            "[[filter.rules]]\nname = \"x\"\naction = \"allow\"\ncategories = [\"games\"]\n\
             during = [\"journee\"]\n",
            "categories[0]",
            "`jour` locks `games`",
        ),
    ] {
        let findings = refused_by(&region, more);
        let found = findings.iter().find(|f| f.key.ends_with(key) && f.message.contains(says));
        assert!(found.is_some(), "{more}\n{findings:?}");
    }
    // At other times the region says nothing, and the school may.
    let evening = "[[filter.rules]]\nname = \"x\"\naction = \"allow\"\ncategories = [\"games\"]\n\
                   during = [\"etude\"]\n";
    let beside = Beside::of(Some(&region), None).unwrap();
    Config::parse_beside("preau.toml", &format!("{SCHOOL}\n{evening}"), beside).unwrap();
    let findings = {
        let text = SCHOOL.replace("zone = \"B\"", "zone = \"B\"\ndefault_profile = \"invites\"");
        let beside = Beside::of(Some(REGION), Some(HOLIDAYS)).unwrap();
        Config::parse_beside("p", &text, beside).expect_err("refused").findings().to_vec()
    };
    assert_eq!(findings[0].key, "filter.default_profile");
}

#[test]
fn a_school_of_another_zone_has_other_holidays() {
    let lists = lists();
    let school = SCHOOL.replace("zone = \"B\"", "zone = \"A\"");
    let config = config(REGION, &school);
    let now = at("2027-02-15T09:00");
    let reason = ask(&policy(&config, &lists, now), &lists, &who("eleve"), "social.example", now);
    assert!(reason.allowed, "in holidays of zone A: {reason:?}");
}

#[test]
fn the_sample_policy_names_categories_that_ut1_has() {
    // Those of the archive of November 2026, less aliases.
    let known: BTreeSet<_> = UT1.split_whitespace().collect();
    let beside = Beside::of(Some(REGION), None).unwrap();
    let region = beside.region.unwrap();
    let named = region.rules.iter().flat_map(|rule| &rule.categories);
    let unknown: Vec<_> = named.filter(|name| !known.contains(name.as_str())).collect();
    assert_eq!(unknown, Vec::<&String>::new());
}

const UT1: &str = "adult agressif ai arjel associations_religieuses astrology audio-video bank \
    bitcoin blog celebrity chat child cleaning cooking cryptojacking dangerous_material dating \
    ddos dialer doh download drogue dynamic-dns educational_games examen_pix exceptions_liste_bu \
    fakenews filehosting financial forums gambling games hacking jobsearch lingerie liste_blanche \
    liste_bu malware manga marketingware mixed_adult mobile-phone phishing press publicite radio \
    reaffected redirector remote-control residential-proxies sect sexual_education shopping \
    shortener social_networks special sports stalkerware strict_redirector strong_redirector \
    translation tricheur tricheur_pix update vpn warez webhosting webmail";
