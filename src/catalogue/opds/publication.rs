//! One publication of a feed: its metadata, and which of its links is a package to fetch.

use serde_json::Value;
use url::Url;

use super::{
    Origin,
    link::{Link, links},
};
use crate::{
    catalogue::{
        Offer,
        entry::Entry,
        gar::dates::{Edge, moment},
        identifiers::canonical,
        lenient::{list, number, scalar, text},
        text::{MAX_NAME_CHARS, Notes, has_extension, line, plain},
    },
    store::BlobId,
};

/// Identifiers, subjects, offers kept of one publication.
const MAX_OF_EACH: usize = 50;
/// Vocabulary of levels in `ScoLOMFR` (*niveau éducatif détaillé*).
const LEVELS_VOCABULARY: &str = "scolomfr-voc-022";
/// Height in pixels above which an image is more than a cover needs.
const COVER_HEIGHT: u64 = 1_200;

/// The publication, unless nothing tells which book it is.
pub(super) fn entry(
    value: &Value,
    base: &Url,
    origin: &Origin,
    notes: &mut Notes,
) -> Option<Entry> {
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let title = words(metadata.get("title"));
    let name = title.clone().unwrap_or_else(|| "a publication without title".to_owned());
    let identifiers = identifiers(metadata, value, base, origin);
    if identifiers.is_empty() {
        notes.add(&format!("{name}: no identifier"));
        return None;
    }
    let (levels, subjects) = terms(metadata);
    Some(Entry {
        identifiers,
        title,
        publisher: metadata.get("publisher").and_then(first_name),
        language: text(metadata, "language", 35),
        subjects,
        levels,
        description: metadata.get("description").and_then(scalar).and_then(|text| plain(&text)),
        cover: cover(value, base),
        online: links(value, "links")
            .find(|link| {
                link.has_rel("alternate") && link.media_type().as_deref() == Some("text/html")
            })
            .and_then(|link| link.resolved(base)),
        offers: offers(value, metadata, base, origin, (&name, notes)),
        ..Entry::default()
    })
}

/// `identifier`, the `altIdentifier`s, else the publication's own address.
fn identifiers(metadata: &Value, value: &Value, base: &Url, origin: &Origin) -> Vec<String> {
    let named = ["identifier", "altIdentifier"].iter().flat_map(|key| list(metadata, key));
    let mut found: Vec<String> = Vec::new();
    for named in named.take(MAX_OF_EACH) {
        let text = scalar(named).or_else(|| named.get("value").and_then(scalar));
        if let Some(id) = text.and_then(|text| canonical(&text, &origin.source))
            && !found.contains(&id)
        {
            found.push(id);
        }
    }
    if found.is_empty() {
        let own = links(value, "links").find(|link| link.has_rel("self"));
        let package = || links(value, "links").find(|link| link.acquires());
        let address = own.or_else(package).and_then(|link| link.resolved(base));
        found.extend(address.and_then(|url| canonical(url.as_str(), &origin.source)));
    }
    found
}

/// A text, or the French of a language map, or the first language that it has.
fn words(value: Option<&Value>) -> Option<String> {
    let value = value?;
    let said = match value {
        Value::Object(languages) => ["fr", "fr-FR", "und"]
            .iter()
            .find_map(|language| languages.get(*language))
            .or_else(|| languages.values().next())
            .and_then(scalar)?,
        other => scalar(other)?,
    };
    line(&said, MAX_NAME_CHARS)
}

/// The name of a contributor or a subject: a text, an object with a name, or the first of several.
fn first_name(value: &Value) -> Option<String> {
    let one = match value {
        Value::Array(values) => values.first()?,
        one => one,
    };
    match one.get("name") {
        Some(name) => words(Some(name)),
        None => words(Some(one)),
    }
}

/// Levels and subjects, apart.
fn terms(metadata: &Value) -> (Vec<String>, Vec<String>) {
    let (mut levels, mut subjects) = (Vec::new(), Vec::new());
    // `subjects` is what feeds of the first drafts say.
    let all = ["subject", "subjects"].iter().flat_map(|key| list(metadata, key));
    for term in all.take(MAX_OF_EACH) {
        let scheme = term.get("scheme").and_then(Value::as_str).unwrap_or_default();
        let kind = if scheme.ends_with(LEVELS_VOCABULARY) { &mut levels } else { &mut subjects };
        if let Some(name) = first_name(term)
            && !kind.contains(&name)
        {
            kind.push(name);
        }
    }
    (levels, subjects)
}

