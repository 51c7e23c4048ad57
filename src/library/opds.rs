//! The catalogue for reading apps: OPDS 2.0, of what can be read here and now.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderValue, Response, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, LINK, WWW_AUTHENTICATE},
    },
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{Shared, request::Asked, shelf::Book};
use crate::access::Visitor;

/// Publications on one page of the feed.
const PUBLICATIONS_A_PAGE: usize = 100;
/// Packages opened at once to learn the type of their covers.
const OPENED_AT_ONCE: usize = 4;
const FEED: &str = "application/opds+json";
const AUTHENTICATION: &str = "application/opds-authentication+json";
const DOCUMENT: &str = "/opds/authentification";
const ACQUISITION: &str = "http://opds-spec.org/acquisition";
const OPEN_ACCESS: &str = "http://opds-spec.org/acquisition/open-access";

/// `/opds`: every book that can be read, page by page.
pub async fn feed(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    if matches!(asked.visitor, Visitor::Nobody) {
        return unauthorized(&shared, &asked);
    }
    let view = shared.view.borrow().clone();
    let lent = |b: &&Arc<Book>| b.is_lent(&asked.visitor, asked.now);
    let books: Vec<_> = view.shelf.books.iter().filter(lent).cloned().collect();
    answer(&shared, &asked, &books).await
}

/// `/opds/recherche?query=`: those that a search finds.
pub async fn search(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    if matches!(asked.visitor, Visitor::Nobody) {
        return unauthorized(&shared, &asked);
    }
    let view = shared.view.borrow().clone();
    let found = view.index.find(asked.value("query"));
    let books: Vec<_> = found
        .iter()
        .filter_map(|place| view.shelf.books.get(*place))
        .filter(|b| b.is_lent(&asked.visitor, asked.now))
        .cloned()
        .collect();
    answer(&shared, &asked, &books).await
}

/// `/opds/authentification`: how an app signs in (Authentication for OPDS 1.0), open to all.
pub async fn authentication(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    document(&shared, &asked)
}

/// The same, to an app that did not sign in (§2.1).
fn unauthorized(shared: &Shared, asked: &Asked) -> Response<Body> {
    let mut response = document(shared, asked);
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let fields = response.headers_mut();
    let basic = HeaderValue::from_static("Basic realm=\"Preau\", charset=\"UTF-8\"");
    fields.insert(WWW_AUTHENTICATE, basic);
    let link = format!(
        "<{}{DOCUMENT}>; rel=\"http://opds-spec.org/auth/document\"; type=\"{AUTHENTICATION}\"",
        asked.origin()
    );
    fields.extend(HeaderValue::from_str(&link).ok().map(|link| (LINK, link)));
    response
}

