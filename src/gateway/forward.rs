//! A request in the clear: judged, made the box's own, sent on, and its answer brought back.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header::MAX_FORWARDS,
};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::{
    Gateway, Shared,
    asked::{Asked, BadTarget},
    blocked::{self, LATELY},
    body, cached,
    clock::Clock,
    connect::ruled,
    fields::{self, Pseudonym, Wishes},
    interim::Herald,
    judged::Ruling,
    noted::Note,
    origins::Outgoing,
    outage,
    refusal::Why,
    serve::Seat,
    upgrade,
};
use crate::net::{body::Body, tally::Came};

pub async fn answer(
    gateway: &Gateway,
    request: Request<Incoming>,
    seat: Arc<Seat>,
    token: CancellationToken,
) -> Response<Body> {
    let shared = &gateway.shared;
    let asked = Asked::in_clear(request.uri());
    let heard = request.headers().clone();
    // Judged by nobody: no rule may send a device away from the library.
    if let Some(answer) =
        asked.as_ref().ok().and_then(|asked| outage::probe(shared, &request, asked))
    {
        return answer;
    }
    let note = shared.note(&seat, asked.as_ref().ok());
    let answered = match &asked {
        Err(bad) => Err(Why::Target(*bad)),
        Ok(asked) => match admit(shared, &request, asked, (&seat, &note)) {
            Err(why) => Err(why),
            Ok(ruling) => {
                let from = (&heard, &seat, &note);
                carry_on(gateway, request, (asked, ruling), from, token).await
            }
        },
    };
    if answered.is_ok() {
        note.came(Came::Served);
    }
    let mut answered = answered.unwrap_or_else(|why| {
        note.refused(&why);
        shared.pages.refusal(&shared.home, &heard, asked.as_ref().ok(), &seat, &why)
    });
    // What the device takes of it is counted where it leaves.
    answered.extensions_mut().insert(note);
    answered
}

/// A request that names no place.
pub fn refuse(
    shared: &Shared,
    request: &Request<Incoming>,
    seat: &Seat,
    bad: BadTarget,
) -> Response<Body> {
    let why = Why::Target(bad);
    shared.note(seat, None).refused(&why);
    shared.pages.refusal(&shared.home, request.headers(), None, seat, &why)
}

/// Seen before? Of a kind that goes through? May it?
fn admit(
    shared: &Shared,
    request: &Request<Incoming>,
    asked: &Asked,
    (seat, note): (&Seat, &Note),
) -> Result<Ruling, Why> {
    if shared.pseudonym.is_in(request.headers()) {
        return Err(Why::Loop);
    }
    // TRACE would show a script what the browser keeps from it.
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        return Err(Why::Method);
    }
    if shared.home.is(asked, seat.local) {
        return Ok(Ruling::default());
    }
    if !shared.config.plain_ports.contains(&asked.port) {
        return Err(Why::Port(asked.port));
    }
    let path = request.uri().path_and_query().map(http::uri::PathAndQuery::as_str);
    let mut ruling = ruled(shared, asked, path, seat);
    note.judged(&ruling);
    match ruling.denied.take() {
        Some(denial) => Err(Why::Denied(denial)),
        None => Ok(ruling),
    }
}

async fn carry_on(
    gateway: &Gateway,
    mut request: Request<Incoming>,
    (asked, ruling): (&Asked, Ruling),
    (heard, seat, note): (&HeaderMap, &Arc<Seat>, &Note),
    token: CancellationToken,
) -> Result<Response<Body>, Why> {
    let shared = &gateway.shared;
    let at_home = shared.home.is(asked, seat.local);
    if at_home && request.uri().path() == LATELY {
        // The library would see the box's own address.
        return Ok(blocked::answer(gateway, request, seat.device).await);
    }
    if *request.method() == Method::OPTIONS && last_hop(&mut request) {
        return Ok(options());
    }
    let version = request.version();
    let mut wishes = Wishes::of(request.headers(), version);
    // RFC 6455 §4.1: a GET, and without a body, whose bytes would be the first of the WebSocket.
    wishes.websocket &= *request.method() == Method::GET && request.body().is_end_stream();
    let pseudonym = &shared.pseudonym;
    fields::of_request(request.headers_mut(), asked, wishes, version, pseudonym);
    if wishes.websocket {
        return upgrade::answer(gateway, request, (asked, ruling), (seat, note), token).await;
    }
    let herald = (version == Version::HTTP_11).then(|| seat.interim.begin());
    let (parts, incoming) = request.into_parts();
    let clock = Arc::new(Clock::default());
    let mut request = Request::from_parts(parts, ());
    let wanted = wishes.continues.then(CancellationToken::new);
    hear_interim(&mut request, wanted.clone(), herald, pseudonym);
    let counts = (note.clone(), shared.meter_up(seat).filter(|_| !at_home));
    let request = request.map(|()| body::of_device(incoming, clock.clone(), wanted, counts));
    let (asked, instead, meter) = (asked.clone(), ruling.instead, shared.meter(seat));
    let destination = note.destination();
    let outgoing = Outgoing { asked, instead, request, clock, meter, destination };
    if at_home {
        return Ok(shared.origins.fetch_at(outgoing, seat.local).await?.map(Body::Page));
    }
    // Here, and nowhere else, what is kept may answer instead of the origin. An engine's safe host
    // says something else under the same address: neither is kept for the other. Whether the Internet
    // is there is never answered from memory.
    let asks_of_now = shared.pages.probes.is_one(&outgoing.asked, outgoing.request.uri().path());
    match &shared.cache {
        Some(cache) if outgoing.instead.is_none() && !asks_of_now => {
            Ok(cached::answer(gateway, cache, outgoing, heard, seat).await)
        }
        _ => Ok(shared.origins.fetch(outgoing).await?.map(Body::Page)),
    }
}

/// What the origin says before its answer: that it wants the body, or what the device is to hear
/// (RFC 9110 §15.2). Nobody hears it of an answer that was fetched for several, but who asked first.
fn hear_interim(
    request: &mut Request<()>,
    wanted: Option<CancellationToken>,
    herald: Option<Herald>,
    pseudonym: &Pseudonym,
) {
    let pseudonym = pseudonym.clone();
    hyper::ext::on_informational(request, move |answer| match (answer.status(), &herald) {
        (StatusCode::CONTINUE, _) => wanted.iter().for_each(CancellationToken::cancel),
        // hyper takes it for the end of HTTP on that connection, and never says it.
        (StatusCode::SWITCHING_PROTOCOLS, _) | (_, None) => {}
        (status, Some(herald)) => {
            let mut told = answer.headers().clone();
            fields::of_interim(&mut told, answer.version(), &pseudonym);
            herald.say(status, &told);
        }
    });
}

/// RFC 9110 §7.6.2: one hop less; none left means that the box is asked.
fn last_hop(request: &mut Request<Incoming>) -> bool {
    let fields = request.headers_mut();
    let left = fields.get(MAX_FORWARDS).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    match left {
        Some(0) => true,
        Some(left) => {
            fields.insert(MAX_FORWARDS, HeaderValue::from(left - 1));
            false
        }
        None => false,
    }
}

fn options() -> Response<Body> {
    let mut answer = Response::new(Body::Empty);
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT");
    answer.headers_mut().insert(http::header::ALLOW, allow);
    answer
}
