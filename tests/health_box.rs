//! What the box says of itself and of its services, to a person and to a script.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::Output,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use support::{
    school_box::{SchoolBox, free_address},
    until,
};

fn said(school: &SchoolBox) -> (Value, Output) {
    let output = school.preau(&["health", "box", "--json"]);
    (serde_json::from_slice(&output.stdout).unwrap(), output)
}

/// The value of this name and these labels.
fn value(said: &Value, name: &str, labels: &[&str]) -> Option<f64> {
    let all = said["values"].as_array().unwrap();
    let same = |one: &&Value| {
        one["name"] == name
            && labels
                .iter()
                .all(|label| one["labels"].as_object().unwrap().values().any(|own| own == label))
    };
    all.iter().find(same).and_then(|one| one["value"].as_f64())
}

/// What a proxy answers, to its first line's end.
fn asked(proxy: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(proxy).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    String::from_utf8_lossy(&head).into_owned()
}

/// The code of a resolver's answer to a question for the address of a name.
fn code(resolver: SocketAddr, name: &str) -> u8 {
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    socket.send_to(&question, resolver).unwrap();
    let mut answer = [0; 512];
    socket.recv_from(&mut answer).unwrap();
    answer[3] & 15
}

#[test]
fn the_box_tells_how_it_is_and_a_script_hears_that_something_is_wrong() {
    let mut school = SchoolBox::start("0510035L", "");
    let (first, output) = said(&school);
    assert_eq!(output.status.code(), Some(0), "{first}");
    for (name, least) in [
        ("preau_process_resident_memory_bytes", 1e6),
        ("preau_memory_total_bytes", 1e8),
        ("preau_disk_size_bytes", 1e6),
        ("preau_process_start_time_seconds", 1.7e9),
    ] {
        assert!(value(&first, name, &[]).unwrap() >= least, "{name}: {first}");
    }
    assert_eq!(value(&first, "preau_store_quarantined_packages", &[]), Some(0.0));
    assert_eq!(value(&first, "preau_certificate_expiry_timestamp_seconds", &[]), None);
    assert_eq!(value(&first, "preau_dns_questions_total", &["answered"]), None, "there is none");

    let aside = school.folder.path().join("data/quarantine");
    let name = format!("{}.blob.{}", "5a".repeat(32), Timestamp::now().as_nanosecond());
    fs::write(aside.join(name), "damaged").unwrap();
    school.restart();
    let (second, output) = until("a look at the store", || {
        let (second, output) = said(&school);
        (value(&second, "preau_store_quarantined_packages", &[]) == Some(1.0))
            .then_some((second, output))
    });
    assert_eq!(output.status.code(), Some(75), "{second}");
    let output = school.preau(&["health", "box"]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(75), "{table}");
    for line in ["daemon       0.", "memory       ", "WRONG        store_damaged, since 20"] {
        assert!(table.lines().any(|one| one.starts_with(line)), "{line}: {table}");
    }
}

#[test]
fn requests_and_questions_are_counted_by_what_came_of_them() {
    let origin = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (open, closed) = (origin.local_addr().unwrap().port(), free_address().port());
    // Nobody answers there.
    let silent = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let (proxy, dns) = (free_address(), free_address());
    let school = SchoolBox::start(
        "0510035L",
        &format!(
            "[gateway]\nlisten = [\"{proxy}\"]\nconnect_ports = [{open}, {closed}]\n\
             allow_private = [\"127.0.0.0/8\"]\n\
             [dns]\nlisten = [\"{dns}\"]\nresolvers = [\"{}\"]\nallow = [\"127.0.0.0/8\"]\n",
            silent.local_addr().unwrap()
        ),
    );
    let connect = |to: &str| asked(proxy, &format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n"));
    assert_eq!(connect(&format!("127.0.0.1:{open}")), "HTTP/1.1 200");
    assert_eq!(connect(&format!("127.0.0.1:{closed}")), "HTTP/1.1 502", "the site is not there");
    assert_eq!(connect("127.0.0.1:25"), "HTTP/1.1 403");
    assert_eq!(connect(&format!("10.9.9.9:{open}")), "HTTP/1.1 403");
    assert!(connect(&format!("nowhere.example:{open}")).starts_with("HTTP/1.1 50"));
    assert_eq!(code(dns, "preau"), 0);
    assert_eq!(code(dns, "nowhere.example"), 2);
    let counts = until("a look after that", || {
        let (said, _) = said(&school);
        let counts = |name: &str, results: [&str; 3]| {
            results.map(|result| value(&said, name, &[result]).unwrap_or(-1.0))
        };
        let proxy = counts("preau_proxy_requests_total", ["served", "refused", "failed"]);
        let names = counts("preau_dns_questions_total", ["answered", "refused", "failed"]);
        (proxy.iter().sum::<f64>() >= 5.0).then_some((proxy, names))
    });
    assert_eq!(counts, ([2.0, 2.0, 1.0], [1.0, 0.0, 1.0]));
}
