//! Help codes: a teacher lets in a pupil whose device has no pass.

use std::net::IpAddr;

use http::HeaderMap;
use jiff::Timestamp;

use super::{Access, CodeError, Entered, HelpCode, Session};

/// Codes made at once: a class, and some.
pub const MAX_CODES: usize = 40;

impl Access {
    /// Makes codes for pupils of a class. Blocking.
    pub fn make_codes(
        &self,
        by: &Session,
        count: usize,
        _class: &str,
        _now: Timestamp,
    ) -> Result<Vec<HelpCode>, CodeError> {
        if !by.person.role.teaches() {
            return Err(CodeError::NotForRole);
        }
        if !(1..=MAX_CODES).contains(&count) {
            return Err(CodeError::Count { most: MAX_CODES });
        }
        Err(CodeError::Class)
    }

    /// Comes in by a code.
    pub fn enter_by_code(
        &self,
        _code: &str,
        _headers: &HeaderMap,
        _peer: Option<IpAddr>,
        _now: Timestamp,
    ) -> Result<Entered, CodeError> {
        Err(CodeError::Unknown)
    }
}
