//! The reader of browsers that run scripts: one page a book, which `web/reader.ts` fills. Those
//! without are led on to the plain reader (`reading.rs`).

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, Response, StatusCode, header::CONTENT_SECURITY_POLICY},
};
use serde_json::{Map, Value, json};

use super::{
    Shared,
    assets::asset,
    portal::Reader,
    reading::{Opened, frames, open},
    request::page,
    words::Speech,
};
use crate::publication::{Kind, encode_path};

/// The prefix of the words that the script says.
const WORDS: &str = "rd-";
/// Files of the build that the script asks for by itself.
const FILES: [&str; 5] =
    ["pdf-worker", "dyslexic", "dyslexic-bold", "dyslexic-italic", "reader.css"];

#[derive(Template)]
#[template(path = "app.html")]
struct AppPage<'a> {
    say: Speech<'a>,
    title: &'a str,
    school: &'a str,
    nonce: &'a str,
    plain: String,
    book: String,
    told: String,
}

/// `/lire/{blob}`; `?page=` and `?ouvrir=` name a place as in the plain reader.
pub async fn app(
    State(shared): State<Arc<Shared>>,
    Path(blob): Path<String>,
    Reader(asked): Reader,
) -> Response<Body> {
    let Opened { blob, book, publication } = match open(&shared, &asked, &blob).await {
        Ok(opened) => opened,
        Err(refused) => return *refused,
    };
    let say = shared.words.speak(asked.language);
    let kind = match publication.kind {
        Kind::EpubFixed => "fixed",
        Kind::EpubReflowable => "reflowable",
        Kind::Pdf => "pdf",
        Kind::Html => "web",
        Kind::Scorm => "scorm",
    };
    let (number, place) = (asked.number("page"), asked.value("ouvrir"));
    let mut plain = format!("/lire/{blob}/{number}");
    if !place.is_empty() {
        let place: String = url::form_urlencoded::byte_serialize(place.as_bytes()).collect();
        plain = format!("{plain}?ouvrir={place}");
    }
    let first = publication.reading_order.first().map_or("", |item| item.path.as_str());
    let base = format!("/p/{blob}/");
    let opened = publication.resource(place.split(['?', '#']).next().unwrap_or_default());
    let files: Map<String, Value> =
        FILES.iter().map(|name| ((*name).to_owned(), asset(name).into())).collect();
    let words: Map<String, Value> = super::words::ids_of(WORDS)
        .map(|id| (id.trim_start_matches(WORDS).to_owned(), say.say(id).into_owned().into()))
        .collect();
    let address = format!("/livre/{}", book.slug);
    let told = json!({
        "kind": kind,
        "blob": blob.to_string(),
        "title": book.holding.title,
        "language": asked.language.code(),
        "book": address,
        "plain": plain,
        "base": base,
        "frames": frames(&shared, &asked, &blob),
        "first": format!("r/{}", encode_path(first)),
        "page": number,
        "place": opened.map(|_| publication.address(&base, place)),
        // What is kept on a shared device is kept by person.
        "csrf": asked.session().filter(|s| s.person.role.teaches()).map(|s| s.csrf.as_str()),
        "person": super::takehome::tag(asked.visitor.reader()),
        "files": files,
        "words": words,
    });
    let nonce = format!("{:032x}", rand::random::<u128>());
    let content = AppPage {
        say,
        title: &book.holding.title,
        school: &shared.school,
        nonce: &nonce,
        plain,
        book: address,
        // Nothing that it says may end the script element that holds it.
        told: told.to_string().replace('<', "\\u003c"),
    };
    let mut response = page(&asked, StatusCode::OK, &content);
    if let Ok(policy) = HeaderValue::from_str(&policy(&nonce)) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Pages of an EPUB are shown in frames that inherit this policy. No script of theirs runs: it
/// would need this page's nonce, or an address that only this page's scripts can make (`blob:`).
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' blob:; worker-src 'self'; \
         connect-src 'self' blob:; style-src 'self' 'unsafe-inline' blob:; \
         img-src 'self' blob: data:; media-src 'self' blob: data:; font-src 'self' blob: data:; \
         frame-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'self'; \
         object-src 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_runs_in_the_reader_but_the_one_with_this_answers_nonce() {
        let policy = policy("abc");
        assert!(policy.contains("script-src 'nonce-abc' blob:;"), "{policy}");
        for word in ["'unsafe-eval'", "http:", "https:", "*"] {
            assert!(!policy.contains(word), "{policy}");
        }
        let scripts = policy.split(';').find(|part| part.contains("script-src")).unwrap();
        assert!(!scripts.contains("'self'") && !scripts.contains("unsafe"), "{scripts}");
    }
}
