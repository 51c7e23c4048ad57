//! One request of its own, over one link, each phase timed apart: name, connection, TLS, first byte.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT},
};
use http_body::Body;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

use super::way::{self, Way};

/// Bytes of an answer's head, and the most that one read brings.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What each phase took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    /// The name; nothing where an address was written out.
    pub dns: Option<Duration>,
    /// The TCP connection.
    pub connect: Option<Duration>,
    /// The TLS session, under https.
    pub tls: Option<Duration>,
    /// From the request to the answer's head.
    pub first_byte: Option<Duration>,
}

/// Where a fetch ended.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody knows the name.
    #[error("name: {0}")]
    Name(io::Error),
    /// No connection.
    #[error("connection: {0}")]
    Connect(io::Error),
    /// No TLS session.
    #[error("TLS: {0}")]
    Tls(io::Error),
    /// No answer, or none of HTTP.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// An answer that says no.
    #[error("the server answers {0}")]
    Status(StatusCode),
    /// The address cannot be asked.
    #[error("{0}")]
    Unusable(&'static str),
    /// It took too long; what was done by then is known.
    #[error("nothing within {0:?}")]
    Late(Duration),
}

/// Both ways of a connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection on which one request may be made.
pub struct Line<B> {
    sender: http1::SendRequest<B>,
    /// Ends with the line.
    _driver: AbortOnDropHandle<()>,
}

/// Connects as an address says, under TLS if it is https. `phases` is filled as far as it came.
///
/// # Errors
/// Where it ended. Whoever calls has the time limit.
pub async fn dial<B>(
    way: &Way,
    tls: &Arc<ClientConfig>,
    url: &Url,
    phases: &mut Phases,
) -> Result<Line<B>, FetchError>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Err(FetchError::Unusable("an address without a host"));
    };
    let begun = Instant::now();
    let address = match &host {
        Host::Domain(name) => {
            let found = way::find(name).await.map_err(FetchError::Name)?;
            phases.dns = Some(begun.elapsed());
            found
        }
        Host::Ipv4(address) => (*address).into(),
        Host::Ipv6(address) => (*address).into(),
    };
    let begun = Instant::now();
    let stream = way.tcp(SocketAddr::new(address, port)).await.map_err(FetchError::Connect)?;
    phases.connect = Some(begun.elapsed());
    let stream: Box<dyn Stream> = if url.scheme() == "https" {
        let name = match &host {
            Host::Domain(name) => ServerName::try_from((*name).to_owned()),
            _ => Ok(ServerName::IpAddress(address.into())),
        };
        let name = name.map_err(|_| FetchError::Unusable("no name that TLS knows"))?;
        let begun = Instant::now();
        let secured = TlsConnector::from(tls.clone()).connect(name, stream).await;
        phases.tls = Some(begun.elapsed());
        Box::new(secured.map_err(FetchError::Tls)?)
    } else {
        Box::new(stream)
    };
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(async move {
        // What broke is told by the request.
        let _ = connection.await;
    });
    Ok(Line { sender, _driver: AbortOnDropHandle::new(driver) })
}

impl<B> Line<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Sends, and gives the answer's head.
    ///
    /// # Errors
    /// No answer came.
    pub async fn send(
        &mut self,
        method: Method,
        url: &Url,
        body: B,
    ) -> Result<Response<Incoming>, FetchError> {
        let path = match url.query() {
            None => url.path().to_owned(),
            Some(query) => format!("{}?{query}", url.path()),
        };
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let unusable = || FetchError::Unusable("not an address that HTTP can carry");
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| unusable())?;
        let fields = request.headers_mut();
        fields.insert(HOST, HeaderValue::from_str(&host).map_err(|_| unusable())?);
        let agent = concat!("preau/", env!("CARGO_PKG_VERSION"));
        fields.insert(USER_AGENT, HeaderValue::from_static(agent));
        // Bytes are what is counted.
        fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(self.sender.send_request(request).await?)
    }
}

/// Fetches a head alone.
///
/// # Errors
/// Where it ended; a server that fails (5xx) fails, one that only refuses (4xx) is there.
pub async fn head(
    way: &Way,
    tls: &Arc<ClientConfig>,
    url: &Url,
    within: Duration,
) -> (Phases, Result<StatusCode, FetchError>) {
    let mut phases = Phases::default();
    let fetching = async {
        let mut line = dial::<http_body_util::Empty<Bytes>>(way, tls, url, &mut phases).await?;
        let begun = Instant::now();
        let answer = line.send(Method::HEAD, url, http_body_util::Empty::new()).await?;
        phases.first_byte = Some(begun.elapsed());
        let status = answer.status();
        if status.is_server_error() { Err(FetchError::Status(status)) } else { Ok(status) }
    };
    let fetched = tokio::time::timeout(within, fetching).await;
    (phases, fetched.unwrap_or(Err(FetchError::Late(within))))
}
