//! WebSocket through the proxy (RFC 9110 §7.8, RFC 6455): a connection of its own to the origin,
//! joined with the device's only after the origin said 101.

use std::sync::Arc;

use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::{
    Gateway,
    asked::Asked,
    body::Carried,
    connect::carry,
    fields,
    judged::Ruling,
    noted::Note,
    origins::{FetchError, origin_form, shake},
    pool::Lease,
    refusal::Why,
    serve::{Seat, device_end},
    tunnel::End,
};
use crate::net::body::Body;

pub async fn answer(
    gateway: &Gateway,
    mut request: Request<Incoming>,
    (asked, ruling): (&Asked, Ruling),
    (seat, note): (&Arc<Seat>, &Note),
    token: CancellationToken,
) -> Result<Response<Body>, Why> {
    let shared = &gateway.shared;
    let via = shared.pseudonym.via(request.version());
    // Many a proxy drops what it does not know: past another one, the way is a tunnel.
    let dialled = shared.origins.dialer.for_tunnel(&ruling.place(asked), &via).await?;
    note.leads_to(shared.origins.dialer.leads(asked, &dialled.stream));
    if !dialled.early.is_empty() {
        return Err(Why::Broken);
    }
    let meter = shared.meter(seat);
    let (mut sender, connection) = shake(dialled.stream).await?;
    shared.tracker.spawn(connection.with_upgrades());
    let device = hyper::upgrade::on(&mut request);
    let mut asking = Request::new(Carried::empty());
    *asking.uri_mut() = origin_form(request.uri())?;
    *asking.headers_mut() = std::mem::take(request.headers_mut());
    let limit = shared.config.answer_timeout.0;
    let answered = tokio::time::timeout(limit, sender.send_request(asking)).await;
    let answered = answered.map_err(|_| FetchError::Silent(limit))?.map_err(FetchError::Broken)?;
    if answered.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(shared.origins.accept(answered, Lease::once(sender), meter)?.map(Body::Page));
    }
    let mut switching = Response::new(Body::Empty);
    *switching.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *switching.headers_mut() = answered.headers().clone();
    fields::of_answer(switching.headers_mut(), Version::HTTP_11, &shared.pseudonym);
    fields::to_websocket(switching.headers_mut());
    let (gateway, asked, seat) = (gateway.clone(), asked.clone(), seat.clone());
    let note = note.clone();
    shared.tracker.spawn(async move {
        let upgraded = hyper::upgrade::on(answered).await.map_err(std::io::Error::other)?;
        let parts = upgraded
            .downcast::<TokioIo<TcpStream>>()
            .map_err(|_| std::io::Error::other("another connection"))?;
        let origin = End { stream: parts.io.into_inner(), early: parts.read_buf };
        let device = device_end(device).await?;
        let place = (&asked, ruling.instead.as_ref());
        carry(&gateway.shared, place, (&seat, &note), &token, device, origin).await
    });
    Ok(switching)
}
