//! The proxy carries plain requests as RFC 9110 and 9112 want it: whole, with the fields that are
//! for the origin and no others, over connections that are used again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod gateway_support;
mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    process::Command,
    sync::{Arc, Condvar, Mutex},
};

use gateway_support::{
    Device, Origin, Proxy, field,
    nginx::{Nginx, present},
    settings,
};
use sha2::{Digest as _, Sha256};

#[test]
fn the_origin_hears_what_is_for_it_and_nothing_of_the_device() {
    let origin = Origin::echo();
    let proxy = Proxy::start(settings(&[origin.port()]));
    let at = origin.address;
    let heard = proxy.exchange(format!(
        "GET http://{at}/a?b=c HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close, X-Own\r\n\
         X-Own: 1\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\n\
         X-Forwarded-For: 10.1.2.3\r\nForwarded: for=10.1.2.3\r\nCookie: a=b\r\n\r\n"
    ));
    let asked = origin.last_head();
    assert!(asked.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{asked}");
    assert_eq!(field(&asked, "host"), Some(at.to_string().as_str()));
    assert_eq!(field(&asked, "cookie"), Some("a=b"));
    assert!(field(&asked, "via").unwrap().starts_with("1.1 preau-"));
    for gone in ["x-own", "proxy-connection", "proxy-authorization", "x-forwarded-for", "forwarded"]
    {
        assert_eq!(field(&asked, gone), None, "{gone} in {asked}");
    }
    assert!(heard.starts_with("HTTP/1.1 200 OK\r\n") && heard.ends_with(&asked), "{heard}");
    assert!(field(&heard, "via").is_some());
}

#[test]
fn connections_are_used_again_on_both_sides() {
    let origin = Origin::echo();
    let proxy = Proxy::start(settings(&[origin.port()]));
    let mut device = proxy.connect();
    for n in 0..20 {
        device.send(format!("GET http://{}/{n} HTTP/1.1\r\nHost: x\r\n\r\n", origin.address));
        let head = device.head();
        let length = field(&head, "content-length").unwrap().parse().unwrap();
        let body = String::from_utf8(device.take(length)).unwrap();
        assert!(body.starts_with(&format!("GET /{n} ")), "{body}");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_request_that_meets_a_connection_just_closed_is_sent_again_when_that_is_safe() {
    // Every connection answers one request, and is closed without a word at the second.
    let origin = Origin::raw(|stream| {
        gateway_support::head(stream).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        gateway_support::head(stream);
    });
    let proxy = Proxy::start(settings(&[origin.port()]));
    let mut device = proxy.connect();
    for expected in 1..=3 {
        device.send(format!("GET http://{}/ HTTP/1.1\r\nHost: x\r\n\r\n", origin.address));
        assert!(device.head().starts_with("HTTP/1.1 200"));
        device.take(2);
        assert_eq!(origin.connections(), expected);
    }
    device.send(format!(
        "POST http://{}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        origin.address
    ));
    let head = device.head();
    assert!(head.starts_with("HTTP/1.1 502"), "a POST may have been done: {head}");
}

#[test]
fn answers_without_a_body_keep_their_length_and_the_connection_goes_on() {
    let origin = Origin::start(|head, stream| {
        let answer: &[u8] = if head.starts_with("HEAD") {
            b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"
        } else if head.contains("/304") {
            b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"
        } else {
            b"HTTP/1.1 204 No Content\r\n\r\n"
        };
        stream.write_all(answer).is_ok()
    });
    let proxy = Proxy::start(settings(&[origin.port()]));
    let mut device = proxy.connect();
    let at = origin.address;
    device.send(format!("HEAD http://{at}/ HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_eq!(field(&device.head(), "content-length"), Some("12345"));
    device.send(format!("GET http://{at}/304 HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_eq!(field(&device.head(), "etag"), Some("\"x\""));
    device.send(format!("DELETE http://{at}/ HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert!(device.head().starts_with("HTTP/1.1 204"));
    assert_eq!(origin.connections(), 1);
}

#[test]
fn chunks_and_trailers_go_both_ways_but_for_trailers_that_would_act() {
    let origin = Origin::start(|_, stream| {
        let mut body = Vec::new();
        while !body.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            body.push(byte[0]);
        }
        let heard = String::from_utf8(body).unwrap().to_ascii_lowercase();
        assert!(heard.contains("x-sum: 7"), "{heard}");
        assert!(!heard.contains("authorization"), "{heard}");
        let answer =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Set-Cookie\r\n\r\n\
                       3\r\nabc\r\n0\r\nX-Sum: 9\r\nSet-Cookie: a=b\r\n\r\n";
        stream.write_all(answer).is_ok()
    });
    let proxy = Proxy::start(settings(&[origin.port()]));
    let heard = proxy.exchange(format!(
        "POST http://{}/ HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE, close\r\n\
         Trailer: X-Sum, Authorization\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Sum: 7\r\nAuthorization: x\r\n\r\n",
        origin.address
    ));
    let heard = heard.to_ascii_lowercase();
    assert!(heard.contains("\r\n3\r\nabc\r\n0\r\nx-sum: 9\r\n\r\n"), "{heard}");
    assert!(!heard.contains("set-cookie: a=b"), "{heard}");
}

#[test]
fn a_device_that_waits_for_100_hears_from_the_origin_first() {
    let origin = Origin::start(|head, stream| {
        assert_eq!(field(head, "expect"), Some("100-continue"));
        if head.contains("/no") {
            let no = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return stream.write_all(no).is_err();
        }
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        let mut body = [0; 4];
        stream.read_exact(&mut body).unwrap();
        assert_eq!(&body, b"body");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_ok()
    });
    let proxy = Proxy::start(settings(&[origin.port()]));
    let ask = |path: &str| {
        format!(
            "PUT http://{}{path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\
             Content-Length: 4\r\n\r\n",
            origin.address
        )
    };
    let mut device = proxy.connect();
    device.send(ask("/yes"));
    assert!(device.head().starts_with("HTTP/1.1 100"));
    device.send("body");
    assert!(device.head().starts_with("HTTP/1.1 200"));
    let mut device = proxy.connect();
    device.send(ask("/no"));
    assert!(device.head().starts_with("HTTP/1.1 403"), "without a byte of the body");
}

/// An origin that gives hints, and its answer only once `/go` was asked for.
fn hinting() -> Origin {
    let heard = Arc::new((Mutex::new(false), Condvar::new()));
    Origin::start(move |head, stream| {
        let (gone, changed) = &*heard;
        if head.contains("/go") {
            *gone.lock().unwrap() = true;
            changed.notify_all();
            return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_ok();
        }
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Own: 1\r\n\
                     Connection: x-own\r\nContent-Length: 7\r\n\r\n";
        let more = "HTTP/1.1 102 Processing\r\n\r\n".repeat(20);
        stream.write_all(format!("HTTP/1.1 100 Continue\r\n\r\n{hints}{more}").as_bytes()).unwrap();
        drop(changed.wait_while(gone.lock().unwrap(), |gone| !*gone).unwrap());
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage").is_ok()
    })
}

#[test]
fn hints_reach_the_device_before_the_answer_and_never_one_of_http_1_0() {
    let origin = hinting();
    let proxy = Proxy::start(settings(&[origin.port()]));
    let (at, mut device) = (origin.address, proxy.connect());
    device.send(format!("GET http://{at}/page HTTP/1.1\r\nHost: x\r\n\r\n"));
    let hints = device.head();
    assert!(hints.starts_with("HTTP/1.1 103 Early Hints\r\n"), "100 was not asked for: {hints}");
    assert_eq!(field(&hints, "link"), Some("</a.css>; rel=preload"));
    assert!(field(&hints, "via").unwrap().starts_with("1.1 preau-"));
    for gone in ["x-own", "connection", "content-length"] {
        assert_eq!(field(&hints, gone), None, "{gone} in {hints}");
    }
    // The rest of what may be said, within its bound, while the origin holds its answer back.
    for _ in 0..7 {
        assert!(device.head().starts_with("HTTP/1.1 102 "));
    }
    let gone = proxy.exchange(format!("GET http://{at}/go HTTP/1.0\r\n\r\n"));
    assert!(gone.contains(" 200 OK"), "{gone}");
    assert!(device.head().starts_with("HTTP/1.1 200 OK"));
    assert_eq!(device.take(4), b"page");
    // Two at once on the same connection: each after the answer before it.
    let ask = format!("GET http://{at}/page HTTP/1.1\r\nHost: x\r\n\r\n");
    device.send(format!("{ask}{ask}"));
    for _ in 0..2 {
        let mut head = device.head();
        while head.starts_with("HTTP/1.1 10") {
            head = device.head();
        }
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert_eq!(device.take(4), b"page");
    }
    let old = proxy.exchange(format!("GET http://{at}/page HTTP/1.0\r\n\r\n"));
    assert!(old.starts_with("HTTP/1.0 200 OK"), "{old}");
}

#[test]
fn a_client_of_http_1_0_gets_an_answer_it_can_read() {
    let origin = Origin::start(|_, stream| {
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        stream.write_all(answer).is_ok()
    });
    let proxy = Proxy::start(settings(&[origin.port()]));
    let heard = proxy.exchange(format!("GET http://{}/ HTTP/1.0\r\n\r\n", origin.address));
    assert!(heard.starts_with("HTTP/1.0 200") && heard.ends_with("\r\n\r\nabc"), "{heard}");
    assert_eq!(field(&heard, "transfer-encoding"), None);
    assert!(field(&origin.last_head(), "via").unwrap().starts_with("1.0 preau-"));
}

#[test]
fn a_websocket_goes_through_once_the_origin_said_101_and_h2c_does_not() {
    let origin = Origin::start(|head, stream| {
        if field(head, "upgrade") != Some("websocket") {
            return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_ok();
        }
        assert_eq!(field(head, "connection"), Some("upgrade"));
        assert_eq!(field(head, "sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
        // The answer and the first frame in one packet.
        let yes = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi";
        stream.write_all(yes).unwrap();
        let mut frame = [0; 8];
        stream.read_exact(&mut frame).unwrap();
        stream.write_all(&frame).unwrap();
        false
    });
    let proxy = Proxy::start(settings(&[origin.port()]));
    let mut device = proxy.connect();
    device.send(format!(
        "GET http://{}/chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        origin.address
    ));
    let head = device.head();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(field(&head, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(device.take(4), b"\x81\x02hi");
    device.send(b"\x81\x82\0\0\0\0yo");
    assert_eq!(device.take(8), b"\x81\x82\0\0\0\0yo");
    assert_eq!(device.rest(), "", "closed when the origin closes");
    let heard = proxy.exchange(format!(
        "GET http://{}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        origin.address
    ));
    assert!(heard.starts_with("HTTP/1.1 200"), "{heard}");
    let asked = origin.last_head();
    assert_eq!(field(&asked, "upgrade"), None, "{asked}");
    assert_eq!(field(&asked, "http2-settings"), None, "{asked}");
}

fn sum(bytes: &[u8]) -> String {
    preau::store::BlobId(Sha256::digest(bytes).into()).to_string()
}

#[test]
fn two_hundred_megabytes_go_up_and_down_whole_sized_and_chunked() {
    if !present(&["nginx", "curl"]) {
        return;
    }
    let nginx = Nginx::start();
    let proxy = Proxy::start(settings(&[nginx.clear.port(), nginx.secure.port()]));
    let bytes: Vec<u8> =
        (0..50_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let (file, wanted) = (nginx.path("large"), sum(&bytes));
    fs::write(&file, bytes).unwrap();
    let shown = file.display().to_string();
    let url = format!("http://{}/put/", nginx.clear);
    for (name, more) in [("sized", &[][..]), ("chunked", &["-H", "Transfer-Encoding: chunked"][..])]
    {
        let address = format!("{url}{name}");
        let words = [&["--upload-file", &shown, "--fail", &address][..], more].concat();
        let output = proxy.curl(&words);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(
            sum(&fs::read(nginx.path(&format!("www/put/{name}"))).unwrap()),
            wanted,
            "{name}"
        );
    }
    let down = nginx.path("down").display().to_string();
    let output = proxy.curl(&["--fail", "--output", &down, &format!("{url}sized")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sum(&fs::read(&down).unwrap()), wanted);
}

#[test]
fn a_request_that_comes_back_is_a_loop() {
    let origin = Origin::echo();
    let proxy = Proxy::start(settings(&[origin.port()]));
    let at = origin.address;
    proxy.exchange(format!("GET http://{at}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let asked = origin.last_head();
    let via = field(&asked, "via").unwrap();
    for request in [
        format!("GET http://{at}/ HTTP/1.1\r\nHost: x\r\nVia: 1.0 fred, {via}\r\n\r\n"),
        format!("CONNECT {at} HTTP/1.1\r\nHost: x\r\nVia: {via}\r\n\r\n"),
    ] {
        let heard = proxy.exchange(request);
        assert!(heard.starts_with("HTTP/1.1 508"), "{heard}");
        assert_eq!(field(&heard, "proxy-status"), Some("preau; error=proxy_loop_detected"));
    }
}

#[test]
fn another_proxy_on_the_way_carries_what_is_not_listed_to_go_without_it() {
    let (origin, direct) = (Origin::echo(), Origin::echo());
    let ports = [origin.port(), direct.port()];
    let academie = Proxy::start(settings(&ports));
    let upstream = format!("proxy = \"{}\"\nbypass = [\"127.0.0.2\"]", academie.address);
    let upstream: preau::config::Upstream = toml::from_str(&upstream).unwrap();
    let school =
        Proxy::start(preau::config::Gateway { upstream: Some(upstream), ..settings(&ports) });
    let get = |host: &str, port: u16| {
        school.exchange(format!(
            "GET http://{host}:{port}/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    };
    assert!(get("127.0.0.1", origin.port()).starts_with("HTTP/1.1 200"));
    let hops: Vec<_> = origin
        .last_head()
        .lines()
        .filter(|line| line.starts_with("via:"))
        .map(str::to_owned)
        .collect();
    assert!(hops.concat().matches("preau-").count() == 2, "{hops:?}");
    let mut device = school.connect();
    device.tunnel(origin.address);
    device.send("GET /through HTTP/1.1\r\nHost: y\r\n\r\n");
    assert!(device.head().starts_with("HTTP/1.1 200"));
    assert!(origin.last_head().starts_with("GET /through HTTP/1.1\r\nHost: y\r\n"));
    let gone = academie.address;
    drop(academie);
    support::until("the other proxy's end", || std::net::TcpStream::connect(gone).err());
    let heard = get("127.0.0.1", origin.port());
    assert!(heard.starts_with("HTTP/1.1 502"), "{heard}");
    assert_eq!(direct.connections(), 0);
    // 127.0.0.2 is listed, and listens nowhere: it was dialled all the same.
    let heard = get("127.0.0.2", direct.port());
    assert_eq!(field(&heard, "proxy-status"), Some("preau; error=connection_refused"), "{heard}");
}

#[test]
fn the_proxy_s_own_port_has_a_page_and_the_browsers_settings() {
    let proxy = Proxy::start(settings(&[80]));
    let page =
        support::http::get(proxy.address, "/", "Accept: text/html\r\nAccept-Language: fr\r\n");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("La passerelle du lycée"), "{}", page.text());
    for path in ["/proxy.pac", "/wpad.dat"] {
        let pac = support::http::get(proxy.address, path, "");
        assert_eq!(pac.field("content-type"), Some("application/x-ns-proxy-autoconfig"));
        assert!(pac.text().contains("function FindProxyForURL(url, host)"));
        assert!(pac.text().contains("return \"PROXY 127.0.0.1:3128\""), "{}", pac.text());
    }
    assert_eq!(support::http::get(proxy.address, "/x", "").status, 404);
}

#[test]
fn curl_reads_the_same_page_through_the_built_box_in_the_clear_and_under_tls() {
    if !present(&["nginx", "curl"]) {
        return;
    }
    let nginx = Nginx::start();
    nginx.publish("page", b"a page of an origin\n");
    let proxy = support::school_box::free_address();
    let (clear, secure) = (nginx.clear, nginx.secure);
    let school = support::school_box::SchoolBox::start(
        "0510035L",
        &format!(
            "[gateway]\nlisten = [\"{proxy}\"]\nallow_private = [\"127.0.0.0/8\"]\n\
             plain_ports = [{}]\nconnect_ports = [{}]\n",
            clear.port(),
            secure.port()
        ),
    );
    let authority = nginx.path("authority.crt");
    for url in
        [format!("http://{clear}/page"), format!("https://origin.example:{}/page", secure.port())]
    {
        let output = Command::new("curl")
            .args(["-sS", "--fail", "--noproxy", "", "--cacert"])
            .arg(&authority)
            .args(["--connect-to", &format!("origin.example:{0}:127.0.0.1:{0}", secure.port())])
            .args(["--proxy", &format!("http://{proxy}"), &url])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.stdout, b"a page of an origin\n", "{url}: {said}\n{}", school.log());
    }
    let pac = school.get("/wpad.dat", "");
    assert!(pac.text().contains(&format!("PROXY 127.0.0.1:{}", proxy.port())), "{}", pac.text());
    let mut device = Device::to(proxy);
    device.send(format!(
        "GET http://{}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        school.address
    ));
    let library = device.rest();
    assert!(library.starts_with("HTTP/1.1 200"), "the library, through the proxy: {library}");
}
