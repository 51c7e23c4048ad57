//! What the school's file says: `preau.toml` read, checked and typed before anything starts.
//!
//! Not here: what a setting does. Each room takes its own section as an argument.

mod access;
mod check;
mod dns;
pub mod filter;
mod gateway;
mod health;
mod https;
mod journal;
mod link;
mod place;
mod reload;
mod report;
mod sections;
mod tickets;
mod uai;
mod units;
mod uplink;

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use serde::de::DeserializeOwned;
use toml::de::DeTable;

use self::place::Places;
pub use self::{
    access::{Access, Attributes, Cas, Oidc, PersonalList, SignIn},
    dns::{Dns, Dnssec, Refusal},
    filter::Filter,
    gateway::{CaptiveProbes, Gateway, HttpCache, Upstream},
    health::{
        AuthProtocol, Controller, ControllerKind, Health, HealthLink, HealthTarget,
        PrivacyProtocol, SnmpUser, TargetRole, Throughput, Traps,
    },
    https::{Acme, Https},
    journal::{Journal, RegionKey},
    link::Link,
    reload::{Change, changes},
    report::{ConfigError, Finding, Report, Severity},
    sections::{
        AnswerFormat, Catalogue, Config, Control, Credentials, FeedSource, Library, Mirror,
        Network, ResourceListSource, School, Store, SubscriptionMethod, SubscriptionSource,
    },
    tickets::{INCIDENT_KINDS, MailTls, Percent, TicketHook, TicketMail, TicketSeverity, Tickets},
    uai::Uai,
    units::{
        BadUnit, ByteRate, ByteSize, Endpoint, LinkPart, Nameserver, Period, Site, TimeWindow,
    },
    uplink::{RemoteWrite, Uplink},
};

/// Where the configuration is when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/preau/preau.toml";
/// A larger file is not a configuration.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Structural errors looked for in one reading.
const MAX_STRUCTURAL_ERRORS: usize = 20;

impl Config {
    /// Reads and checks a file, and the files that it names. Warnings come beside the
    /// configuration.
    pub fn load(path: &Path) -> Result<(Self, Report), ConfigError> {
        let name = path.display().to_string();
        Self::parse_with(&name, &read_text(path)?, |config| filter::read_beside(&mut config.filter))
    }

    /// Reads and checks a file as far as that can be done on another machine than the box: the
    /// files that it names are not looked for.
    pub fn load_alone(path: &Path) -> Result<(Self, Report), ConfigError> {
        Self::parse(&path.display().to_string(), &read_text(path)?)
    }

    /// Checks a text; `name` is what the report calls it. Files that it names are not read.
    pub fn parse(name: &str, text: &str) -> Result<(Self, Report), ConfigError> {
        Self::parse_with(name, text, |_| Ok(()))
    }

    /// Checks a text together with what the files that its `[filter]` names hold.
    pub fn parse_beside(
        name: &str,
        text: &str,
        beside: filter::Beside,
    ) -> Result<(Self, Report), ConfigError> {
        Self::parse_with(name, text, |config| {
            config.filter.beside = beside;
            Ok(())
        })
    }

    fn parse_with(
        name: &str,
        text: &str,
        read: impl FnOnce(&mut Self) -> Result<(), ConfigError>,
    ) -> Result<(Self, Report), ConfigError> {
        let (mut config, places, mut report) = parse_typed::<Self>(name, text)?;
        read(&mut config)?;
        report.add_faults(check::check(&config), &places);
        if report.has_errors() { Err(ConfigError::Invalid(report)) } else { Ok((config, report)) }
    }
}

/// The text of a data file beside the settings, of at most so many bytes. Blocking.
///
/// # Errors
/// It cannot be read, is larger ([`io::ErrorKind::FileTooLarge`]), or is not UTF-8.
pub fn data_file(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// The text of a file, when it is small enough and UTF-8. Blocking.
fn read_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_owned(), most: MAX_FILE_BYTES });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let mut report = Report::new(&path.display().to_string(), &text);
        let says = "this byte is not UTF-8".into();
        report.add(Severity::Error, good..good + 1, "", says, "");
        ConfigError::Invalid(report)
    })
}

/// A text with its types, where each key stands in it, and a report to go on with.
fn parse_typed<T: DeserializeOwned>(
    name: &str,
    text: &str,
) -> Result<(T, Places, Report), ConfigError> {
    let mut report = Report::new(name, text);
    let (tree, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors.iter().take(MAX_STRUCTURAL_ERRORS) {
            let span = error.span().unwrap_or(0..0);
            report.add(Severity::Error, span, "", error.message().to_owned(), "");
        }
        return Err(ConfigError::Invalid(report));
    }
    let places = Places::of(&tree);
    match typed(tree, &places, &mut report) {
        Some(typed) => Ok((typed, places, report)),
        None => Err(ConfigError::Invalid(report)),
    }
}

/// Gives the tree its types. serde stops at its first error; the entry at fault is then set aside
/// and the rest read again, so that one reading shows every wrong key and value.
fn typed<T: DeserializeOwned>(
    tree: toml::Spanned<DeTable<'_>>,
    places: &Places,
    report: &mut Report,
) -> Option<T> {
    let whole = tree.span();
    let mut table = tree.into_inner();
    let mut set_aside = Vec::new();
    for _ in 0..MAX_STRUCTURAL_ERRORS {
        let again = toml::Spanned::new(whole.clone(), table.clone());
        let error = match T::deserialize(toml::de::Deserializer::from(again)) {
            Ok(typed) => return set_aside.is_empty().then_some(typed),
            Err(error) => error,
        };
        let error: toml::de::Error = error;
        let span = error.span().unwrap_or(0..0);
        let key = places.key_at(&span).unwrap_or_default().to_owned();
        let message = error.message().to_owned();
        // A required entry that was set aside is not missing: it was wrong, and was said to be.
        let ours = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'))
            .is_some_and(|field| set_aside.iter().any(|gone: &String| place::leaf(gone) == field));
        if ours {
            return None;
        }
        report.add(Severity::Error, span, &key, message, check::expectation(&key));
        if key.is_empty() || !place::remove(&mut table, &key) {
            return None;
        }
        set_aside.push(key);
    }
    None
}