/// The largest image that is no larger than a cover needs, else the first.
fn cover(value: &Value, base: &Url) -> Option<Url> {
    let raster = |link: &Link<'_>| {
        link.media_type().is_none_or(|t| t.starts_with("image/") && t != "image/svg+xml")
    };
    let covers = links(value, "resources").filter(|link| link.has_rel("cover"));
    let images: Vec<Link<'_>> =
        links(value, "images").chain(covers).filter(raster).take(MAX_OF_EACH).collect();
    let height = |link: &Link<'_>| number(link.value, "height").unwrap_or(0);
    let fits = images.iter().filter(|link| height(link) <= COVER_HEIGHT);
    // Of equals the first: `max_by_key` would take the last.
    let best = fits.rev().max_by_key(|link| height(link)).or(images.first());
    best.and_then(|link| link.resolved(base))
}

/// The links that bring a package the box can lend; why not, for the others.
fn offers(
    value: &Value,
    metadata: &Value,
    base: &Url,
    origin: &Origin,
    (name, notes): (&str, &mut Notes),
) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    let acquiring = links(value, "links").filter(|link| link.acquires());
    for link in acquiring.take(MAX_OF_EACH) {
        match offer(link, metadata, base, origin) {
            Ok(offer) if offers.iter().any(|other| other.url == offer.url) => {}
            Ok(offer) => offers.push(offer),
            Err(reason) => notes.add(&format!("{name}: {reason}")),
        }
    }
    offers
}

fn offer(link: Link<'_>, metadata: &Value, base: &Url, origin: &Origin) -> Result<Offer, String> {
    let media_type = package_type(link)?;
    let url = link.resolved(base).ok_or("the package's address is none of the web")?;
    let properties = link.value.get("properties").unwrap_or(&Value::Null);
    let availability = properties.get("availability").unwrap_or(&Value::Null);
    if let Some(state) = text(availability, "state", 40)
        && matches!(&*state, "unavailable" | "reserved")
    {
        return Err(format!("its package is {state}"));
    }
    let until = text(availability, "until", 60);
    let until = match until {
        None => None,
        Some(text) => Some(
            moment(&text, Edge::End, &origin.zone)
                .ok_or_else(|| format!("available until `{text}`, which is no date"))?,
        ),
    };
    let sha256 = sha256(properties)?;
    let size = number(link.value, "size").or_else(|| number(properties, "size"));
    let version = text(metadata, "modified", 100)
        .or_else(|| sha256.map(|hash| hash.to_string()))
        .or_else(|| size.map(|size| format!("{size} bytes")));
    Ok(Offer {
        source: origin.source.clone(),
        url,
        media_type,
        size,
        sha256,
        version: version.unwrap_or_default(),
        until,
    })
}

/// The package's media type, when it is one that can be lent.
fn package_type(link: Link<'_>) -> Result<String, String> {
    let Some(media_type) = link.media_type() else {
        let path = link.href.split(['?', '#']).next().unwrap_or_default();
        let known = [
            ("epub", "application/epub+zip"),
            ("pdf", "application/pdf"),
            ("zip", "application/zip"),
        ];
        return known
            .iter()
            .find(|(extension, _)| has_extension(path, &[extension]))
            .map(|(_, media_type)| (*media_type).to_owned())
            .ok_or_else(|| "its package has no media type".to_owned());
    };
    match &*media_type {
        "application/epub+zip" | "application/pdf" | "application/zip" => Ok(media_type),
        "application/x-zip-compressed" | "application/x-zip" => Ok("application/zip".to_owned()),
        other if other.starts_with("application/vnd.readium.lcp") => {
            Err("its package is a Readium LCP licence, one a reader, which a box cannot lend"
                .to_owned())
        }
        other => {
            let other = line(other, 80).unwrap_or_default();
            Err(format!("a package of type {other}; EPUB, PDF or zip was expected"))
        }
    }
}

