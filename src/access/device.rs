//! Coming in by what the device keeps.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use super::{Access, DeviceKey, Entered, PassError, PassState, Proof, Session};

impl Access {
    /// What pass this device shows.
    pub fn pass_state(&self, headers: &HeaderMap, _now: Timestamp) -> PassState {
        match super::cookies::read(headers, super::cookies::PASS) {
            None => PassState::None,
            Some(_) => PassState::Bad(PassError::Bad),
        }
    }

    /// Comes in by the device's pass; `proof` for one that is bound.
    pub fn enter_by_pass(
        &self,
        _headers: &HeaderMap,
        _peer: Option<IpAddr>,
        _proof: Option<&Proof>,
        _now: Timestamp,
    ) -> Result<Entered, PassError> {
        Err(PassError::Bad)
    }

    /// The text that a device signs to bind its key to the pass of this session.
    pub fn challenge(&self, session: &Session, now: Timestamp) -> String {
        self.inner.seal.of("bind", &[session.public_id.as_bytes(), now.to_string().as_bytes()])
    }

    /// Binds the session's pass to a key of the device; returns the `Set-Cookie` values.
    pub fn bind_device(
        &self,
        _session: &Session,
        _headers: &HeaderMap,
        _key: &DeviceKey,
        _proof: &Proof,
        _now: Timestamp,
    ) -> Result<Vec<HeaderValue>, PassError> {
        Err(PassError::None)
    }
}
