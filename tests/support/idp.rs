//! An ENT on loopback, under TLS: a CAS server or an OpenID provider written by others, with a
//! dozen people (`idp/people.json`); and a person at a browser, who fills their sign-in pages.

use std::{
    collections::HashMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use preau::demo::authority::Authority;
use rustls::ClientConfig;
use tempfile::TempDir;
use url::Url;

use super::{PATIENCE, http::Page, school_box::free_port, tls};

/// Requests followed in one sign-in.
const MAX_HOPS: usize = 12;
/// Starts of a server before a test gives up.
const STARTS: usize = 3;

/// A server of others, ended when dropped.
#[derive(Debug)]
pub struct Idp {
    /// Where it is: the CAS base address or the OpenID issuer.
    pub base: Url,
    /// The certificate authority to trust (PEM), as `network.extra_authorities` wants it.
    pub authority: PathBuf,
    /// That authority, for the box's own certificate.
    pub issuer: Authority,
    /// Its files; others may be put beside.
    pub folder: TempDir,
    port: u16,
    command: Vec<String>,
    child: Option<Child>,
}

fn installed(what: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/idp").join(what)
}

/// Are the servers here? Without them a test is skipped, loudly; in continuous integration it
/// fails.
pub fn present() -> bool {
    let found = installed("cas.version").exists() && installed("oidc.version").exists();
    assert!(found || std::env::var_os("CI").is_none(), "the servers to sign in with are missing");
    if !found {
        eprintln!("SKIPPED: there are no servers to sign in with (scripts/install-idp)");
    }
    found
}

impl Idp {
    /// django-cas-server, for services that match `services`; its single logouts go to `logout`,
    /// or to the service.
    pub fn cas(services: &str, logout: Option<&str>) -> Self {
        let python = installed("venv/bin/python");
        Self::start(python, "cas.py", "/", &[services, logout.unwrap_or_default()])
    }

    /// oidc-provider with the paths of Apereo CAS, for one redirect address. With `plain`, its
    /// discovery document is at `/.well-known` alone.
    pub fn oidc(redirect: &str, plain: bool) -> Self {
        let mode = if plain { "plain-well-known" } else { "usual" };
        Self::start("node".into(), "oidc.mjs", "/oidc", &[redirect, mode])
    }

    fn start(program: PathBuf, script: &str, path: &str, words: &[&str]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let issuer = Authority::new("ENT of a test").unwrap();
        issuer.issue_now(&["localhost"]).unwrap().write(folder.path(), "idp").unwrap();
        let trusted = folder.path().join("authority.pem");
        fs::write(&trusted, issuer.pem()).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/idp").join(script);
        let mut command = vec![program.display().to_string(), script.display().to_string()];
        command.extend([port.to_string(), folder.path().display().to_string()]);
        command.extend(words.iter().map(ToString::to_string));
        let base = format!("https://localhost:{port}{path}").parse().unwrap();
        let mut idp = Self { base, authority: trusted, issuer, folder, port, command, child: None };
        idp.start_again();
        idp
    }

    /// Starts it, again after a stop: on the same port, with new signing keys. Node.js has been
    /// seen to hang in its own start, once in some hundred: it is then started anew.
    pub fn start_again(&mut self) {
        for attempt in 1..=STARTS {
            self.child = Some(self.spawn());
            if self.is_up(PATIENCE / 3) {
                return;
            }
            let child = self.child.as_ref().unwrap().id();
            eprintln!(
                "the ENT's server (start {attempt}) is not at port {}: {}{}",
                self.port,
                fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default(),
                fs::read_to_string(self.log()).unwrap_or_default()
            );
            self.stop();
        }
        panic!("the ENT's server did not start in {STARTS} times");
    }

    fn spawn(&self) -> Child {
        let log = fs::File::create(self.log()).unwrap();
        let [program, words @ ..] = self.command.as_slice() else { unreachable!("a command") };
        Command::new(program)
            .args(words)
            // By which the CAS server checks the box that it tells of a logout.
            .env("REQUESTS_CA_BUNDLE", &self.authority)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"))
    }

    /// Does it answer, within this time? Fails the test when it has ended.
    fn is_up(&mut self, patience: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            if let Some(status) = ended {
                panic!("it ended with {status}: {}", fs::read_to_string(self.log()).unwrap());
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            #[allow(clippy::disallowed_methods, reason = "a pause between two looks")]
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Stops it.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// A person with an empty browser, who trusts this server.
    pub fn visitor(&self) -> Visitor {
        let trusted = fs::read_to_string(&self.authority).unwrap();
        Visitor { config: tls::trusting(&trusted), cookies: HashMap::new() }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("idp.log")
    }
}

impl Drop for Idp {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A person at a browser that keeps cookies.
#[derive(Debug)]
pub struct Visitor {
    config: Arc<ClientConfig>,
    cookies: HashMap<String, String>,
}

impl Visitor {
    /// From the address that the box sends people to, through the sign-in page of the server, to
    /// the address at which it sends them back; `back` is how that begins. A person who is signed
    /// in there already sees no page.
    pub fn sign_in(&mut self, to: &Url, login: &str, password: &str, back: &str) -> Url {
        let mut page = self.open(to);
        let mut at = to.clone();
        for _ in 0..MAX_HOPS {
            if let Some(location) = page.field("location") {
                let next = at.join(location).unwrap();
                if next.as_str().starts_with(back) {
                    return next;
                }
                page = self.open(&next);
                at = next;
                continue;
            }
            assert_eq!(page.status, 200, "{at}: {}", page.text());
            let (action, fields) = form(&page.text());
            at = action.map_or(at.clone(), |action| at.join(&unescape(&action)).unwrap());
            page = self.send(&at, Some(&filled(fields, login, password)));
        }
        panic!("never sent back; last at {at}: {}", page.text());
    }

    /// One GET.
    pub fn open(&mut self, url: &Url) -> Page {
        self.send(url, None)
    }

    fn send(&mut self, url: &Url, form: Option<&str>) -> Page {
        let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
        let mut tls = tls::connect(([127, 0, 0, 1], port).into(), host, &self.config).unwrap();
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let method = if form.is_some() { "POST" } else { "GET" };
        let body = form.unwrap_or_default();
        let ask = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\
             Cookie: {}\r\nReferer: https://{host}:{port}/\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            cookies.join("; "),
            body.len(),
        );
        tls.write_all(ask.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        // A server that closes without TLS's own goodbye has still said all.
        if let Err(error) = tls.read_to_end(&mut bytes) {
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{url}: {error}");
        }
        let page = Page::parse(path, &bytes);
        self.keep_cookies(&page);
        page
    }

    fn keep_cookies(&mut self, page: &Page) {
        for line in page.head.lines().filter(|l| l.to_lowercase().starts_with("set-cookie:")) {
            let pair = line.split_once(':').unwrap().1.split(';').next().unwrap().trim();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Where a page's form goes, and its inputs that have a name.
fn form(page: &str) -> (Option<String>, Vec<(String, String)>) {
    let start = page.find("<form").unwrap_or_else(|| panic!("no form in {page}"));
    let form = &page[start..page[start..].find("</form>").map_or(page.len(), |end| start + end)];
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let tag = |text: &str| text.split('>').next().unwrap_or_default().to_owned();
    let inputs = form.split("<input").skip(1).map(tag).filter_map(|tag| {
        let unticked = tag.contains("checkbox");
        let name = attribute(&tag, " name").filter(|_| !unticked)?;
        Some((name, attribute(&tag, " value").unwrap_or_default()))
    });
    (attribute(&tag(form), " action"), inputs.collect())
}

fn filled(fields: Vec<(String, String)>, login: &str, password: &str) -> String {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        let value = match name.as_str() {
            "username" | "login" => login.to_owned(),
            "password" => password.to_owned(),
            _ => unescape(&value),
        };
        body.append_pair(&name, &value);
    }
    body.finish()
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#x27;", "'").replace("&amp;", "&")
}
