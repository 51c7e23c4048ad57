use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::*;
use crate::{
    demo::{
        manuals::{self, Manual},
        opening,
        people::{DOCUMENTALISTE, PUPIL},
        school,
    },
    net::client::{Ask, Client, ClientOptions},
};

fn small_manuals() -> Vec<Manual> {
    let small = ["philosophie-terminale", "nsi-premiere"];
    manuals::manuals().into_iter().filter(|m| small.contains(&m.slug)).collect()
}

/// Files that stand for packages: their content is not looked at here.
fn printed(folder: &Path, all: Vec<Manual>, size: usize) -> Vec<Printed> {
    let write = |manual: Manual| {
        let path = folder.join(manual.file_name());
        let bytes: Vec<u8> = manual.slug.bytes().cycle().take(size).collect();
        std::fs::write(&path, bytes).unwrap();
        let written = manuals::WrittenManual {
            size: size as u64,
            sha256: crate::store::BlobId([7; 32]),
            media_type: manual.kind.media_type(),
            modified: Timestamp::UNIX_EPOCH,
        };
        Printed { manual, path, written }
    };
    all.into_iter().map(write).collect()
}

struct World {
    peers: Peers,
    client: Client,
    _folder: tempfile::TempDir,
}

async fn world(all: Vec<Manual>, size: usize) -> World {
    let folder = tempfile::tempdir().unwrap();
    let printed = printed(folder.path(), all, size);
    let (https, now) = ("127.0.0.1:8443".parse().unwrap(), "2026-11-24T20:00:00Z".parse().unwrap());
    let opened = opening::open(folder.path(), printed, https, now).await.unwrap();
    let (peers, extra_authorities) = (opened.peers, vec![opened.authority]);
    let allow_private = vec!["127.0.0.0/8".parse().unwrap()];
    let client =
        Client::new(ClientOptions { allow_private, extra_authorities, ..Default::default() })
            .unwrap();
    World { peers, client, _folder: folder }
}

impl World {
    async fn ask(
        &self,
        method: Method,
        url: Url,
        fields: &[(HeaderName, &str)],
        body: String,
    ) -> (StatusCode, HeaderMap, Bytes) {
        let headers =
            fields.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect();
        let ask = Ask { method, url, headers, body: body.into(), limits: LIMITS };
        let answer = self.client.send(ask).await.unwrap();
        let (status, headers) = (answer.status, answer.headers.clone());
        (status, headers, answer.whole().await.unwrap())
    }

    async fn get(&self, url: Url, fields: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, Bytes) {
        self.ask(Method::GET, url, fields, String::new()).await
    }

    async fn json(&self, url: Url) -> Value {
        serde_json::from_slice(&self.get(url, &[]).await.2).unwrap()
    }

    fn package(&self) -> Url {
        self.peers.feed_url.join("/packages/philosophie-terminale.epub").unwrap()
    }
}

#[tokio::test]
async fn the_feed_leads_from_page_to_page_to_every_package_and_cover() {
    let world = world(manuals::manuals(), 1000).await;
    let mut url = world.peers.feed_url.clone();
    let mut packages = Vec::new();
    for _ in 0..10 {
        let page = world.json(url.clone()).await;
        for publication in page["publications"].as_array().unwrap() {
            let href = |list: &str| url.join(publication[list][0]["href"].as_str().unwrap());
            let (status, headers, bytes) = world.get(href("links").unwrap(), &[]).await;
            assert_eq!((status, bytes.len()), (StatusCode::OK, 1000));
            assert_eq!(
                headers[header::CONTENT_TYPE],
                publication["links"][0]["type"].as_str().unwrap()
            );
            let (_, _, cover) = world.get(href("images").unwrap(), &[]).await;
            assert!(cover.starts_with(&[0xff, 0xd8]), "a JPEG");
            packages.push(publication["metadata"]["identifier"].clone());
        }
        let links = page["links"].as_array().unwrap();
        let Some(next) = links.iter().find(|link| link["rel"] == "next") else { break };
        url = url.join(next["href"].as_str().unwrap()).unwrap();
    }
    packages.sort_by_key(ToString::to_string);
    packages.dedup();
    assert_eq!(packages.len(), 12);
}

