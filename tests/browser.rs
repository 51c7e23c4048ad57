//! Readers in a real browser: they find, read and download a manual while the Internet is cut;
//! every page is looked at by axe, and its console stays silent.
//!
//! Ignored by a plain `cargo test`, because they need Chromium: `scripts/test` runs them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{fs, path::PathBuf};

use fantoccini::{Client, Locator};
use support::{
    browser::{self, Browser},
    origin::Origin,
    samples::{box_with_feed, publish_epubs},
    school_box::SchoolBox,
    until,
};

const PHONE: (u32, u32) = (360, 780);
const LAPTOP: (u32, u32) = (1366, 768);

/// A box that has mirrored the sample EPUBs and whose origin is then gone: the link is cut.
fn box_with_link_cut() -> Option<SchoolBox> {
    let samples = support::sample_folder()?;
    if !browser::present() {
        return None;
    }
    let origin = Origin::start();
    publish_epubs(&origin, &samples);
    let school = box_with_feed(&origin);
    drop(origin);
    Some(school)
}

/// Opens an address and holds the page to what every page owes its reader.
async fn visit(browser: &Browser, client: &Client, address: &str, picture: &str) {
    client.goto(address).await.unwrap();
    let violations = browser::axe(client).await;
    assert!(violations.is_empty(), "{address}: {}", violations.join("\n"));
    let said = browser.console(client).await;
    assert!(said.is_empty(), "{address}: {}", said.join("\n"));
    let wide = client
        .execute("return document.documentElement.scrollWidth - window.innerWidth", vec![])
        .await
        .unwrap();
    assert!(wide.as_i64().unwrap() <= 0, "{address} is {wide} pixels wider than its window");
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(picture), client.screenshot().await.unwrap()).unwrap();
}

/// Searches as a person does, and opens the first book found; gives its address.
async fn find(client: &Client, home: &str, words: &str) -> String {
    client.goto(home).await.unwrap();
    let field = client.find(Locator::Css("form[role=search] input[name=q]")).await.unwrap();
    field.send_keys(words).await.unwrap();
    client.find(Locator::Css("form[role=search] button")).await.unwrap().click().await.unwrap();
    // The shelf has links to books too: wait for what only the search's page has.
    client.wait().for_element(Locator::Css("main [role=status]")).await.unwrap();
    loop {
        let found = Locator::Css("main a[href^='/livre/']");
        let link = client.wait().for_element(found).await.unwrap();
        // What was found as one types may give way to what the button finds.
        match link.click().await {
            Err(fantoccini::error::CmdError::Standard(error))
                if error.error == fantoccini::error::ErrorStatus::StaleElementReference => {}
            clicked => break clicked.unwrap(),
        }
    }
    client.wait().for_element(Locator::Css("main a[href^='/lire/']")).await.unwrap();
    client.current_url().await.unwrap().to_string()
}

async fn a_reader_finds_and_reads(browser: &Browser, school: &SchoolBox, size: (u32, u32)) {
    let client = browser.window(size.0, size.1).await;
    let home = format!("http://{}/", school.address);
    let named = |name: &str| format!("{name}-{}.png", size.0);
    visit(browser, &client, &home, &named("shelf")).await;
    visit(browser, &client, &format!("{home}?lang=en"), &named("shelf-en")).await;
    visit(browser, &client, &format!("{home}?lang=fr"), &named("shelf-fr")).await;
    visit(browser, &client, &format!("{home}recherche?q=page+blance"), &named("search")).await;
    visit(browser, &client, &format!("{home}recherche?q=zzzz"), &named("search-nothing")).await;
    visit(browser, &client, &format!("{home}aide"), &named("help")).await;
    client.goto(&home).await.unwrap();
    let book = find(&client, &home, "blanche").await;
    visit(browser, &client, &book, &named("book")).await;
    open_plain_reader(&client).await;
    let pages = read_to_the_end(browser, &client, &named("reader")).await;
    assert!(pages >= 8, "only {pages} pages were turned");
    client.close().await.unwrap();
}

/// Opens the book whose page is shown in the reader without scripts.
async fn open_plain_reader(client: &Client) {
    let link = client.find(Locator::Css("main a[href^='/lire/']")).await.unwrap();
    let address = link.attr("href").await.unwrap().unwrap();
    let home = client.current_url().await.unwrap();
    client.goto(home.join(&format!("{address}/1")).unwrap().as_str()).await.unwrap();
}

/// Turns pages with the link a reader would use, until there is no next one.
async fn read_to_the_end(browser: &Browser, client: &Client, picture: &str) -> usize {
    let mut pages = 0;
    loop {
        pages += 1;
        let address = client.current_url().await.unwrap().to_string();
        visit(browser, client, &address, &format!("{pages:02}-{picture}")).await;
        let frame = client.find(Locator::Css("main iframe")).await.unwrap();
        frame.enter_frame().await.unwrap();
        let shown = client
            .execute(
                "return [document.readyState, document.body ? document.body.innerHTML.length : 0,
                         [...document.images].filter(i => !i.complete || i.naturalWidth === 0).length]",
                vec![],
            )
            .await
            .unwrap();
        assert!(shown[1].as_u64().unwrap() > 0, "{address} shows an empty page");
        assert_eq!(shown[2], 0, "{address} has pictures that did not load");
        client.enter_parent_frame().await.unwrap();
        assert!(pages < 500, "the book does not end");
        match client.find(Locator::Css("a[rel=next]")).await {
            Ok(next) => next.click().await.unwrap(),
            Err(_) => return pages,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn with_the_link_cut_a_manual_is_found_and_read_on_phone_and_laptop() {
    let Some(school) = tokio::task::block_in_place(box_with_link_cut) else { return };
    let browser = Browser::start();
    a_reader_finds_and_reads(&browser, &school, PHONE).await;
    a_reader_finds_and_reads(&browser, &school, LAPTOP).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn the_sample_epubs_open_page_by_page_with_a_silent_console() {
    let Some(school) = tokio::task::block_in_place(box_with_link_cut) else { return };
    let browser = Browser::start();
    let client = browser.window(LAPTOP.0, LAPTOP.1).await;
    let home = format!("http://{}/", school.address);
    for (name, least) in [("GhV-oeb-page", 9), ("hefty-water", 1), ("page-blanche", 9)] {
        find(&client, &home, name).await;
        open_plain_reader(&client).await;
        let pages = read_to_the_end(&browser, &client, &format!("{name}.png")).await;
        assert!(pages >= least, "{name}: {pages} pages");
    }
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn with_the_link_cut_a_manual_is_downloaded_whole() {
    let Some(school) = tokio::task::block_in_place(box_with_link_cut) else { return };
    let browser = Browser::start();
    let client = browser.window(LAPTOP.0, LAPTOP.1).await;
    find(&client, &format!("http://{}/", school.address), "hefty").await;
    let link = client.find(Locator::Css("main a[href$='/package']")).await.unwrap();
    let blob = link.attr("href").await.unwrap().unwrap().split('/').nth(2).unwrap().to_owned();
    link.click().await.unwrap();
    let bytes = tokio::task::block_in_place(|| {
        until("the download", || {
            let file = fs::read_dir(browser.downloads()).ok()?.next()?.ok()?.path();
            (file.extension()? == "epub").then(|| fs::read(file).unwrap())
        })
    });
    assert_eq!(support::samples::sha256(&bytes), blob);
    client.close().await.unwrap();
}
