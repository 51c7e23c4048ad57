//! Addresses below `/p/`: which package, by what right, and what of it. Pure.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::store::BlobId;

/// Longest path inside a package, with its capability.
const MAX_PATH_BYTES: usize = 2048;

/// `/p/{blob}/{rest}` or `/p/{blob}~{capability}/{rest}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'a> {
    pub(super) blob: BlobId,
    pub(super) capability: Option<&'a str>,
    pub(super) rest: &'a str,
}

impl<'a> Address<'a> {
    pub(super) fn of(path: &'a str) -> Option<Self> {
        if path.len() > MAX_PATH_BYTES {
            return None;
        }
        let (first, rest) = path.strip_prefix("/p/")?.split_once('/')?;
        let (blob, capability) = match first.split_once('~') {
            Some((blob, capability)) => (blob, Some(capability)),
            None => (first, None),
        };
        Some(Self { blob: blob.parse().ok()?, capability, rest })
    }

    /// The same address for everyone.
    pub(super) fn without_capability(&self, path: &'a str) -> Cow<'a, str> {
        match self.capability {
            None => path.into(),
            Some(_) => format!("/p/{}/{}", self.blob, self.rest).into(),
        }
    }
}

/// A path inside a package, decoded; nothing when it plays tricks. Each resource has one address:
/// a coded slash, a backslash, a NUL, an empty or a dotted step would be another for it.
pub(super) fn plain_path(inside: &str) -> Option<Cow<'_, str>> {
    let tricky = |step: &str| {
        let step = percent_decode_str(step).decode_utf8();
        step.is_err()
            || step.is_ok_and(|step| {
                matches!(&*step, "" | "." | "..") || step.contains(['/', '\\', '\0'])
            })
    };
    if inside.split('/').any(tricky) {
        return None;
    }
    percent_decode_str(inside).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_has_one_address_and_tricks_have_none() {
        assert_eq!(plain_path("OEBPS/page%20un.xhtml").as_deref(), Some("OEBPS/page un.xhtml"));
        assert_eq!(plain_path("a/%C3%A9t%C3%A9~2.html").as_deref(), Some("a/été~2.html"));
        for tricky in [
            "",
            "/etc/passwd",
            "a//b",
            "a/../b",
            "a/%2e%2e/b",
            "a/%2E./b",
            "./a",
            "a%2fb",
            "a%5Cb",
            "a%00",
            "a/",
            "%ff",
            "..",
            "a/b%00.html",
        ] {
            assert_eq!(plain_path(tricky), None, "{tricky}");
        }
    }

    #[test]
    fn a_capability_stands_beside_the_package_and_nowhere_else() {
        let blob = BlobId([7; 32]);
        let path = format!("/p/{blob}~abc.def/r/a~b.html");
        let address = Address::of(&path).unwrap();
        assert_eq!((address.capability, address.rest), (Some("abc.def"), "r/a~b.html"));
        assert_eq!(address.without_capability(&path), format!("/p/{blob}/r/a~b.html"));
        let path = format!("/p/{blob}/r/a~b.html");
        let address = Address::of(&path).unwrap();
        assert_eq!(
            (address.capability, address.without_capability(&path)),
            (None, path.as_str().into())
        );
        for bad in
            ["/p/", "/p/abc/package", "/p//r/x", &format!("/p/{blob}"), &format!("/p/~x{blob}/r/a")]
        {
            assert_eq!(Address::of(bad), None, "{bad}");
        }
    }
}
