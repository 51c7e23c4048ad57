//! A school whose policy is judged: the region's sample policy, the published holidays, what the
//! CMIL of `tests/data/filter/preau.toml` wrote, and lists of a few invented sites.

#![allow(dead_code, reason = "each test file uses a part")]

use std::net::IpAddr;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use preau::{
    access::Role,
    config::{Config, filter::Beside},
    filter::{
        Openings, Reason, Who,
        host::Host,
        lists::{
            Builder, Lists, Subject,
            build::{Rule, Scope},
        },
        policy::{Explanation, Policy, Surroundings},
        target::Typed,
    },
};

/// The region's file, as the repository gives it.
pub const REGION: &str = include_str!("../../config/region/policy.toml");
/// The holidays, as the repository gives them.
pub const HOLIDAYS: &str = include_str!("../../config/holidays.toml");
/// What the CMIL wrote.
pub const SCHOOL: &str = include_str!("../data/filter/preau.toml");

/// Category and what it lists; `/` in it = the beginning of a URL, `~` = an expression, `!` = an
/// exception.
const LISTED: [(&str, &[&str]); 25] = [
    ("malware", &["malware.example"]),
    ("phishing", &["hameconnage.example"]),
    ("cryptojacking", &[]),
    ("stalkerware", &[]),
    (
        "adult",
        &[
            "adulte.example",
            "!musee.adulte.example",
            "sante.example",
            "xxx",
            "203.0.113.66",
            "blog.example/adulte",
            "~porn-gratuit",
        ],
    ),
    ("mixed_adult", &[]),
    ("sexual_education", &["sante.example"]),
    ("gambling", &["casino.example"]),
    ("arjel", &[]),
    ("agressif", &["haine.example"]),
    ("drogue", &[]),
    ("vpn", &["vpn.example"]),
    ("redirector", &["proxy.example"]),
    ("strict_redirector", &["proxy.example"]),
    ("social_networks", &["social.example", "video.example"]),
    ("audio-video", &["video.example"]),
    ("games", &["jeux.example"]),
    ("chat", &["chat.example"]),
    ("filehosting", &["partage.example"]),
    ("warez", &[]),
    ("hacking", &[]),
    ("publicite", &["pub.example"]),
    ("marketingware", &[]),
    ("update", &["update.example"]),
    ("examen_pix", &["github.example"]),
];

pub fn lists() -> Lists {
    let mut builder = Builder::default();
    for (name, entries) in LISTED {
        let category = builder.category(name).unwrap();
        let about = builder.about(category).unwrap();
        about.sources = vec![format!("{name}/domains")];
        about.date = Some("2026-11-20T03:00:00Z".parse().unwrap());
        for entry in entries {
            let host = |text: &str| Host::parse(text).unwrap();
            let (entry, excepted) = entry.strip_prefix('!').map_or((*entry, false), |e| (e, true));
            if let Some(expression) = entry.strip_prefix('~') {
                builder.add(category, &Rule::Posix(expression, Subject::Url), false).unwrap();
            } else if let Some((name, path)) = entry.split_once('/') {
                let path = format!("/{path}");
                builder.add(category, &Rule::Url(host(name), &path), excepted).unwrap();
            } else {
                builder.add(category, &Rule::Host(host(entry), Scope::Whole), excepted).unwrap();
            }
        }
    }
    builder.finish().unwrap().0
}

pub fn zone() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap()
}

/// A local moment.
pub fn at(text: &str) -> Timestamp {
    zone().to_timestamp(text.parse::<DateTime>().unwrap()).unwrap()
}

/// A moment as it is written here.
pub fn shown(moment: Timestamp) -> String {
    zone().to_datetime(moment).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// The people and devices of the school.
pub fn who(name: &str) -> Who<'static> {
    let (address, interface, role) = match name {
        "eleve" => ("10.31.4.20", None, Some(Role::Pupil)),
        "poste" => ("10.31.4.21", None, None),
        "poste mappe" => ("::ffff:10.31.4.21", None, None),
        "poste vlan" => ("172.16.10.5", Some("vlan10"), None),
        "prof" => ("10.31.4.22", None, Some(Role::Teacher)),
        "cdi" => ("10.31.4.23", None, Some(Role::Documentaliste)),
        "salle des profs" => ("10.31.64.5", None, None),
        "eleve chez profs" => ("10.31.64.9", None, Some(Role::Pupil)),
        "interne" => ("10.31.33.7", None, None),
        "interne ipv6" => ("fd31:20::7", None, None),
        "interne connecte" => ("10.31.33.8", None, Some(Role::Pupil)),
        "prof internat" => ("10.31.33.9", None, Some(Role::Teacher)),
        "invite" => ("192.168.96.4", Some("vlan96"), None),
        "serveur" => ("10.31.112.3", None, None),
        "candidat" => ("10.31.5.14", None, None),
        "candidat connecte" => ("10.31.5.15", None, Some(Role::Pupil)),
        "surveillant" => ("10.31.5.16", None, Some(Role::Teacher)),
        "inconnu" => ("192.168.77.7", None, None),
        other => panic!("nobody is called {other}"),
    };
    Who { address: address.parse::<IpAddr>().unwrap(), interface, role }
}

/// The school's settings with the region's and the holidays.
pub fn config(region: &str, school: &str) -> Config {
    let beside = Beside::of(Some(region), Some(HOLIDAYS)).unwrap();
    let (config, report) = Config::parse_beside("preau.toml", school, beside).unwrap();
    assert_eq!(report.findings, [], "the school's file is without warnings");
    config
}

/// A policy ready for questions, on a day.
pub fn policy(config: &Config, lists: &Lists, now: Timestamp) -> Policy {
    let own = vec![Host::parse("preau.lycee.example").unwrap()];
    let surroundings = Surroundings::of(Some(lists), own);
    Policy::compile(&config.filter.merged(), &surroundings, zone(), now)
}

/// A question answered in words, and explained.
pub fn ask(policy: &Policy, lists: &Lists, who: &Who<'_>, url: &str, now: Timestamp) -> Reason {
    let typed = Typed::parse(url).unwrap();
    let openings = Openings::default();
    policy.judge(Some(lists), &openings, who, &typed.target(), now).reason()
}

/// The same with every rule that was looked at.
pub fn explain(
    policy: &Policy,
    lists: &Lists,
    who: &Who<'_>,
    url: &str,
    now: Timestamp,
) -> Explanation {
    let typed = Typed::parse(url).unwrap();
    policy.explain(Some(lists), &Openings::default(), who, &typed.target(), now)
}
