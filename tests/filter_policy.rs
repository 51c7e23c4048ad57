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
    access::Role,
    config::{
        Config, Finding, Severity,
        filter::{Beside, SafeSearch},
    },
    filter::{Openings, Reason, Who, Why, policy::Standing, target::Typed},
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

/// What of the school's file is set aside once these lines are added, under this region: the box
/// starts with the rest.
fn set_aside_by(region: &str, more: &str) -> (Config, Vec<Finding>) {
    let beside = Beside::of(Some(region), Some(HOLIDAYS)).unwrap();
    let text = format!("{SCHOOL}\n{more}");
    let (config, report) = Config::parse_beside("preau.toml", &text, beside).expect("it starts");
    assert!(report.has_set_aside() && !report.has_errors(), "{more}");
    let aside = report.findings.into_iter().filter(|f| f.severity == Severity::Aside).collect();
    (config, aside)
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
        let (config, findings) = set_aside_by(REGION, more);
        assert_eq!(findings.len(), 1, "{more}\n{findings:?}");
        assert!(findings[0].key.ends_with(key), "{more}\n{findings:?}");
        assert!(findings[0].message.contains(says), "{more}\n{findings:?}");
        assert!(findings[0].line > SCHOOL.lines().count(), "it points at what was added");
        let told = config.filter.merged().set_aside;
        assert_eq!(told.len(), 1, "{more}\n{told:?}");
        assert!(told[0].starts_with("set aside: ") && told[0].contains(says), "{told:?}");
    }
    assert_eq!(config(REGION, SCHOOL).filter.merged().set_aside, Vec::<String>::new());
}

/// Tries of a school's file that was good until the region locked more.
const LOOSENING: &str = r#"
[[filter.rules]]
name = "mineurs"
off = true
[[filter.rules]]
name = "club de jeux"
action = "allow"
categories = ["games", "adult"]
sites = ["club.example"]
[[filter.exams]]
name = "examen large"
networks = ["10.31.5.0/24"]
from = "2026-12-03T09:00"
to = "2026-12-03T12:00"
categories = ["vpn"]
sites = ["examen.example"]
[[filter.profiles]]
name = "libre"
networks = ["10.99.0.0/16"]
[[filter.profiles]]
name = "atelier"
like = "eleves"
networks = ["10.98.0.0/16"]
safe_search = "off"
[[filter.profiles]]
name = "machines"
like = "serveurs"
networks = ["10.97.0.0/16"]
otherwise = "allow"
[[filter.profiles]]
name = "grands"
like = "professeurs"
roles = ["pupil"]
networks = ["10.96.0.0/16"]
[[filter.rules]]
name = "chez les libres"
sites = ["salle.example"]
profiles = ["libre", "atelier"]
"#;

#[test]
fn what_a_lock_forbids_does_not_act_and_the_rest_of_the_file_does() {
    let (config, findings) = set_aside_by(REGION, LOOSENING);
    assert_eq!(findings.len(), 7, "{findings:?}");
    let (lists, now) = (lists(), at("2026-11-26T09:00"));
    let policy = policy(&config, &lists, now);
    let ask = |address: &str, role: Option<Role>, url: &str, now| {
        let who = Who { role, ..Who::at(address.parse().unwrap()) };
        ask(&policy, &lists, &who, url, now)
    };
    // The lock stands, and what the same rule opens beside it is open.
    let adult = ask("10.31.1.1", None, "https://adulte.example/", now);
    assert!(!adult.allowed && adult.why == Why::Locked, "{adult:?}");
    for url in ["https://jeux.example/", "https://club.example/"] {
        assert!(ask("10.31.1.1", None, url, now).allowed, "{url}");
    }
    // Devices of a profile that would escape are those of who fits none.
    let nobody = ask("10.99.0.1", None, "https://adulte.example/", now);
    assert_eq!((nobody.allowed, nobody.profile.as_str()), (false, "eleves"));
    // A profile keeps its name, its networks and its own rules; not what loosens.
    let workshop = ask("10.98.0.1", None, "https://salle.example/", now);
    assert_eq!((workshop.allowed, workshop.profile.as_str()), (false, "atelier"));
    assert_eq!(workshop.safe_search, SafeSearch::Strict);
    let machine = ask("10.97.0.1", None, "https://exemple.example/", now);
    assert_eq!((machine.allowed, machine.profile.as_str()), (false, "machines"));
    // Nobody leaves the profile that the region put them in; one that was for them alone is gone.
    for role in [Some(Role::Pupil), None] {
        let pupil = ask("10.96.0.1", role, "https://adulte.example/", now);
        assert_eq!((pupil.allowed, pupil.profile.as_str()), (false, "eleves"), "{role:?}");
    }
}

