//! CONNECT (RFC 9110 §9.3.6): a tunnel to a place that may be reached, for as long as it may.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::{
    Gateway, Shared,
    asked::Asked,
    clock::Clock,
    dial::{DialError, Dialled},
    judged::{Ruling, Who},
    noted::Note,
    refusal::Why,
    serve::{Seat, device_end},
    tunnel::{self, End},
};
use crate::{
    filter::host::Host,
    journal::Verdict,
    net::{body::Body, tally::Came},
};

/// See [`Ruling::instead`].
type Instead = Option<Arc<Host>>;

/// At a stop, a tunnel that is quiet for so long is closed.
const QUIET_AT_STOP: Duration = Duration::from_secs(1);
/// A verdict is not asked for more often than this, whatever its time says.
const SHORTEST_VERDICT: Duration = Duration::from_secs(1);
/// Nor is it trusted longer: clocks are set, and policies replaced.
const LONGEST_VERDICT: Duration = Duration::from_secs(30);

pub async fn answer(
    gateway: &Gateway,
    request: Request<Incoming>,
    seat: Arc<Seat>,
    token: CancellationToken,
) -> Response<Body> {
    let shared = &gateway.shared;
    let asked = Asked::tunnel(request.uri());
    let note = shared.note(&seat, asked.as_ref().ok());
    let opened = match asked {
        Ok(asked) => match open(shared, &request, &asked, (&seat, &note)).await {
            Ok((dialled, instead)) => Ok((asked, dialled, instead)),
            Err(why) => Err((Some(asked), why)),
        },
        Err(bad) => Err((None, Why::Target(bad))),
    };
    match opened {
        Ok((asked, dialled, instead)) => {
            note.came(Came::Served);
            let (gateway, switched) = (gateway.clone(), hyper::upgrade::on(request));
            shared.tracker.spawn(async move {
                let origin = End { stream: dialled.stream, early: dialled.early };
                let device = device_end(switched).await?;
                let place = (&asked, instead.as_ref());
                carry(&gateway.shared, place, (&seat, &note), &token, device, origin).await
            });
            Response::new(Body::Empty)
        }
        Err((asked, why)) => {
            note.refused(&why);
            shared.pages.refusal(&shared.home, request.headers(), asked.as_ref(), &seat, &why)
        }
    }
}

/// Phases of a tunnel, in their order: seen before? may it? where is it?
async fn open(
    shared: &Shared,
    request: &Request<Incoming>,
    asked: &Asked,
    (seat, note): (&Seat, &Note),
) -> Result<(Dialled, Instead), Why> {
    if shared.pseudonym.is_in(request.headers()) {
        return Err(Why::Loop);
    }
    if shared.home.is(asked, seat.local) {
        return Ok((at_home(asked, seat).await?, None));
    }
    if !shared.config.connect_ports.contains(&asked.port) {
        return Err(Why::Port(asked.port));
    }
    let ruling = ruled(shared, asked, None, seat);
    note.judged(&ruling);
    if let Some(denial) = ruling.denied {
        return Err(Why::Denied(denial));
    }
    let via = shared.pseudonym.via(request.version());
    let dialled = shared.origins.dialer.for_tunnel(&ruling.place(asked), &via).await?;
    note.leads_to(shared.origins.dialer.leads(asked, &dialled.stream));
    Ok((dialled, ruling.instead))
}

/// Asks for a verdict, and remembers a refusal for the device's eyes.
pub fn ruled(shared: &Shared, asked: &Asked, path: Option<&str>, seat: &Seat) -> Ruling {
    let now = Timestamp::now();
    let ruling = shared.judge.judge(&Who { address: seat.device }, asked, path, now);
    seat.is_under(ruling.ceiling.clone());
    if let Some(denial) = &ruling.denied {
        shared.recent.add(seat.device, asked, denial, now);
    }
    ruling
}

/// The library, at the address where the device found the box.
pub async fn at_home(asked: &Asked, seat: &Seat) -> Result<Dialled, DialError> {
    let stream = TcpStream::connect(SocketAddr::new(seat.local, asked.port)).await;
    let stream = stream.map_err(DialError::of_connect)?;
    Ok(Dialled { stream, early: Bytes::new() })
}

/// Carries bytes until an end, a stop, or a verdict that changed.
pub async fn carry(
    shared: &Shared,
    place: (&Asked, Option<&Arc<Host>>),
    (seat, note): (&Seat, &Note),
    token: &CancellationToken,
    device: End,
    origin: End,
) -> std::io::Result<()> {
    let clock = Clock::default();
    let stop = async {
        tokio::select! {
            () = until_denied(shared, place, seat) => note.ends(Verdict::Cut),
            () = async {
                token.cancelled().await;
                clock.touch();
                clock.quiet_for(QUIET_AT_STOP).await;
            } => {}
        }
    };
    let at_home = shared.home.is(place.0, seat.local);
    let way = tunnel::Way {
        pipes: &shared.pipes,
        clock: &clock,
        counts: note.counts(),
        idle: shared.config.idle_timeout.0,
        meter: shared.meter(seat).filter(|_| !at_home),
        meter_up: shared.meter_up(seat).filter(|_| !at_home),
    };
    Box::pin(tunnel::join(&device, &origin, &way, stop)).await
}

/// Ends when the place may no longer be reached, or only by another way than was dialled.
async fn until_denied(
    shared: &Shared,
    (asked, instead): (&Asked, Option<&Arc<Host>>),
    seat: &Seat,
) {
    if shared.home.is(asked, seat.local) {
        std::future::pending::<()>().await;
    }
    let mut changes = shared.judge.changes(seat.device);
    loop {
        let ruling = ruled(shared, asked, None, seat);
        if ruling.denied.is_some() || ruling.instead.as_ref() != instead {
            tracing::debug!(%asked, "a tunnel is closed: the policy changed its mind");
            return;
        }
        let left = ruling.until.map(|until| until.duration_since(Timestamp::now()));
        let left = left.and_then(|left| Duration::try_from(left).ok());
        let wait = left.unwrap_or(LONGEST_VERDICT).clamp(SHORTEST_VERDICT, LONGEST_VERDICT);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = changes.next() => {}
        }
    }
}
