//! Sources that answer in pages, in part, wrongly or not at all: the shelf never suffers.

mod support;

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

#[derive(Clone)]
struct Shared {
    answers: Arc<Mutex<Arc<Answers>>>,
    asked: Arc<Mutex<Vec<(String, String, String)>>>,
}

/// A source on loopback whose answers a test sets, and which remembers what it was asked.
struct Source {
    address: std::net::SocketAddr,
    shared: Shared,
}

impl Source {
    async fn start(
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

    fn answer(
        &self,
        answers: impl Fn(&str, &str) -> (u16, &'static str, String) + Send + Sync + 'static,
    ) {
        *self.shared.answers.lock().unwrap() = Arc::new(answers);
    }

    /// Request lines so far.
    fn asked(&self) -> Vec<String> {
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

const JSON: &str = "application/json";

fn open(folder: &Path, settings: &str) -> Catalogue {
    let store = Store::open(StoreOptions {
        path: folder.join("data"),
        quota: None,
        reserve: 0,
        keep_replaced: Duration::ZERO,
    })
    .unwrap();
    let school: config::School =
        toml::from_str("uai = \"0670007U\"\nname = \"Lycée d'essai\"").unwrap();
    Catalogue::open(&school, &settings_of(settings), &network(), store).unwrap()
}

fn settings_of(settings: &str) -> config::Catalogue {
    toml::from_str(settings).unwrap()
}

fn network() -> config::Network {
    config::Network {
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        ..config::Network::default()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn shelf(catalogue: &Catalogue) -> Arc<Holdings> {
    catalogue.holdings().borrow().clone()
}

fn titles(catalogue: &Catalogue) -> Vec<String> {
    shelf(catalogue).all.iter().map(|holding| holding.title.clone()).collect()
}

fn state<'a>(states: &'a [SourceState], name: &str) -> &'a SourceState {
    states.iter().find(|state| state.name == name).unwrap()
}

fn resource(id: &str, title: &str) -> serde_json::Value {
    json!({"idRessource": id, "idType": "ARK", "nomRessource": title, "typePresentation": {"code": "MAN"}})
}

fn list(resources: &[serde_json::Value]) -> String {
    json!({"listeRessources": {"ressource": resources}}).to_string()
}

fn publication(id: &str, title: &str) -> serde_json::Value {
    json!({"metadata": {"identifier": id, "title": title},
           "links": [{"rel": "acquisition", "href": format!("/p/{title}.epub"), "type": "application/epub+zip"}]})
}

#[tokio::test]
async fn a_failing_source_never_empties_the_shelf_and_shows_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(|_, _| (200, JSON, list(&[resource("ark:/1/a", "Maths")]))).await;
    let settings = format!(
        "[[resource_lists]]\nname = \"doc\"\nurl = \"http://{}/gar\"\nent = \"QTA=\"\nperson = \"p\"",
        source.address
    );
    let catalogue = open(folder.path(), &settings);
    assert!(titles(&catalogue).is_empty());
    let states = catalogue.refresh(at(1000)).await;
    assert_eq!(
        (state(&states, "doc").good_at, &state(&states, "doc").failure),
        (Some(at(1000)), &None)
    );
    for (status, body, told) in [
        (500, "oups".to_owned(), "500"),
        (200, "<html><body>Portail</body></html>".to_owned(), "listeRessources"),
        (200, String::new(), "empty"),
        (200, "{\"listeRess".to_owned(), "JSON"),
        (
            400,
            json!({"Erreur": {"Code": "Bad Request", "Message": "Établissement non trouvé"}})
                .to_string(),
            "non trouvé",
        ),
    ] {
        source.answer(move |_, _| (status, JSON, body.clone()));
        let states = catalogue.refresh(at(2000)).await;
        let state = state(&states, "doc");
        let failure = state.failure.as_deref().unwrap();
        assert!(failure.contains(told), "{failure}");
        assert_eq!((state.good_at, state.entries), (Some(at(1000)), 1));
        assert_eq!(titles(&catalogue), ["Maths"]);
    }
    drop(catalogue);
    let reopened = open(folder.path(), &settings);
    assert_eq!(titles(&reopened), ["Maths"], "the shelf is there before any source answers");
    assert_eq!(state(&shelf(&reopened).sources, "doc").good_at, Some(at(1000)));
    source.answer(|_, _| (200, JSON, list(&[])));
    let states = reopened.refresh(at(3000)).await;
    assert_eq!(state(&states, "doc").failure, None);
    assert!(titles(&reopened).is_empty(), "an empty list is an answer");
}

#[tokio::test]
async fn one_school_that_fails_keeps_its_part_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let both = |line: &str, _: &str| {
        let resources = if line.contains("/0670007U/") {
            vec![resource("ark:/1/a", "Commun"), resource("ark:/1/b", "Lycée")]
        } else {
            vec![resource("http://n2t.net/ark:/1/a", "Commun"), resource("ark:/1/c", "Collège")]
        };
        (200, JSON, list(&resources))
    };
    let source = Source::start(both).await;
    let catalogue = open(
        folder.path(),
        &format!(
            "[[resource_lists]]\nname = \"doc\"\nurl = \"http://{}/\"\nent = \"QTA=\"\nperson = \"p\"\n\
             uais = [\"0670007U\", \"0561622J\"]",
            source.address
        ),
    );
    catalogue.refresh(at(1000)).await;
    assert_eq!(titles(&catalogue), ["Collège", "Commun", "Lycée"]);
    assert_eq!(
        source.asked(),
        ["GET /ressources/QTA=/0670007U/p", "GET /ressources/QTA=/0561622J/p"]
    );
    source.answer(|line, _| match line.contains("/0670007U/") {
        true => (200, JSON, list(&[resource("ark:/1/b", "Lycée")])),
        false => (503, "text/plain", "maintenance".to_owned()),
    });
    let states = catalogue.refresh(at(2000)).await;
    let failure = state(&states, "doc").failure.as_deref().unwrap();
    assert!(failure.contains("0561622J") && failure.contains("maintenance"), "{failure}");
    assert_eq!(titles(&catalogue), ["Collège", "Commun", "Lycée"]);
    assert_eq!(state(&states, "doc").good_at, Some(at(1000)));
}

fn subscription(number: usize) -> serde_json::Value {
    json!({"idAbonnement": format!("s{number}"), "idRessource": format!("ark:/1/{number}"),
           "libelleRessource": format!("Titre {number:05}"), "uaiEtab": "0670007U",
           "anneeFinValidite": "2026-2027", "nbLicenceEleve": "ILLIMITE"})
}

#[tokio::test]
async fn subscriptions_are_asked_page_after_page_until_a_short_one() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(|line, body| {
        if line.contains("decompte") {
            return (200, "text/csv", "0670007U;s7;null;ark:/1/7;12;0;0;0\n".to_owned());
        }
        assert!(body.contains("<filtreValeur>0670007U</filtreValeur>"), "{body}");
        // Counts `fin` in, as some servers do: pages overlap by one.
        let range = if line.contains("debut=0&") { 0..5001 } else { 5000..5003 };
        let page: Vec<_> = range.map(subscription).collect();
        (200, JSON, json!({"abonnements": page}).to_string())
    })
    .await;
    let settings = |method: &str| {
        format!(
            "[[subscriptions]]\nname = \"gar\"\nurl = \"http://{}/ws/\"\nmethod = \"{method}\"",
            source.address
        )
    };
    let catalogue = open(folder.path(), &settings("post"));
    // The counts of 5,003 subscriptions are asked one by one: one answer is enough here.
    let states = catalogue.refresh(at(1000)).await;
    assert_eq!(state(&states, "gar").entries, 5003);
    assert_eq!(state(&states, "gar").failure, None);
    let shelf = shelf(&catalogue);
    assert_eq!(shelf.all.iter().filter(|h| h.assigned_pupils() == 12).count(), 1);
    let pages: Vec<_> =
        source.asked().into_iter().filter(|line| line.contains("abonnements")).collect();
    assert_eq!(
        pages,
        ["POST /ws/abonnements?debut=0&fin=5000", "POST /ws/abonnements?debut=5000&fin=10000"]
    );
}

#[tokio::test]
async fn older_servers_are_asked_by_get_with_a_body_and_may_answer_xml() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(|line, body| {
        if line.contains("decompte") {
            return (404, "text/plain", String::new());
        }
        assert!(line.starts_with("GET ") && body.contains("<filtreNom>idDistributeurCom<"), "{line} {body}");
        let xml = "<abonnements xmlns='http://www.atosworldline.com/wsabonnement/v1.0/'><abonnement>\
            <idAbonnement>a</idAbonnement><idRessource>ark:/1/a</idRessource>\
            <libelleRessource>Grec</libelleRessource><uaiEtab>0670007U</uaiEtab></abonnement></abonnements>";
        (200, "application/xml", xml.to_owned())
    })
    .await;
    let catalogue = open(
        folder.path(),
        &format!(
            "[[subscriptions]]\nname = \"gar\"\nurl = \"http://{}\"\nmethod = \"get\"\nformat = \"xml\"\n\
             distributor = \"123456789_0000000000000000\"",
            source.address
        ),
    );
    let states = catalogue.refresh(at(1000)).await;
    assert_eq!(state(&states, "gar").failure, None, "no décompte is no failure");
    assert_eq!(titles(&catalogue), ["Grec"]);
}

