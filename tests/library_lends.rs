//! What readers get: resources straight from the zip, packages in parts, pages in two languages,
//! search that forgives, and a feed for their apps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod library_support;
mod publication_support;
mod support;

use std::io::Read as _;

use flate2::read::GzDecoder;
use library_support::{Lender, manual};
use serde_json::Value;

const GZIP: &str = "Accept-Encoding: gzip\r\n";

#[test]
fn a_deflated_page_goes_out_as_the_zip_holds_it_and_inflated_to_who_takes_no_gzip() {
    let lender = Lender::start();
    let blob = lender.put("a", "Algèbre", &manual("Algèbre", 12));
    let path = format!("/p/{blob}/r/OEBPS/page001.xhtml");
    let coded = lender.get(&path, GZIP);
    assert_eq!(coded.status, 200);
    assert_eq!(coded.field("content-encoding"), Some("gzip"));
    assert_eq!(coded.field("vary"), Some("accept-encoding"));
    let mut inflated = Vec::new();
    GzDecoder::new(coded.body.as_slice()).read_to_end(&mut inflated).unwrap();
    let plain = lender.get(&path, "");
    assert_eq!(plain.field("content-encoding"), None);
    assert!(plain.body == inflated && plain.text().contains("page 1"));
    assert_ne!(plain.field("etag"), coded.field("etag"));
    for answer in [&plain, &coded] {
        assert_eq!(answer.field("content-type"), Some("application/xhtml+xml"));
        assert!(answer.field("cache-control").unwrap().contains("immutable"));
        assert!(answer.field("content-security-policy").unwrap().starts_with("sandbox "));
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        let again =
            lender.get(&path, &format!("If-None-Match: {}\r\n", answer.field("etag").unwrap()));
        assert!(again.status == 304 || answer.field("content-encoding").is_some());
    }
    // From memory, as from the disk.
    assert_eq!(lender.get(&path, GZIP).body, coded.body);
    assert_eq!(lender.get(&path, "Range: bytes=5-9\r\n").body, inflated[5..10]);
}

#[test]
fn a_package_is_downloaded_in_parts_that_make_it_whole() {
    let lender = Lender::start();
    let bytes = manual("Algèbre", 40);
    let blob = lender.put("a", "Algèbre 2de", &bytes);
    let path = format!("/p/{blob}/package");
    let whole = lender.get(&path, "");
    assert!(whole.body == bytes);
    assert_eq!(whole.field("accept-ranges"), Some("bytes"));
    let name = whole.field("content-disposition").unwrap();
    assert_eq!(name, "attachment; filename=\"algebre-2de.epub\"");
    let etag = whole.field("etag").unwrap();
    let cut = bytes.len() / 3;
    let first = lender.get(&path, &format!("Range: bytes=0-{}\r\n", cut - 1));
    let rest = lender.get(&path, &format!("Range: bytes={cut}-\r\nIf-Range: {etag}\r\n"));
    assert_eq!((first.status, rest.status), (206, 206));
    assert!([first.body, rest.body].concat() == bytes);
    let other = lender.get(&path, "Range: bytes=5-\r\nIf-Range: \"other\"\r\n");
    assert!(other.status == 200 && other.body == bytes);
    assert_eq!(lender.get(&path, "Range: bytes=99999999-\r\n").status, 416);
    let head = lender.ask("HEAD", &path);
    assert!(head.body.is_empty());
    assert_eq!(head.field("content-length"), Some(bytes.len().to_string().as_str()));
    assert_eq!(lender.ask("POST", &path).status, 405);
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let lender = Lender::start();
    let blob = lender.put("a", "Algèbre", &manual("Algèbre", 3));
    for path in [
        "/p/zz/package".to_owned(),
        format!("/p/{}/package", "0".repeat(64)),
        format!("/p/{blob}/r/OEBPS/absent.xhtml"),
        format!("/p/{blob}/r/../../etc/passwd"),
        format!("/p/{blob}/r/%2e%2e/%2e%2e/etc/passwd"),
        format!("/p/{blob}/r/%ff%fe"),
        format!("/p/{blob}/r/{}", "a/".repeat(5000)),
        format!("/lire/{blob}/0"),
        format!("/lire/{blob}/4"),
        format!("/lire/{blob}/99999999999999999999999"),
        "/lire/x/1".to_owned(),
        "/livre/nothing".to_owned(),
        "/nothing".to_owned(),
    ] {
        let answer = lender.get(&path, "");
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
    }
}

#[test]
fn a_reader_finds_a_book_and_turns_its_pages() {
    let lender = Lender::start();
    let blob = lender.put("a", "Géographie 2de", &manual("Géographie 2de", 3));
    lender.put("b", "Algèbre <1>", &manual("Algèbre", 2));
    let shelf = lender.get("/", "").text();
    assert!(shelf.contains("<html lang=\"fr\">") && shelf.contains("2 manuels"));
    assert!(shelf.contains("Algèbre &#60;1&#62;") && !shelf.contains("Algèbre <1>"), "{shelf}");
    for query in ["geographie", "GEOGRAPHYE", "géo"] {
        let found = lender.get(&format!("/recherche?q={query}"), "").text();
        assert!(found.contains("Géographie 2de") && !found.contains("Algèbre &"), "{query}");
    }
    let link = shelf.split("href=\"").find(|l| l.starts_with("/livre/geographie")).unwrap();
    let book = lender.get(link.split('"').next().unwrap(), "").text();
    assert!(book.contains(&format!("/lire/{blob}/1")) && book.contains("Sommaire"));
    let second = lender.get(&format!("/lire/{blob}/2"), "").text();
    assert!(second.contains(&format!("rel=\"prev\" href=\"/lire/{blob}/1\"")));
    assert!(second.contains(&format!("rel=\"next\" href=\"/lire/{blob}/3\"")));
    assert!(second.contains("OEBPS/page002.xhtml") && second.contains("2 / 3"));
    let last = lender.get(&format!("/lire/{blob}/3"), "").text();
    assert!(!last.contains("rel=\"next\""));
}

