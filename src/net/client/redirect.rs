//! Where an exchange goes next: each hop is checked like the first address.

use bytes::Bytes;
use http::{
    HeaderMap, Method, Response, StatusCode,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, LOCATION, PROXY_AUTHORIZATION,
    },
};
use url::Url;

use super::{ClientError, Shown};

/// One request on the way to an answer.
#[derive(Debug)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Hop {
    /// The first address, as the caller gave it.
    pub(super) fn first(
        method: Method,
        mut url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, ClientError> {
        url.set_fragment(None);
        match unusable(&url) {
            Some(reason) => Err(ClientError::Unusable { url: (&url).into(), reason }),
            None => Ok(Self { method, url, headers, body }),
        }
    }

    /// The request that this answer redirects to, `None` when it is not a redirect.
    pub(super) fn next<B>(&self, response: &Response<B>) -> Result<Option<Self>, ClientError> {
        let status = response.status();
        let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let Some(location) = response.headers().get(LOCATION).filter(|_| redirects) else {
            return Ok(None);
        };
        let raw = String::from_utf8_lossy(location.as_bytes());
        let mut url = self.url.join(&raw).map_err(|_| {
            let start: String =
                raw.split(['?', '#']).next().unwrap_or("").chars().take(100).collect();
            self.not_followed(start, "not an address")
        })?;
        url.set_fragment(None);
        let shown = || Shown::from(&url).to_string();
        if let Some(reason) = unusable(&url) {
            return Err(self.not_followed(shown(), reason));
        }
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Err(self.not_followed(shown(), "from https to http"));
        }
        Ok(Some(self.towards(url, status)))
    }

    fn not_followed(&self, to: String, reason: &'static str) -> ClientError {
        ClientError::Redirect { url: (&self.url).into(), to, reason }
    }

    fn towards(&self, url: Url, status: StatusCode) -> Self {
        let mut headers = self.headers.clone();
        if url.origin() != self.url.origin() {
            for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
                headers.remove(name);
            }
        }
        // RFC 9110 §15.4: 303 asks for a GET; so do 301 and 302 of a POST, by long custom.
        let becomes_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD && self.method != Method::GET,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        let (method, body) = if becomes_get {
            headers.remove(CONTENT_TYPE);
            headers.remove(CONTENT_ENCODING);
            (Method::GET, Bytes::new())
        } else {
            (self.method.clone(), self.body.clone())
        };
        Self { method, url, headers, body }
    }
}

/// Why an address is never asked, if it is not.
fn unusable(url: &Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        Some("only http and https are asked")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("a user or password in the address is refused")
    } else if url.host_str().is_none_or(str::is_empty) {
        Some("names no host")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(method: Method, url: &str) -> Hop {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "Basic x".parse().unwrap());
        Hop::first(method, url.parse().unwrap(), headers, Bytes::from_static(b"q")).unwrap()
    }

    fn redirect(status: u16, to: &str) -> Response<()> {
        Response::builder().status(status).header(LOCATION, to).body(()).unwrap()
    }

    #[test]
    fn credentials_stay_on_their_origin() {
        let from = hop(Method::GET, "https://a.example/x");
        let same = from.next(&redirect(302, "/y")).unwrap().unwrap();
        assert!(same.headers.contains_key(AUTHORIZATION));
        for elsewhere in ["https://b.example/x", "https://a.example:444/x"] {
            let other = from.next(&redirect(302, elsewhere)).unwrap().unwrap();
            assert!(!other.headers.contains_key(AUTHORIZATION), "{elsewhere}");
        }
    }

    #[test]
    fn https_never_falls_back_to_http() {
        let from = hop(Method::GET, "https://a.example/x?secret=1");
        let error = from.next(&redirect(301, "http://a.example/x?token=2")).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ClientError::Redirect { .. }), "{text}");
        assert!(!text.contains("secret") && !text.contains("token"), "{text}");
    }

    #[test]
    fn odd_destinations_are_not_followed() {
        let from = hop(Method::GET, "http://a.example/");
        for to in ["file:///etc/passwd", "ftp://a.example/", "http://u:p@a.example/", "http://[/"] {
            assert!(from.next(&redirect(302, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn methods_change_as_the_rfc_says() {
        let next = |method, status| {
            let hop = hop(method, "http://a.example/").next(&redirect(status, "/b"));
            let hop = hop.unwrap().unwrap();
            (hop.method, hop.body.len())
        };
        assert_eq!(next(Method::POST, 302), (Method::GET, 0));
        assert_eq!(next(Method::POST, 303), (Method::GET, 0));
        assert_eq!(next(Method::POST, 307), (Method::POST, 1));
        assert_eq!(next(Method::GET, 301), (Method::GET, 1));
        assert_eq!(next(Method::HEAD, 303), (Method::HEAD, 1));
    }

    #[test]
    fn a_304_or_a_redirect_without_location_is_an_answer() {
        let from = hop(Method::GET, "http://a.example/");
        assert!(from.next(&redirect(304, "/b")).unwrap().is_none());
        assert!(from.next(&Response::builder().status(302).body(()).unwrap()).unwrap().is_none());
    }
}