/// `properties.hash`: one `{algorithm, value}` or several, of which SHA-256 is of use. A hash that
/// claims to be SHA-256 and is none makes the package worth nothing.
fn sha256(properties: &Value) -> Result<Option<BlobId>, String> {
    for hash in list(properties, "hash").iter().take(MAX_OF_EACH) {
        let algorithm = text(hash, "algorithm", 200).unwrap_or_default().to_ascii_lowercase();
        if matches!(algorithm.rsplit(['#', '/', ':']).next(), Some("sha256" | "sha-256")) {
            let value = text(hash, "value", 200).unwrap_or_default();
            return value
                .parse()
                .map(Some)
                .map_err(|error| format!("its hash `{value}` is {error}"));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::origin, *};

    fn read(value: &Value) -> (Option<Entry>, Vec<String>) {
        let mut notes = Notes::default();
        let entry = entry(value, &origin().url, &origin(), &mut notes);
        (entry, notes.into_lines())
    }

    fn with_link(link: &Value) -> (Vec<Offer>, Vec<String>) {
        let (entry, notes) = read(&json!({
            "metadata": {"title": "T", "identifier": "urn:x:1", "modified": "2026-09-01T00:00:00Z"},
            "links": [link],
        }));
        (entry.unwrap().offers, notes)
    }

    #[test]
    fn every_spelling_of_an_acquisition_is_one_and_a_sample_is_none() {
        for rel in [
            "acquisition",
            "download",
            "http://opds-spec.org/acquisition",
            "buy",
            "http://opds-spec.org/acquisition/open-access",
            "http://opds-spec.org/acquisition/buy",
        ] {
            let link = json!({"rel": ["x", rel], "href": "../p/1.epub", "type": "Application/EPUB+zip; v=3"});
            let (offers, _) = with_link(&link);
            assert_eq!(offers.len(), 1, "{rel}");
            assert_eq!(offers[0].url.as_str(), "https://h.example/p/1.epub");
            assert_eq!(offers[0].media_type, "application/epub+zip");
            assert_eq!(offers[0].version, "2026-09-01T00:00:00Z");
        }
        for rel in ["preview", "sample", "http://opds-spec.org/acquisition/sample", "alternate"] {
            let link = json!({"rel": rel, "href": "1.epub", "type": "application/epub+zip"});
            assert_eq!(with_link(&link), (vec![], vec![]), "{rel}");
        }
    }

    #[test]
    fn what_cannot_be_lent_is_left_out_with_the_reason() {
        let link = |more: Value| {
            let mut link = json!({"rel": "acquisition", "href": "1", "type": "application/pdf"});
            link.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            with_link(&link)
        };
        for (more, reason) in [
            (json!({"type": "application/vnd.readium.lcp.license.v1.0+json"}), "LCP"),
            (
                json!({"type": "text/html", "properties": {"indirectAcquisition": [{"type": "application/epub+zip"}]}}),
                "text/html",
            ),
            (json!({"properties": {"availability": {"state": "unavailable"}}}), "unavailable"),
            (
                json!({"properties": {"availability": {"state": "available", "until": "bientôt"}}}),
                "bientôt",
            ),
            (
                json!({"properties": {"hash": [{"algorithm": "sha256", "value": "12"}]}}),
                "64 hexadecimal",
            ),
            (json!({"href": "file:///etc/passwd"}), "address"),
        ] {
            let (offers, notes) = link(more);
            assert!(
                offers.is_empty() && notes.len() == 1 && notes[0].contains(reason),
                "{notes:?}"
            );
        }
    }

    #[test]
    fn size_hash_and_end_come_with_the_offer() {
        let hash = "ab".repeat(32);
        let (offers, notes) = with_link(&json!({
            "rel": "acquisition", "href": "1.zip", "size": "12",
            "properties": {
                "hash": [{"algorithm": "md5", "value": "x"}, {"algorithm": "SHA-256", "value": hash.to_uppercase()}],
                "availability": {"state": "ready", "until": "2027-08-31"},
            },
        }));
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(offers[0].size, Some(12));
        assert_eq!(offers[0].sha256.unwrap().to_string(), hash);
        assert_eq!(offers[0].until.unwrap().to_string(), "2027-08-31T22:00:00Z");
        assert_eq!(offers[0].media_type, "application/zip");
    }

    #[test]
    fn metadata_is_read_in_each_of_its_forms() {
        let (entry, _) = read(&json!({
            "metadata": {
                "title": {"en": "E", "fr": "F"}, "language": ["fr", "en"],
                "identifier": "http://n2t.net/ark:/1/a", "altIdentifier": [{"value": "207036822X"}, "x"],
                "publisher": [{"name": {"fr": "Éd"}}],
                "subject": ["Maths", {"name": "2de", "scheme": "http://data/scolomfr-voc-022"}, {"name": {"fr": "Maths"}}],
                "description": "<b>D</b>",
            },
            "images": [{"href": "s.jpg", "height": 100}, {"href": "m.jpg", "height": 800}, {"href": "l.jpg", "height": 9000}],
        }));
        let entry = entry.unwrap();
        assert_eq!(entry.identifiers, ["ark:/1/a", "isbn:9782070368228", "source:feed:x"]);
        assert_eq!(entry.title.as_deref(), Some("F"));
        assert_eq!(entry.publisher.as_deref(), Some("Éd"));
        assert_eq!(entry.language.as_deref(), Some("fr"));
        assert_eq!(
            (entry.subjects, entry.levels),
            (vec!["Maths".to_owned()], vec!["2de".to_owned()])
        );
        assert_eq!(entry.description.as_deref(), Some("D"));
        assert_eq!(entry.cover.unwrap().as_str(), "https://h.example/opds/m.jpg");
    }

    #[test]
    fn a_publication_that_is_nobodys_is_refused() {
        let (entry, notes) = read(&json!({"metadata": {"title": "T"}, "links": []}));
        assert!(entry.is_none());
        assert_eq!(notes, ["T: no identifier"]);
    }
}
