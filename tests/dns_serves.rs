//! The built box as a school's resolver, asked with `dig`: what it tells, what it refuses and why,
//! its own names, and that the gateway finds names by it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::Arc,
    thread,
};

use preau::demo::authority::Authority;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use support::{
    PATIENCE,
    dig::dig,
    names::{Names, Zone},
    school_box::{SchoolBox, free_address},
};

const POLICY: &str = r#"
[[filter.profiles]]
name = "eleves"
networks = ["127.0.0.0/8"]
safe_search = "strict"
[[filter.rules]]
name = "jeux en ligne"
sites = ["jeux.example"]
"#;

const ZONE: Zone = &[
    ("www.example.org", &["9.9.9.9", "2620:fe::9"]),
    ("cache.jeux.example", &["9.9.9.10"]),
    ("innocent.example", &["cache.jeux.example"]),
    ("intra.example", &["10.0.0.7"]),
    ("origin.school.example", &["127.0.0.1"]),
    ("forcesafesearch.google.com", &["216.239.38.120"]),
    ("www.google.fr", &["142.250.0.1"]),
];

struct School {
    school: SchoolBox,
    names: Names,
    dns: SocketAddr,
}

impl School {
    fn start(more: &str) -> Self {
        let names = Names::start(ZONE);
        let resolver = format!("\"{}\"", names.address);
        Self::asking(names, &resolver, "", more)
    }

    fn asking(names: Names, resolver: &str, network: &str, more: &str) -> Self {
        let dns = free_address();
        let settings = format!(
            "[dns]\nlisten = [\"{dns}\"]\nresolvers = [{resolver}]\nzone = \"preau.lan\"\n{more}\n{POLICY}"
        );
        Self { school: SchoolBox::start_with("0510035L", network, &settings), names, dns }
    }

    /// What `dig` shows; it fails the test when it gets no answer.
    fn dig(&self, words: &str) -> String {
        dig(&self.school, self.dns, words)
    }

    fn short(&self, words: &str) -> Vec<String> {
        self.dig(&format!("+short {words}")).lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_device_is_told_what_it_may_know_by_udp_and_tcp() {
    let school = School::start("");
    assert_eq!(school.short("www.example.org A"), ["9.9.9.9"]);
    assert_eq!(school.short("+tcp www.example.org AAAA"), ["2620:fe::9"]);
    assert_eq!(school.short("WWW.Example.org A"), ["9.9.9.9"]);
    let mut asked = school.names.heard();
    // A machine that is busy may have one sent again.
    asked.dedup();
    assert_eq!(asked, ["udp www.example.org. A", "udp www.example.org. AAAA"]);
    let none = school.dig("nothing.example.org A");
    assert!(none.contains("status: NXDOMAIN") && none.contains(" ra"), "{none}");
    assert!(school.dig("+noedns www.example.org ANY").contains("RFC8482"));
}

#[test]
fn a_refused_name_says_why_and_is_not_asked_for_and_an_alias_hides_nothing() {
    let school = School::start("");
    for (words, asked) in [("www.jeux.example A", 0), ("innocent.example A", 1)] {
        let before = school.names.heard().len();
        let refused = school.dig(words);
        assert!(refused.contains("status: NXDOMAIN"), "{refused}");
        // RFC 8914: `EDE: 15 (Blocked): (jeux en ligne)`.
        assert!(refused.contains("EDE: 15") && refused.contains("jeux en ligne"), "{refused}");
        assert!(!refused.contains("9.9.9.10"), "{refused}");
        assert_eq!(school.names.heard().len() - before, asked, "{words}");
    }
    let private = school.dig("intra.example A");
    assert!(private.contains("status: NOERROR") && !private.contains("10.0.0.7"), "{private}");
}

#[test]
fn a_refused_name_may_lead_to_the_box_or_to_nothing_as_the_school_wants() {
    let school = School::start("refusal = \"page\"\naddresses = [\"127.0.0.5\"]");
    assert_eq!(school.short("jeux.example A"), ["127.0.0.5"]);
    let other = school.dig("jeux.example HTTPS");
    assert!(other.contains("status: NOERROR") && other.contains("ANSWER: 0"), "{other}");
    let school = School::start("refusal = \"nodata\"");
    let nothing = school.dig("jeux.example A");
    assert!(nothing.contains("status: NOERROR") && nothing.contains("ANSWER: 0"), "{nothing}");
}

#[test]
fn the_box_has_its_names_and_those_that_switch_other_resolvers_off_are_answered() {
    let school = School::start("");
    for name in ["preau", "manuels.preau.lan", "wpad.preau.lan"] {
        assert_eq!(school.short(&format!("{name} A")), ["127.0.0.1"], "{name}");
    }
    assert_eq!(school.short("-x 127.0.0.1"), ["preau.preau.lan."]);
    for name in ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com", "x.preau.lan"]
    {
        assert!(school.dig(&format!("{name} A")).contains("status: NXDOMAIN"), "{name}");
    }
    let designated = school.dig("_dns.resolver.arpa SVCB");
    assert!(designated.contains("status: NOERROR") && designated.contains("ANSWER: 0"));
    assert_eq!(school.names.heard(), [""; 0]);
}

#[test]
fn a_search_engine_leads_to_its_safe_host() {
    let school = School::start("");
    let safe = school.short("www.google.fr A");
    assert_eq!(safe, ["forcesafesearch.google.com.", "216.239.38.120"]);
    let https = school.dig("www.google.fr HTTPS");
    assert!(https.contains("status: NOERROR") && https.contains("ANSWER: 0"), "{https}");
    assert!(!school.names.heard().iter().any(|asked| asked.contains("www.google.fr")));
}

#[test]
fn the_gateway_finds_names_by_the_box_s_resolver() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = origin.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in origin.incoming().flatten() {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhere\n");
        }
    });
    let proxy = free_address();
    let school = School::start(&format!(
        "[gateway]\nlisten = [\"{proxy}\"]\nplain_ports = [{port}]\n\
         allow_private = [\"127.0.0.0/8\"]\n[gateway.cache]\non = false"
    ));
    let mut stream = TcpStream::connect(proxy).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let host = format!("origin.school.example:{port}");
    write!(stream, "GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("here\n"), "{said}");
    let heard = school.names.heard();
    assert!(heard.contains(&"udp origin.school.example. A".to_owned()), "{heard:?}");
}

