//! The real samples, published as a distributor would.

use std::{fs, path::Path};

use preau::store::BlobId;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{origin::Origin, school_box::SchoolBox};

/// Publishes the sample EPUBs below `/opds/feed.json`, two on its first page and the rest on the
/// next. Returns how many there are.
pub fn publish_epubs(origin: &Origin, samples: &Path) -> usize {
    let mut publications: Vec<Value> = Vec::new();
    for entry in fs::read_dir(samples.join("epub")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&path).unwrap();
        let hash = sha256(&bytes);
        publications.push(json!({
            "metadata": {
                "@type": "http://schema.org/EBook",
                "identifier": format!("http://n2t.net/ark:/99999/{name}"),
                "title": format!("Échantillon {name}"),
                "language": "fr",
                "modified": "2026-09-01T00:00:00Z",
            },
            "links": [{
                "rel": "http://opds-spec.org/acquisition",
                "href": format!("/packages/{name}.epub"),
                "type": "application/epub+zip",
                "size": bytes.len(),
                "properties": {"hash": [{"algorithm": "sha256", "value": hash}]},
            }],
        }));
        origin.put(&format!("/packages/{name}.epub"), "application/epub+zip", bytes);
    }
    let count = publications.len();
    let second = publications.split_off(2);
    let feed = |publications: Vec<Value>, next: Option<&str>| {
        let links: Vec<Value> = next
            .iter()
            .map(|href| json!({"rel": "next", "href": href, "type": "application/opds+json"}))
            .collect();
        json!({"metadata": {"title": "Échantillons"}, "links": links, "publications": publications})
    };
    let put = |path: &str, feed: Value| origin.put(path, "application/opds+json", feed.to_string());
    put("/opds/feed.json", feed(publications, Some("page2.json")));
    put("/opds/page2.json", feed(second, None));
    count
}

/// A box that has mirrored what the origin publishes below `/opds/feed.json`.
pub fn box_with_feed(origin: &Origin) -> SchoolBox {
    let address = origin.address;
    let feed = format!(
        "[[catalogue.feeds]]\nname = \"samples\"\nurl = \"http://{address}/opds/feed.json\""
    );
    let school = SchoolBox::start("0510035L", &feed);
    school.sync();
    school
}

/// The SHA-256 of some bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    BlobId(Sha256::digest(bytes).into()).to_string()
}
