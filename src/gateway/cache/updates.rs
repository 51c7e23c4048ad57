//! Rules for large system updates, read from data: which addresses, which parts of their query
//! mean nothing, what is never used unasked, and for whom the box is a cache host. Pure, but
//! for reading the file.

use std::{
    io,
    path::{Path, PathBuf},
};

use http::Uri;
use serde::Deserialize;

use crate::config::data_file;

/// The rules that the program carries.
const SHIPPED: &str = include_str!("updates.toml");
/// Rules, patterns of one, and bytes of one pattern.
const MAX_RULES: usize = 256;
const MAX_PATTERN_BYTES: usize = 256;
/// Bytes of a file of rules.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadRules {
    /// The file cannot be read.
    #[error("{}: the rules for updates cannot be read: {source}", path.display())]
    File {
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not the form that is expected.
    #[error("the rules for updates cannot be read: {0}")]
    Form(#[from] toml::de::Error),
    /// More than is looked through for each request.
    #[error("the rules for updates hold {got} {what}; {most} is the most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// How many there may be.
        most: usize,
    },
}

/// All rules.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Hosts for which the box is a cache host.
    #[serde(default)]
    origins: Vec<String>,
    #[serde(default)]
    always: Vec<Place>,
    #[serde(default)]
    rule: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    hosts: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// For people.
    pub name: String,
    hosts: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    /// Fetched and kept by slices.
    #[serde(default)]
    pub slices: bool,
}

/// Why a request to the cache host is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoOrigin {
    /// No `cacheHostOrigin`: not such a request.
    #[error("the address names no cacheHostOrigin")]
    Unnamed,
    /// The box would be an open proxy.
    #[error("{0:?} is not among the origins that this box is a cache host for")]
    NotAllowed(String),
}

impl Rules {
    /// Those the program carries.
    pub fn shipped() -> Result<Self, BadRules> {
        Self::read(SHIPPED)
    }

    /// Those of a file.
    pub fn open(path: &Path) -> Result<Self, BadRules> {
        let file = |source| BadRules::File { path: path.to_owned(), source };
        Self::read(&data_file(path, MAX_FILE_BYTES).map_err(file)?)
    }

    /// Reads rules.
    pub fn read(text: &str) -> Result<Self, BadRules> {
        let rules: Self = toml::from_str(text)?;
        let bounded = |what, got: usize, most: usize| {
            if got > most { Err(BadRules::TooMany { what, got, most }) } else { Ok(()) }
        };
        bounded("rules", rules.rule.len() + rules.always.len(), MAX_RULES)?;
        let of_rules = rules.rule.iter().flat_map(|rule| rule.hosts.iter().chain(&rule.paths));
        let of_places =
            rules.always.iter().flat_map(|place| place.hosts.iter().chain(&place.paths));
        let patterns: Vec<&String> = of_rules.chain(of_places).chain(&rules.origins).collect();
        bounded("patterns", patterns.len(), MAX_RULES * 16)?;
        let longest = patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0);
        bounded("bytes in one pattern", longest, MAX_PATTERN_BYTES)?;
        Ok(rules)
    }

    /// The first rule for an address.
    pub fn of(&self, uri: &Uri) -> Option<&Rule> {
        let host = uri.host()?;
        self.rule.iter().find(|rule| is_at(&rule.hosts, &rule.paths, host, uri.path()))
    }

    /// Is what this address names to be asked about each time?
    pub fn always_asks(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default();
        self.always.iter().any(|place| is_at(&place.hosts, &place.paths, host, uri.path()))
    }

    /// Where a request to the box as a Delivery Optimization cache host leads: `/path?…` with
    /// `cacheHostOrigin=HOST`, which is taken away.
    pub fn behind_cache_host(&self, uri: &Uri) -> Result<Uri, NoOrigin> {
        let query = uri.query().unwrap_or_default();
        let is_origin = |part: &&str| named(part).eq_ignore_ascii_case("cacheHostOrigin");
        let origin = query.split('&').find(is_origin).ok_or(NoOrigin::Unnamed)?;
        let host = origin.split_once('=').map_or("", |(_, host)| host);
        let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        if !plain || !self.origins.iter().any(|pattern| matches(pattern, host)) {
            return Err(NoOrigin::NotAllowed(host.chars().take(MAX_PATTERN_BYTES).collect()));
        }
        let rest: Vec<&str> = query.split('&').filter(|part| !is_origin(part)).collect();
        let mut target = format!("http://{}{}", host.to_ascii_lowercase(), uri.path());
        if !rest.is_empty() {
            target.push('?');
            target.push_str(&rest.join("&"));
        }
        target.parse().map_err(|_| NoOrigin::NotAllowed(host.to_owned()))
    }
}