#[tokio::test]
async fn a_server_that_ignores_paging_is_not_asked_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let page: Vec<_> = (0..5000).map(subscription).collect();
    let page = json!({"abonnements": page}).to_string();
    let source = Source::start(move |line, _| match line.contains("decompte") {
        true => (404, JSON, String::new()),
        false => (200, JSON, page.clone()),
    })
    .await;
    let settings =
        format!("[[subscriptions]]\nname = \"gar\"\nurl = \"http://{}\"", source.address);
    let catalogue = open(folder.path(), &settings);
    let states = catalogue.refresh(at(1000)).await;
    assert_eq!(state(&states, "gar").entries, 5000);
    assert_eq!(source.asked().iter().filter(|line| line.contains("abonnements")).count(), 2);
}

#[tokio::test]
async fn a_feed_is_walked_once_a_page_and_a_page_that_fails_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(|line, _| {
        let link = |rel: &str, href: &str| json!({"rel": rel, "href": href, "type": "application/opds+json"});
        let feed = match line {
            "GET /opds/" => json!({"metadata": {"title": "F"}, "publications": [publication("urn:1", "Un")],
                "links": [link("self", "/opds/"), link("next", "?page=2")],
                "navigation": [link("x", "/opds/"), link("x", "loop.json"), link("x", "gone.json"),
                               link("x", "http://elsewhere.example/opds/")]}),
            "GET /opds/?page=2" => json!({"metadata": {}, "publications": [publication("urn:2", "Deux")], "links": []}),
            "GET /opds/loop.json" => json!({"metadata": {}, "links": [link("next", "loop.json")],
                "publications": [publication("urn:3", "Trois")], "navigation": [link("x", ".")]}),
            _ => return (404, JSON, String::new()),
        };
        (200, JSON, feed.to_string())
    })
    .await;
    let settings = format!("[[feeds]]\nname = \"fil\"\nurl = \"http://{}/opds/\"", source.address);
    let catalogue = open(folder.path(), &settings);
    let states = catalogue.refresh(at(1000)).await;
    assert_eq!(state(&states, "fil").failure, None);
    assert_eq!(titles(&catalogue), ["Deux", "Trois", "Un"]);
    let refused = state(&states, "fil").refused.join("\n");
    assert!(refused.contains("elsewhere.example") && refused.contains("gone.json"), "{refused}");
    let mut asked = source.asked();
    asked.sort();
    assert_eq!(
        asked,
        ["GET /opds/", "GET /opds/?page=2", "GET /opds/gone.json", "GET /opds/loop.json"]
    );

    source.answer(|line, _| match line {
        "GET /opds/" => {
            let feed = json!({"metadata": {}, "publications": [publication("urn:1", "Un, revu")],
                "links": [{"rel": "next", "href": "?page=2"}]});
            (200, JSON, feed.to_string())
        }
        _ => (500, JSON, String::new()),
    });
    let states = catalogue.refresh(at(2000)).await;
    assert!(state(&states, "fil").failure.as_deref().unwrap().contains("500"));
    assert_eq!(titles(&catalogue), ["Deux", "Trois", "Un, revu"]);
}

