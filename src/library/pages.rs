//! The portal's pages: shelf, search, book, help. Every one works without JavaScript.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderValue, Response, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    routing::get,
};
use jiff::Timestamp;
use url::Url;

use super::{
    Shared, assets,
    card::Card,
    opds,
    reading::{self, Line},
    request::{Asked, page},
    shelf::{Book, Shelf},
    takehome,
    words::Speech,
};
use crate::{access::Reader, catalogue::Holding};

/// Books on one page of the shelf, or of what a search found.
const BOOKS_A_PAGE: usize = 60;
/// Subjects offered as filters.
const MAX_SUBJECTS: usize = 40;
/// Characters of a query that are shown and looked at.
const MAX_QUERY_CHARS: usize = 200;

/// The style of every page.
pub const STYLE: &str = include_str!("assets/style.css");
/// The roof.
pub const ICON: &str = include_str!("assets/icon.svg");

/// The routes of every page.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(shelf))
        .route("/recherche", get(search))
        .route("/livre/{slug}", get(book))
        .route("/lire/{blob}/{page}", get(reading::read))
        .route("/aide", get(help))
        .route("/opds", get(opds::feed))
        .route("/opds/recherche", get(opds::search))
        .route("/static/web/{file}", get(assets::serve))
        // A service worker rules over the paths below its own address.
        .route("/sw.js", get(|headers: HeaderMap| async move { assets::stable("sw.js", &headers) }))
        .route("/static/style.css", get(|| async { asset(STYLE, "text/css; charset=utf-8") }))
        .route("/static/icon.svg", get(|| async { asset(ICON, "image/svg+xml") }))
        .route("/favicon.ico", get(|| async { asset(ICON, "image/svg+xml") }))
        .merge(takehome::router())
        .fallback(unknown)
        .with_state(shared)
}

fn asset(text: &'static str, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let hour = HeaderValue::from_static("public, max-age=3600");
    response.headers_mut().insert(CACHE_CONTROL, hour);
    response
}

#[derive(Template)]
#[template(path = "shelf.html")]
struct ShelfPage<'a> {
    say: Speech<'a>,
    school: &'a str,
    switch: String,
    stale: Option<String>,
    subjects: Vec<Chip>,
    subject: &'a str,
    count: String,
    cards: Vec<Card>,
    previous: Option<String>,
    next: Option<String>,
}

/// A subject to filter by.
struct Chip {
    name: String,
    count: usize,
    href: String,
}

async fn shelf(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let (say, view) = (shared.words.speak(asked.language), shared.view.borrow().clone());
    let subject = asked.value("matiere");
    let of_subject =
        |b: &&Arc<Book>| subject.is_empty() || b.holding.subjects.iter().any(|s| s == subject);
    let books: Vec<_> = view.shelf.books.iter().filter(of_subject).collect();
    let number = asked.number("page");
    let start = (number - 1).saturating_mul(BOOKS_A_PAGE);
    let shown = books.iter().skip(start).take(BOOKS_A_PAGE);
    let turned = |n: usize| asked.with("page", &n.to_string());
    let content = ShelfPage {
        say,
        school: &shared.school,
        switch: asked.switch(),
        stale: stale(&view.shelf, &say),
        subjects: chips(&view.shelf),
        subject,
        count: say.say_with("shelf-count", "count", books.len()).into_owned(),
        cards: cards(&shared, &say, shown.copied()),
        previous: (number > 1).then(|| turned(number - 1)),
        next: (start.saturating_add(BOOKS_A_PAGE) < books.len()).then(|| turned(number + 1)),
    };
    page(&asked, StatusCode::OK, &content)
}

fn chips(shelf: &Shelf) -> Vec<Chip> {
    let chip = |(name, count): (&str, usize)| {
        let query: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        Chip { name: name.to_owned(), count, href: format!("/?matiere={query}") }
    };
    shelf.subjects().into_iter().take(MAX_SUBJECTS).map(chip).collect()
}

/// Says how old the catalogue is, when a source did not answer the last time.
fn stale(shelf: &Shelf, say: &Speech<'_>) -> Option<String> {
    let oldest = shelf.sources.iter().filter(|s| s.failure.is_some()).map(|s| s.good_at).min()?;
    let date = oldest.map_or_else(|| say.say("source-never").into_owned(), |at| say.moment(at));
    Some(say.say_with("stale", "date", date).into_owned())
}

fn cards<'a>(
    shared: &Shared,
    say: &Speech<'_>,
    books: impl Iterator<Item = &'a Arc<Book>>,
) -> Vec<Card> {
    let (progress, now) = (shared.progress.borrow().clone(), Timestamp::now());
    books.map(|book| Card::of(book, &progress, say, now)).collect()
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage<'a> {
    say: Speech<'a>,
    school: &'a str,
    switch: String,
    query: &'a str,
    found: String,
    cards: Vec<Card>,
}

async fn search(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let (say, view) = (shared.words.speak(asked.language), shared.view.borrow().clone());
    let query: String = asked.value("q").chars().take(MAX_QUERY_CHARS).collect();
    let found = view.index.find(&query);
    let books = found.iter().filter_map(|place| view.shelf.books.get(*place));
    let content = SearchPage {
        say,
        school: &shared.school,
        switch: asked.switch(),
        query: &query,
        found: say
            .say_with_two(
                "search-found",
                ("count", found.len().into()),
                ("query", query.clone().into()),
            )
            .into_owned(),
        cards: cards(&shared, &say, books.take(BOOKS_A_PAGE)),
    };
    page(&asked, StatusCode::OK, &content)
}

