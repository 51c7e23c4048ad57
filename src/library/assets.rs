//! The pages' own scripts and styles, built by `scripts/build-web` and carried in the program.
//!
//! Their names hold a hash of what they say, so browsers may keep them for ever.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use axum::{
    body::Body,
    extract::Path,
    http::{
        HeaderMap, HeaderValue, Response, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
            CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
};

use crate::net::conditional::IMMUTABLE;

#[derive(rust_embed::RustEmbed)]
#[folder = "src/library/web/dist"]
#[exclude = ".*"]
struct Dist;

/// Where they are served.
const ROOT: &str = "/static/web/";
/// What a worker may do that was started from one of these: reach the box, and nothing else.
const WORKER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; connect-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
);
/// Codings we have files for, the best first, and how their names end.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

static MANIFEST: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    Dist::get("manifest.json")
        .and_then(|file| serde_json::from_slice(&file.data).ok())
        .unwrap_or_default()
});

/// The address of an entry of the build (`reader`, `reader.css`), for templates.
pub fn asset(name: &str) -> String {
    let file = MANIFEST.get(name).map_or_else(
        || {
            tracing::error!(name, "the build has no such entry");
            name
        },
        String::as_str,
    );
    format!("{ROOT}{file}")
}

/// The addresses of all files of the build that a page may ask for.
pub fn files() -> impl Iterator<Item = String> {
    let is_served = |name: &Cow<'static, str>| {
        let hidden = name == "manifest.json" || name.ends_with("LEGAL.txt") || name == "sw.js";
        !hidden && !CODINGS.iter().any(|(_, end)| name.ends_with(end))
    };
    Dist::iter().filter(is_served).map(|name| format!("{ROOT}{name}"))
}

/// Scripts whose names stay: documents that are kept for ever name them.
const STABLE: [&str; 2] = ["sw.js", "scorm-frame.js"];

/// `/static/web/{file}`.
pub async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response<Body> {
    if STABLE.contains(&file.as_str()) {
        stable(&file, &headers)
    } else {
        send(&file, &headers, IMMUTABLE)
    }
}

/// A file at an address that stays the same from one version to the next: asked about each time.
pub fn stable(file: &str, headers: &HeaderMap) -> Response<Body> {
    send(file, headers, HeaderValue::from_static("no-cache"))
}

fn send(name: &str, headers: &HeaderMap, cache: HeaderValue) -> Response<Body> {
    let hidden = name == "manifest.json" || CODINGS.iter().any(|(_, end)| name.ends_with(end));
    let Some(plain) = Dist::get(name).filter(|_| !hidden) else {
        let mut missing = Response::new(Body::from("Introuvable. Not found.\n"));
        *missing.status_mut() = StatusCode::NOT_FOUND;
        return missing;
    };
    let coded = CODINGS
        .iter()
        .filter(|(coding, _)| takes(headers, coding))
        .find_map(|(coding, end)| Some((*coding, Dist::get(&format!("{name}{end}"))?)));
    let coding = coded.as_ref().map(|(coding, _)| *coding);
    let file = coded.map_or(plain, |(_, file)| file);
    let etag = tag(&file.metadata.sha256_hash());
    let mut response = Response::new(Body::empty());
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, cache);
    fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(CONTENT_SECURITY_POLICY, WORKER_POLICY);
    fields.insert(CONTENT_TYPE, media_type(name));
    if let Ok(value) = HeaderValue::from_str(&etag) {
        fields.insert(ETAG, value);
    }
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    if let Some(coding) = coding {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    *response.body_mut() = match file.data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    response
}

/// Does the client take a coding (RFC 9110 §12.5.3), not with `q=0`?
fn takes(headers: &HeaderMap, coding: &str) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().trim_start_matches("q=");
        name.trim().eq_ignore_ascii_case(coding) && weight.parse().unwrap_or(1.0_f32) > 0.0
    })
}

/// The first 128 bits of a hash, quoted.
fn tag(hash: &[u8; 32]) -> String {
    let half = hash.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
    format!("\"{half:032x}\"")
}

fn media_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(name: &str, coding: &'static str) -> Response<Body> {
        let headers = [(ACCEPT_ENCODING, HeaderValue::from_static(coding))].into_iter().collect();
        serve(Path(name.to_owned()), headers).await
    }

    fn reader() -> String {
        asset("reader").trim_start_matches(ROOT).to_owned()
    }

    #[tokio::test]
    async fn a_script_comes_in_the_best_coding_the_browser_takes_and_is_kept_for_ever() {
        for (asked, given) in [
            ("gzip, deflate, br", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0, gzip", Some("gzip")),
            ("identity", None),
        ] {
            let answer = get(&reader(), asked).await;
            let coding = answer.headers().get(CONTENT_ENCODING).map(|v| v.to_str().unwrap());
            assert_eq!((answer.status(), coding), (StatusCode::OK, given), "{asked}");
            assert_eq!(answer.headers()[CACHE_CONTROL], IMMUTABLE);
            assert_eq!(answer.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        }
    }

    #[tokio::test]
    async fn a_script_that_is_known_is_not_sent_again() {
        let answer = get(&reader(), "br").await;
        let headers = HeaderMap::from_iter([
            (ACCEPT_ENCODING, HeaderValue::from_static("br")),
            (IF_NONE_MATCH, answer.headers()[ETAG].clone()),
        ]);
        let again = serve(Path(reader()), headers).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[tokio::test]
    async fn nothing_but_what_was_built_is_there() {
        let coded = format!("{}.br", reader());
        for name in ["manifest.json", ".sources", "../package.json", "nothing.js", &coded] {
            assert_eq!(get(name, "br").await.status(), StatusCode::NOT_FOUND, "{name}");
        }
    }
}
