//! A URL in the form that URL rules and expressions are held against, which is squidGuard's:
//! no scheme and no userinfo, percent-encoding undone but for spaces, one case, one slash where
//! several stand together. Dot segments are resolved too (RFC 3986 §5.2.4), since origins do so.

use std::io::Write as _;

use crate::filter::{
    host::{Host, hex_byte},
    target::{HTTP_PORT, Target},
};

/// Bytes of a URL that are looked at. What stands behind is not.
pub(in crate::filter) const MAX_URL_BYTES: usize = 8 * 1024;
/// Prefixes of hosts that a URL rule leaves out, before any digits and a dot.
const USUAL_FIRST_LABELS: [&[u8]; 3] = [b"www", b"web", b"ftp"];

/// `host [":" port] path`, in place.
pub(super) struct Visible {
    text: Text<MAX_URL_BYTES>,
    host_end: usize,
    path: usize,
}

impl Visible {
    /// Of a target whose URL is visible. The port is there unless it is that of HTTP.
    pub(super) fn of(target: &Target<'_>) -> Option<Self> {
        let path = target.path?;
        let mut text = Text::new();
        text.host(target.host);
        let host_end = text.length;
        if target.port != HTTP_PORT {
            // More than fits cannot come: hosts are short.
            let _ = write!(text, ":{}", target.port);
        }
        let begin = text.length;
        text.path(path.as_bytes());
        Some(Self { text, host_end, path: begin })
    }

    /// All of it.
    pub(super) fn whole(&self) -> &[u8] {
        self.text.bytes()
    }

    /// The host.
    pub(super) fn host(&self) -> &[u8] {
        self.whole().get(..self.host_end).unwrap_or_default()
    }

    /// The path and the query.
    pub(super) fn path(&self) -> &[u8] {
        self.whole().get(self.path..).unwrap_or_default()
    }
}

/// A host as text.
pub(super) fn host_text(host: &Host) -> Text<{ crate::filter::host::MAX_NAME_BYTES }> {
    let mut text = Text::new();
    text.host(host);
    text
}

/// A path and query as rules hold it.
pub(in crate::filter) fn path_text(path: &[u8]) -> Text<MAX_URL_BYTES> {
    let mut text = Text::new();
    text.path(path);
    text
}

/// The host without `www.`, `www2.`, `web.`, `ftp.`; `None` when it begins with none.
pub(super) fn without_www(host: &[u8]) -> Option<&[u8]> {
    let rest = USUAL_FIRST_LABELS.iter().find_map(|usual| host.strip_prefix(*usual))?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest.get(digits..)?.strip_prefix(b".")
}

/// Bytes in place; those that do not fit are left out.
pub(in crate::filter) struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    pub(in crate::filter) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn host(&mut self, host: &Host) {
        let _ = match host {
            Host::Name(name) => self.write_all(name.as_bytes()),
            Host::Address(_) => write!(self, "{host}"),
        };
    }

    fn path(&mut self, path: &[u8]) {
        let query = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
        let (path, query) = path.split_at(query);
        let root = self.length;
        self.push(b'/');
        for byte in Decoded(path) {
            if byte != b'/' {
                self.push(byte);
            } else if self.end_segment(root) {
                self.push(b'/');
            }
        }
        self.end_segment(root);
        Decoded(query).for_each(|byte| self.push(byte));
    }

    /// Resolves the last segment of the path that begins at `root`. Is a slash to follow it?
    fn end_segment(&mut self, root: usize) -> bool {
        let path = self.bytes.get(root..self.length).unwrap_or_default();
        let begin = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        match path.get(begin..).unwrap_or_default() {
            b"" => false,
            b"." => {
                self.length = root + begin;
                false
            }
            b".." => {
                let above = path.get(..begin.saturating_sub(1)).unwrap_or_default();
                let slash = above.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                self.length = root + slash + 1;
                false
            }
            _ => true,
        }
    }
}

impl<const N: usize> std::io::Write for Text<N> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            self.push(*byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Undoes percent-encoding, except that of spaces, and upper case.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = match self.0 {
            [] => return None,
            [b'%', b'2', b'0', ..] => (b'%', &self.0[1..]),
            [b'%', high, low, rest @ ..] => match hex_byte(*high, *low) {
                Some(byte) => (byte, rest),
                None => (b'%', &self.0[1..]),
            },
            [byte, rest @ ..] => (*byte, rest),
        };
        self.0 = rest;
        Some(byte.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visible(host: &str, port: u16, path: &str) -> String {
        let host = Host::parse(host).unwrap();
        let target = Target { host: &host, port, path: Some(path) };
        String::from_utf8_lossy(Visible::of(&target).unwrap().whole()).into_owned()
    }

    #[test]
    fn a_url_has_one_form() {
        for (path, form) in [
            ("", "/"),
            ("/", "/"),
            ("/BAR/Z", "/bar/z"),
            ("/%62ar%2Fz", "/bar/z"),
            ("//bar///z", "/bar/z"),
            ("/./bar/x/../z", "/bar/z"),
            ("/../../bar/z", "/bar/z"),
            ("/%2e%2E/bar/%2e/z", "/bar/z"),
            ("/bar/z/.", "/bar/z/"),
            ("/bar/z/..", "/bar/"),
            ("/..", "/"),
            ("/bar/z/", "/bar/z/"),
            ("/bar/...", "/bar/..."),
            ("/a%20b", "/a%20b"),
            ("/a%2520b", "/a%20b"),
            ("/a%zzb%", "/a%zzb%"),
            ("?q=//x/../Y%41", "/?q=//x/../ya"),
            ("/a/..?b", "/?b"),
        ] {
            assert_eq!(visible("h.example", 80, path), format!("h.example{form}"), "{path}");
        }
        assert_eq!(visible("H.example.", 8080, "/a"), "h.example:8080/a");
        assert_eq!(visible("[::1]", 80, "/a"), "[::1]/a");
    }

    #[test]
    fn a_url_that_is_too_long_is_judged_by_its_beginning() {
        let long = format!("/{}", "a/../".repeat(10_000));
        assert_eq!(visible("h.example", 80, &long), "h.example/");
        assert_eq!(visible("h.example", 80, &"a".repeat(100_000)).len(), MAX_URL_BYTES);
    }

    #[test]
    fn only_usual_first_labels_are_left_out() {
        let rest = |host: &'static str| without_www(host.as_bytes());
        assert_eq!(rest("www.a.fr"), Some(b"a.fr".as_slice()));
        assert_eq!(rest("www12.a.fr"), Some(b"a.fr".as_slice()));
        assert_eq!(rest("ftp.a.fr"), Some(b"a.fr".as_slice()));
        assert_eq!(rest("wwwx.a.fr"), None);
        assert_eq!(rest("a.fr"), None);
    }
}
