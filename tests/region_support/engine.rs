//! `VictoriaMetrics` with the flags of `victoria-metrics.env`.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    Ended, folder,
    write::{TimeSeries, body},
};
use crate::support::{http, school_box::free_address, until};

/// The engine.
#[derive(Debug)]
pub struct Engine {
    pub address: SocketAddr,
    _process: Ended,
}

/// The flags that the region gives it.
pub fn flags(file: &str) -> Vec<String> {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    let (_, rest) = text.split_once("\nARGS=\"").expect("a line ARGS=\"…\"");
    let (arguments, _) = rest.split_once('"').unwrap();
    arguments.split_whitespace().filter(|word| *word != "\\").map(str::to_owned).collect()
}

impl Engine {
    /// Starts it in a folder; `schools` is where the region's list is served.
    pub fn start(at: &Path, schools: SocketAddr) -> Self {
        let address = free_address();
        let mut scrape = fs::read_to_string(folder().join("scrape.yml")).unwrap();
        // Where it asks, and that a test need not wait a minute.
        for (from, to) in [
            ("127.0.0.1:8429", schools.to_string()),
            ("127.0.0.1:8428", address.to_string()),
            ("scrape_interval: 60s", "scrape_interval: 1s".to_owned()),
        ] {
            assert!(scrape.contains(from), "{from}");
            scrape = scrape.replace(from, &to);
        }
        fs::write(at.join("scrape.yml"), scrape).unwrap();
        fs::copy(folder().join("relabel.yml"), at.join("relabel.yml")).unwrap();
        let mut command = Command::new("victoria-metrics");
        for flag in flags("victoria-metrics.env") {
            // Where it lies and listens, and how large the disk must be: those of this machine.
            let (name, value) = flag.split_once('=').unwrap();
            command.arg(match name {
                "-storageDataPath" => format!("{name}={}", at.join("data").display()),
                "-httpListenAddr" => format!("{name}={address}"),
                "-storage.minFreeDiskSpaceBytes" => format!("{name}=10MB"),
                _ => format!("{name}={}", value.replace("/etc/preau-region", at.to_str().unwrap())),
            });
        }
        let said = fs::File::create(at.join("engine-said")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn();
        let mut process = Ended(child.unwrap());
        until("VictoriaMetrics", || {
            if let Some(status) = process.0.try_wait().unwrap() {
                let said = fs::read_to_string(at.join("engine-said")).unwrap();
                panic!("VictoriaMetrics ended with {status}: {said}");
            }
            std::net::TcpStream::connect(address).ok()
        });
        Self { address, _process: process }
    }

    /// Takes values without nginx, as those of the region itself.
    pub fn put(&self, series: Vec<TimeSeries>) {
        let fields = "Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n";
        let page = http::send(self.address, "POST", "/api/v1/write", fields, &body(series));
        assert_eq!(page.status, 204, "{}", page.text());
        self.flush();
    }

    /// What was taken can be asked for.
    pub fn flush(&self) {
        assert_eq!(http::get(self.address, "/internal/force_flush", "").status, 200);
    }

    /// What a question answers at a moment; an error of the engine is the test's.
    pub fn ask(&self, question: &str, at: i64) -> Vec<Value> {
        self.try_ask(question, at).unwrap_or_else(|error| panic!("{question}: {error}"))
    }

    /// The same, or what is wrong with the question.
    pub fn try_ask(&self, question: &str, at: i64) -> Result<Vec<Value>, String> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", question)
            .append_pair("time", &at.to_string())
            .append_pair("nocache", "1")
            .finish();
        let page = http::get(self.address, &format!("/api/v1/query?{query}"), "");
        if page.status != 200 {
            return Err(page.text());
        }
        Ok(page.json()["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// Series that exist, whenever: their labels.
    pub fn exist(&self, which: &str) -> Vec<Value> {
        self.flush();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("match[]", which)
            .append_pair("start", "1")
            .finish();
        let page = http::get(self.address, &format!("/api/v1/series?{query}"), "");
        assert_eq!(page.status, 200, "{}", page.text());
        page.json()["data"].as_array().cloned().unwrap()
    }

    /// A value that the engine tells of itself.
    pub fn of_itself(&self, line: &str) -> u64 {
        let text = http::get(self.address, "/metrics", "").text();
        let found = text.lines().find_map(|told| told.strip_prefix(line));
        found.unwrap_or_else(|| panic!("no {line}")).trim().parse().unwrap()
    }
}
