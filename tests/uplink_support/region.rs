//! The region's engines, on loopback: `VictoriaMetrics` and Prometheus behind nginx, which asks for the
//! box's certificate and holds its name against the address.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use ipnet::IpNet;
use nix::{sys::signal, unistd::Pid};
use preau::net::client::ClientOptions;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use super::{Truth, UAI};
use crate::support::{
    http,
    school_box::{free_address, free_port},
    until,
};

/// Are they here? Without one a test is skipped, loudly; in continuous integration it fails.
pub fn present(programs: &[&str]) -> bool {
    programs.iter().all(|program| {
        let found = Command::new(program)
            .arg(if *program == "nginx" { "-v" } else { "--version" })
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok();
        assert!(found || std::env::var_os("CI").is_none(), "{program} is missing");
        if !found {
            eprintln!("SKIPPED: {program} is not installed (scripts/install test)");
        }
        found
    })
}

/// A program, ended with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let id = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = signal::kill(id, signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

fn run(folder: &Path, name: &str, command: &mut Command) -> Running {
    let said = File::create(folder.join(format!("{name}.log"))).unwrap();
    let command = command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
    Running(command.spawn().unwrap())
}

/// Which engine takes the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    VictoriaMetrics,
    /// With a window of ten days.
    Prometheus,
    /// As it is by itself.
    PrometheusWithoutWindow,
}

/// A region.
pub struct Region {
    pub folder: TempDir,
    front: SocketAddr,
    engine: SocketAddr,
    kind: Engine,
    running: Vec<Running>,
}

