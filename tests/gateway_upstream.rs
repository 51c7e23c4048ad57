//! The académie's proxy wants to know who asks: the box says it there, with the account of its
//! settings, and nowhere else. Tried with Squid, and with one that writes down what it hears.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod gateway_support;
mod support;

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use gateway_support::{Device, Origin, Proxy, field, nginx::present, settings};
use preau::config;
use support::{
    school_box::{SchoolBox, free_address},
    until,
};

const USER: &str = "0510035L";
const PASSWORD: &str = "ouvre-toi, c'est moi";
/// `Basic`, of both.
const SAID: &str = "Basic MDUxMDAzNUw6b3V2cmUtdG9pLCBjJ2VzdCBtb2k=";

/// A file with a password, for the box alone.
fn password_file(folder: &Path, password: &str) -> PathBuf {
    let path = folder.join("mot-de-passe");
    fs::write(&path, format!("{password}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn upstream(proxy: SocketAddr, folder: &Path) -> config::Upstream {
    config::Upstream {
        bypass: vec!["127.0.0.2".parse().unwrap()],
        user: Some(USER.into()),
        password_file: Some(password_file(folder, PASSWORD)),
        ..config::Upstream::at(proxy.to_string().parse().unwrap())
    }
}

#[test]
fn the_account_is_said_to_the_other_proxy_and_to_nobody_else() {
    // Answers requests as if it had asked the origin, and lets tunnels end in itself.
    let academie = Origin::start(|head, stream| {
        let answer: &[u8] = if head.starts_with("CONNECT") {
            b"HTTP/1.1 200 OK\r\n\r\n"
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        };
        stream.write_all(answer).is_ok()
    });
    let direct = Origin::echo();
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(config::Gateway {
        upstream: Some(upstream(academie.address, folder.path())),
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        ..settings(&[80, 443, direct.port()])
    });
    let of_device = "Proxy-Authorization: Basic ZGV2aWNlOng=\r\n";
    for _ in 0..2 {
        // The second time on the connection that waited.
        let heard = proxy.exchange(format!(
            "GET http://site.example/ HTTP/1.1\r\nHost: x\r\n{of_device}Connection: close\r\n\r\n"
        ));
        assert!(heard.starts_with("HTTP/1.1 200") && !heard.contains("Basic"), "{heard}");
        let asked = academie.last_head();
        assert_eq!(field(&asked, "proxy-authorization"), Some(SAID), "{asked}");
        assert_eq!(asked.to_ascii_lowercase().matches("proxy-authorization").count(), 1, "{asked}");
    }
    let mut device = proxy.connect();
    device.send(format!("CONNECT site.example:443 HTTP/1.1\r\nHost: x\r\n{of_device}\r\n"));
    assert!(device.head().starts_with("HTTP/1.1 200"));
    let asked = academie.last_head();
    assert_eq!(field(&asked, "proxy-authorization"), Some(SAID), "{asked}");
    // Within the tunnel nothing is added: the other end is an origin's.
    device.send("GET /inside HTTP/1.1\r\nHost: y\r\n\r\n");
    assert!(device.head().starts_with("HTTP/1.1 200"));
    assert_eq!(academie.last_head(), "GET /inside HTTP/1.1\r\nHost: y\r\n\r\n");
    // What goes without the other proxy does not hear it.
    let elsewhere = std::net::TcpListener::bind(("127.0.0.2", direct.port())).unwrap();
    let hearing = std::thread::spawn(move || {
        let (mut stream, _) = elsewhere.accept().unwrap();
        let head = gateway_support::head(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        head
    });
    let port = direct.port();
    proxy.exchange(format!(
        "GET http://127.0.0.2:{port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    ));
    let heard = hearing.join().unwrap();
    assert!(heard.starts_with("GET / HTTP/1.1"), "{heard}");
    assert_eq!(field(&heard, "proxy-authorization"), None, "{heard}");
}

/// Squid that wants the account.
struct Squid {
    address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Squid {
    fn start() -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        // Squid gives its rights up, and so do its helpers.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let hashed =
            Command::new("openssl").args(["passwd", "-apr1", PASSWORD]).output().unwrap().stdout;
        let users = folder.path().join("users");
        fs::write(&users, format!("{USER}:{}", String::from_utf8(hashed).unwrap())).unwrap();
        let (at, users) = (folder.path().display(), users.display());
        let settings = format!(
            "http_port {address}\n\
             auth_param basic program /usr/lib/squid/basic_ncsa_auth {users}\n\
             auth_param basic casesensitive on\nauth_param basic children 1\nauth_param basic realm academie\n\
             acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n\
             cache deny all\ncache_mem 0\naccess_log none\ncache_log /dev/null\npid_filename none\n\
             coredump_dir {at}\nvisible_hostname academie\npinger_enable off\n\
             memory_cache_shared off\nshutdown_lifetime 0 seconds\nmax_filedescriptors 1024\n"
        );
        let file = folder.path().join("squid.conf");
        fs::write(&file, settings).unwrap();
        let said = fs::File::create(folder.path().join("said")).unwrap();
        let mut child = Command::new("squid")
            .args(["-N", "-d1", "-f"])
            .arg(file)
            .stdin(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        until("Squid", || {
            if let Some(status) = child.try_wait().unwrap() {
                let said = fs::read_to_string(folder.path().join("said")).unwrap();
                panic!("Squid ended with {status}: {said}");
            }
            TcpStream::connect(address).ok()
        });
        Self { address, child, _folder: folder }
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A box behind this proxy, whose settings say `account`.
fn school(upstream: SocketAddr, origin: u16, account: &str) -> (SchoolBox, SocketAddr) {
    let proxy = free_address();
    let settings = format!(
        "[gateway]\nlisten = [\"{proxy}\"]\nallow_private = [\"127.0.0.0/8\"]\n\
         plain_ports = [{origin}]\nconnect_ports = [{origin}]\n\
         [gateway.upstream]\nproxy = \"{upstream}\"\n{account}"
    );
    let school = SchoolBox::start("0510035L", &settings);
    until("the proxy", || TcpStream::connect(proxy).ok());
    (school, proxy)
}

fn account(folder: &Path, password: &str) -> String {
    let file = password_file(folder, password);
    format!("user = \"{USER}\"\npassword_file = \"{}\"\n", file.display())
}

fn curl(proxy: SocketAddr, words: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "60", "--noproxy", "", "--proxy"]);
    command.arg(format!("http://{proxy}")).args(words).output().unwrap()
}

#[test]
fn squid_lets_the_box_through_with_its_account_in_the_clear_and_by_tunnel() {
    if !present(&["squid", "openssl", "curl"]) {
        return;
    }
    let (squid, origin) = (Squid::start(), Origin::echo());
    let folder = tempfile::tempdir().unwrap();
    let known = account(folder.path(), PASSWORD);
    let (school, proxy) = school(squid.address, origin.port(), &known);
    let url = format!("http://{}/page", origin.address);
    for more in [&[][..], &["--proxytunnel"]] {
        let output = curl(proxy, &[&["--fail", url.as_str()], more].concat());
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.starts_with("GET /page"),
            "{said}\n{}",
            school.log()
        );
        // Squid is between the two: its name is in the chain, the account is not.
        let through = more.is_empty();
        assert_eq!(
            field(&said, "via").is_some_and(|via| via.contains("academie")),
            through,
            "{said}"
        );
        assert_eq!(field(&said, "proxy-authorization"), None, "{said}");
    }
}

#[test]
fn an_account_that_squid_does_not_take_is_a_page_for_the_device_and_a_line_for_the_cmil() {
    if !present(&["squid", "openssl", "curl"]) {
        return;
    }
    let (squid, origin) = (Squid::start(), Origin::echo());
    let folder = tempfile::tempdir().unwrap();
    let wrong = account(folder.path(), "autre-chose");
    for (settings, expected) in
        [("", "set gateway.upstream.user"), (wrong.as_str(), "does not take gateway.upstream.user")]
    {
        let (school, proxy) = school(squid.address, origin.port(), settings);
        let at = origin.address;
        let mut device = Device::to(proxy);
        device.send(format!(
            "GET http://{at}/ HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nAccept-Language: fr\r\n\r\n"
        ));
        let page = device.rest();
        assert!(page.starts_with("HTTP/1.1 502"), "{page}");
        let status = field(&page, "proxy-status").unwrap();
        assert_eq!(status, "preau; error=proxy_configuration_error");
        assert!(page.contains("Prévenez le CMIL"), "{page}");
        assert_eq!(field(&page, "proxy-authenticate"), None, "the device is not asked: {page}");
        let mut device = Device::to(proxy);
        device.send(format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n"));
        let refused = device.rest();
        assert!(refused.starts_with("HTTP/1.1 502") && refused.contains("CMIL"), "{refused}");
        let log = school.log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("(407)")).collect();
        assert_eq!(lines.len(), 1, "said once, not at every request: {log}");
        assert!(lines[0].contains(expected) && lines[0].contains("ERROR"), "{log}");
        assert!(!log.contains("autre-chose") && !log.contains("Basic"), "{log}");
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_password_that_everyone_may_read_stops_the_start_and_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let settings = account(folder.path(), "a-voir");
    fs::set_permissions(folder.path().join("mot-de-passe"), fs::Permissions::from_mode(0o644))
        .unwrap();
    let (address, more) =
        (free_address(), format!("[gateway.upstream]\nproxy = \"127.0.0.1:3128\"\n{settings}"));
    let file = support::school_box::write_settings(folder.path(), "0510035L", address, "", &more);
    let started = Command::new(env!("CARGO_BIN_EXE_preau"))
        .args(["run", "--config"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(!started.status.success(), "{said}");
    assert!(
        said.contains("gateway.upstream.password_file") && said.contains("chmod 640"),
        "{said}"
    );
    assert!(!said.contains("a-voir"), "{said}");
}
