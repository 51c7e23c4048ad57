//! Binding the pass to this device: a script makes a key that never leaves the browser, and signs
//! with it what the box asks.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderValue, Response, StatusCode,
        header::{CONTENT_TYPE, SET_COOKIE},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{Shared, request::Asked},
    blocking,
    form::Message,
    unkept,
};
use crate::access::{DeviceKey, PassState, Proof};

/// A key of the device, and its proof.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    key: DeviceKey,
    challenge: String,
    signature: String,
}

/// `GET /connexion/appareil`: does this device's pass wait for a key?
pub async fn state(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let state = shared.access.pass_state(&asked.headers, asked.now);
    let Some(session) = asked.session().filter(|_| state == PassState::Plain) else {
        return json_of(StatusCode::OK, &json!({ "bind": false }));
    };
    let challenge = shared.access.challenge(session, asked.now);
    let answer = json!({ "bind": true, "challenge": challenge, "csrf": session.csrf });
    json_of(StatusCode::OK, &answer)
}

/// `POST /connexion/appareil`: here is the key.
pub async fn bind(State(shared): State<Arc<Shared>>, message: Message<Binding>) -> Response<Body> {
    let Message { asked, session, content } = message;
    let access = shared.access.clone();
    let bound = blocking(move || {
        let Binding { key, challenge, signature } = content;
        let proof = Proof { challenge, signature };
        access.bind_device(&session, &asked.headers, &key, &proof, asked.now)
    });
    match bound.await {
        Some(Ok(cookies)) => {
            let mut response = json_of(StatusCode::OK, &json!({ "bound": true }));
            for cookie in cookies {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Some(Err(error)) => {
            json_of(StatusCode::FORBIDDEN, &json!({ "bound": false, "reason": error.to_string() }))
        }
        None => json_of(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "bound": false })),
    }
}

fn json_of(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    unkept(response)
}
