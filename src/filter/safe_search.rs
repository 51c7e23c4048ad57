//! Search engines that have a safe host beside their own: which host's addresses answer for which
//! name. Read from data; pure, but for reading the file. For whoever dials (the gateway) and
//! whoever resolves.
//!
//! Not here: engines that are asked by a parameter or a header. Under TLS nobody on the way can
//! add one; a policy that must not have them denies their sites.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::host::{Host, Name};
use crate::config::{data_file, filter::SafeSearch};

/// Those the program carries.
const SHIPPED: &str = include_str!("safe_search.toml");
/// Bytes of a file.
const MAX_FILE_BYTES: u64 = 256 * 1024;
/// Names in all.
const MAX_NAMES: usize = 10_000;
/// Paths of an engine that are left alone.
const MAX_LEFT: usize = 16;
/// Stands for each ending.
const ENDING: &str = "{}";

/// Why engines cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadEngines {
    /// The file cannot be read.
    #[error("{}: the search engines cannot be read: {source}", path.display())]
    File {
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not the form that is expected.
    #[error("the search engines cannot be read: {0}")]
    Form(#[from] toml::de::Error),
    /// A name or a safe host is none.
    #[error("{engine}: `{text}` is no {expected}")]
    Host {
        /// The engine's name.
        engine: String,
        /// What stands there.
        text: String,
        /// What should.
        expected: &'static str,
    },
    /// More than is reasonable.
    #[error("the search engines have {got} {what}; {most} is the most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// How many there may be.
        most: usize,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    engines: Vec<Engine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Engine {
    name: String,
    hosts: Vec<String>,
    #[serde(default)]
    endings: String,
    strict: String,
    moderate: Option<String>,
    #[serde(default)]
    left: Vec<String>,
}

/// What one name becomes.
#[derive(Debug)]
struct Safe {
    strict: Arc<Host>,
    moderate: Arc<Host>,
    left: Vec<String>,
}

/// The engines.
#[derive(Debug, Default)]
pub struct Engines {
    by_name: HashMap<Name, Arc<Safe>>,
}

impl Engines {
    /// Those the program carries.
    ///
    /// # Errors
    /// None, which a test holds.
    pub fn shipped() -> Result<Self, BadEngines> {
        Self::read(SHIPPED)
    }

    /// Those of a file. Blocking.
    ///
    /// # Errors
    /// It cannot be read, or is not of the form of the one the program carries.
    pub fn open(path: &Path) -> Result<Self, BadEngines> {
        let file = |source| BadEngines::File { path: path.to_owned(), source };
        Self::read(&data_file(path, MAX_FILE_BYTES).map_err(file)?)
    }

    /// Reads engines.
    ///
    /// # Errors
    /// What is wrong, and in which engine.
    pub fn read(text: &str) -> Result<Self, BadEngines> {
        let written: Written = toml::from_str(text)?;
        let mut by_name = HashMap::new();
        for engine in &written.engines {
            let safe = Arc::new(engine.safe()?);
            for name in engine.names() {
                let parsed = Host::parse(&name).ok();
                let parsed = parsed.as_ref().and_then(Host::name).copied();
                let name = parsed.ok_or_else(|| engine.bad(&name, "name of a host"))?;
                by_name.insert(name, safe.clone());
                bounded("names", by_name.len(), MAX_NAMES)?;
            }
        }
        Ok(Self { by_name })
    }

    /// The host whose addresses answer for this one, for a profile that searches so; nothing where
    /// it is dialled as it is. `path` is known in plain HTTP. Allocates nothing.
    pub fn instead(
        &self,
        host: &Host,
        path: Option<&str>,
        level: SafeSearch,
    ) -> Option<&Arc<Host>> {
        if level == SafeSearch::Off {
            return None;
        }
        let safe = self.by_name.get(host.name()?)?;
        let path = path.map(|path| path.split('?').next().unwrap_or_default());
        if path.is_some_and(|path| safe.left.iter().any(|left| left == path)) {
            return None;
        }
        Some(if level == SafeSearch::Moderate { &safe.moderate } else { &safe.strict })
    }

    /// How many names are led elsewhere.
    pub fn count(&self) -> usize {
        self.by_name.len()
    }
}

impl Engine {
    fn safe(&self) -> Result<Safe, BadEngines> {
        bounded("paths that are left", self.left.len(), MAX_LEFT)?;
        let host = |text: &str| {
            let host = Host::parse(text).map_err(|_| self.bad(text, "safe host"))?;
            Ok::<_, BadEngines>(Arc::new(host))
        };
        let strict = host(&self.strict)?;
        let moderate = self.moderate.as_deref().map(host).transpose()?;
        let moderate = moderate.unwrap_or_else(|| strict.clone());
        Ok(Safe { strict, moderate, left: self.left.clone() })
    }

    /// Each name that it answers to.
    fn names(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().flat_map(|host| {
            let endings: Vec<String> = if host.contains(ENDING) {
                let each = self.endings.split_whitespace();
                each.map(|ending| host.replace(ENDING, ending)).collect()
            } else {
                vec![host.clone()]
            };
            endings
        })
    }

    fn bad(&self, text: &str, expected: &'static str) -> BadEngines {
        BadEngines::Host { engine: self.name.clone(), text: text.to_owned(), expected }
    }
}

fn bounded(what: &'static str, got: usize, most: usize) -> Result<(), BadEngines> {
    if got > most { Err(BadEngines::TooMany { what, got, most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(engines: &Engines, name: &str, path: Option<&str>, level: SafeSearch) -> String {
        let host = Host::parse(name).unwrap();
        engines.instead(&host, path, level).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn each_engine_is_led_to_its_safe_host_by_its_exact_names() {
        let engines = Engines::shipped().unwrap();
        for (name, strict, moderate) in [
            ("www.google.com", "forcesafesearch.google.com", "forcesafesearch.google.com"),
            ("WWW.Google.FR.", "forcesafesearch.google.com", "forcesafesearch.google.com"),
            ("www.google.co.uk", "forcesafesearch.google.com", "forcesafesearch.google.com"),
            ("www.google.com.br", "forcesafesearch.google.com", "forcesafesearch.google.com"),
            ("www.youtube.com", "restrict.youtube.com", "restrictmoderate.youtube.com"),
            ("m.youtube.com", "restrict.youtube.com", "restrictmoderate.youtube.com"),
            ("youtubei.googleapis.com", "restrict.youtube.com", "restrictmoderate.youtube.com"),
            ("www.bing.com", "strict.bing.com", "strict.bing.com"),
            ("duckduckgo.com", "safe.duckduckgo.com", "safe.duckduckgo.com"),
            ("api.qwant.com", "safeapi.qwant.com", "safeapi.qwant.com"),
            ("www.ecosia.org", "strict-safe-search.ecosia.org", "strict-safe-search.ecosia.org"),
            ("pixabay.com", "safesearch.pixabay.com", "safesearch.pixabay.com"),
            ("www.yandex.com.tr", "213.180.193.56", "213.180.193.56"),
            // Nothing beside the exact names: mail, maps and sign-in go on as they are.
            ("mail.google.com", "", ""),
            ("google.com", "", ""),
            ("www.google.com.example", "", ""),
            ("a.www.google.com", "", ""),
            ("www.google.zz", "", ""),
            ("external-content.duckduckgo.com", "", ""),
            ("youtube.com", "", ""),
            ("192.0.2.1", "", ""),
        ] {
            assert_eq!(led(&engines, name, None, SafeSearch::Strict), strict, "{name}");
            assert_eq!(led(&engines, name, None, SafeSearch::Moderate), moderate, "{name}");
            assert_eq!(led(&engines, name, None, SafeSearch::Off), "", "{name}");
        }
        assert!(engines.count() > 200);
    }

    #[test]
    fn what_systems_ask_to_see_the_internet_goes_where_it_would() {
        let engines = Engines::shipped().unwrap();
        let path = |path| led(&engines, "www.google.com", Some(path), SafeSearch::Strict);
        assert_eq!(path("/gen_204"), "");
        assert_eq!(path("/generate_204?x"), "");
        assert_eq!(path("/search?q=gen_204"), "forcesafesearch.google.com");
        assert_eq!(path("/gen_204/../search"), "forcesafesearch.google.com");
    }

    #[test]
    fn no_safe_host_is_led_elsewhere_itself() {
        let engines = Engines::shipped().unwrap();
        for safe in engines.by_name.values() {
            for host in [&safe.strict, &safe.moderate] {
                assert!(engines.instead(host, None, SafeSearch::Strict).is_none(), "{host}");
            }
        }
    }

    #[test]
    fn a_bad_file_says_what_is_wrong() {
        let read = |text: &str| Engines::read(text).unwrap_err().to_string();
        let engine = |more: &str| format!("[[engines]]\nname = \"X\"\n{more}");
        assert!(read("[[engines]]\nname = 1\n").contains("name"));
        let bad = engine("hosts = [\"a..b\"]\nstrict = \"safe.example\"\n");
        assert_eq!(read(&bad), "X: `a..b` is no name of a host");
        let bad = engine("hosts = [\"192.0.2.1\"]\nstrict = \"safe.example\"\n");
        assert_eq!(read(&bad), "X: `192.0.2.1` is no name of a host");
        let bad = engine("hosts = [\"a.example\"]\nstrict = \"\"\n");
        assert_eq!(read(&bad), "X: `` is no safe host");
        let endings: Vec<String> = (0..=MAX_NAMES).map(|n| format!("e{n}")).collect();
        let endings = endings.join(" ");
        let bad =
            engine(&format!("hosts = [\"x.{{}}\"]\nendings = \"{endings}\"\nstrict = \"s.x\"\n"));
        assert!(read(&bad).contains("10001 names; 10000 is the most"), "{}", read(&bad));
        // A safe host may be an address.
        let good = engine("hosts = [\"a.example\"]\nstrict = \"192.0.2.7\"\n");
        let engines = Engines::read(&good).unwrap();
        assert_eq!(led(&engines, "a.example", None, SafeSearch::Moderate), "192.0.2.7");
    }

    #[test]
    fn asking_allocates_nothing() {
        let engines = Engines::shipped().unwrap();
        let host = Host::parse("www.google.fr").unwrap();
        let counted = allocation_counter::measure(|| {
            assert!(engines.instead(&host, Some("/search"), SafeSearch::Strict).is_some());
        });
        assert_eq!(counted.count_total, 0);
    }
}
