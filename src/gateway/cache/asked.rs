//! A request, as the cache reads it.

use http::{
    Extensions, HeaderMap, Method, Request, Uri,
    header::{CONTENT_LENGTH, IF_MODIFIED_SINCE, IF_NONE_MATCH, TRANSFER_ENCODING, UPGRADE},
};

use super::{
    Carried, conditions,
    directives::RequestDirectives,
    key::Key,
    ranges::{self, Spec},
    updates::Rules,
};

/// Fields by which a request makes some servers answer another address, host or method than its
/// own. What they say then is for whoever asked so: stored, it would be everybody's.
const STEERING: [&str; 7] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-original-host",
    "x-host",
];

/// A GET or HEAD that what is stored may answer.
#[derive(Debug, Clone)]
pub struct Asked {
    /// GET or HEAD.
    pub method: Method,
    /// Absolute.
    pub uri: Uri,
    /// As the client sent them, without those of the connection.
    pub headers: HeaderMap,
    /// What the proxy put there for itself.
    pub extensions: Extensions,
    /// What names the stored response.
    pub key: Key,
    /// `Cache-Control`.
    pub directives: RequestDirectives,
    /// Byte ranges, of a GET.
    pub ranges: Option<Vec<Spec>>,
    /// Kept by slices.
    pub slices: bool,
    /// Never used unasked.
    pub always: bool,
}

/// What the cache does with a request.
pub enum Reading {
    /// Looks it up.
    Look(Box<Asked>),
    /// Passes it on; what is stored plays no part.
    Pass(Box<Request<Carried>>),
}

/// Reads a request.
pub fn read(request: Request<Carried>, rules: &Rules) -> Reading {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers();
    // A GET with a body has no meaning that could be shared (RFC 9110 §9.3.1).
    let bodied = headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    let steers = STEERING.iter().any(|name| headers.contains_key(*name));
    if !safe
        || bodied
        || steers
        || headers.contains_key(UPGRADE)
        || conditions::for_the_origin(headers)
    {
        return Reading::Pass(Box::new(request));
    }
    let rule = rules.of(request.uri());
    let Some(key) = Key::of(request.uri(), rule) else {
        return Reading::Pass(Box::new(request));
    };
    let slices = rule.is_some_and(|rule| rule.slices);
    let always = rules.always_asks(request.uri());
    let (parts, _) = request.into_parts();
    let ranges = if parts.method == Method::GET { ranges::asked(&parts.headers) } else { None };
    Reading::Look(Box::new(Asked {
        directives: RequestDirectives::of(&parts.headers),
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        extensions: parts.extensions,
        key,
        ranges,
        slices: slices && !always,
        always,
    }))
}

impl Asked {
    /// The request, to be sent on.
    pub fn request(&self) -> Request<Carried> {
        let mut request = Request::new(Carried::empty());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        *request.extensions_mut() = self.extensions.clone();
        request
    }

    /// Does it ask whether something changed?
    pub fn is_conditional(&self) -> bool {
        self.headers.contains_key(IF_NONE_MATCH) || self.headers.contains_key(IF_MODIFIED_SINCE)
    }

    /// The name under which requests for the same bytes fly together.
    pub fn flight(&self) -> String {
        match self.headers.get(http::header::RANGE).filter(|_| !self.slices) {
            Some(range) => format!("{} {}", self.key, String::from_utf8_lossy(range.as_bytes())),
            None => self.key.to_string(),
        }
    }
}