#[test]
fn a_contents_line_leads_to_a_page_outside_the_reading_order() {
    let lender = Lender::start();
    let page = |text: &str| format!("<!DOCTYPE html><html lang=\"fr\"><body>{text}</body></html>");
    let start =
        page("<a href=\"lecons/un.html#b\">Leçon 1</a> <a href=\"http://x.org/\">Ailleurs</a>");
    let lesson = page("<p id=\"b\">Le texte.</p>");
    let entries = [("index.html", start.as_str()), ("lecons/un.html", lesson.as_str())];
    let mut bytes = Vec::new();
    publication_support::zip_of(&entries).read_to_end(&mut bytes).unwrap();
    let blob = lender.put_as("application/zip", "a", "Site", &bytes);
    let reader = lender.get(&format!("/lire/{blob}/1"), "").text();
    let line = format!("/lire/{blob}/1?ouvrir=lecons%2Fun.html%23b");
    assert!(reader.contains(&format!("href=\"{line}\"")), "{reader}");
    let opened = lender.get(&line, "").text();
    let frame = format!("src=\"/p/{blob}/r/lecons/un.html#b\"");
    assert!(opened.contains(&frame), "{opened}");
    for nowhere in ["http%3A%2F%2Fx.org%2F", "..%2F..%2Faide", "javascript%3Aalert(1)", "absent"] {
        let page = lender.get(&format!("/lire/{blob}/1?ouvrir={nowhere}"), "").text();
        assert!(page.contains(&format!("src=\"/p/{blob}/r/index.html\"")), "{nowhere}: {page}");
    }
}

#[test]
fn a_reader_chooses_a_language_and_keeps_it() {
    let lender = Lender::start();
    assert!(lender.get("/", "Accept-Language: en-GB\r\n").text().contains("<html lang=\"en\">"));
    let chosen = lender.get("/?lang=en", "");
    assert!(chosen.text().contains("No textbook yet"));
    let cookie = chosen.field("set-cookie").unwrap();
    assert!(cookie.starts_with("lang=en;") && cookie.contains("SameSite=Lax"));
    assert!(lender.get("/", "Cookie: lang=en\r\n").text().contains("<html lang=\"en\">"));
    let policy = chosen.field("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
}

#[test]
fn the_feed_keeps_the_opds_schema_whether_full_or_empty() {
    let Some(samples) = support::sample_folder() else { return };
    let name = "https://specs.opds.io/schema/feed.schema.json";
    let schema = publication_support::schema(&samples, name);
    let check = |feed: &Value| {
        let errors: Vec<_> =
            schema.iter_errors(feed).map(|e| format!("{e} at {}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{feed:#}");
    };
    let lender = Lender::start();
    check(&lender.get("/opds", "").json());
    let blob = lender.put("a", "Géographie 2de", &manual("Géographie 2de", 3));
    for n in 0..105 {
        lender.put(&format!("n{n}"), &format!("Cahier {n}"), &manual(&format!("Cahier {n}"), 1));
    }
    let first = lender.get("/opds", "");
    assert_eq!(first.field("content-type"), Some("application/opds+json"));
    let first = first.json();
    check(&first);
    let publications = first["publications"].as_array().unwrap();
    assert_eq!((publications.len(), &first["metadata"]["numberOfItems"]), (100, &106.into()));
    let next = first["links"].as_array().unwrap().iter().find(|l| l["rel"] == "next").unwrap();
    let second = lender.get(next["href"].as_str().unwrap(), "").json();
    check(&second);
    assert_eq!(second["publications"].as_array().unwrap().len(), 6);
    let found = lender.get("/opds/recherche?query=geographie", "").json();
    check(&found);
    let link = &found["publications"][0]["links"][0];
    assert_eq!(link["href"], format!("/p/{blob}/package"));
    assert_eq!(link["properties"]["hash"][0]["value"], blob.to_string());
    let cover = found["publications"][0]["images"][0].clone();
    let image = lender.get(cover["href"].as_str().unwrap(), "");
    assert_eq!(image.field("content-type"), cover["type"].as_str());
}

#[test]
fn a_package_that_cannot_be_opened_is_explained_and_can_still_be_taken_away() {
    let lender = Lender::start();
    let blob = lender.put("a", "Cassé", b"this is no zip");
    let shelf = lender.get("/", "").text();
    let link = shelf.split("href=\"").find(|l| l.starts_with("/livre/casse")).unwrap();
    let book = lender.get(link.split('"').next().unwrap(), "").text();
    assert!(book.contains("ne peut pas être ouvert") && book.contains("/package"), "{book}");
    assert!(!book.contains("/lire/"));
    assert_eq!(lender.get(&format!("/lire/{blob}/1"), "").status, 502);
    assert_eq!(lender.get(&format!("/p/{blob}/package"), "").body, b"this is no zip");
}
