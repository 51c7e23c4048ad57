//! The reader in a real browser: what a package tries to do from inside its pages, and reading by
//! the keyboard alone.
//!
//! Ignored by a plain `cargo test`, because they need Chromium: `scripts/test` runs them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod library_support;
mod publication_support;
mod reader_support;
mod support;

use std::time::{Duration, Instant};

use fantoccini::{Client, key::Key};
use library_support::{Lender, manual};
use reader_support::{hostile_epub, pdf, reflowable_epub, scorm};
use serde_json::Value;
use support::{
    PATIENCE,
    browser::{self, Browser},
};

const PHONE: (u32, u32) = (360, 780);
const LAPTOP: (u32, u32) = (1024, 700);
const DESKTOP: (u32, u32) = (1440, 900);
/// Given to scripts that must not run, before they are said not to have.
const TIME_TO_HARM: Duration = Duration::from_secs(2);

/// Asks the page until it gives something else than `null` or `false`.
async fn until_page(client: &Client, what: &str, script: &str) -> Value {
    let begun = Instant::now();
    loop {
        let value = client.execute(script, vec![]).await.unwrap();
        if !matches!(value, Value::Null | Value::Bool(false)) {
            return value;
        }
        let page = client.execute("return document.body.innerText", vec![]).await.unwrap();
        assert!(begun.elapsed() < PATIENCE, "waited for {what}; the page says {page}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn open(client: &Client, address: &str) {
    client.goto(address).await.unwrap();
    until_page(client, "the manual", "return document.documentElement.dataset.ready").await;
}

async fn press(client: &Client, keys: &str) {
    use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
    let mut actions = KeyActions::new("keys".into());
    for value in keys.chars() {
        actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
    }
    client.perform_actions(actions).await.unwrap();
}

/// Text of the pages shown now.
const SHOWN: &str = "return [...document.querySelectorAll('#stage iframe')]
    .filter(f => f.contentDocument && f.contentDocument.body && getComputedStyle(f).visibility !== 'hidden')
    .map(f => f.contentDocument.body.textContent).join(' ')";

async fn picture(client: &Client, name: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots");
    std::fs::create_dir_all(folder).unwrap();
    let file = format!("{folder}/reader-{name}.png");
    std::fs::write(file, client.screenshot().await.unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn no_script_of_an_epub_runs_beside_the_session_whatever_it_tries() {
    if !browser::present() {
        return;
    }
    let (lender, victim) = tokio::task::block_in_place(|| {
        let lender = Lender::start();
        let victim = lender.put("ark:/1/victim", "Victime", &manual("Victime", 2));
        (lender, victim)
    });
    let hostile = tokio::task::block_in_place(|| {
        lender.put("ark:/1/hostile", "Hostile", &hostile_epub(&format!("/p/{victim}/")))
    });
    let browser = Browser::start();
    let client = browser.window(LAPTOP.0, LAPTOP.1).await;
    let address = format!("http://{}/lire/{hostile}", lender.address);
    for page in 1..=reader_support::HOSTILE_PAGES {
        open(&client, &format!("{address}?page={page}")).await;
        until_page(&client, "the page", &format!("{SHOWN}.includes('inoffensive')")).await;
        tokio::time::sleep(TIME_TO_HARM).await;
        let harm = client
            .execute(
                "const frames = [...document.querySelectorAll('iframe')];
                 return [window.harm ?? null, document.title.includes('harm'), localStorage.harm ?? null,
                         frames.some(f => { try { return f.contentWindow.harm || f.contentDocument.title === 'harm'; }
                                            catch { return 'left'; } }),
                         location.pathname.startsWith('/lire/'), document.cookie.includes('harm')]",
                vec![],
            )
            .await
            .unwrap();
        let untouched = serde_json::json!([null, false, null, false, true, false]);
        assert_eq!(harm, untouched, "page {page} of the hostile manual did something");
    }
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn the_policy_alone_stops_the_scripts_that_a_page_would_bring_past_the_cleaning() {
    if !browser::present() {
        return;
    }
    let (lender, blob) = tokio::task::block_in_place(|| {
        let lender = Lender::start();
        let blob = lender.put("ark:/1/hostile", "Hostile", &hostile_epub("/p/x/"));
        (lender, blob)
    });
    let browser = Browser::start();
    let client = browser.window(LAPTOP.0, LAPTOP.1).await;
    open(&client, &format!("http://{}/lire/{blob}", lender.address)).await;
    // A frame as the navigator makes it, its page not cleaned at all.
    let ran = client
        .execute_async(
            "const done = arguments[arguments.length - 1];
             const page = `<html><head><script>parent.harm = 'inline'</` + `script>
                 <script src='${location.origin}/p/BLOB/r/OEBPS/harm.js'></` + `script></head>
                 <body onload=\"parent.harm = 'onload'\"><img src='x:' onerror=\"parent.harm = 'onerror'\">
                 <a id='a' href=\"javascript:parent.harm='link'\">a</a></body></html>`.replace('BLOB', 'BLOB_NAME');
             const frame = document.createElement('iframe');
             frame.sandbox.value = 'allow-same-origin allow-scripts';
             frame.src = URL.createObjectURL(new Blob([page], {type: 'text/html'}));
             frame.onload = () => {
                 frame.contentDocument.getElementById('a').click();
                 setTimeout(() => done([window.harm ?? null, frame.contentDocument.body !== null]), 1500);
             };
             document.body.append(frame);"
                .replace("BLOB_NAME", &blob.to_string())
                .as_str(),
            vec![],
        )
        .await
        .unwrap();
    assert_eq!(ran, serde_json::json!([null, true]));
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn a_scorm_package_keeps_its_results_on_the_device_and_reads_nothing_else() {
    if !browser::present() {
        return;
    }
    let (lender, blob) = tokio::task::block_in_place(|| {
        let lender = Lender::start();
        let blob = lender.put_as("application/zip", "ark:/1/scorm", "Exercices", &scorm());
        (lender, blob)
    });
    let browser = Browser::start();
    let client = browser.window(LAPTOP.0, LAPTOP.1).await;
    let address = format!("http://{}/lire/{blob}", lender.address);
    let said = "return document.querySelector('[role=status].away').textContent.includes('80')";
    open(&client, &address).await;
    until_page(&client, "a result", said).await;
    // The second time, it finds what it kept, and says so with another score.
    open(&client, &address).await;
    let again = said.replace("80", "90");
    until_page(&client, "a result that builds on the first", &again).await;
    // What it tried to read of the page around it, it says in its own page.
    let frame = client.find(fantoccini::Locator::Css("#stage iframe")).await.unwrap();
    frame.enter_frame().await.unwrap();
    let read = client.execute("return document.title", vec![]).await.unwrap();
    assert_eq!(read, "parent:no cookie:no storage:no database:no");
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn a_manual_is_read_with_the_keyboard_alone() {
    if !browser::present() {
        return;
    }
    let (lender, blob) = tokio::task::block_in_place(|| {
        let lender = Lender::start();
        let blob = lender.put("ark:/1/keys", "Clavier", &manual("Clavier", 12));
        (lender, blob)
    });
    let browser = Browser::start();
    let client = browser.window(500, 800).await;
    open(&client, &format!("http://{}/lire/{blob}", lender.address)).await;
    let at = |page: usize| {
        format!("return document.querySelector('.position').textContent.startsWith('Page {page} ')")
    };
    until_page(&client, "page 1", &at(1)).await;
    press(&client, &char::from(Key::Right).to_string()).await;
    until_page(&client, "page 2", &at(2)).await;
    press(&client, &char::from(Key::PageDown).to_string()).await;
    until_page(&client, "page 3", &at(3)).await;
    press(&client, "c").await;
    until_page(
        &client,
        "the contents",
        "return document.querySelector('dialog[open] [aria-current]') === document.activeElement",
    )
    .await;
    // Two lines further down, and there.
    press(&client, &format!("{0}{0}{1}", char::from(Key::Tab), char::from(Key::Enter))).await;
    until_page(&client, "page 5", &at(5)).await;
    press(&client, "b").await;
    until_page(
        &client,
        "the bookmark",
        "return document.querySelector('#tool-bookmark[aria-pressed=true]') !== null",
    )
    .await;
    press(&client, &char::from(Key::End).to_string()).await;
    until_page(&client, "the last page", &at(12)).await;
    press(&client, "g").await;
    until_page(&client, "the page's field", "return document.activeElement.id === 'number'").await;
    press(&client, &format!("{0}{0}7{1}", char::from(Key::Backspace), char::from(Key::Enter)))
        .await;
    until_page(&client, "page 7", &at(7)).await;
    press(&client, "n").await;
    until_page(
        &client,
        "the bookmark in the notes",
        "return document.querySelector('dialog[open] .marks')?.textContent.includes('Page 5')",
    )
    .await;
    press(&client, &char::from(Key::Escape).to_string()).await;
    until_page(&client, "no panel", "return !document.querySelector('dialog[open]')").await;
    press(&client, "q").await;
    until_page(&client, "the manual's card", "return location.pathname.startsWith('/livre/')")
        .await;
    // Opened again, it is where it was left.
    open(&client, &format!("http://{}/lire/{blob}", lender.address)).await;
    until_page(&client, "page 7 again", &at(7)).await;
    // A key with nowhere to go, and one straight after it: the page told is the page shown.
    press(&client, &char::from(Key::Home).to_string()).await;
    until_page(&client, "page 1 again", &at(1)).await;
    press(&client, &format!("{0}{1}", char::from(Key::Home), char::from(Key::Right))).await;
    until_page(&client, "page 2 again", &at(2)).await;
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn words_are_found_in_a_manual_and_highlighted_there() {
    if !browser::present() {
        return;
    }
    let (lender, blob) = tokio::task::block_in_place(|| {
        let lender = Lender::start();
        let blob = lender.put("ark:/1/words", "Mots", &reflowable_epub());
        (lender, blob)
    });
    let browser = Browser::start();
    let client = browser.window(LAPTOP.0, LAPTOP.1).await;
    open(&client, &format!("http://{}/lire/{blob}", lender.address)).await;
    press(&client, "f").await;
    until_page(&client, "the field", "return document.activeElement.id === 'words'").await;
    press(&client, &format!("theoreme de thales{}", char::from(Key::Enter))).await;
    until_page(
        &client,
        "what was found",
        "return document.querySelector('dialog .lines mark')?.textContent === 'théorème de Thalès'",
    )
    .await;
    client.execute("document.querySelector('dialog .lines button').click()", vec![]).await.unwrap();
    until_page(&client, "the chapter", &format!("{SHOWN}.includes('Thalès')")).await;
    // As a finger or a mouse would.
    let select = "const frame = [...document.querySelectorAll('#stage iframe')].find(f => f.contentDocument?.body?.textContent.includes('Thalès') && getComputedStyle(f).visibility !== 'hidden');
        if (!frame) return false;
        const doc = frame.contentDocument, text = doc.querySelector('#thales').firstChild, range = doc.createRange();
        range.setStart(text, 3); range.setEnd(text, 21);
        doc.getSelection().removeAllRanges(); doc.getSelection().addRange(range);
        return true";
    until_page(&client, "the words", select).await;
    press(&client, "h").await;
    until_page(
        &client,
        "the highlight",
        "return document.querySelector('[role=status].away').textContent === 'Surligné'",
    )
    .await;
    press(&client, "n").await;
    let noted = "return document.querySelector('dialog[open] .marks q')?.textContent";
    assert_eq!(until_page(&client, "the note", noted).await, "théorème de Thalès");
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn the_reader_is_accessible_in_every_size_theme_and_language() {
    if !browser::present() {
        return;
    }
    let (lender, books) = tokio::task::block_in_place(|| {
        let lender = Lender::start();
        let books = [
            ("fixed", lender.put("ark:/1/a", "Physique", &manual("Physique", 6))),
            ("flow", lender.put("ark:/1/b", "Lettres", &reflowable_epub())),
            ("pdf", lender.put_as("application/pdf", "ark:/1/c", "Histoire", &pdf())),
            ("scorm", lender.put_as("application/zip", "ark:/1/d", "Exercices", &scorm())),
        ];
        (lender, books)
    });
    let browser = Browser::start();
    let mut found = Vec::new();
    for (width, height) in [PHONE, LAPTOP, DESKTOP] {
        let client = browser.window(width, height).await;
        for (name, blob) in &books {
            for (language, theme) in [("fr", "light"), ("en", "dark"), ("fr", "sepia")] {
                client.goto(&format!("http://{}/aide", lender.address)).await.unwrap();
                let choose = format!(
                    "localStorage.setItem('preau-reader', JSON.stringify({{theme: '{theme}'}}))"
                );
                client.execute(&choose, vec![]).await.unwrap();
                open(&client, &format!("http://{}/lire/{blob}?lang={language}", lender.address))
                    .await;
                for panel in ["", "contents", "notes", "display", "help", "search", "go"] {
                    look(&client, panel).await;
                    let what = format!("{name}-{language}-{theme}-{width}-{panel}");
                    let violations = browser::axe(&client).await;
                    found.extend(violations.into_iter().map(|v| format!("{what}: {v}")));
                    let wide = "return document.documentElement.scrollWidth - window.innerWidth";
                    let wide = client.execute(wide, vec![]).await.unwrap().as_i64().unwrap();
                    if wide > 0 {
                        found.push(format!("{what} is {wide} pixels wider than its window"));
                    }
                    picture(&client, &what).await;
                }
            }
        }
        client.close().await.unwrap();
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Opens a panel, or none, and waits for its entrance to end.
async fn look(client: &Client, panel: &str) {
    let opener = if panel == "go" { ".position".to_owned() } else { format!("#tool-{panel}") };
    let open = format!(
        "document.querySelector('dialog').close();
         const opener = '{panel}' && document.querySelector('{opener}');
         if (opener && !opener.hidden) {{ opener.click(); return true; }}
         return false"
    );
    let opened = client.execute(&open, vec![]).await.unwrap() == Value::Bool(true);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let said = "return document.querySelector('dialog[open]')?.innerText.trim() ?? ''";
    let said = client.execute(said, vec![]).await.unwrap();
    assert_eq!(said.as_str().unwrap().is_empty(), !opened, "{panel}: {said}");
}
