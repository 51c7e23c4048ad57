//! Controllers that speak by themselves: heard, and not believed. The peer is net-snmp's `snmptrap`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod wifi_support;

use std::{
    net::{SocketAddr, UdpSocket},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_snmp::Value;
use serde_json::Value as Json;
use support::{
    school_box::{SchoolBox, free_address},
    until,
};
use wifi_support::{
    AUTH_PASSWORD, PRIVACY_PASSWORD, USER,
    hostile::{AP_TABLE, Agent, Question, Reaction, answer, oid},
    secret,
};

const POINTS: u32 = 9;
/// `bsnAPDisassociated`, and in it `bsnAPMacAddrTrapVariable`.
const CISCO_DOWN: &str = "1.3.6.1.4.1.14179.2.6.3.8";
const CISCO_MAC: &str = "1.3.6.1.4.1.14179.2.6.2.20";
const ARUBA_DOWN: &str = "1.3.6.1.4.1.14823.2.3.1.11.1.2.1258";
/// Looks that traps make have ten seconds between them: one that comes sooner is the first.
const AT_ONCE: Duration = Duration::from_secs(8);

fn installed() -> bool {
    let found = Command::new("snmptrap").arg("-V").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "snmptrap is missing");
    if !found {
        eprintln!("SKIPPED: there is no snmptrap (Debian's snmp)");
    }
    found
}

