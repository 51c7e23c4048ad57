//! Between the proxy and its cache: what is kept answers, or the origin does.

use std::sync::Arc;

use http::{HeaderMap, Request, Response};
use jiff::Timestamp;

use super::{
    Gateway,
    asked::Asked,
    body::Carried,
    cache::{Cache, Fetched},
    noted::Destination,
    origins::Outgoing,
    refusal::Why,
    serve::Seat,
};
use crate::net::body::Body;

/// What the cache needs to reach the origin for one device.
struct Way {
    gateway: Gateway,
    asked: Asked,
    /// As the device sent them: the page of a failure is written in its language.
    heard: HeaderMap,
    seat: Arc<Seat>,
    clock: Arc<super::clock::Clock>,
    destination: Destination,
}

/// Answers by what is kept, or from the origin.
pub async fn answer(
    gateway: &Gateway,
    cache: &Cache,
    outgoing: Outgoing,
    heard: &HeaderMap,
    seat: &Arc<Seat>,
) -> Response<Body> {
    let Outgoing { asked, request, clock, destination, .. } = outgoing;
    let (gateway, heard, seat) = (gateway.clone(), heard.clone(), seat.clone());
    let way = Arc::new(Way { gateway, asked, heard, seat, clock, destination });
    let fetch = move |request| fetch(way.clone(), request);
    cache.handle(request, Timestamp::now(), fetch).await
}

async fn fetch(way: Arc<Way>, request: Request<Carried>) -> Fetched {
    let (shared, asked) = (&way.gateway.shared, way.asked.clone());
    let (clock, meter) = (way.clock.clone(), shared.meter(&way.seat));
    let destination = way.destination.clone();
    let outgoing = Outgoing { asked, instead: None, request, clock, meter, destination };
    shared.origins.fetch(outgoing).await.map_err(|error| {
        let (why, asked) = (Why::from(error), Some(&way.asked));
        Box::new(shared.pages.refusal(&shared.home, &way.heard, asked, &way.seat, &why))
    })
}
