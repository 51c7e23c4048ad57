//! Links of feeds and manifests (RWPM *Link Object*).

use serde_json::Value;
use url::Url;

use crate::catalogue::lenient::{list, scalar};

/// Links read of one object.
const MAX_LINKS: usize = 2_000;
/// Longest address taken, in bytes.
const MAX_HREF_BYTES: usize = 8_192;
/// The long spelling of the relations that OPDS defines.
const LONG_REL: &str = "http://opds-spec.org/";

/// A link with an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) href: &'a str,
    pub(super) value: &'a Value,
}

/// The links under `key`; what has no address, or is a template, is passed over.
pub(super) fn links<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = Link<'a>> {
    list(value, key).iter().take(MAX_LINKS).filter_map(|value| {
        let href = value.get("href")?.as_str()?.trim();
        let templated = value.get("templated").and_then(Value::as_bool).unwrap_or(false);
        (!templated && !href.is_empty() && href.len() <= MAX_HREF_BYTES)
            .then_some(Link { href, value })
    })
}

impl<'a> Link<'a> {
    fn rels(self) -> impl Iterator<Item = &'a str> {
        list(self.value, "rel").iter().filter_map(Value::as_str).map(str::trim)
    }

    pub(super) fn has_rel(&self, rel: &str) -> bool {
        self.rels().any(|own| own == rel)
    }

    /// Does it bring the package itself? Samples and previews do not.
    pub(super) fn acquires(self) -> bool {
        self.rels().any(|rel| {
            let short = rel.strip_prefix(LONG_REL).unwrap_or(rel);
            let short = short.strip_prefix("acquisition/").unwrap_or(short);
            matches!(
                short,
                "acquisition" | "open-access" | "buy" | "borrow" | "subscribe" | "download"
            )
        })
    }

    /// Its media type, without parameters, in lower case.
    pub(super) fn media_type(self) -> Option<String> {
        let text = self.value.get("type").and_then(scalar)?;
        let bare = text.split(';').next()?.trim().to_ascii_lowercase();
        (!bare.is_empty()).then_some(bare)
    }

    /// Is it a feed, as far as its type says?
    pub(super) fn is_feed(&self) -> bool {
        self.media_type().is_none_or(|media_type| {
            matches!(&*media_type, "application/opds+json" | "application/json")
        })
    }

    /// Its address, if it is one of the web.
    pub(super) fn resolved(self, base: &Url) -> Option<Url> {
        let mut url = base.join(self.href).ok()?;
        url.set_fragment(None);
        matches!(url.scheme(), "http" | "https").then_some(url)
    }
}
