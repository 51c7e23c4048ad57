//! The sections of `preau.toml`, each with its defaults.
//!
//! `config/preau.reference.toml` says the same to the person who writes the file;
//! `tests/config_reference.rs` keeps the two equal.

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    Access, ByteRate, ByteSize, Dns, Filter, Gateway, Health, Https, Journal, Link, Period,
    TimeWindow, Uai, Uplink,
};

/// Everything `preau.toml` says, checked. Times are the school's local time.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which school this is.
    pub school: School,
    /// Where the box listens, and what it may reach.
    #[serde(default)]
    pub network: Network,
    /// The box's name, and its certificate.
    #[serde(default)]
    pub https: Https,
    /// Who may read, and where they sign in.
    #[serde(default)]
    pub access: Access,
    /// Where packages are kept, and how much room they may take.
    #[serde(default)]
    pub store: Store,
    /// Which sources say what the school holds.
    #[serde(default)]
    pub catalogue: Catalogue,
    /// How politely packages are fetched.
    #[serde(default)]
    pub mirror: Mirror,
    /// What readers see.
    #[serde(default)]
    pub library: Library,
    /// How the box tells whether the Internet is there.
    #[serde(default)]
    pub link: Link,
    /// Who may go where on the Internet, and when.
    #[serde(default)]
    pub filter: Filter,
    /// The school's resolver.
    #[serde(default)]
    pub dns: Dns,
    /// The account of connections that the law asks for.
    #[serde(default)]
    pub journal: Journal,
    /// The school's way to the Internet.
    #[serde(default)]
    pub gateway: Gateway,
    /// What is measured.
    #[serde(default)]
    pub health: Health,
    /// Where measured values go.
    #[serde(default)]
    pub uplink: Uplink,
    /// Who may command the daemon on this machine.
    #[serde(default)]
    pub control: Control,
}

/// `[school]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct School {
    /// The school's national identifier, 7 digits and a letter.
    pub uai: Uai,
    /// Its name, as readers know it.
    pub name: String,
    /// IANA time zone of the timetable.
    #[serde(default = "School::default_timezone")]
    pub timezone: String,
}

impl School {
    fn default_timezone() -> String {
        "Europe/Paris".to_owned()
    }
}

/// `[network]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Addresses the library listens on when systemd passes no socket.
    pub listen: Vec<SocketAddr>,
    /// Connections served at once; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// How long open requests may finish after SIGTERM.
    pub drain: Period,
    /// Private, loopback or link-local networks that sources may live in (a region's relay).
    pub allow_private: Vec<IpNet>,
    /// Extra certificate authorities (PEM), beside the system's.
    pub extra_authorities: Vec<PathBuf>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([0, 0, 0, 0], 80))],
            max_connections: 4096,
            drain: Period::seconds(20),
            allow_private: Vec::new(),
            extra_authorities: Vec::new(),
        }
    }
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The data folder.
    pub path: PathBuf,
    /// Most bytes that packages may take; nothing = all but the reserve.
    pub quota: Option<ByteSize>,
    /// Free space always left on the disk.
    pub reserve: ByteSize,
    /// Bytes a second that the scrub reads.
    pub scrub_rate: ByteRate,
    /// How long a replaced version stays readable.
    pub keep_replaced: Period,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/preau"),
            quota: None,
            reserve: ByteSize::gib(2),
            scrub_rate: ByteRate::mib(5),
            keep_replaced: Period::hours(24),
        }
    }
}

/// `[catalogue]`: the sources, each with its own pace and credentials.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catalogue {
    /// GAR *abonnements* (or the region's relay of them).
    pub subscriptions: Vec<SubscriptionSource>,
    /// GAR *liste ressources* asked for one person (a documentaliste) per school.
    pub resource_lists: Vec<ResourceListSource>,
    /// Distributors' OPDS 2.0 feeds.
    pub feeds: Vec<FeedSource>,
    /// Time between two refreshes of every source.
    pub refresh: Option<Period>,
}

