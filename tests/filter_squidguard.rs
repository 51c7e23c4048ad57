//! Verdicts are squidGuard's, which is the reference for UT1: the same lists, the same addresses, the
//! same answers. Where they differ, squidGuard is at fault, and [`fault`] says how.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod squidguard_support;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::Ipv4Addr,
    path::Path,
};

use preau::filter::{
    category::CategorySet,
    lists::{
        Builder, Depth, Lists,
        formats::{Format, Source},
    },
    target::Typed,
};
use squidguard_support::{
    SquidGuard,
    addresses::{Addresses, Listed, Own},
};

/// Addresses that are compared.
const ADDRESSES: usize = 100_000;
/// Differences shown when the test fails.
const SHOWN: usize = 30;

/// Real categories of every kind of file; more would only take longer.
const REAL: [&str; 9] = [
    "drogue",
    "gambling",
    "games",
    "malware",
    "phishing",
    "publicite",
    "redirector",
    "special",
    "strict_redirector",
];

#[test]
fn verdicts_over_generated_lists_are_squidguards() {
    let Some(squid_guard) = SquidGuard::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blacklists");
    squidguard_support::write_generated(&root);
    compare(&squid_guard, &root, folder.path());
}

#[test]
fn verdicts_over_the_real_lists_are_squidguards() {
    let Some(squid_guard) = SquidGuard::find() else { return };
    let Some(samples) = support::sample_folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let archive = samples.join("ut1-blacklists.tar.gz");
    squidguard_support::unpack(&archive, folder.path(), &REAL);
    compare(&squid_guard, &folder.path().join("blacklists"), folder.path());
}

fn compare(squid_guard: &SquidGuard, root: &Path, work: &Path) {
    let listed = Listed::read(root);
    let lists = compile(root);
    let addresses: Vec<String> = Addresses::new(&listed).take(ADDRESSES).collect();
    let theirs = squid_guard.ask(root, work, &listed.categories, &addresses);
    let mut faults: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut blocked = 0;
    for (address, theirs) in addresses.iter().zip(&theirs) {
        let ours = ask(&lists, address, &listed.categories);
        blocked += usize::from(theirs.is_some());
        if ours.category == *theirs {
            continue;
        }
        match fault(&listed, address, &ours, theirs.as_deref()) {
            Some(why) => *faults.entry(why).or_default() += 1,
            None => wrong.push(format!("{address}: we say {ours:?}, squidGuard {theirs:?}")),
        }
    }
    println!("{blocked} of {ADDRESSES} are listed; faults of squidGuard, by rule:");
    for (why, count) in &faults {
        println!("{count:7}  {why}");
    }
    // A comparison of nothing would be equal too.
    assert!((ADDRESSES / 10..ADDRESSES * 9 / 10).contains(&blocked), "{blocked} are listed");
    let share = faults.values().sum::<usize>() * 100 / ADDRESSES;
    assert!(share < 20, "{share} % of the answers differ by known faults");
    let shown = wrong.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} differ, such as\n{shown}", wrong.len());
}

fn compile(root: &Path) -> Lists {
    let source = Source { format: Format::Ut1, category: None, path: root.to_owned(), date: None };
    let mut builder = Builder::default();
    let notes = source.read(&mut builder, &mut |_| ()).unwrap();
    assert_eq!(notes.count, 0, "{notes:?}");
    builder.finish().unwrap().0
}

/// What our lists say of an address.
#[derive(Debug)]
struct Ours {
    /// The first category, in squidGuard's order of asking.
    category: Option<String>,
    /// The rules of that category, the most specific first.
    rules: Vec<(Depth, String)>,
    /// How the host is written for lists; `None` when it is none, and a gateway says so.
    host: Option<String>,
}

fn ask(lists: &Lists, address: &str, order: &[String]) -> Ours {
    let Ok(typed) = Typed::parse(address) else {
        return Ours { category: None, rules: Vec::new(), host: None };
    };
    let target = typed.target();
    let mut all = Vec::new();
    lists.matches(&target, &mut |found| {
        all.push((found.depth, found.listed));
        true
    });
    let of = |name: &str| {
        let category = lists.category(name).expect("a category that was compiled");
        let own = all.iter().filter(|(_, listed)| listed.contains(category));
        let rule = |depth| {
            let rule = lists.rule_text_of(&target, depth, CategorySet::of(category));
            (depth, rule.expect("a rule that matched").to_string())
        };
        own.map(|(depth, _)| rule(*depth)).collect::<Vec<_>>()
    };
    let mut named = order.iter().map(|name| (Some(name.clone()), of(name)));
    let (category, rules) = named.find(|(_, rules)| !rules.is_empty()).unwrap_or_default();
    Ours { category, rules, host: Some(typed.host.to_string()) }
}

