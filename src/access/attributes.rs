//! What the ENT's attributes make of a person, by `[access.attributes]`.

use super::{Person, SignInError, ent::Identity};
use crate::config;

/// The person that an identity is. Pure.
pub(super) fn person(
    names: &config::Attributes,
    identity: &Identity,
) -> Result<Person, SignInError> {
    let _ = (names, identity);
    Err(SignInError::Missing { what: "identifier" })
}
