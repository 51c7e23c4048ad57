//! A certificate from a real ACME authority (pebble), shown to be ours by DNS-01 through acme-dns.
//!
//! pebble asks pebble-challtestsrv, a name server for tests. acme-dns itself is a stand-in: it takes
//! `update` as the real one does and refuses other accounts, but sets the TXT record at the name
//! itself, where the real one is reached through a CNAME.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use preau::{
    config::Config,
    daemon::{self, Running},
    demo::authority::Authority,
    net::acme::Acme,
};
use serde_json::{Value, json};
use support::{
    http::{self, Page},
    school_box::{free_address, preau},
    tls, until,
};
use tempfile::TempDir;

const NAME: &str = "0510035l.preau.example.org";
/// Long enough for a handshake, short enough to see a renewal at two thirds of it.
const VALID_SECONDS: u64 = 30;
const PASSWORD: &str = "tres-secret-0123456789";

/// A program that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(name: &str, words: &[&str]) -> Option<Program> {
    let mut command = Command::new(name);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Nonces refused now and then, as the Internet does to them.
    command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
    let started = command.env("PEBBLE_WFE_NONCEREJECT", "5").spawn();
    if started.is_err() {
        assert!(std::env::var_os("CI").is_none(), "{name} is missing");
        eprintln!("SKIPPED: {name} is not installed (scripts/install test)");
    }
    started.ok().map(Program)
}

/// The region's side: an authority, a name server, acme-dns.
struct Region {
    folder: TempDir,
    trust: Authority,
    directory: SocketAddr,
    management: SocketAddr,
    dns: SocketAddr,
    updates: Arc<AtomicUsize>,
}

impl Region {
    async fn start() -> Self {
        let (trust, folder) = (Authority::new("test").unwrap(), tempfile::tempdir().unwrap());
        let at = folder.path();
        fs::write(at.join("trust.pem"), trust.pem()).unwrap();
        trust.issue_now(&["127.0.0.1"]).unwrap().write(at, "pebble").unwrap();
        let account =
            json!({ "username": "boite", "password": PASSWORD, "subdomain": "d420c923", "x": [] });
        fs::write(at.join("acme-dns.json"), account.to_string()).unwrap();
        let (directory, management) = (free_address(), free_address());
        let updates = Arc::new(AtomicUsize::new(0));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dns = listener.local_addr().unwrap();
        let records = free_address();
        let router =
            Router::new().route("/update", post(update)).with_state((updates.clone(), records));
        tokio::spawn(async move { axum::serve(listener, router).await });
        fs::write(at.join("records"), records.to_string()).unwrap();
        Self { folder, trust, directory, management, dns, updates }
    }

    /// pebble and its name server; `None` when they are not installed.
    fn open(&self) -> Option<(Program, Program)> {
        let at = self.folder.path();
        let names = free_address().to_string();
        let records = fs::read_to_string(at.join("records")).unwrap();
        let server = program(
            "pebble-challtestsrv",
            &[
                "-dns01",
                &names,
                "-management",
                &records,
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-defaultIPv6",
                "",
            ],
        )?;
        let config = json!({ "pebble": {
            "listenAddress": self.directory.to_string(),
            "managementListenAddress": self.management.to_string(),
            "certificate": at.join("pebble.crt"),
            "privateKey": at.join("pebble.key"),
            "httpPort": 5002,
            "tlsPort": 5001,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": VALID_SECONDS,
        }});
        let file = at.join("pebble.json");
        fs::write(&file, config.to_string()).unwrap();
        let words = ["-strict", "-config", file.to_str().unwrap(), "-dnsserver", &names];
        let pebble = program("pebble", &words)?;
        Some((server, pebble))
    }

    /// The root that pebble made for itself when it started.
    fn root(&self) -> String {
        let client = tls::trusting(&self.trust.pem());
        let records = fs::read_to_string(self.folder.path().join("records")).unwrap();
        until("the name server", || TcpStream::connect(&records).ok());
        let connection =
            until("pebble", || tls::connect(self.management, "127.0.0.1", &client).ok());
        tls::ask(connection, "GET", "127.0.0.1", "/roots/0", "").text()
    }

    async fn school(&self) -> Running {
        daemon::start(self.config()).await.unwrap()
    }

    /// The box's dealings with the authority alone.
    fn acme(&self) -> Acme {
        let config = self.config();
        let folder = self.folder.path().join("certs");
        Acme::open(NAME, &config.https.acme.unwrap(), &config.network, folder).unwrap()
    }

    fn config(&self) -> Config {
        let at = self.folder.path().display();
        let text = format!(
            "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n\
             [network]\nlisten = [\"127.0.0.1:0\"]\nallow_private = [\"127.0.0.0/8\"]\n\
             extra_authorities = [\"{at}/trust.pem\"]\n\
             [https]\nname = \"{NAME}\"\nlisten = [\"127.0.0.1:0\"]\n\
             [https.acme]\ndirectory = \"https://{}/dir\"\ncontact = \"mailto:reseau@example.org\"\n\
             dns = \"http://{}\"\ndns_account = \"{at}/acme-dns.json\"\n\
             [store]\npath = \"{at}/data\"\nreserve = \"10 MB\"\n\
             [control]\nsocket = \"{at}/control.sock\"\n",
            self.directory, self.dns
        );
        Config::parse("test", &text).unwrap().0
    }

