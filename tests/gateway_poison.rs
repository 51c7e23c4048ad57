//! Nobody makes the cache give another what is not theirs: what one device asks in an odd way is
//! answered to that device alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may; these have functions beside their tests"
)]

mod gateway_support;
mod support;

use std::io::{Read as _, Write as _};

use gateway_support::{Origin, Proxy, settings};
use preau::gateway::cache::{Bounds, Cache, Options, updates::Rules};

const MANY: &str = "a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, \
     a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, \
     a, a, a, a, a, a, a, a, a, a, a, a";

/// A site that says what it heard: `/steered` what its fields make of it, `/varied` and `/hidden`
/// whose cookie it got, `/secret` what is not to be stored, `/fat` the body it got.
fn site() -> Origin {
    Origin::start(|head, stream| {
        let said = |name: &str| {
            let field = gateway_support::field(head, name);
            field.map(str::to_owned)
        };
        let mut fields = "Cache-Control: max-age=600\r\n".to_owned();
        let (mut status, mut page) = ("200 OK", "for all".to_owned());
        if head.contains("/steered") {
            if said("x-http-method-override").is_some() {
                (status, page) = ("404 Not Found", "no such method".to_owned());
            } else if let Some(other) = said("x-original-url") {
                page = format!("the page of {other}");
            }
        } else if head.contains("/varied") {
            fields.push_str(&format!("Vary: {MANY}, X-Class\r\n"));
            page = format!("for {:?}", said("x-class"));
        } else if head.contains("/member") {
            fields.push_str("Vary: X-Class\r\n");
            page = format!("for {:?}", said("x-class"));
        } else if head.contains("/secret") {
            fields = format!("Cache-Control: max-age=600, {MANY}, no-store\r\n");
            page = format!("for {:?}", said("x-class"));
        } else if head.contains("/fat") {
            let mut body = vec![0; said("content-length").map_or(0, |n| n.parse().unwrap())];
            stream.read_exact(&mut body).unwrap();
            page = format!("asked with {}", String::from_utf8_lossy(&body));
        } else if head.contains("/host") {
            page = format!("{:?} {:?}", said("host"), said("x-forwarded-host"));
        }
        let length = page.len();
        let answer = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{page}");
        stream.write_all(answer.as_bytes()).is_ok()
    })
}

struct School {
    proxy: Proxy,
    origin: Origin,
}

fn school() -> School {
    let origin = site();
    let bounds = Bounds { bytes: 1 << 20, count: 100 };
    let (memory, disk) = (bounds, bounds);
    let cache = Cache::new(Options {
        folder: None,
        memory,
        disk,
        reserve: 0,
        rules: Rules::shipped().unwrap(),
    });
    School { proxy: Proxy::caching(settings(&[origin.port()]), cache), origin }
}

impl School {
    /// What a device gets: the body.
    fn get(&self, path: &str, fields: &str) -> String {
        let at = self.origin.address;
        let heard = self.proxy.exchange(format!(
            "GET http://{at}{path} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n"
        ));
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 "), "{head}");
        body.to_owned()
    }

    fn asked(&self) -> usize {
        self.origin.heads.lock().unwrap().len()
    }
}

#[test]
fn an_answer_that_fields_steered_is_for_who_sent_them() {
    let school = school();
    for (field, got) in [
        ("X-HTTP-Method-Override: DELETE\r\n", "no such method"),
        ("X-Original-URL: /admin\r\n", "the page of /admin"),
    ] {
        let path = format!("/steered?{}", got.len());
        assert_eq!(school.get(&path, field), got);
        assert_eq!(school.get(&path, ""), "for all", "{field}");
        assert_eq!(school.get(&path, field), got, "nor is what is stored an answer to it");
        let before = school.asked();
        assert_eq!(school.get(&path, ""), "for all");
        assert_eq!(school.asked(), before, "which is stored all the same");
    }
}

#[test]
fn a_host_beside_the_address_names_nothing() {
    let school = school();
    let own = format!("Some(\"{}\") None", school.origin.address);
    let others = "Host: evil.example\r\nX-Forwarded-Host: evil.example\r\n";
    assert_eq!(school.get("/host", others), own);
    assert_eq!(school.get("/host", "Host: good.example\r\n"), own);
}

#[test]
fn what_is_hidden_at_the_end_of_a_long_list_still_counts() {
    let school = school();
    for path in ["/varied", "/secret"] {
        assert_eq!(school.get(path, "X-Class: 1B\r\n"), "for Some(\"1B\")");
        assert_eq!(school.get(path, "X-Class: 2C\r\n"), "for Some(\"2C\")", "{path}");
    }
    let member = |last: &str| school.get("/member", &format!("X-Class: {MANY}, {last}\r\n"));
    assert!(member("1B").ends_with("a, 1B\")"));
    assert!(member("2C").ends_with("a, 2C\")"), "{}", member("2C"));
}

#[test]
fn a_get_with_a_body_is_answered_to_who_sent_it() {
    let school = school();
    let body = |text: &str| format!("Content-Length: {}\r\n\r\n{text}", text.len());
    let at = school.origin.address;
    let fat = school.proxy.exchange(format!(
        "GET http://{at}/fat HTTP/1.1\r\nConnection: close\r\n{}",
        body("poison")
    ));
    assert!(fat.ends_with("asked with poison"), "{fat}");
    assert_eq!(school.get("/fat", ""), "asked with ");
}
