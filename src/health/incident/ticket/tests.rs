use jiff::civil::date;

use super::{
    super::{
        availability::{Clock, Share},
        record::{Naming, Thing},
        rules,
    },
    sheet::{kept, long, percent},
    *,
};
use crate::health::finding::{Finding, Verdict};

fn second(at: i64) -> Timestamp {
    "2026-11-26T13:03:07Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(at)
}

fn about() -> About {
    About {
        uai: "0510035L".into(),
        school: "Lycée Jean-Moulin".into(),
        zone: TimeZone::get("Europe/Paris").unwrap(),
        plaque: Some("IHDEAL".into()),
        links: vec![LinkTerms {
            name: "fibre".into(),
            network: Some("SFR".into()),
            reference: Some("L-51-000123".into()),
            down: Some("100 Mbit/s".into()),
            up: Some("100 Mbit/s".into()),
        }],
        contact: Some("M. Martin, 03 87 00 00 00".into()),
        contract: Some("GTR 4 h, lundi à samedi".into()),
        promised: Some("99.7%".parse().unwrap()),
    }
}

fn measured() -> Measured {
    Measured { months: vec![month()], merge_seconds: 600 }
}

fn month() -> Month {
    let share = |clock, seconds, down| Share { clock, seconds, watched: seconds - 60, down };
    let whole = Availability {
        link: "fibre".into(),
        first: date(2026, 11, 1),
        last: date(2026, 11, 30),
        shares: vec![
            share(Clock::Always, 2_200_000, 720),
            share(Clock::Classes, 650_000, 720),
            share(Clock::Boarding, 280_000, 0),
        ],
        outages: 1,
        longest: 720,
    };
    Month { whole, days: vec![Some(1.0), None, Some(0.99)] }
}

/// The longest that any incident can be, on every side.
fn worst() -> Incident {
    let naming = Naming { uai: "0510035L".into(), zone: TimeZone::UTC };
    let mut finding = Finding::new(Kind::LinkDown, "fibre", Verdict::Wrong, second(0));
    finding.detail = "mot ".repeat(200);
    finding.reasoning = "preuve ".repeat(200);
    finding.rooms = (0..300).map(|room| format!("Bâtiment C, salle {room}")).collect();
    finding.access_points = 4_000;
    finding.clients = Some(12_345);
    finding.last_good = Some(second(-8));
    let mut incident = Incident::open(&finding, &naming, Timestamp::MIN, second(7));
    for at in 0..100 {
        let thing =
            Thing { kind: Kind::TargetSilent, subject: format!("cible {at}"), within: vec![] };
        incident.affects(&thing, &"effet ".repeat(100));
    }
    let line = |at| Evidence {
        at: second(at),
        says: "gateway 1,2 ms ; gar muet ; ent muet ; ancre muette ; 0 octet reçu du lien".into(),
    };
    incident.before = (-20..0).map(line).collect();
    incident.after = (0..20).map(line).collect();
    incident.end(second(700), second(720), How::Good);
    incident.at_end = (680..720).map(line).collect();
    for _ in 0..5 {
        incident.go_on(second(720), second(720));
        incident.end(second(730), second(730), How::Good);
    }
    incident.at_end = (720..740).map(line).collect();
    incident.seconds_seen = 750;
    incident
}

fn ticket() -> Ticket {
    Ticket::of(&worst(), &about(), measured(), second(1_000))
}

#[test]
fn every_kind_has_its_sentence_open_and_over_and_says_what_is_tried() {
    let resource = fluent_bundle::FluentResource::try_new(include_str!("../words/fr.ftl").into());
    assert!(resource.is_ok(), "{resource:?}");
    let words = sheet::Words::new(TimeZone::UTC);
    for kind in rules::KINDS {
        let [open, over] = [false, true].map(|over| words.fact(kind, "x", over));
        assert!(!open.starts_with("fact-") && open.ends_with('.') && open != over, "{open} {over}");
        let tried = words.tried(kind, 3);
        assert!(!tried[0].starts_with("tried-") && tried.len() >= 2, "{tried:?}");
    }
}

