//! Préau: the box that lends a school its manuals, with or without the Internet.
//!
//! The map of the house, a line a room. Data goes down this list; imports go up it, and
//! `tests/house_rules.rs` holds every room to that. `daemon` alone knows them all.

pub mod config; // know it:   preau.toml -> typed, validated Config; reload
pub mod net; // reach it:  sockets (inherited or bound), the HTTP client and server plumbing
pub mod store; // keep it:   content-addressed packages on disk, their index, scrub and collect
pub mod catalogue; // choose it: GAR rights, distributor feeds (OPDS 2.0), plan B imports -> Holdings
pub mod mirror; // fetch it:  plan, download, delta, verify, politeness
pub mod publication; // open it:   EPUB, PDF, HTML/SCORM zip -> manifest and resources, from the zip
pub mod access; // know who:  CAS, OpenID Connect, sessions, device passes, rights
pub mod library; // lend it:   portal, reader, search, OPDS out
pub mod filter; // judge it:  lists, policy, timetable -> Verdict
pub mod dns; // name it:   the school's resolver: verdicts by name, cache, the box's own names
pub mod journal; // account: one record a connection, sealed to the region's key
pub mod gateway; // carry it:  the proxy and its cache: requests, tunnels, refusals, PAC
pub mod health; // measure it: the school's Wi-Fi, as its controllers tell it
pub mod uplink; // report it: samples, spooled and sent to the region; /metrics
pub mod control; // say it:    the control socket's words, client and server
pub mod daemon; // wires every room, starts them, stops them
pub mod demo; // a whole school on one machine: GAR, distributor, manuals
