//! The region's relay: nginx, with the very file of `config/region/`, on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

use nix::{sys::signal, unistd::Pid};
use preau::demo::authority::Authority;
use support::{http::Page, school_box::free_address, tls, until};
use tempfile::TempDir;

const NAME: &str = "retour.preau.example.org";
const STATE: &str = "0510035L.AAAAAAAAAAAAAAAAAAAAAA";
const BOX: &str = "https://0510035l.preau.example.org/connexion/retour?";

struct Relay {
    nginx: Child,
    address: SocketAddr,
    authority: Authority,
    folder: TempDir,
}

/// Is nginx here? Without it a test is skipped, loudly; in continuous integration it fails.
fn present() -> bool {
    let found = Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "nginx is missing");
    if !found {
        eprintln!("SKIPPED: nginx is not installed (scripts/install test)");
    }
    found
}

impl Relay {
    fn start() -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        let authority = Authority::new("relay of a test").unwrap();
        authority.issue_now(&[NAME]).unwrap().write(folder.path(), "preau-relay").unwrap();
        let at = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("    {kind}_temp_path {at}/{kind};\n"))
            .concat();
        let mut file = include_str!("../config/region/nginx.conf").to_owned();
        // Where it listens and what it writes; nothing of what it decides.
        for (from, to) in [
            ("listen 443 ssl;", format!("listen {address} ssl;")),
            ("        listen [::]:443 ssl;\n", String::new()),
            ("/etc/nginx/", format!("{at}/")),
            ("/var/log/nginx/", format!("{at}/")),
            ("/run/nginx-preau-relay.pid", format!("{at}/pid")),
            ("http {\n", format!("http {{\n{temporary}")),
        ] {
            assert!(file.contains(from), "{from}");
            file = file.replace(from, &to);
        }
        let settings = folder.path().join("nginx.conf");
        fs::write(&settings, file).unwrap();
        let mut nginx = Command::new("nginx")
            .arg("-c")
            .arg(&settings)
            .args(["-g", "daemon off;"])
            .stdin(Stdio::null())
            .stderr(fs::File::create(folder.path().join("said")).unwrap())
            .spawn()
            .unwrap();
        until("nginx", || {
            if let Some(status) = nginx.try_wait().unwrap() {
                let said = fs::read_to_string(folder.path().join("said")).unwrap();
                panic!("nginx ended with {status}: {said}");
            }
            TcpStream::connect(address).ok()
        });
        Self { nginx, address, authority, folder }
    }

    fn ask(&self, method: &str, path: &str) -> Page {
        let config = tls::trusting(&self.authority.pem());
        let tls = tls::connect(self.address, NAME, &config).unwrap();
        tls::ask(tls, method, NAME, path, "")
    }

    fn get(&self, path: &str) -> Page {
        self.ask("GET", path)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let id = Pid::from_raw(i32::try_from(self.nginx.id()).unwrap());
        let _ = signal::kill(id, signal::Signal::SIGTERM);
        let _ = self.nginx.wait();
    }
}

#[test]
fn a_person_is_sent_to_the_box_of_their_school_with_the_query_as_it_came() {
    if !present() {
        return;
    }
    let relay = Relay::start();
    for query in [
        format!("state={STATE}&ticket=ST-1-x"),
        format!("ticket=ST-1%2Bx&state={STATE}"),
        format!("state={STATE}&code=a%20b%2F%3D&iss=https%3A%2F%2Fent.example.org%2Foidc"),
        format!("state={STATE}&error=access_denied"),
    ] {
        let page = relay.get(&format!("/preau?{query}"));
        assert_eq!(page.status, 303, "{query}");
        assert_eq!(page.field("location"), Some(format!("{BOX}{query}").as_str()));
        assert_eq!(page.field("cache-control"), Some("no-store"));
        assert_eq!(page.field("referrer-policy"), Some("no-referrer"));
    }
    let other = relay.get("/preau?state=0670007U.AAAAAAAAAAAAAAAAAAAAAA&ticket=ST-1");
    let location = other.field("location").unwrap();
    assert!(location.starts_with("https://0670007u.preau.example.org/connexion/retour?"));
    // A single logout stays a POST.
    let logout = relay.ask("POST", &format!("/preau?state={STATE}"));
    assert_eq!((logout.status, logout.field("location").unwrap().starts_with(BOX)), (307, true));
}

