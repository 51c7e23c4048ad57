//! The pages of persons in a real browser: at three widths, light and dark, in both languages, axe
//! looks at each and a picture is kept in `target/screenshots`.
//!
//! Ignored by a plain `cargo test`, because it needs Chromium: `scripts/test` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod library_support;
mod publication_support;
mod support;

use std::{fs, path::PathBuf, sync::Arc};

use fantoccini::Client;
use jiff::{Timestamp, ToSpan as _};
use library_support::{
    Lender,
    ent::{Ent, Member},
    manual,
};
use preau::{
    catalogue::{Holding, Holdings, Licence},
    mirror::{Progress, Transfer},
};
use support::{
    browser::{self, Browser},
    until,
};

const WIDTHS: [(u32, u32); 3] = [(360, 780), (1024, 768), (1440, 900)];
/// Bytes that a first visit to a page may move, without the books' covers.
const FIRST_VISIT: i64 = 60_000;
/// The same for the reader, whose engine shows the book itself.
const READER_VISIT: i64 = 200_000;
/// The page, its styles and scripts as they came over the wire, from a cache or not.
const MOVED: &str = "return [...performance.getEntriesByType('navigation'),
    ...performance.getEntriesByType('resource').filter(r => r.initiatorType !== 'img')]
    .reduce((sum, entry) => sum + entry.encodedBodySize + 300, 0)";
const TITLES: [(&str, &str, &str); 7] = [
    ("a", "Mathématiques 2de – Algèbre et géométrie", "mathématiques"),
    ("b", "Français 2de – Lettres et œuvres", "français"),
    ("c", "Histoire-géographie 2de", "histoire"),
    ("d", "Corrigés du professeur", "mathématiques"),
    ("e", "Physique-chimie 1re spécialité", "physique-chimie"),
    ("f", "SES Terminale", "sciences économiques"),
    ("g", "Manuel de l’an dernier", "anglais"),
];

/// A shelf with a manual in each state.
fn fill(lender: &Lender) {
    let now = Timestamp::now();
    let held = |(id, title, subject): (&str, &str, &str)| {
        let until = if id == "g" { now - 48.hours() } else { now + 5000.hours() };
        let publics: &[&str] = if id == "d" { &["ENSEIGNANT"] } else { &[] };
        let licence = Licence {
            id: id.into(),
            from: None,
            until: Some(until),
            pupil_licences: None,
            assigned_pupils: 0,
            individual: false,
            publics: publics.iter().map(ToString::to_string).collect(),
        };
        let levels = title.contains("2de").then(|| "2de générale".to_owned());
        let offer = preau::catalogue::Offer {
            source: "feed".into(),
            url: "https://books.example.org/a.epub".parse().unwrap(),
            media_type: "application/epub+zip".into(),
            size: None,
            sha256: None,
            version: String::new(),
            until: None,
        };
        Arc::new(Holding {
            licences: vec![licence],
            levels: levels.into_iter().collect(),
            subjects: vec![subject.to_owned()],
            publisher: Some("Éditions du Préau".to_owned()),
            offers: vec![offer],
            ..Holding::titled(id, title)
        })
    };
    let all = TITLES.into_iter().map(held).collect();
    lender.holdings.send_replace(Arc::new(Holdings { all, sources: vec![] }));
    let coming = Transfer {
        holding: "e".into(),
        title: TITLES[4].1.into(),
        done: 40_000_000,
        total: Some(100_000_000),
        moved: 0,
        rate: 300_000,
    };
    let progress = Progress { active: vec![coming], ..Progress::default() };
    lender.progress.send_replace(Arc::new(progress));
    for (id, title, _) in TITLES.into_iter().take(4) {
        lender.keep("application/epub+zip", id, title, &manual(title, 3));
    }
}

/// Takes a member's session to the browser, and their pass where it is looked at: a browser that
/// has one binds it to itself, and the copy that the test keeps would then be a stolen one.
async fn come_in(browser: &Browser, client: &Client, home: &str, member: &Member, passes: bool) {
    client.goto(&format!("{home}aide")).await.unwrap();
    client.delete_all_cookies().await.unwrap();
    for (name, value) in
        member.cookies.iter().filter(|(name, _)| passes || !name.ends_with("-pass"))
    {
        browser.cookie(client, home, name, value).await;
    }
}

/// A page as it is, and what a first visit to it moves.
async fn look(browser: &Browser, client: &Client, name: &str, width: u32, found: &mut Vec<String>) {
    look_at(browser, client, name, width, FIRST_VISIT, found).await;
}

