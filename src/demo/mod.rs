//! A whole school on one machine: a GAR, a distributor and twelve generated manuals on loopback.

pub mod authority;
mod box_process;
mod check;
pub mod manuals;
pub mod peers;
mod printing;
mod reader;
pub mod school;
mod story;

pub use self::story::{DemoOptions, run};

#[cfg(test)]
mod tests;
