//! A pupil takes a manual home in a real browser: it resumes, it is checked, it opens with the box
//! stopped, and it goes when its time has come.
//!
//! Ignored by a plain `cargo test`, because they need Chromium: `scripts/test` runs them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod publication_support;
mod reader_support;
mod support;
mod takehome_support;

use fantoccini::Locator;
use serde_json::json;
use support::until;
use takehome_support::{DESKTOP, Home, LAPTOP, PHONE, Published};

/// Pages of the manual that is taken, and bytes of each: a few seconds of a slow cable.
const PAGES: u32 = 12;
const PAGE_BYTES: u32 = 400_000;

fn manual(version: u32) -> Published {
    Published::big("manuel", "Le grand manuel", PAGES, PAGE_BYTES, version)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn with_the_box_stopped_a_manual_taken_home_opens_at_every_page_and_is_as_closed_as_there() {
    let Some(mut home) = Home::start(&[manual(1)], PHONE).await else { return };
    let blob = home.take("Le grand manuel").await;
    let manifest = home.fetch(&format!("/p/{blob}/manifest.json")).await;
    let manifest: serde_json::Value = serde_json::from_str(&manifest.text).unwrap();
    let addresses: Vec<String> = ["readingOrder", "resources"]
        .iter()
        .flat_map(|list| manifest[list].as_array().cloned().unwrap_or_default())
        .map(|link| link["href"].as_str().unwrap().to_owned())
        .collect();
    assert!(addresses.len() >= 2 * usize::try_from(PAGES).unwrap(), "{addresses:?}");
    let mut said = Vec::new();
    for address in &addresses {
        let page = home.school.as_ref().unwrap().get(address, "Accept-Encoding: identity\r\n");
        said.push((page.field("content-type").unwrap().to_owned(), page.body.len()));
    }
    let security = [
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "access-control-allow-origin",
    ];
    let of_box = home.school.as_ref().unwrap().get(&addresses[0], "");
    home.stop_the_box();
    for (address, (media_type, length)) in addresses.iter().zip(said) {
        let kept = home.fetch(address).await;
        assert_eq!((kept.status, kept.length), (200, length), "{address}");
        assert_eq!(kept.field("content-type"), media_type, "{address}");
    }
    let kept = home.fetch(&addresses[0]).await;
    for name in security {
        assert_eq!(kept.field(name), of_box.field(name).unwrap(), "{name}");
    }
    let part = home.fetch_part(&addresses[0], "bytes=10-19").await;
    assert_eq!((part.status, part.length), (206, 10));
    assert_eq!(home.fetch(&format!("/p/{blob}/r/nothing")).await.status, 404);

    home.visit("/emporter", "takehome-list-away.png").await;
    assert!(home.text("#kept").await.contains("Le grand manuel"));
    home.visit("/recherche?q=x", "takehome-away.png").await;
    assert!(home.text("main").await.contains("ne répond pas"));
    home.visit("/recherche?q=x&lang=en", "takehome-away-en.png").await;
    home.visit("/recherche?q=x", "takehome-away-en.png").await;
    assert!(home.text("main").await.contains("does not answer"), "the language is remembered");
    home.visit("/?lang=fr", "takehome-away.png").await;
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn with_the_box_stopped_a_manual_taken_home_is_read_page_by_page_and_searched() {
    let Some(mut home) = Home::start(&[manual(1)], PHONE).await else { return };
    let blob = home.take("Le grand manuel").await;
    home.stop_the_box();
    home.goto("/emporter").await;
    let open = format!("#kept a[href='/lire/{blob}']");
    home.client.wait().for_element(Locator::Css(&open)).await.unwrap().click().await.unwrap();
    for page in 1..=PAGES {
        home.await_shown(&format!("Page {page}, édition")).await;
        if page == 3 {
            home.picture("takehome-reader-away.png").await;
        }
        if page < PAGES {
            home.client.find(Locator::Css("#next")).await.unwrap().click().await.unwrap();
        }
    }
    home.client.find(Locator::Css("#tool-search")).await.unwrap().click().await.unwrap();
    let words = home.client.find(Locator::Css("dialog input[type=search]")).await.unwrap();
    words.send_keys("edition").await.unwrap();
    home.client.find(Locator::Css("dialog form button")).await.unwrap().click().await.unwrap();
    home.await_text("dialog", "Page 7, édition").await;
    home.goto(&format!("/lire/{blob}?page=5")).await;
    home.await_shown("Page 5, édition").await;
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn with_the_box_stopped_a_pdf_taken_home_is_read() {
    let histoire = Published::pdf("histoire", "Le livre d’histoire", reader_support::pdf());
    let Some(mut home) = Home::start(&[histoire], LAPTOP).await else { return };
    let blob = home.take("Le livre d’histoire").await;
    home.stop_the_box();
    home.goto(&format!("/lire/{blob}?page=2")).await;
    let layer = "[data-page='2'] .textLayer";
    home.client.wait().for_element(Locator::Css(layer)).await.unwrap();
    home.await_text(layer, "Page 2 du manuel").await;
    home.picture("takehome-pdf-away.png").await;
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn a_manual_cut_in_the_middle_goes_on_where_it_was() {
    let Some(mut home) = Home::start(&[manual(1)], PHONE).await else { return };
    let size = u64::from(PAGES) * u64::from(PAGE_BYTES);
    home.open_book("Le grand manuel").await;
    let before = home.wire.carried();
    home.wire.set_pause(5);
    home.wire.cut_once_after(size / 3);
    home.press("Emporter").await;
    // The second cut lasts until the page gives up, and a new page begins again.
    until("half of it", || (home.wire.carried() - before > size / 2).then_some(()));
    home.wire.set_up(false);
    home.await_text("#takehome-said", "ne répond plus").await;
    home.wire.set_up(true);
    home.wire.set_pause(0);
    home.open_book("Le grand manuel").await;
    assert!(home.text("#takehome").await.contains("interrompue à"));
    home.press("Continuer").await;
    home.await_text("#takehome-said", "est sur cet appareil").await;
    let moved = home.wire.carried() - before;
    assert!(moved < size * 13 / 10, "{moved} bytes moved for {size}");
    home.stop_the_box();
    home.visit("/emporter", "takehome-list.png").await;
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn bytes_that_were_turned_on_the_way_are_refused_and_thrown_away() {
    let Some(home) = Home::start(&[manual(1)], PHONE).await else { return };
    home.open_book("Le grand manuel").await;
    home.wire.set_spoils(true);
    home.press("Emporter").await;
    home.await_text("#takehome-said", "n’est pas le bon manuel").await;
    assert!(home.text("#takehome").await.contains("Emporter ("));
    assert_eq!(home.kept().await, json!([]));
    home.wire.set_spoils(false);
    home.press("Emporter").await;
    home.await_text("#takehome-said", "est sur cet appareil").await;
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn a_manual_closes_at_the_end_of_its_licence_and_a_clock_set_back_does_not_open_it() {
    let Some(mut home) = Home::start(&[manual(1)], PHONE).await else { return };
    let blob = home.take("Le grand manuel").await;
    let until = home.kept().await[0]["until"].as_i64().unwrap();
    assert_eq!(until, "2036-08-31T22:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond());
    home.stop_the_box();
    let page = format!("/p/{blob}/cover");
    assert_eq!(home.fetch(&page).await.status, 200);
    // A moment past the end was seen once; the clock says less now.
    home.set_meta("latest", json!(until)).await;
    assert_eq!(home.fetch(&page).await.status, 0, "the service worker opens it no more");
    home.visit("/emporter", "takehome-ended.png").await;
    let said = home.text("#kept").await;
    assert!(said.contains("Le prêt de « Le grand manuel » est terminé"), "{said}");
    assert_eq!(home.kept().await, json!([]));
    assert_eq!(home.files().await, json!([]), "its bytes are gone too");
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn a_right_that_is_lost_early_takes_the_manual_away_and_says_so() {
    let other = Published::big("autre", "Un autre manuel", 2, 1000, 1);
    let Some(home) = Home::start(&[manual(1), other], PHONE).await else { return };
    home.take("Le grand manuel").await;
    home.take("Un autre manuel").await;
    home.publish(&[Published::big("autre", "Un autre manuel", 2, 1000, 1)]);
    home.visit("/emporter", "takehome-lost.png").await;
    home.await_text("#kept", "Vous n’avez plus droit à « Le grand manuel »").await;
    assert_eq!(home.kept().await.as_array().unwrap().len(), 1);
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn a_new_version_is_offered_and_takes_the_place_of_the_old_one() {
    let Some(home) = Home::start(&[manual(1)], PHONE).await else { return };
    let old = home.take("Le grand manuel").await;
    home.publish(&[manual(2)]);
    home.visit("/emporter", "takehome-newer.png").await;
    home.await_text("#kept", "Une nouvelle version existe").await;
    home.open_book("Le grand manuel").await;
    home.await_text("#takehome", "Une nouvelle version existe").await;
    home.look("takehome-book-newer.png").await;
    home.press("Prendre la nouvelle version").await;
    home.await_text("#takehome-said", "est sur cet appareil").await;
    let kept = home.kept().await;
    assert_eq!(kept.as_array().unwrap().len(), 1);
    assert_ne!(kept[0]["blob"], old);
    assert_eq!(home.files().await.as_array().unwrap().len(), 1);
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn another_person_on_the_device_sees_and_opens_nothing_of_it() {
    let Some(mut home) = Home::start(&[manual(1)], PHONE).await else { return };
    let blob = home.take("Le grand manuel").await;
    home.stop_the_box();
    for person in ["", "0123456789abcdef"] {
        home.set_meta("person", json!(person)).await;
        assert_eq!(home.fetch(&format!("/p/{blob}/manifest.json")).await.status, 0);
        home.visit("/emporter", "takehome-others.png").await;
        let said = home.text("main").await;
        assert!(!said.contains("Le grand manuel"), "{said}");
        assert!(said.contains("par d’autres personnes sur cet appareil : 1"), "{said}");
        home.goto(&format!("/lire/{blob}")).await;
        assert!(home.text("main").await.contains("ne répond pas"));
    }
    home.set_meta("person", json!("*")).await;
    assert_eq!(home.fetch(&format!("/p/{blob}/manifest.json")).await.status, 200);
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn without_room_it_says_how_much_is_missing_and_what_is_removed_frees_its_room() {
    let other = Published::big("autre", "Un autre manuel", 2, 1000, 1);
    let Some(home) = Home::start(&[manual(1), other], PHONE).await else { return };
    home.open_book("Le grand manuel").await;
    home.give_room(21_000_000).await;
    home.press("Emporter").await;
    home.await_text("#takehome-said", "Il manque").await;
    home.look("takehome-full.png").await;
    home.take("Le grand manuel").await;
    home.take("Un autre manuel").await;
    home.look("takehome-book-here.png").await;
    home.press("Retirer").await;
    home.await_text("#takehome-said", "n’est plus sur cet appareil").await;
    assert_eq!(home.files().await.as_array().unwrap().len(), 1);
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn what_the_browser_threw_away_is_said_and_can_be_taken_again() {
    let Some(home) = Home::start(&[manual(1)], PHONE).await else { return };
    home.take("Le grand manuel").await;
    home.run(
        "const root = await navigator.storage.getDirectory();
         await root.removeEntry('paquets', {recursive: true});",
    )
    .await;
    home.open_book("Le grand manuel").await;
    home.await_text("#takehome-said", "a effacé « Le grand manuel »").await;
    home.take("Le grand manuel").await;
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn without_a_private_file_system_parts_are_kept_in_cache_storage() {
    let Some(mut home) = Home::start(&[manual(1)], PHONE).await else { return };
    home.open_book("Le grand manuel").await;
    // As in browsers whose private windows have none: nothing can be made in its place.
    home.run(
        "const root = await navigator.storage.getDirectory();
         const file = await root.getFileHandle('paquets', {create: true});",
    )
    .await;
    let blob = home.take("Le grand manuel").await;
    home.stop_the_box();
    assert_eq!(home.fetch(&format!("/p/{blob}/cover")).await.status, 200);
    let manifest = home.fetch(&format!("/p/{blob}/manifest.json")).await;
    let manifest: serde_json::Value = serde_json::from_str(&manifest.text).unwrap();
    let page = manifest["readingOrder"][5]["href"].as_str().unwrap().to_owned();
    assert_eq!(home.fetch(&page).await.status, 200);
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn its_pages_are_good_at_every_size_by_day_and_by_night_in_both_languages() {
    let other = || Published::big("autre", "Histoire-géographie, classe de seconde", 2, 1000, 1);
    for size in [PHONE, LAPTOP, DESKTOP] {
        let Some(mut home) = Home::start(&[manual(1), other()], size).await else { return };
        home.take("Le grand manuel").await;
        home.take("Histoire-géographie, classe de seconde").await;
        home.pictures("/emporter", "list").await;
        let slug = home.kept().await[0]["slug"].as_str().unwrap().to_owned();
        home.pictures(&format!("/livre/{slug}"), "book").await;
        home.stop_the_box();
        home.pictures("/recherche", "away").await;
        home.close().await;
    }
}
