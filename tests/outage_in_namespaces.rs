//! The day the Internet goes: in three network namespaces (a device, the box, the Internet) and behind
//! the firewall rules of `config/nftables/preau.nft` the cable to the Internet is cut and mended, or
//! carries little. Devices that know of no proxy and those that do are told at once, find the library by
//! its name, read on in it, stay on the Wi-Fi, and go on when it is back, with nobody touching anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod outage_support;
mod support;

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use fantoccini::{Client, Locator};
use outage_support::{
    AT_ONCE, BACK_WITHIN, BOX, FIRST_PAGE, MANUAL, SILENT, SITE, TRIES, Way, World, ZONE, in_time,
};
use support::{
    PATIENCE,
    browser::{self, Browser},
    netns::allowed,
    until,
};

/// What the portal may take to be there, by its name.
const PORTAL_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn a_cut_link_is_told_at_once_by_either_way_and_a_return_is_seen_by_itself() {
    if !allowed() {
        return;
    }
    let world = World::new();
    for way in [Way::Taken, Way::Proxy] {
        let page = world.ask(way, "good.example", "/");
        assert!(page.contains("this is the site"), "{way:?}: {page}");
    }
    assert_eq!(world.address_of("other.example").as_deref(), Some(SITE));
    world.cut();
    world.until_known();
    // The box's own names, and those that it was asked for before.
    for (name, address) in [("manuels", BOX), ("preau.preau.lan", BOX), ("other.example", SITE)] {
        in_time("a name in an outage", AT_ONCE, || {
            assert_eq!(world.address_of(name).as_deref(), Some(address), "{name}");
        });
    }
    in_time("a name that nobody has asked for", AT_ONCE, || {
        assert_eq!(world.address_of("unknown.example"), None);
    });
    for way in [Way::Taken, Way::Proxy] {
        in_time("the page of an outage", AT_ONCE, || {
            let page = world.ask(way, "other.example", "/");
            assert!(page.starts_with("HTTP/1.1 503"), "{way:?}: {page}");
            assert!(page.contains("Internet est coup"), "{way:?}: {page}");
            assert!(page.contains(&format!("http://{BOX}/")), "the library: {page}");
        });
        // Devices stay on the Wi-Fi.
        let android = world.ask(way, "connectivitycheck.gstatic.com", "/generate_204");
        assert!(android.starts_with("HTTP/1.1 204"), "{way:?}: {android}");
        let apple = world.ask(way, "captive.apple.com", "/hotspot-detect.html");
        let success = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>";
        assert!(apple.ends_with(success), "{way:?}: {apple}");
    }
    let library = world.ask(Way::Library, BOX, "/");
    assert!(library.contains("Les manuels de l"), "{library}");

    world.mend();
    // Nobody asks for anything meanwhile.
    let mended = Instant::now();
    until("the link to be seen again", || (world.link() != "down").then_some(()));
    let page = world.ask(Way::Taken, "good.example", "/");
    assert!(page.contains("this is the site"), "{page}");
    assert!(mended.elapsed() < BACK_WITHIN, "it took {:?}", mended.elapsed());
    // Then the maker itself is asked again.
    let android = world.ask(Way::Taken, "connectivitycheck.gstatic.com", "/generate_204");
    assert!(android.contains("this is the site"), "{android}");
    world.until_link_is("up");
}

#[test]
fn a_link_that_half_works_is_called_degraded_and_nobody_is_refused_for_it() {
    if !allowed() {
        return;
    }
    let world = World::new();
    world.degrade();
    until("the link to be called degraded", || {
        half_fails(&world);
        (world.link() == "degraded").then_some(())
    });
    for way in [Way::Taken, Way::Proxy] {
        let page = world.ask(way, "good.example", "/");
        assert!(page.contains("this is the site"), "{way:?}: {page}");
    }
    assert_eq!(world.address_of("other.example").as_deref(), Some(SITE), "new names, too");
    let probe = world.ask(Way::Taken, "connectivitycheck.gstatic.com", "/generate_204");
    assert!(probe.contains("this is the site"), "the maker itself is asked: {probe}");
    assert_eq!(world.link(), "degraded");
    world.restore();
    let page = world.ask(Way::Proxy, SILENT[0], "/");
    assert!(page.contains("this is the site"), "{page}");
    world.until_link_is("up");
}

/// Each device waits for a place that does not answer; nobody else waits for anything.
fn half_fails(world: &World) {
    std::thread::scope(|scope| {
        let asked = SILENT.map(|name| scope.spawn(move || world.ask(Way::Proxy, name, "/")));
        in_time("a page of a slow link", AT_ONCE, || {
            let page = world.ask(Way::Proxy, "good.example", "/");
            assert!(page.contains("this is the site"), "{page}");
        });
        for page in asked {
            let page = page.join().unwrap();
            assert!(page.starts_with("HTTP/1.1 504"), "{page}");
            assert!(!page.contains("Internet est coup"), "the link is there: {page}");
        }
    });
}

