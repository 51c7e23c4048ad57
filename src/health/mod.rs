//! Measures the link, the school's Wi-Fi and the box, and says what is wrong: values go to `metrics`'
//! names, findings to incidents.
//!
//! Not here: what the gateway sees of the link (`net::link`), who uses the Wi-Fi (tables of stations
//! are never read), and how values reach the region.

pub mod finding;
pub mod incident;
pub mod link;
mod looks;
pub mod machine;
pub mod metrics;
pub mod radio;
pub mod sample;
pub mod services;
pub mod told;
mod verdicts;
pub mod wifi;
