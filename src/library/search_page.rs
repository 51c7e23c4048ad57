//! Search: a page, and its list alone for the script that searches as one types.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::State,
    http::{Response, StatusCode},
};

use super::{
    Shared,
    card::Card,
    portal::Reader,
    request::{Asked, page},
    shelf_page::{BOOKS_A_PAGE, card},
    shell::Shell,
    words::Speech,
};

/// Characters of a query that are shown and looked at.
const MAX_QUERY_CHARS: usize = 200;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    query: &'a str,
    found: String,
    cards: Vec<Card>,
}

/// The list of a search, without the page around it.
#[derive(Template)]
#[template(path = "found.html")]
struct Found<'a> {
    say: Speech<'a>,
    found: String,
    cards: Vec<Card>,
}

/// `/recherche?q=`
pub async fn search(State(shared): State<Arc<Shared>>, Reader(asked): Reader) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let query: String = asked.value("q").chars().take(MAX_QUERY_CHARS).collect();
    let (found, cards) = find(&shared, &asked, &query, &say);
    let shell = Shell::of(&shared, &asked);
    page(&asked, StatusCode::OK, &SearchPage { say, shell, query: &query, found, cards })
}

/// `/recherche/liste?q=`
pub async fn list(State(shared): State<Arc<Shared>>, Reader(asked): Reader) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let query: String = asked.value("q").chars().take(MAX_QUERY_CHARS).collect();
    let (found, cards) = find(&shared, &asked, &query, &say);
    page(&asked, StatusCode::OK, &Found { say, found, cards })
}

fn find(shared: &Shared, asked: &Asked, query: &str, say: &Speech<'_>) -> (String, Vec<Card>) {
    let view = shared.view.borrow().clone();
    let progress = shared.progress.borrow().clone();
    let found = view.index.find(query);
    let values = (("count", found.len().into()), ("query", query.to_owned().into()));
    let said = say.say_with_two("search-found", values.0, values.1).into_owned();
    let books = found.iter().filter_map(|place| view.shelf.books.get(*place));
    let cards = books.take(BOOKS_A_PAGE).map(|book| card(book, asked, &progress, say)).collect();
    (said, cards)
}
