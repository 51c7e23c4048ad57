//! A school with a box, a cable to it, and a pupil's browser at the other end.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{fs, path::PathBuf};

use fantoccini::{Client, Locator};
use preau::demo::manuals::write_big_epub;
use serde_json::{Value, json};

use super::support::{
    PATIENCE,
    browser::{self, Browser},
    origin::Origin,
    samples::sha256,
    school_box::SchoolBox,
    wire::Wire,
};

pub const PHONE: (u32, u32) = (360, 780);
pub const LAPTOP: (u32, u32) = (1024, 700);
pub const DESKTOP: (u32, u32) = (1440, 900);

/// A package as a distributor publishes it.
pub struct Published {
    name: &'static str,
    title: &'static str,
    media_type: &'static str,
    bytes: Vec<u8>,
    version: u32,
}

impl Published {
    /// A fixed-layout EPUB of so many pages.
    pub fn big(
        name: &'static str,
        title: &'static str,
        pages: u32,
        each: u32,
        version: u32,
    ) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        write_big_epub(file.path(), pages, each, &[1], version).unwrap();
        let bytes = fs::read(file.path()).unwrap();
        Self { name, title, media_type: "application/epub+zip", bytes, version }
    }

    /// A PDF.
    pub fn pdf(name: &'static str, title: &'static str, bytes: Vec<u8>) -> Self {
        Self { name, title, media_type: "application/pdf", bytes, version: 1 }
    }
}

/// What the page's own `fetch` got; status 0 when nothing answered.
pub struct Fetched {
    pub status: u64,
    pub length: usize,
    pub text: String,
    fields: Value,
}

impl Fetched {
    pub fn field(&self, name: &str) -> &str {
        self.fields[name].as_str().unwrap_or_default()
    }
}

pub struct Home {
    origin: Origin,
    pub school: Option<SchoolBox>,
    pub wire: Wire,
    pub browser: Browser,
    pub client: Client,
}

impl Home {
    /// A box that lends these, and a browser that has not been there.
    pub async fn start(all: &[Published], window: (u32, u32)) -> Option<Self> {
        if !browser::present() {
            return None;
        }
        let (origin, school) = tokio::task::block_in_place(|| {
            let origin = Origin::start();
            put(&origin, all);
            let address = origin.address;
            let feed = format!(
                "[[catalogue.feeds]]\nname = \"livres\"\nurl = \"http://{address}/opds/feed.json\""
            );
            let school = SchoolBox::start("0510035L", &feed);
            school.sync();
            (origin, school)
        });
        let wire = Wire::to(school.address);
        let browser = Browser::start();
        let client = browser.window(window.0, window.1).await;
        Some(Self { origin, school: Some(school), wire, browser, client })
    }

    /// From now on the distributor has these, and the box knows.
    pub fn publish(&self, all: &[Published]) {
        put(&self.origin, all);
        tokio::task::block_in_place(|| self.school.as_ref().unwrap().sync());
    }

    pub fn stop_the_box(&mut self) {
        self.wire.set_up(false);
        self.school = None;
    }

    /// Ends the browser; the test is done with everything.
    pub async fn close(self) {
        self.client.clone().close().await.unwrap();
        tokio::task::block_in_place(|| drop((self.origin, self.school, self.browser)));
    }

    pub async fn goto(&self, path: &str) {
        self.client.goto(&format!("http://{}{path}", self.wire.address)).await.unwrap();
    }

    /// Opens a page, and holds it to what every page owes its reader.
    pub async fn visit(&self, path: &str, picture: &str) {
        self.goto(path).await;
        self.client.wait().for_element(Locator::Css("main h1")).await.unwrap();
        if path.starts_with("/emporter") {
            self.client
                .wait()
                .for_element(Locator::Css("#kept .takehome-note, #kept .notice"))
                .await
                .unwrap();
        } else if path.starts_with("/livre/") {
            let panel = Locator::Css("#takehome .takehome-state > *");
            self.client.wait().for_element(panel).await.unwrap();
        }
        self.look(picture).await;
    }

    /// Visits a page light and dark, in both languages.
    pub async fn pictures(&self, path: &str, name: &str) {
        let width = self.run("return innerWidth").await;
        for (dark, scheme) in [(false, "light"), (true, "dark")] {
            self.browser.dark(&self.client, dark).await;
            for language in ["en", "fr"] {
                let picture = format!("takehome-{name}-{width}-{scheme}-{language}.png");
                self.visit(&format!("{path}?lang={language}"), &picture).await;
            }
        }
    }

    /// Looks at the page as it is.
    pub async fn look(&self, picture: &str) {
        let violations = browser::axe(&self.client).await;
        assert!(violations.is_empty(), "{picture}: {}", violations.join("\n"));
        let wide = self
            .client
            .execute("return document.documentElement.scrollWidth - window.innerWidth", vec![])
            .await
            .unwrap();
        assert!(wide.as_i64().unwrap() <= 0, "{picture} is {wide} pixels too wide");
        self.picture(picture).await;
    }

