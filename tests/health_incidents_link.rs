//! A link that is really cut is an incident whose ticket tells somebody who was not there what happened,
//! to which line, since when, and whose fault it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod link_support;
mod support;

use std::{fs, path::Path, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use link_support::{Cut, Internet, School, within};
use preau::{
    config::{Network, Tickets},
    health::{
        finding::{Kind, Verdict},
        incident::{
            Hours, Incidents, Setup,
            ticket::{About, LinkTerms},
        },
        link::Pace,
    },
    store::{Store, StoreOptions},
};
use support::netns::allowed;
use tokio_util::sync::CancellationToken;

/// A second link carries all the while.
const LINKS: usize = 2;

fn about() -> About {
    let link = |name: &str| LinkTerms {
        name: name.into(),
        network: Some("IHDEAL".into()),
        reference: Some("FTTO-0".into()),
        down: Some("20 Mbit/s".into()),
        up: None,
    };
    About {
        uai: "0510035L".into(),
        school: "Lycée d'essai".into(),
        zone: TimeZone::get("Europe/Paris").unwrap(),
        plaque: Some("Alsace".into()),
        links: vec![link("wan0"), link("wan1")],
        contact: Some("M. Martin, 03 88 00 00 00".into()),
        contract: Some("GTR 4 h, lundi à samedi".into()),
        promised: Some("99.7%".parse().unwrap()),
    }
}

#[test]
fn a_cut_link_makes_a_ticket_that_tells_who_was_not_there_all_they_need() {
    if !allowed() {
        return;
    }
    let internet = Internet::new();
    let school = School::new(&internet, 0, LINKS, Pace::default(), "");
    let folder = tempfile::tempdir().unwrap();
    let config = preau::config::Store { path: folder.path().join("data"), ..Default::default() };
    let store = Store::open(StoreOptions { reserve: 0, ..StoreOptions::of(&config) }).unwrap();
    let setup = Setup {
        tickets: Tickets::default(),
        network: Network::default(),
        about: about(),
        hours: Hours {
            classes: vec!["lun-ven 08:00-18:00".parse().unwrap()],
            boarding: vec!["lun-jeu,dim 18:00-22:00".parse().unwrap()],
        },
        watchers: vec![Arc::new(school.links.clone())],
    };
    let incidents = Incidents::open(setup, store).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let token = CancellationToken::new();
    let (own, ends) = (incidents.clone(), token.clone());
    let running = runtime.spawn(async move { own.run(ends).await });
    let carry = || {
        let good = |link| school.verdict(Kind::LinkDown, link) == Some(Verdict::Good);
        incidents.is_ready() && (0..LINKS).all(good)
    };
    assert!(within(Duration::from_secs(30), carry).is_some(), "not all links carry");

    school.cut(0, Cut::Silent);
    let opened = within(Duration::from_secs(12), || !incidents.lines(false).is_empty());
    eprintln!("an incident {opened:?} after the cut");
    assert!(opened.is_some_and(|took| took <= Duration::from_secs(10)), "{opened:?}");
    let lines = incidents.lines(false);
    assert_eq!(lines.len(), 1, "one, and none of its consequences: {lines:?}");
    assert_eq!((lines[0].kind, &*lines[0].subject), (Kind::LinkDown, "wan0"));
    let id = lines[0].id.clone();
    school.mend(LINKS);
    let ended = within(Duration::from_secs(60), || incidents.lines(false).is_empty());
    eprintln!("over {ended:?} after the return");
    assert!(ended.is_some(), "it is not over a minute after the return");

    let forms = incidents.ticket(&id, Timestamp::now()).unwrap().unwrap();
    let ticket = &forms.ticket;
    assert!(ticket.last_good.is_some_and(|good| good <= ticket.since), "{ticket:?}");
    assert!(ticket.told_apart.contains("chez l'opérateur"), "{}", ticket.told_apart);
    assert!(!ticket.evidence.before.is_empty() && !ticket.evidence.after.is_empty(), "{ticket:?}");
    assert!(!ticket.evidence.at_end.is_empty(), "{ticket:?}");
    let month = &ticket.availability[0].whole;
    assert_eq!((month.link.as_str(), month.outages), ("wan0", 1));
    for said in ["wan0", "FTTO-0", "IHDEAL", "a été coupé", "opérateur", "Disponibilité du lien"]
    {
        assert!(forms.text.contains(said), "{said} is missing:\n{}", forms.text);
    }
    assert!(forms.text.lines().all(|line| line.chars().count() <= 72), "{}", forms.text);
    println!("{}", forms.text);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tickets");
    fs::create_dir_all(&kept).unwrap();
    fs::write(kept.join("link.txt"), &forms.text).unwrap();
    fs::write(kept.join("link.html"), &forms.html).unwrap();
    token.cancel();
    runtime.block_on(running).unwrap();
}
