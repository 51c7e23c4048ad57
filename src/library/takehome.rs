//! Taking a manual home: the installable web app, what it keeps beside packages, and its question
//! what a person may still open.
//!
//! Nothing here that is kept on a device says who reads: the pages are the same for everyone.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{
        HeaderValue, Response, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    routing::get,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    Shared, assets,
    pages::{ICON, STYLE},
    request::{Asked, page},
    shelf::{Book, Shelf},
    shell::Shell,
    words::Speech,
};
use crate::{
    access::{Reader, Right, Visitor, ends},
    store::{BlobId, Sidecar},
};

/// Packages asked about at once; the web app asks about 20.
const MAX_ASKED: usize = 32;
/// Formats that open without the box. A web site needs an origin of its own, which a service
/// worker cannot give it.
const TAKEN: [&str; 2] = ["application/epub+zip", "application/pdf"];
/// What the scripts say, without `takehome-`.
const SCRIPT_WORDS: [&str; 40] = [
    "lack-insecure",
    "lack-browser",
    "not-this-format",
    "take",
    "room",
    "used",
    "not-lasting",
    "begun",
    "go-on",
    "stop",
    "taking",
    "taking-label",
    "here",
    "until",
    "ended-here",
    "open",
    "open-old",
    "newer",
    "replace",
    "remove",
    "removed",
    "remove-all",
    "remove-all-sure",
    "evicted",
    "nothing",
    "nobody",
    "others",
    "notice-ended",
    "notice-lost",
    "end-whole",
    "end-cut",
    "end-wrong",
    "end-full",
    "end-refused",
    "end-sign-in",
    "end-stopped",
    "end-busy",
    "end-unread",
    "end-missing",
    "title",
];
/// Values in them, which the scripts put in: each stands as `{name}` until then.
const SCRIPT_VALUES: [&str; 5] = ["size", "percent", "date", "title", "count"];

const ICONS: [(&str, &[u8]); 3] = [
    ("icon-192.png", include_bytes!("assets/icon-192.png")),
    ("icon-512.png", include_bytes!("assets/icon-512.png")),
    ("maskable-512.png", include_bytes!("assets/maskable-512.png")),
];

/// The routes of all this.
pub fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new()
        .route("/emporter", get(kept))
        .route("/emporter/absente", get(away))
        .route("/emporter/fichiers", get(files))
        .route("/emporter/droits", get(rights))
        .route("/manifest.webmanifest", get(manifest));
    for (name, bytes) in ICONS {
        router = router.route(&format!("/static/{name}"), get(move || async move { icon(bytes) }));
    }
    router
}

fn icon(bytes: &'static [u8]) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("image/png"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

/// What a book's page says of the package that may be taken.
#[derive(Debug)]
pub struct Offered {
    /// The package.
    pub blob: BlobId,
    /// Its bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// First moment at which this reader may no longer open it, in milliseconds.
    pub until: Option<i64>,
    /// Opaque tag of the reader.
    pub person: String,
    /// What the scripts say, as JSON that may stand in a page.
    pub words: String,
}

impl Offered {
    /// The package of a book that is taken, in a format that opens without the box when there is
    /// one.
    pub fn of(shared: &Shared, book: &Book, asked: &Asked, say: &Speech<'_>) -> Option<Self> {
        let package = offered(book)?;
        let end = End::of(shared, &asked.visitor, asked.now);
        Some(Self {
            blob: package.blob,
            size: package.size,
            media_type: package.description.media_type.clone(),
            until: end.of_book(book),
            person: tag(asked.visitor.reader()),
            words: words(say),
        })
    }
}

/// Until when a visitor may open what they take now.
#[derive(Debug, Clone, Copy)]
struct End<'a> {
    visitor: &'a Visitor,
    now: Timestamp,
    /// When passes made now end, for persons.
    of_pass: Option<Timestamp>,
}

impl<'a> End<'a> {
    fn of(shared: &Shared, visitor: &'a Visitor, now: Timestamp) -> Self {
        let of_pass = visitor.session().map(|_| shared.access.taken_until(now));
        Self { visitor, now, of_pass }
    }

    /// The earlier of the right's end and the pass's, in milliseconds.
    fn of_book(self, book: &Book) -> Option<i64> {
        let of_right = ends(self.visitor.reader(), &book.holding, self.now);
        let end = of_right.into_iter().chain(self.of_pass).min();
        end.map(Timestamp::as_millisecond)
    }
}

fn offered(book: &Book) -> Option<&Arc<Sidecar>> {
    book.packages.iter().find(|p| is_taken(p)).or(book.packages.first())
}

fn is_taken(package: &Sidecar) -> bool {
    TAKEN.contains(&package.description.media_type.as_str())
}

/// A name for a reader that tells nobody who it is: a device keeps it with what is theirs.
pub fn tag(reader: Reader<'_>) -> String {
    match reader {
        Reader::Nobody => String::new(),
        Reader::Anyone => "*".into(),
        Reader::Person(person, school, _) => {
            let named = format!("emporter\0{}\0{}", school, person.id);
            BlobId(Sha256::digest(named).into()).to_string().chars().take(32).collect()
        }
    }
}

/// What the scripts say, as JSON. No `<` is in it, so that it cannot end its element.
fn words(say: &Speech<'_>) -> String {
    let said: Map<String, Value> = SCRIPT_WORDS
        .iter()
        .map(|id| {
            ((*id).to_owned(), say.template(&format!("takehome-{id}"), &SCRIPT_VALUES).into())
        })
        .collect();
    Value::Object(said).to_string().replace('<', "\\u003c")
}