    /// Takes a picture of the page as it is.
    pub async fn picture(&self, picture: &str) {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(picture), self.client.screenshot().await.unwrap()).unwrap();
    }

    pub async fn text(&self, selector: &str) -> String {
        let element = self.client.find(Locator::Css(selector)).await.unwrap();
        element.text().await.unwrap()
    }

    pub async fn await_text(&self, selector: &str, words: &str) {
        let begun = std::time::Instant::now();
        loop {
            let text = self.text(selector).await;
            if text.contains(words) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{selector} never says {words}: {text}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Waits until the reader shows these words in one of its pages.
    pub async fn await_shown(&self, words: &str) {
        let script = "return [...document.querySelectorAll('#stage iframe')]
            .filter(f => f.contentDocument?.body && getComputedStyle(f).visibility !== 'hidden')
            .map(f => f.contentDocument.body.textContent).join(' ')";
        let begun = std::time::Instant::now();
        loop {
            let shown = self.client.execute(script, vec![]).await.unwrap();
            let shown = shown.as_str().unwrap_or_default().to_owned();
            if shown.contains(words) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the reader never shows {words}: {shown}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Opens a book's page by its title.
    pub async fn open_book(&self, title: &str) {
        self.goto("/").await;
        self.client.find(Locator::LinkText(title)).await.unwrap().click().await.unwrap();
        self.client
            .wait()
            .for_element(Locator::Css("#takehome .takehome-state > *"))
            .await
            .unwrap();
    }

    /// Presses the button that begins with these words.
    pub async fn press(&self, words: &str) {
        let path = format!("//main//button[starts-with(normalize-space(.), \"{words}\")]");
        let wait = self.client.wait();
        wait.for_element(Locator::XPath(&path)).await.unwrap().click().await.unwrap();
    }

    /// Takes a manual home; gives the name of its package.
    pub async fn take(&self, title: &str) -> String {
        self.open_book(title).await;
        self.press("Emporter").await;
        self.await_text("#takehome-said", "est sur cet appareil").await;
        let panel = self.client.find(Locator::Css("#takehome")).await.unwrap();
        // The service worker answers for this page from now on.
        self.run("await navigator.serviceWorker.ready;").await;
        panel.attr("data-blob").await.unwrap().unwrap()
    }

    /// Runs a script in the page, which may wait; gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        let whole = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {script} }})().then(v => done({{is: v ?? null}}), e => done({{error: String(e)}}))"
        );
        let said = self.client.execute_async(&whole, vec![]).await.unwrap();
        assert!(said["error"].is_null(), "{script}: {}", said["error"]);
        said["is"].clone()
    }

    pub async fn fetch(&self, path: &str) -> Fetched {
        self.fetch_with(path, json!({})).await
    }

    pub async fn fetch_part(&self, path: &str, range: &str) -> Fetched {
        self.fetch_with(path, json!({"Range": range})).await
    }

    async fn fetch_with(&self, path: &str, headers: Value) -> Fetched {
        let script = format!(
            "try {{
               const answer = await fetch({path}, {{headers: {headers}, cache: 'no-store'}});
               const bytes = await answer.arrayBuffer();
               return [answer.status, bytes.byteLength, new TextDecoder().decode(bytes.slice(0, 1e5)),
                       Object.fromEntries(answer.headers)];
             }} catch {{ return [0, 0, '', {{}}]; }}",
            path = json!(path)
        );
        let said = self.run(&script).await;
        Fetched {
            status: said[0].as_u64().unwrap(),
            length: usize::try_from(said[1].as_u64().unwrap()).unwrap(),
            text: said[2].as_str().unwrap().to_owned(),
            fields: said[3].clone(),
        }
    }

    /// What is on record as kept.
    pub async fn kept(&self) -> Value {
        self.run(&with_database("kept", "readonly", "store.getAll()")).await
    }

    pub async fn set_meta(&self, key: &str, value: Value) {
        let put = format!("store.put({value}, {})", json!(key));
        self.run(&with_database("meta", "readwrite", &put)).await;
    }

    /// The names of the packages whose bytes are here.
    pub async fn files(&self) -> Value {
        self.run(
            "const root = await navigator.storage.getDirectory();
             const names = [];
             try {
               const folder = await root.getDirectoryHandle('paquets');
               for await (const name of folder.keys()) names.push(name);
             } catch {}
             return names;",
        )
        .await
    }

    /// Has the browser say on this page that so many bytes are its quota.
    pub async fn give_room(&self, bytes: u64) {
        let script =
            format!("navigator.storage.estimate = async () => ({{quota: {bytes}, usage: 0}});");
        self.run(&script).await;
    }
}

fn with_database(store: &str, mode: &str, call: &str) -> String {
    format!(
        "return new Promise((done, failed) => {{
           const opening = indexedDB.open('preau-emporter');
           opening.onerror = () => failed(opening.error);
           opening.onsuccess = () => {{
             const store = opening.result.transaction('{store}', '{mode}').objectStore('{store}');
             const asked = {call};
             asked.onsuccess = () => {{ opening.result.close(); done(asked.result); }};
             asked.onerror = () => failed(asked.error);
           }};
         }});"
    )
}

pub fn put(origin: &Origin, all: &[Published]) {
    let publications: Vec<Value> = all
        .iter()
        .map(|one| {
            let path = format!("/packages/{}-{}.epub", one.name, one.version);
            origin.put(&path, one.media_type, one.bytes.clone());
            json!({
                "metadata": {
                    "@type": "http://schema.org/EBook",
                    "identifier": format!("http://n2t.net/ark:/99999/{}", one.name),
                    "title": one.title,
                    "language": "fr",
                    "modified": format!("2026-09-{:02}T00:00:00Z", one.version),
                },
                "links": [{
                    "rel": "http://opds-spec.org/acquisition",
                    "href": path,
                    "type": one.media_type,
                    "size": one.bytes.len(),
                    "properties": {
                        "hash": [{"algorithm": "sha256", "value": sha256(&one.bytes)}],
                        "availability": {"state": "available", "until": "2036-08-31"},
                    },
                }],
            })
        })
        .collect();
    let feed = json!({"metadata": {"title": "Livres"}, "links": [], "publications": publications});
    origin.put("/opds/feed.json", "application/opds+json", feed.to_string());
}