/// How a source is asked: shared by all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Client certificate chain (PEM).
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub key: Option<PathBuf>,
    /// A file holding a bearer token.
    pub token_file: Option<PathBuf>,
}

/// `[[catalogue.subscriptions]]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionSource {
    /// A name of your choice, unique among sources; it names the kept answer.
    pub name: String,
    /// Base address: `…/abonnements` and `…/decompteaffectations` are below it.
    pub url: Url,
    /// Ask with POST, or with GET and a body.
    #[serde(default)]
    pub method: SubscriptionMethod,
    /// Which form of answer to ask for.
    #[serde(default)]
    pub format: AnswerFormat,
    /// Only subscriptions of this commercial distributor.
    pub distributor: Option<String>,
    /// How the box proves who it is.
    #[serde(default)]
    pub credentials: Credentials,
}

/// The two ways clients are seen to list subscriptions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionMethod {
    /// Newer.
    #[default]
    Post,
    /// Older: GET with an XML body.
    Get,
}

/// JSON or XML.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerFormat {
    /// `application/json`
    #[default]
    Json,
    /// `application/xml`
    Xml,
}

/// `[[catalogue.resource_lists]]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceListSource {
    /// A name of your choice, unique among sources.
    pub name: String,
    /// Base address: `…/ressources/{ent}/{uai}/{person}` is below it.
    pub url: Url,
    /// The ENT project's opaque code.
    pub ent: String,
    /// Schools the person belongs to; nothing = this school.
    #[serde(default)]
    pub uais: Vec<Uai>,
    /// The ENT's identifier of the person.
    pub person: String,
    /// Which form of answer to ask for.
    #[serde(default)]
    pub format: AnswerFormat,
    /// How the box proves who it is.
    #[serde(default)]
    pub credentials: Credentials,
}

/// `[[catalogue.feeds]]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FeedSource {
    /// A name of your choice, unique among sources.
    pub name: String,
    /// The feed's first page.
    pub url: Url,
    /// How the box proves who it is; also used for the packages on the same origin.
    #[serde(default)]
    pub credentials: Credentials,
}

/// `[mirror]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mirror {
    /// Downloads at once.
    pub parallel: usize,
    /// Downloads at once from one origin.
    pub parallel_per_origin: usize,
    /// Bytes a second outside class hours; nothing = no cap.
    pub rate: Option<ByteRate>,
    /// Bytes a second while classes are on.
    pub class_hours_rate: Option<ByteRate>,
    /// When classes are on.
    pub class_hours: Vec<TimeWindow>,
    /// When bulk work may run; empty = always.
    pub window: Vec<TimeWindow>,
    /// First wait after a failure; doubles each time.
    pub retry_first: Period,
    /// Longest wait between two tries.
    pub retry_longest: Period,
    /// A transfer slower than this for `stall_after` is cut and tried again.
    pub slowest: ByteRate,
    /// See `slowest`.
    pub stall_after: Period,
    /// The largest package accepted.
    pub largest_package: ByteSize,
}

impl Default for Mirror {
    fn default() -> Self {
        Self {
            parallel: 4,
            parallel_per_origin: 2,
            rate: None,
            class_hours_rate: Some(ByteRate::mib(2)),
            class_hours: Vec::new(),
            window: Vec::new(),
            retry_first: Period::seconds(5),
            retry_longest: Period::hours(1),
            slowest: ByteRate::kib(1),
            stall_after: Period::seconds(60),
            largest_package: ByteSize::gib(4),
        }
    }
}

/// `[library]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Library {
    /// Memory that hot small resources may take.
    pub memory: ByteSize,
}

impl Default for Library {
    fn default() -> Self {
        Self { memory: ByteSize::mib(16) }
    }
}

/// `[control]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// The daemon's local socket.
    pub socket: PathBuf,
    /// Besides root and the daemon's own user, members of this group may command it.
    pub group: Option<String>,
}

impl Default for Control {
    fn default() -> Self {
        Self { socket: PathBuf::from("/run/preau/control.sock"), group: None }
    }
}
