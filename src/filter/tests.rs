//! The room as a whole: swaps, openings, restarts.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use jiff::SignedDuration;

use super::{
    Done, Filter, OpenError, Why, Wish,
    host::Host,
    target::Target,
    testing::{at, from, lists, merged, merged_with, open_store, paris},
};
use crate::store::Store;

fn filter(policy: crate::config::filter::Merged, store: Store) -> Filter {
    Filter::open(policy, Vec::new(), paris(), store, at(0)).unwrap()
}

fn host(text: &str) -> Host {
    Host::parse(text).unwrap()
}

fn allowed(filter: &Filter, address: &str, name: &str, seconds: i64) -> bool {
    let host = host(name);
    filter.judge(&from(address), &Target::of_host(&host, 443), at(seconds)).allowed
}

const CLASS: &str = "[[filter.profiles]]\nname = \"eleves\"\nnetworks = [\"10.0.0.0/8\"]\n\
    [[filter.rules]]\nname = \"jeux\"\ncategories = [\"games\"]\n";
const REGION: &str = "[filter]\n[[filter.rules]]\nname = \"mineurs\"\ncategories = [\"adult\"]\n\
    sites = [\"interdit.example\"]\nlocked = true\n";

fn wish(site: &str, minutes: i64) -> Wish {
    Wish {
        site: site.parse().unwrap(),
        network: "10.1.4.0/24".parse().unwrap(),
        length: SignedDuration::from_mins(minutes),
        by: "f0a1".into(),
        reason: "échecs".into(),
    }
}

#[test]
fn an_opening_is_for_one_class_and_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let filter = filter(merged(CLASS), open_store(&folder));
    let lists = Arc::new(lists(&[("games", &["jeux.example"])]));
    filter.replace_lists(lists, at(0));
    assert!(!allowed(&filter, "10.1.4.7", "jeux.example", 0));
    let opening = filter.open_site(wish("jeux.example", 50), at(0)).unwrap();
    assert_eq!(opening.until, at(50 * 60));
    for (address, name, seconds, open) in [
        ("10.1.4.7", "jeux.example", 0, true),
        ("::ffff:10.1.4.7", "a.jeux.example", 1, true),
        ("10.1.5.7", "jeux.example", 1, false),
        ("10.1.4.7", "jeux.example", 50 * 60 - 1, true),
        ("10.1.4.7", "jeux.example", 50 * 60, false),
        // A clock that went back before it was opened.
        ("10.1.4.7", "jeux.example", -1, false),
    ] {
        assert_eq!(allowed(&filter, address, name, seconds), open, "{address} {name} {seconds}");
    }
    let host = host("jeux.example");
    let target = Target::of_host(&host, 443);
    let state = filter.state();
    let verdict = state.judge(&from("10.1.4.7"), &target, at(0));
    assert_eq!((verdict.why, verdict.until), (Why::Opening, Some(opening.until)));
}

#[test]
fn an_opening_outlives_a_restart_and_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "[[filter.rules]]\nname = \"x\"\nsites = [\"a.example\", \"b.example\"]\n";
    {
        let filter = filter(merged(policy), open_store(&folder));
        filter.open_site(wish("a.example", 10), at(0)).unwrap();
        filter.open_site(wish("b.example", 60), at(0)).unwrap();
        let site = "a.example".parse().unwrap();
        assert_eq!(filter.close_site(&site, None, "cmil", at(60)).unwrap(), 1);
        assert!(!allowed(&filter, "10.1.4.7", "a.example", 60));
    }
    let store = open_store(&folder);
    let again = Filter::open(merged(policy), Vec::new(), paris(), store, at(120)).unwrap();
    assert!(allowed(&again, "10.1.4.7", "b.example", 120));
    assert!(!allowed(&again, "10.1.4.7", "a.example", 120));
    let audit = again.audit().unwrap();
    let told: Vec<_> = audit
        .iter()
        .map(|line| (line.what, line.by.as_str(), line.opening.name.as_str()))
        .collect();
    let expected = [
        (Done::Opened, "f0a1", "a.example"),
        (Done::Opened, "f0a1", "b.example"),
        (Done::Closed, "cmil", "a.example"),
    ];
    assert_eq!(told, expected);
    again.tend(at(3600)).unwrap();
    assert!(again.openings(at(120)).is_empty(), "put away once it has ended");
}

