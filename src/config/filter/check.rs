//! What the types of `[filter]` cannot say.

use std::collections::HashSet;

use super::{Exam, Filter, Holiday, Merged, Profile, Rule, locks, merge};
use crate::config::{
    ByteRate, LinkPart,
    check::{Fault, absolute},
    report::Severity::{self, Error, Warning},
};

/// Most of each. The whole is looked at for every new connection, or nearly.
const MAX_PERIODS: usize = 32;
const MAX_PROFILES: usize = 64;
const MAX_RULES: usize = 1000;
const MAX_EXAMS: usize = 200;
const MAX_SITES: usize = 20_000;
const MAX_NETWORKS: usize = 256;
const MAX_HOURS: usize = 64;
const MAX_HOLIDAYS: usize = 500;
const MAX_NAME_CHARS: usize = 64;
/// Longest name of an interface (`IFNAMSIZ` of `linux/if.h`, less its final zero).
const MAX_INTERFACE_BYTES: usize = 15;

/// Whose file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Region,
    School,
}

type Found<'a> = dyn FnMut(&str, Severity, String, &'static str) + 'a;

/// Every fault of the school's section, alone and with the region's.
pub(in crate::config) fn check(filter: &Filter) -> Vec<Fault> {
    let mut faults = alone(filter, Whose::School);
    if filter.region.is_none() || filter.beside.region.is_some() {
        let none = Filter::default();
        let region = filter.beside.region.as_deref().unwrap_or(&none);
        // With the profiles that are set aside: a name is no riddle for that.
        let profiles = merge::profiles(region, filter);
        faults.extend(together(filter, &Merged { profiles, ..filter.merged() }));
    }
    faults.extend(locks::check(filter));
    faults
}

/// Faults that one file shows by itself.
pub(super) fn alone(filter: &Filter, whose: Whose) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut found = |key: &str, severity, says: String, expected| {
        faults.push(Fault { key: key.to_owned(), severity, says, expected });
    };
    for (key, path) in [("region", &filter.region), ("holidays", &filter.holidays)] {
        let key = format!("filter.{key}");
        match path {
            Some(_) if whose == Whose::Region => {
                found(&key, Error, "this is for the school's file".into(), "no such key here");
            }
            Some(path) => absolute(&key, path, &mut found),
            None => {}
        }
    }
    counts(filter, &mut found);
    names(filter, &mut found);
    for (index, profile) in filter.profiles.iter().enumerate() {
        check_profile(&format!("filter.profiles[{index}]"), profile, &mut found);
    }
    for (index, rule) in filter.rules.iter().enumerate() {
        check_rule(&format!("filter.rules[{index}]"), rule, &mut found);
    }
    for (index, exam) in filter.exams.iter().enumerate() {
        check_exam(&format!("filter.exams[{index}]"), exam, &mut found);
    }
    if whose == Whose::School {
        only_the_region_locks(filter, &mut found);
    }
    faults
}

fn counts(filter: &Filter, found: &mut Found<'_>) {
    let sites = filter.rules.iter().map(|rule| rule.sites.len()).sum::<usize>()
        + filter.exams.iter().map(|exam| exam.sites.len()).sum::<usize>();
    for (key, count, most, expected) in [
        ("filter.periods", filter.periods.len(), MAX_PERIODS, "at most 32"),
        ("filter.profiles", filter.profiles.len(), MAX_PROFILES, "at most 64"),
        ("filter.rules", filter.rules.len(), MAX_RULES, "at most 1000"),
        ("filter.exams", filter.exams.len(), MAX_EXAMS, "at most 200"),
        ("filter.rules", sites, MAX_SITES, "at most 20000 sites in all"),
    ] {
        if count > most {
            found(key, Error, format!("{count} of them"), expected);
        }
    }
    for (index, period) in filter.periods.iter().enumerate() {
        if !(1..=MAX_HOURS).contains(&period.hours.len()) {
            let key = format!("filter.periods[{index}].hours");
            let says = format!("{} spans of hours", period.hours.len());
            found(&key, Error, says, "1 to 64, such as [\"lun-ven 08:00-12:00\"]");
        }
    }
}

