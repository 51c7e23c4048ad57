//! What every benchmark shares: processes measured from outside, load, and the report.

#![allow(dead_code, reason = "each benchmark uses its own part")]

pub mod load;
pub mod process;
pub mod report;
