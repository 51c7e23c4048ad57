//! Reports it: what the box measures, collected at each interval, kept on the disk until the region has
//! taken it, and told in text at `/metrics`.
//!
//! Not here: measuring (`health`), and what the region makes of it (`config/region/`).

pub mod collect;
pub mod message;
pub mod page;
mod run;
pub mod send;
pub mod spool;
mod status;
mod stuck;
pub mod text;

pub use self::{
    run::{Options, Uplink, UplinkError},
    status::{Dropped, Figures, Status},
};
