//! The suite that caches are compared by (http-cache-tests, of <https://cache-tests.fyi>), run
//! through the cache as a forward proxy. What passed once must pass.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may; these have functions beside their tests"
)]

mod cache_support;
mod gateway_support;
mod support;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use cache_support::options;
use gateway_support::{Proxy, settings};
use preau::{
    config::{self, Period},
    gateway::cache::Cache,
};
use serde::Deserialize;
use support::until;

/// Those that must pass, and those that should, of 157 and 86.
const LEAST_REQUIRED: usize = 152;
const LEAST_OPTIMAL: usize = 80;

#[derive(Debug, Deserialize)]
struct Count {
    pass: usize,
}

#[derive(Debug, Deserialize)]
struct Failed {
    kind: String,
    id: String,
    said: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Counts {
    required: Count,
    optimal: Count,
    failed: Vec<Failed>,
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The suite's origin, ended when dropped.
struct Origin(Child, u16);

impl Origin {
    fn start(package: &Path, folder: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("node")
            .arg(package.join("server/server.mjs"))
            .env("npm_config_port", port.to_string())
            .env("npm_config_protocol", "http")
            .env("npm_package_config_pidfile", folder.join("pid"))
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.join("origin")).unwrap())
            .spawn()
            .unwrap();
        let origin = Self(child, port);
        until("the suite's origin", || std::net::TcpStream::connect(("localhost", port)).ok());
        origin
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the suite through a proxy; gives its result, a line a test.
fn run(package: &Path, proxy: &str, origin: &Origin) -> BTreeMap<String, serde_json::Value> {
    let output = Command::new("node")
        .arg("--no-warnings")
        .arg("--import")
        .arg(project("tests/http_cache/through-proxy.mjs"))
        .arg(package.join("cli.mjs"))
        .env("PREAU_PROXY", proxy)
        .env("npm_config_base", format!("http://localhost:{}", origin.1))
        .env("npm_config_id", "")
        .env("npm_package_config_id", "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let start = text.find('{').unwrap_or_else(|| panic!("no result: {text}"));
    serde_json::from_str(&text[start..]).unwrap()
}

#[test]
fn no_required_test_of_the_suite_fails_that_passed_before() {
    let package = project("target/http-cache/node_modules/http-cache-tests");
    if !package.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", package.display());
        eprintln!("SKIPPED: http-cache-tests is not here (scripts/install-http-cache)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::start(&package, folder.path());
    let cache = Cache::new(options(&folder.path().join("cache")));
    // A busy machine is not what is tried here.
    let patient = config::Gateway { connect_timeout: Period::seconds(60), ..settings(&[origin.1]) };
    let proxy = Proxy::caching(patient, cache);
    let result = run(&package, &format!("http://{}", proxy.address), &origin);
    let kept = folder.path().join("result.json");
    fs::write(&kept, serde_json::to_string_pretty(&result).unwrap()).unwrap();
    fs::copy(&kept, project("target/http-cache/result.json")).unwrap();
    let counted = Command::new("node")
        .arg(project("tests/http_cache/count.mjs"))
        .args([&package, &kept])
        .output()
        .unwrap();
    let counts: Counts = serde_json::from_slice(&counted.stdout).unwrap();
    for Failed { kind, id, said } in &counts.failed {
        println!("{kind} {id}: {said}");
    }
    println!("required {}, optimal {}", counts.required.pass, counts.optimal.pass);
    let before: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&fs::read_to_string(project("tests/http_cache/result.json")).unwrap())
            .unwrap();
    let lost: Vec<_> = counts
        .failed
        .iter()
        .filter(|failed| before.get(&failed.id) == Some(&serde_json::Value::Bool(true)))
        .collect();
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(counts.required.pass >= LEAST_REQUIRED, "{} required pass", counts.required.pass);
    assert!(counts.optimal.pass >= LEAST_OPTIMAL, "{} optimal pass", counts.optimal.pass);
}