#[test]
fn the_text_says_it_all_in_72_columns() {
    let (ticket, about) = (ticket(), about());
    let text = text(&ticket, &about);
    for line in text.lines() {
        assert!(line.chars().count() <= 72, "{}: {line}", line.chars().count());
    }
    for said in [
        &*ticket.id,
        "0510035L Lycée Jean-Moulin",
        "IHDEAL",
        "L-51-000123",
        "L’accès à Internet par le lien fibre a été coupé.",
        "26/11/2026 à 14:03:07",
        "26/11/2026 à 14:02:59",
        "GTR 4 h",
        "M. Martin, 03 87 00 00 00",
        "12345",
        "--- début de l’incident ---",
        "99,967 %",
        "Soirées de l’internat",
        "tenu jusqu’ici",
        "Aucune donnée d’élève",
    ] {
        assert!(text.contains(said), "{said} is missing:\n{text}");
    }
    assert!(!text.contains("month-") && !text.contains("{ $"), "{text}");
}

#[test]
fn the_json_has_every_fact_under_the_names_that_are_documented() {
    let json = serde_json::to_value(ticket()).unwrap();
    let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = include_str!("../../../../docs/fr/incidents.md");
    for name in &names {
        assert!(documented.contains(&format!("`{name}`")), "{name} is not documented");
    }
    assert_eq!((&json["schema"], &json["kind"]), (&"preau-ticket/1".into(), &"link_down".into()));
    assert_eq!((&json["state"], &json["severity"]), (&"ended".into(), &"outage".into()));
    assert_eq!(json["touched"]["rooms"].as_array().unwrap().len(), super::super::record::MAX_ROOMS);
    assert_eq!(json["links"][0]["reference"], "L-51-000123");
    assert_eq!(json["availability"][0]["shares"][0]["clock"], "always");
    assert_eq!(json["evidence"]["before"][0]["at"], "2026-11-26T13:02:47Z");
}

#[test]
fn the_page_escapes_what_came_from_outside_and_has_no_script() {
    let mut incident = worst();
    incident.detail = "<script>alert(1)</script>".into();
    let about = about();
    let ticket = Ticket::of(&incident, &about, measured(), second(1_000));
    let html = page(&ticket, &about).unwrap();
    assert!(!html.contains("<script") && html.contains("&#60;script&#62;"), "{html}");
    assert!(html.contains(&ticket.id) && html.contains("<rect"), "{html}");
}

#[test]
fn what_is_about_no_link_tells_the_school_s_links_and_one_of_a_link_its_own() {
    let mut about = about();
    about.links.push(LinkTerms { name: "secours".into(), ..LinkTerms::default() });
    let mut incident = worst();
    let links = |incident: &Incident, about: &About| {
        let ticket = Ticket::of(incident, about, measured(), second(1_000));
        ticket.links.into_iter().map(|link| link.name).collect::<Vec<_>>()
    };
    assert_eq!(links(&incident, &about), ["fibre"]);
    incident.thing = Thing { kind: Kind::Hot, subject: String::new(), within: vec![] };
    assert_eq!(links(&incident, &about), ["fibre", "secours"]);
}

#[test]
fn availability_is_never_rounded_up_to_all_and_times_read_as_people_say_them() {
    assert_eq!(percent(1.0), "100,000 %");
    assert_eq!(percent(0.999_999_9), "99,999 %");
    assert_eq!(percent(0.997), "99,700 %");
    for (seconds, said) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (725, "12 min 5 s"),
        (3_600, "1 h"),
        (90_000, "1 j 1 h"),
    ] {
        assert_eq!(long(seconds), said);
    }
}

#[test]
fn a_month_that_was_hardly_watched_breaks_no_promise() {
    let share = |watched, down| Share { clock: Clock::Always, seconds: 1_000, watched, down };
    assert_eq!(kept(0.99, &share(1_000, 5)), "promised-kept");
    assert_eq!(kept(0.99, &share(500, 50)), "promised-broken");
    assert_eq!(kept(0.99, &share(28, 26)), "promised-unknown");
    assert_eq!(kept(0.99, &share(0, 0)), "promised-unknown");
}