/// Sends a trap, about an access point or about none.
fn trap(to: SocketAddr, who: &[&str], name: &str, mac: Option<&str>) {
    let mut command = Command::new("snmptrap");
    command.args(who).arg(to.to_string()).args(["", name]);
    command.args(mac.iter().flat_map(|mac| [CISCO_MAC, "x", mac]));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn v2c(community: &str) -> [&str; 3] {
    ["-v2c", "-c", community]
}

/// How an access point stands, and since when its controller answers.
fn standing(school: &SchoolBox, name: &str) -> Option<String> {
    let said = school.preau(&["health", "wifi", "--json"]);
    let said: Json = serde_json::from_slice(&said.stdout).ok()?;
    let points = said["access_points"].as_array()?;
    let point = points.iter().find(|one| one["name"] == name)?;
    point["standing"].as_str().map(str::to_owned)
}

fn is_beginning(question: &Question) -> bool {
    question.bulk.is_none() && question.is_below(&[1, 3, 6, 1, 2, 1, 1, 1])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_makes_the_box_look_at_once_and_neither_a_lie_nor_a_stranger_nor_a_flood_does_more()
{
    if !installed() {
        return;
    }
    let (down, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (is_down, counted) = (down.clone(), looks.clone());
    let bend = move |question: &Question| {
        if is_beginning(question) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        if !is_down.load(Ordering::SeqCst) {
            return Reaction::Honest;
        }
        let mut said = answer(POINTS, question, 1_000_000);
        for one in said.iter_mut().filter(|one| one.oid == oid(&AP_TABLE, 6, 7, &[])) {
            one.value = Value::Integer(2);
        }
        Reaction::Say(said)
    };
    let agent = Agent::start(POINTS, Box::new(bend)).await;
    let (address, community) = (agent.address, agent.secret());
    tokio::task::spawn_blocking(move || {
        let heard_at = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let school = SchoolBox::start(
            "0510035L",
            &format!(
                "[health.traps]\nlisten = [\"{heard_at}\"]\n[[health.controllers]]\n\
                 name = \"lycee\"\naddress = \"{address}\"\ncommunity_file = \"{}\"\n\
                 interval = \"1h\"\ntimeout = \"2s\"\n",
                community.display()
            ),
        );
        until("the first look", || (standing(&school, "ap7")? == "up").then_some(()));
        // Another community, another address, something else, bytes that are no trap.
        let mac = Some("020000000007");
        trap(heard_at, &v2c("private"), CISCO_DOWN, mac);
        let elsewhere = ["-v2c", "-c", "public", "--clientaddr=127.0.0.2"];
        trap(heard_at, &elsewhere, CISCO_DOWN, mac);
        trap(heard_at, &v2c("public"), "1.3.6.1.6.3.1.1.5.3", mac);
        let garbage = UdpSocket::bind("127.0.0.1:0").unwrap();
        for length in [0, 1, 100, 5000] {
            garbage.send_to(&vec![0x30; length], heard_at).unwrap();
        }
        // Only now there is something to see.
        down.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        trap(heard_at, &v2c("public"), CISCO_DOWN, mac);
        until("a look", || (standing(&school, "ap7")? == "down").then_some(()));
        assert!(begun.elapsed() < AT_ONCE, "something before it had made the box look");
        assert_eq!(looks.load(Ordering::SeqCst), 2);

        // It is back, whatever the traps say; a thousand of them are at most one look more by now.
        down.store(false, Ordering::SeqCst);
        let mut flood = snmp_trap_bytes(heard_at);
        flood.extend(std::iter::repeat_n(flood[0].clone(), 1000));
        for bytes in flood {
            garbage.send_to(&bytes, heard_at).unwrap();
        }
        let since = begun.elapsed();
        until("the look that the flood made", || (standing(&school, "ap7")? == "up").then_some(()));
        assert!(begun.elapsed() >= AT_ONCE.saturating_sub(since), "not before its time");
        assert_eq!(looks.load(Ordering::SeqCst), 3);
        assert_eq!(standing(&school, "ap3").as_deref(), Some("up"));
        let log = school.log();
        assert!(log.lines().count() < 60 && !log.contains("public"), "{log}");
    })
    .await
    .unwrap();
}

/// What `snmptrap` sends, heard on a socket of ours.
fn snmp_trap_bytes(instead_of: SocketAddr) -> Vec<Vec<u8>> {
    let near = UdpSocket::bind((instead_of.ip(), 0)).unwrap();
    near.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    trap(near.local_addr().unwrap(), &v2c("public"), CISCO_DOWN, Some("020000000003"));
    let mut buffer = vec![0; 2000];
    let (length, _) = near.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    vec![buffer]
}

#[test]
fn a_user_of_v3_is_heard_with_both_passwords_and_nobody_else_is() {
    if !installed() {
        return;
    }
    // It never answers; that it is asked shows that the box looks.
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let auth = secret(folder.path(), "auth", AUTH_PASSWORD);
    let privacy = secret(folder.path(), "privacy", PRIVACY_PASSWORD);
    let heard_at = free_address();
    let _school = SchoolBox::start(
        "0510035L",
        &format!(
            "[health.traps]\nlisten = [\"{heard_at}\"]\n[[health.controllers]]\n\
             name = \"lycee\"\naddress = \"{}\"\ninterval = \"1h\"\ntimeout = \"100ms\"\n\
             [health.controllers.v3]\nuser = \"{USER}\"\nauth = \"sha256\"\n\
             auth_key_file = \"{}\"\nprivacy_key_file = \"{}\"\n",
            agent.local_addr().unwrap(),
            auth.display(),
            privacy.display()
        ),
    );
    let mut buffer = [0; 2000];
    let mut asked_within = |time: Duration| {
        agent.set_read_timeout(Some(time)).unwrap();
        agent.recv_from(&mut buffer).is_ok()
    };
    assert!(asked_within(Duration::from_secs(30)), "the first look");
    // Its tries: nothing more comes when they are over.
    while asked_within(Duration::from_millis(700)) {}
    let user = |level: &'static str, auth: &'static str| {
        let keys = ["-a", "SHA-256", "-A", auth, "-x", "AES", "-X", PRIVACY_PASSWORD];
        ["-v3", "-e", "0x8000000001020304", "-u", USER, "-l", level].into_iter().chain(keys)
    };
    let send = |words: Vec<&str>| trap(heard_at, &words, ARUBA_DOWN, None);
    send(user("noAuthNoPriv", AUTH_PASSWORD).collect());
    send(user("authPriv", "another password").collect());
    send(v2c("public").to_vec());
    assert!(!asked_within(Duration::from_millis(700)), "by somebody who is not the controller");
    send(user("authPriv", AUTH_PASSWORD).collect());
    assert!(asked_within(AT_ONCE), "by the controller");
}
