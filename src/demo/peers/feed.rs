//! The distributor's OPDS 2.0 feed: what each publication says of itself.

use serde_json::{Value, json};

use crate::demo::manuals::{Kind, Printed};

/// Publications on a page of the feed.
const PAGE_ENTRIES: usize = 6;
/// Where the feed is.
const PATH: &str = "/opds2/feed.json";
/// Vocabulary of subjects (`ScoLOMFR` 15, *domaines d'enseignement*).
const SUBJECTS: &str = "http://data.education.fr/voc/scolomfr/scolomfr-voc-015";
/// Vocabulary of levels (`ScoLOMFR` 22, *niveaux éducatifs*).
const LEVELS: &str = "http://data.education.fr/voc/scolomfr/scolomfr-voc-022";

/// Page `number` (from 1) of the feed; `None` past its end.
pub(super) fn page(shelf: &[Printed], number: usize) -> Option<Value> {
    let pages = shelf.len().div_ceil(PAGE_ENTRIES).max(1);
    let entries = shelf.chunks(PAGE_ENTRIES).nth(number.checked_sub(1)?);
    if number > pages {
        return None;
    }
    let link = |rel: &str, page: usize| {
        let href = if page == 1 { PATH.to_owned() } else { format!("{PATH}?page={page}") };
        json!({ "rel": rel, "href": href, "type": "application/opds+json" })
    };
    let mut links = vec![link("self", number), link("first", 1), link("last", pages)];
    if number < pages {
        links.push(link("next", number + 1));
    }
    if number > 1 {
        links.push(link("previous", number - 1));
    }
    let modified = shelf.iter().map(|p| p.written.modified).max();
    Some(json!({
        "metadata": {
            "title": "Manuels du distributeur de démonstration",
            "modified": modified.map(|date| date.to_string()),
            "numberOfItems": shelf.len(),
            "itemsPerPage": PAGE_ENTRIES,
            "currentPage": number,
        },
        "links": links,
        "publications": entries.unwrap_or_default().iter().map(publication).collect::<Vec<_>>(),
    }))
}

fn publication(printed: &Printed) -> Value {
    let Printed { manual, written, .. } = printed;
    let mut metadata = json!({
        "@type": "http://schema.org/Book",
        "identifier": manual.ark,
        "altIdentifier": [format!("urn:isbn:{}", manual.isbn)],
        "title": manual.title,
        "publisher": manual.publisher,
        "language": manual.language,
        "modified": written.modified.to_string(),
        "description": format!("Manuel de démonstration, {}.", manual.level),
        "subject": [
            { "name": manual.subject, "scheme": SUBJECTS },
            { "name": manual.level, "scheme": LEVELS },
        ],
    });
    match manual.kind {
        Kind::FixedEpub | Kind::Pdf => metadata["layout"] = json!("fixed"),
        Kind::ReflowableEpub => metadata["layout"] = json!("reflowable"),
        Kind::HtmlZip => {}
    }
    json!({
        "metadata": metadata,
        "images": [{
            "href": format!("/covers/{}.jpg", manual.slug),
            "type": "image/jpeg",
            "width": 420,
            "height": 593,
        }],
        "links": [{
            "rel": "http://opds-spec.org/acquisition",
            "href": format!("/packages/{}", manual.file_name()),
            "type": written.media_type,
            "size": written.size,
            "properties": {
                "availability": { "state": "available" },
                "hash": [{ "algorithm": "sha256", "value": written.sha256.to_string() }],
            },
        }],
    })
}
