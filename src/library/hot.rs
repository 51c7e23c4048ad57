//! Everything under `/p/{blob}/`: packages, their manifests, and the resources inside them.
//!
//! Each answer is for someone: by the session's cookie, or by a capability in the address
//! (`/p/{blob}~{capability}/…`) where a frame in an origin of its own sends no cookie. The
//! addresses name the bytes: without sign-in answers may be kept for ever, with it they are asked
//! about each time.
//!
//! A deflated entry of a zip goes out as it lies there, between a gzip header and trailer.

mod address;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY,
        LINK, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use self::address::{Address, plain_path};
use super::{
    View,
    cache::{HotResources, Ready},
    fold,
    indicators::Indicators,
    inflated::Inflated,
    packages::{NO_COVER_TYPE, Packages},
    refusal, scorm,
    shelf::Book,
    words::Words,
};
use crate::{
    access::{Access, Right, Visitor},
    net::{
        body::{Body, Segment},
        conditional::{self, IMMUTABLE, Representation},
        serve::plain,
    },
    publication::{Kind, Publication, Resource},
    store::{BlobId, Sidecar, Store},
};

/// Resources up to this are kept in memory when they are read.
const HOT_RESOURCE_BYTES: u64 = 256 * 1024;
/// Deflated resources up to this are inflated for the clients that take no gzip.
const MAX_INFLATED_BYTES: u64 = 64 << 20;
/// Inflations, and manifests made, at once: each takes a processor.
const INFLATIONS: usize = 2;
/// A right may end, and a device change hands: what was read is asked about again.
const PERSONAL: HeaderValue = HeaderValue::from_static("private, no-cache");
/// Documents of SCORM packages up to this get the platform's script.
const MAX_DOCUMENT_BYTES: u64 = 4 << 20;

const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-scripts allow-popups allow-forms; form-action 'self'; default-src 'self' data: blob: \
     'unsafe-inline' 'unsafe-eval'; object-src 'none'; frame-ancestors 'self'",
);
const NO_SNIFF: (HeaderName, HeaderValue) =
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// What every resource of a package says. Its documents run in an origin of their own: they can
/// read the package, never the box. Fonts and scripts need the permission to be read from there;
/// `*` never goes with cookies.
static OF_RESOURCES: [(HeaderName, HeaderValue); 4] = [
    (CONTENT_SECURITY_POLICY, SANDBOX),
    NO_SNIFF,
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
];
/// A PDF is shown by the browser's own viewer, which a sandbox forbids; it runs no script of ours.
static OF_PDF: [(HeaderName, HeaderValue); 1] = [NO_SNIFF];
static OF_MANIFESTS: [(HeaderName, HeaderValue); 2] =
    [NO_SNIFF, (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))];

/// Answers for packages.
#[derive(Debug)]
pub struct Hot {
    access: Access,
    words: Arc<Words>,
    indicators: Arc<Indicators>,
    store: Store,
    packages: Arc<Packages>,
    view: watch::Receiver<Arc<View>>,
    resources: HotResources,
    inflating: Arc<Semaphore>,
    /// `Cache-Control` of what an address names.
    cache: HeaderValue,
}

/// What the rooms give.
pub struct Parts {
    pub access: Access,
    pub words: Arc<Words>,
    pub indicators: Arc<Indicators>,
    pub store: Store,
    pub packages: Arc<Packages>,
    pub view: watch::Receiver<Arc<View>>,
    /// Bytes of small resources kept in memory.
    pub memory: usize,
}

impl Hot {
    pub fn new(parts: Parts) -> Self {
        let Parts { access, words, indicators, store, packages, view, memory } = parts;
        let resources = HotResources::new(memory);
        let inflating = Arc::new(Semaphore::new(INFLATIONS));
        let cache = if access.required() { PERSONAL } else { IMMUTABLE };
        Self { access, words, indicators, store, packages, view, resources, inflating, cache }
    }