fn names(filter: &Filter, found: &mut Found<'_>) {
    let all = [
        ("periods", filter.periods.iter().map(|one| &one.name).collect::<Vec<_>>()),
        ("profiles", filter.profiles.iter().map(|one| &one.name).collect()),
        ("rules", filter.rules.iter().map(|one| &one.name).collect()),
        ("exams", filter.exams.iter().map(|one| &one.name).collect()),
    ];
    for (list, names) in all {
        let mut seen = HashSet::new();
        for (index, name) in names.into_iter().enumerate() {
            let key = format!("filter.{list}[{index}].name");
            let printable = name.chars().all(|c| !c.is_control()) && name.trim() == name;
            if !printable || !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) {
                let says = format!("`{}` is no good name", name.escape_debug());
                found(&key, Error, says, "1 to 64 characters");
            } else if !seen.insert(name) {
                found(&key, Error, format!("`{name}` is there twice"), "a name of its own");
            }
        }
    }
}

fn check_profile(key: &str, profile: &Profile, found: &mut Found<'_>) {
    check_rooms(key, profile.networks.len(), &profile.interfaces, found);
    if profile.like.as_ref() == Some(&profile.name) {
        found(&format!("{key}.like"), Error, "a profile is like itself".into(), "another one");
    }
    if matches!(profile.ceiling, Some(LinkPart::Percent(0) | LinkPart::Rate(ByteRate(0)))) {
        let says = "under this ceiling nothing moves".into();
        found(&format!("{key}.ceiling"), Error, says, "more than nothing, or no key");
    }
}

fn check_rooms(key: &str, networks: usize, interfaces: &[String], found: &mut Found<'_>) {
    if networks > MAX_NETWORKS || interfaces.len() > MAX_NETWORKS {
        found(&format!("{key}.networks"), Error, "too many networks".into(), "at most 256");
    }
    for (index, name) in interfaces.iter().enumerate() {
        let good = |b: u8| b.is_ascii_graphic() && b != b'/';
        if !(1..=MAX_INTERFACE_BYTES).contains(&name.len()) || !name.bytes().all(good) {
            let says = format!("`{}` is no interface", name.escape_debug());
            let key = format!("{key}.interfaces[{index}]");
            found(&key, Error, says, "a name of up to 15 letters, such as \"vlan20\"");
        }
    }
}

fn check_rule(key: &str, rule: &Rule, found: &mut Found<'_>) {
    if rule.categories.is_empty() && rule.sites.is_empty() && !rule.off {
        let says = format!("the rule `{}` names nothing: it does nothing", rule.name);
        found(key, Warning, says, "categories or sites");
    }
    if !rule.during.is_empty() && !rule.outside.is_empty() {
        let says = "both `during` and `outside` are given".into();
        found(&format!("{key}.outside"), Error, says, "one of the two");
    }
    if rule.locked && rule.off {
        let says = format!("the rule `{}` is locked and switched off", rule.name);
        found(&format!("{key}.off"), Error, says, "one of the two");
    }
}

fn check_exam(key: &str, exam: &Exam, found: &mut Found<'_>) {
    check_rooms(key, exam.networks.len(), &exam.interfaces, found);
    if exam.from >= exam.to {
        let says = format!("the exam ends at {}, before it begins", exam.to);
        found(&format!("{key}.to"), Error, says, "a moment after `from`");
    }
    if exam.networks.is_empty() && exam.interfaces.is_empty() {
        let says = format!("the exam `{}` is in no room", exam.name);
        found(key, Warning, says, "networks or interfaces");
    }
}

fn only_the_region_locks(filter: &Filter, found: &mut Found<'_>) {
    let locked = [
        ("periods", filter.periods.iter().map(|one| one.locked).collect::<Vec<_>>()),
        ("profiles", filter.profiles.iter().map(|one| one.locked).collect()),
        ("rules", filter.rules.iter().map(|one| one.locked).collect()),
    ];
    for (list, locked) in locked {
        for (index, _) in locked.iter().enumerate().filter(|(_, locked)| **locked) {
            let key = format!("filter.{list}[{index}].locked");
            let says = "only the region locks, in its own file".into();
            found(&key, Error, says, "no such key here");
        }
    }
}

