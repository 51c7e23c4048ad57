//! Zip archives (PKWARE APPNOTE): the central directory read once into a small table, every
//! entry held to the rules before any is served.

mod names;
mod read;
mod rules;
mod table;

pub use rules::ZipError;
pub(super) use table::{Row, Table};
