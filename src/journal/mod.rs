//! Keeps account: one record a connection, sealed to the region's key, for a requisition and for
//! nothing else; and apart from it, what the filter refused, without saying to whom.
//!
//! Never a path, a query or a content: a [`Record`] has no place for one. Nothing on the box can
//! read what is sealed; `preau-region journal open` does, elsewhere.
//!
//! Not here: who decides (`filter`), or who counts the bytes (`gateway`).

pub mod block;
mod book;
mod chain;
mod clock;
mod columns;
mod distrust;
mod folder;
mod place;
mod pseudonym;
mod purge;
pub mod read;
mod record;
mod run;
mod seal;
mod status;

pub use self::{
    book::{Book, BookError, Settings},
    chain::fingerprint,
    clock::{Clock, Look, Reading, Watch},
    purge::{purge, weigh},
    record::{Record, Refused, Row, Verdict},
    run::{Journal, Options},
    seal::{Identity, Recipient, SealError, new_identity},
    status::Status,
};