/// Why squidGuard's answer is wrong where it is not ours; `None` when no known fault of it explains
/// the difference.
fn fault(
    listed: &Listed,
    address: &str,
    ours: &Ours,
    theirs: Option<&str>,
) -> Option<&'static str> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (raw, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some(host) = &ours.host else {
        return Some("what is no host is looked up as text; a gateway refuses it before");
    };
    if raw.contains(['?', '#']) {
        return Some("a URL without path: its query is taken for a part of the host");
    }
    if raw.matches('@').count() > 1 {
        return Some("userinfo with an @ in it: the host is taken to begin at the first");
    }
    if path.is_empty() && raw.ends_with('.') {
        return Some("a dot at the end of the host stays when no path follows");
    }
    let place = raw.rsplit('@').next().unwrap_or_default();
    let text = place.split(':').next().unwrap_or_default().trim_end_matches('.');
    if host.parse::<Ipv4Addr>().is_ok() && text != host {
        return Some("an address in another spelling than dotted decimal slips by");
    }
    if !raw.is_ascii() || raw.contains('%') {
        return Some("an IDN is not brought to punycode, nor an encoded host to one form");
    }
    if path.contains("./") || path.contains("/.") || path.to_ascii_lowercase().contains("/%2e") {
        return Some("dot segments of a path are not resolved, and other dots before slashes are");
    }
    let place = |category: &str| listed.categories.iter().position(|other| other == category);
    let theirs = theirs.and_then(place);
    let Some(ours_first) = ours
        .category
        .as_deref()
        .filter(|ours| theirs.is_none_or(|theirs| place(ours).is_some_and(|ours| ours < theirs)))
    else {
        let taken = listed.begins(text);
        return taken.then_some("a host that begins with the last rule is taken for what it lists");
    };
    // Each of our rules must be one that it misses.
    let own = listed.of(ours_first);
    let missed = ours.rules.iter().map(|rule| missed(own, path, raw.contains(':'), rule));
    missed.collect::<Option<Vec<_>>>()?.first().copied()
}

/// Why squidGuard does not see that a rule matches.
fn missed(
    listed: &Own,
    path: &str,
    has_port: bool,
    (depth, rule): &(Depth, String),
) -> Option<&'static str> {
    let beginning = rule.trim_end_matches('…');
    match depth {
        Depth::Labels(_) if listed.has_below(rule) => {
            Some("a listed name hides its listed parent from the names between them")
        }
        Depth::Url if listed.has_longer(beginning) => {
            Some("a listed URL hides a shorter one from the URLs between them")
        }
        Depth::Url if !listed.has_url(beginning) => {
            Some("URLs asked are brought to one form, listed ones are not, and never match")
        }
        Depth::Url if path.contains("///") => Some(
            "three slashes together are folded by copying a long path over itself, and spoil it",
        ),
        Depth::Url if has_port && ["www", "web", "ftp"].iter().any(|w| rule.starts_with(w)) => {
            Some("a listed URL that begins with www matches only where no port is written")
        }
        _ => None,
    }
}

#[test]
fn every_fault_named_here_is_one_of_squidguard() {
    // The rules above are no carpet: each shows in a list made for it, where the reference that
    // gateways would want is plain.
    let Some(squid_guard) = SquidGuard::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blacklists");
    fs::create_dir_all(root.join("a")).unwrap();
    fs::write(root.join("a/domains"), "dom.example\nx.y.up.example\nup.example\n10.1.2.3\n")
        .unwrap();
    fs::write(root.join("a/urls"), "u.example/bar\nu.example/bar/deeper\nbare.example\n").unwrap();
    let listed = Listed::read(&root);
    let lists = compile(&root);
    let addresses: BTreeSet<&str> = [
        "http://dom.example?x",
        "http://a@b@dom.example/",
        "http://10.1.515/",
        "http://u.example/x/../bar",
        "http://z.up.example/",
        "http://u.example/bar/deepest",
        "http://bare.example.org/",
    ]
    .into();
    let addresses: Vec<String> = addresses.into_iter().map(str::to_owned).collect();
    let theirs = squid_guard.ask(&root, folder.path(), &listed.categories, &addresses);
    for (address, theirs) in addresses.iter().zip(&theirs) {
        let ours = ask(&lists, address, &listed.categories);
        assert_ne!(ours.category, *theirs, "{address}");
        assert!(fault(&listed, address, &ours, theirs.as_deref()).is_some(), "{address}");
    }
}
