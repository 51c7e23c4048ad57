//! Which header fields go on, and which end at the box (RFC 9110 §7.6.1).

use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
        TRANSFER_ENCODING, UPGRADE, VIA,
    },
};

use super::asked::Asked;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PROXY_AUTHENTICATION_INFO: HeaderName = HeaderName::from_static("proxy-authentication-info");
/// Of one connection only, whether `Connection` names them or not.
const OF_THE_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_AUTHENTICATION_INFO,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// They would tell a site which pupil's device asks, or have it believe that it was asked otherwise;
/// so would all that begin with `x-forwarded-`.
const OF_THE_DEVICE: [&str; 6] =
    ["forwarded", "x-real-ip", "x-client-ip", "client-ip", "true-client-ip", "x-cluster-client-ip"];
const FORWARDED: &str = "x-forwarded-";
/// Trailers that would act on framing, routing or identity (RFC 9110 §6.5.1).
const NEVER_TRAILERS: [&str; 12] = [
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "content-type",
    "content-range",
    "host",
    "trailer",
    "connection",
    "authorization",
    "set-cookie",
    "cookie",
    "cache-control",
];
const WEBSOCKET: &str = "websocket";

/// The box's name in `Via`, made anew at each start: it tells a loop from another box, and nobody
/// which school it is.
#[derive(Debug, Clone)]
pub struct Pseudonym(Arc<str>);

impl Pseudonym {
    pub fn new() -> Self {
        Self(format!("preau-{:08x}", rand::random::<u32>()).into())
    }

    /// Did these fields pass here before?
    pub fn is_in(&self, fields: &HeaderMap) -> bool {
        // RFC 9110 §7.6.3: `received-protocol received-by [comment]`, comma-separated.
        let own = |hop: &str| hop.split_ascii_whitespace().nth(1) == Some(&*self.0);
        fields.get_all(VIA).iter().filter_map(|v| v.to_str().ok()).any(|v| v.split(',').any(own))
    }

    /// What is added for a message that came in this version.
    pub fn via(&self, version: Version) -> String {
        format!("{} {}", if version == Version::HTTP_10 { "1.0" } else { "1.1" }, self.0)
    }

    fn sign(&self, fields: &mut HeaderMap, version: Version) {
        if let Ok(value) = HeaderValue::from_str(&self.via(version)) {
            fields.append(VIA, value);
        }
    }
}

/// What a device asks of the connection beside the message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// It takes trailers.
    pub trailers: bool,
    /// It wants to speak WebSocket from then on. Other protocols are not passed on: `h2c` would
    /// let requests through unseen.
    pub websocket: bool,
    /// It waits for 100 before it sends the body.
    pub continues: bool,
}

