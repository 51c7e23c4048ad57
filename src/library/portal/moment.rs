//! A class moment's pages: made by a teacher, shown with a QR code, followed by pupils.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, State},
    http::{Response, StatusCode},
};
use qrcode::{EcLevel, QrCode, render::svg};

use super::{
    super::{Shared, pages, request::page, shell::Shell, words::Speech},
    blocking,
    door::{Reader, Signed, not_yours},
    form::Form,
    moments::MAX_PLACE_BYTES,
    see_other, sign_in_first,
};
use crate::{access::Role, store::BlobId};

/// Last page that a moment may name.
const LAST_PAGE: usize = 100_000;
/// Side of a QR code, in CSS pixels at least: read from the back of a class.
const QR_SIDE: u32 = 320;

#[derive(Template)]
#[template(path = "moment.html")]
struct MomentPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    title: String,
    page: usize,
    link: String,
    short: String,
    qr: String,
    open: String,
}

/// `POST /m`: a teacher names a manual and a page.
pub async fn make(State(shared): State<Arc<Shared>>, form: Form) -> Response<Body> {
    let Some(session) = form.session() else { return sign_in_first(&shared, &form.asked) };
    if !session.person.role.teaches() {
        return not_yours(&shared, &form.asked);
    }
    let Ok(blob) = form.value("blob").parse::<BlobId>() else {
        return pages::not_found(&shared, &form.asked);
    };
    let lent = shared
        .view
        .borrow()
        .shelf
        .book_of(&blob, &form.asked.visitor, form.asked.now)
        .is_some_and(|(_, right)| right.is_lent());
    if !lent {
        return pages::not_found(&shared, &form.asked);
    }
    let page = form.value("page").parse().unwrap_or(1).clamp(1, LAST_PAGE);
    let place = form.value("place");
    let good = !place.is_empty() && place.len() <= MAX_PLACE_BYTES;
    let place = good.then(|| place.to_owned());
    let word = shared.moments.make(blob, page, place, form.asked.now);
    let keeper = shared.clone();
    // Not kept is not lost: it is in memory until the box stops.
    let _ = blocking(move || keeper.moments.keep(&keeper.store)).await;
    see_other(&format!("/m/{word}/montrer"), Vec::new())
}

/// `GET /m/{code}/montrer`: for the board.
pub async fn show(
    State(shared): State<Arc<Shared>>,
    Path(code): Path<String>,
    signed: Signed,
) -> Response<Body> {
    if let Some(refused) = signed.refused(&shared, Role::teaches) {
        return refused;
    }
    let asked = &signed.asked;
    let Some(moment) = shared.moments.find(&code, asked.now) else {
        return gone(&shared, asked);
    };
    let view = shared.view.borrow().clone();
    let book = view.shelf.book_of(&moment.blob, &asked.visitor, asked.now);
    let title = book.map(|(book, _)| book.holding.title.clone()).unwrap_or_default();
    let code = code.to_ascii_uppercase();
    let link = format!("{}/m/{code}", asked.origin());
    let content = MomentPage {
        say: shared.words.speak(asked.language),
        shell: Shell::of(&shared, asked),
        title,
        page: moment.page,
        short: link.split_once("://").map_or(link.as_str(), |(_, short)| short).to_owned(),
        qr: qr(&link).unwrap_or_default(),
        open: format!("/m/{code}"),
        link,
    };
    page(asked, StatusCode::OK, &content)
}

/// `GET /m/{code}`: a pupil lands, once signed in.
pub async fn land(
    State(shared): State<Arc<Shared>>,
    Path(code): Path<String>,
    Reader(asked): Reader,
) -> Response<Body> {
    match shared.moments.find(&code, asked.now) {
        Some(moment) => see_other(&moment.address(), Vec::new()),
        None => gone(&shared, &asked),
    }
}

fn gone(shared: &Shared, asked: &super::super::request::Asked) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let (heading, text) = (say.say("moment-gone-title"), say.say("moment-gone"));
    let (heading, text) = (heading.into_owned(), text.into_owned());
    pages::error(shared, asked, StatusCode::NOT_FOUND, heading, text)
}

/// A link as an SVG that can stand in a page.
fn qr(link: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(link, EcLevel::M).ok()?;
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(QR_SIDE, QR_SIDE).build();
    // The XML declaration has no place inside a page.
    drawn.find("<svg").and_then(|start| drawn.get(start..)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_any_school_fits_in_a_code() {
        let drawn = qr("https://0510035l.preau.region-grand-est.example.org:8443/m/A3C7E").unwrap();
        assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>"), "{drawn:.200}");
    }
}
