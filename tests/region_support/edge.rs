//! nginx with `config/region/metrics/nginx.conf`, before `VictoriaMetrics`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    sync::Arc,
};

use preau::demo::authority::Authority as Public;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tempfile::TempDir;

use super::{
    Ended,
    authority::{Authority, Identity},
    engine::Engine,
    folder,
    write::{TimeSeries, body},
};
use crate::support::{
    http::Page,
    school_box::free_address,
    tls::{self, Tls},
    until,
};

const NAME: &str = "mesures.preau.example.org";

/// The region: its door and its engine.
#[derive(Debug)]
pub struct Region {
    pub boxes: Authority,
    pub engine: Engine,
    pub folder: TempDir,
    pub address: SocketAddr,
    public: Public,
    _nginx: Ended,
}

impl Region {
    pub fn start() -> Self {
        let (at, address, schools) = (tempfile::tempdir().unwrap(), free_address(), free_address());
        let boxes = Authority::new();
        boxes.write(at.path());
        let public = Public::new("the region's own, of a test").unwrap();
        public.issue_now(&[NAME, "localhost"]).unwrap().write(at.path(), "preau-metrics").unwrap();
        fs::copy(folder().join("schools.prom"), at.path().join("schools.prom")).unwrap();
        fs::write(at.path().join("public.crt"), public.pem()).unwrap();
        let engine = Engine::start(at.path(), schools);
        let here = at.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("    {kind}_temp_path {here}/{kind};\n"))
            .concat();
        let mut file = fs::read_to_string(folder().join("nginx.conf")).unwrap();
        // Where it listens, asks and writes; nothing of what it decides.
        for (from, to) in [
            ("listen 443 ssl;", format!("listen {address} ssl;")),
            ("        listen [::]:443 ssl;\n", String::new()),
            ("listen 127.0.0.1:8429;", format!("listen {schools};")),
            ("server 127.0.0.1:8428;", format!("server {};", engine.address)),
            ("/etc/nginx/", format!("{here}/")),
            ("/etc/preau-region/", format!("{here}/")),
            ("/var/log/nginx/", format!("{here}/")),
            ("/run/nginx-preau-metrics.pid", format!("{here}/pid")),
            ("http {\n", format!("http {{\n{temporary}")),
        ] {
            assert!(file.contains(from), "{from}");
            file = file.replace(from, &to);
        }
        let settings = at.path().join("nginx.conf");
        fs::write(&settings, file).unwrap();
        let said = at.path().join("nginx-said");
        // Its workers read the folder of the test, which is of whoever runs it.
        let root = nix::unistd::geteuid().is_root();
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&settings)
            .args(["-g", if root { "daemon off; user root;" } else { "daemon off;" }])
            .stdin(Stdio::null())
            .stderr(fs::File::create(&said).unwrap())
            .spawn();
        let mut nginx = Ended(child.unwrap());
        until("nginx", || {
            if let Some(status) = nginx.0.try_wait().unwrap() {
                panic!("nginx ended with {status}: {}", fs::read_to_string(&said).unwrap());
            }
            TcpStream::connect(address).ok()
        });
        Self { boxes, engine, folder: at, address, public, _nginx: nginx }
    }

    /// A connection of whoever has this certificate, or none.
    pub fn connect(&self, identity: Option<&Identity>) -> Tls {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.public.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            Some(is) => {
                builder.with_client_auth_cert(is.chain.clone(), is.key.clone_key()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        tls::connect(self.address, NAME, &Arc::new(config)).unwrap()
    }

    /// A request, whole.
    pub fn ask(&self, who: Option<&Identity>, method: &str, path: &str, body: &[u8]) -> Page {
        let mut tls = self.connect(who);
        begin(&mut tls, method, path, body.len());
        finish(tls, path, body)
    }

    /// Sends values as this school, to this school's path: the status.
    pub fn write(&self, who: &Identity, uai: &str, series: Vec<TimeSeries>) -> u16 {
        self.ask(Some(who), "POST", &path_of(uai), &body(series)).status
    }

    /// What nginx wrote of requests, once there are so many lines.
    pub fn log(&self, lines: usize) -> String {
        until("nginx's log", || {
            let log = fs::read_to_string(self.folder.path().join("preau-metrics.log")).ok()?;
            (log.lines().count() >= lines).then_some(log)
        })
    }
}

/// Where a school writes.
pub fn path_of(uai: &str) -> String {
    format!("/boites/{uai}/api/v1/write")
}

/// The head of a request whose body is to follow.
pub fn begin(tls: &mut Tls, method: &str, path: &str, length: usize) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
         X-Prometheus-Remote-Write-Version: 0.1.0\r\n\r\n"
    );
    tls.write_all(head.as_bytes()).unwrap();
    tls.flush().unwrap();
}

/// The body, and the answer.
pub fn finish(mut tls: Tls, path: &str, body: &[u8]) -> Page {
    // It may have answered and closed before.
    let _ = tls.write_all(body);
    let mut bytes = Vec::new();
    let read = tls.read_to_end(&mut bytes);
    assert!(!bytes.is_empty(), "{path}: no answer: {read:?}");
    Page::parse(path, &bytes)
}
