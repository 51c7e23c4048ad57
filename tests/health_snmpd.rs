//! SNMP v3 by others: net-snmp's agent, with two access points of its own, is read with old and new
//! protocols, tells nothing to who has a wrong password, and is read again after it was started anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod wifi_support;

use std::{
    fs,
    net::UdpSocket,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use preau::{
    config::{AuthProtocol, Controller, Period, PrivacyProtocol, SnmpUser},
    health::wifi::{ApState, Kind, Survey, Target},
};
use support::until;
use wifi_support::{AUTH_PASSWORD, PRIVACY_PASSWORD, USER, controller, secret};

/// wlsxWlanAPTable, and the addresses of two access points in it.
const TABLE: &str = ".1.3.6.1.4.1.14823.2.2.1.5.2.1.4.1";
const POINTS: [(&str, &str, u8); 2] =
    [("0.11.134.1.2.3", "CDI", 1), ("0.11.134.1.2.4", "Gymnase", 2)];

/// snmpd on loopback; ended when dropped.
struct Agent(Child);

impl Agent {
    fn start(folder: &Path, port: u16) -> Self {
        let child = Command::new("snmpd")
            .args(["-f", "-Lf"])
            .arg(folder.join("log"))
            .args(["-C", "-c"])
            .arg(folder.join("snmpd.conf"))
            .arg(format!("udp:127.0.0.1:{port}"))
            .env("SNMP_PERSISTENT_DIR", folder.join("kept"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Self(child);
        until("snmpd to listen", || UdpSocket::bind(("127.0.0.1", port)).is_err().then_some(()));
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It writes down how often it was started when it is told to end.
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// Is net-snmp's agent here? Else the test is skipped, which in continuous integration is a failure.
fn installed() -> bool {
    let found = Command::new("snmpd").arg("-v").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "snmpd is missing");
    if !found {
        eprintln!("SKIPPED: there is no snmpd (scripts/install test)");
    }
    found
}

/// What it tells, and to whom alone.
fn configure(folder: &Path, auth: &str, privacy: &str, more: &str) {
    let mut text = format!(
        "{more}\ncreateUser {USER} {auth} \"{AUTH_PASSWORD}\" {privacy} \"{PRIVACY_PASSWORD}\"\n\
         rouser {USER} priv\n\
         sysobjectid .1.3.6.1.4.1.14823.1.1.32\n\
         sysdescr ArubaOS, as far as this test goes\n"
    );
    for (index, name, state) in POINTS {
        text.push_str(&format!("override {TABLE}.3.{index} octet_str \"{name}\"\n"));
        text.push_str(&format!("override {TABLE}.19.{index} integer {state}\n"));
    }
    fs::write(folder.join("snmpd.conf"), text).unwrap();
    fs::create_dir_all(folder.join("kept")).unwrap();
}

fn settings(folder: &Path, port: u16, auth: AuthProtocol, privacy: PrivacyProtocol) -> Controller {
    let v3 = SnmpUser {
        user: USER.to_owned(),
        auth,
        auth_key_file: secret(folder, "auth", AUTH_PASSWORD),
        privacy,
        privacy_key_file: Some(secret(folder, "privacy", PRIVACY_PASSWORD)),
        context: String::new(),
    };
    let address = ([127, 0, 0, 1], port).into();
    let community = secret(folder, "community", "none");
    Controller { community_file: None, v3: Some(v3), ..controller(address, &community) }
}

fn is_the_school(survey: &Survey) {
    assert_eq!((survey.kind, survey.whole), (Kind::Aruba, true), "{survey:?}");
    let told: Vec<_> =
        survey.access_points.iter().map(|one| (one.name.as_deref().unwrap(), one.state)).collect();
    assert_eq!(told, [("CDI", Some(ApState::Up)), ("Gymnase", Some(ApState::Down))]);
    assert_eq!(survey.access_points[0].mac.to_string(), "00:0b:86:01:02:03");
}

#[tokio::test]
async fn net_snmp_is_read_by_version_3_before_and_after_it_starts_anew() {
    if !installed() {
        return;
    }
    // Started anew it is another engine, or the same that has lost count of its starts.
    let same = "exactEngineID 0x80001f8880112233445566778899";
    for (auth, privacy, engine) in [
        (("SHA", AuthProtocol::Sha), ("AES", PrivacyProtocol::Aes), ""),
        (("SHA-256", AuthProtocol::Sha256), ("AES", PrivacyProtocol::Aes), same),
        (("SHA-512", AuthProtocol::Sha512), ("AES-256", PrivacyProtocol::Aes256), ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let port = UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        configure(folder.path(), auth.0, privacy.0, engine);
        let agent = Agent::start(folder.path(), port);
        let mut controller = settings(folder.path(), port, auth.1, privacy.1);
        controller.timeout = Period(Duration::from_millis(500));
        let known = Target::open(&controller).unwrap();
        let first = known.look().await;
        is_the_school(&first.unwrap_or_else(|error| panic!("{auth:?} {privacy:?}: {error}")));
        drop(agent);
        let _again = Agent::start(folder.path(), port);
        // One look may go by what was learnt of the old one; the next does not.
        let second = match known.look().await {
            Ok(survey) => survey,
            Err(_) => known.look().await.unwrap(),
        };
        is_the_school(&second);
        let v3 = controller.v3.as_mut().unwrap();
        v3.auth_key_file = secret(folder.path(), "wrong", "not the password");
        let refused = Target::open(&controller).unwrap().look().await;
        assert!(refused.is_err(), "{refused:?}");
    }
}
