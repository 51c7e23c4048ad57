//! While nothing beyond the link answers: devices that ask their maker whether the Internet is there
//! hear exactly what they expect, so that they stay on the Wi-Fi; people get a page that leads to the
//! manuals, programs a bare refusal; and all of it ends with the outage.
//!
//! What is expected stands here once more, from the sources named, and not as the program's data has it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod gateway_support;
mod support;

use std::{
    io::Write as _,
    net::TcpListener,
    time::{Duration, Instant},
};

use gateway_support::{Origin, Proxy, field, head, settings};
use jiff::tz::TimeZone;
use preau::{
    config::{self, CaptiveProbes},
    gateway::{Denial, Home, Judge, Parts, Resolver, Ruling},
    net::link::{Link, Sign, State},
};

/// What a page's request says of itself, as Chromium sends it to a host in the clear.
const PAGE: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n\
                    Upgrade-Insecure-Requests: 1\r\n";

/// A proxy that refuses everything by policy, behind a link that is down unless said otherwise.
struct Cut {
    proxy: Proxy,
    link: Link,
}

impl Cut {
    fn new(judge: Judge, captive_probes: CaptiveProbes) -> Self {
        let link = Link::default();
        let resolver = Resolver::new(|_| async { Err(std::io::Error::other("cut")) });
        let proxy = Proxy::of(Parts {
            config: config::Gateway { captive_probes, ..settings(&[80, 443]) },
            home: Home::new(
                &config::Network {
                    listen: vec!["127.0.0.1:80".parse().unwrap()],
                    ..config::Network::default()
                },
                &config::Https::default(),
            ),
            zone: TimeZone::UTC,
            judge,
            link: link.clone(),
            resolver: Some(resolver),
            account: None,
            cache: None,
            reviews: None,
        });
        for place in ["a", "b", "c"] {
            link.note(Sign::missed(place));
        }
        assert_eq!(link.state(), State::Down);
        Self { proxy, link }
    }

    fn lenient() -> Self {
        Self::new(Judge::lenient(), CaptiveProbes::default())
    }

    fn get(&self, address: &str, fields: &str) -> String {
        let host = address.trim_start_matches("http://").split('/').next().unwrap();
        self.proxy.exchange(format!(
            "GET {address} HTTP/1.1\r\nHost: {host}\r\n{fields}Connection: close\r\n\r\n"
        ))
    }

    /// The answer to a system's question: its status, its body, and the whole of it.
    fn asks(&self, address: &str) -> (u16, String, String) {
        let said = self.get(address, "User-Agent: a system\r\n");
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(field(&said, "cache-control"), Some("no-store"), "{said}");
        assert_eq!(field(&said, "location"), None, "{said}");
        if status == 204 {
            // RFC 9110 §8.6: no length where there can be no content.
            assert_eq!(field(&said, "content-length"), None, "{said}");
        } else {
            let length = body.len().to_string();
            assert_eq!(field(&said, "content-length"), Some(length.as_str()), "{said}");
        }
        (status, body.to_owned(), said)
    }

    fn is_empty_204(&self, address: &str) {
        let (status, body, _) = self.asks(address);
        assert_eq!((status, body.as_str()), (204, ""), "{address}");
    }

    fn is_200(&self, address: &str, media: &str, expected: &str) -> String {
        let (status, body, said) = self.asks(address);
        assert_eq!((status, body.as_str()), (200, expected), "{address}");
        assert_eq!(field(&said, "content-type"), Some(media), "{address}");
        said
    }
}

/// AOSP, packages/modules/NetworkStack, `NetworkStackUtils.java` and `NetworkMonitor.java`:
/// `DEFAULT_CAPTIVE_PORTAL_HTTP_URLS`, `DEFAULT_FALLBACK_URL`, `DEFAULT_OTHER_FALLBACK_URLS`;
/// `CaptivePortalProbeResult.isSuccess()` is 204.
#[test]
fn android_hears_204() {
    let cut = Cut::lenient();
    cut.is_empty_204("http://connectivitycheck.gstatic.com/generate_204");
    cut.is_empty_204("http://www.google.com/gen_204");
    cut.is_empty_204("http://play.googleapis.com/generate_204");
    cut.is_empty_204("http://clients3.google.com/generate_204");
    cut.is_empty_204("http://connectivitycheck.android.com/generate_204");
}

/// Chromium, `components/captive_portal/core/captive_portal_detector.cc` (`kDefaultURL`,
/// `kLegacyURL`; 204 is `RESULT_INTERNET_CONNECTED`), and shill's fallbacks.
#[test]
fn chromeos_and_chrome_hear_204() {
    let cut = Cut::lenient();
    cut.is_empty_204("http://www.gstatic.com/generate_204");
    cut.is_empty_204("http://connectivitycheck.gstatic.com/generate_204");
    cut.is_empty_204("http://www.google.com/gen_204");
    cut.is_empty_204("http://play.googleapis.com/generate_204");
}