impl Rule {
    /// The query without the parts that sign it or expire.
    pub fn without_signature(&self, query: &str) -> String {
        let kept: Vec<&str> = query
            .split('&')
            .filter(|part| !self.without.iter().any(|name| named(part).eq_ignore_ascii_case(name)))
            .collect();
        kept.join("&")
    }
}

fn named(part: &str) -> &str {
    part.split_once('=').map_or(part, |(name, _)| name)
}

fn is_at(hosts: &[String], paths: &[String], host: &str, path: &str) -> bool {
    hosts.iter().any(|pattern| matches(pattern, host))
        && (paths.is_empty() || paths.iter().any(|pattern| matches(pattern, path)))
}

/// `*` stands for any characters, `?` for one; letter case does not count. Linear in the text for
/// each star.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // The last star, and how far into the text it reaches.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || byte.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, reach)) = star else { return false };
                star = Some((at, reach + 1));
                (p, t) = (at + 1, reach + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn the_rules_that_ship_know_the_updates_of_a_school() {
        let rules = Rules::shipped().unwrap();
        let name = |text: &str| rules.of(&uri(text)).map(|rule| rule.name.as_str());
        let file = "/filestreamingservice/files/0a1b?P1=1700&P2=4&P3=2&P4=sig";
        assert_eq!(
            name(&format!("http://tlu.dl.delivery.mp.microsoft.com{file}")),
            Some("Windows Update")
        );
        assert_eq!(name("http://amupdatedl3.microsoft.com/x"), Some("Windows Update"));
        assert_eq!(name("http://officecdn.microsoft.com/pr/x.cab"), Some("Office"));
        let hash = "0123456789ABCDEF0123456789ABCDEF01234567";
        assert_eq!(name(&format!("http://wsus.lycee:8530/Content/67/{hash}.exe")), Some("WSUS"));
        assert_eq!(name("http://edgedl.me.gvt1.com/edgedl/release2/chrome/x.crx3"), Some("Chrome"));
        assert_eq!(name("http://windowsupdate.com.example/x"), None);
        assert_eq!(name("http://evilwindowsupdate.com/x"), None);
    }

    #[test]
    fn an_expiring_signature_is_no_part_of_the_name() {
        let rules = Rules::shipped().unwrap();
        let rule = rules.of(&uri("http://a.windowsupdate.com/")).unwrap();
        assert_eq!(rule.without_signature("P1=1&p2=2&x=y&P4=%2b"), "x=y");
        assert_eq!(rule.without_signature("P1=1&P2"), "");
    }

    #[test]
    fn lists_of_revoked_certificates_are_always_asked_about() {
        let rules = Rules::shipped().unwrap();
        let base = "http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en";
        for name in ["authrootstl.cab", "pinrulesstl.cab", "disallowedcertstl.cab", "x.CRL"] {
            assert!(rules.always_asks(&uri(&format!("{base}/{name}?a1b2"))), "{name}");
        }
        assert!(!rules.always_asks(&uri(&format!("{base}/other.cab"))));
    }

    #[test]
    fn the_box_is_a_cache_host_for_microsoft_alone() {
        let rules = Rules::shipped().unwrap();
        let behind = |text: &str| rules.behind_cache_host(&uri(text)).map(|uri| uri.to_string());
        assert_eq!(
            behind("/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com"),
            Ok("http://au.download.windowsupdate.com/mscomtest/wuidt.gif".to_owned())
        );
        assert_eq!(
            behind("/f/1?P1=1&cacheHostOrigin=TLU.dl.delivery.mp.microsoft.com&P2=2"),
            Ok("http://tlu.dl.delivery.mp.microsoft.com/f/1?P1=1&P2=2".to_owned())
        );
        for bad in [
            "/x?cacheHostOrigin=example.org",
            "/x?cacheHostOrigin=",
            "/x?cacheHostOrigin=a.windowsupdate.com@example.org",
            "/x?cacheHostOrigin=example.org/a.windowsupdate.com",
            "/x?cacheHostOrigin=a.windowsupdate.com:25",
            "/x?cacheHostOrigin=example.org%2f.windowsupdate.com",
        ] {
            assert!(matches!(behind(bad), Err(NoOrigin::NotAllowed(_))), "{bad}");
        }
        assert_eq!(behind("/x"), Err(NoOrigin::Unnamed));
    }

    #[test]
    fn rules_with_unknown_words_or_without_bounds_are_refused() {
        assert!(matches!(
            Rules::read("[[rule]]\nname='a'\nhosts=[]\nslice=1"),
            Err(BadRules::Form(_))
        ));
        let long = format!("origins = [\"{}\"]", "a".repeat(300));
        assert!(matches!(Rules::read(&long), Err(BadRules::TooMany { .. })));
    }
}