#[test]
fn an_opening_cannot_lift_what_is_locked_nor_be_wide_or_long() {
    let folder = tempfile::tempdir().unwrap();
    let filter = filter(merged_with(Some(REGION), CLASS), open_store(&folder));
    let lists = Arc::new(lists(&[("adult", &["adulte.example"]), ("games", &["jeux.example"])]));
    filter.replace_lists(lists, at(0));
    for site in ["adulte.example", "a.adulte.example", "interdit.example", "a.interdit.example"] {
        let refused = filter.open_site(wish(site, 10), at(0)).unwrap_err();
        let OpenError::Locked { rule, .. } = refused else { panic!("{site}: {refused}") };
        assert_eq!(rule, "mineurs");
    }
    // Of all that ends so, what is locked stays closed.
    filter.open_site(wish("example", 10), at(0)).unwrap();
    assert!(allowed(&filter, "10.1.4.7", "jeux.example", 1));
    assert!(!allowed(&filter, "10.1.4.7", "adulte.example", 1));
    for (minutes, good) in [(-1, false), (0, false), (1, true), (120, true), (121, false)] {
        assert_eq!(filter.open_site(wish("jeux.example", minutes), at(0)).is_ok(), good);
    }
    let wide = Wish { network: "10.0.0.0/8".parse().unwrap(), ..wish("jeux.example", 10) };
    assert!(matches!(filter.open_site(wide, at(0)), Err(OpenError::Wide { .. })));
    assert!(matches!(filter.open_site(wish("*", 10), at(0)), Err(OpenError::Everything)));
    for n in 0..300 {
        if let Err(error) = filter.open_site(wish(&format!("s{n}.example"), 10), at(0)) {
            assert!(matches!(error, OpenError::TooMany), "{error}");
            return;
        }
    }
    panic!("no bound");
}

#[test]
fn whoever_asks_while_all_is_swapped_sees_one_policy_and_its_lists() {
    let folder = tempfile::tempdir().unwrap();
    // In each world the profile, the rule and the category that denies have the world's name; the
    // categories' numbers are the same, so that a mix would be seen.
    let world = |name: &str| {
        let policy = merged(&format!(
            "[[filter.profiles]]\nname = \"{name}\"\nnetworks = [\"10.0.0.0/8\"]\n\
             [[filter.rules]]\nname = \"{name}\"\ncategories = [\"{name}\", \"other\"]\n"
        ));
        let hosts: &[&str] = &["a.example"];
        (policy, Arc::new(lists(&[(name, hosts), ("other", &["b.example"])])))
    };
    let (one, two) = (world("one"), world("two"));
    let filter = filter(one.0.clone(), open_store(&folder));
    filter.replace_lists(one.1.clone(), at(0));
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let ask = || {
            let host = host("a.example");
            let (mut seen, mut mixed) = ([0_u64; 2], 0_u64);
            while !done.load(Ordering::Relaxed) {
                let judged = filter.judge(&from("10.1.4.7"), &Target::of_host(&host, 443), at(0));
                match judged.denied {
                    // Policy and lists are replaced one after the other: between the two, the
                    // policy's category is not in the lists, and nothing denies.
                    None => mixed += u64::from(!judged.allowed),
                    Some(reason) => {
                        let names =
                            [Some(&reason.profile), reason.rule.as_ref(), reason.category.as_ref()];
                        let world = names.iter().flatten().collect::<Vec<_>>();
                        let whole = world.len() == 3 && world.iter().all(|name| *name == world[0]);
                        mixed += u64::from(!whole);
                        seen[usize::from(world[0].as_str() == "two")] += 1;
                    }
                }
            }
            (seen, mixed)
        };
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
        for turn in 0..1000 {
            let (policy, lists) = if turn % 2 == 0 { &two } else { &one };
            filter.replace_policy(policy.clone(), at(0));
            filter.replace_lists(lists.clone(), at(0));
        }
        done.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let asked: u64 = seen.iter().flat_map(|(seen, _)| seen).sum();
    assert!(asked > 1000, "they asked {asked} times meanwhile");
    assert!(seen.iter().all(|(_, mixed)| *mixed == 0), "{seen:?}");
}

#[test]
fn lists_that_cannot_be_read_leave_the_last_good_ones_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let filter = filter(merged(CLASS), open_store(&folder));
    let generations = folder.path().join("lists");
    std::fs::create_dir_all(&generations).unwrap();
    assert!(filter.look_for_lists(&generations, at(0)).is_empty());
    assert!(filter.report(at(0)).complaints[0].contains("there are no lists"));
    let generation = |number: u64, text: Option<&[u8]>, hosts: &[&str]| {
        let file = generations.join(format!("{number}.preau"));
        match text {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => lists(&[("games", hosts)]).write(&file).unwrap(),
        }
        // Clocks of file systems are coarse; generations come hours apart.
        let moment = std::time::UNIX_EPOCH + std::time::Duration::from_secs(3600 * number);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(moment).unwrap();
    };
    generation(1, None, &["jeux.example"]);
    assert!(filter.look_for_lists(&generations, at(0)).is_empty());
    assert!(!allowed(&filter, "10.1.4.7", "jeux.example", 0));
    generation(2, Some(b"not lists"), &[]);
    let troubles = filter.look_for_lists(&generations, at(0));
    assert!(troubles.len() == 1 && troubles[0].contains("2.preau"), "{troubles:?}");
    assert!(!allowed(&filter, "10.1.4.7", "jeux.example", 0), "those of before");
    assert_eq!(filter.report(at(0)).complaints, troubles);
    generation(3, None, &["autres.example"]);
    assert!(filter.look_for_lists(&generations, at(0)).is_empty());
    assert!(allowed(&filter, "10.1.4.7", "jeux.example", 0));
    assert!(filter.report(at(0)).complaints.is_empty());
    // Replaced in its place, as `preau filter compile --out` does.
    generation(3, None, &["jeux.example"]);
    assert!(filter.look_for_lists(&generations, at(0)).is_empty());
    assert!(!allowed(&filter, "10.1.4.7", "jeux.example", 0));
}