#[tokio::test]
async fn a_feed_that_asks_to_sign_in_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(|_, _| {
        let document = json!({"id": "x", "title": "Kiosque", "links": [{"rel": "help", "href": "https://h.example/aide"}],
            "authentication": [{"type": "http://opds-spec.org/auth/oauth/password"}]});
        (401, "application/opds-authentication+json", document.to_string())
    })
    .await;
    let settings = format!("[[feeds]]\nname = \"fil\"\nurl = \"http://{}/opds\"", source.address);
    let states = open(folder.path(), &settings).refresh(at(1000)).await;
    let failure = state(&states, "fil").failure.as_deref().unwrap();
    for part in ["401", "Kiosque", "https://h.example/aide", "oauth/password"] {
        assert!(failure.contains(part), "{failure}");
    }
}

#[tokio::test]
async fn a_token_is_read_anew_for_each_round_and_its_absence_harms_no_other_source() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let feed = json!({"metadata": {}, "publications": [publication("urn:1", "Un")], "links": []})
        .to_string();
    let source = Source::start(move |_, _| (200, JSON, feed.clone())).await;
    let catalogue = open(
        folder.path(),
        &format!(
            "[[feeds]]\nname = \"a\"\nurl = \"http://{0}/a\"\ncredentials = {{ token_file = \"{1}\" }}\n\
             [[feeds]]\nname = \"b\"\nurl = \"http://{0}/b\"",
            source.address,
            token.display()
        ),
    );
    assert!(catalogue.client_of("a").is_none() && catalogue.client_of("b").is_some());
    assert!(catalogue.client_of("import").is_none());
    let states = catalogue.refresh(at(1000)).await;
    assert!(state(&states, "a").failure.as_deref().unwrap().contains("token"));
    assert_eq!(state(&states, "b").failure, None);
    for secret in ["premier", "second"] {
        std::fs::write(&token, format!("{secret}\n")).unwrap();
        let states = catalogue.refresh(at(2000)).await;
        assert_eq!(state(&states, "a").failure, None);
        let asked = source.shared.asked.lock().unwrap().clone();
        let (_, _, shown) = asked.iter().rfind(|(line, ..)| line == "GET /a").unwrap();
        assert_eq!(*shown, format!("Bearer {secret}"));
        assert!(
            asked
                .iter()
                .filter(|(line, ..)| line == "GET /b")
                .all(|(_, _, shown)| shown.is_empty())
        );
    }
    assert!(catalogue.client_of("a").is_some());
}

