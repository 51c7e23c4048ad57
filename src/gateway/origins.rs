//! A plain request's exchange with its origin: a connection that waits or a new one, the request in
//! the form its hop takes, the answer's head within its time.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{
    HeaderMap, Method, Request, Response, StatusCode, Uri, Version, header::PROXY_AUTHORIZATION,
};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use super::{
    asked::Asked,
    body::{self, Carried},
    clock::Clock,
    dial::{DialError, Dialer, Hop},
    fairness::Meter,
    fields::{self, Pseudonym},
    noted::Destination,
    pool::{Key, Lease, Pool},
};
use crate::filter::host::Host;

/// Head of an answer, and buffer of a connection.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Header fields of an answer.
const MAX_HEADER_FIELDS: usize = 128;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// Connected, and no head came in time.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// The connection broke before the head was whole, or what came is no HTTP.
    #[error("the exchange failed: {0}")]
    Broken(hyper::Error),
    /// A transfer coding that nobody asked for (RFC 9112 §7).
    #[error("the answer has a transfer coding beside chunked")]
    Coded,
    /// Something came before anything was asked.
    #[error("the origin spoke before it was asked")]
    Early,
    /// The address cannot be written as a request's target.
    #[error("the address cannot be asked for")]
    Target,
}

/// Exchanges with origins. Shared by every request.
#[derive(Debug)]
pub struct Origins {
    pub dialer: Dialer,
    pub pool: Pool,
    pseudonym: Pseudonym,
    answer_timeout: Duration,
    tracker: TaskTracker,
}

/// A request that is ready to go: its fields are the box's own.
#[derive(Debug)]
pub struct Outgoing {
    /// Where to.
    pub asked: Asked,
    /// Whose addresses are dialled in the place of its own.
    pub instead: Option<Arc<Host>>,
    /// In absolute-form, whatever form it will be sent in.
    pub request: Request<Carried>,
    /// Touched as the body goes out.
    pub clock: Arc<Clock>,
    /// Who takes the answer, when devices share the link.
    pub meter: Option<Meter>,
    /// Told where the connection led.
    pub destination: Destination,
}

impl Origins {
    pub fn new(
        dialer: Dialer,
        pseudonym: Pseudonym,
        answer_timeout: Duration,
        tracker: TaskTracker,
    ) -> Self {
        Self { dialer, pool: Pool::default(), pseudonym, answer_timeout, tracker }
    }

    /// One request, one answer, whose fields are the box's own.
    pub async fn fetch(&self, outgoing: Outgoing) -> Result<Response<Carried>, FetchError> {
        let host = outgoing.asked.host;
        if self.dialer.is_cut() {
            return self.fetch_anyhow(outgoing, false).await;
        }
        self.dialer.while_up(&host, self.fetch_anyhow(outgoing, true)).await
    }

