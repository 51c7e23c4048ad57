//! Sign-in at a CAS server written by others (django-cas-server), over TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use preau::access::{
    Role, SignInError, Way,
    attributes::Unmapped,
    cas::{Answered, validation},
};
use support::{
    PATIENCE,
    door::{Cookies, Door, SERVICE, UAI, value, with},
    idp::{self, Idp},
};
use url::Url;

const SERVICES: &str = "^https://retour\\.example\\.org/preau\\?state=0510035L\\.";

/// Signs a person in at the ENT, for the box; the address they are sent back to.
async fn at_the_ent(idp: &Idp, door: &Door, cookies: &mut Cookies, login: &str) -> Url {
    let to = cookies.begin(door, "/lire/livre?page=4", Timestamp::now()).await;
    idp.visitor().sign_in(&to, login, &format!("pass-{login}"), SERVICE)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_is_known_by_role_school_and_class_alone() {
    if !idp::present() {
        return;
    }
    let idp = Idp::cas(SERVICES, None);
    let door = Door::cas(&idp);
    let people: [(&str, &str, Role, &[&str]); 6] = [
        ("amina", "a0000001", Role::Pupil, &["Seconde 4"]),
        ("farid", "a0000006", Role::Teacher, &["Seconde 4", "Terminale 2"]),
        ("hugo", "a0000008", Role::Documentaliste, &[]),
        ("ines", "a0000009", Role::Head, &[]),
        ("jules", "a0000010", Role::Staff, &[]),
        ("lea", "a0000012", Role::Pupil, &["2NDE05"]),
    ];
    for (login, id, role, classes) in people {
        let mut cookies = Cookies::default();
        let back = at_the_ent(&idp, &door, &mut cookies, login).await;
        let entered = cookies.finish(&door, &back, Timestamp::now()).await.unwrap();
        let person = &entered.session.person;
        assert_eq!((person.id.as_str(), person.role), (id, role));
        assert_eq!(person.classes, classes);
        assert!(person.uais.contains(&UAI.parse().unwrap()));
        assert_eq!(entered.session.way, Way::Ent);
        assert_eq!(entered.back, "/lire/livre?page=4");
        assert!(cookies.signed_in(&door, Timestamp::now()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_good_once_for_one_service_and_one_browser() {
    if !idp::present() {
        return;
    }
    let idp = Idp::cas(SERVICES, None);
    let door = Door::cas(&idp);

    let mut owner = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut owner, "amina").await;
    // Login CSRF: somebody is made to come back with another's ticket.
    let mut victim = Cookies::default();
    victim.begin(&door, "/", Timestamp::now()).await;
    let forced = victim.finish(&door, &back, Timestamp::now()).await;
    assert!(matches!(forced, Err(SignInError::OtherBrowser)), "{forced:?}");
    let nobody = Cookies::default().finish(&door, &back, Timestamp::now()).await;
    assert!(matches!(nobody, Err(SignInError::OtherBrowser)), "{nobody:?}");
    // In another's attempt the ticket is for another service.
    let to = victim.begin(&door, "/", Timestamp::now()).await;
    let service: Url = value(&to, "service").parse().unwrap();
    let mixed = with(&back, "state", &value(&service, "state"));
    let error = victim.finish(&door, &mixed, Timestamp::now()).await.unwrap_err();
    assert!(
        matches!(&error, SignInError::Refused { reason } if reason == "INVALID_SERVICE"),
        "{error}"
    );

    // CAS forgets a ticket at its first validation, even one for the wrong service.
    let error = owner.finish(&door, &back, Timestamp::now()).await.unwrap_err();
    assert!(
        matches!(&error, SignInError::Refused { reason } if reason == "INVALID_TICKET"),
        "{error}"
    );
    let mut owner = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut owner, "amina").await;
    owner.finish(&door, &back, Timestamp::now()).await.unwrap();
    let again = owner.finish(&door, &back, Timestamp::now()).await;
    assert!(matches!(again, Err(SignInError::Attempt | SignInError::OtherBrowser)), "{again:?}");
    // Nor in a new attempt of the same browser.
    let to = owner.begin(&door, "/", Timestamp::now()).await;
    let service: Url = value(&to, "service").parse().unwrap();
    let replayed = with(&back, "state", &value(&service, "state"));
    let error = owner.finish(&door, &replayed, Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, SignInError::Refused { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_ticket_and_an_old_attempt_open_nothing() {
    if !idp::present() {
        return;
    }
    let idp = Idp::cas(SERVICES, None);
    let door = Door::cas(&idp);
    for (ticket, refused) in [("ST-made-up", true), ("PT-1", false), ("ST-a b", false), ("", false)]
    {
        let mut cookies = Cookies::default();
        let to = cookies.begin(&door, "/", Timestamp::now()).await;
        let mut back: Url = value(&to, "service").parse().unwrap();
        back.query_pairs_mut().append_pair("ticket", ticket);
        let error = cookies.finish(&door, &back, Timestamp::now()).await.unwrap_err();
        assert_eq!(matches!(error, SignInError::Refused { .. }), refused, "{ticket}: {error}");
        assert!(!cookies.signed_in(&door, Timestamp::now()));
    }
    let mut late = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut late, "amina").await;
    let error = late
        .finish(&door, &back, Timestamp::now() + SignedDuration::from_mins(11))
        .await
        .unwrap_err();
    assert!(matches!(error, SignInError::Attempt), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_and_a_pupil_of_another_school_are_refused_and_told_why() {
    if !idp::present() {
        return;
    }
    let idp = Idp::cas(SERVICES, None);
    let door = Door::cas(&idp);
    let mut parent = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut parent, "karim").await;
    let error = parent.finish(&door, &back, Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, SignInError::Unmapped(Unmapped::UnknownRole { .. })), "{error}");
    assert!(error.to_string().contains("ENTPersonProfils"), "{error}");
    let mut other = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut other, "elise").await;
    let error = other.finish(&door, &back, Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, SignInError::OtherSchool), "{error}");
    assert!(
        !parent.signed_in(&door, Timestamp::now()) && !other.signed_in(&door, Timestamp::now())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_at_the_ent_ends_the_session_at_the_box() {
    if !idp::present() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let callback = format!("http://{}/connexion/retour", listener.local_addr().unwrap());
    let idp = Idp::cas(SERVICES, Some(&callback));
    let door = Door::cas(&idp);

    let (mut amina, mut bruno) = (Cookies::default(), Cookies::default());
    let mut at_home = idp.visitor();
    let to = amina.begin(&door, "/", Timestamp::now()).await;
    let back = at_home.sign_in(&to, "amina", "pass-amina", SERVICE);
    amina.finish(&door, &back, Timestamp::now()).await.unwrap();
    let back = at_the_ent(&idp, &door, &mut bruno, "bruno").await;
    bruno.finish(&door, &back, Timestamp::now()).await.unwrap();

    let (send, bodies) = mpsc::channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        send.send(posted(stream)).unwrap();
    });
    at_home.open(&idp.base.join("logout").unwrap());
    let body = bodies.recv_timeout(PATIENCE).unwrap();
    assert!(String::from_utf8_lossy(&body).starts_with("logoutRequest="));
    assert_eq!(door.access.single_logout(&body), 1);
    assert!(!amina.signed_in(&door, Timestamp::now()));
    assert!(bruno.signed_in(&door, Timestamp::now()), "another person's session goes on");
    assert_eq!(door.access.single_logout(&body), 0);
    assert_eq!(door.access.single_logout(b"logoutRequest=%3CLogoutRequest%2F%3E"), 0);
}

/// The body of one POST, answered by an empty page.
fn posted(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let (_, length) = head.split_once("content-length:").unwrap();
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            return bytes[end + 4..].to_vec();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_spellings_that_the_server_writes_say_the_same() {
    if !idp::present() {
        return;
    }
    let idp = Idp::cas(SERVICES, None);
    let door = Door::cas(&idp);
    let mut visitor = idp.visitor();
    for place in ["serviceValidate", "p3/serviceValidate"] {
        let to = Cookies::default().begin(&door, "/", Timestamp::now()).await;
        let back = visitor.sign_in(&to, "farid", "pass-farid", SERVICE);
        let mut ask = idp.base.join(place).unwrap();
        ask.query_pairs_mut()
            .append_pair("service", &value(&to, "service"))
            .append_pair("ticket", &value(&back, "ticket"));
        let answer = visitor.open(&ask).text();
        let (before, rest) = answer.split_once("<cas:attributes>").unwrap();
        let (children, pairs) = rest.split_once("</cas:attributes>").unwrap();
        let children = format!(
            "{before}<cas:attributes>{children}</cas:attributes></cas:authenticationSuccess>\
             </cas:serviceResponse>"
        );
        let pairs = format!("{before}{pairs}");
        assert!(pairs.contains("<cas:attribute name=") && !children.contains("attribute name="));
        for spelling in [&children, &pairs, &answer] {
            let Ok(Answered::Success(said)) = validation(spelling.as_bytes()) else {
                panic!("{spelling}")
            };
            assert_eq!(said.values("uid"), ["a0000006"], "{spelling}");
            assert_eq!(said.values("ENTPersonStructRattachRNE"), ["0510035L", "0670007U"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cas_server_that_stops_during_a_sign_in_is_said_at_once() {
    if !idp::present() {
        return;
    }
    let mut idp = Idp::cas(SERVICES, None);
    let door = Door::cas(&idp);
    let mut cookies = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut cookies, "amina").await;
    idp.stop();
    let begun = std::time::Instant::now();
    let error = cookies.finish(&door, &back, Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, SignInError::Unreachable { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    assert!(!error.to_string().contains("ST-"), "{error}");
    assert!(!cookies.signed_in(&door, Timestamp::now()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_certificate_nobody_vouches_for_is_not_shown_the_ticket() {
    if !idp::present() {
        return;
    }
    let (idp, other) = (Idp::cas(SERVICES, None), Idp::cas(SERVICES, None));
    // The box trusts another authority than this server's.
    let door = Door::open(&other, &format!("[access.cas]\nurl = \"{}\"", idp.base));
    let cookies = Cookies::default();
    // Nobody is sent there, so that no ticket comes back from there.
    let error = door.access.begin("/", &cookies.headers(), Timestamp::now()).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(!cookies.signed_in(&door, Timestamp::now()));
}
