//! An nginx origin on loopback, with a log of what it was asked.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use super::super::support::until;

/// An nginx that serves a folder until it is dropped.
pub struct Nginx {
    /// Where it listens.
    pub address: SocketAddr,
    root: PathBuf,
    log: PathBuf,
    /// Questions of our own so far.
    marks: AtomicUsize,
    child: Child,
    _folder: tempfile::TempDir,
}

/// Is nginx here? Without it a test is skipped, loudly; in continuous integration it fails.
pub fn found() -> bool {
    let found = Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "nginx is missing");
    if !found {
        eprintln!("SKIPPED: nginx is not installed (scripts/install test)");
    }
    found
}

impl Nginx {
    /// Starts one; `more` goes into its `server` block.
    pub fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (root, log) = (at.join("root"), at.join("log"));
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        fs::set_permissions(at, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/errors;
             events {{ worker_connections 2048; }}
             http {{
               log_format asked '$request_method $request_uri $status $http_range';
               access_log {log} asked;
               client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f;
               uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
               sendfile on;
               server {{ listen 127.0.0.1:{port}; root {root}; {more} }}
             }}",
            at = at.display(),
            log = log.display(),
            root = root.display(),
        );
        fs::write(at.join("conf"), file).unwrap();
        let child = Command::new("nginx")
            .arg("-c")
            .arg(at.join("conf"))
            .arg("-p")
            .arg(at)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        until("nginx to listen", || TcpStream::connect(address).ok());
        Self { address, root, log, marks: AtomicUsize::new(0), child, _folder: folder }
    }

    /// Where its files are.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What it was asked: method, address, status and range, a line each.
    pub fn asked(&self) -> Vec<String> {
        // A line is written once its answer is out. It is one process: a question of our own, asked after
        // theirs, has its line after theirs.
        const MARK: &str = "/asked-until-here-";
        let mark = format!("{MARK}{}", self.marks.fetch_add(1, Ordering::Relaxed));
        let mut own = TcpStream::connect(self.address).unwrap();
        write!(own, "GET {mark} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let text = until("nginx to write its log", || {
            let text = fs::read_to_string(&self.log).unwrap_or_default();
            text.contains(&format!("{mark} ")).then_some(text)
        });
        text.lines().filter(|line| !line.contains(MARK)).map(str::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
