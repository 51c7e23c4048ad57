//! `[gateway]`: the school's way to the Internet, for devices that ask a proxy.

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ByteRate, ByteSize, Endpoint, LinkPart, Period, Site};

/// `[gateway]`. Off unless it listens somewhere, or systemd passes a socket called `proxy`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// Addresses the proxy listens on when systemd passes no socket; empty = no proxy.
    pub listen: Vec<SocketAddr>,
    /// Devices' connections at once, open tunnels included; further ones wait.
    pub max_connections: usize,
    /// Of these, one device has at most so many.
    pub connections_per_device: usize,
    /// Ports that tunnels (CONNECT) may lead to.
    pub connect_ports: Vec<u16>,
    /// Ports that plain requests may go to.
    pub plain_ports: Vec<u16>,
    /// Private, loopback or link-local networks that devices may reach through the proxy.
    pub allow_private: Vec<IpNet>,
    /// A site that accepts no connection within this is told to be away.
    pub connect_timeout: Period,
    /// A site that sends no head of its answer within this is told to be silent.
    pub answer_timeout: Period,
    /// A tunnel without a byte either way for so long is closed.
    pub idle_timeout: Period,
    /// Whom a refused reader may ask: a name, an office, an address.
    pub contact: Option<String>,
    /// What the link carries to the school; devices that compete share it equally.
    pub downlink: Option<ByteRate>,
    /// What the link carries from the school; devices that compete share it equally.
    pub uplink: Option<ByteRate>,
    /// Part of `downlink` and of `uplink` that devices leave, always, to the box itself and to what
    /// else the school has on the link.
    pub reserve: LinkPart,
    /// Names (with those below them) and networks that devices reach without the proxy.
    pub direct: Vec<Site>,
    /// Where devices find the proxy; nothing = the name by which they asked for the file.
    pub advertise: Option<Endpoint>,
    /// Do devices go on without the proxy when it does not answer?
    pub fails_open: bool,
    /// Another proxy on the way to the Internet.
    pub upstream: Option<Upstream>,
    /// Devices that know of no proxy.
    pub transparent: Transparent,
    /// What is kept of plain HTTP.
    pub cache: HttpCache,
    /// Are the systems' questions whether the Internet is there answered while it is not?
    pub captive_probes: CaptiveProbes,
    /// A file of search engines and their safe hosts, in place of those the program carries.
    pub search_engines: Option<PathBuf>,
}

/// `[gateway.transparent]`: connections taken on their way by the firewall's `tproxy`
/// (`config/nftables/preau.nft`). Off unless it listens, or systemd passes sockets called
/// `tproxy-http` and `tproxy-tls`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transparent {
    /// Where connections to port 80 are handed over; needs `CAP_NET_ADMIN` when systemd passes none.
    pub http: Vec<SocketAddr>,
    /// The same for port 443.
    pub tls: Vec<SocketAddr>,
    /// May TLS connections that name no server go through, judged by their address?
    pub nameless: bool,
}

/// `[gateway.cache]`: what is kept of plain HTTP, for the next who asks.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpCache {
    /// Is anything kept?
    pub on: bool,
    /// Disk it may take, beside the packages'; the rest of the disk's reserve and more stays free.
    pub quota: ByteSize,
    /// Memory it may take.
    pub memory: ByteSize,
    /// A file of rules for system updates, in place of those the program carries.
    pub rules: Option<PathBuf>,
}

/// When devices are answered that ask their maker whether the Internet is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptiveProbes {
    /// Never: devices see that it is not, and may leave the Wi-Fi.
    Off,
    /// During an outage, as if it were: devices stay where the library is.
    #[default]
    Outage,
}

impl Default for HttpCache {
    fn default() -> Self {
        Self { on: true, quota: ByteSize::gib(20), memory: ByteSize::mib(32), rules: None }
    }
}

/// `[gateway.upstream]`: the académie's proxy.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Its host and port.
    pub proxy: Endpoint,
    /// Names (with those below them) and networks that are reached without it.
    #[serde(default)]
    pub bypass: Vec<Site>,
    /// The box's account there (RFC 7617); nothing = it asks for none.
    pub user: Option<String>,
    /// A file holding that account's password.
    pub password_file: Option<PathBuf>,
}

impl Upstream {
    /// There, for everything, without an account.
    pub fn at(proxy: Endpoint) -> Self {
        Self { proxy, bypass: Vec::new(), user: None, password_file: None }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            max_connections: 8192,
            connections_per_device: 512,
            connect_ports: vec![443],
            plain_ports: vec![80, 8080],
            allow_private: Vec::new(),
            connect_timeout: Period::seconds(5),
            answer_timeout: Period::seconds(120),
            idle_timeout: Period::seconds(600),
            contact: None,
            downlink: None,
            uplink: None,
            reserve: LinkPart::Percent(10),
            direct: Vec::new(),
            advertise: None,
            fails_open: false,
            upstream: None,
            transparent: Transparent::default(),
            cache: HttpCache::default(),
            captive_probes: CaptiveProbes::default(),
            search_engines: None,
        }
    }
}