async fn look_at(
    browser: &Browser,
    client: &Client,
    name: &str,
    width: u32,
    most: i64,
    found: &mut Vec<String>,
) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots"));
    fs::create_dir_all(&folder).unwrap();
    for dark in [false, true] {
        browser.dark(client, dark).await;
        let colours = if dark { "dark" } else { "light" };
        found.extend(
            browser::axe(client).await.into_iter().map(|v| format!("{name} {colours}: {v}")),
        );
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
    let moved = client.execute(MOVED, vec![]).await.unwrap().as_i64().unwrap();
    if !(1_000..most).contains(&moved) {
        found.push(format!("{name} moves {moved} bytes"));
    }
    let said = browser.console(client).await;
    // A refusal is an answer the console notes; it is what the page is there to explain. Of the
    // frames of the reader's engine it warns, too: `browser_reader` tries what they let through.
    let known = ["status of 403", "can escape its sandboxing"];
    let said = said.into_iter().filter(|said| !known.iter().any(|known| said.contains(known)));
    found.extend(said.map(|said| format!("{name}: {said}")));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn every_page_of_persons_is_good_to_look_at_and_axe_finds_nothing() {
    if !browser::present() {
        return;
    }
    let (ent, lender, pupil, teacher, head, sheet) = tokio::task::block_in_place(|| {
        let ent = Ent::start();
        let lender = Lender::start_with(&ent.settings());
        fill(&lender);
        let mut teacher = Member::teacher(&lender, "3f9c2a71-teacher");
        until("the shelf", || teacher.get(&lender, "/").text().contains("/cover").then_some(()));
        let pupil = Member::pupil(&lender, "7b1e4d20-pupil");
        let head = Member::signed_in(&lender, "head", "National_DIR", "");
        let text = teacher.get(&lender, "/").text();
        let blob = text.split("data-blob=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        for n in 0..9 {
            Member::pupil(&lender, &format!("p{n}")).get(&lender, &format!("/lire/{blob}/1"));
        }
        let csrf = teacher.csrf(&lender);
        let form = [("csrf", csrf.as_str()), ("blob", blob.as_str()), ("page", "2")];
        let made = teacher.post(&lender, "/m", &form);
        let moment = made.field("location").unwrap().to_owned();
        let book = text.split("href=\"/livre/").nth(1).unwrap().split('"').next().unwrap();
        let reader = format!("lire/{blob}");
        (ent, lender, pupil, teacher, head, (moment, format!("/livre/{book}"), reader))
    });
    let (moment, book, reader) = sheet;
    let browser = Browser::start();
    let home = format!("http://{}/", lender.address);
    let mut found = Vec::new();
    for (width, height) in WIDTHS {
        let client = browser.window(width, height).await;
        for lang in ["fr", "en"] {
            let nobody = Member::default();
            for (who, name, path) in [
                (&nobody, "sign-in", "/connexion"),
                (&pupil, "sign-in-pass", "/connexion"),
                (&pupil, "shelf", "/"),
                (&pupil, "me", "/moi"),
                (&pupil, "leave", "/deconnexion"),
                (&pupil, "search-found", "/recherche?q=mathematique"),
                (&teacher, "codes", "/codes"),
                (&teacher, "book-teacher", &book),
                (&teacher, "moment", &moment),
                (&head, "indicators", "/indicateurs"),
                (&pupil, "not-yours", "/codes"),
            ] {
                come_in(&browser, &client, &home, who, name == "sign-in-pass").await;
                let mark = if path.contains('?') { '&' } else { '?' };
                let address = format!("{}{mark}lang={lang}", path.trim_start_matches('/'));
                client.goto(&format!("{home}{address}")).await.unwrap();
                look(&browser, &client, &format!("{name}-{lang}"), width, &mut found).await;
            }
            come_in(&browser, &client, &home, &teacher, false).await;
            client.goto(&format!("{home}codes?lang={lang}")).await.unwrap();
            let fill = "document.querySelector('#classe').value = '2DE3';
                        document.querySelector('#nombre').value = '12';
                        document.querySelector('main form').submit();";
            client.execute(fill, vec![]).await.unwrap();
            client.wait().for_element(fantoccini::Locator::Css(".slip")).await.unwrap();
            look(&browser, &client, &format!("sheet-{lang}"), width, &mut found).await;
            client.goto(&format!("{home}{reader}?lang={lang}")).await.unwrap();
            let ready = fantoccini::Locator::Css("[data-ready]");
            client.wait().for_element(ready).await.unwrap();
            client.execute("document.querySelector('.position').click()", vec![]).await.unwrap();
            let form = fantoccini::Locator::Css("dialog[open] form.moment button");
            client.wait().for_element(form).await.unwrap();
            let entered = "const done = arguments[0];
                Promise.all(document.getAnimations().map(a => a.finished)).then(() => done())";
            client.execute_async(entered, vec![]).await.unwrap();
            let name = format!("moment-reader-{lang}");
            look_at(&browser, &client, &name, width, READER_VISIT, &mut found).await;
            let send = "const form = document.querySelector('form.moment');
                        form.target = '_self'; form.requestSubmit();";
            client.execute(send, vec![]).await.unwrap();
            let shown = fantoccini::Locator::Css(".qr svg");
            client.wait().for_element(shown).await.unwrap();
        }
        client.close().await.unwrap();
    }
    tokio::task::block_in_place(|| drop((ent, lender)));
    assert!(found.is_empty(), "{}", found.join("\n"));
}
