//! A whole school on one machine: a GAR, a distributor and twelve generated manuals on loopback.

pub mod manuals;
pub mod peers;
pub mod school;

#[cfg(test)]
mod tests;
