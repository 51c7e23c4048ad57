//! HTTPS: what the box shows, to whom, and what happens when its certificate changes.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, SystemTime},
};

use preau::{
    config::Config,
    daemon::{self, Running},
    demo::authority::Authority,
    net::{
        body::{Body, Segment},
        certificate::Certificate,
        conditional::{IMMUTABLE, Representation, answer},
        serve::{Handler, Peer, serve_tls},
        tls::Certificates,
    },
};
use support::{
    school_box::{SchoolBox, free_address},
    tls,
};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const NAME: &str = "preau.localhost";
const PACKAGE_BYTES: usize = 24 * 1024 * 1024 + 77;
const A_DAY: Duration = Duration::from_secs(24 * 3600);

fn package() -> Vec<u8> {
    (0..PACKAGE_BYTES).map(|i| u8::try_from((i * 31 + i / 253) % 256).unwrap()).collect()
}

/// One package, as the library would lend it.
#[derive(Clone)]
struct Lender(Arc<fs::File>);

impl Handler for Lender {
    async fn answer(&self, request: http::Request<hyper::body::Incoming>) -> http::Response<Body> {
        assert!(request.extensions().get::<Peer>().unwrap().tls);
        let len = PACKAGE_BYTES as u64;
        let whole = Segment::File { file: self.0.clone(), offset: 0, len };
        let representation = Representation {
            body: Body::Segments(vec![whole]),
            media_type: http::HeaderValue::from_static("application/epub+zip"),
            etag: http::HeaderValue::from_static("\"one\""),
            cache: IMMUTABLE,
            encoding: None,
            varies: false,
            ranges: true,
            fields: &[],
        };
        answer(request.method(), request.headers(), representation)
    }
}

struct Server {
    address: SocketAddr,
    authority: Authority,
    certificates: Certificates,
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Server {
    fn start() -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&package()).unwrap();
        let listener = preau::net::listen::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let listener = listener.into_iter().next().unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            authority: Authority::new("test").unwrap(),
            certificates: Certificates::default(),
            token: CancellationToken::new(),
            tracker: TaskTracker::new(),
        };
        let (places, tls) =
            (Arc::new(Semaphore::new(8)), server.certificates.server_config().unwrap());
        let (tracker, token) = (server.tracker.clone(), server.token.clone());
        let lender = Lender(Arc::new(file));
        server.tracker.spawn(serve_tls(listener, tls, lender, places, tracker, token));
        server
    }

    /// A new certificate of the same authority takes its place.
    fn renew(&self) {
        let issued = self.authority.issue_now(&[NAME]).unwrap();
        let read = Certificate::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), NAME);
        self.certificates.put(read.unwrap());
    }

    fn client(&self) -> Arc<rustls::ClientConfig> {
        tls::trusting(&self.authority.pem())
    }
}