#[test]
fn whoever_comes_from_no_school_of_the_list_is_told_what_to_do() {
    if !present() {
        return;
    }
    let relay = Relay::start();
    for path in [
        "/",
        "/preau",
        "/preau?ticket=ST-1",
        "/preau?state=9999999Z.AAAAAAAAAAAAAAAAAAAAAA&ticket=ST-1",
        "/preau?state=0510035L",
        "/preau?state=0510035L.short",
        "/preau?state=0510035l.AAAAAAAAAAAAAAAAAAAAAA",
        "/preau?xstate=0510035L.AAAAAAAAAAAAAAAAAAAAAA",
        "/preau/x?state=0510035L.AAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let page = relay.get(path);
        assert_eq!((page.status, page.field("location")), (404, None), "{path}");
        let text = page.text();
        assert!(text.contains("Se connecter") && text.contains("sign in again"), "{path}: {text}");
        assert!(page.field("content-type").unwrap().starts_with("text/html"), "{path}");
    }
    assert!(relay.ask("PUT", &format!("/preau?state={STATE}")).field("location").is_none());
}

#[test]
fn nobody_is_sent_to_another_site_whatever_the_query_says() {
    if !present() {
        return;
    }
    let relay = Relay::start();
    for query in [
        "state=0510035L.x&x=//evil.example.org",
        "state=//evil.example.org",
        "state=0510035L.@evil.example.org/AAAAAAAAAAAA",
        "state=0510035L.AAAAAAAAAAAAAAAAAAAAAA%0d%0aLocation:%20https://evil.example.org",
        "state=0510035L.AAAAAAAAAAAAAAAAAAAAAA%0a",
        "state=0510035L%2eAAAAAAAAAAAAAAAAAAAAAA",
        "state=evil.example.org%00.0510035L.AAAAAAAAAAAAAAAA",
    ] {
        let page = relay.get(&format!("/preau?{query}"));
        assert_eq!((page.status, page.field("location")), (404, None), "{query}");
    }
    // What is beside a good state stays behind the `?`, in one line, for the box to judge.
    for beside in [
        "x=//evil.example.org",
        "x=%0d%0aSet-Cookie:%20a=b",
        "state=//evil.example.org",
        "@evil.example.org/",
        "retour=https://evil.example.org/",
    ] {
        let query = format!("state={STATE}&{beside}");
        let page = relay.get(&format!("/preau?{query}"));
        assert_eq!(page.field("location"), Some(format!("{BOX}{query}").as_str()));
        assert!(page.field("set-cookie").is_none(), "{}", page.head);
    }
    // A host that the client made up changes nothing.
    let config = tls::trusting(&relay.authority.pem());
    let tls = tls::connect(relay.address, NAME, &config).unwrap();
    let page = tls::ask(tls, "GET", "evil.example.org", &format!("/preau?state={STATE}"), "");
    assert!(page.field("location").unwrap().starts_with(BOX));
}

#[test]
fn the_relays_log_holds_no_ticket() {
    if !present() {
        return;
    }
    let relay = Relay::start();
    relay.get(&format!("/preau?state={STATE}&ticket=ST-secret"));
    relay.get("/preau?state=bad&ticket=ST-secret");
    let log = until("two lines of log", || {
        let log = fs::read_to_string(relay.folder.path().join("preau-relay.log")).ok()?;
        (log.lines().count() >= 2).then_some(log)
    });
    assert!(log.contains("303 GET school=0510035L"), "{log}");
    assert!(!log.contains("ST-secret") && !log.contains("AAAA"), "{log}");
}
