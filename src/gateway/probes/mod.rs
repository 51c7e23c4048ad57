//! During an outage: the systems' own questions whether the Internet is there (captive-portal probes),
//! answered as each expects, from data. Pure, but for reading the data the program carries.
//!
//! Not here: whether it is an outage, nor the page that people see (`outage`).

use std::collections::BTreeMap;

use http::{
    HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde::Deserialize;

use super::asked::{Asked, HTTP_PORT};
use crate::net::body::Body;

/// What the program carries.
const KNOWN: &str = include_str!("known.toml");

/// Why the data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadProbes {
    /// Not the form that is expected.
    #[error("the known captive-portal probes cannot be read: {0}")]
    Form(#[from] toml::de::Error),
    /// An answer that HTTP cannot carry.
    #[error("the probe of {system} at {path}: {what:?} is no status, name or value of a field")]
    Answer {
        /// Whose.
        system: String,
        /// Its path.
        path: String,
        /// What is wrong.
        what: String,
    },
}

/// The probes that are known.
#[derive(Debug, Default)]
pub struct Probes {
    probes: Vec<Probe>,
    apps: Vec<String>,
}

#[derive(Debug)]
struct Probe {
    hosts: Vec<String>,
    path: String,
    status: StatusCode,
    fields: Vec<(HeaderName, HeaderValue)>,
    body: bytes::Bytes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    probe: Vec<WrittenProbe>,
    apps: Vec<WrittenApps>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenProbe {
    system: String,
    hosts: Vec<String>,
    path: String,
    status: u16,
    r#type: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    /// For people.
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenApps {
    /// For people.
    #[serde(rename = "why")]
    _why: String,
    hosts: Vec<String>,
}

impl Probes {
    /// Those the program carries.
    pub fn shipped() -> Result<Self, BadProbes> {
        Self::read(KNOWN)
    }

    fn read(text: &str) -> Result<Self, BadProbes> {
        let written: Written = toml::from_str(text)?;
        let probes = written.probe.into_iter().map(Probe::of).collect::<Result<_, _>>()?;
        Ok(Self { probes, apps: written.apps.into_iter().flat_map(|apps| apps.hosts).collect() })
    }

    /// Is this such a question?
    pub fn is_one(&self, asked: &Asked, path: &str) -> bool {
        self.find(asked, path).is_some()
    }

    /// The answer that says that the Internet is there.
    pub fn answer(&self, method: &Method, asked: &Asked, path: &str) -> Option<Response<Body>> {
        let probe = self.find(asked, path)?;
        if !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        let body = match &probe.body {
            empty if empty.is_empty() => Body::Empty,
            // To HEAD it is not sent, but its length is.
            body => Body::Bytes(body.clone()),
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = probe.status;
        answer.headers_mut().extend(probe.fields.iter().cloned());
        // What is so in an outage must not be believed after it.
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(answer)
    }

    /// Does a program live there that takes any page for its own?
    pub fn is_of_an_app(&self, asked: &Asked) -> bool {
        let host = asked.host.to_string();
        self.apps.iter().any(|app| {
            host.strip_suffix(app.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    fn find(&self, asked: &Asked, path: &str) -> Option<&Probe> {
        let name = asked.host.name().filter(|_| asked.port == HTTP_PORT)?;
        self.probes.iter().find(|probe| {
            probe.path == path && probe.hosts.iter().any(|host| host == name.as_str())
        })
    }
}

impl Probe {
    fn of(written: WrittenProbe) -> Result<Self, BadProbes> {
        let bad = |what: &str| BadProbes::Answer {
            system: written.system.clone(),
            path: written.path.clone(),
            what: what.to_owned(),
        };
        let status =
            StatusCode::from_u16(written.status).map_err(|_| bad(&written.status.to_string()))?;
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| bad(text));
        let media = written.r#type.as_deref().map(value).transpose()?;
        let mut fields: Vec<_> = media.into_iter().map(|media| (CONTENT_TYPE, media)).collect();
        for (name, text) in &written.fields {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(name))?;
            fields.push((name, value(text)?));
        }
        let (hosts, path, body) = (written.hosts, written.path, written.body.into());
        Ok(Self { hosts, path, status, fields, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> (Asked, String) {
        let uri: http::Uri = text.parse().unwrap();
        (Asked::in_clear(&uri).unwrap(), uri.path().to_owned())
    }

    #[test]
    fn only_the_very_address_is_answered_and_only_to_who_reads() {
        let probes = Probes::shipped().unwrap();
        let status = |method: Method, text: &str| {
            let (asked, path) = asked(text);
            probes.answer(&method, &asked, &path).map(|answer| answer.status().as_u16())
        };
        let good = "http://connectivitycheck.gstatic.com/generate_204";
        assert_eq!(status(Method::GET, good), Some(204));
        assert_eq!(status(Method::HEAD, good), Some(204));
        assert_eq!(status(Method::POST, good), None);
        for other in [
            "http://connectivitycheck.gstatic.com:8080/generate_204",
            "http://connectivitycheck.gstatic.com/generate_2040",
            "http://connectivitycheck.gstatic.com/",
            "http://a.connectivitycheck.gstatic.com/generate_204",
            "http://gstatic.com/generate_204",
            "http://www.google.com/",
            "http://10.0.0.1/generate_204",
        ] {
            assert_eq!(status(Method::GET, other), None, "{other}");
        }
        // RFC 4343: names have no letter case; queries do not count.
        assert_eq!(status(Method::GET, "http://Captive.Apple.com./hotspot-detect.html"), Some(200));
        assert_eq!(
            status(Method::GET, "http://detectportal.firefox.com/success.txt?ipv6"),
            Some(200)
        );
    }

    #[test]
    fn hosts_of_applications_are_known_with_those_below_them() {
        let probes = Probes::shipped().unwrap();
        let is = |text: &str| probes.is_of_an_app(&asked(text).0);
        assert!(is("http://google.com/") && is("http://classroom.google.com/x"));
        assert!(is("http://0510035l.index-education.net/pronote/"));
        assert!(!is("http://notgoogle.com/") && !is("http://google.com.example/"));
    }

    #[test]
    fn data_that_http_cannot_carry_is_refused_with_its_place() {
        let text = |status: u16, fields: &str| {
            format!(
                "apps = []\n[[probe]]\nsystem = 'x'\nhosts = []\npath = '/p'\nstatus = {status}\n\
                 fields = {{ {fields} }}\nsource = 's'\n"
            )
        };
        assert!(Probes::read(&text(200, "")).is_ok());
        for (status, fields) in [(99, ""), (200, "'a b' = 'c'"), (200, "a = \"b\\nc\"")] {
            let error = Probes::read(&text(status, fields)).unwrap_err().to_string();
            assert!(error.contains("/p"), "{error}");
        }
        assert!(matches!(Probes::read("[[probe]]\n"), Err(BadProbes::Form(_))));
    }
}
