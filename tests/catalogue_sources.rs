//! Sources that answer in pages, in part, wrongly or not at all: the shelf never suffers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::sync::Arc;

use serde_json::json;
use support::source::{
    JSON, Source, at, list, network, open, publication, resource, settings_of, shelf, state,
    subscription, titles,
};

#[tokio::test]
async fn a_failing_source_never_empties_the_shelf_and_shows_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(|_, _| (200, JSON, list(&[resource("ark:/1/a", "Maths")]))).await;
    let settings = source.resource_list("/gar");
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
    let catalogue =
        open(folder.path(), &(source.resource_list("/") + "uais = [\"0670007U\", \"0561622J\"]"));
    catalogue.refresh(at(1000)).await;
    assert_eq!(titles(&catalogue), ["Collège", "Commun", "Lycée"]);
    assert_eq!(
        source.asked(),
        ["GET /ressources/QTA=/0670007U/p", "GET /ressources/QTA=/0561622J/p"]
    );
    source.answer(|line, _| {
        if line.contains("/0670007U/") {
            (200, JSON, list(&[resource("ark:/1/b", "Lycée")]))
        } else {
            (503, "text/plain", "maintenance".to_owned())
        }
    });
    let states = catalogue.refresh(at(2000)).await;
    let failure = state(&states, "doc").failure.as_deref().unwrap();
    assert!(failure.contains("0561622J") && failure.contains("maintenance"), "{failure}");
    assert_eq!(titles(&catalogue), ["Collège", "Commun", "Lycée"]);
    assert_eq!(state(&states, "doc").good_at, Some(at(1000)));
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
    let settings = |method: &str| source.subscriptions("/ws/") + &format!("method = \"{method}\"");
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
        &(source.subscriptions("")
            + "method = \"get\"\nformat = \"xml\"\ndistributor = \"123456789_0000000000000000\""),
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
    let source = Source::start(move |line, _| {
        if line.contains("decompte") {
            (404, JSON, String::new())
        } else {
            (200, JSON, page.clone())
        }
    })
    .await;
    let settings = source.subscriptions("");
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
    let settings = source.feed("fil", "/opds/");
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
async fn a_feed_of_endless_pages_is_left_before_it_fills_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let padding = "x".repeat(24 << 20);
    let source = Source::start(move |line, _| {
        let number: usize = line.rsplit('=').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut book = publication(&format!("urn:{number}"), &format!("Livre {number}"));
        book["metadata"]["description"] = json!(padding);
        let feed = json!({"metadata": {}, "publications": [book],
            "links": [{"rel": "next", "href": format!("?page={}", number + 1)}]});
        (200, JSON, feed.to_string())
    })
    .await;
    let settings = source.feed("fil", "/opds/");
    let catalogue = open(folder.path(), &settings);
    let states = catalogue.refresh(at(1000)).await;
    let failure = state(&states, "fil").failure.clone().unwrap();
    assert!(failure.contains("there are more"), "{failure}");
    assert_eq!(source.asked().len(), 4, "four pages of 24 MiB");
    assert_eq!(titles(&catalogue).len(), 4, "what came is held");
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
    let settings = source.feed("fil", "/opds");
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
    let feed = |name: &str| source.feed(name, &format!("/{name}"));
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
    let settings = source.feed("a", "/a");
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

#[tokio::test]
async fn counts_that_cannot_be_had_stay_what_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let page = json!({"abonnements": [subscription(1), subscription(2)]}).to_string();
    let answers = |page: String, status, counts: &'static str| {
        move |line: &str, _: &str| {
            if line.contains("decompte") {
                (status, "text/csv", counts.to_owned())
            } else {
                (200, JSON, page.clone())
            }
        }
    };
    let counts = "0670007U;s1;null;ark:/1/1;30;0;0;0\n0670007U;s2;null;ark:/1/2;7;0;0;0\n";
    let source = Source::start(answers(page.clone(), 200, counts)).await;
    let settings = source.subscriptions("");
    let catalogue = open(folder.path(), &settings);
    let pupils =
        || -> Vec<u64> { shelf(&catalogue).all.iter().map(|h| h.assigned_pupils()).collect() };
    catalogue.refresh(at(1000)).await;
    assert_eq!(pupils(), [30, 7]);
    source.answer(answers(page.clone(), 503, ""));
    let states = catalogue.refresh(at(2000)).await;
    assert!(state(&states, "gar").failure.as_deref().unwrap().contains("assigned pupils"));
    assert_eq!(state(&states, "gar").good_at, Some(at(2000)), "the list itself is good");
    assert_eq!(pupils(), [30, 7]);
    source.answer(answers(page, 200, ""));
    let states = catalogue.refresh(at(3000)).await;
    assert_eq!(state(&states, "gar").failure, None);
    assert_eq!(pupils(), [0, 0]);
}

#[tokio::test]
async fn a_book_named_in_three_ways_by_three_sources_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(|line, _| {
        let answer = if line.contains("/ressources/") {
            list(&[resource("http://n2t.net/ark:/49591/lettres", "Lettres 2de")])
        } else {
            let mut book = publication("urn:isbn:978-2-07-036822-8", "lettres");
            book["metadata"]["altIdentifier"] = json!(["ark:49591/lettres"]);
            json!({"metadata": {}, "publications": [book], "links": []}).to_string()
        };
        (200, JSON, answer)
    })
    .await;
    let catalogue =
        open(folder.path(), &(source.resource_list("/") + &source.feed("fil", "/opds")));
    let stick = folder.path().join("stick");
    std::fs::create_dir(&stick).unwrap();
    let order = "isbn;titre;licences_eleves\n207036822X;Lettres (commande);35\n";
    std::fs::write(stick.join("commande.csv"), order).unwrap();
    catalogue.import(&stick, at(500), &mut |_| true).unwrap();
    assert_eq!(shelf(&catalogue).all[0].id, "isbn:9782070368228");
    catalogue.refresh(at(1000)).await;
    let shelf = shelf(&catalogue);
    let [book] = &shelf.all[..] else { panic!("{shelf:?}") };
    assert_eq!(book.id, "ark:/49591/lettres");
    assert_eq!(book.identifiers, ["ark:/49591/lettres", "isbn:9782070368228"]);
    assert_eq!(book.title, "Lettres 2de");
    assert_eq!((book.licences.len(), book.offers.len()), (1, 1));
    assert_eq!(book.licences[0].pupil_licences, Some(35));
    let names: Vec<_> = shelf.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["doc", "fil", "import"]);
}
