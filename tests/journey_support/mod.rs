//! A whole school at its real address: an ENT written by others, a distributor, a box under TLS,
//! and people at real browsers.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use fantoccini::{Client, Locator};
use preau::demo::authority::Authority;

use super::{
    support::{
        PATIENCE,
        browser::{self, Browser},
        door,
        idp::{self, Idp},
        origin::Origin,
        school_box::{SchoolBox, free_address},
    },
    takehome_support::{Published, put},
};

const NAME: &str = "preau.localhost";
const UAI: &str = "0510035L";
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Which kind of ENT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Cas,
    Oidc,
}

pub struct School {
    pub idp: Idp,
    origin: Option<Origin>,
    pub school: Option<SchoolBox>,
    /// `https://…`, without a final slash.
    pub home: String,
    pub browser: Browser,
}

impl School {
    /// Everything running, the manuals mirrored; `None` where a peer is missing.
    pub fn start(kind: Kind, manuals: &[Published]) -> Option<Self> {
        if !browser::present() || !idp::present() {
            return None;
        }
        let secure = free_address();
        let home = format!("https://{NAME}:{}", secure.port());
        let back = format!("{home}/connexion/retour");
        let idp = match kind {
            Kind::Cas => Idp::cas(&format!("^https://preau\\.localhost:{}/", secure.port()), None),
            Kind::Oidc => Idp::oidc(&back, false),
        };
        let origin = Origin::start();
        put(&origin, manuals);
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("Préau test").unwrap();
        authority.issue_now(&[NAME]).unwrap().write(folder.path(), "https").unwrap();
        let ent = match kind {
            Kind::Cas => format!("[access.cas]\nurl = \"{}\"", idp.base),
            Kind::Oidc => door::oidc(&idp.base, "preau-public"),
        };
        let at = folder.path().display().to_string();
        let more = format!(
            "[https]\nname = \"{NAME}\"\nlisten = [\"{secure}\"]\n\
             certificate = \"{at}/https.crt\"\nkey = \"{at}/https.key\"\n[access]\n{ent}\n\
             [[catalogue.feeds]]\nname = \"livres\"\nurl = \"http://{}/opds/feed.json\"",
            origin.address
        );
        let network = format!("extra_authorities = [\"{}\"]", idp.authority.display());
        let school = SchoolBox::start_in(folder, UAI, &network, &more);
        school.sync();
        let browser = Browser::start();
        Some(Self { idp, origin: Some(origin), school: Some(school), home, browser })
    }

    /// The Internet is gone: the ENT, the GAR and the distributor with it.
    pub fn cut_the_internet(&mut self) {
        self.idp.stop();
        self.origin = None;
    }

    /// Someone at a browser of their own, which has never been here; `width` names it.
    pub async fn someone(&self, width: u32) -> Someone {
        Someone { client: self.browser.window(width, 780).await, home: self.home.clone() }
    }
}

/// A person at a browser.
pub struct Someone {
    pub client: Client,
    home: String,
}