async fn text(client: &Client) -> String {
    client.source().await.unwrap()
}

#[test]
#[ignore = "needs Chromium: scripts/test runs it"]
fn chromium_reads_on_in_an_outage_and_goes_on_after_it() {
    if !allowed() || !browser::present() {
        return;
    }
    let world = World::new();
    let mut chromedriver = world.device.command("chromedriver");
    chromedriver.stdin(Stdio::null());
    world.device.within(|| {
        let browser = Browser::driven_by(chromedriver);
        let mut builder = tokio::runtime::Builder::new_current_thread();
        // One thread, this one: its sockets are the device's.
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(goes_on(&world, &browser));
    });
}

async fn goes_on(world: &World, browser: &Browser) {
    let client = browser.window(1024, 768).await;
    for address in ["http://good.example/", "https://good.example/", "http://other.example/"] {
        client.goto(address).await.unwrap();
        assert!(text(&client).await.contains("this is the site"), "{address}");
    }
    world.cut();
    world.until_known();
    finds_the_portal(&client).await;
    reads(&client).await;
    is_told(&client).await;

    world.mend();
    let mended = Instant::now();
    let mut back = String::new();
    while mended.elapsed() < PATIENCE && !back.contains("this is the site") {
        if client.goto("https://good.example/").await.is_ok() {
            back = text(&client).await;
        }
    }
    assert!(back.contains("this is the site"), "{back}");
    eprintln!("browsing works {:?} after the cable", mended.elapsed());
    assert!(mended.elapsed() < BACK_WITHIN, "it took {:?}", mended.elapsed());
    client.goto("http://good.example/").await.unwrap();
    assert!(text(&client).await.contains("this is the site"));
    client.close().await.unwrap();
}

/// By names that nobody has asked for before.
async fn finds_the_portal(client: &Client) {
    let mut took = Vec::new();
    for name in ["manuels", &format!("manuels.{ZONE}"), &format!("preau.{ZONE}")] {
        let begun = Instant::now();
        client.goto(&format!("http://{name}/")).await.unwrap();
        let page = text(client).await;
        took.push(begun.elapsed());
        assert!(page.contains("Les manuels de l") && page.contains(MANUAL), "{name}: {page}");
    }
    eprintln!("the portal by its names took {took:?}");
    assert!(took.iter().any(|one| *one < PORTAL_WITHIN), "{took:?}");
}

/// From the portal to the words of a page.
async fn reads(client: &Client) {
    client.goto(&format!("http://manuels.{ZONE}/")).await.unwrap();
    let manual = format!("//main//a[starts-with(@href, '/livre/')][contains(., '{MANUAL}')]");
    for link in [manual, "//main//a[starts-with(@href, '/lire/')]".to_owned()] {
        let found = client.wait().at_most(PATIENCE).for_element(Locator::XPath(&link)).await;
        found.unwrap().click().await.unwrap();
    }
    let shown = format!(
        "return [...document.querySelectorAll('#stage iframe')].some(f =>
           getComputedStyle(f).visibility !== 'hidden'
           && f.contentDocument?.body?.textContent.includes('{FIRST_PAGE}')
           && [...f.contentDocument.images].every(i => i.complete && i.naturalWidth > 0))"
    );
    let begun = Instant::now();
    while client.execute(&shown, vec![]).await.unwrap() != true {
        assert!(begun.elapsed() < PATIENCE, "no page: {}", text(client).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("a manual's page was read {:?} after its link was pressed", begun.elapsed());
}

/// In the clear by the page of an outage, which leads to the library; under TLS by the browser.
async fn is_told(client: &Client) {
    let mut took = [Vec::new(), Vec::new()];
    for n in 0..TRIES {
        let begun = Instant::now();
        client.goto(&format!("http://other.example/{n}")).await.unwrap();
        let page = text(client).await;
        took[0].push(begun.elapsed());
        assert!(
            page.contains("Internet est coup") && page.contains("The Internet is cut"),
            "{page}"
        );

        let begun = Instant::now();
        let failed = client.goto(&format!("https://other.example/{n}")).await.unwrap_err();
        took[1].push(begun.elapsed());
        assert!(failed.to_string().contains("ERR_"), "{failed}");
    }
    eprintln!("the page of an outage, and an error under TLS, took {took:?}");
    for took in &took {
        assert!(took.iter().any(|one| *one < AT_ONCE), "{took:?}, {AT_ONCE:?} is promised");
    }
    client.goto("http://other.example/").await.unwrap();
    let button = client.find(Locator::Css("a.button")).await.unwrap();
    button.click().await.unwrap();
    client.wait().for_element(Locator::Css("main")).await.unwrap();
    let page = text(client).await;
    assert!(page.contains("Les manuels de l"), "{page}");
}
