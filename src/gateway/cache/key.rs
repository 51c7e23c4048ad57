//! What names a stored response (RFC 9111 §2): scheme, host, port, path and query. Never less: a
//! key without the host is how one site's pages are served as another's.

use std::{fmt, sync::Arc};

use http::Uri;
use url::Url;

use super::updates::Rule;

/// Bytes of an address that may be stored.
const MAX_KEY_BYTES: usize = 8 * 1024;

/// The primary key. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Of an absolute `http` address. A rule may leave parts of the query out.
    pub fn of(uri: &Uri, rule: Option<&Rule>) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let authority = uri.authority()?;
        if scheme != "http" || authority.as_str().contains('@') {
            return None;
        }
        let mut key = format!("{scheme}://{}", authority.host().to_ascii_lowercase());
        key.push_str(&format!(":{}", authority.port_u16().unwrap_or(80)));
        key.push_str(if uri.path().is_empty() { "/" } else { uri.path() });
        if let Some(query) = uri.query() {
            let kept = rule.map_or_else(|| query.to_owned(), |rule| rule.without_signature(query));
            if rule.is_none() || !kept.is_empty() {
                key.push('?');
                key.push_str(&kept);
            }
        }
        (key.len() <= MAX_KEY_BYTES).then(|| Self(key.into()))
    }

    /// As it was kept.
    pub fn kept(text: &str) -> Option<Self> {
        (text.len() <= MAX_KEY_BYTES && text.starts_with("http://")).then(|| Self(text.into()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address that `Location` or `Content-Location` names beside `base`, if it is of the same
/// origin (RFC 9111 §4.4).
pub fn beside(base: &Uri, named: &[u8]) -> Option<Uri> {
    let base = Url::parse(&base.to_string()).ok()?;
    let mut target = base.join(std::str::from_utf8(named).ok()?.trim()).ok()?;
    target.set_fragment(None);
    (target.origin() == base.origin()).then(|| target.as_str().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(uri: &str) -> Option<String> {
        Key::of(&uri.parse().unwrap(), None).map(|key| key.to_string())
    }

    #[test]
    fn another_scheme_host_port_path_or_query_is_another_key() {
        let all =
            ["http://a/", "http://b/", "http://a:81/", "http://a/x", "http://a/?x", "http://a/X"];
        let keys: std::collections::HashSet<_> = all.iter().map(|uri| key(uri).unwrap()).collect();
        assert_eq!(keys.len(), all.len());
        assert_eq!(key("HTTP://A:80/x?y").as_deref(), Some("http://a:80/x?y"));
        assert_eq!(key("http://u@a/"), None);
        assert_eq!(key("https://a/"), None);
        assert_eq!(key("/x"), None);
    }

    #[test]
    fn only_the_same_origin_is_beside() {
        let base: Uri = "http://a/x/y".parse().unwrap();
        let beside =
            |named: &str| super::beside(&base, named.as_bytes()).map(|uri| uri.to_string());
        assert_eq!(beside("z").as_deref(), Some("http://a/x/z"));
        assert_eq!(beside("http://A:80/z#f").as_deref(), Some("http://a/z"));
        assert_eq!(beside("//b/z"), None);
        assert_eq!(beside("http://a:81/z"), None);
        assert_eq!(beside("https://a/z"), None);
    }
}
