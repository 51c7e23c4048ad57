//! A whole school on one machine: an ENT with a dozen people, a GAR, a distributor and twelve
//! generated manuals on loopback.

pub mod authority;
mod box_process;
mod check;
pub mod manuals;
mod opening;
pub mod people;
pub mod peers;
mod printing;
mod reader;
mod rights;
pub mod school;
mod story;

pub use self::story::{DemoOptions, run};

#[cfg(test)]
mod tests;