    /// During an outage connections that wait lead nowhere.
    async fn fetch_anyhow(
        &self,
        outgoing: Outgoing,
        some_wait: bool,
    ) -> Result<Response<Carried>, FetchError> {
        let Outgoing { asked, instead, mut request, clock, meter, destination } = outgoing;
        // Another proxy would ask the host of the address that it reads: past it, the way to a safe
        // host is a tunnel.
        let hop = if instead.is_some() { Hop::Origin } else { self.dialer.hop(&asked) };
        *request.uri_mut() = target(&asked, request.uri(), hop)?;
        *request.version_mut() = Version::HTTP_11;
        // What a device said to a proxy ended at the box: this is the box's own.
        if let Some(account) = self.dialer.account(hop) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, account.clone());
        }
        let key = Key::of(&asked, instead.as_ref(), hop);
        let again = Spare::of(&request);
        // One that waited may have been closed as we took it: what is safe to repeat is repeated,
        // once, on a new one.
        let waiting = if some_wait { self.pool.take(&key).await } else { None };
        if let Some(lease) = waiting {
            destination.is(lease.leads);
            match self.exchange(lease, request, &clock).await {
                Ok((answer, lease)) => return self.heard(hop, answer, lease, meter),
                Err(Failure { unsent: Some(unsent), .. }) => request = *unsent,
                Err(failure) => match again {
                    Some(spare) if failure.broken() => request = spare.request(),
                    _ => return Err(failure.error),
                },
            }
        }
        let (stream, leads) = match instead {
            None => {
                let stream = self.dialer.for_requests(&asked).await?;
                let leads = self.dialer.leads(&asked, &stream);
                (stream, leads)
            }
            Some(host) => self.to_safe_host(Asked { host: *host, port: asked.port }).await?,
        };
        destination.is(leads);
        let lease = self.pool.lease(key, self.greet(stream).await?, leads);
        let answered = self.exchange(lease, request, &clock).await;
        let (answer, lease) = answered.map_err(|failure| failure.error)?;
        self.heard(hop, answer, lease, meter)
    }

    /// An answer; unless it is another proxy's own word, for the box and nobody else.
    fn heard(
        &self,
        hop: Hop,
        answer: Response<Incoming>,
        lease: Lease,
        meter: Option<Meter>,
    ) -> Result<Response<Carried>, FetchError> {
        if hop == Hop::Proxy && answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(self.dialer.not_taken().into());
        }
        self.accept(answer, lease, meter)
    }

    /// The same with the box's own library, at the address where the device found it.
    pub async fn fetch_at(
        &self,
        outgoing: Outgoing,
        local: IpAddr,
    ) -> Result<Response<Carried>, FetchError> {
        let Outgoing { asked, mut request, clock, .. } = outgoing;
        *request.uri_mut() = origin_form(request.uri())?;
        *request.version_mut() = Version::HTTP_11;
        let stream = TcpStream::connect(SocketAddr::new(local, asked.port)).await;
        let stream = stream.map_err(DialError::of_connect)?;
        let lease = Lease::once(self.greet(stream).await?);
        let answered = self.exchange(lease, request, &clock).await;
        let (answer, lease) = answered.map_err(|failure| failure.error)?;
        // The library is no part of the link.
        self.accept(answer, lease, None)
    }

    async fn to_safe_host(&self, place: Asked) -> Result<(TcpStream, Option<IpAddr>), FetchError> {
        let via = self.pseudonym.via(Version::HTTP_11);
        let dialled = self.dialer.for_tunnel(&place, &via).await?;
        // Nobody has asked anything there yet.
        if !dialled.early.is_empty() {
            return Err(FetchError::Early);
        }
        let leads = self.dialer.leads(&place, &dialled.stream);
        Ok((dialled.stream, leads))
    }

    /// HTTP on a new connection.
    async fn greet(&self, stream: TcpStream) -> Result<http1::SendRequest<Carried>, FetchError> {
        let (sender, connection) = shake(stream).await?;
        self.tracker.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to an origin ended early");
            }
        });
        Ok(sender)
    }

    async fn exchange(
        &self,
        mut lease: Lease,
        request: Request<Carried>,
        clock: &Clock,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        clock.touch();
        let sent = tokio::select! {
            sent = lease.sender.try_send_request(request) => sent,
            // As long as the body goes out, the origin need not answer.
            () = clock.quiet_for(self.answer_timeout) => {
                return Err(Failure { error: FetchError::Silent(self.answer_timeout), unsent: None });
            }
        };
        match sent {
            Ok(answer) => Ok((answer, lease)),
            Err(mut error) => {
                let unsent = error.take_message().map(Box::new);
                Err(Failure { error: FetchError::Broken(error.into_error()), unsent })
            }
        }
    }

    /// An answer whose head is whole, as the box's own.
    pub fn accept(
        &self,
        answer: Response<Incoming>,
        lease: Lease,
        meter: Option<Meter>,
    ) -> Result<Response<Carried>, FetchError> {
        if fields::is_coded(answer.headers()) {
            return Err(FetchError::Coded);
        }
        let (mut parts, incoming) = answer.into_parts();
        fields::of_answer(&mut parts.headers, parts.version, &self.pseudonym);
        parts.version = Version::HTTP_11;
        Ok(Response::from_parts(parts, body::of_origin(incoming, lease, meter)))
    }
}

/// HTTP/1.1 on a connection; whoever calls runs the second.
pub async fn shake(
    stream: TcpStream,
) -> Result<(http1::SendRequest<Carried>, http1::Connection<TokioIo<TcpStream>, Carried>), FetchError>
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADER_FIELDS);
    builder.handshake(TokioIo::new(stream)).await.map_err(FetchError::Broken)
}

/// RFC 9112 §3.2: origin-form to an origin, absolute-form to a proxy.
fn target(asked: &Asked, uri: &Uri, hop: Hop) -> Result<Uri, FetchError> {
    let path = origin_form(uri)?;
    match hop {
        Hop::Origin => Ok(path),
        Hop::Proxy => Uri::try_from(format!("http://{}{path}", asked.as_host_field()))
            .map_err(|_| FetchError::Target),
    }
}

/// RFC 9112 §3.2.1: the path and query alone.
pub fn origin_form(uri: &Uri) -> Result<Uri, FetchError> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let slash = if path.starts_with('/') { "" } else { "/" };
    Uri::try_from(format!("{slash}{path}")).map_err(|_| FetchError::Target)
}

struct Failure {
    error: FetchError,
    /// The request, when not a byte of it was sent.
    unsent: Option<Box<Request<Carried>>>,
}

impl Failure {
    fn broken(&self) -> bool {
        matches!(&self.error, FetchError::Broken(error)
            if error.is_incomplete_message() || error.is_closed() || of_socket(error))
    }
}

fn of_socket(error: &hyper::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<io::Error>)
}

/// What is needed to send a request again: RFC 9110 §9.2.2, only without a body and where once more
/// is the same as once.
struct Spare {
    method: Method,
    uri: Uri,
    fields: HeaderMap,
}

impl Spare {
    fn of(request: &Request<Carried>) -> Option<Self> {
        let repeats = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        (repeats && http_body::Body::is_end_stream(request.body())).then(|| Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            fields: request.headers().clone(),
        })
    }

    fn request(self) -> Request<Carried> {
        let mut request = Request::new(Carried::empty());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.fields;
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_takes_the_form_of_its_hop() {
        let form = |text: &str, hop| {
            let uri: Uri = text.parse().unwrap();
            target(&Asked::in_clear(&uri).unwrap(), &uri, hop).unwrap().to_string()
        };
        assert_eq!(form("http://Example.org/a?b=c", Hop::Origin), "/a?b=c");
        assert_eq!(form("http://example.org", Hop::Origin), "/");
        assert_eq!(form("http://example.org?b", Hop::Origin), "/?b");
        assert_eq!(form("http://Example.org:81/a", Hop::Proxy), "http://example.org:81/a");
        assert_eq!(form("http://0x7f.1:80/", Hop::Proxy), "http://127.0.0.1/");
    }
}
