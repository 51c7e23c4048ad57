//! Knows who asks: sign-in at the ENT (CAS, OpenID Connect) or by what this box signed before
//! (device passes, help codes), sessions, and what each person may open.
//!
//! Not here: pages (`library`), what the school holds (`catalogue`). This room keeps an opaque
//! identifier, a role and classes of a person, and nothing else.

mod person;
mod rights;

pub use self::{
    person::{Assigned, Person, Role},
    rights::{Reader, Right, right},
};
