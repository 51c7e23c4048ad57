//! OPDS 2.0 feeds (<https://specs.opds.io/>): publications with their packages, and the pages to
//! follow. Pure: bytes in, entries out.

mod authentication;
mod link;
mod publication;

use jiff::tz::TimeZone;
use serde_json::Value;
use url::Url;

pub use self::authentication::sign_in;
use self::link::{Link, links};
use super::{
    entry::{Entry, MAX_ENTRIES},
    lenient::{self, BadAnswer, list},
    text::Notes,
};

/// Groups looked into on one page.
const MAX_GROUPS: usize = 200;
/// Pages that one page may lead to.
const MAX_FOLLOWED: usize = 1_000;

/// Where a page came from, which is needed to understand it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The source's name.
    pub source: String,
    /// Address that answered.
    pub url: Url,
    /// The zone of dates without offset.
    pub zone: TimeZone,
}

/// One page of a feed.
#[derive(Debug, Default)]
pub struct Page {
    /// Publications, those of groups included.
    pub entries: Vec<Entry>,
    /// The list's next page.
    pub next: Option<Url>,
    /// Feeds below this one; facets and searches are not.
    pub below: Vec<Url>,
    /// What was left out, with the reason.
    pub refused: Vec<String>,
}

/// Reads a feed's page, or a single publication's manifest in the place of one.
pub fn page(bytes: &[u8], origin: &Origin) -> Result<Page, BadAnswer> {
    let document = lenient::json(bytes)?;
    let base = base(&document, &origin.url);
    let mut notes = Notes::default();
    let mut page = Page::default();
    let is_feed =
        ["publications", "navigation", "groups"].iter().any(|key| document.get(*key).is_some());
    if is_feed {
        read_feed(&document, &base, origin, &mut page, &mut notes);
    } else if is_publication(&document) {
        page.entries.extend(publication::entry(&document, &base, origin, &mut notes));
    } else if !document.get("metadata").is_some_and(Value::is_object)
        || !document.get("links").is_some_and(Value::is_array)
    {
        return Err(BadAnswer::Unexpected {
            found: lenient::looks_like(&document),
            expected: "an OPDS 2.0 feed (publications, navigation or groups)",
        });
    }
    page.refused = notes.into_lines();
    Ok(page)
}

/// A manifest has a reading order, or at least a package to acquire.
fn is_publication(document: &Value) -> bool {
    document.get("metadata").is_some_and(Value::is_object)
        && (document.get("readingOrder").is_some() || links(document, "links").any(Link::acquires))
}

/// What relative links are relative to: the page's own address, or the `self` that it names on
/// the same site (RWPM §2.2). A `self` elsewhere is where the page was copied from: following it
/// would leave the copy.
fn base(document: &Value, url: &Url) -> Url {
    links(document, "links")
        .find(|link| link.has_rel("self"))
        .and_then(|link| Url::parse(link.href).ok())
        .filter(|own| own.origin() == url.origin())
        .unwrap_or_else(|| url.clone())
}

fn read_feed(document: &Value, base: &Url, origin: &Origin, page: &mut Page, notes: &mut Notes) {
    read_list(document, base, origin, page, notes);
    let next = links(document, "links").find(|link| link.has_rel("next"));
    page.next = next.and_then(|link| link.resolved(base));
    for group in list(document, "groups").iter().take(MAX_GROUPS) {
        read_list(group, base, origin, page, notes);
        // A group shows the first few; its `self` is the whole list (OPDS 2.0 §2.4).
        let whole = links(group, "links").filter(|link| link.has_rel("self") && link.is_feed());
        page.below.extend(whole.filter_map(|link| link.resolved(base)).take(1));
    }
    page.below.truncate(MAX_FOLLOWED);
}

/// The `publications` and `navigation` of a feed or a group.
fn read_list(part: &Value, base: &Url, origin: &Origin, page: &mut Page, notes: &mut Notes) {
    for value in list(part, "publications") {
        if page.entries.len() >= MAX_ENTRIES {
            notes.add(&format!("publications past the first {MAX_ENTRIES} of a page"));
            return;
        }
        page.entries.extend(publication::entry(value, base, origin, notes));
    }
    let below = links(part, "navigation").filter(Link::is_feed);
    let room = MAX_FOLLOWED.saturating_sub(page.below.len());
    page.below.extend(below.filter_map(|link| link.resolved(base)).take(room));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub(super) fn origin() -> Origin {
        Origin {
            source: "feed".into(),
            url: "https://h.example/opds/1.json".parse().unwrap(),
            zone: TimeZone::get("Europe/Paris").unwrap(),
        }
    }

    fn read(document: &Value) -> Page {
        page(document.to_string().as_bytes(), &origin()).unwrap()
    }

    #[test]
    fn facets_and_searches_are_not_followed_but_groups_and_navigation_are() {
        let page = read(&json!({
            "metadata": {"title": "F"},
            "links": [{"rel": ["next"], "href": "2.json"}, {"rel": "search", "href": "s{?q}", "templated": true}],
            "navigation": [{"href": "/all.json", "title": "A", "type": "application/opds+json"},
                           {"href": "help.html", "title": "H", "type": "text/html"}],
            "facets": [{"links": [{"href": "facet.json", "type": "application/opds+json"}]}],
            "groups": {"metadata": {"title": "G"}, "links": {"rel": "self", "href": "g.json"},
                       "navigation": [{"href": "n.json", "type": "application/opds+json;charset=utf-8"}]},
        }));
        assert_eq!(page.next.unwrap().as_str(), "https://h.example/opds/2.json");
        let below: Vec<_> = page.below.iter().map(Url::as_str).collect();
        assert_eq!(
            below,
            [
                "https://h.example/all.json",
                "https://h.example/opds/n.json",
                "https://h.example/opds/g.json"
            ]
        );
    }

    #[test]
    fn a_self_elsewhere_does_not_lead_away() {
        let feed = |own: &str| {
            json!({"metadata": {}, "links": [{"rel": "self", "href": own}, {"rel": "next", "href": "2"}],
                   "publications": []})
        };
        let next = |own| read(&feed(own)).next.unwrap().to_string();
        assert_eq!(next("https://elsewhere.example/x/1.json"), "https://h.example/opds/2");
        assert_eq!(next("https://h.example/other/1.json"), "https://h.example/other/2");
    }

    #[test]
    fn a_page_of_something_else_is_an_error() {
        for other in ["{}", "[]", "<html/>", "{\"metadata\":{}}", "{\"listeRessources\":{}}"] {
            assert!(page(other.as_bytes(), &origin()).is_err(), "{other}");
        }
        let empty = read(&json!({"metadata": {"title": "rien"}, "links": []}));
        assert!(empty.entries.is_empty());
    }
}
