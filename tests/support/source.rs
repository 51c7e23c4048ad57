//! A catalogue over sources on loopback whose answers a test sets.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::Request, response::Response};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use preau::{
    catalogue::{Catalogue, Holdings, SourceState},
    config,
    store::{Store, StoreOptions},
};
use serde_json::json;

/// Status, media type and body by request line (`POST /path?query`) and body asked.
type Answers = dyn Fn(&str, &str) -> (u16, &'static str, String) + Send + Sync;

/// What the server and the test share.
#[derive(Clone)]
pub struct Shared {
    answers: Arc<Mutex<Arc<Answers>>>,
    pub asked: Arc<Mutex<Vec<(String, String, String)>>>,
}

/// A source on loopback whose answers a test sets, and which remembers what it was asked.
pub struct Source {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    pub shared: Shared,
}

impl Source {
    /// An origin that answers so.
    pub async fn start(
        answers: impl Fn(&str, &str) -> (u16, &'static str, String) + Send + Sync + 'static,
    ) -> Self {
        let answers: Arc<Answers> = Arc::new(answers);
        let shared = Shared { answers: Arc::new(Mutex::new(answers)), asked: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(reply).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    /// Answers otherwise from now on.
    pub fn answer(
        &self,
        answers: impl Fn(&str, &str) -> (u16, &'static str, String) + Send + Sync + 'static,
    ) {
        *self.shared.answers.lock().unwrap() = Arc::new(answers);
    }

    /// A `[[feeds]]` at a path of this source; more keys may follow.
    pub fn feed(&self, name: &str, path: &str) -> String {
        format!("[[feeds]]\nname = \"{name}\"\nurl = \"http://{}{path}\"\n", self.address)
    }

    /// `[[subscriptions]]` named `gar`, likewise.
    pub fn subscriptions(&self, path: &str) -> String {
        format!("[[subscriptions]]\nname = \"gar\"\nurl = \"http://{}{path}\"\n", self.address)
    }

    /// `[[resource_lists]]` named `doc`, likewise.
    pub fn resource_list(&self, path: &str) -> String {
        format!(
            "[[resource_lists]]\nname = \"doc\"\nurl = \"http://{}{path}\"\nent = \"QTA=\"\n\
             person = \"p\"\n",
            self.address
        )
    }

    /// Request lines so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().iter().map(|(line, ..)| line.clone()).collect()
    }
}

async fn reply(State(shared): State<Shared>, request: Request<axum::body::Body>) -> Response {
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri);
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let token = head.headers.get("authorization").map(|v| v.to_str().unwrap().to_owned());
    let answers = shared.answers.lock().unwrap().clone();
    let (status, media_type, text) = answers(&line, &body);
    shared.asked.lock().unwrap().push((line, body, token.unwrap_or_default()));
    Response::builder()
        .status(status)
        .header("content-type", media_type)
        .body(Bytes::from(text).into())
        .unwrap()
}

/// Media type of most answers.
pub const JSON: &str = "application/json";

/// A store in `folder` without bounds.
pub fn store(folder: &Path) -> Store {
    let path = folder.join("data");
    let keep_replaced = Duration::ZERO;
    Store::open(StoreOptions { path, quota: None, reserve: 0, keep_replaced }).unwrap()
}

/// A catalogue of a school in `folder`, with the `[catalogue]` settings given.
pub fn open(folder: &Path, settings: &str) -> Catalogue {
    open_over(store(folder), settings)
}

/// The same over a store that the test looks into.
pub fn open_over(store: Store, settings: &str) -> Catalogue {
    let school: config::School =
        toml::from_str("uai = \"0670007U\"\nname = \"Lycée d'essai\"").unwrap();
    Catalogue::open(&school, &settings_of(settings), &network(), store).unwrap()
}

/// `[catalogue]` as it is written.
pub fn settings_of(settings: &str) -> config::Catalogue {
    toml::from_str(settings).unwrap()
}

/// Loopback may be reached.
pub fn network() -> config::Network {
    config::Network {
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        ..config::Network::default()
    }
}

/// A moment, in seconds.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What the school holds now.
pub fn shelf(catalogue: &Catalogue) -> Arc<Holdings> {
    catalogue.holdings().borrow().clone()
}

/// Titles, as sorted.
pub fn titles(catalogue: &Catalogue) -> Vec<String> {
    shelf(catalogue).all.iter().map(|holding| holding.title.clone()).collect()
}

/// How one source stands.
pub fn state<'a>(states: &'a [SourceState], name: &str) -> &'a SourceState {
    states.iter().find(|state| state.name == name).unwrap()
}

/// A record of a *liste ressources*.
pub fn resource(id: &str, title: &str) -> serde_json::Value {
    json!({"idRessource": id, "idType": "ARK", "nomRessource": title, "typePresentation": {"code": "MAN"}})
}

/// A *liste ressources*.
pub fn list(resources: &[serde_json::Value]) -> String {
    json!({"listeRessources": {"ressource": resources}}).to_string()
}

/// An OPDS publication with an EPUB.
pub fn publication(id: &str, title: &str) -> serde_json::Value {
    json!({"metadata": {"identifier": id, "title": title},
           "links": [{"rel": "acquisition", "href": format!("/p/{title}.epub"), "type": "application/epub+zip"}]})
}

/// A record of *abonnements*.
pub fn subscription(number: usize) -> serde_json::Value {
    json!({"idAbonnement": format!("s{number}"), "idRessource": format!("ark:/1/{number}"),
           "libelleRessource": format!("Titre {number:05}"), "uaiEtab": "0670007U",
           "anneeFinValidite": "2026-2027", "nbLicenceEleve": "ILLIMITE"})
}
