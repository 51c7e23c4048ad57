//! The filter's answers, for a person.

use jiff::Timestamp;
use preau::{
    control::filtering::FilterAnswer,
    filter::{
        Opening, PolicyReport, ProfileReport, Reason, RuleReport, Why,
        policy::{Explanation, Standing},
        reviews::Review,
    },
};

/// Width of the name of a rule in a table.
const RULE_CHARS: usize = 28;

/// An answer of the daemon.
pub fn tell(answer: &FilterAnswer) {
    match answer {
        FilterAnswer::Explained(told) => explained("", told, true),
        FilterAnswer::Policy(report) => policy(report),
        FilterAnswer::Opened(opening) => println!("{}", line(opening)),
        FilterAnswer::Closed { count: 0 } => println!("this site was not open"),
        FilterAnswer::Closed { count } => println!("closed in {count} networks"),
        FilterAnswer::Openings(openings) if openings.is_empty() => println!("nothing is open"),
        FilterAnswer::Openings(openings) => {
            for opening in openings {
                println!("{}", line(opening));
            }
        }
        FilterAnswer::Reviews { reviews, .. } if reviews.is_empty() => {
            println!("nobody asked for anything");
        }
        FilterAnswer::Reviews { reviews, more } => {
            reviews.iter().for_each(review);
            if *more > 0 {
                println!("and {more} more");
            }
        }
        FilterAnswer::Answered(answered) => review(answered),
    }
}

fn review(review: &Review) {
    let Review { id, at, wish, device, answer } = review;
    let state = if answer.is_some() { "answered" } else { "WAITS" };
    println!("{id:<5} {state:8} {}  {}", moment(*at), wish.site);
    let mut whom: Vec<String> = device.iter().map(ToString::to_string).collect();
    whom.extend(wish.role.map(|role| format!("{role:?}").to_lowercase()));
    whom.extend(wish.profile.clone());
    if !whom.is_empty() {
        println!("  from     {}", whom.join(", "));
    }
    let category = wish.category.as_ref().map(|name| format!(" (category {name})"));
    println!("  rule     {}{}", wish.rule, category.unwrap_or_default());
    if !wish.phrase.is_empty() {
        println!("  wrote    {}", wish.phrase);
    }
    if let Some(answer) = answer {
        println!("  answer   {} ({}, {})", answer.text, answer.by, moment(answer.at));
    }
}

fn line(opening: &Opening) -> String {
    let Opening { name, network, until, by, reason, .. } = opening;
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("{name} is open to {network} until {} (by {by}{reason})", moment(*until))
}

/// A verdict; the whole way to it when `whole`.
pub fn explained(url: &str, told: &Explanation, whole: bool) {
    let reason = &told.reason;
    println!("{:8} {url}", if reason.allowed { "allowed" } else { "DENIED" });
    if !reason.profile.is_empty() {
        println!("  profile  {}", reason.profile);
    }
    println!("  why      {}", why(reason));
    if let Some(list) = &reason.list {
        let date = reason.list_date.map(|date| format!(", of {}", moment(date)));
        println!("  list     {list}{}", date.unwrap_or_default());
    }
    match reason.until {
        Some(until) => println!("  until    {} at least", moment(until)),
        None => println!("  until    the policy or the lists change"),
    }
    if !whole {
        return;
    }
    let next = told.next_period.map(|next| format!(", until {}", moment(next)));
    let period = told.period.as_deref().unwrap_or("none");
    println!("  period   {period}{}", next.unwrap_or_default());
    println!("  search   {:?}", reason.safe_search);
    for (category, how) in &told.listed {
        println!("  listed   {category}, {how}");
    }
    println!("rules looked at:");
    for line in &told.lines {
        let what = if line.allows { "allow" } else { "deny" };
        let whose = match (line.by_region, line.is_locked) {
            (_, true) => "locked",
            (true, false) => "region",
            (false, false) => "school",
        };
        let came = match line.standing {
            Standing::Won => "DECIDED",
            Standing::Weaker => "another is stronger",
            Standing::NotNow => "not in this period",
            Standing::NotNamed => "does not name it",
            Standing::OtherProfile => "for other profiles",
        };
        let by = line.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
        println!("  {:RULE_CHARS$} {what:5} {whose:6} {came}{by}", line.rule);
    }
    if told.more > 0 {
        println!("  and {} more that do not name it", told.more);
    }
}

fn why(reason: &Reason) -> String {
    let rule = reason.rule.as_deref().unwrap_or("?");
    let whose = if reason.by_region { "the region's rule" } else { "the school's rule" };
    let what = match &reason.category {
        Some(category) => format!("names the category {category}"),
        None => "names this site".to_owned(),
    };
    match reason.why {
        Why::TheBox => "it is the box itself".into(),
        Why::Locked => format!("{whose} `{rule}`, which is locked, {what}"),
        Why::Exam => format!("the exam `{rule}` is on in this room"),
        Why::Opening => format!("{rule} was opened for a while"),
        Why::Site | Why::Category => format!("{whose} `{rule}` {what}"),
        Why::Otherwise => "no rule names it: what the profile says of such sites".into(),
    }
}

fn policy(report: &PolicyReport) {
    let next = report.next_period.map(|next| format!(", until {}", moment(next)));
    let period = report.period.as_deref().unwrap_or("none");
    println!("period    {period}{}", next.unwrap_or_default());
    match &report.lists {
        Some(lists) => {
            let date = lists.date.map(|date| format!(", of {}", moment(date)));
            let (file, count) = (&lists.file, lists.categories);
            println!("lists     {file}: {count} categories{}", date.unwrap_or_default());
        }
        None => println!("lists     NONE"),
    }
    for (name, from, to) in &report.exams {
        println!("exam      {name}: {from} to {to}");
    }
    for complaint in &report.complaints {
        println!("TROUBLE   {complaint}");
    }
    for one in &report.profiles {
        let is_default = report.default_profile.as_ref() == Some(&one.name);
        profile(one, is_default);
    }
}

fn profile(profile: &ProfileReport, is_default: bool) {
    let mut whom = profile.whom.clone();
    whom.extend(is_default.then(|| "who fits no other".to_owned()));
    let otherwise = if profile.otherwise_allowed { "allowed" } else { "denied" };
    let search = profile.safe_search;
    println!("\n{}: {}", profile.name, whom.join(", "));
    println!("  what no rule names is {otherwise}; safe search {search:?}");
    if let Some(most) = &profile.ceiling {
        println!("  its devices together take at most {most} of the link");
    }
    profile.rules.iter().for_each(rule);
    if profile.more > 0 {
        println!("  and {} more rules", profile.more);
    }
}

fn rule(rule: &RuleReport) {
    let what = if rule.allows { "allow" } else { "deny" };
    let whose = if rule.is_locked { " locked" } else { "" };
    let mut named = rule.categories.clone();
    named.extend((rule.sites > 0).then(|| format!("{} sites", rule.sites)));
    let when = match (&rule.during[..], &rule.outside[..]) {
        ([], []) => String::new(),
        ([], outside) => format!(", outside {}", outside.join(", ")),
        (during, _) => format!(", during {}", during.join(", ")),
    };
    println!("  {:RULE_CHARS$} {what:5}{whose} {}{when}", rule.name, named.join(" "));
}

fn moment(at: Timestamp) -> String {
    at.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}
