//! The HTTP client of every room: bounded in size, time, redirects and destination.

mod answer;
mod connect;
mod destination;
mod error;
mod redirect;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Uri,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING,
        USER_AGENT,
    },
};
use http_body_util::Full;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use ipnet::IpNet;
use url::{Origin, Url};

pub use self::{
    answer::Answer,
    destination::{is_public, may_reach},
    error::{ClientError, Shown},
};
use self::{connect::CheckedConnector, redirect::Hop};

/// Head of an answer, in bytes; also the most that one read brings, so it sets the memory a
/// transfer takes.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Header fields of an answer.
const MAX_HEADER_FIELDS: usize = 100;
/// Idle connections kept an origin.
const MAX_IDLE_PER_ORIGIN: usize = 4;
/// Time an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What every request of one client shares.
#[derive(Debug, Clone, Default)]
pub struct ClientOptions {
    /// Private, loopback or link-local networks that may be reached all the same.
    pub allow_private: Vec<IpNet>,
    /// Certificate authorities (PEM files) beside the system's.
    pub extra_authorities: Vec<PathBuf>,
    /// Client certificate chain and key (PEM files). Shown to `bearer_origin` only or, when there
    /// is none, to the origin first asked, never to where it redirects.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Sent as `Authorization: Bearer …` to `bearer_origin` only.
    pub bearer: Option<String>,
    /// Any address of the one origin (scheme, host, port) that `bearer` is for.
    pub bearer_origin: Option<Url>,
}

/// How much, how long and how far one exchange may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From asking, connection included, to the answer's head; anew for each redirect.
    pub head: Duration,
    /// The body must bring `slowest` bytes a second on average over this span, else it is cut.
    pub stall_after: Duration,
    /// See `stall_after`.
    pub slowest: u64,
    /// Bytes of body accepted, before and after decoding.
    pub body: u64,
    /// Redirects followed; each hop is checked like the first address.
    pub redirects: u8,
}

/// A request. The body is small and held whole.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Usually GET.
    pub method: Method,
    /// `http` or `https`.
    pub url: Url,
    /// Beside the ones the client sets (Host, User-Agent, Accept-Encoding: identity). Whoever sets
    /// `Accept-Encoding: gzip` here gets [`Answer::whole`] decoded.
    pub headers: HeaderMap,
    /// Empty for most.
    pub body: Bytes,
    /// Bounds of this exchange.
    pub limits: Limits,
}

type Pool = legacy::Client<CheckedConnector, Full<Bytes>>;

/// A pooled client. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    /// Shows no certificate.
    anonymous: Pool,
    /// Shows the client certificate, when there is one.
    identified: Option<Pool>,
    bearer: Option<HeaderValue>,
    credentials_origin: Option<Origin>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("identified", &self.shared.identified.is_some())
            .field("bearer", &self.shared.bearer.is_some())
            .finish()
    }
}

/// TLS toward a server of another protocol than HTTP: it must show a certificate of the system's
/// authorities, or of these (PEM files). Blocking.
///
/// # Errors
/// A file cannot be read.
pub fn tls(extra_authorities: &[PathBuf]) -> Result<rustls::ClientConfig, ClientError> {
    let extra_authorities = extra_authorities.to_vec();
    let options = ClientOptions { extra_authorities, ..ClientOptions::default() };
    let mut config = connect::tls_config(&options, false)?;
    config.alpn_protocols.clear();
    Ok(config)
}

impl Client {
    /// Reads certificates and keys.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let bearer = match (&options.bearer, &options.bearer_origin) {
            (Some(_), None) => {
                return Err(ClientError::Options {
                    what: "bearer token".to_owned(),
                    reason: "the origin it is for must be named".to_owned(),
                });
            }
            (Some(token), Some(_)) => Some(bearer_value(token)?),
            (None, _) => None,
        };
        let allow_private: Arc<[IpNet]> = options.allow_private.as_slice().into();
        let pool = |with_identity| -> Result<Pool, ClientError> {
            let tls = connect::tls_config(&options, with_identity)?;
            Ok(pool(CheckedConnector::new(allow_private.clone(), tls)))
        };
        Ok(Self {
            shared: Arc::new(Shared {
                anonymous: pool(false)?,
                identified: options.identity.as_ref().map(|_| pool(true)).transpose()?,
                bearer,
                credentials_origin: options.bearer_origin.as_ref().map(Url::origin),
            }),
        })
    }

    /// Sends, follows redirects, gives the answer whatever its status.
    pub async fn send(&self, ask: Ask) -> Result<Answer, ClientError> {
        let limits = ask.limits;
        let gzip_asked = asks_gzip(&ask.headers);
        let trusted = self.shared.credentials_origin.clone().unwrap_or_else(|| ask.url.origin());
        let mut hop = Hop::first(ask.method, ask.url, ask.headers, ask.body)?;
        for _ in 0..=limits.redirects {
            let response = self.exchange(&hop, &trusted, limits.head).await?;
            match hop.next(&response)? {
                Some(next) => hop = next,
                None => return Ok(Answer::new(response, hop.url, limits, gzip_asked)),
            }
        }
        Err(ClientError::TooManyRedirects { url: (&hop.url).into(), limit: limits.redirects })
    }

    /// One request to one origin, with the credentials that are for it.
    async fn exchange(
        &self,
        hop: &Hop,
        trusted: &Origin,
        head: Duration,
    ) -> Result<http::Response<hyper::body::Incoming>, ClientError> {
        let at_home = hop.url.origin() == *trusted;
        let uri: Uri = hop.url.as_str().parse().map_err(|_| ClientError::Unusable {
            url: (&hop.url).into(),
            reason: "not an address that HTTP can carry",
        })?;
        let mut request = Request::new(Full::new(hop.body.clone()));
        *request.method_mut() = hop.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = own_fields(&hop.headers);
        if at_home && let Some(bearer) = &self.shared.bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        let pool = match &self.shared.identified {
            Some(identified) if at_home => identified,
            _ => &self.shared.anonymous,
        };
        tokio::time::timeout(head, pool.request(request))
            .await
            .map_err(|_| ClientError::HeadTimeout { url: (&hop.url).into(), after: head })?
            .map_err(|error| ClientError::of_request(&hop.url, &error))
    }
}

/// The caller's fields, without those that are the client's to set.
fn own_fields(asked: &HeaderMap) -> HeaderMap {
    let mut fields = asked.clone();
    for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION] {
        fields.remove(name);
    }
    let agent = HeaderValue::from_static(concat!("preau/", env!("CARGO_PKG_VERSION")));
    fields.entry(USER_AGENT).or_insert(agent);
    // A package is hashed as it comes: a coding on the way would only be in the way.
    fields.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    fields
}

fn asks_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.split(';').next().is_some_and(|c| c.trim() == "gzip"))
}

fn bearer_value(token: &str) -> Result<HeaderValue, ClientError> {
    // The token stays out of the message, whatever is wrong with it.
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| {
        ClientError::Options {
            what: "bearer token".to_owned(),
            reason: "holds characters that a header field cannot carry".to_owned(),
        }
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn pool(connector: CheckedConnector) -> Pool {
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE_PER_ORIGIN)
        .http1_max_buf_size(MAX_HEAD_BYTES)
        .http1_max_headers(MAX_HEADER_FIELDS)
        .build(connector)
}
