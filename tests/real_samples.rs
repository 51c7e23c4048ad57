//! Every real sample (EPUBs, GAR answers, OPDS feeds) goes through the whole box: catalogue,
//! mirror, publication and library.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::fs;

use support::{
    origin::Origin,
    samples::{box_with_feed, publish_epubs, sha256},
    school_box::SchoolBox,
};

#[test]
fn every_epub_is_mirrored_and_read_to_its_last_resource() {
    let Some(samples) = support::sample_folder() else { return };
    let origin = Origin::start();
    let count = publish_epubs(&origin, &samples);
    assert_eq!(count, 3);
    let school = box_with_feed(&origin);
    let shelf = school.get("/", "").text();
    let feed = school.get("/opds", "").json();
    let publications = feed["publications"].as_array().unwrap();
    assert_eq!(publications.len(), count, "{feed:#}");
    let mut resources = 0;
    for publication in publications {
        let title = publication["metadata"]["title"].as_str().unwrap();
        assert!(shelf.contains(title), "{title} is not on the shelf");
        let links = publication["links"].as_array().unwrap();
        let package = links
            .iter()
            .find(|l| l["type"] == "application/epub+zip")
            .and_then(|l| l["href"].as_str())
            .unwrap();
        let path = &package[package.find("/p/").unwrap()..];
        let whole = school.get(path, "");
        assert_eq!(whole.status, 200);
        let blob = path.split('/').nth(2).unwrap();
        assert_eq!(sha256(&whole.body), blob, "{title} arrived changed");
        resources += read_whole(&school, blob);
    }
    assert!(resources > 70, "only {resources} resources were read");
}

/// Reads every resource that a package's manifest names; returns how many.
fn read_whole(school: &SchoolBox, blob: &str) -> usize {
    let manifest = school.get(&format!("/p/{blob}/manifest.json"), "").json();
    let order = manifest["readingOrder"].as_array().unwrap();
    assert!(!order.is_empty());
    for (place, _) in order.iter().enumerate() {
        let page = school.get(&format!("/lire/{blob}/{}", place + 1), "");
        assert_eq!(page.status, 200, "reader page {} of {blob}", place + 1);
    }
    let others = manifest["resources"].as_array().unwrap();
    for item in order.iter().chain(others) {
        let href = item["href"].as_str().unwrap();
        let path = match href.find("/p/") {
            Some(start) => href[start..].to_owned(),
            None => format!("/p/{blob}/r/{href}"),
        };
        let resource = school.get(&path, "");
        assert_eq!(resource.status, 200, "{href}");
        assert_eq!(Some(resource.body.len() as u64), item["size"].as_u64(), "{href}");
    }
    order.len() + others.len()
}

#[test]
fn every_gar_answer_and_feed_reaches_the_shelf() {
    let Some(samples) = support::sample_folder() else { return };
    let origin = Origin::start();
    let read = |name: &str| fs::read(samples.join(name)).unwrap();
    let json = "application/json";
    origin.put("/gar/abonnements", json, read("gar/gar-abonnements-sample.json"));
    origin.put(
        "/gar/ressources/QTA=/0350042F/doc1",
        json,
        read("gar/liste-ressources-0377777U.json"),
    );
    let feeds = [
        "sample-textbook-feed.json",
        "feedbooks-publications.json",
        "feedbooks-navigation.json",
        "feedbooks-home.json",
    ];
    let mut settings = format!(
        "[[catalogue.subscriptions]]\nname = \"gar\"\nurl = \"http://{0}/gar/\"\n\
         [[catalogue.resource_lists]]\nname = \"doc\"\nurl = \"http://{0}/gar/\"\nent = \"QTA=\"\nperson = \"doc1\"\n",
        origin.address
    );
    for feed in feeds {
        origin.put(
            &format!("/opds/{feed}"),
            "application/opds+json",
            read(&format!("opds/{feed}")),
        );
        settings += &format!(
            "[[catalogue.feeds]]\nname = \"{feed}\"\nurl = \"http://{}/opds/{feed}\"\n",
            origin.address
        );
    }
    let school = SchoolBox::start("0350042F", &settings);
    // The samples' packages live on hosts that cannot be reached: only the catalogue is asked.
    let _ = school.preau(&["sync", "--no-wait"]);
    let titles =
        ["Manuel de démonstration", "Vittascience", "Nom de la ressource 2", "Voyage au centre"];
    support::until("every title on the shelf", || {
        let shelf = school.get("/", "").text();
        titles.iter().all(|title| shelf.contains(title)).then_some(())
    });
}
