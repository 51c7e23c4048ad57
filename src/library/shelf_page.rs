//! *Mon étagère*: one's own manuals first, then the school's.
//!
//! A page is made once for everyone who may see the very same, and kept until something on it
//! changes: a whole class comes within a minute.

mod kept;

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use http::{Response, request::Parts};
use jiff::Timestamp;

pub use self::kept::Kept;
use self::kept::{Made, Wanted};
use super::{
    Shared, View,
    card::Card,
    mine::is_mine,
    portal,
    request::{Asked, visitor},
    shelf::{Book, Shelf},
    shell::Shell,
    words::Speech,
};
use crate::{access::Visitor, mirror::Progress, net::body::Body};

/// Books on one page of the shelf, or of what a search found.
pub const BOOKS_A_PAGE: usize = 60;
/// Subjects offered as filters.
const MAX_SUBJECTS: usize = 40;

#[derive(Template)]
#[template(path = "shelf.html")]
struct ShelfPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    heading: String,
    stale: Option<String>,
    subjects: Vec<Chip>,
    subject: &'a str,
    count: String,
    mine: Vec<Card>,
    others: Vec<Card>,
    previous: Option<String>,
    next: Option<String>,
}

/// A subject to filter by.
struct Chip {
    name: String,
    count: usize,
    href: String,
}

/// `/`: answers without the router, since it is asked for the most.
pub fn answer(shared: &Shared, parts: &Parts) -> Response<Body> {
    let now = Timestamp::now();
    let visitor = visitor(shared, parts, now);
    let asked = Asked::of(parts, visitor, now);
    if matches!(asked.visitor, Visitor::Nobody) {
        return portal::sign_in_first(shared, &asked).map(Body::Page);
    }
    let view = shared.view.borrow().clone();
    let progress = shared.progress.borrow().clone();
    let wanted = Wanted { visitor: &asked.visitor, language: asked.language, query: asked.query() };
    if let Some(made) = shared.shelves.find(&wanted, &view, &progress, now) {
        return made.answer(&parts.method, &asked);
    }
    let html = render(shared, &asked, &view, &progress);
    let assigned_until = asked.session().and_then(|session| session.assigned.until());
    let until = view.shelf.next_change(now).into_iter().chain(assigned_until.filter(|u| *u > now));
    let made = Arc::new(Made::of(Bytes::from(html), until.min()));
    shared.shelves.keep(&wanted, &view, &progress, &made);
    made.answer(&parts.method, &asked)
}

fn render(shared: &Shared, asked: &Asked, view: &View, progress: &Progress) -> String {
    let say = shared.words.speak(asked.language);
    let subject = asked.value("matiere");
    let of_subject =
        |b: &&Arc<Book>| subject.is_empty() || b.holding.subjects.iter().any(|s| s == subject);
    let books = view.shelf.books.iter().filter(of_subject);
    let own = |book: &&Arc<Book>| asked.session().is_some_and(|session| is_mine(book, session));
    let (mut mine, others): (Vec<_>, Vec<_>) = books.partition(own);
    // The shelf is by title; one's own manuals are looked for by subject.
    mine.sort_by(|a, b| a.holding.subjects.cmp(&b.holding.subjects));
    let number = asked.number("page");
    let start = (number - 1).saturating_mul(BOOKS_A_PAGE);
    let end = start.saturating_add(BOOKS_A_PAGE);
    let all = mine.len() + others.len();
    let part = |list: &[&Arc<Book>], before: usize| -> Vec<Card> {
        let (from, to) = (start.saturating_sub(before), end.saturating_sub(before));
        let shown = list.iter().take(to.min(list.len())).skip(from);
        shown.map(|book| card(book, asked, progress, &say)).collect()
    };
    let turned = |n: usize| asked.with("page", &n.to_string());
    let signed_in = asked.session().is_some();
    let content = ShelfPage {
        say,
        shell: Shell::of(shared, asked),
        heading: say.say(if signed_in { "shelf-mine" } else { "shelf-title" }).into_owned(),
        stale: stale(&view.shelf, &say),
        subjects: chips(&view.shelf),
        subject,
        count: say.say_with("shelf-count", "count", all).into_owned(),
        mine: part(&mine, 0),
        others: part(&others, mine.len()),
        previous: (number > 1).then(|| turned(number - 1)),
        next: (end < all).then(|| turned(number + 1)),
    };
    content.render().unwrap_or_else(|error| {
        tracing::error!(%error, "shelf not rendered");
        "Erreur interne. Internal error.".to_owned()
    })
}

/// A book as its reader sees it in a list.
pub fn card(book: &Book, asked: &Asked, progress: &Progress, say: &Speech<'_>) -> Card {
    let right = book.right(&asked.visitor, asked.now);
    Card::of(book, right, asked.visitor.reader(), progress, say, asked.now)
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
