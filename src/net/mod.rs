//! How the box reaches and is reached: sockets (inherited or bound), the HTTP client, and the
//! server plumbing (accept loop, bodies straight from files, ranges and validators).
//!
//! Not here: what is asked or answered. Rooms below decide that.

pub mod body;
pub mod client;
pub mod conditional;
mod guests;
pub mod listen;
mod sendfile;
pub mod serve;