/// What captive.apple.com itself answers; support.apple.com/101555 names the host.
#[test]
fn ios_and_macos_hear_success() {
    let success = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>";
    let cut = Cut::lenient();
    cut.is_200("http://captive.apple.com/hotspot-detect.html", "text/html", success);
    cut.is_200("http://www.apple.com/library/test/success.html", "text/html", success);
}

/// Windows' registry, `NlaSvc\Parameters\Internet`: `ActiveWebProbeHost`, `ActiveWebProbePath`,
/// `ActiveWebProbeContent`, those with `V6`, and their values before Windows 10.
#[test]
fn windows_hears_its_connect_test() {
    let (cut, plain) = (Cut::lenient(), "text/plain");
    let test = "Microsoft Connect Test";
    cut.is_200("http://www.msftconnecttest.com/connecttest.txt", plain, test);
    cut.is_200("http://ipv6.msftconnecttest.com/connecttest.txt", plain, test);
    cut.is_200("http://www.msftncsi.com/ncsi.txt", plain, "Microsoft NCSI");
}

/// Firefox, `modules/libpref/init/all.js`: `captivedetect.canonicalURL` and `canonicalContent`,
/// `network.connectivity-service.IPv4.url` and `IPv6.url`.
#[test]
fn firefox_hears_its_canonical_page() {
    let cut = Cut::lenient();
    let page = "<meta http-equiv=\"refresh\" \
                content=\"0;url=https://support.mozilla.org/kb/captive-portal\"/>";
    cut.is_200("http://detectportal.firefox.com/canonical.html", "text/html", page);
    cut.is_200("http://detectportal.firefox.com/success.txt?ipv4", "text/plain", "success\n");
    cut.is_200("http://detectportal.firefox.com/success.txt?ipv6", "text/plain", "success\n");
}

/// `NetworkManager`, `nm-config.h` (`NM_CONFIG_DEFAULT_CONNECTIVITY_RESPONSE`) and
/// `nm-connectivity.c`: the field `X-NetworkManager-Status: online`, or a body that begins so.
#[test]
fn gnome_and_networkmanager_hear_that_they_are_online() {
    let cut = Cut::lenient();
    for address in
        ["http://nmcheck.gnome.org/check_network_status.txt", "http://network-test.debian.org/nm"]
    {
        let said = cut.is_200(address, "text/plain", "NetworkManager is online\n");
        assert_eq!(field(&said, "x-networkmanager-status"), Some("online"), "{said}");
    }
    cut.is_empty_204("http://connectivity-check.ubuntu.com/");
    let said = cut.get("http://connectivity-check.ubuntu.com/", "");
    assert_eq!(field(&said, "x-networkmanager-status"), Some("online"), "{said}");
}

/// KDE's own server for `NetworkManager`'s `[connectivity] uri`: the body must begin with `response`,
/// else the field counts.
#[test]
fn kde_hears_ok() {
    let cut = Cut::lenient();
    let said = cut.is_200("http://networkcheck.kde.org/", "text/plain", "OK\n");
    assert_eq!(field(&said, "x-networkmanager-status"), Some("online"), "{said}");
}

#[test]
fn no_rule_sends_a_device_away_and_only_questions_are_answered() {
    let severe =
        Judge::new(|_, _, _, _| Ruling { denied: Some(Denial::default()), ..Ruling::default() });
    let cut = Cut::new(severe, CaptiveProbes::Outage);
    cut.is_empty_204("http://connectivitycheck.gstatic.com/generate_204");
    let other = cut.get("http://connectivitycheck.gstatic.com/other", PAGE);
    assert!(other.starts_with("HTTP/1.1 403"), "{other}");
    let posted = cut.proxy.exchange(
        "POST http://www.gstatic.com/generate_204 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
    );
    assert!(posted.starts_with("HTTP/1.1 403"), "{posted}");
}

#[test]
fn a_school_may_switch_the_answers_off_and_without_an_outage_there_are_none() {
    let probe = "http://connectivitycheck.gstatic.com/generate_204";
    let off = Cut::new(Judge::lenient(), CaptiveProbes::Off);
    let said = off.get(probe, "");
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    let cut = Cut::lenient();
    cut.link.note(Sign::Reached);
    // Its maker is asked, whose name nobody resolves here.
    let said = cut.get(probe, "");
    assert!(said.starts_with("HTTP/1.1 504"), "{said}");
}