    fn https(&self) -> Value {
        let said = preau(self.folder.path(), &["status", "--json"]).stdout;
        let status: Value = serde_json::from_slice(&said).unwrap();
        status["https"].clone()
    }
}

/// `POST /update` of acme-dns; the record goes to the name server for tests.
async fn update(
    State((updates, records)): State<(Arc<AtomicUsize>, SocketAddr)>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let body: Value = serde_json::from_str(&body).unwrap();
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|v| v == value);
    if !is("x-api-user", "boite") || !is("x-api-key", PASSWORD) || body["subdomain"] != "d420c923" {
        return StatusCode::UNAUTHORIZED;
    }
    let host = format!("_acme-challenge.{NAME}.");
    let record = json!({ "host": host, "value": body["txt"] }).to_string();
    let cleared = json!({ "host": host }).to_string();
    let set = tokio::task::spawn_blocking(move || {
        command(records, "/clear-txt", &cleared);
        command(records, "/set-txt", &record).status
    });
    updates.fetch_add(1, Ordering::Relaxed);
    StatusCode::from_u16(set.await.unwrap()).unwrap()
}

fn command(records: SocketAddr, path: &str, body: &str) -> Page {
    let fields = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    http::ask(records, "POST", path, &fields)
}

fn is_private(path: &Path) -> bool {
    fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_obtained_served_renewed_and_outlives_its_authority() {
    let region = Arc::new(Region::start().await);
    let Some((_names, pebble)) = region.open() else { return };
    let far = region.clone();
    let root = tokio::task::spawn_blocking(move || far.root()).await.unwrap();
    let running = region.school().await;
    let (address, client) = (running.https_addresses[0], tls::trusting(&root));
    let shown = move || {
        let connection = tls::connect(address, NAME, &client).ok()?;
        Some(connection.conn.peer_certificates()?[0].clone().into_owned())
    };
    let far = region.clone();
    let kept = tokio::task::spawn_blocking(move || {
        let first = until("a certificate", &shown);
        assert!(far.https()["trouble"].is_null(), "{}", far.https());
        let certs = far.folder.path().join("data/certs");
        assert!(is_private(&certs.join("account.json")));
        assert!(is_private(&certs.join("certificate.pem")));
        until("another certificate", || shown().filter(|new| *new != first));
        assert_eq!(far.updates.load(Ordering::Relaxed), 2, "one record a certificate");

        drop(pebble);
        let in_force = far.https()["certificate_until"].clone();
        let trouble =
            until("a renewal that fails", || far.https()["trouble"].as_str().map(str::to_owned));
        assert!(trouble.contains("cannot connect"), "{trouble}");
        assert_eq!(far.https()["certificate_until"], in_force, "the old one stays in force");
        in_force
    });
    let kept = kept.await.unwrap();
    assert!(running.stop().await);

    let again = region.school().await;
    let far = region.clone();
    let line = tokio::task::spawn_blocking(move || far.https()).await.unwrap();
    assert_eq!(line["certificate_until"], kept, "used again without any network");
    assert!(again.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_was_set_up_anew_is_asked_with_a_new_account() {
    let region = Arc::new(Region::start().await);
    let Some(programs) = region.open() else { return };
    let acme = region.acme();
    let ready = |region: Arc<Region>| tokio::task::spawn_blocking(move || region.root());
    ready(region.clone()).await.unwrap();
    let first = acme.obtain().await.unwrap();
    assert_eq!(acme.kept().unwrap().ends, first.ends);
    // pebble forgets everything when it ends.
    drop(programs);
    let _programs = region.open().unwrap();
    ready(region.clone()).await.unwrap();
    acme.obtain().await.unwrap();
    let file = region.folder.path().join("acme-dns.json");
    fs::write(&file, r#"{"username":"boite","password":"other","subdomain":"d420c923"}"#).unwrap();
    let refused = acme.obtain().await.unwrap_err().to_string();
    assert!(refused.contains("acme-dns") && refused.contains("401"), "{refused}");
    fs::write(&file, format!("{{\"password\": \"{PASSWORD}\"")).unwrap();
    let damaged = acme.obtain().await.unwrap_err().to_string();
    assert!(damaged.contains("acme-dns.json") && !damaged.contains(PASSWORD), "{damaged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn until_there_is_a_certificate_the_box_says_so_and_no_secret() {
    let region = Arc::new(Region::start().await);
    let running = region.school().await;
    let (plain, far) = (running.addresses[0], region.clone());
    tokio::task::spawn_blocking(move || {
        let wait = http::get(plain, "/", "");
        assert_eq!((wait.status, wait.field("retry-after")), (503, Some("60")));
        assert!(wait.text().contains("attend son certificat"), "{}", wait.text());
        let line = until("the first failure", || {
            Some(far.https()).filter(|line| line["trouble"].is_string())
        });
        assert!(line["certificate_until"].is_null(), "{line}");
        assert!(!line.to_string().contains(PASSWORD), "{line}");
        let said = preau(far.folder.path(), &["status"]).stdout;
        assert!(String::from_utf8_lossy(&said).contains("NONE YET"));
    })
    .await
    .unwrap();
    assert!(running.stop().await);
}