#[derive(Template)]
#[template(path = "book.html")]
struct BookPage<'a> {
    say: Speech<'a>,
    school: &'a str,
    switch: String,
    card: Card,
    explain: Option<String>,
    online: Option<String>,
    read: Option<String>,
    downloads: Vec<Download>,
    takehome: Option<takehome::Offered>,
    description: Option<&'a str>,
    facts: Vec<(String, String)>,
    contents: Vec<Line>,
}

/// A package to take away.
struct Download {
    href: String,
    text: String,
}

async fn book(
    State(shared): State<Arc<Shared>>,
    Path(slug): Path<String>,
    asked: Asked,
) -> Response<Body> {
    let (say, view) = (shared.words.speak(asked.language), shared.view.borrow().clone());
    let Some(book) = view.shelf.book(&slug) else { return not_found(&shared, &asked) };
    let (progress, now) = (shared.progress.borrow().clone(), Timestamp::now());
    let card = Card::of(book, &progress, &say, now);
    let lent = book.is_lent(now);
    let mut explain = card.state.explain.clone();
    let mut facts = facts(&book.holding, &say);
    let (mut contents, mut read) = (Vec::new(), None);
    if let Some(package) = book.main().filter(|_| lent) {
        match shared.packages.open(package).await {
            Ok(publication) => {
                read = Some(format!("/lire/{}/1", package.blob));
                contents = reading::contents(&publication, &package.blob);
                facts.extend(reading::facts(&publication, &say));
            }
            Err(reason) => {
                let said = say.say_with("explain-damaged", "reason", reason.to_string());
                explain = Some(said.into_owned());
            }
        }
    }
    // A source's word: no other scheme may become a link (`javascript:`).
    let is_web = |url: &&Url| matches!(url.scheme(), "http" | "https");
    let online = book.holding.online.as_ref().filter(is_web).filter(|_| read.is_none());
    let online = online.map(ToString::to_string);
    let content = BookPage {
        say,
        school: &shared.school,
        switch: asked.switch(),
        card,
        explain,
        online,
        takehome: read
            .as_ref()
            .and_then(|_| takehome::Offered::of(book, Reader::Anyone, &say, now)),
        read,
        downloads: if lent { downloads(book, &say) } else { Vec::new() },
        description: book.holding.description.as_deref(),
        facts,
        contents,
    };
    page(&asked, StatusCode::OK, &content)
}

fn downloads(book: &Book, say: &Speech<'_>) -> Vec<Download> {
    let download = |package: &Arc<crate::store::Sidecar>| {
        let format = match package.description.media_type.as_str() {
            "application/epub+zip" => "format-epub",
            "application/pdf" => "format-pdf",
            _ => "format-web",
        };
        let text = say.say_with_two(
            "download-as",
            ("format", say.say(format).into_owned().into()),
            ("size", say.size(package.size).into()),
        );
        Download { href: format!("/p/{}/package", package.blob), text: text.into_owned() }
    };
    book.packages.iter().map(download).collect()
}

fn facts(holding: &Holding, say: &Speech<'_>) -> Vec<(String, String)> {
    let until = holding.licences.iter().filter_map(|l| l.until).max();
    let values = [
        ("publisher", holding.publisher.clone().unwrap_or_default()),
        ("book-subjects", holding.subjects.join(", ")),
        ("book-levels", holding.levels.join(", ")),
        ("available-until", until.map(|at| say.day(at)).unwrap_or_default()),
        ("identifier", holding.identifiers.join(", ")),
    ];
    let said = values.into_iter().filter(|(_, value)| !value.is_empty());
    said.map(|(id, value)| (say.say(id).into_owned(), value)).collect()
}

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage<'a> {
    say: Speech<'a>,
    school: &'a str,
    switch: String,
    feed: String,
    sources: Vec<(String, String, String)>,
}

async fn help(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let (say, view) = (shared.words.speak(asked.language), shared.view.borrow().clone());
    let sources = view.shelf.sources.iter().map(|source| {
        let good = source
            .good_at
            .map_or_else(|| say.say("source-never").into_owned(), |at| say.moment(at));
        let state = if source.failure.is_some() { "source-failing" } else { "source-fine" };
        (source.name.clone(), good, say.say(state).into_owned())
    });
    let content = HelpPage {
        say,
        school: &shared.school,
        switch: asked.switch(),
        feed: format!("{}/opds", asked.origin()),
        sources: sources.collect(),
    };
    page(&asked, StatusCode::OK, &content)
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    say: Speech<'a>,
    school: &'a str,
    switch: String,
    heading: String,
    text: String,
}

async fn unknown(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    not_found(&shared, &asked)
}

/// A page for an address that leads nowhere.
pub fn not_found(shared: &Shared, asked: &Asked) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let (heading, text) = (say.say("error-title"), say.say("error-text"));
    error(shared, asked, StatusCode::NOT_FOUND, heading.into_owned(), text.into_owned())
}

/// A page that says why there is none.
pub fn error(
    shared: &Shared,
    asked: &Asked,
    status: StatusCode,
    heading: String,
    text: String,
) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let switch = asked.switch();
    page(asked, status, &ErrorPage { say, school: &shared.school, switch, heading, text })
}
