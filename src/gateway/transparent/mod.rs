//! Devices that know of no proxy: their connections are taken on their way (TPROXY), named by what
//! they say in the clear, judged, and carried on without a byte changed.
//!
//! The name decides where a connection goes: a name that does not belong to the address that was
//! dialled opens only the place of that name. Nothing is decrypted.

mod hello;
pub mod plain;
pub mod tls;

pub use self::hello::{BadHello, ClientHello, Reader};
