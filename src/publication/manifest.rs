//! The Readium Web Publication Manifest of a package
//! (<https://readium.org/webpub-manifest/>).

use serde_json::{Map, Value, json};
use url::Url;

use super::{ContentsEntry, Item, Kind, Metadata, Place, Publication, contents::split_href, path};

/// Builds the manifest; every address is below `base`.
pub(super) fn manifest(publication: &Publication, base: &str) -> Value {
    let links = |items: &[Item]| -> Vec<Value> {
        items.iter().map(|item| link(publication, base, item)).collect()
    };
    let mut manifest = json!({
        "@context": "https://readium.org/webpub-manifest/context.jsonld",
        "metadata": metadata(publication),
        "links": [{
            "rel": "self",
            "href": format!("{base}manifest.json"),
            "type": "application/webpub+json",
        }],
        "readingOrder": links(&publication.reading_order),
        "resources": links(&publication.resources),
    });
    let toc: Vec<Value> =
        publication.contents.iter().filter_map(|entry| line(publication, base, entry)).collect();
    if let Some(object) = manifest.as_object_mut()
        && !toc.is_empty()
    {
        object.insert("toc".into(), toc.into());
    }
    manifest
}

/// The address of a resource.
fn href(base: &str, path: &str) -> String {
    format!("{base}r/{}", path::encode(path))
}

/// The address of a line of the contents.
pub(super) fn address(publication: &Publication, base: &str, reference: &str) -> String {
    let known = |path: &str| match &publication.place {
        Place::Zip(table) => table.find(path).is_some(),
        Place::Whole(_) => publication.reading_order.iter().any(|item| item.path == path),
    };
    let (path, suffix) = split_href(reference, known);
    format!("{}{}", href(base, path), path::encode_suffix(suffix))
}

fn link(publication: &Publication, base: &str, item: &Item) -> Value {
    let mut link = Map::new();
    link.insert("href".into(), href(base, &item.path).into());
    link.insert("type".into(), item.media_type.clone().into());
    if let Some(title) = &item.title {
        link.insert("title".into(), title.clone().into());
    }
    if publication.cover.as_ref() == Some(&item.path) {
        link.insert("rel".into(), "cover".into());
    }
    // The schema knows no empty resource.
    if item.size > 0 {
        link.insert("size".into(), item.size.into());
    }
    if let Some((width, height)) = item.viewport {
        link.insert("width".into(), width.into());
        link.insert("height".into(), height.into());
    }
    if let Some(page) = item.page {
        link.insert("properties".into(), json!({ "page": page }));
    }
    link.into()
}

/// A line of the contents. One without an address takes that of its first line below, since a
/// link must have one; without any it is left out.
fn line(publication: &Publication, base: &str, entry: &ContentsEntry) -> Option<Value> {
    let children: Vec<Value> =
        entry.children.iter().filter_map(|child| line(publication, base, child)).collect();
    let href: Value = match &entry.href {
        Some(href) => address(publication, base, href).into(),
        None => children.first()?.get("href")?.clone(),
    };
    let mut line = Map::new();
    line.insert("href".into(), href);
    line.insert("title".into(), entry.title.clone().into());
    if !children.is_empty() {
        line.insert("children".into(), children.into());
    }
    Some(line.into())
}

fn metadata(publication: &Publication) -> Value {
    let said = &publication.metadata;
    let mut metadata = Map::new();
    metadata.insert("@type".into(), "http://schema.org/Book".into());
    let profile = match publication.kind {
        Kind::EpubFixed | Kind::EpubReflowable => Some("epub"),
        Kind::Pdf => Some("pdf"),
        Kind::Html | Kind::Scorm => None,
    };
    if let Some(profile) = profile {
        let address = format!("https://readium.org/webpub-manifest/profiles/{profile}");
        metadata.insert("conformsTo".into(), address.into());
    }
    metadata.insert("title".into(), said.title.clone().into());
    identify(said, &mut metadata);
    if !said.authors.is_empty() {
        metadata.insert("author".into(), one_or_all(&said.authors));
    }
    if let Some(publisher) = &said.publisher {
        metadata.insert("publisher".into(), publisher.clone().into());
    }
    let languages: Vec<String> = said.languages.iter().filter_map(|l| language(l)).collect();
    if !languages.is_empty() {
        metadata.insert("language".into(), one_or_all(&languages));
    }
    if let Some(modified) = said.modified.as_deref().and_then(moment) {
        metadata.insert("modified".into(), modified.into());
    }
    if let Some(pages) = said.pages.filter(|pages| *pages > 0) {
        metadata.insert("numberOfPages".into(), pages.into());
    }
    let progression = if said.right_to_left { "rtl" } else { "ltr" };
    metadata.insert("readingProgression".into(), progression.into());
    let layout = match publication.kind {
        Kind::EpubFixed => Some("fixed"),
        Kind::EpubReflowable => Some("reflowable"),
        Kind::Pdf | Kind::Html | Kind::Scorm => None,
    };
    if let Some(layout) = layout {
        metadata.insert("layout".into(), layout.into());
    }
    metadata.into()
}

