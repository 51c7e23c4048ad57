//! Judges: lists and policy, compiled to one question: may this go through?
//!
//! Pure but for loading a compiled file of lists. The gateway and the resolver ask; nobody here
//! fetches lists, answers a client, or knows a connection.

pub mod category;
pub mod host;
pub mod lists;
pub mod target;
