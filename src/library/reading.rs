//! The plain reader: one page or chapter of a manual at a time, in a frame, with links that turn
//! the pages.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, State},
    http::{Response, StatusCode},
};

use super::{
    Shared,
    pages::{error, not_found},
    portal::Reader,
    refusal,
    request::{Asked, page},
    shelf::Book,
    shell::Shell,
    words::Speech,
};
use crate::{
    publication::{ContentsEntry, Item, Kind, Publication, encode_path},
    store::BlobId,
};

/// Lines of a table of contents that are shown.
const MAX_LINES: usize = 1000;
/// Levels of it that are told apart.
const DEEPEST_LEVEL: usize = 3;

/// A line of a table of contents.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub title: String,
    /// The reader's page it leads to.
    pub href: Option<String>,
    /// How deep it stands, 0 to 3.
    pub level: usize,
}

#[derive(Template)]
#[template(path = "reader.html")]
struct ReaderPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    title: &'a str,
    page: usize,
    pages: usize,
    book: String,
    position: String,
    previous: Option<String>,
    next: Option<String>,
    viewport: Option<(u32, u32)>,
    src: String,
    frame_title: String,
    sandboxed: bool,
    contents: Vec<Line>,
}

/// A manual that may be read now, open.
pub struct Opened {
    /// The package.
    pub blob: BlobId,
    /// Whose it is.
    pub book: Arc<Book>,
    /// What is in it.
    pub publication: Arc<Publication>,
}

/// Opens a manual for its reader, or answers why it cannot be.
pub async fn open(
    shared: &Shared,
    asked: &Asked,
    blob: &str,
) -> Result<Opened, Box<Response<Body>>> {
    let say = shared.words.speak(asked.language);
    let (view, now) = (shared.view.borrow().clone(), asked.now);
    let known = blob.parse::<BlobId>().ok().and_then(|b| {
        Some((b, shared.store.package(&b)?, view.shelf.book_of(&b, &asked.visitor, now)?))
    });
    let Some((blob, package, (book, right))) = known else {
        return Err(Box::new(not_found(shared, asked)));
    };
    let book = book.clone();
    let heading = || say.say("not-lent-title").into_owned();
    if !right.is_lent() {
        let why = refusal::reason(&say, right);
        return Err(Box::new(error(shared, asked, StatusCode::FORBIDDEN, heading(), why)));
    }
    match shared.packages.open(&package).await {
        Ok(publication) => {
            shared.store.lent(&blob, now);
            let reader = asked.session().map(|session| session.person.id.as_str());
            shared.indicators.touched(&book.holding.id, reader, now);
            Ok(Opened { blob, book, publication })
        }
        Err(reason) => {
            let why = say.say_with("explain-damaged", "reason", reason.to_string()).into_owned();
            Err(Box::new(error(shared, asked, StatusCode::BAD_GATEWAY, heading(), why)))
        }
    }
}

/// `/lire/{blob}/{page}`, pages counted from 1; `?ouvrir=` names a place of the package to show in
/// the stead of the page: a fragment of it, or a document outside the reading order.
pub async fn read(
    State(shared): State<Arc<Shared>>,
    Path((blob, number)): Path<(String, usize)>,
    Reader(asked): Reader,
) -> Response<Body> {
    let Opened { blob, book, publication } = match open(&shared, &asked, &blob).await {
        Ok(opened) => opened,
        Err(refused) => return *refused,
    };
    let say = shared.words.speak(asked.language);
    let order = &publication.reading_order;
    let Some(item) = number.checked_sub(1).and_then(|place| order.get(place)) else {
        return not_found(&shared, &asked);
    };
    let base = match publication.kind {
        Kind::Pdf => format!("/p/{blob}/"),
        _ => frames(&shared, &asked, &blob),
    };
    let turned = |n: usize| format!("/lire/{blob}/{n}");
    let title = book.holding.title.as_str();
    let (here, all) = (("page", number.into()), ("pages", order.len().into()));
    let content = ReaderPage {
        say,
        shell: Shell::of(&shared, &asked),
        title,
        page: number,
        pages: order.len(),
        book: format!("/livre/{}", book.slug),
        position: say.say_with_two("reader-position", here, all).into_owned(),
        previous: (number > 1).then(|| turned(number - 1)),
        next: (number < order.len()).then(|| turned(number + 1)),
        viewport: item.viewport.filter(|_| publication.kind == Kind::EpubFixed),
        src: source(&publication, &base, item, asked.value("ouvrir")),
        frame_title: say
            .say_with_two("page-frame", ("title", title.to_owned().into()), ("page", number.into()))
            .into_owned(),
        sandboxed: publication.kind != Kind::Pdf,
        contents: contents(&publication, &blob),
    };
    page(&asked, StatusCode::OK, &content)
}

/// Where the frames of a package find it. A frame in an origin of its own sends no cookie: its
/// address says by what right.
pub fn frames(shared: &Shared, asked: &Asked, blob: &BlobId) -> String {
    match asked.session() {
        Some(session) => format!("/p/{blob}~{}/", shared.access.capability(session, blob)),
        None => format!("/p/{blob}/"),
    }
}

/// The address of a page, or of the place of the package that was asked for, if there is one.
fn source(publication: &Publication, base: &str, item: &Item, place: &str) -> String {
    if publication.resource(path_of(place)).is_some() {
        return publication.address(base, place);
    }
    format!("{base}r/{}", encode_path(&item.path))
}

/// A reference without its query and fragment.
fn path_of(href: &str) -> &str {
    href.split(['?', '#']).next().unwrap_or_default()
}

/// The table of contents, each line leading to a page of the reader.
pub fn contents(publication: &Publication, blob: &BlobId) -> Vec<Line> {
    let order = &publication.reading_order;
    let places: HashMap<&str, usize> =
        order.iter().enumerate().map(|(n, item)| (item.path.as_str(), n + 1)).collect();
    let mut lines = Vec::new();
    flatten(&publication.contents, 0, &mut lines, &|href| {
        if let Some(place) = places.get(href) {
            return Some(format!("/lire/{blob}/{place}"));
        }
        // A fragment, or a page of a web site, which has only its start in the reading order.
        let place = places.get(path_of(href)).copied().unwrap_or(1);
        publication.resource(path_of(href))?;
        let open: String = url::form_urlencoded::byte_serialize(href.as_bytes()).collect();
        Some(format!("/lire/{blob}/{place}?ouvrir={open}"))
    });
    lines
}

fn flatten(
    entries: &[ContentsEntry],
    level: usize,
    lines: &mut Vec<Line>,
    leads_to: &dyn Fn(&str) -> Option<String>,
) {
    for entry in entries {
        if lines.len() >= MAX_LINES {
            return;
        }
        lines.push(Line {
            title: entry.title.clone(),
            href: entry.href.as_deref().and_then(leads_to),
            level: level.min(DEEPEST_LEVEL),
        });
        flatten(&entry.children, level + 1, lines, leads_to);
    }
}

/// What the package says of itself that the catalogue does not.
pub fn facts(publication: &Publication, say: &Speech<'_>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let authors = publication.metadata.authors.join(", ");
    if !authors.is_empty() {
        facts.push((say.say("authors").into_owned(), authors));
    }
    let pages = match publication.kind {
        Kind::EpubFixed => u32::try_from(publication.reading_order.len()).ok(),
        _ => publication.metadata.pages,
    };
    if let Some(pages) = pages {
        facts.push((say.say("pages").into_owned(), pages.to_string()));
    }
    facts
}