#[test]
fn a_resolver_under_tls_is_asked_if_it_proves_its_name_and_never_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["dns.example.org".to_owned()]).unwrap();
    let own = own.signed_by(&key, &authority).unwrap();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let tls = Arc::new(tls);
    let network = format!("extra_authorities = [\"{}\"]", file.display());
    for (name, known) in [("dns.example.org", true), ("other.example.org", false)] {
        let names = Names::start(ZONE);
        let resolver = format!("\"{}#{name}\"", names.under_tls(tls.clone()));
        let school = School::asking(names, &resolver, &network, "");
        let said = school.dig("www.example.org A");
        assert_eq!(said.contains("9.9.9.9"), known, "{said}");
        assert_eq!(said.contains("status: SERVFAIL"), !known, "{said}");
        let heard = school.names.heard();
        assert_eq!(heard.len(), usize::from(known), "{heard:?}");
        assert!(heard.iter().all(|asked| asked.starts_with("tls ")));
    }
}

/// What `kdig` shows of an answer under TLS, or nothing where it gets none.
fn kdig(address: SocketAddr, authority: &Path, name: &str, words: &str) -> Option<String> {
    let output = Command::new("kdig")
        .args([&format!("@{}", address.ip()), "-p", &address.port().to_string()])
        .args(["+tls", &format!("+tls-ca={}", authority.display())])
        .args([&format!("+tls-hostname={name}"), "+retry=0", "+time=10"])
        .args(words.split(' '))
        .output()
        .unwrap_or_else(|error| panic!("kdig, scripts/install test: {error}"));
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_device_asks_under_tls_and_sees_the_box_s_own_certificate() {
    const NAME: &str = "0510035l.example.org";
    let names = Names::start(ZONE);
    let resolver = names.address;
    for (allowed, answered) in [("127.0.0.0/8", true), ("10.0.0.0/8", false)] {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("the region of a test").unwrap();
        let (chain, key) =
            authority.issue_now(&[NAME]).unwrap().write(folder.path(), "box").unwrap();
        let trusted = folder.path().join("authority.pem");
        std::fs::write(&trusted, authority.pem()).unwrap();
        let (dns, https) = (free_address(), free_address());
        let (chain, key) = (chain.display(), key.display());
        let settings = format!(
            "[https]\nname = \"{NAME}\"\nlisten = [\"{https}\"]\ncertificate = \"{chain}\"\n\
             key = \"{key}\"\n[dns]\nlisten_tls = [\"{dns}\"]\nresolvers = [\"{resolver}\"]\n\
             allow = [\"{allowed}\"]\n{POLICY}"
        );
        let school = SchoolBox::start_in(folder, "0510035L", "", &settings);
        let said = kdig(dns, &trusted, NAME, "www.example.org A");
        assert_eq!(said.is_some(), answered, "{said:?}\n{}", school.log());
        let Some(said) = said else { continue };
        assert!(said.contains("9.9.9.9") && said.contains("TLS"), "{said}");
        let refused = kdig(dns, &trusted, NAME, "+edns www.jeux.example A").unwrap();
        assert!(refused.contains("NXDOMAIN") && refused.contains("jeux en ligne"), "{refused}");
        // Two at once on one connection.
        let both = kdig(dns, &trusted, NAME, "+keepopen www.example.org AAAA +keepopen preau A");
        let both = both.unwrap();
        assert!(both.contains("2620:fe::9") && both.contains("127.0.0.1"), "{both}");
        assert_eq!(kdig(dns, &trusted, "other.example.org", "www.example.org A"), None);
        let mut clear = TcpStream::connect(dns).unwrap();
        clear.set_read_timeout(Some(PATIENCE)).unwrap();
        clear.write_all(b"\0\x1dno question, and no handshake").unwrap();
        let mut said = Vec::new();
        let _ = clear.read_to_end(&mut said);
        assert!(!said.windows(2).any(|two| two == b"pr"), "nothing of names: {said:?}");
    }
}