#[tokio::test]
async fn a_source_taken_out_of_the_configuration_leaves_the_shelf() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(|line, _| {
        let name = if line.contains("/a") { "A" } else { "B" };
        let feed = json!({"metadata": {}, "publications": [publication(&format!("urn:{name}"), name)], "links": []});
        (200, JSON, feed.to_string())
    })
    .await;
    let feed = |name: &str| {
        format!("[[feeds]]\nname = \"{name}\"\nurl = \"http://{}/{name}\"\n", source.address)
    };
    let catalogue = open(folder.path(), &(feed("a") + &feed("b")));
    catalogue.refresh(at(1000)).await;
    assert_eq!(titles(&catalogue), ["A", "B"]);
    catalogue.reconfigure(&settings_of(&feed("b")), &network()).unwrap();
    assert_eq!(titles(&catalogue), ["B"]);
    assert_eq!(shelf(&catalogue).sources.len(), 1);
}

#[tokio::test]
async fn the_task_asks_at_once_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let feed = json!({"metadata": {}, "publications": [publication("urn:1", "Un")], "links": []})
        .to_string();
    let source = Source::start(move |_, _| (200, JSON, feed.clone())).await;
    let settings = format!("[[feeds]]\nname = \"a\"\nurl = \"http://{}/a\"", source.address);
    let catalogue = Arc::new(open(folder.path(), &settings));
    let mut holdings = catalogue.holdings();
    let token = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn({
        let (catalogue, token) = (catalogue.clone(), token.clone());
        async move { catalogue.run(token).await }
    });
    let shown = holdings.wait_for(|holdings| !holdings.all.is_empty());
    tokio::time::timeout(support::PATIENCE, shown).await.unwrap().unwrap();
    token.cancel();
    tokio::time::timeout(support::PATIENCE, task).await.unwrap().unwrap();
}
