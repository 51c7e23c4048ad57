//! Measures the school's Wi-Fi: what its controllers say of their access points, remembered from one
//! look to the next.
//!
//! Not here: what the gateway sees of the link (`net::link`), who uses the Wi-Fi (tables of stations
//! are never read), and what becomes of the figures.

pub mod wifi;
