//! The portal's pages: a book's, help, and where each address leads. Every one works without
//! JavaScript.

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
use url::Url;

use super::{
    Shared, assets,
    card::Card,
    opds, portal,
    portal::Reader,
    reader,
    reading::{self, Line},
    request::{Asked, page},
    search_page,
    shelf::Book,
    shelf_page,
    shell::Shell,
    takehome,
    words::Speech,
};
use crate::catalogue::Holding;

/// The style of every page.
pub const STYLE: &str = include_str!("assets/style.css");
/// The roof.
pub const ICON: &str = include_str!("assets/icon.svg");

/// The routes of every page.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/recherche", get(search_page::search))
        .route("/recherche/liste", get(search_page::list))
        .route("/livre/{slug}", get(book))
        .route("/lire/{blob}", get(reader::app))
        .route("/lire/{blob}/{page}", get(reading::read))
        .route("/aide", get(help))
        .route("/opds", get(opds::feed))
        .route("/opds/recherche", get(opds::search))
        .route("/opds/authentification", get(opds::authentication))
        .route("/static/web/{file}", get(assets::serve))
        // A service worker rules over the paths below its own address.
        .route("/sw.js", get(|headers: HeaderMap| async move { assets::stable("sw.js", &headers) }))
        .route("/static/style.css", get(|| async { asset(STYLE, "text/css; charset=utf-8") }))
        .route("/static/icon.svg", get(|| async { asset(ICON, "image/svg+xml") }))
        .route("/favicon.ico", get(|| async { asset(ICON, "image/svg+xml") }))
        .merge(takehome::router())
        .merge(portal::router())
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
#[template(path = "book.html")]
struct BookPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    card: Card,
    explain: Option<String>,
    online: Option<String>,
    read: Option<String>,
    downloads: Vec<Download>,
    takehome: Option<takehome::Offered>,
    moment: Option<MomentForm>,
    description: Option<&'a str>,
    facts: Vec<(String, String)>,
    contents: Vec<Line>,
}

/// What a teacher needs to bring a class to a page.
struct MomentForm {
    csrf: String,
    blob: String,
}

/// A package to take away.
struct Download {
    href: String,
    text: String,
}

async fn book(
    State(shared): State<Arc<Shared>>,
    Path(slug): Path<String>,
    Reader(asked): Reader,
) -> Response<Body> {
    let (say, view) = (shared.words.speak(asked.language), shared.view.borrow().clone());
    let Some(book) = view.shelf.book(&slug) else { return not_found(&shared, &asked) };
    let card = shelf_page::card(book, &asked, &shared.progress.borrow().clone(), &say);
    let lent = book.is_lent(&asked.visitor, asked.now);
    let mut explain = card.state.explain.clone();
    let mut facts = facts(&book.holding, &say);
    let (mut contents, mut read) = (Vec::new(), None);
    if let Some(package) = book.main().filter(|_| lent) {
        match shared.packages.open(package).await {
            Ok(publication) => {
                read = Some(format!("/lire/{}", package.blob));
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
    let teacher = asked.session().filter(|session| session.person.role.teaches());
    let moment = teacher.zip(read.as_ref().and(book.main())).map(|(session, package)| MomentForm {
        csrf: session.csrf.clone(),
        blob: package.blob.to_string(),
    });
    let content = BookPage {
        say,
        shell: Shell::of(&shared, &asked),
        card,
        explain,
        online,
        takehome: read.as_ref().and_then(|_| takehome::Offered::of(&shared, book, &asked, &say)),
        read,
        moment,
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
    shell: Shell<'a>,
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
        shell: Shell::of(&shared, &asked),
        feed: format!("{}/opds", asked.origin()),
        sources: sources.collect(),
    };
    page(&asked, StatusCode::OK, &content)
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
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
    let shell = Shell::of(shared, asked);
    page(asked, status, &ErrorPage { say, shell, heading, text })
}
