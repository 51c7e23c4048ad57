//! The demo's content and world, read by the box's own rooms.

use std::{fs::File, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    manuals::{self, Kind, Manual, Printed},
    opening, school,
};
use crate::{
    catalogue::Catalogue,
    config::Config,
    mirror::Mirror,
    publication::{self, Publication},
    store::{Store, StoreOptions},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// All twelve, as small as they can be.
fn small(folder: &std::path::Path) -> Vec<Printed> {
    let shrink = |mut manual: Manual| {
        manual.target_bytes = 300_000;
        manual
    };
    let all = manuals::manuals().into_iter().map(shrink);
    all.map(|manual| manuals::print(&manual, 1, folder, &mut |_| {}).unwrap()).collect()
}

#[test]
fn every_manual_opens_with_its_pages_contents_and_cover() {
    let folder = tempfile::tempdir().unwrap();
    for Printed { manual, path, written } in small(folder.path()) {
        let opened = Publication::open(File::open(path).unwrap(), written.media_type).unwrap();
        let (kind, documents) = match manual.kind {
            // Six chapters of two paragraphs, a document and exercises; and the cover.
            Kind::FixedEpub => (publication::Kind::EpubFixed, 25),
            Kind::ReflowableEpub => (publication::Kind::EpubReflowable, 7),
            Kind::Pdf => (publication::Kind::Pdf, 1),
            Kind::HtmlZip => (publication::Kind::Html, 1),
        };
        assert_eq!(opened.kind, kind, "{}", manual.slug);
        assert!(opened.reading_order.len() >= documents, "{}", manual.slug);
        if matches!(manual.kind, Kind::FixedEpub | Kind::ReflowableEpub) {
            assert_eq!(opened.metadata.title, manual.title);
            assert!(opened.metadata.identifiers.iter().any(|id| id.contains(&manual.isbn)));
            assert!(opened.cover.is_some(), "{}", manual.slug);
            assert_eq!(opened.contents.len(), 6, "{}", manual.slug);
        }
        for item in opened.reading_order.iter().filter(|_| manual.kind == Kind::FixedEpub) {
            assert_eq!(item.viewport, Some((1000, 1414)), "{}: {}", manual.slug, item.path);
        }
    }
}

#[tokio::test]
async fn the_box_learns_fetches_and_updates_the_demo_school() {
    let folder = tempfile::tempdir().unwrap();
    let printed = small(folder.path());
    let now = Timestamp::now();
    let https = "127.0.0.1:8443".parse().unwrap();
    let opened = opening::open(folder.path(), printed.clone(), https, now).await.unwrap();
    let peers = opened.peers;
    let listen = school::Listen { plain: "127.0.0.1:8080".parse().unwrap(), https };
    let text = school::settings(folder.path(), &peers, listen);
    let (config, _) = Config::parse("demo", &text).unwrap();
    let store = Store::open(StoreOptions::of(&config.store)).unwrap();
    let catalogue =
        Catalogue::open(&config.school, &config.catalogue, &config.network, store.clone()).unwrap();
    let catalogue = Arc::new(catalogue);
    for source in catalogue.refresh(now).await {
        assert_eq!(source.failure, None, "{}", source.name);
        assert!(source.refused.is_empty(), "{}: {:?}", source.name, source.refused);
    }
    let holdings = catalogue.holdings();
    let all = holdings.borrow().all.clone();
    assert_eq!(all.len(), 12);
    for holding in &all {
        assert!(holding.manual && holding.cover.is_some(), "{}", holding.title);
        assert!(holding.licences.iter().any(|licence| !licence.publics.is_empty()));
        assert_eq!(holding.offers.len(), 1, "{}", holding.title);
        assert_eq!((holding.subjects.len(), holding.levels.len()), (1, 1), "{}", holding.title);
    }

    let pupils = all.iter().filter(|holding| holding.assigned_pupils() > 0).count();
    assert_eq!(pupils, 10, "one is for teachers, one has ended for pupils");

    let clients = catalogue.clone();
    let mirror = Mirror::new(
        &config.school,
        &config.mirror,
        store.clone(),
        catalogue.holdings(),
        Arc::new(move |source: &str| clients.client_of(source)),
    );
    let (mirror, token) = (Arc::new(mirror.unwrap()), CancellationToken::new());
    let running = tokio::spawn({
        let (mirror, token) = (mirror.clone(), token.clone());
        async move { mirror.run(token).await }
    });
    let mut changes = store.changes();
    let fetched = tokio::time::timeout(PATIENCE, changes.wait_for(|_| store.current().len() == 12));
    fetched.await.unwrap().unwrap();

    let before = peers.link.moved().down;
    let manual = &printed[0].manual;
    let two = manuals::print(manual, 2, folder.path(), &mut |_| {}).unwrap();
    let (size, hash) = (two.written.size, two.written.sha256);
    peers.publish(two).await.unwrap();
    catalogue.refresh(now).await;
    let new = || store.current().iter().any(|sidecar| sidecar.blob == hash);
    let fetched = tokio::time::timeout(PATIENCE, changes.wait_for(|_| new()));
    fetched.await.unwrap().unwrap();
    // Three pages, one picture, the feed and lists again: far less than the package.
    let moved = peers.link.moved().down - before;
    assert!(moved < size / 2, "{moved} bytes crossed the link for a package of {size}");
    token.cancel();
    running.await.unwrap();
}
