//! The control socket: what the command line asks of a running daemon, and what it answers, as
//! JSON lines on a local stream socket whose peers the kernel names.
//!
//! Not here: what a command does. The daemon hands the server its `Commands`.

pub mod client;
pub mod filtering;
pub mod incidents;
mod moving;
mod peer;
pub mod protocol;
pub mod server;
pub mod socket;
mod wire;

pub use self::wire::WireError;