/// Names that must be known once both files are read. Those of the region are shown at the
/// school's section, which has to define them.
fn together(school: &Filter, merged: &Merged) -> Vec<Fault> {
    let mut faults = Vec::new();
    let periods: HashSet<_> = merged.periods.iter().map(|p| p.name.as_str()).collect();
    let profiles: HashSet<_> = merged.profiles.iter().map(|p| p.name.as_str()).collect();
    let mut check = |key: String, of: &str, name: &String, known: &HashSet<&str>, expected| {
        if !known.contains(name.as_str()) {
            let says = format!("{of} names `{name}`, which nobody defines");
            faults.push(Fault { key, severity: Error, says, expected });
        }
    };
    let empty = Filter::default();
    let region = school.beside.region.as_deref().unwrap_or(&empty);
    for (filter, is_school) in [(school, true), (region, false)] {
        let key = |key: String| if is_school { key } else { "filter".to_owned() };
        for (index, rule) in filter.rules.iter().enumerate() {
            let whose = if is_school { "the rule" } else { "the region's rule" };
            let of = format!("{whose} `{}`", rule.name);
            for name in &rule.profiles {
                let key = key(format!("filter.rules[{index}].profiles"));
                check(key, &of, name, &profiles, "a profile of [[filter.profiles]]");
            }
            for (field, names) in [("during", &rule.during), ("outside", &rule.outside)] {
                for name in names {
                    let key = key(format!("filter.rules[{index}].{field}"));
                    check(key, &of, name, &periods, "a period of [[filter.periods]]");
                }
            }
        }
        for (index, profile) in filter.profiles.iter().enumerate() {
            if let Some(like) = &profile.like {
                let key = key(format!("filter.profiles[{index}].like"));
                let of = format!("the profile `{}`", profile.name);
                check(key, &of, like, &profiles, "a profile of [[filter.profiles]]");
            }
        }
        if let Some(name) = &filter.default_profile {
            let key = key("filter.default_profile".to_owned());
            check(key, "`default_profile`", name, &profiles, "a profile of [[filter.profiles]]");
        }
    }
    faults.extend(chains(school, merged));
    faults.extend(hidden(school, merged));
    faults
}

/// `like` leads to a profile that is like none: nobody has to follow a chain.
fn chains(school: &Filter, merged: &Merged) -> Vec<Fault> {
    let of = |name: &str| merged.profiles.iter().find(|profile| profile.name == name);
    let chained = merged.profiles.iter().filter_map(|profile| {
        let like = of(profile.like.as_deref()?)?;
        let further = like.like.as_ref()?;
        let at = school.profiles.iter().position(|own| own.name == profile.name);
        let says = format!("`{}` is itself like `{further}`", like.name);
        Some(Fault {
            key: at.map_or("filter".into(), |at| format!("filter.profiles[{at}].like")),
            severity: Error,
            says,
            expected: "a profile that is like no other",
        })
    });
    chained.collect()
}

/// Networks that an earlier profile has already.
fn hidden(school: &Filter, merged: &Merged) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, profile) in school.profiles.iter().enumerate() {
        let before = merged.profiles.iter().take_while(|other| other.name != profile.name);
        let before: Vec<_> = before.collect();
        for (at, network) in profile.networks.iter().enumerate() {
            let taken = |own: &ipnet::IpNet| own.contains(network);
            if let Some(other) = before.iter().find(|other| other.networks.iter().any(taken)) {
                faults.push(Fault {
                    key: format!("filter.profiles[{index}].networks[{at}]"),
                    severity: Warning,
                    says: format!("{network} is already of the profile `{}` above", other.name),
                    expected: "the narrower network first",
                });
            }
        }
    }
    faults
}

/// Of a file of holidays.
pub(super) fn holidays(holidays: &[Holiday]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut found = |key: String, says: String, expected| {
        faults.push(Fault { key, severity: Error, says, expected });
    };
    if holidays.len() > MAX_HOLIDAYS {
        found("holidays".into(), format!("{} of them", holidays.len()), "at most 500");
    }
    for (index, holiday) in holidays.iter().enumerate() {
        if holiday.from > holiday.to {
            let says = format!("`{}` ends on {}, before it begins", holiday.name, holiday.to);
            found(format!("holidays[{index}].to"), says, "the last day without classes");
        }
    }
    faults
}
