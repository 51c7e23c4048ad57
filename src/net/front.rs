//! What stands in front of the pages when the box has a name: one address for everyone, and always
//! under TLS.

use std::{fmt, sync::Arc};

use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, HOST, LOCATION, RETRY_AFTER, STRICT_TRANSPORT_SECURITY},
    uri::Authority,
};
use hyper::body::Incoming;

use super::{
    body::Body,
    serve::{Handler, plain},
    tls::Certificates,
};

/// Port of HTTPS that addresses leave out.
const USUAL_PORT: u16 = 443;
/// RFC 6797: for a year the browser asks this name by HTTPS only. Not for the names below it, and
/// no preload list: a region's domain is not ours to bind.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// When a box without a certificate is worth asking again.
const ASK_AGAIN_SECONDS: HeaderValue = HeaderValue::from_static("60");

/// The one address of the box, `https://name[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    name: String,
    port: u16,
}

impl Origin {
    /// Of `https.name`, and the port that HTTPS listens on.
    pub fn new(name: &str, port: u16) -> Self {
        Self { name: name.to_ascii_lowercase(), port }
    }

    /// Does the request name this box? Ports are not looked at: who forwards one knows better.
    fn is_named_by<T>(&self, request: &Request<T>) -> bool {
        let name = |authority: &Authority| {
            // RFC 9110 §4.2.4: a user before the host is a trick.
            !authority.as_str().contains('@')
                && authority.host().trim_end_matches('.').eq_ignore_ascii_case(&self.name)
        };
        if let Some(authority) = request.uri().authority() {
            return name(authority);
        }
        let host = request.headers().get(HOST).and_then(|host| host.as_bytes().try_into().ok());
        host.as_ref().is_some_and(name)
    }

    /// Browsers keep `.localhost` (RFC 6761) for this machine, where many programs share a name.
    fn is_local(&self) -> bool {
        self.name == "localhost" || self.name.ends_with(".localhost")
    }

    /// Sends the reader to the same page at the one address. Not for ever: a box may lose its name.
    fn redirect<T>(&self, request: &Request<T>) -> Response<Body> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path } else { "/" };
        let Ok(to) = HeaderValue::from_str(&format!("{self}{path}")) else {
            return plain(StatusCode::BAD_REQUEST, "Adresse illisible. Unreadable address.\n");
        };
        let mut answer = plain(StatusCode::TEMPORARY_REDIRECT, "HTTPS\n");
        answer.headers_mut().insert(LOCATION, to);
        answer
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.name)?;
        if self.port == USUAL_PORT { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

fn reads<T>(request: &Request<T>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// Under TLS: answers for the box's own name, and no other.
#[derive(Debug, Clone)]
pub struct Named<H> {
    inner: H,
    origin: Arc<Origin>,
}

impl<H> Named<H> {
    /// In front of `inner`.
    pub fn new(inner: H, origin: Arc<Origin>) -> Self {
        Self { inner, origin }
    }
}

impl<H: Handler> Handler for Named<H> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if !self.origin.is_named_by(&request) {
            // RFC 9110 §15.5.20. A cookie or a form of another name is not for us.
            return if reads(&request) {
                self.origin.redirect(&request)
            } else {
                plain(StatusCode::MISDIRECTED_REQUEST, "Autre nom. Another name.\n")
            };
        }
        let mut answer = self.inner.answer(request).await;
        if !self.origin.is_local() {
            answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, STRICT);
        }
        answer
    }
}

/// In the clear: sends readers to HTTPS, and does nothing else.
#[derive(Debug, Clone)]
pub struct Upgrade {
    origin: Arc<Origin>,
    certificates: Certificates,
}

impl Upgrade {
    /// To this address, once there is a certificate.
    pub fn new(origin: Arc<Origin>, certificates: Certificates) -> Self {
        Self { origin, certificates }
    }
}

impl Handler for Upgrade {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if !reads(&request) {
            // What it carried was in the clear already: asking for it again would hide that.
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "HTTPS\n");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        if self.certificates.current().is_some() {
            return self.origin.redirect(&request);
        }
        let mut wait = plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "La bibliothèque attend son certificat de sécurité. Réessayez dans quelques minutes.\n\
             The library is waiting for its security certificate. Try again in a few minutes.\n",
        );
        wait.headers_mut().insert(RETRY_AFTER, ASK_AGAIN_SECONDS);
        wait.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(host: &str, uri: &str) -> Request<()> {
        Request::builder().uri(uri).header(HOST, host).body(()).unwrap()
    }

    #[test]
    fn the_usual_port_is_left_out_of_the_address() {
        assert_eq!(Origin::new("Preau.example.org", 443).to_string(), "https://preau.example.org");
        assert_eq!(Origin::new("a.localhost", 8443).to_string(), "https://a.localhost:8443");
    }

    #[test]
    fn a_request_names_the_box_in_any_spelling_and_nothing_else_does() {
        let origin = Origin::new("preau.example.org", 443);
        for host in ["preau.example.org", "PREAU.example.org:8443", "preau.example.org."] {
            assert!(origin.is_named_by(&asked(host, "/")), "{host}");
        }
        for host in ["10.0.0.1", "preau.example.org.evil.example", "x@preau.example.org", ""] {
            assert!(!origin.is_named_by(&asked(host, "/")), "{host}");
        }
        assert!(!origin.is_named_by(&asked("preau.example.org", "http://evil.example/")));
        assert!(!origin.is_named_by(&Request::new(())));
    }

    #[test]
    fn a_redirect_keeps_path_and_query_and_never_leaves_the_box() {
        let origin = Origin::new("preau.example.org", 8443);
        let to = |uri: &str| {
            let answer = origin.redirect(&asked("10.0.0.1", uri));
            answer.headers()[LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(to("/lire/x?page=2"), "https://preau.example.org:8443/lire/x?page=2");
        assert_eq!(to("//evil.example/x"), "https://preau.example.org:8443//evil.example/x");
        assert_eq!(to("http://evil.example/x"), "https://preau.example.org:8443/x");
    }
}
