//! Chromium, driven by chromedriver: pages opened, looked at by axe, their console read.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{school_box::free_port, until};

/// A browser with a fresh profile, ended when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    profile: TempDir,
}

/// Is Chromium here? Without it a test is skipped, loudly; in continuous integration it fails.
pub fn present() -> bool {
    let found =
        Command::new("chromedriver").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "chromedriver is missing");
    if !found {
        eprintln!("SKIPPED: chromedriver is not installed (scripts/install test)");
    }
    found
}

impl Browser {
    /// Starts chromedriver.
    pub fn start() -> Self {
        Self::driven_by(Command::new("chromedriver"))
    }

    /// Starts chromedriver by this command, on the host of the calling thread.
    pub fn driven_by(mut chromedriver: Command) -> Self {
        let port = free_port();
        let driver = chromedriver
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("chromedriver", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { driver, port, profile: tempfile::tempdir().unwrap() }
    }

    /// A window `width` CSS pixels wide, as a phone or a laptop has.
    pub async fn window(&self, width: u32, height: u32) -> Client {
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--lang=fr".to_owned(),
            // Boxes of tests have an authority of their own each.
            "--ignore-certificate-errors".to_owned(),
            format!("--user-data-dir={}", self.profile.path().join(width.to_string()).display()),
        ];
        let wanted = json!({
            "goog:chromeOptions": {
                "args": arguments,
                "mobileEmulation": {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1}},
                "prefs": {
                    "intl.accept_languages": "fr",
                    "download.default_directory": self.downloads(),
                },
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let Value::Object(wanted) = wanted else { unreachable!("an object was written") };
        ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .unwrap()
    }

    /// Has the person chosen dark colours?
    pub async fn dark(&self, client: &Client, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.tell(client, "Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Gives the browser a cookie of a box, as the box itself sets it.
    pub async fn cookie(&self, client: &Client, home: &str, name: &str, value: &str) {
        let cookie =
            json!({"name": name, "value": value, "url": home, "path": "/", "secure": true});
        let set = self.tell(client, "Network.setCookie", cookie).await;
        assert_eq!(set["value"]["success"], true, "{name}: {set}");
    }

    /// One command of the `DevTools` protocol.
    pub async fn tell(&self, client: &Client, command: &str, parameters: Value) -> Value {
        let session = client.session_id().await.unwrap().unwrap();
        let address = format!("http://127.0.0.1:{}/session/{session}/goog/cdp/execute", self.port);
        post(&address, &json!({"cmd": command, "params": parameters}).to_string()).await
    }

    /// Where downloads land.
    pub fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// What the console said at `warning` and above since the last look, the session's own noise
    /// left out.
    pub async fn console(&self, client: &Client) -> Vec<String> {
        let session = client.session_id().await.unwrap().unwrap();
        let address = format!("http://127.0.0.1:{}/session/{session}/se/log", self.port);
        let body = json!({"type": "browser"}).to_string();
        let answer = post(&address, &body).await;
        let entries = answer["value"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

async fn post(address: &str, body: &str) -> Value {
    use http_body_util::BodyExt as _;
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http::<String>();
    let request = http::Request::post(address)
        .header("content-type", "application/json")
        .body(body.to_owned())
        .unwrap();
    let answer = client.request(request).await.unwrap();
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// Violations of WCAG 2.1 A and AA that axe finds on the page, each in a line.
pub async fn axe(client: &Client) -> Vec<String> {
    let script =
        concat!(env!("CARGO_MANIFEST_DIR"), "/src/library/web/node_modules/axe-core/axe.min.js");
    let source = std::fs::read_to_string(script)
        .unwrap_or_else(|e| panic!("{script}: {e}; run scripts/build-web"));
    client.execute(&source, vec![]).await.unwrap();
    let found = client
        .execute_async(
            "const done = arguments[arguments.length - 1];
             axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], iframes: false})
                .then(result => done(result.violations.map(v =>
                    v.id + ': ' + v.help + ' ' + v.nodes.map(n => n.target.join(' ')).join(', '))))
                .catch(error => done(['axe failed: ' + error]));",
            vec![],
        )
        .await
        .unwrap();
    serde_json::from_value(found).unwrap()
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
