//! The pages of persons: coming in and going out, what the box holds of one, help codes, class
//! moments, indicators.
//!
//! Every form is held to the same checks (`form`), every page that is for someone asks first who
//! it is (`door`). Who may do what is `access`'s to say.

mod codes;
mod device;
mod door;
mod form;
mod indicators;
mod me;
mod moment;
mod moments;
mod sign_in;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{
        HeaderValue, Response, StatusCode,
        header::{CACHE_CONTROL, LOCATION, RETRY_AFTER, SET_COOKIE},
    },
    routing::{get, post},
};

pub use self::{door::Reader, moments::Moments};
use super::{Shared, request::Asked};

/// The routes of these pages.
pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/connexion", get(sign_in::choices))
        .route("/connexion/ent", get(sign_in::to_ent))
        .route("/connexion/retour", get(sign_in::from_ent).post(sign_in::single_logout))
        .route("/connexion/passe", get(sign_in::choices).post(sign_in::by_pass))
        .route("/connexion/code", get(sign_in::choices).post(sign_in::by_code))
        .route("/connexion/appareil", get(device::state).post(device::bind))
        .route("/deconnexion", get(sign_in::leave).post(sign_in::left))
        .route("/moi", get(me::show))
        .route("/moi/laissez-passer", post(me::revoke_pass))
        .route("/moi/cle", post(me::make_key))
        .route("/moi/cle/retirer", post(me::revoke_key))
        .route("/moi/effacer", post(me::erase))
        .route("/codes", get(codes::ask).post(codes::make))
        .route("/m", post(moment::make))
        .route("/m/{code}", get(moment::land))
        .route("/m/{code}/montrer", get(moment::show))
        .route("/indicateurs", get(indicators::show))
        .route("/indicateurs.csv", get(indicators::table))
}

/// The sign-in page in the stead of a page that is not for nobody.
pub fn sign_in_first(shared: &Shared, asked: &Asked) -> Response<Body> {
    sign_in::page_for(shared, asked, StatusCode::UNAUTHORIZED, &asked.with("", ""), None)
}

/// Sends the browser on, with its new cookies.
fn see_other(to: &str, cookies: Vec<HeaderValue>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, to);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Says when to try again.
fn retry_after(response: &mut Response<Body>, wait: std::time::Duration) {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
}

/// What this page says is not to be kept anywhere.
fn unkept(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Runs what waits for the disk. `None` when it panicked, which is in the log.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
