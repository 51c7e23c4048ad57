//! The room as a whole: each promise, and each attack on it.

use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::{
    proof::tests::Device,
    testing::{at, open_store, person, room, room_with},
    *,
};

const PEER: Option<std::net::IpAddr> =
    Some(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7)));
const OTHER_PEER: Option<std::net::IpAddr> =
    Some(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 8)));

/// What a browser sends after these answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Browser(pub(super) std::collections::BTreeMap<String, String>);

impl Browser {
    pub(super) fn takes(&mut self, cookies: &[HeaderValue]) {
        for cookie in cookies {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub(super) fn headers(&self) -> HeaderMap {
        let pairs: Vec<String> = self.0.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, pairs.join("; ").parse().unwrap());
        headers
    }

    pub(super) fn by_pass(&mut self, room: &Access, now: i64) -> Result<Arc<Session>, PassError> {
        let entered = room.enter_by_pass(&self.headers(), PEER, None, at(now))?;
        self.takes(&entered.cookies);
        Ok(entered.session)
    }

    pub(super) fn is_in(&self, room: &Access, now: i64) -> bool {
        room.visitor(&self.headers(), at(now)).session().is_some()
    }

    pub(super) fn without_session(&self) -> Self {
        let mut other = self.clone();
        other.0.remove(cookies::SESSION);
        other
    }
}

/// Signs in at the ENT.
pub(super) async fn sign_in(
    room: &Access,
    who: &Person,
    browser: &mut Browser,
    now: i64,
) -> Arc<Session> {
    let back = "/".to_owned();
    let entered = room.welcome(who.clone(), None, back, &browser.headers(), at(now)).await.unwrap();
    browser.takes(&entered.cookies);
    entered.session
}

pub(super) async fn pupil(room: &Access, now: i64) -> (Arc<Session>, Browser) {
    let mut browser = Browser::default();
    let session = sign_in(room, &person("x", Role::Pupil), &mut browser, now).await;
    (session, browser)
}

pub(super) async fn teacher(room: &Access) -> Arc<Session> {
    sign_in(room, &person("t", Role::Teacher), &mut Browser::default(), 0).await
}

fn blob(byte: u8) -> BlobId {
    BlobId([byte; 32])
}

#[tokio::test]
async fn a_session_opens_until_its_end_and_nothing_else_does() {
    let (room, _folder) = room();
    let (_, browser) = pupil(&room, 0).await;
    assert!(browser.is_in(&room, 0) && browser.is_in(&room, 12 * 3600 - 1));
    assert!(!browser.is_in(&room, 12 * 3600) && !Browser::default().is_in(&room, 0));
    assert!(!browser.is_in(&room, -10), "a session of the future");
}

#[tokio::test]
async fn a_session_cookie_planted_before_sign_in_is_never_taken_up() {
    let (room, _folder) = room();
    let mut victim = Browser::default();
    let planted = secret::Token::random().text();
    victim.0.insert(cookies::SESSION.to_owned(), planted.clone());
    let attacker = victim.clone();
    sign_in(&room, &person("x", Role::Pupil), &mut victim, 0).await;
    assert!(victim.is_in(&room, 1) && !attacker.is_in(&room, 1));
    assert_ne!(victim.0[cookies::SESSION], planted);
    // And a session that was open in this browser ends with the next sign-in.
    let before = victim.clone();
    sign_in(&room, &person("y", Role::Pupil), &mut victim, 2).await;
    assert!(victim.is_in(&room, 3) && !before.is_in(&room, 3));
}

#[tokio::test]
async fn a_person_of_another_school_does_not_come_in() {
    let (room, _folder) = room();
    let other = Person { uais: vec!["0510036M".parse().unwrap()], ..person("x", Role::Pupil) };
    let entered = room.welcome(other, None, "/".to_owned(), &HeaderMap::new(), at(0)).await;
    assert!(matches!(entered, Err(SignInError::OtherSchool)));
}

#[tokio::test]
async fn a_form_acts_only_with_its_own_sessions_token_from_a_page_of_this_box() {
    let (room, _folder) = room();
    let (mine, _) = pupil(&room, 0).await;
    let other = teacher(&room).await;
    let mut headers = HeaderMap::new();
    assert!(room.check_csrf(&mine, &mine.csrf, &headers));
    assert!(!room.check_csrf(&mine, &other.csrf, &headers), "another session's");
    assert!(!room.check_csrf(&mine, "", &headers) && !room.check_csrf(&mine, "é", &headers));
    headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    assert!(!room.check_csrf(&mine, &mine.csrf, &headers));
}

#[tokio::test]
async fn a_capability_opens_one_package_while_its_session_lasts() {
    let (room, _folder) = room();
    let (session, _) = pupil(&room, 0).await;
    let text = room.capability(&session, &blob(1));
    assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{text}");
    let opens = |blob: &BlobId, text: &str| room.visitor_of(blob, text, at(1)).session().is_some();
    assert!(opens(&blob(1), &text));
    assert!(!opens(&blob(2), &text), "another package");
    let other = teacher(&room).await;
    let (id, seal) = text.split_once('.').unwrap();
    assert!(!opens(&blob(1), &format!("{}.{seal}", other.public_id)), "another session's name");
    assert!(!opens(&blob(1), id) && !opens(&blob(1), &format!("{id}.")) && !opens(&blob(1), "."));
    room.sign_out(&session);
    assert!(!opens(&blob(1), &text), "it ends with its session");
}

#[tokio::test]
async fn a_pass_opens_with_nothing_but_the_box_and_turns_at_each_use() {
    let (room, _folder) = room();
    let (_, mut browser) = pupil(&room, 0).await;
    assert_eq!(room.pass_state(&browser.headers(), at(1)), PassState::Plain);
    let mut seen = vec![browser.0[cookies::PASS].clone()];
    for day in 1..20 {
        let session = browser.by_pass(&room, day * 86_400).unwrap();
        assert_eq!((session.way, session.person.id.as_str()), (Way::Pass, "x"));
        assert!(!seen.contains(&browser.0[cookies::PASS]));
        seen.push(browser.0[cookies::PASS].clone());
    }
}

#[tokio::test]
async fn a_plain_pass_copied_to_another_device_is_revoked_at_the_second_use() {
    let (room, _folder) = room();
    let (_, mut victim) = pupil(&room, 0).await;
    let mut thief = victim.without_session();
    thief.by_pass(&room, 100).unwrap();
    assert!(thief.is_in(&room, 101));
    assert_eq!(victim.by_pass(&room, 200).unwrap_err(), PassError::Copied);
    assert!(!thief.is_in(&room, 201), "the thief's session ends");
    assert_eq!(thief.by_pass(&room, 202).unwrap_err(), PassError::Revoked);
    assert_eq!(victim.by_pass(&room, 203).unwrap_err(), PassError::Revoked);
    let later = teacher(&room).await;
    assert!(room.about(&later).audit.is_empty(), "nobody else's line");
}

#[tokio::test]
async fn two_pages_opened_at_once_do_not_cost_the_pass() {
    let (room, _folder) = room();
    let (_, mut first) = pupil(&room, 0).await;
    let mut second = first.clone();
    first.by_pass(&room, 100).unwrap();
    second.by_pass(&room, 130).unwrap();
    second.by_pass(&room, 500).unwrap();
}

#[tokio::test]
async fn a_bound_pass_stolen_with_all_cookies_is_no_use_without_the_devices_key() {
    let (room, _folder) = room();
    let (session, mut victim) = pupil(&room, 0).await;
    let device = Device::new();
    let proof = device.answer(&room.challenge(&session, at(1)));
    let before = victim.clone();
    let cookies = room.bind_device(&session, &victim.headers(), &device.key(), &proof, at(2));
    victim.takes(&cookies.unwrap());
    let headers = victim.without_session().headers();
    let PassState::Bound { challenge } = room.pass_state(&headers, at(3)) else { panic!() };
    let enter = |proof: Option<&Proof>, now| room.enter_by_pass(&headers, PEER, proof, at(now));
    assert_eq!(enter(None, 3).unwrap_err(), PassError::ProofNeeded);
    let thief = Device::new().answer(&challenge);
    assert_eq!(enter(Some(&thief), 3).unwrap_err(), PassError::BadProof);
    let good = device.answer(&challenge);
    assert!(enter(Some(&good), 4).is_ok());
    assert_eq!(enter(Some(&good), 5).unwrap_err(), PassError::BadProof, "a proof replayed");
    assert_eq!(before.clone().by_pass(&room, 6).unwrap_err(), PassError::ProofNeeded);
    // Nor can whoever has the cookies put a key of their own in its place.
    let session = room.enter_by_pass(
        &headers,
        PEER,
        Some(&device.answer(&challenge_of(&room, &headers))),
        at(7),
    );
    let session = session.unwrap().session;
    let own = Device::new();
    let proof = own.answer(&room.challenge(&session, at(8)));
    let again = room.bind_device(&session, &headers, &own.key(), &proof, at(8));
    assert_eq!(again.unwrap_err(), PassError::ProofNeeded);
}

fn challenge_of(room: &Access, headers: &HeaderMap) -> String {
    match room.pass_state(headers, at(7)) {
        PassState::Bound { challenge } => challenge,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_key_is_bound_only_to_the_pass_of_the_session_that_asks() {
    let (room, _folder) = room();
    let (mine, _) = pupil(&room, 0).await;
    let mut other = Browser::default();
    let theirs = sign_in(&room, &person("y", Role::Pupil), &mut other, 0).await;
    let device = Device::new();
    let bind = |session: &Session, challenge: &str| {
        let proof = device.answer(challenge);
        room.bind_device(session, &other.headers(), &device.key(), &proof, at(2)).unwrap_err()
    };
    assert_eq!(bind(&mine, &room.challenge(&mine, at(1))), PassError::NotHere);
    assert_eq!(bind(&theirs, &room.challenge(&mine, at(1))), PassError::BadProof);
}

#[tokio::test]
async fn a_pass_ends_with_its_term_and_so_does_the_session_it_opens() {
    let (room, _folder) = room();
    let (_, mut browser) = pupil(&room, 0).await;
    let until = room.about(&pupil(&room, 0).await.0).passes[0].until;
    let end = until.as_second() - testing::NOW;
    let session = browser.clone().by_pass(&room, end - 60).unwrap();
    assert_eq!(session.until, until);
    assert_eq!(browser.by_pass(&room, end).unwrap_err(), PassError::Expired);
}

#[tokio::test]
async fn a_clock_set_back_makes_nothing_last_longer() {
    let (room, _folder) = room();
    let (_, mut browser) = pupil(&room, 0).await;
    let end = room.about(&pupil(&room, 0).await.0).passes[0].until;
    let end = end.as_second() - testing::NOW;
    // The box saw the end of the term, by steps of a day; then its clock goes back a month.
    let mut looked = std::time::Instant::now();
    for day in 0..=end / 86_400 + 1 {
        looked += std::time::Duration::from_secs(86_400);
        room.inner.clock.look(at(day * 86_400), looked);
    }
    assert!(!browser.is_in(&room, 60));
    assert_eq!(browser.by_pass(&room, 60).unwrap_err(), PassError::Expired);
}

#[tokio::test]
async fn a_clock_far_ahead_for_an_hour_destroys_nothing() {
    let (room, _folder) = room();
    let (session, mut browser) = pupil(&room, 0).await;
    room.revoke(Revoke::Pass("another".to_owned()), at(0)).unwrap();
    room.inner.clock.look(at(0), std::time::Instant::now());
    let settled = room.inner.clock.look(at(4000 * 86_400), std::time::Instant::now());
    room.sweep(at(4000 * 86_400), settled);
    room.upkeep(settled).unwrap();
    assert!(browser.is_in(&room, 60) && room.about(&session).passes.len() == 1);
    browser.by_pass(&room, 60).unwrap();
}

#[tokio::test]
async fn a_revoked_pass_opens_no_more_and_ends_the_sessions_it_opened() {
    let (room, _folder) = room();
    let (session, mut browser) = pupil(&room, 0).await;
    let (_, mut second) = pupil(&room, 0).await;
    let pass = session.pass.clone().unwrap();
    assert_eq!(room.revoke(Revoke::Pass(pass), at(1)).unwrap(), 2);
    assert!(!browser.is_in(&room, 2));
    assert_eq!(browser.by_pass(&room, 2).unwrap_err(), PassError::Revoked);
    assert!(second.is_in(&room, 2) && second.by_pass(&room, 100).is_ok(), "the other device");
}

#[tokio::test]
async fn revoking_a_person_or_all_ends_everything_of_theirs_and_outlives_a_lost_index() {
    let (store, folder) = testing::store();
    let (x, y) = {
        let room = room_with(&config::Access::default(), store);
        let (_, x) = pupil(&room, 0).await;
        let mut y = Browser::default();
        let session = sign_in(&room, &person("y", Role::Pupil), &mut y, 0).await;
        room.make_app_key(&session, "Thorium", at(0)).unwrap();
        room.revoke(Revoke::Person("x".to_owned()), at(1)).unwrap();
        assert!(!x.is_in(&room, 2) && y.is_in(&room, 2));
        (x, y)
    };
    let store = open_store(&folder);
    store.rebuild().unwrap();
    let room = room_with(&config::Access::default(), store);
    assert_eq!(x.clone().by_pass(&room, 100).unwrap_err(), PassError::Revoked);
    y.clone().by_pass(&room, 100).unwrap();
    let ended = room.revoke(Revoke::All, at(101)).unwrap();
    assert_eq!(ended, 3, "a pass, a session and an app key");
    assert_eq!(y.clone().by_pass(&room, 102).unwrap_err(), PassError::Revoked);
    let (_, mut again) = pupil(&room, 103).await;
    again.by_pass(&room, 104).unwrap();
}

#[tokio::test]
async fn sessions_and_the_turn_of_a_pass_outlive_a_restart() {
    let (store, folder) = testing::store();
    let (mut browser, old, ended) = {
        let room = room_with(&config::Access::default(), store);
        let (_, mut browser) = pupil(&room, 0).await;
        let old = browser.clone();
        browser.by_pass(&room, 100).unwrap();
        let (session, ended) = pupil(&room, 0).await;
        room.sign_out(&session);
        room.write_down().unwrap();
        (browser, old, ended)
    };
    let room = room_with(&config::Access::default(), open_store(&folder));
    assert!(browser.is_in(&room, 101) && !ended.is_in(&room, 101));
    assert_eq!(ended.clone().by_pass(&room, 101).unwrap_err(), PassError::Revoked);
    browser.by_pass(&room, 200).unwrap();
    assert_eq!(old.clone().by_pass(&room, 300).unwrap_err(), PassError::Copied);
    room.write_down().unwrap();
    let (token, mut read) = (browser.0[cookies::SESSION].as_bytes(), 0);
    for file in testing::files_below(folder.path()) {
        let kept = std::fs::read(&file).unwrap();
        read += kept.len();
        assert!(!kept.windows(token.len()).any(|window| window == token), "{}", file.display());
    }
    assert!(read > 100, "what is kept was looked at");
}

#[tokio::test]
async fn guessed_passes_slow_down_the_device_that_guesses_and_no_other() {
    let (room, _folder) = room();
    let (_, browser) = pupil(&room, 0).await;
    for n in 0..10 {
        let mut guess = Browser::default();
        guess.0.insert(cookies::PASS.to_owned(), format!("v4.public.{n}"));
        let refused = room.enter_by_pass(&guess.headers(), PEER, None, at(1)).unwrap_err();
        assert_eq!(refused, PassError::Bad);
    }
    let waits = room.enter_by_pass(&browser.headers(), PEER, None, at(1)).unwrap_err();
    assert!(matches!(waits, PassError::Wait(_)));
    assert!(room.enter_by_pass(&browser.headers(), OTHER_PEER, None, at(1)).is_ok());
}

#[tokio::test]
async fn a_help_code_lets_one_pupil_in_once_for_two_hours_without_a_pass() {
    let (room, _folder) = room();
    let teacher = teacher(&room).await;
    let codes = room.make_codes(&teacher, 2, " 2DE 3 ", at(0)).unwrap();
    let enter = |code: &str| room.enter_by_code(code, &HeaderMap::new(), PEER, at(60));
    let entered = enter(&codes[0].code).unwrap();
    let session = &entered.session;
    assert_eq!((session.way, session.person.role), (Way::Code, Role::Pupil));
    assert_eq!(session.person.classes, ["2DE 3"]);
    assert_eq!(session.until, at(60 + 2 * 3600));
    let mut browser = Browser::default();
    browser.takes(&entered.cookies);
    assert!(browser.is_in(&room, 61) && !browser.0.contains_key(cookies::PASS));
    assert_eq!(enter(&codes[0].code).unwrap_err(), CodeError::Unknown, "used");
    let late = room.enter_by_code(&codes[1].code, &HeaderMap::new(), PEER, at(3600));
    assert_eq!(late.unwrap_err(), CodeError::Unknown);
    assert!(room.make_app_key(session, "x", at(61)).is_err());
    let lines: Vec<_> = room.about(&teacher).audit;
    let said: Vec<&str> = lines.iter().map(|line| line.what.as_str()).collect();
    assert_eq!(said, ["codes made", "code used"]);
}

#[tokio::test]
async fn only_who_teaches_makes_codes_and_only_so_many() {
    let (room, _folder) = room();
    for role in [Role::Pupil, Role::Head, Role::Staff] {
        let session = sign_in(&room, &person("p", role), &mut Browser::default(), 0).await;
        let refused = room.make_codes(&session, 1, "2DE 3", at(0));
        assert_eq!(refused, Err(CodeError::NotForRole), "{role:?}");
    }
    let teacher = teacher(&room).await;
    for count in [0, 41, usize::MAX] {
        let refused = room.make_codes(&teacher, count, "2DE 3", at(0));
        assert_eq!(refused, Err(CodeError::Count { most: MAX_CODES }));
    }
    for class in ["", "  ", "a\nb", &"x".repeat(41)] {
        assert_eq!(room.make_codes(&teacher, 1, class, at(0)), Err(CodeError::Class));
    }
    for _ in 0..3 {
        room.make_codes(&teacher, 40, "2DE 3", at(0)).unwrap();
    }
    assert!(matches!(room.make_codes(&teacher, 1, "2DE 3", at(0)), Err(CodeError::TooOften(_))));
}

#[tokio::test]
async fn guessed_codes_slow_down_the_device_and_the_code() {
    let (room, _folder) = room();
    let teacher = teacher(&room).await;
    let code = room.make_codes(&teacher, 1, "2DE 3", at(0)).unwrap().remove(0).code;
    let enter = |code: &str, peer| room.enter_by_code(code, &HeaderMap::new(), peer, at(1));
    for n in 0..10 {
        assert_eq!(enter(&format!("ABCD-{n:04}"), PEER).unwrap_err(), CodeError::Unknown);
    }
    assert!(matches!(enter(&code, PEER).unwrap_err(), CodeError::Wait(_)));
    for n in 0..10 {
        let peer = Some(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, n)));
        assert_eq!(enter("WXYZ-WXYZ", peer).unwrap_err(), CodeError::Unknown);
    }
    assert!(matches!(enter("WXYZ-WXYZ", OTHER_PEER).unwrap_err(), CodeError::Wait(_)));
    assert!(enter(&code, OTHER_PEER).is_ok(), "the right code from another device");
}