/// Blocking work, off the runtime.
async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_its_head_and_its_parts_are_the_same_under_tls() {
    let server = Server::start();
    server.renew();
    let (address, client) = (server.address, server.client());
    away(move || {
        let ask = |method, fields| {
            let connection = tls::connect(address, NAME, &client).unwrap();
            tls::ask(connection, method, NAME, "/", fields)
        };
        let (whole, wanted) = (ask("GET", ""), package());
        assert_eq!((whole.status, whole.body.len()), (200, PACKAGE_BYTES));
        assert!(whole.body == wanted, "every byte, in order");
        let head = ask("HEAD", "");
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.field("content-length"), Some(&*PACKAGE_BYTES.to_string()));
        let part = ask("GET", "Range: bytes=1000000-3000000\r\n");
        assert_eq!(part.status, 206);
        assert!(part.body == wanted[1_000_000..=3_000_000]);
        assert_eq!(ask("GET", "If-None-Match: \"one\"\r\n").status, 304);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_and_its_own_tls_take_the_package_too() {
    let server = Server::start();
    server.renew();
    let folder = tempfile::tempdir().unwrap();
    let (authority, out) = (folder.path().join("authority.pem"), folder.path().join("package"));
    fs::write(&authority, server.authority.pem()).unwrap();
    let address = server.address;
    for version in ["--tls-max 1.2", "--tlsv1.3"] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "60", "--noproxy", "*"])
            .args(version.split(' '))
            .arg("--cacert")
            .arg(&authority)
            .args(["--resolve", &format!("{NAME}:{}:127.0.0.1", address.port())])
            .arg("--output")
            .arg(&out)
            .arg(format!("https://{NAME}:{}/", address.port()));
        let Ok(done) = away(move || curl.output()).await else {
            assert!(std::env::var_os("CI").is_none(), "curl is missing");
            return eprintln!("SKIPPED: curl is not installed");
        };
        assert!(done.status.success(), "{version}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(fs::read(&out).unwrap() == package(), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_at_once_and_drops_no_transfer() {
    let server = Server::start();
    server.renew();
    let (address, client) = (server.address, server.client());
    let (mut reading, first) = away(move || {
        let mut reading = tls::connect(address, NAME, &client).unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n");
        reading.write_all(request.as_bytes()).unwrap();
        let mut start = [0; 1000];
        reading.read_exact(&mut start).unwrap();
        let first = reading.conn.peer_certificates().unwrap()[0].clone().into_owned();
        ((reading, start.to_vec()), first)
    })
    .await;
    server.renew();
    let client = server.client();
    away(move || {
        let new = tls::connect(address, NAME, &client).unwrap();
        assert_ne!(new.conn.peer_certificates().unwrap()[0], first);
        reading.0.read_to_end(&mut reading.1).unwrap();
        let page = support::http::Page::parse("/", &reading.1);
        assert!(page.body == package(), "the transfer under the old one went on");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_that_comes_back_resumes_its_tls_sessions() {
    let server = Server::start();
    server.renew();
    let (address, client) = (server.address, server.client());
    away(move || {
        let first = tls::connect(address, NAME, &client).unwrap();
        // TLS 1.3 hands tickets out with the first answer.
        tls::ask(first, "GET", NAME, "/", "Range: bytes=0-9\r\n");
        let again = tls::connect(address, NAME, &client).unwrap();
        assert_eq!(again.conn.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_no_session_is_agreed_on_and_the_client_knows_at_once() {
    let server = Server::start();
    let (address, client) = (server.address, server.client());
    let refused = away(move || tls::connect(address, NAME, &client).map(|_| ()));
    assert!(refused.await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_stalls_is_let_go_and_others_are_served_meanwhile() {
    let server = Server::start();
    server.renew();
    let (address, client) = (server.address, server.client());
    away(move || {
        let mut silent = TcpStream::connect(address).unwrap();
        silent.set_read_timeout(Some(support::PATIENCE)).unwrap();
        let other = tls::connect(address, NAME, &client).unwrap();
        assert_eq!(tls::ask(other, "GET", NAME, "/", "Range: bytes=0-9\r\n").body.len(), 10);
        assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0, "the silent one was let go");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_under_way_is_finished_when_the_server_stops() {
    let server = Server::start();
    server.renew();
    let (address, client) = (server.address, server.client());
    let mut reading = away(move || {
        let mut reading = tls::connect(address, NAME, &client).unwrap();
        reading.write_all(format!("GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).unwrap();
        let mut start = [0; 1];
        reading.read_exact(&mut start).unwrap();
        reading
    })
    .await;
    server.token.cancel();
    server.tracker.close();
    let rest = away(move || {
        let mut all = b"H".to_vec();
        reading.read_to_end(&mut all).unwrap();
        all
    });
    assert!(support::http::Page::parse("/", &rest.await).body == package());
    tokio::time::timeout(Duration::from_secs(20), server.tracker.wait()).await.unwrap();
}

/// A box with a name, in a folder with `box.crt` and `box.key`.
struct Named {
    folder: TempDir,
    authority: Authority,
}

impl Named {
    fn new() -> Self {
        let named =
            Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new("t").unwrap() };
        named.authority.issue_now(&[NAME]).unwrap().write(named.folder.path(), "box").unwrap();
        named
    }

    fn config(&self) -> Config {
        let at = self.folder.path().display();
        let text = format!(
            "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n\
             [network]\nlisten = [\"127.0.0.1:0\"]\n\
             {}\
             [store]\npath = \"{at}/data\"\nreserve = \"10 MB\"\n\
             [control]\nsocket = \"{at}/control.sock\"\n",
            https(self.folder.path(), "127.0.0.1:0")
        );
        Config::parse("test", &text).unwrap().0
    }

    async fn start(&self) -> Running {
        daemon::start(self.config()).await.unwrap()
    }
}

fn https(folder: &Path, listen: &str) -> String {
    let at = folder.display();
    format!(
        "[https]\nname = \"{NAME}\"\nlisten = [\"{listen}\"]\n\
         certificate = \"{at}/box.crt\"\nkey = \"{at}/box.key\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_clear_readers_are_sent_to_https_and_nothing_is_lent() {
    let named = Named::new();
    let running = named.start().await;
    let (plain, port) = (running.addresses[0], running.https_addresses[0].port());
    away(move || {
        let page = support::http::get(plain, "/recherche?q=a%20b", "");
        assert_eq!(page.status, 307);
        let to = format!("https://{NAME}:{port}/recherche?q=a%20b");
        assert_eq!(page.field("location"), Some(&*to));
        assert_eq!(support::http::ask(plain, "HEAD", "/", "").status, 307);
        let refused = support::http::ask(plain, "POST", "/connexion/code", "");
        assert_eq!((refused.status, refused.field("location")), (405, None));
    })
    .await;
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_https_only_the_boxs_own_name_is_answered() {
    let named = Named::new();
    let running = named.start().await;
    let (address, client) = (running.https_addresses[0], tls::trusting(&named.authority.pem()));
    away(move || {
        let ask = |method, host: &str| {
            let connection = tls::connect(address, NAME, &client).unwrap();
            tls::ask(connection, method, host, "/", "")
        };
        let shelf = ask("GET", &format!("{NAME}:{}", address.port()));
        assert_eq!(shelf.status, 200, "{}", shelf.head);
        assert!(shelf.field("strict-transport-security").is_none(), "not for .localhost");
        let to = format!("https://{NAME}:{}/", address.port());
        let elsewhere = ask("GET", "evil.example");
        assert_eq!((elsewhere.status, elsewhere.field("location")), (307, Some(&*to)));
        assert_eq!(ask("POST", "evil.example").status, 421);
    })
    .await;
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_told_of_a_portal_hears_under_tls_that_it_is_free() {
    let named = Named::new();
    let mut config = named.config();
    config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let running = daemon::start(config).await.unwrap();
    let (plain, secure) = (running.addresses[0], running.https_addresses[0]);
    let client = tls::trusting(&named.authority.pem());
    away(move || {
        // RFC 8908 §4: in the clear it is led to the name, and told nothing.
        let clear = support::http::get(plain, "/captive-portal", "");
        assert_eq!(clear.status, 307, "{}", clear.head);
        let opened = tls::connect(secure, NAME, &client).unwrap();
        let page = tls::ask(opened, "GET", NAME, "/captive-portal", "");
        assert_eq!(page.status, 200, "{}", page.head);
        assert_eq!(page.field("content-type"), Some("application/captive+json"));
        assert_eq!(page.field("cache-control"), Some("private"));
        let said = page.json();
        assert_eq!(said["captive"], false);
        let portal = said["user-portal-url"].as_str().unwrap();
        assert!(portal.starts_with(&format!("https://{NAME}")), "{portal}");
    })
    .await;
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_of_no_use_stop_the_start_and_say_why() {
    let named = Named::new();
    let (at, authority) = (named.folder.path(), &named.authority);
    let why = || async {
        let error = daemon::start(named.config()).await.unwrap_err();
        error.to_string()
    };
    let good = authority.issue_now(&[NAME]).unwrap();
    authority.issue_now(&["other.example"]).unwrap().write(at, "box").unwrap();
    let said = why().await;
    assert!(said.contains("not for preau.localhost: it is for other.example"), "{said}");
    let mut mixed = authority.issue_now(&[NAME]).unwrap();
    mixed.key.clone_from(&good.key);
    mixed.write(at, "box").unwrap();
    assert!(why().await.contains("do not belong together"));
    fs::write(at.join("box.crt"), "nothing").unwrap();
    assert!(why().await.contains("no PEM chain"));
    fs::remove_file(at.join("box.key")).unwrap();
    assert!(why().await.contains("box.key: cannot be read"));
    // An old one is a reader's trouble, not a reason to lend nothing.
    let now = SystemTime::now();
    let old = authority.issue(&[NAME], now - 30 * A_DAY, now - A_DAY).unwrap();
    old.write(at, "box").unwrap();
    assert!(named.start().await.stop().await);
}

#[test]
fn a_reload_takes_new_files_and_leaves_the_old_in_force_when_they_are_bad() {
    let named = Named::new();
    let (at, authority) = (named.folder.path(), &named.authority);
    let address = free_address();
    let school = SchoolBox::start("0510035L", &https(at, &address.to_string()));
    let client = tls::trusting(&authority.pem());
    let shown = || {
        let tls = tls::connect(address, NAME, &client).unwrap();
        tls.conn.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let status = || -> serde_json::Value {
        serde_json::from_slice(&school.preau(&["status", "--json"]).stdout).unwrap()
    };
    let first = shown();
    let line = &status()["https"];
    assert_eq!(line["address"], format!("https://{NAME}:{}/", address.port()));
    assert!(line["trouble"].is_null() && line["certificate_until"].is_string(), "{line}");

    fs::write(at.join("box.key"), "nothing").unwrap();
    let refused = school.preau(&["reload"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("no PEM key"), "{said}");
    assert_eq!(shown(), first, "the old one stays in force");
    assert!(status()["https"]["trouble"].as_str().unwrap().contains("no PEM key"));

    authority.issue_now(&[NAME]).unwrap().write(at, "box").unwrap();
    let reloaded = school.preau(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    assert_ne!(shown(), first);
    assert!(status()["https"]["trouble"].is_null());
}
