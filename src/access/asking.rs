//! One question to the ENT, within bounds short enough that a person waits for them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::{Host, Url};

use super::SignInError;
use crate::net::client::{Ask, Client, ClientError, Limits, Shown};

/// Bounds of an exchange during a sign-in: a person looks at a blank page meanwhile. The ENT must
/// answer itself: a redirect could lead a ticket or a secret elsewhere.
const LIMITS: Limits = Limits {
    head: Duration::from_secs(5),
    stall_after: Duration::from_secs(3),
    slowest: 512,
    body: 512 * 1024,
    redirects: 0,
};
/// What came.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Asks, whatever the status of the answer.
pub(super) async fn ask(
    client: &Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Reply, SignInError> {
    if !is_private(&url) {
        let shown = Shown::from(&url);
        return Err(SignInError::answer(format!("{shown}: an ENT is only asked over HTTPS")));
    }
    let asked = url.clone();
    let failed = |error| sorted(&asked, error);
    let answer =
        client.send(Ask { method, url, headers, body, limits: LIMITS }).await.map_err(failed)?;
    let (status, headers) = (answer.status, answer.headers.clone());
    Ok(Reply { status, headers, body: answer.whole().await.map_err(failed)? })
}

/// Does the page that people are sent to answer at all? Better to say on a page of ours that it does
/// not than to send them to an error of the browser's. It is asked for its head, without what would
/// begin a sign-in; whatever it answers, it is there.
pub(super) async fn await_sign_in_page(client: &Client, page: &Url) -> Result<(), SignInError> {
    let mut url = page.clone();
    url.set_query(None);
    let empty = (HeaderMap::new(), Bytes::new());
    match ask(client, Method::HEAD, url, empty.0, empty.1).await {
        Err(error @ SignInError::Unreachable { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// Silence, which passes, apart from an answer that is of no use.
fn sorted(url: &Url, error: ClientError) -> SignInError {
    match error {
        ClientError::TooManyRedirects { .. } => {
            SignInError::answer(format!("{} redirects", Shown::from(url)))
        }
        ClientError::TooLarge { .. } | ClientError::Encoding { .. } => SignInError::answer(error),
        _ => SignInError::Unreachable { reason: error.to_string() },
    }
}

/// An address further down than `base`, whether or not that ends with a slash.
pub(super) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// Over TLS, or on this very machine.
pub(super) fn is_private(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ent_is_asked_over_tls_or_on_this_machine_only() {
        for (url, fine) in [
            ("https://cas.example.org/", true),
            ("http://cas.example.org/", false),
            ("http://localhost.example.org/", false),
            ("http://10.0.0.1/", false),
            ("http://127.0.0.1:8000/", true),
            ("http://[::1]:8000/", true),
        ] {
            assert_eq!(is_private(&url.parse().unwrap()), fine, "{url}");
        }
    }
}
