//! A ticket in a real browser: readable on a phone and on a desk, light and dark, by everybody, and one
//! page when printed, also the longest that can be. Pictures are kept in `target/screenshots`.
//!
//! Ignored by a plain run, because it needs Chromium: `scripts/test` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp, civil::date, tz::TimeZone};
use preau::health::incident::{
    Incident,
    availability::{Availability, Clock, Share},
    ticket::{self, About, LinkTerms, Measured, Month, Ticket},
};
use serde_json::{Value, json};
use support::browser::{self, Browser};

fn moment(seconds: i64) -> Timestamp {
    "2026-11-26T13:03:07Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn about() -> About {
    let link = |name: &str| LinkTerms {
        name: name.into(),
        network: Some("IHDEAL".into()),
        reference: Some("FTTO-67-0012345-B".into()),
        down: Some("100 Mbit/s".into()),
        up: Some("100 Mbit/s".into()),
    };
    About {
        uai: "0670049J".into(),
        school: "Lycée polyvalent régional Jean-Baptiste-Schwilgué".into(),
        zone: TimeZone::get("Europe/Paris").unwrap(),
        plaque: Some("Alsace".into()),
        links: vec![link("fibre"), link("secours")],
        contact: Some("CMIL : Mme Martin, 03 88 00 00 00, cmil@region.example".into()),
        contract: Some("GTR 4 h du lundi au samedi de 7 h à 20 h ; disponibilité 99,7 %".into()),
        promised: Some("99.7%".parse().unwrap()),
    }
}

fn lines(from: i64, to: i64, long: bool) -> Value {
    let says = if long {
        "passerelle 1,2 ms ; bord du réseau régional muet ; GAR muet ; ENT muet ; deux ancres muettes ; \
         résolveur muet ; 0 octet reçu du lien depuis 7 s ; porteuse présente à 1 Gbit/s"
    } else {
        "passerelle 1,2 ms ; GAR 18 ms ; ENT 21 ms ; 1,2 Mo reçus du lien"
    };
    // Of the longest no line is like the one before: none is merged with it.
    let says = |at: i64| if long { format!("{at} s : {says}") } else { says.to_owned() };
    (from..to).map(|at| json!({"at": moment(at), "says": says(at)})).collect()
}

/// What is not unusual, and the most that an incident can hold.
fn incident(longest: bool) -> Incident {
    let times = if longest { 200 } else { 1 };
    let sentence =
        "Plus aucune cible ne répond au-delà du lien. ".repeat(if longest { 6 } else { 1 });
    let sentence: String = sentence.chars().take(300).collect();
    let rooms: Vec<String> =
        (0..times).map(|room| format!("Bâtiment C, salle {room:03}")).collect();
    let effects: Vec<Value> = (0..times.min(64))
        .map(|at| json!({"kind": "target_silent", "subject": format!("cible {at}"), "detail": sentence}))
        .collect();
    let spells: Vec<Value> = (0..if longest { 4 } else { 1 })
        .map(|at| json!({"from": moment(at * 300), "to": moment(at * 300 + 200)}))
        .collect();
    serde_json::from_value(json!({
        "id": "0670049J-20261126-7KD2MC", "kind": "link_down", "subject": "fibre", "within": [],
        "since": moment(0), "opened_at": moment(7), "last_good": moment(-3), "spells": spells,
        "ended": {"at": moment(1_100), "noted_at": moment(1_120), "how": "good"},
        "detail": sentence, "reasoning": sentence, "rooms": rooms, "access_points": 42,
        "clients": 512, "effects": effects, "effects_in_all": effects.len(), "seconds_seen": 1_093,
        "before": lines(-20, 0, longest), "after": lines(0, 20, longest),
        "at_end": lines(1_080, 1_120, longest),
    }))
    .unwrap()
}

fn months() -> Vec<Month> {
    let share = |clock, seconds, down| Share { clock, seconds, watched: seconds - 5_400, down };
    let whole = Availability {
        link: "fibre".into(),
        first: date(2026, 11, 1),
        last: date(2026, 11, 30),
        shares: vec![
            share(Clock::Always, 2_210_000, 9_100),
            share(Clock::Classes, 684_000, 1_100),
            share(Clock::Boarding, 288_000, 0),
        ],
        outages: 3,
        longest: 8_000,
    };
    let days = (0..26).map(|day| match day {
        3 => None,
        11 => Some(0.907),
        25 => Some(0.987),
        _ => Some(1.0),
    });
    vec![Month { whole, days: days.collect() }]
}

fn written(name: &str, incident: &Incident) -> String {
    let (about, measured) = (about(), Measured { months: months(), merge_seconds: 600 });
    let ticket = Ticket::of(incident, &about, measured, moment(1_800));
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/tickets"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.txt")), ticket::text(&ticket, &about)).unwrap();
    let path = folder.join(format!("{name}.html"));
    fs::write(&path, ticket::page(&ticket, &about).unwrap()).unwrap();
    format!("file://{}", path.display())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn a_ticket_reads_well_everywhere_and_prints_on_one_page() {
    if !browser::present() {
        return;
    }
    let (browser, mut found) = (Browser::start(), Vec::new());
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots"));
    fs::create_dir_all(&folder).unwrap();
    for (name, longest) in [("ticket", false), ("ticket-longest", true)] {
        let address = written(name, &incident(longest));
        for (width, height) in [(360, 1_800), (1_280, 1_200)] {
            let client = browser.window(width, height).await;
            client.goto(&address).await.unwrap();
            for dark in [false, true] {
                browser.dark(&client, dark).await;
                let colours = if dark { "dark" } else { "light" };
                let at = format!("{name} {width} {colours}");
                found.extend(browser::axe(&client).await.into_iter().map(|v| format!("{at}: {v}")));
                let file = folder.join(format!("{name}-{width}-{colours}.png"));
                fs::write(file, client.screenshot().await.unwrap()).unwrap();
            }
            let wide = client
                .execute("return document.documentElement.scrollWidth - window.innerWidth", vec![])
                .await
                .unwrap();
            if wide.as_i64().unwrap() > 0 {
                found.push(format!("{name} is {wide} pixels wider than {width}"));
            }
            if width > 1_000 {
                let wanted = json!({"preferCSSPageSize": true, "printBackground": false});
                let printed = browser.tell(&client, "Page.printToPDF", wanted).await;
                let pdf = STANDARD.decode(printed["value"]["data"].as_str().unwrap()).unwrap();
                fs::write(folder.join(format!("{name}.pdf")), &pdf).unwrap();
                let pages = lopdf::Document::load_mem(&pdf).unwrap().get_pages().len();
                if pages != 1 {
                    found.push(format!("{name} prints on {pages} pages"));
                }
            }
            client.close().await.unwrap();
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
