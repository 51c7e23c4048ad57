//! `[uplink]`: where measured values go, and who may read them here.

use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ByteSize, Period, Uai};

/// Stands for the school's identifier in [`Uplink::url`].
const UAI: &str = "{uai}";

/// `[uplink]`. Without an address nothing is spooled and nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uplink {
    /// The region's remote-write address; `{uai}` in it becomes the school's.
    pub url: Option<String>,
    /// The box's certificate chain (PEM), which names its UAI.
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub key: Option<PathBuf>,
    /// Which version of remote write is spoken.
    pub protocol: RemoteWrite,
    /// The regional network that the school belongs to: label `plaque`.
    pub plaque: String,
    /// Which site of the school this box is at: label `site`.
    pub site: String,
    /// Time between two collections.
    pub interval: Period,
    /// Disk that what waits may take.
    pub quota: ByteSize,
    /// Networks that may read `/metrics` at the library's addresses.
    pub metrics_for: Vec<IpNet>,
}

impl Default for Uplink {
    fn default() -> Self {
        let v4 = Ipv4Net::new_assert([127, 0, 0, 0].into(), 8);
        let v6 = Ipv6Net::new_assert(std::net::Ipv6Addr::LOCALHOST, 128);
        Self {
            url: None,
            certificate: None,
            key: None,
            protocol: RemoteWrite::default(),
            plaque: String::new(),
            site: String::new(),
            interval: Period::seconds(60),
            quota: ByteSize::mib(256),
            metrics_for: vec![v4.into(), v6.into()],
        }
    }
}

impl Uplink {
    /// Where a school's values are sent; nothing = they are not, or the address is none.
    pub fn address(&self, uai: &Uai) -> Option<Url> {
        self.url.as_ref()?.replace(UAI, uai.as_str()).parse().ok()
    }
}

/// Versions of Prometheus' remote write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum RemoteWrite {
    /// 2.0 where the receiver shows that it takes it, else 1.0.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Always 1.0, which every receiver takes.
    #[serde(rename = "1.0")]
    V1,
    /// Always 2.0.
    #[serde(rename = "2.0")]
    V2,
}
