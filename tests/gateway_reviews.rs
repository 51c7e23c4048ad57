//! A refused pupil asks the CMIL to look again: without scripts, in the box's own form alone, not
//! too often; the request outlives a restart, the command line shows and answers it, and the device
//! reads the answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Output,
};

use serde_json::Value;
use support::{
    PATIENCE,
    http::{self, Page},
    school_box::{SchoolBox, free_address},
};

const POLICY: &str = r#"
[[filter.profiles]]
name = "eleves"
networks = ["127.0.0.0/8"]
[[filter.rules]]
name = "jeux <en cours>"
sites = ["jeux.example", "a.example", "b.example", "c.example", "d.example", "e.example"]
"#;
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

struct School {
    school: SchoolBox,
    proxy: SocketAddr,
}

impl School {
    fn start() -> Self {
        let proxy = free_address();
        let more = format!("[gateway]\nlisten = [\"{proxy}\"]\n{POLICY}");
        Self { school: SchoolBox::start("0510035L", &more), proxy }
    }

    fn by_proxy(&self, bytes: &str) -> Page {
        let mut stream = TcpStream::connect(self.proxy).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        Page::parse(bytes.lines().next().unwrap(), &said)
    }

    /// Asks for this site, and is refused.
    fn refused(&self, site: &str) -> Page {
        let page = self.by_proxy(&format!(
            "GET http://{site}/x?secret HTTP/1.1\r\nHost: {site}\r\nAccept: text/html\r\n\
             Connection: close\r\n\r\n"
        ));
        assert_eq!(page.status, 403, "{}", page.text());
        page
    }

    fn look(&self, language: &str) -> String {
        let page = self.school.get("/bloque", &format!("Accept-Language: {language}\r\n"));
        assert_eq!(page.status, 200, "{}", page.text());
        page.text()
    }

    /// The token of the page's forms.
    fn token(&self) -> String {
        let page = self.look("fr");
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect(&page);
        rest.split('"').next().unwrap().to_owned()
    }

    fn post(&self, fields: &str, body: &str) -> Page {
        http::send(self.school.address, "POST", "/bloque", fields, body.as_bytes())
    }

    /// Asks to look at this site again.
    fn ask(&self, site: &str, phrase: &str) -> Page {
        let phrase: String = url::form_urlencoded::byte_serialize(phrase.as_bytes()).collect();
        let body = format!("csrf={}&site={site}%3A80&phrase={phrase}", self.token());
        self.post(&format!("Origin: http://{}\r\n{FORM}", self.school.address), &body)
    }

