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
use preau::{
    config,
    gateway::{Denial, Home, Judge, Ruling},
};
use support::browser::{self, Browser};

const WIDTHS: [(u32, u32); 3] = [(360, 780), (1024, 768), (1440, 900)];
/// Where the library would be: its pages are not looked at here.
const LIBRARY: &str = "127.0.0.1:8095";

/// Refuses everything, for a reason with all its parts.
fn severe() -> Proxy {
    let judge = Judge::new(|_, _, _, _| Ruling {
        denied: Some(Denial {
            category: Some("social_networks".into()),
            rule: "réseaux sociaux pendant les cours".into(),
            profile: Some("eleves".into()),
        }),
        until: None,
    });
    let network =
        config::Network { listen: vec![LIBRARY.parse().unwrap()], ..config::Network::default() };
    let home = Home::new(&network, &config::Https::default());
    Proxy::start_with(settings(&[80]), home, judge, None)
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
        let proxy = severe();
        let lately = format!("http://{LIBRARY}/bloque");
        let mut made = Vec::new();
        for (name, target) in [
            ("lately-none", lately.as_str()),
            ("refused", "http://un-nom-de-site-plutot-long-pour-un-telephone.example/x"),
            ("lately", &lately),
            ("own", "/"),
            ("port", "http://127.0.0.1:25/"),
        ] {
            for language in ["fr", "en"] {
                let name = format!("gateway-{name}-{language}");
                let file = folder.path().join(format!("{name}.html"));
                // Those of nothing refused come before anything is.
                fs::write(&file, page(&proxy, target, language)).unwrap();
                made.push((name, file));
            }
        }
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