#[derive(Template)]
#[template(path = "takehome.html")]
struct KeptPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    words: String,
}

/// `/emporter`: what is on this device, which its scripts know.
async fn kept(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let shell = Shell::of_nobody(&shared, &asked);
    page(&asked, StatusCode::OK, &KeptPage { say, shell, words: words(&say) })
}

#[derive(Template)]
#[template(path = "away.html")]
struct AwayPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
}

/// The page that stands for all others while the box does not answer.
async fn away(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    // It stands at the addresses of others: the other language is for those.
    let switch = format!("?lang={}", asked.language.other().code());
    let shell = Shell { switch, ..Shell::of_nobody(&shared, &asked) };
    page(&asked, StatusCode::OK, &AwayPage { say, shell })
}

/// What the web app keeps beside packages.
#[derive(Debug, Serialize)]
struct Files {
    version: String,
    pages: Vec<String>,
    reader: Vec<String>,
}

impl Files {
    fn of(school: &str) -> Self {
        let mut pages: Vec<String> =
            ["start", "emporter", "takehome-worker"].into_iter().map(assets::asset).collect();
        pages.extend(["/static/style.css", "/static/icon.svg"].map(str::to_owned));
        let reader = assets::files().filter(|file| !pages.contains(file));
        let mut reader: Vec<String> = reader.collect();
        reader.sort();
        let mut hash = Sha256::new();
        for text in pages.iter().chain(&reader).map(String::as_str).chain([
            env!("CARGO_PKG_VERSION"),
            school,
            STYLE,
            ICON,
            include_str!("words/fr.ftl"),
            include_str!("words/en.ftl"),
            include_str!("templates/base.html"),
            include_str!("templates/takehome.html"),
            include_str!("templates/away.html"),
        ]) {
            hash.update(text);
            hash.update([0]);
        }
        let version = BlobId(hash.finalize().into()).to_string();
        Self { version: version.chars().take(16).collect(), pages, reader }
    }
}

/// `/emporter/fichiers`.
async fn files(State(shared): State<Arc<Shared>>) -> Response<Body> {
    answer(&Files::of(&shared.school), "application/json")
}

/// `/emporter/droits?p=blob~slug,…`: what this reader may still open, and until when.
async fn rights(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let (now, view) = (asked.now, shared.view.borrow().clone());
    let end = End::of(&shared, &asked.visitor, now);
    let mut packages = Map::new();
    for named in asked.value("p").split(',').take(MAX_ASKED) {
        let Some((blob, slug)) = named.split_once('~') else { continue };
        let Ok(blob) = blob.parse::<BlobId>() else { continue };
        packages.insert(blob.to_string(), right_of(&view.shelf, &blob, slug, end));
    }
    let person = Some(tag(asked.visitor.reader())).filter(|tag| !tag.is_empty());
    let said = json!({
        "now": now.as_millisecond(),
        "version": Files::of(&shared.school).version,
        "person": person,
        "packages": packages,
    });
    answer(&said, "application/json")
}

/// What is said of one package: is the right to it there still, and is there a newer version?
fn right_of(shelf: &Shelf, blob: &BlobId, slug: &str, end: End<'_>) -> Value {
    let End { visitor, now, .. } = end;
    let of_package = || shelf.book_of(blob, visitor, now).map(|(book, _)| book);
    let Some(book) = shelf.book(slug).or_else(of_package) else {
        // What no source names is lost only when every source has spoken.
        let right = if shelf.speaks_for_all() { "lost" } else { "unknown" };
        return json!({ "right": right, "until": null, "newer": null });
    };
    let right = match book.right(visitor, now) {
        Right::Granted => "granted",
        Right::From(_) | Right::ListTooOld(_) | Right::SignIn => "unknown",
        Right::Expired(_)
        | Right::NotForRole
        | Right::NoLicence
        | Right::OtherSchool
        | Right::Withdrawn => "lost",
    };
    let until = end.of_book(book);
    let is_current = book.packages.iter().any(|package| package.blob == *blob);
    let newer = offered(book).filter(|package| !is_current && is_taken(package));
    let newer = newer.map(|package| {
        json!({
            "blob": package.blob.to_string(),
            "size": package.size,
            "mediaType": package.description.media_type,
            "until": until,
        })
    });
    json!({ "right": right, "until": until, "newer": newer })
}

/// `/manifest.webmanifest` (W3C Web Application Manifest).
async fn manifest(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let icon = |name: &str, size: &str, purpose: &str| {
        json!({
            "src": format!("/static/{name}"),
            "sizes": size,
            "type": "image/png",
            "purpose": purpose,
        })
    };
    let said = json!({
        "id": "/",
        "name": format!("Préau – {}", shared.school),
        "short_name": "Préau",
        "description": say.say("takehome-intro"),
        "lang": asked.language.code(),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#fbfaf7",
        "theme_color": "#14506b",
        "icons": [
            icon("icon-192.png", "192x192", "any"),
            icon("icon-512.png", "512x512", "any"),
            icon("maskable-512.png", "512x512", "maskable"),
            json!({"src": "/static/icon.svg", "sizes": "any", "type": "image/svg+xml"}),
        ],
        "shortcuts": [{"name": say.say("takehome-heading"), "url": "/emporter"}],
    });
    answer(&said, "application/manifest+json")
}

fn answer(said: &impl Serialize, media_type: &'static str) -> Response<Body> {
    let body = serde_json::to_vec(said).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
