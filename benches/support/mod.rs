//! What every benchmark shares: processes measured from outside, load, and the report.

pub mod load;
pub mod process;
pub mod report;
