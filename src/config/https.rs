//! `[https]`: the box's name on the school's network, and where its certificate comes from.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

/// `[https]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Https {
    /// The name readers type, such as `0510035l.preau.example.org`; nothing = no HTTPS.
    pub name: Option<String>,
    /// Addresses that HTTPS listens on when systemd passes no socket.
    pub listen: Vec<SocketAddr>,
    /// Certificate chain given by the region (PEM); goes with `key`.
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub key: Option<PathBuf>,
    /// Or: a certificate from an ACME authority.
    pub acme: Option<Acme>,
}

/// `[https.acme]`: RFC 8555 with the DNS-01 challenge.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Acme {
    /// The authority's directory.
    pub directory: Url,
    /// Where the authority may write to; nothing = nowhere.
    pub contact: Option<String>,
    /// The region's acme-dns service: `update` is below it.
    pub dns: Url,
    /// A file holding the acme-dns account (`username`, `password`, `subdomain`, JSON).
    pub dns_account: PathBuf,
}