#[test]
fn a_region_that_locks_what_a_school_opened_long_ago_stops_no_box() {
    // The school's rule replaced the region's while that was not locked.
    let own = "[[filter.rules]]\nname = \"distractions\"\noff = true\n\
               [[filter.rules]]\nname = \"rappel\"\nsites = [\"rappel.example\"]\n";
    let beside = || Beside::of(Some(REGION), Some(HOLIDAYS)).unwrap();
    let text = format!("{SCHOOL}\n{own}");
    let (before, report) = Config::parse_beside("preau.toml", &text, beside()).unwrap();
    assert!(!report.has_set_aside());
    let locked = REGION.replace(
        "name = \"distractions\"\naction",
        "name = \"distractions\"\nlocked = true\naction",
    );
    assert_ne!(locked, REGION);
    let (after, findings) = set_aside_by(&locked, own);
    assert_eq!(findings[0].message, "the region's rule `distractions` is locked");
    let (lists, now) = (lists(), at("2026-11-26T09:00"));
    for (config, social) in [(before, true), (after, false)] {
        let policy = policy(&config, &lists, now);
        let allowed = |url| ask(&policy, &lists, &who("eleve"), url, now).allowed;
        assert_eq!(allowed("https://social.example/"), social);
        assert!(!allowed("https://rappel.example/"), "the rest acts");
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
        let (_, findings) = set_aside_by(&region, more);
        let found = findings.iter().find(|f| f.key.ends_with(key) && f.message.contains(says));
        assert!(found.is_some(), "{more}\n{findings:?}");
    }
    // At other times the region says nothing, and the school may.
    let evening = "[[filter.rules]]\nname = \"x\"\naction = \"allow\"\ncategories = [\"games\"]\n\
                   during = [\"etude\"]\n";
    let beside = Beside::of(Some(&region), None).unwrap();
    let (_, report) =
        Config::parse_beside("preau.toml", &format!("{SCHOOL}\n{evening}"), beside).unwrap();
    assert!(!report.has_set_aside());
    let text = SCHOOL.replace("zone = \"B\"", "zone = \"B\"\ndefault_profile = \"invites\"");
    let beside = Beside::of(Some(REGION), Some(HOLIDAYS)).unwrap();
    let (config, report) = Config::parse_beside("p", &text, beside).unwrap();
    assert_eq!(report.findings[0].key, "filter.default_profile");
    let merged = config.filter.merged();
    let default = merged.default_profile.map(|index| merged.profiles[index].name.as_str());
    assert_eq!(default, Some("eleves"));
}

#[test]
fn a_locked_ceiling_may_be_lowered_and_not_raised_and_holds_for_profiles_that_are_alike() {
    let locked = "name = \"eleves\"\nceiling = \"50 %\"\nroles = [\"pupil\"]";
    let region = REGION.replace("name = \"eleves\"\nroles = [\"pupil\"]", locked);
    assert_ne!(region, REGION);
    let like = |ceiling: &str| {
        format!("[[filter.profiles]]\nname = \"x\"\nlike = \"eleves\"\nceiling = \"{ceiling}\"\n")
    };
    let of_x = |config: &Config| {
        let merged = config.filter.merged();
        merged.profiles.iter().find(|profile| profile.name == "x").unwrap().ceiling
    };
    for more in ["60 %", "20 Mbit/s"].map(like) {
        let (config, findings) = set_aside_by(&region, &more);
        let found = findings.iter().find(|f| f.key.ends_with("ceiling"));
        assert!(found.unwrap().message.contains("a ceiling of 50 %"), "{more}\n{findings:?}");
        assert_eq!(of_x(&config), "50 %".parse().ok(), "the region's stands");
    }
    let beside = Beside::of(Some(&region), Some(HOLIDAYS)).unwrap();
    let text = format!("{SCHOOL}\n{}", like("40 %"));
    let (config, _) = Config::parse_beside("preau.toml", &text, beside).unwrap();
    assert_eq!(of_x(&config), "40 %".parse().ok());
    let (lists, now) = (lists(), at("2026-11-26T09:00"));
    let (policy, openings) = (policy(&config, &lists, now), Openings::default());
    let typed = Typed::parse("https://x.example/").unwrap();
    for (name, expected) in
        [("eleve", Some("eleves 50 %")), ("interne", Some("internat 50 %")), ("prof", None)]
    {
        let verdict = policy.judge(Some(&lists), &openings, &who(name), &typed.target(), now);
        let under = verdict.ceiling.map(|one| format!("{} {}", one.profile, one.most));
        assert_eq!(under.as_deref(), expected, "{name}");
    }
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