#[tokio::test]
async fn the_gar_answers_for_the_school_asked_about_and_page_by_page() {
    let world = world(manuals::manuals(), 10).await;
    let ask = |uai: &str, range: &str| {
        let url = world.peers.gar_url.join(&format!("abonnements?{range}")).unwrap();
        let body = format!(
            "<filtres xmlns=\"http://www.atosworldline.com/wsabonnement/v1.0/\"><filtre>\
             <filtreNom>uaiEtab</filtreNom><filtreValeur>{uai}</filtreValeur></filtre></filtres>"
        );
        async {
            serde_json::from_slice::<Value>(&world.ask(Method::POST, url, &[], body).await.2)
                .unwrap()
        }
    };
    let count = |answer: &Value| answer["abonnements"].as_array().unwrap().len();
    assert_eq!(count(&ask(school::UAI, "debut=0&fin=5000").await), 13);
    assert_eq!(count(&ask(school::UAI, "debut=0&fin=8").await), 8);
    assert_eq!(count(&ask(school::UAI, "debut=8&fin=16").await), 5);
    assert_eq!(count(&ask("0670007U", "debut=0&fin=5000").await), 1);
    assert_eq!(count(&ask("0010001A", "").await), 0);

    let url = world.peers.gar_url.join("decompteaffectations").unwrap();
    let csv = String::from_utf8(world.get(url, &[]).await.2.to_vec()).unwrap();
    assert_eq!(csv.lines().count(), 1 + 14);
    let list = |uai: &str, person: &str| {
        world.peers.gar_url.join(&format!("ressources/DEMO/{uai}/{person}")).unwrap()
    };
    for (person, given) in [(DOCUMENTALISTE, 12), (PUPIL, 5), ("demo-proviseure", 3)] {
        let resources = world.json(list(school::UAI, person)).await;
        let listed = resources["listeRessources"]["ressource"].as_array().unwrap().len();
        assert_eq!(listed, given, "{person}");
    }
    for url in [list("0670007U", PUPIL), list(school::UAI, "nobody")] {
        assert_eq!(world.get(url, &[]).await.0, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_ent_lists_its_people_to_the_box_alone_and_takes_no_invented_ticket() {
    let world = world(small_manuals(), 10).await;
    let ask = |path: &str, service: &str| {
        let mut url = world.peers.ent_url.join(path).unwrap();
        url.query_pairs_mut().append_pair("service", service).append_pair("ticket", "ST-1");
        url
    };
    let home = "https://localhost:8443/connexion/retour?state=a";
    let (status, _, page) = world.get(ask("login", home), &[]).await;
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert_eq!((status, page.matches("<button>").count()), (StatusCode::OK, 12));
    for elsewhere in ["https://evil.example/", "https://localhost:8444/", "javascript:alert(1)", ""]
    {
        let (status, ..) = world.get(ask("login", elsewhere), &[]).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{elsewhere}");
    }
    let (_, _, answer) = world.get(ask("p3/serviceValidate", home), &[]).await;
    assert!(String::from_utf8(answer.to_vec()).unwrap().contains("\"INVALID_TICKET\""));
}

#[tokio::test]
async fn the_distributor_answers_ranges_only_of_the_version_asked_for() {
    let world = world(small_manuals(), 5000).await;
    let (_, headers, whole) = world.get(world.package(), &[]).await;
    let etag = headers[header::ETAG].to_str().unwrap().to_owned();
    let (status, headers, part) = world
        .get(world.package(), &[(header::RANGE, "bytes=100-199"), (header::IF_RANGE, &etag)])
        .await;
    assert_eq!(status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(headers[header::CONTENT_RANGE], "bytes 100-199/5000");
    assert_eq!(part, whole.slice(100..200));
    let old = [(header::RANGE, "bytes=100-199"), (header::IF_RANGE, "\"old\"")];
    assert_eq!(world.get(world.package(), &old).await.2, whole);
    let (status, ..) = world.get(world.package(), &[(header::RANGE, "bytes=5000-")]).await;
    assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE);
    let (status, headers, none) =
        world.ask(Method::HEAD, world.package(), &[], String::new()).await;
    assert_eq!((status, none.len()), (StatusCode::OK, 0));
    assert_eq!(headers[header::CONTENT_LENGTH], "5000");
    let sent = world.peers.sent();
    assert_eq!((sent.package_requests, sent.package_bytes), (5, 5000 + 100 + 5000));
}

#[tokio::test]
async fn a_new_version_takes_the_place_of_the_old_one() {
    let world = world(small_manuals(), 5000).await;
    let folder = tempfile::tempdir().unwrap();
    let mut new = printed(folder.path(), small_manuals(), 700).remove(1);
    new.written.sha256 = crate::store::BlobId([8; 32]);
    assert_eq!(new.manual.slug, "philosophie-terminale");
    world.peers.publish(new).await.unwrap();
    let (_, headers, bytes) = world.get(world.package(), &[]).await;
    assert_eq!(bytes.len(), 700);
    assert!(headers[header::ETAG].to_str().unwrap().starts_with("\"0808"));
}

#[tokio::test]
async fn cutting_the_link_breaks_a_transfer_and_refuses_new_ones_until_it_is_mended() {
    let world = world(small_manuals(), 8 << 20).await;
    world.peers.link.set_rate(Some(1 << 20));
    let ask = || Ask {
        method: Method::GET,
        url: world.package(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        limits: LIMITS,
    };
    let mut answer = world.client.send(ask()).await.unwrap();
    assert!(answer.chunk().await.unwrap().is_some());
    world.peers.link.cut();
    let broken = loop {
        match answer.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the transfer ended as if it were whole"),
            Err(error) => break error,
        }
    };
    assert!(answer.received() < 8 << 20, "{broken}");
    assert!(world.client.send(ask()).await.is_err(), "nothing passes a cut link");
    assert!(!world.peers.link.is_up());
    assert!(world.peers.link.moved().refused >= 1);

    world.peers.link.restore();
    world.peers.link.set_rate(None);
    let (status, _, bytes) = world.get(world.package(), &[]).await;
    assert_eq!((status, bytes.len()), (StatusCode::OK, 8 << 20));
    assert!(world.peers.link.moved().down > 8 << 20);
}

#[tokio::test]
async fn a_slow_link_takes_the_time_that_its_rate_calls_for() {
    let world = world(small_manuals(), 300_000).await;
    world.peers.link.set_rate(Some(600_000));
    let start = tokio::time::Instant::now();
    let (_, _, bytes) = world.get(world.package(), &[]).await;
    assert_eq!(bytes.len(), 300_000);
    // Half a second by its rate; only the lower bound holds on a busy machine.
    assert!(start.elapsed() >= Duration::from_millis(450), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_peers_are_gone_when_they_are_dropped() {
    let world = world(small_manuals(), 100).await;
    let (url, client) = (world.package(), world.client.clone());
    drop(world);
    let ask = Ask {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        limits: LIMITS,
    };
    let gone = async {
        while client.send(ask.clone()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
}