    /// Answers a GET or HEAD of `/p/…`.
    pub async fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Body> {
        let Some(address) = Address::of(path) else { return missing() };
        let now = Timestamp::now();
        let visitor = match address.capability {
            Some(capability) => self.access.visitor_of(&address.blob, capability, now),
            None => self.access.visitor(headers, now),
        };
        let Some((package, book, right)) = self.held(&address.blob, &visitor, now) else {
            return if matches!(visitor, Visitor::Nobody) {
                self.refused(headers, Right::SignIn)
            } else {
                not_lent()
            };
        };
        if !right.is_lent() {
            return self.refused(headers, right);
        }
        let ask = Ask { method, headers, cache: self.cache.clone() };
        let gzip = conditional::takes_gzip(headers);
        if let Some(inside) = address.rest.strip_prefix("r/") {
            let key = address.without_capability(path);
            if let Some(ready) = self.resources.get(&key, gzip) {
                return ask.answered(representation(&ready, ask.cache.clone()));
            }
            let Some(inside) = plain_path(inside) else { return missing() };
            let Ok(publication) = self.packages.open(&package).await else { return broken() };
            let Some(found) = publication.resource(&inside) else { return missing() };
            return self.resource(&ask, Some(&key), &address.blob, found, &publication).await;
        }
        match address.rest {
            "package" => self.package(&ask, &package, &book, &visitor).await,
            "manifest.json" => {
                let base = path.strip_suffix("manifest.json").unwrap_or(path);
                self.manifest(&ask, &package, base).await
            }
            "cover" => self.cover(&ask, &package).await,
            _ => missing(),
        }
    }

    /// A package that is here, the book it is of, and the visitor's right to it.
    fn held(
        &self,
        blob: &BlobId,
        visitor: &Visitor,
        now: Timestamp,
    ) -> Option<(Arc<Sidecar>, Arc<Book>, Right)> {
        let package = self.store.package(blob)?;
        let view = self.view.borrow();
        let (book, right) = view.shelf.book_of(blob, visitor, now)?;
        Some((package, book.clone(), right))
    }

