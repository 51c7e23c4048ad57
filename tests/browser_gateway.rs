//! The gateway's own pages in a real browser: at three widths, light and dark, in both languages,
//! axe looks at each and a picture is kept in `target/screenshots`.
//!
//! Ignored by a plain `cargo test`, because it needs Chromium: `scripts/test` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod gateway_support;
mod support;

use std::{fs, path::PathBuf};

use gateway_support::{Proxy, settings};
use jiff::tz::TimeZone;
use preau::{
    config,
    filter::reviews::Reviews,
    gateway::{Denial, Home, Judge, Parts, Ruling},
    net::link::{Link, Sign, State},
};
use support::browser::{self, Browser};

const WIDTHS: [(u32, u32); 3] = [(360, 780), (1024, 768), (1440, 900)];
/// Where the library would be: its pages are not looked at here.
const LIBRARY: &str = "127.0.0.1:8095";

const LONG: &str = "un-nom-de-site-plutot-long-pour-un-telephone.example";

/// Refuses everything, for a reason with all its parts.
fn severe() -> Judge {
    Judge::new(|_, _, _, _| Ruling {
        denied: Some(Denial {
            category: Some("social_networks".into()),
            rule: "réseaux sociaux pendant les cours".into(),
            profile: Some("eleves".into()),
            role: None,
        }),
        ..Ruling::default()
    })
}

fn proxy(judge: Judge, link: Link, reviews: Option<Reviews>) -> Proxy {
    let network =
        config::Network { listen: vec![LIBRARY.parse().unwrap()], ..config::Network::default() };
    let home = Home::new(&network, &config::Https::default());
    Proxy::of(Parts {
        config: settings(&[80]),
        home,
        zone: TimeZone::get("Europe/Paris").unwrap(),
        judge,
        link,
        resolver: None,
        account: None,
        cache: None,
        reviews,
    })
}

/// Sends the form of the page for this site.
fn ask(proxy: &Proxy, page: &str, site: &str, phrase: &str) {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
    let token = rest.split('"').next().unwrap();
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("csrf", token), ("site", &format!("{site}:80")), ("phrase", phrase)])
        .finish();
    let said = proxy.exchange(format!(
        "POST http://{LIBRARY}/bloque HTTP/1.1\r\nHost: {LIBRARY}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert!(said.starts_with("HTTP/1.1 303"), "{said}");
}

/// What the proxy answers to this target, without its head.
fn page(proxy: &Proxy, target: &str, language: &str) -> String {
    let said = proxy.exchange(format!(
        "GET {target} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nAccept-Language: {language}\r\n\
         Connection: close\r\n\r\n"
    ));
    let (_, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(body.contains("<h1>"), "{target}: {said}");
    body.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn every_page_of_the_gateway_is_good_to_look_at_and_axe_finds_nothing() {
    if !browser::present() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pages: Vec<(String, PathBuf)> = tokio::task::block_in_place(|| {
        let reviews = gateway_support::reviews(&folder.path().join("data"));
        let severe = proxy(severe(), Link::default(), Some(reviews.clone()));
        let lately = format!("http://{LIBRARY}/bloque");
        let mut made = Vec::new();
        let mut save = |name: String, html: String| {
            let file = folder.path().join(format!("{name}.html"));
            fs::write(&file, html).unwrap();
            made.push((name, file));
        };
        for (name, target) in [
            ("lately-none", lately.as_str()),
            ("refused", &format!("http://{LONG}/x")),
            ("lately", &lately),
            ("own", "/"),
            ("port", "http://127.0.0.1:25/"),
        ] {
            // Those of nothing refused come before anything is.
            for language in ["fr", "en"] {
                save(format!("gateway-{name}-{language}"), page(&severe, target, language));
            }
        }
        page(&severe, "http://jeux.example/", "fr");
        let closed = page(&severe, &lately, "fr");
        ask(&severe, &closed, LONG, "Pour l’exposé d’histoire de mardi, en salle 12.");
        ask(&severe, &closed, "jeux.example", "");
        let id = reviews.all().iter().find(|one| one.wish.site == LONG).unwrap().id;
        let answer = "Ouvert pour votre classe mardi de 10 h à 11 h : voyez votre professeur.";
        reviews.answer(id, answer, "CMIL", jiff::Timestamp::now()).unwrap();
        for language in ["fr", "en"] {
            let answered = page(&severe, &lately, language);
            // As it is once its form has been opened.
            let opened = answered.replace("<details>", "<details open>");
            assert_ne!(opened, answered);
            save(format!("gateway-asked-{language}"), opened);
        }
        let link = Link::default();
        for place in ["a", "b", "c"] {
            link.note(Sign::missed(place));
        }
        assert_eq!(link.state(), State::Down);
        // One page for all: both languages are on it.
        let cut_off = proxy(Judge::lenient(), link, None);
        save("gateway-outage".into(), page(&cut_off, &format!("http://{LONG}/x"), "fr"));
        made
    });
    let pictures = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots"));
    fs::create_dir_all(&pictures).unwrap();
    let browser = Browser::start();
    let mut found = Vec::new();
    for (width, height) in WIDTHS {
        let client = browser.window(width, height).await;
        for (name, file) in &pages {
            client.goto(&format!("file://{}", file.display())).await.unwrap();
            for dark in [false, true] {
                browser.dark(&client, dark).await;
                let colours = if dark { "dark" } else { "light" };
                let violations = browser::axe(&client).await;
                found.extend(violations.into_iter().map(|v| format!("{name} {colours}: {v}")));
                let picture = pictures.join(format!("{name}-{width}-{colours}.png"));
                fs::write(picture, client.screenshot().await.unwrap()).unwrap();
            }
            let wide = "return document.documentElement.scrollWidth - window.innerWidth";
            let wide = client.execute(wide, vec![]).await.unwrap().as_i64().unwrap();
            if wide > 0 {
                found.push(format!("{name} is {wide} pixels wider than {width}"));
            }
        }
        client.close().await.unwrap();
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