fn document(shared: &Shared, asked: &Asked) -> Response<Body> {
    let (say, origin) = (shared.words.speak(asked.language), asked.origin());
    let link = |rel: &str, path: &str, media_type: &str| json!({"rel": rel, "href": format!("{origin}{path}"), "type": media_type});
    let document = json!({
        "id": format!("{origin}{DOCUMENT}"),
        "title": shared.school,
        "description": say.say("opds-sign-in"),
        "links": [
            link("logo", "/static/icon.svg", "image/svg+xml"),
            link("help", "/aide", "text/html"),
            link("register", "/moi", "text/html"),
        ],
        "authentication": [{
            "type": "http://opds-spec.org/auth/basic",
            "labels": {"login": say.say("opds-login"), "password": say.say("opds-password")},
        }],
    });
    let mut response = Response::new(Body::from(document.to_string()));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(AUTHENTICATION));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn answer(shared: &Arc<Shared>, asked: &Asked, books: &[Arc<Book>]) -> Response<Body> {
    let school = shared.school.as_str();
    let number = asked.number("page");
    let start = (number - 1).saturating_mul(PUBLICATIONS_A_PAGE);
    let turned = |n: usize| asked.with("page", &n.to_string());
    let link = |rel: &str, href: String| json!({"rel": rel, "href": href, "type": FEED});
    let mut links = vec![
        link("self", if number > 1 { turned(number) } else { asked.with("page", "") }),
        link("start", "/opds".to_owned()),
        json!({"rel": "search", "href": "/opds/recherche{?query}", "type": FEED, "templated": true}),
    ];
    if number > 1 {
        links.push(link("previous", turned(number - 1)));
    }
    if start.saturating_add(PUBLICATIONS_A_PAGE) < books.len() {
        links.push(link("next", turned(number + 1)));
    }
    let shown: Vec<_> = books
        .iter()
        .skip(start)
        .take(PUBLICATIONS_A_PAGE)
        .map(|b| (shared.clone(), b.clone()))
        .collect();
    let publications: Vec<_> = stream::iter(shown)
        .map(|(shared, book)| async move { publication(&shared, &book).await })
        .buffered(OPENED_AT_ONCE)
        .collect()
        .await;
    let mut feed = json!({
        "metadata": {
            "title": school,
            "numberOfItems": books.len(),
            "itemsPerPage": PUBLICATIONS_A_PAGE,
            "currentPage": number,
        },
        "links": links,
        "publications": publications,
    });
    // The schema wants a collection that is not empty; an empty shelf is a navigation to itself.
    if start >= books.len()
        && let Some(feed) = feed.as_object_mut()
    {
        feed.remove("publications");
        let title = json!({"href": "/opds", "title": school, "type": FEED});
        feed.insert("navigation".to_owned(), json!([title]));
    }
    let mut response = Response::new(Body::from(feed.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FEED));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

async fn publication(shared: &Shared, book: &Book) -> Value {
    let holding = &book.holding;
    let mut metadata = json!({
        "@type": "http://schema.org/Book",
        "identifier": uri(&holding.id),
        "title": holding.title,
    });
    let subjects: Vec<_> = holding.subjects.iter().map(|name| json!({"name": name})).collect();
    let others: Vec<_> =
        holding.identifiers.iter().filter(|id| **id != holding.id).map(|id| uri(id)).collect();
    let modified = book.packages.iter().map(|p| p.stored_at).max();
    let optional = [
        ("publisher", holding.publisher.clone().map(Value::from)),
        ("language", holding.language.clone().map(Value::from)),
        ("description", holding.description.clone().map(Value::from)),
        ("subject", (!subjects.is_empty()).then(|| subjects.into())),
        ("altIdentifier", (!others.is_empty()).then(|| others.into())),
        ("modified", modified.map(|at| at.to_string().into())),
    ];
    if let Some(metadata) = metadata.as_object_mut() {
        for (key, value) in optional {
            metadata.extend(value.map(|value| (key.to_owned(), value)));
        }
    }
    json!({
        "metadata": metadata,
        "links": links(book, shared.access.required()),
        "images": images(shared, book).await,
    })
}

fn links(book: &Book, signed_in: bool) -> Vec<Value> {
    let until = book.holding.licences.iter().filter_map(|l| l.until).max();
    let mut links = Vec::new();
    for package in &book.packages {
        let blob = package.blob;
        let mut properties = json!({"hash": [{"algorithm": "sha256", "value": blob.to_string()}]});
        if let Some(until) = until {
            properties["availability"] = json!({"state": "available", "until": until.to_string()});
        }
        if signed_in {
            properties["authenticate"] = json!({"href": DOCUMENT, "type": AUTHENTICATION});
        }
        links.push(json!({
            "rel": if signed_in { ACQUISITION } else { OPEN_ACCESS },
            "href": format!("/p/{blob}/package"),
            "type": package.description.media_type,
            "size": package.size,
            "properties": properties,
        }));
        links.push(json!({
            "rel": "alternate",
            "href": format!("/p/{blob}/manifest.json"),
            "type": "application/webpub+json",
        }));
    }
    links.push(json!({
        "rel": "alternate",
        "href": format!("/livre/{}", book.slug),
        "type": "text/html",
    }));
    links
}

async fn images(shared: &Shared, book: &Book) -> Vec<Value> {
    let Some(package) = book.main() else { return Vec::new() };
    let media_type = shared.packages.cover_type(package).await;
    vec![json!({"href": format!("/p/{}/cover", package.blob), "type": media_type})]
}

/// An identifier as a URI.
fn uri(identifier: &str) -> String {
    match identifier.split_once(':') {
        Some(("isbn", digits)) => format!("urn:isbn:{digits}"),
        Some(("ark" | "urn" | "http" | "https", _)) => identifier.to_owned(),
        _ => {
            let encoded: String =
                url::form_urlencoded::byte_serialize(identifier.as_bytes()).collect();
            format!("urn:preau:{encoded}")
        }
    }
}
