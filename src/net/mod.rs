//! How the box reaches and is reached: sockets (inherited or bound), the HTTP client, the state of the
//! link to the Internet, and the server plumbing (accept loop, TLS and its certificates, bodies
//! straight from files, ranges and validators).
//!
//! Not here: what is asked or answered. Rooms below decide that.

pub mod accept;
pub mod acme;
pub mod around;
pub mod body;
pub mod certificate;
pub mod client;
pub mod conditional;
pub mod frames;
pub mod front;
pub mod guests;
pub mod link;
pub mod listen;
pub mod patience;
pub mod sendfile;
pub mod serve;
pub mod tally;
pub mod tls;
