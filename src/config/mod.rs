//! What the school's file says: `preau.toml` read, checked and typed before anything starts.
//!
//! Not here: what a setting does. Each room takes its own section as an argument.

mod access;
mod check;
mod gateway;
mod https;
mod place;
mod reload;
mod report;
mod sections;
mod uai;
mod units;

use std::{fs::File, io::Read, path::Path};

use toml::de::DeTable;

pub use self::{
    access::{Access, Attributes, Cas, Oidc, PersonalList, SignIn},
    gateway::{Gateway, HttpCache, Upstream},
    https::{Acme, Https},
    reload::{Change, changes},
    report::{ConfigError, Finding, Report},
    sections::{
        AnswerFormat, Catalogue, Config, Control, Credentials, FeedSource, Library, Mirror,
        Network, ResourceListSource, School, Store, SubscriptionMethod, SubscriptionSource,
    },
    uai::Uai,
    units::{BadUnit, ByteRate, ByteSize, Endpoint, Period, Site, TimeWindow},
};
use self::{place::Places, report::Severity};

/// Where the configuration is when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/preau/preau.toml";
/// A larger file is not a configuration.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Structural errors looked for in one reading.
const MAX_STRUCTURAL_ERRORS: usize = 20;

impl Config {
    /// Reads and checks a file. Warnings come beside the configuration.
    pub fn load(path: &Path) -> Result<(Self, Report), ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(ConfigError::TooLarge { path: path.to_owned(), most: MAX_FILE_BYTES });
        }
        let name = path.display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&name, &text),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let mut report = Report::new(&name, &text);
                report.add(
                    Severity::Error,
                    good..good + 1,
                    "",
                    "this byte is not UTF-8".into(),
                    "",
                );
                Err(ConfigError::Invalid(report))
            }
        }
    }

    /// Checks a text; `name` is what the report calls it.
    pub fn parse(name: &str, text: &str) -> Result<(Self, Report), ConfigError> {
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
        let Some(config) = typed(tree, &places, &mut report) else {
            return Err(ConfigError::Invalid(report));
        };
        for fault in check::check(&config) {
            report.add(
                fault.severity,
                places.span(&fault.key),
                &fault.key,
                fault.says,
                fault.expected,
            );
        }
        if report.has_errors() { Err(ConfigError::Invalid(report)) } else { Ok((config, report)) }
    }
}

/// Gives the tree its types. serde stops at its first error; the entry at fault is then set aside
/// and the rest read again, so that one reading shows every wrong key and value.
fn typed(tree: toml::Spanned<DeTable<'_>>, places: &Places, report: &mut Report) -> Option<Config> {
    let whole = tree.span();
    let mut table = tree.into_inner();
    let mut set_aside = Vec::new();
    for _ in 0..MAX_STRUCTURAL_ERRORS {
        let again = toml::Spanned::new(whole.clone(), table.clone());
        let error = match serde::Deserialize::deserialize(toml::de::Deserializer::from(again)) {
            Ok(config) => return set_aside.is_empty().then_some(config),
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
