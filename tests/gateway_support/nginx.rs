//! nginx as an origin, in the clear and under TLS: it serves files, and keeps what is put.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use nix::{sys::signal, unistd::Pid};
use preau::demo::authority::Authority;
use tempfile::TempDir;

use crate::support::{school_box::free_address, until};

/// The name that its certificate is for.
pub const NAME: &str = "origin.example";

pub struct Nginx {
    pub clear: SocketAddr,
    pub secure: SocketAddr,
    folder: TempDir,
    child: Child,
}

/// Are these programs here? Without them a test is skipped, loudly; in continuous integration it
/// fails.
pub fn present(programs: &[&str]) -> bool {
    programs.iter().all(|program| {
        let mut tried = Command::new(program);
        let found = tried.arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
        assert!(found || std::env::var_os("CI").is_none(), "{program} is missing");
        if !found {
            eprintln!("SKIPPED: {program} is not installed (scripts/install test)");
        }
        found
    })
}

impl Nginx {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clear, secure) = (free_address(), free_address());
        let authority = Authority::new("origins of a test").unwrap();
        authority.issue_now(&[NAME]).unwrap().write(folder.path(), "origin").unwrap();
        fs::write(folder.path().join("authority.crt"), authority.pem()).unwrap();
        let at = folder.path().display();
        fs::create_dir_all(folder.path().join("www/put")).unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
            .concat();
        let user = if nix::unistd::geteuid().is_root() { "user root;" } else { "" };
        let settings = format!(
            "daemon off; {user} worker_processes 1; pid {at}/pid; error_log {at}/errors;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; client_max_body_size 0;\n{temporary}\
             ssl_certificate {at}/origin.crt; ssl_certificate_key {at}/origin.key;\n\
             server {{ listen {clear}; listen {secure} ssl; root {at}/www;\n\
             location /put/ {{ dav_methods PUT; create_full_put_path on; }} }} }}\n"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, settings).unwrap();
        let mut child = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(fs::File::create(folder.path().join("said")).unwrap())
            .spawn()
            .unwrap();
        until("nginx", || {
            if let Some(status) = child.try_wait().unwrap() {
                let said = fs::read_to_string(folder.path().join("said")).unwrap();
                panic!("nginx ended with {status}: {said}");
            }
            TcpStream::connect(clear).ok()
        });
        Self { clear, secure, folder, child }
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Publishes a file.
    pub fn publish(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path("www").join(name), bytes).unwrap();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = signal::kill(id, signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