impl Region {
    /// Starts the engine and nginx before it.
    pub fn start(kind: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (front, engine) = (free_address(), free_address());
        papers(folder.path());
        let engine_runs = engine_command(kind, folder.path(), engine);
        let mut region = Self { folder, front, engine, kind, running: vec![engine_runs] };
        until("the engine", || {
            std::net::TcpStream::connect(engine).ok()?;
            let ready = if kind == Engine::VictoriaMetrics { "/health" } else { "/-/ready" };
            (http::get(engine, ready, "").status == 200).then_some(())
        });
        let settings = region.folder.path().join("nginx.conf");
        fs::write(&settings, nginx(region.folder.path(), front, engine)).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&settings).args(["-g", "daemon off;"]);
        region.running.push(run(region.folder.path(), "nginx", &mut command));
        until("nginx", || std::net::TcpStream::connect(front).ok());
        region
    }

    /// Where a box writes.
    pub fn url(&self) -> Url {
        self.url_of(UAI)
    }

    /// Where the box of this school writes.
    pub fn url_of(&self, uai: &str) -> Url {
        format!("https://localhost:{}/boites/{uai}/api/v1/write", self.front.port())
            .parse()
            .unwrap()
    }

    /// What a box shows, and whom it trusts.
    pub fn client(&self) -> ClientOptions {
        let path = |name: &str| self.folder.path().join(name);
        ClientOptions {
            allow_private: vec![
                "127.0.0.0/8".parse::<IpNet>().unwrap(),
                "::1/128".parse().unwrap(),
            ],
            extra_authorities: vec![path("ca.crt")],
            identity: Some((path("box.crt"), path("box.key"))),
            ..ClientOptions::default()
        }
    }

    /// The names of files for settings.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that it holds of the school; fails when a value is there twice.
    pub fn holds(&self) -> Truth {
        match self.kind {
            Engine::VictoriaMetrics => self.exported(),
            _ => self.queried(),
        }
    }

    fn exported(&self) -> Truth {
        // Values that came a moment ago are not to be seen until they are flushed.
        http::get(self.engine, "/internal/force_flush", "");
        let path = format!("/api/v1/export?match[]=%7Buai=%22{UAI}%22%7D");
        let text = http::get(self.engine, &path, "").text();
        let mut truth = Truth::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let into = truth.entry(labels(&line["metric"])).or_default();
            let (values, times) = (array(&line["values"]), array(&line["timestamps"]));
            for (value, at) in values.iter().zip(times) {
                let before = into.insert(at.as_i64().unwrap(), value.as_f64().unwrap());
                assert!(before.is_none(), "twice: {} at {at}", line["metric"]);
            }
        }
        truth
    }

    fn queried(&self) -> Truth {
        let path = format!("/api/v1/query?query=%7Buai=%22{UAI}%22%7D[9d]");
        let answer = http::get(self.engine, &path, "").json();
        assert_eq!(answer["status"], "success", "{answer}");
        let mut truth = Truth::new();
        for series in array(&answer["data"]["result"]) {
            let into = truth.entry(labels(&series["metric"])).or_default();
            for pair in array(&series["values"]) {
                #[allow(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
                let at = (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
                let value = pair[1].as_str().unwrap().parse().unwrap();
                assert!(into.insert(at, value).is_none(), "twice: {} at {at}", series["metric"]);
            }
        }
        truth
    }
}

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn labels(metric: &Value) -> std::collections::BTreeMap<String, String> {
    let labels = metric.as_object().unwrap().iter();
    labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn engine_command(kind: Engine, folder: &Path, address: SocketAddr) -> Running {
    let data = folder.join("data").display().to_string();
    if kind == Engine::VictoriaMetrics {
        let mut command = Command::new("victoria-metrics");
        command.args([
            format!("-storageDataPath={data}"),
            format!("-httpListenAddr={address}"),
            // As the region sets it: a value that is sent twice is there once.
            "-dedup.minScrapeInterval=1ms".to_owned(),
            "-memory.allowedBytes=128MB".to_owned(),
            "-search.disableCache".to_owned(),
        ]);
        return run(folder, "engine", &mut command);
    }
    let window = match kind {
        Engine::Prometheus => "storage:\n  tsdb:\n    out_of_order_time_window: 10d\n",
        _ => "",
    };
    let settings = folder.join("prometheus.yml");
    fs::write(&settings, format!("global:\n  scrape_interval: 1h\n{window}")).unwrap();
    let mut command = Command::new("prometheus");
    command.args([
        format!("--config.file={}", settings.display()),
        format!("--storage.tsdb.path={data}"),
        format!("--web.listen-address={address}"),
        "--web.enable-remote-write-receiver".to_owned(),
    ]);
    run(folder, "engine", &mut command)
}

/// An authority, the region's certificate and the box's, which is named after its school.
fn papers(folder: &Path) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
    for (stem, name, usage) in [
        ("region", "localhost", ExtendedKeyUsagePurpose::ServerAuth),
        ("box", UAI, ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let names = if stem == "region" { vec![name.to_owned()] } else { Vec::new() };
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let chain = params.signed_by(&key, &authority).unwrap().pem();
        fs::write(folder.join(format!("{stem}.crt")), chain).unwrap();
        fs::write(folder.join(format!("{stem}.key")), key.serialize_pem()).unwrap();
    }
}

fn nginx(folder: &Path, front: SocketAddr, engine: SocketAddr) -> String {
    let at = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
        .concat();
    format!(
        "worker_processes 1;\nerror_log {at}/error.log;\npid {at}/pid;\n\
         events {{}}\n\
         http {{\n{temporary}access_log {at}/access.log;\n\
         map \"$ssl_client_s_dn:$uri\" $own {{ default 0; \
         \"~^CN=([0-9]{{7}}[A-Z]):/boites/\\1/api/v1/write$\" 1; }}\n\
         server {{\nlisten {front} ssl;\n\
         ssl_certificate {at}/region.crt;\nssl_certificate_key {at}/region.key;\n\
         ssl_client_certificate {at}/ca.crt;\nssl_verify_client on;\n\
         client_max_body_size 4m;\n\
         location / {{\nif ($own = 0) {{ return 403; }}\n\
         rewrite ^/boites/[^/]+(/.*)$ $1 break;\nproxy_pass http://{engine};\n}}\n}}\n}}\n"
    )
}

/// A port that nothing listens on.
pub fn nobody() -> Url {
    format!("http://127.0.0.1:{}/api/v1/write", free_port()).parse().unwrap()
}

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