fn tokens(fields: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> {
    let values = fields.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let tokens = values.flat_map(|value| value.split(','));
    tokens.map(|token| token.trim().to_ascii_lowercase())
}

impl Wishes {
    /// Read before the fields are changed.
    pub fn of(fields: &HeaderMap, version: Version) -> Self {
        let trailers = tokens(fields, &TE).any(|t| t.split(';').next() == Some("trailers"));
        let upgrade = tokens(fields, &CONNECTION).any(|token| token == "upgrade");
        let websocket = upgrade && tokens(fields, &UPGRADE).any(|token| token == WEBSOCKET);
        let continues = tokens(fields, &EXPECT).any(|token| token == "100-continue");
        // RFC 9110 §7.8 and §10.1.1: neither of HTTP/1.0.
        let is_11 = version == Version::HTTP_11;
        Self { trailers, websocket: websocket && is_11, continues: continues && is_11 }
    }
}

/// Takes out what is of one hop. Lengths stay: framing is not the sender's to take out.
fn end_of_hop(fields: &mut HeaderMap) {
    let named: Vec<String> = tokens(fields, &CONNECTION).collect();
    for name in named {
        if name != CONTENT_LENGTH.as_str() && name != HOST.as_str() {
            fields.remove(name.as_str());
        }
    }
    for name in &OF_THE_HOP {
        fields.remove(name);
    }
}

/// Takes out what a proxy alone may say of who asks.
fn end_of_device(fields: &mut HeaderMap) {
    let of_it = |name: &str| OF_THE_DEVICE.contains(&name) || name.starts_with(FORWARDED);
    let gone: Vec<_> = fields.keys().filter(|name| of_it(name.as_str())).cloned().collect();
    for name in gone {
        fields.remove(name);
    }
}

/// Makes a device's fields those of the box's own request.
pub fn of_request(
    fields: &mut HeaderMap,
    asked: &Asked,
    wishes: Wishes,
    version: Version,
    pseudonym: &Pseudonym,
) {
    end_of_hop(fields);
    end_of_device(fields);
    if !wishes.continues {
        fields.remove(EXPECT);
    }
    // RFC 9112 §3.2.2: a proxy ignores the Host that came, and makes its own.
    if let Ok(host) = HeaderValue::from_str(&asked.as_host_field()) {
        fields.insert(HOST, host);
    }
    if wishes.trailers {
        fields.insert(TE, HeaderValue::from_static("trailers"));
        fields.insert(CONNECTION, HeaderValue::from_static("TE"));
    }
    if wishes.websocket {
        to_websocket(fields);
    }
    pseudonym.sign(fields, version);
}

/// Makes an origin's fields those of the box's own answer.
pub fn of_answer(fields: &mut HeaderMap, version: Version, pseudonym: &Pseudonym) {
    end_of_hop(fields);
    pseudonym.sign(fields, version);
}

/// The same of an interim answer, which has no body whatever it says (RFC 9110 §6.4.1).
pub fn of_interim(fields: &mut HeaderMap, version: Version, pseudonym: &Pseudonym) {
    of_answer(fields, version, pseudonym);
    fields.remove(CONTENT_LENGTH);
}

/// Says that from now on the connection speaks WebSocket (RFC 6455 §4).
pub fn to_websocket(fields: &mut HeaderMap) {
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
}

/// The transfer codings there are (RFC 9112 §7).
const CODINGS: [&str; 6] = ["chunked", "compress", "deflate", "gzip", "x-compress", "x-gzip"];

/// Has an answer a coding that the box would have to undo? `chunked` alone is undone by hyper. A
/// name that is no coding did nothing to the body: it goes on as it came, to its connection's end
/// (RFC 9112 §6.3).
pub fn is_coded(fields: &HeaderMap) -> bool {
    let codings: Vec<_> =
        tokens(fields, &TRANSFER_ENCODING).filter(|coding| !coding.is_empty()).collect();
    let name = |coding: &str| coding.split(';').next().unwrap_or_default().trim().to_owned();
    codings.iter().any(|coding| CODINGS.contains(&name(coding).as_str())) && codings != ["chunked"]
}

/// Trailers that may go on.
pub fn safe_trailers(mut fields: HeaderMap) -> HeaderMap {
    for name in NEVER_TRAILERS {
        fields.remove(name);
    }
    for name in OF_THE_HOP {
        fields.remove(name);
    }
    end_of_device(&mut fields);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn asked() -> Asked {
        Asked::in_clear(&"http://Example.org:8080/".parse().unwrap()).unwrap()
    }

    #[test]
    fn what_is_of_one_hop_or_of_the_device_ends_at_the_box() {
        let mut sent = fields(&[
            ("host", "elsewhere.example"),
            ("connection", "close, X-Own , content-length"),
            ("x-own", "1"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eDp5"),
            ("keep-alive", "5"),
            ("te", "gzip"),
            ("upgrade", "h2c"),
            ("x-forwarded-for", "10.1.2.3"),
            ("x-forwarded-scheme", "http"),
            ("forwarded", "for=10.1.2.3"),
            ("expect", "100-continue"),
            ("content-length", "3"),
            ("cookie", "a=b"),
        ]);
        let pseudonym = Pseudonym::new();
        let wishes = Wishes::of(&sent, Version::HTTP_10);
        assert_eq!(wishes, Wishes::default());
        of_request(&mut sent, &asked(), wishes, Version::HTTP_10, &pseudonym);
        let mut left: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "cookie", "host", "via"]);
        assert_eq!(sent[HOST], "example.org:8080");
        assert_eq!(sent[VIA], format!("1.0 {}", pseudonym.0));
    }

    #[test]
    fn a_loop_is_seen_among_other_hops_and_a_lookalike_is_not() {
        let pseudonym = Pseudonym("preau-1".into());
        assert!(pseudonym.is_in(&fields(&[("via", "1.0 fred, 1.1 preau-1 (box)")])));
        assert!(pseudonym.is_in(&fields(&[("via", "1.1 a"), ("via", "1.1 preau-1")])));
        assert!(!pseudonym.is_in(&fields(&[("via", "1.1 preau-12, 1.1 a (preau-1)")])));
        assert!(!pseudonym.is_in(&HeaderMap::new()));
    }

    #[test]
    fn websocket_goes_on_and_other_protocols_do_not() {
        let wish =
            |pairs: &[(&'static str, &'static str)]| Wishes::of(&fields(pairs), Version::HTTP_11);
        assert!(wish(&[("connection", "Upgrade"), ("upgrade", "WebSocket")]).websocket);
        assert!(!wish(&[("connection", "upgrade"), ("upgrade", "h2c")]).websocket);
        assert!(!wish(&[("upgrade", "websocket")]).websocket);
        assert!(wish(&[("te", "gzip, trailers;q=1")]).trailers);
        assert!(wish(&[("expect", "100-Continue")]).continues);
    }

    #[test]
    fn only_plain_chunked_is_a_coding_the_box_undoes() {
        assert!(!is_coded(&fields(&[])));
        assert!(!is_coded(&fields(&[("transfer-encoding", "Chunked")])));
        for coded in ["gzip, chunked", "gzip", "chunked, chunked", "chunked;x=y"] {
            assert!(is_coded(&fields(&[("transfer-encoding", coded)])), "{coded}");
        }
        assert!(!is_coded(&fields(&[("transfer-encoding", "no-coding")])));
    }

    #[test]
    fn trailers_that_would_act_are_dropped() {
        let sent = fields(&[("digest", "x"), ("set-cookie", "a=b"), ("content-length", "3")]);
        let safe = safe_trailers(sent);
        assert_eq!(safe.len(), 1);
        assert!(safe.contains_key("digest"));
    }
}