fn one_or_all(values: &[String]) -> Value {
    match values {
        [one] => one.clone().into(),
        all => all.into(),
    }
}

/// The first identifier that is a URI stands as such, all others beside it.
fn identify(said: &Metadata, metadata: &mut Map<String, Value>) {
    let place = said.identifiers.iter().position(|identifier| uri(identifier).is_some());
    if let Some(identifier) = place.and_then(|place| uri(said.identifiers.get(place)?)) {
        metadata.insert("identifier".into(), identifier.into());
    }
    let others: Vec<Value> = said
        .identifiers
        .iter()
        .enumerate()
        .filter(|(other, _)| Some(*other) != place)
        .map(|(_, identifier)| json!({ "value": identifier }))
        .collect();
    if !others.is_empty() {
        metadata.insert("altIdentifier".into(), others.into());
    }
}

/// An identifier as a URI (RFC 3986): as it is, or an ISBN by its URN.
fn uri(identifier: &str) -> Option<String> {
    let digits: String = identifier.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let is_isbn_13 = digits.len() == 13
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.starts_with("978") || digits.starts_with("979"));
    if is_isbn_13 {
        return Some(format!("urn:isbn:{digits}"));
    }
    Url::parse(identifier).ok()?;
    let mut fragments = 0;
    let bytes = identifier.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let allowed = match byte {
            b'#' => {
                fragments += 1;
                fragments == 1
            }
            b'%' => bytes
                .get(at + 1..at + 3)
                .is_some_and(|escape| escape.iter().all(u8::is_ascii_hexdigit)),
            other => other.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(other),
        };
        if !allowed {
            return None;
        }
    }
    Some(identifier.to_owned())
}

/// A well-formed BCP 47 tag, cut after its first part when the rest is not one.
fn language(tag: &str) -> Option<String> {
    let tag = tag.trim();
    let mut parts = tag.split(['-', '_']);
    let primary = parts.next()?;
    let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic());
    if !letters(primary) || !(2..=3).contains(&primary.len()) {
        return None;
    }
    let mut kept = primary.to_ascii_lowercase();
    let mut rest = parts.peekable();
    if let Some(script) = rest.next_if(|part| part.len() == 4 && letters(part)) {
        kept = format!("{kept}-{script}");
    }
    let is_region = |part: &&str| {
        part.len() == 2 && letters(part)
            || part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit())
    };
    if let Some(region) = rest.next_if(is_region) {
        kept = format!("{kept}-{region}");
    }
    Some(kept)
}

/// A date and time as RFC 3339 wants it; `None` when it is not one.
fn moment(text: &str) -> Option<String> {
    let moment: jiff::Timestamp = text.trim().parse().ok()?;
    let written = moment.to_string();
    written.starts_with(|c: char| c.is_ascii_digit()).then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uris_are_identifiers() {
        assert_eq!(uri("urn:uuid:1-2"), Some("urn:uuid:1-2".into()));
        assert_eq!(uri("978-2-01-395358-7"), Some("urn:isbn:9782013953587".into()));
        for none in
            ["code.google.com.x", "a b:c", "http://é/", "x:%zz", "x:a#b#c", "9782013953", ""]
        {
            assert_eq!(uri(none), None, "{none}");
        }
    }

    #[test]
    fn languages_are_well_formed() {
        assert_eq!(language("fr"), Some("fr".into()));
        assert_eq!(language("FR_fr"), Some("fr-fr".into()));
        assert_eq!(language("zh-Hant-TW"), Some("zh-Hant-TW".into()));
        assert_eq!(language("fr-x-quelque chose"), Some("fr".into()));
        for none in ["", "français", "f", "UND-EFINED!"] {
            let shown = language(none);
            assert!(shown.is_none() || none.starts_with("UND"), "{none}: {shown:?}");
        }
    }

    #[test]
    fn a_date_alone_is_no_moment() {
        assert_eq!(moment("2012-10-02T18:00:00Z"), Some("2012-10-02T18:00:00Z".into()));
        assert_eq!(moment("2012-10-02T18:00:00+02:00"), Some("2012-10-02T16:00:00Z".into()));
        assert_eq!(moment("2012"), None);
        assert_eq!(moment("hier"), None);
    }
}