#[test]
fn a_person_gets_a_page_in_two_languages_that_leads_to_the_manuals_at_once() {
    let cut = Cut::lenient();
    let begun = Instant::now();
    let page = cut.get("http://a-site.example/x", &format!("{PAGE}Accept-Language: en\r\n"));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(page.starts_with("HTTP/1.1 503"), "{page}");
    assert_eq!(field(&page, "content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(field(&page, "cache-control"), Some("no-store"));
    assert_eq!(field(&page, "proxy-status"), Some("preau; error=destination_unavailable"));
    let french = page.find("Internet est coupé").unwrap();
    let english = page.find("The Internet is cut").unwrap();
    assert!(french < english && page.contains("<html lang=\"fr\">"), "{page}");
    assert!(page.contains("href=\"http://127.0.0.1/\"") && page.contains("a-site.example"));
    assert!(page.contains("width=device-width"), "phones");
}

#[test]
fn programs_get_a_bare_refusal_and_no_application_a_page_under_its_name() {
    let cut = Cut::lenient();
    let bare = |address: &str, fields: &str| {
        let said = cut.get(address, fields);
        assert!(said.starts_with("HTTP/1.1 503") && said.ends_with("\r\n\r\n"), "{said}");
        assert_eq!(field(&said, "content-length"), Some("0"), "{said}");
        assert_eq!(field(&said, "retry-after"), Some("10"), "{said}");
        assert_eq!(field(&said, "proxy-status"), Some("preau; error=destination_unavailable"));
    };
    bare("http://a-site.example/api", "Accept: */*\r\n");
    bare("http://a-site.example/a.png", "Accept: image/avif,image/webp,*/*;q=0.8\r\n");
    bare("http://a-site.example/", "Accept: text/html\r\nSec-Fetch-Mode: cors\r\n");
    bare("http://a-site.example/", "");
    for app in ["http://classroom.google.com/", "http://0510035l.index-education.net/pronote/"] {
        bare(app, PAGE);
    }
    let tunnel = cut.proxy.exchange("CONNECT a-site.example:443 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(tunnel.starts_with("HTTP/1.1 503") && tunnel.ends_with("\r\n\r\n"), "{tunnel}");
}

#[test]
fn an_exchange_under_way_ends_with_the_link_and_a_server_of_the_school_does_not() {
    // A server that takes the request and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (link, at) = (Link::default(), silent.local_addr().unwrap());
    // Loopback stands for a server of the school: by its address it is on this side of the link.
    let resolver = Resolver::new(|_| async { Err(std::io::Error::other("cut")) });
    let origin = Origin::echo();
    let proxy = Proxy::of(Parts {
        config: settings(&[at.port(), origin.port(), 80]),
        home: Home::default(),
        zone: TimeZone::UTC,
        judge: Judge::lenient(),
        link: link.clone(),
        resolver: Some(resolver),
        account: None,
        cache: None,
        reviews: None,
    });
    let mut near = proxy.connect();
    near.send(format!("GET http://{at}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let (mut held, _) = silent.accept().unwrap();
    // An answer that came before the request would be no answer to it.
    head(&mut held).unwrap();
    for place in ["a", "b", "c"] {
        link.note(Sign::missed(place));
    }
    held.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere").unwrap();
    let said = near.rest();
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("here"), "{said}");
    // Nor is another one refused during the outage.
    let said = proxy.exchange(format!(
        "GET http://{}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        origin.address
    ));
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert_eq!(link.state(), State::Down, "what is on this side says nothing of the link");
}

#[test]
fn who_waits_for_a_connection_hears_at_once_that_the_link_is_down() {
    let link = Link::default();
    // A resolver that never answers: as long as nothing else says so, it might.
    let resolver = Resolver::new(|_| std::future::pending());
    let patient = config::Period::seconds(60);
    let proxy = Proxy::of(Parts {
        config: config::Gateway { connect_timeout: patient, ..settings(&[80]) },
        home: Home::default(),
        zone: TimeZone::UTC,
        judge: Judge::lenient(),
        link: link.clone(),
        resolver: Some(resolver),
        account: None,
        cache: None,
        reviews: None,
    });
    let begun = Instant::now();
    let mut waits = proxy.connect();
    waits.send(format!("GET http://a.example/ HTTP/1.1\r\nHost: x\r\n{PAGE}\r\n"));
    // It has been taken up when the device that comes after it has its answer.
    assert!(
        proxy.exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").contains("200")
    );
    for place in ["a", "b", "c"] {
        link.note(Sign::missed(place));
    }
    let page = waits.rest();
    assert!(page.contains("Internet est coupé"), "{page}");
    assert!(begun.elapsed() < patient.0, "it did not wait for its own end");
}
