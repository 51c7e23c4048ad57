//! Controllers for a test: recorded walks served by others' simulator, and an agent of ours that lies.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod hostile;

use std::{
    fs,
    io::Read as _,
    net::{SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use flate2::read::GzDecoder;
use jiff::Timestamp;
use preau::{
    config::{AuthProtocol, Controller, ControllerKind, Period, PrivacyProtocol, SnmpUser},
    health::wifi::{Asked, Credentials, Kind, PollError, Survey, client::Peer, poll},
};
use tempfile::TempDir;

use super::support::{PATIENCE, sample_folder};

/// A user of v3, as the simulator and the box are told of it.
#[derive(Debug, Clone, Copy)]
pub struct User {
    pub auth: (&'static str, AuthProtocol),
    pub privacy: (&'static str, PrivacyProtocol),
}

/// snmpsim on loopback with some of the recorded walks; ended when dropped.
#[derive(Debug)]
pub struct Simulator {
    pub address: SocketAddr,
    pub folder: TempDir,
    child: Child,
}

/// The name of the user of v3, and its two passwords.
pub const USER: &str = "preau";
pub const AUTH_PASSWORD: &str = "authentification";
pub const PRIVACY_PASSWORD: &str = "confidentiality";

fn installed() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/snmp");
    let found = root.join("version").exists();
    assert!(found || std::env::var_os("CI").is_none(), "the simulator is missing");
    if !found {
        eprintln!("SKIPPED: there is no simulator of controllers (scripts/install-snmp)");
    }
    found.then(|| root.join("venv/bin/snmpsim-command-responder"))
}

fn free_address() -> SocketAddr {
    UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

impl Simulator {
    /// With these walks, each under its name; for a user of v3 when one is given. `None` where there is
    /// no simulator, or no walk: the test is skipped, which in continuous integration is a failure.
    pub fn start(walks: &[&str], user: Option<User>) -> Option<Self> {
        let (program, samples) = (installed()?, sample_folder()?.join("snmp"));
        let folder = tempfile::tempdir().unwrap();
        let (data, cache) = (folder.path().join("data"), folder.path().join("cache"));
        for made in [&data, &cache] {
            fs::create_dir(made).unwrap();
        }
        for walk in walks {
            let target = data.join(format!("{walk}.snmprec"));
            let packed = samples.join(format!("{walk}.snmprec.gz"));
            if packed.exists() {
                let mut text = Vec::new();
                GzDecoder::new(fs::File::open(packed).unwrap()).read_to_end(&mut text).unwrap();
                fs::write(target, text).unwrap();
            } else {
                fs::copy(samples.join(format!("{walk}.snmprec")), target).unwrap();
            }
        }
        let address = free_address();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command
            .arg(format!("--data-dir={}", data.display()))
            .arg(format!("--cache-dir={}", cache.display()))
            .arg(format!("--agent-udpv4-endpoint={address}"));
        // As root it wants to be told to stay so.
        if nix::unistd::geteuid().is_root() {
            command.args(["--process-user=root", "--process-group=root"]);
        }
        if let Some(user) = user {
            command
                .arg(format!("--v3-user={USER}"))
                .arg(format!("--v3-auth-key={AUTH_PASSWORD}"))
                .arg(format!("--v3-auth-proto={}", user.auth.0))
                .arg(format!("--v3-priv-key={PRIVACY_PASSWORD}"))
                .arg(format!("--v3-priv-proto={}", user.privacy.0));
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut simulator = Self { address, folder, child };
        simulator.wait();
        Some(simulator)
    }

    /// It says so when it listens.
    fn wait(&mut self) {
        super::support::until("the simulator", || {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {log}");
            log.contains("Listening at UDP/IPv4 endpoint").then_some(())
        });
    }

    /// Settings of a controller that is this walk, asked by v2c.
    pub fn controller(&self, walk: &str) -> Controller {
        controller(self.address, &secret(self.folder.path(), "community", walk))
    }

    /// The same by v3: the walk is a context.
    pub fn controller_of_user(&self, walk: &str, user: User) -> Controller {
        let (auth, privacy) = (user.auth.1, user.privacy.1);
        let v3 = SnmpUser {
            user: USER.to_owned(),
            auth,
            auth_key_file: secret(self.folder.path(), "auth", AUTH_PASSWORD),
            privacy,
            privacy_key_file: Some(secret(self.folder.path(), "privacy", PRIVACY_PASSWORD)),
            context: walk.to_owned(),
        };
        Controller { community_file: None, v3: Some(v3), ..self.controller(walk) }
    }
}

impl Simulator {
    /// From now on it answers nothing, until `answers`.
    pub fn is_silent(&self) {
        self.signal(nix::sys::signal::Signal::SIGSTOP);
    }

    /// It answers again.
    pub fn answers(&self) {
        self.signal(nix::sys::signal::Signal::SIGCONT);
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(id, signal).unwrap();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that only its owner reads.
pub fn secret(folder: &Path, name: &str, line: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("{line}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Settings of a controller with this community.
pub fn controller(address: SocketAddr, community: &Path) -> Controller {
    Controller {
        name: "lycee".to_owned(),
        address: address.to_string().parse().unwrap(),
        kind: ControllerKind::Auto,
        community_file: Some(community.to_owned()),
        v3: None,
        interval: Period::seconds(60),
        timeout: Period(Duration::from_secs(5)),
        places: None,
    }
}

/// One look, as the daemon takes it.
pub async fn look(controller: &Controller) -> Result<Survey, PollError> {
    look_as(controller, None).await
}

/// One look at a controller whose kind is known.
pub async fn look_as(controller: &Controller, kind: Option<Kind>) -> Result<Survey, PollError> {
    let credentials = Credentials::read(controller).unwrap();
    let peer = Peer::new(controller.address.clone(), &credentials, controller.timeout.0);
    let asked = Asked { controller: controller.name.clone(), kind, within: PATIENCE };
    poll(&peer.connect().await?, &asked, Timestamp::now()).await
}
