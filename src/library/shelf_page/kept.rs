//! Shelves that were made lately, by what decides what is on them: the reader's role, classes and
//! list, never the reader.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderValue, Method, Response,
    header::{CONTENT_TYPE, SET_COOKIE, VARY},
};
use jiff::Timestamp;
use lru::LruCache;

use super::super::{
    View,
    request::{Asked, of_pages},
    words::Language,
};
use crate::{
    access::{Assigned, Person, Visitor},
    config::Uai,
    mirror::Progress,
    net::{
        body::Body,
        conditional::{self, Representation},
    },
};

/// Shelves kept: some dozens of classes, two languages, pages and subjects.
const MAX_SHELVES: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// Bytes of all of them.
const MAX_BYTES: usize = 24 << 20;

/// A page, ready to be sent.
#[derive(Debug)]
pub struct Made {
    html: Bytes,
    gzip: Bytes,
    etags: [HeaderValue; 2],
    /// First moment at which something on it may be wrong.
    until: Option<Timestamp>,
}

impl Made {
    /// Codes and names a page.
    pub fn of(html: Bytes, until: Option<Timestamp>) -> Self {
        let mut coder = GzEncoder::new(Vec::with_capacity(html.len() / 4), Compression::default());
        let coded = coder.write_all(&html).and_then(|()| coder.finish()).unwrap_or_default();
        let name = crc32fast::hash(&html);
        let tag = |coding: &str| {
            let text = format!("\"s{name:08x}-{:x}{coding}\"", html.len());
            HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"\""))
        };
        let etags = [tag(""), tag("-gzip")];
        Self { gzip: coded.into(), etags, html, until }
    }

    /// The page, unless its reader has it.
    pub fn answer(&self, method: &Method, asked: &Asked) -> Response<Body> {
        let gzip = !self.gzip.is_empty() && conditional::takes_gzip(&asked.headers);
        let [plain, coded] = &self.etags;
        let whole = Representation {
            body: Body::Bytes(if gzip { self.gzip.clone() } else { self.html.clone() }),
            media_type: HeaderValue::from_static("text/html; charset=utf-8"),
            etag: if gzip { coded.clone() } else { plain.clone() },
            cache: HeaderValue::from_static("private, no-cache"),
            encoding: gzip.then(|| HeaderValue::from_static("gzip")),
            varies: true,
            ranges: false,
            fields: &[],
        };
        let mut response = conditional::answer(method, &asked.headers, whole);
        let typed = response.headers().contains_key(CONTENT_TYPE);
        let fields = response.headers_mut();
        of_pages(fields);
        if !typed {
            fields.remove(CONTENT_TYPE);
        }
        let varies = HeaderValue::from_static("accept-encoding, accept-language, cookie");
        fields.insert(VARY, varies);
        fields.extend(asked.language_cookie().map(|cookie| (SET_COOKIE, cookie)));
        response
    }

    fn bytes(&self) -> usize {
        self.html.len() + self.gzip.len()
    }
}

/// The shelf that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub visitor: &'a Visitor,
    pub language: Language,
    pub query: &'a [(String, String)],
}

/// What a kept shelf was made for.
#[derive(Debug)]
struct For {
    who: Option<(Person, Uai, Arc<Assigned>)>,
    language: Language,
    query: Vec<(String, String)>,
}

impl Wanted<'_> {
    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        if let Some(session) = self.visitor.session() {
            session.person.role.hash(&mut hasher);
            session.person.classes.hash(&mut hasher);
            if let Assigned::Known { names, until } = &*session.assigned {
                (names.len(), until, names.first(), names.last()).hash(&mut hasher);
            }
        }
        (self.language.code(), self.query).hash(&mut hasher);
        hasher.finish()
    }

    /// Is it the very shelf that was made for `other`? All that decides is compared, not its hash.
    fn is(&self, other: &For) -> bool {
        let same_reader = match (self.visitor.session(), &other.who) {
            (None, None) => true,
            (Some(session), Some((person, school, assigned))) => {
                session.person.role == person.role
                    && session.person.classes == person.classes
                    && session.person.uais == person.uais
                    && session.school == *school
                    && (Arc::ptr_eq(&session.assigned, assigned) || session.assigned == *assigned)
            }
            _ => false,
        };
        same_reader && self.language == other.language && self.query == other.query
    }

    fn kept(&self) -> For {
        let who = self.visitor.session().map(|session| {
            // The opaque identifier decides nothing here, and need not stay.
            let person = Person { id: String::new(), ..session.person.clone() };
            (person, session.school.clone(), session.assigned.clone())
        });
        For { who, language: self.language, query: self.query.to_vec() }
    }
}

/// Shelves made of one view and one state of the mirror.
#[derive(Debug)]
pub struct Kept {
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    view: Option<Arc<View>>,
    progress: Option<Arc<Progress>>,
    bytes: usize,
    shelves: LruCache<u64, (For, Arc<Made>)>,
}

impl Default for Kept {
    fn default() -> Self {
        let shelves = LruCache::new(MAX_SHELVES);
        Self { held: Mutex::new(Held { view: None, progress: None, bytes: 0, shelves }) }
    }
}

impl Held {
    fn is_of(&self, view: &Arc<View>, progress: &Arc<Progress>) -> bool {
        self.view.as_ref().is_some_and(|held| Arc::ptr_eq(held, view))
            && self.progress.as_ref().is_some_and(|held| Arc::ptr_eq(held, progress))
    }
}

impl Kept {
    /// The shelf, when it was made of this very state and nothing on it changed since.
    pub fn find(
        &self,
        wanted: &Wanted<'_>,
        view: &Arc<View>,
        progress: &Arc<Progress>,
        now: Timestamp,
    ) -> Option<Arc<Made>> {
        let hash = wanted.hash();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.is_of(view, progress) {
            return None;
        }
        let (of, made) = held.shelves.get(&hash)?;
        let good = wanted.is(of) && made.until.is_none_or(|until| now < until);
        good.then(|| made.clone())
    }

    /// Keeps a shelf for the next reader like this one.
    pub fn keep(
        &self,
        wanted: &Wanted<'_>,
        view: &Arc<View>,
        progress: &Arc<Progress>,
        made: &Arc<Made>,
    ) {
        let (hash, of) = (wanted.hash(), wanted.kept());
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.is_of(view, progress) {
            held.shelves.clear();
            held.bytes = 0;
            (held.view, held.progress) = (Some(view.clone()), Some(progress.clone()));
        }
        held.bytes += made.bytes();
        if let Some((_, (_, old))) = held.shelves.push(hash, (of, made.clone())) {
            held.bytes -= old.bytes();
        }
        while held.bytes > MAX_BYTES {
            let Some((_, (_, old))) = held.shelves.pop_lru() else { break };
            held.bytes -= old.bytes();
        }
    }
}