impl Someone {
    pub async fn goto(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.home)).await.unwrap();
    }

    /// The address shown, less the box's own name.
    pub async fn at(&self) -> String {
        let url = self.client.current_url().await.unwrap().to_string();
        url.strip_prefix(&self.home).map_or(url.clone(), str::to_owned)
    }

    /// Presses what a selector finds, once it is there and can be pressed.
    pub async fn press(&self, selector: &str) {
        let wait = self.client.wait().at_most(PATIENCE);
        let enabled = format!("{selector}:not([disabled])");
        let button = wait.for_element(Locator::Css(&enabled)).await;
        let button = match button {
            Ok(button) => button,
            Err(error) => {
                panic!("{selector} on {}: {error}\n{}", self.at().await, self.text().await)
            }
        };
        button.click().await.unwrap();
    }

    pub async fn fill(&self, selector: &str, words: &str) {
        let wait = self.client.wait().at_most(PATIENCE);
        let field = wait.for_element(Locator::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(words).await.unwrap();
    }

    /// All words of the page.
    pub async fn text(&self) -> String {
        let script = "return document.body ? document.body.innerText : ''";
        self.client.execute(script, vec![]).await.unwrap().as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the address begins with this.
    pub async fn await_at(&self, path: &str) {
        let begun = Instant::now();
        while !self.at().await.starts_with(path) {
            let at = self.at().await;
            assert!(begun.elapsed() < PATIENCE, "at {at}, not {path}: {}", self.text().await);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until the page says this.
    pub async fn await_words(&self, words: &str) {
        let begun = Instant::now();
        while !self.text().await.contains(words) {
            assert!(begun.elapsed() < PATIENCE, "'{words}' is not said: {}", self.text().await);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Signs in at the ENT from the box's own page, filling whatever form the ENT shows.
    pub async fn sign_in(&self, login: &str, back: &str) {
        self.goto(&format!("/connexion?retour={back}")).await;
        self.press("a[href^='/connexion/ent']").await;
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "never back: {}", self.text().await);
            let at = self.at().await;
            if at.starts_with('/') && !at.starts_with("/connexion") {
                break;
            }
            for (name, value) in [
                ("username", login.to_owned()),
                ("login", login.to_owned()),
                ("password", format!("pass-{login}")),
            ] {
                let field = format!("input[name={name}]");
                if let Ok(field) = self.client.find(Locator::Css(&field)).await {
                    // The page may be on its way to the next one.
                    let _ = field.send_keys(&value).await;
                }
            }
            if let Ok(button) = self.client.find(Locator::Css("form [type=submit]")).await {
                let _ = button.click().await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.await_at(back).await;
    }

    /// The device has its pass, bound to a key where the browser can.
    pub async fn await_bound_pass(&self) {
        let begun = Instant::now();
        loop {
            self.goto("/moi").await;
            if self.text().await.contains("lié à l’appareil") {
                return;
            }
            // The page makes the key and tells it; only another page shows that.
            let bound = "return sessionStorage.getItem('preau.pass.checked')";
            while self.client.execute(bound, vec![]).await.unwrap().is_null() {
                assert!(begun.elapsed() < PATIENCE, "no bound pass: {}", self.text().await);
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// As when the browser was closed: the session is gone, the pass is not.
    pub async fn close_and_come_back(&self) {
        self.client.delete_cookie("__Host-preau").await.unwrap();
    }

    /// Comes in with the device's pass.
    pub async fn enter_by_pass(&self, back: &str) {
        self.goto(&format!("/connexion?retour={back}")).await;
        self.press("form[action='/connexion/passe'] button").await;
        let begun = Instant::now();
        // Every address begins as the first page's does: gone from the door, they are in.
        while self.at().await.starts_with("/connexion") {
            assert!(begun.elapsed() < PATIENCE, "still at the door: {}", self.text().await);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.await_at(back).await;
    }

    /// Opens a manual from the shelf by its title.
    pub async fn open_book(&self, title: &str) {
        self.goto("/").await;
        self.await_words(title).await;
        let link = format!("//main//a[starts-with(@href, '/livre/')][contains(., '{title}')]");
        self.client.find(Locator::XPath(&link)).await.unwrap().click().await.unwrap();
        self.await_at("/livre/").await;
    }

    /// The reader shows this page of the manual: its own words, in a frame that can be seen.
    pub async fn await_page(&self, page: u32) {
        let shown = format!(
            "return document.documentElement.dataset.ready !== undefined
               && /^Pages? {page} /.test(document.querySelector('.position')?.textContent ?? '')
               && [...document.querySelectorAll('#stage iframe')].some(f =>
                    f.contentDocument?.body?.textContent.includes('Page {page},')
                    && [...f.contentDocument.images].every(i => i.complete && i.naturalWidth > 0))"
        );
        let begun = Instant::now();
        while self.client.execute(&shown, vec![]).await.unwrap() != true {
            let at = self.at().await;
            assert!(begun.elapsed() < PATIENCE, "no page {page} at {at}: {}", self.text().await);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Opens the manual that is open at this page, as a link to a page does.
    pub async fn open_at(&self, page: u32) {
        let at = self.at().await;
        let manual = at.split('?').next().unwrap();
        self.goto(&format!("{manual}?page={page}")).await;
        self.await_page(page).await;
    }

    /// A picture of the page, for whoever looks later.
    pub async fn picture(&self, name: &str) {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), self.client.screenshot().await.unwrap()).unwrap();
    }

    pub async fn leave(self) {
        self.client.close().await.unwrap();
    }
}