    fn reviews(&self) -> Vec<Value> {
        let output = self.school.preau(&["filter", "reviews", "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        find(&told, "reviews").and_then(Value::as_array).expect("a list").clone()
    }
}

fn find<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => match map.get(key) {
            Some(found) if found.is_array() => Some(found),
            _ => map.values().find_map(|inside| find(inside, key)),
        },
        _ => None,
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn a_pupil_asks_the_cmil_looks_and_the_device_reads_the_answer() {
    let mut school = School::start();
    let refusal = school.refused("jeux.example").text();
    let here = format!("http://{}/bloque", school.school.address);
    assert!(refusal.contains(&here) && refusal.contains("revoir ce blocage"), "{refusal}");
    let page = school.look("fr");
    assert!(
        page.contains("jeux &#60;en cours&#62;") && page.contains("<form method=\"post\""),
        "{page}"
    );
    let taken = school.ask("jeux.example", "pour l'exposé\r\nde mardi <3");
    assert_eq!((taken.status, taken.field("location")), (303, Some("/bloque")), "{}", taken.text());
    let page = school.look("fr");
    assert!(page.contains("Demande envoyée au CMIL") && !page.contains("<form"), "{page}");
    assert!(page.contains("Pas encore de réponse"), "{page}");
    assert!(!page.contains("de mardi"), "tomorrow the address may be another's: {page}");
    // Asked again, it is the same request.
    school.refused("autre.a.example");
    assert_eq!(school.ask("jeux.example", "encore").status, 303);

    school.school.restart();
    let waiting = school.reviews();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(waiting[0]["site"], "jeux.example");
    assert_eq!(waiting[0]["rule"], "jeux <en cours>");
    assert_eq!(waiting[0]["profile"], "eleves");
    assert_eq!(waiting[0]["device"], "127.0.0.1");
    assert_eq!(waiting[0]["phrase"], "pour l'exposé de mardi <3");
    assert!(!waiting[0].to_string().contains("secret"), "never a path: {}", waiting[0]);
    let listed = said(&school.school.preau(&["filter", "reviews", "list"]));
    for part in ["WAITS", "jeux.example", "127.0.0.1, eleves", "jeux <en cours>", "de mardi <3"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }

    let close = |id: &str, answer: &str| {
        school
            .school
            .preau(&["filter", "reviews", "close", id, "--answer", answer, "--by", "M. D."])
    };
    let unknown = close("77", "oui");
    assert_eq!(unknown.status.code(), Some(66), "{}", said(&unknown));
    assert_eq!(close("1", " ").status.code(), Some(65));
    let closed = close("1", "Ouvert pour votre classe <b>mardi</b>.");
    assert!(closed.status.success(), "{}", said(&closed));
    for (language, answered) in [("fr", "Réponse du CMIL"), ("en", "The CMIL&#39;s answer")] {
        let page = school.look(language);
        assert!(page.contains(answered) && page.contains("classe &#60;b&#62;mardi"), "{page}");
    }
    assert!(said(&school.school.preau(&["filter", "reviews"])).contains("answered"));
}

#[test]
fn only_the_box_s_own_form_asks_for_what_was_refused_and_not_too_often() {
    let school = School::start();
    school.refused("jeux.example");
    let token = school.token();
    let own = format!("Origin: http://{}\r\n{FORM}", school.school.address);
    let body = |site: &str, token: &str| format!("csrf={token}&site={site}&phrase=x");
    let good = body("jeux.example%3A80", &token);
    for (why, fields, body, status) in [
        (
            "another site's form",
            format!("Origin: https://evil.example\r\n{FORM}"),
            good.clone(),
            403,
        ),
        ("a cross-site form", format!("Sec-Fetch-Site: cross-site\r\n{FORM}"), good.clone(), 403),
        ("no token", own.clone(), body("jeux.example%3A80", ""), 403),
        ("another's token", own.clone(), body("jeux.example%3A80", "AAAA"), 403),
        ("never refused", own.clone(), body("autre.example%3A80", &token), 404),
        ("no form", own.replace("x-www-form-urlencoded", "json"), good.clone(), 415),
        ("too large", own.clone(), format!("{good}{}", "y".repeat(9000)), 413),
    ] {
        let page = school.post(&fields, &body);
        assert_eq!(page.status, status, "{why}: {}", page.text());
        assert!(page.text().contains("role=\"alert\""), "{why}");
    }
    assert_eq!(school.reviews().len(), 0);
    assert_eq!(http::ask(school.school.address, "PUT", "/bloque", "").status, 405);

    // The same through the proxy, where the library would see the box's own address.
    let place = school.school.address;
    let proxied = school.by_proxy(&format!(
        "POST http://{place}/bloque HTTP/1.1\r\nHost: {place}\r\nOrigin: http://{place}\r\n\
         Connection: close\r\nContent-Length: {}\r\n{FORM}\r\n{good}",
        good.len()
    ));
    assert_eq!(proxied.status, 303, "{}", proxied.text());
    assert_eq!(school.reviews().len(), 1);

    for site in ["a", "b", "c", "d", "e"] {
        school.refused(&format!("{site}.example"));
    }
    for site in ["a", "b", "c", "d"] {
        assert_eq!(school.ask(&format!("{site}.example"), "").status, 303, "{site}");
    }
    let sixth = school.ask("e.example", "");
    assert_eq!(sixth.status, 429, "{}", sixth.text());
    assert_eq!(school.reviews().len(), 5);
}