    /// Says why not: to a person who followed a link as a page, to a program in a line.
    fn refused(&self, headers: &HeaderMap, right: Right) -> Response<Body> {
        let status =
            if right == Right::SignIn { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
        let mut response = refusal::answer(&self.words, headers, status, right);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn package(
        &self,
        ask: &Ask<'_>,
        package: &Arc<Sidecar>,
        book: &Book,
        visitor: &Visitor,
    ) -> Response<Body> {
        let (store, blob, len) = (self.store.clone(), package.blob, package.size);
        let opened = tokio::task::spawn_blocking(move || store.open_blob(&blob)).await;
        let Ok(Ok(file)) = opened else { return missing() };
        let now = Timestamp::now();
        self.store.lent(&blob, now);
        let reader = visitor.session().map(|session| session.person.id.as_str());
        self.indicators.touched(&book.holding.id, reader, now);
        let media_type = header(&package.description.media_type);
        let whole = Representation {
            body: Body::Segments(vec![Segment::File { file: Arc::new(file), offset: 0, len }]),
            media_type,
            etag: header(&format!("\"{blob}\"")),
            cache: ask.cache.clone(),
            encoding: None,
            varies: false,
            ranges: true,
            fields: std::slice::from_ref(&NO_SNIFF_FIELD),
        };
        let mut response = ask.answered(whole);
        let name = file_name(&book.holding.title, &package.description.media_type);
        let disposition = header(&format!("attachment; filename=\"{name}\""));
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
        response
    }

    async fn manifest(&self, ask: &Ask<'_>, package: &Arc<Sidecar>, base: &str) -> Response<Body> {
        let Ok(publication) = self.packages.open(package).await else { return broken() };
        self.store.lent(&package.blob, Timestamp::now());
        let base = base.to_owned();
        // That of a package of many entries takes a while and some memory: in turn, too.
        let turn = self.inflating.clone().acquire_owned().await;
        let making = move || {
            let _turn = turn;
            publication.manifest(&base).to_string()
        };
        let Ok(body) = tokio::task::spawn_blocking(making).await else { return broken() };
        // The same bytes may get another manifest from a later version of the box.
        let etag = format!("\"m{:08x}\"", crc32fast::hash(body.as_bytes()));
        let whole = Representation {
            body: Body::Bytes(body.into()),
            media_type: HeaderValue::from_static("application/webpub+json"),
            etag: header(&etag),
            cache: HeaderValue::from_static("private, no-cache"),
            encoding: None,
            varies: false,
            ranges: false,
            fields: &OF_MANIFESTS,
        };
        ask.answered(whole)
    }

    async fn cover(&self, ask: &Ask<'_>, package: &Arc<Sidecar>) -> Response<Body> {
        if let Ok(publication) = self.packages.open(package).await
            && let Some(cover) = publication.cover.as_deref().and_then(|c| publication.resource(c))
        {
            return self.resource(ask, None, &package.blob, cover, &publication).await;
        }
        let whole = Representation {
            body: Body::Bytes(Bytes::from_static(NO_COVER)),
            media_type: HeaderValue::from_static(NO_COVER_TYPE),
            etag: HeaderValue::from_static("\"no-cover\""),
            cache: HeaderValue::from_static("no-cache"),
            encoding: None,
            varies: false,
            ranges: false,
            fields: &[],
        };
        ask.answered(whole)
    }

    /// A resource: from memory when small, straight from the package when large. `key` is what a
    /// small one is remembered under.
    async fn resource(
        &self,
        ask: &Ask<'_>,
        key: Option<&str>,
        blob: &BlobId,
        found: Resource,
        publication: &Publication,
    ) -> Response<Body> {
        if publication.kind == Kind::Scorm && is_document(&found) {
            return self.document(ask, key, found).await;
        }
        let gzip = conditional::takes_gzip(ask.headers);
        let coded = found.deflated && (gzip || found.len > MAX_INFLATED_BYTES);
        let fields: &'static [_] =
            if publication.kind == Kind::Pdf { &OF_PDF } else { &OF_RESOURCES };
        let mut whole = Representation {
            body: Body::Empty,
            media_type: header(&found.media_type),
            etag: etag(blob, &found, coded),
            cache: ask.cache.clone(),
            encoding: coded.then(|| HeaderValue::from_static("gzip")),
            varies: found.deflated,
            ranges: !coded,
            fields,
        };
        let small = found.stored_len.max(if coded { 0 } else { found.len }) <= HOT_RESOURCE_BYTES;
        if !small && (coded || !found.deflated) {
            whole.body = straight(&found, coded);
            return ask.answered(whole);
        }
        if !small {
            let range = 0..found.len;
            let made = Inflated { resource: found, turns: self.inflating.clone() };
            whole.body = Body::Made(Box::new(made), range);
            return ask.answered(whole);
        }
        let read = tokio::task::spawn_blocking(move || bytes_of(&found, coded)).await;
        let Ok(Some(bytes)) = read else { return broken() };
        if let Some(key) = key.filter(|_| publication.kind != Kind::Pdf) {
            let (media_type, etag) = (whole.media_type.clone(), whole.etag.clone());
            let (bytes, varies) = (bytes.clone(), whole.varies);
            let ready = Arc::new(Ready { bytes, gzip: coded, varies, media_type, etag });
            self.resources.put(key, gzip, &ready);
        }
        whole.body = Body::Bytes(bytes);
        ask.answered(whole)
    }

    /// A document of a SCORM package, with the platform it asks for.
    async fn document(&self, ask: &Ask<'_>, key: Option<&str>, found: Resource) -> Response<Body> {
        let media_type = header(&found.media_type);
        let turn = self.inflating.clone().acquire_owned().await;
        let making = move || {
            let _turn = turn;
            found.read(MAX_DOCUMENT_BYTES).ok().map(|bytes| scorm::with_platform(&bytes))
        };
        let Ok(Some(bytes)) = tokio::task::spawn_blocking(making).await else { return broken() };
        let etag = header(&format!("\"s{:08x}\"", crc32fast::hash(&bytes)));
        let bytes = Bytes::from(bytes);
        let ready = Arc::new(Ready { bytes, gzip: false, varies: false, media_type, etag });
        if let Some(key) = key.filter(|_| ready.bytes.len() as u64 <= HOT_RESOURCE_BYTES) {
            self.resources.put(key, conditional::takes_gzip(ask.headers), &ready);
        }
        ask.answered(representation(&ready, ask.cache.clone()))
    }
}

/// Is it a document that a script can be put into?
fn is_document(resource: &Resource) -> bool {
    let kind = resource.media_type.split(';').next().unwrap_or_default();
    matches!(kind, "text/html" | "application/xhtml+xml") && resource.len <= MAX_DOCUMENT_BYTES
}

static NO_SNIFF_FIELD: (HeaderName, HeaderValue) = NO_SNIFF;
/// A neutral cover: a roof on its pillars.
pub const NO_COVER: &[u8] = include_bytes!("assets/cover.png");

/// What is asked, and how long the answer may be kept.
struct Ask<'a> {
    method: &'a Method,
    headers: &'a HeaderMap,
    cache: HeaderValue,
}

impl Ask<'_> {
    fn answered(&self, whole: Representation) -> Response<Body> {
        conditional::answer(self.method, self.headers, whole)
    }
}

fn representation(ready: &Ready, cache: HeaderValue) -> Representation {
    Representation {
        body: Body::Bytes(ready.bytes.clone()),
        media_type: ready.media_type.clone(),
        etag: ready.etag.clone(),
        cache,
        encoding: ready.gzip.then(|| HeaderValue::from_static("gzip")),
        varies: ready.varies,
        ranges: !ready.gzip,
        fields: &OF_RESOURCES,
    }
}

/// The package and the CRC of the entry name the bytes; their coding makes them others.
fn etag(blob: &BlobId, resource: &Resource, coded: bool) -> HeaderValue {
    let coding = if coded { "-gzip" } else { "" };
    let package: String = blob.to_string().chars().take(24).collect();
    header(&format!("\"{package}-{:x}-{:08x}{coding}\"", resource.offset, resource.crc32))
}

/// Segments of the package's file, framed as gzip when coded.
fn straight(resource: &Resource, coded: bool) -> Body {
    let file = Segment::File {
        file: resource.file.clone(),
        offset: resource.offset,
        len: resource.stored_len,
    };
    if !coded {
        return Body::Segments(vec![file]);
    }
    let (head, tail) = resource.gzip_frame();
    Body::Segments(vec![
        Segment::Bytes(Bytes::copy_from_slice(&head)),
        file,
        Segment::Bytes(Bytes::copy_from_slice(&tail)),
    ])
}

/// The bytes of a resource, framed as gzip or as its reader wants them. Blocking.
fn bytes_of(resource: &Resource, coded: bool) -> Option<Bytes> {
    if !coded {
        return resource.read(HOT_RESOURCE_BYTES).map(Bytes::from).ok();
    }
    let (head, tail) = resource.gzip_frame();
    let length = usize::try_from(resource.stored_len).ok()?;
    let mut bytes = BytesMut::zeroed(head.len() + length + tail.len());
    let (start, rest) = bytes.split_at_mut(head.len());
    let (middle, end) = rest.split_at_mut(length);
    start.copy_from_slice(&head);
    end.copy_from_slice(&tail);
    std::os::unix::fs::FileExt::read_exact_at(&*resource.file, middle, resource.offset).ok()?;
    Some(bytes.freeze())
}

/// A file name for downloads: the title in plain letters, and an extension that apps know.
fn file_name(title: &str, media_type: &str) -> String {
    let extension = match media_type {
        "application/epub+zip" => "epub",
        "application/pdf" => "pdf",
        _ => "zip",
    };
    let name = fold::slug(title, 80);
    let name = if name.is_empty() { "manuel" } else { &name };
    format!("{name}.{extension}")
}

/// A field value of text that is known to be plain, or nothing when it is not.
fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

fn missing() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "Introuvable. Not found.\n")
}

fn not_lent() -> Response<Body> {
    let mut response =
        plain(StatusCode::NOT_FOUND, "Ce manuel n'est pas (ou plus) prêté ici. Not lent here.\n");
    let home = HeaderValue::from_static("</>; rel=\"contents\"");
    response.headers_mut().insert(LINK, home);
    response
}

fn broken() -> Response<Body> {
    plain(StatusCode::BAD_GATEWAY, "Ce paquet ne peut pas être lu. This package cannot be read.\n")
}
