//! Coming in while the ENT is away: by the device's pass, by a help code, by a reading app's key;
//! and who guesses is slowed down.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod library_support;
mod publication_support;
mod support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use library_support::{
    Lender,
    ent::{Ent, Member},
};

const WRONG_CODES: usize = 40;

fn sheet(lender: &Lender, teacher: &mut Member, count: &str) -> Vec<String> {
    let csrf = teacher.csrf(lender);
    let form = [("csrf", csrf.as_str()), ("classe", "2DE3"), ("nombre", count)];
    let page = teacher.post(lender, "/codes", &form);
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(page.field("cache-control"), Some("no-store"));
    let text = page.text();
    let slips = text.split("class=\"slip-code\">").skip(1);
    slips.map(|slip| slip.split('<').next().unwrap().to_owned()).collect()
}

#[test]
fn a_code_of_a_teachers_sheet_lets_one_pupil_in_once_with_the_ent_away() {
    let ent = Ent::start();
    let lender = Lender::start_with(&ent.settings());
    let mut teacher = Member::teacher(&lender, "t1");
    drop(ent);
    let codes = sheet(&lender, &mut teacher, "3");
    assert_eq!(codes.len(), 3);
    let mut pupil = Member::default();
    let form = [("code", codes[0].as_str()), ("retour", "//evil.example")];
    let landed = pupil.post(&lender, "/connexion/code", &form);
    assert_eq!((landed.status, landed.field("location")), (303, Some("/")), "{}", landed.text());
    assert_eq!(pupil.get(&lender, "/").status, 200);
    assert!(!pupil.cookies.contains_key("__Host-preau-pass"), "a code leaves no pass behind");
    let again = Member::default().post(&lender, "/connexion/code", &form);
    assert_eq!(again.status, 403, "a code opens once");
    assert_eq!(pupil.get(&lender, "/codes").status, 403, "pupils make no codes");
    let csrf = pupil.csrf(&lender);
    let form = [("csrf", csrf.as_str()), ("classe", "2DE3"), ("nombre", "1")];
    assert_eq!(pupil.post(&lender, "/codes", &form).status, 403);
    for (class, count) in [("2DE3", "41"), ("2DE3", "0"), ("2DE3", "x"), ("", "2")] {
        let csrf = teacher.csrf(&lender);
        let form = [("csrf", csrf.as_str()), ("classe", class), ("nombre", count)];
        assert_eq!(teacher.post(&lender, "/codes", &form).status, 400, "{class} {count}");
    }
}

#[test]
fn who_guesses_codes_is_told_to_wait() {
    let ent = Ent::start();
    let lender = Lender::start_with(&ent.settings());
    let mut guesser = Member::default();
    let mut tries = 0;
    let refused = loop {
        let code = format!("AAAA-{tries:04}");
        let page = guesser.post(&lender, "/connexion/code", &[("code", &code)]);
        if page.status != 403 {
            break page;
        }
        tries += 1;
        assert!(tries < WRONG_CODES, "nobody is slowed down");
    };
    assert_eq!(refused.status, 429);
    assert!(refused.field("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(refused.text().contains("Trop d’essais"), "{}", refused.text());
}

#[test]
fn a_devices_pass_is_enough_with_the_ent_away_and_opens_nothing_once_it_is_taken_back() {
    let ent = Ent::start();
    let lender = Lender::start_with(&ent.settings());
    let mut pupil = Member::pupil(&lender, "p1");
    drop(ent);
    pupil.cookies.remove("__Host-preau");
    let page = pupil.get(&lender, "/connexion").text();
    assert!(page.contains("action=\"/connexion/passe\""), "{page}");
    let unreachable = pupil.get(&lender, "/connexion/ent");
    let back = unreachable.status == 303 || unreachable.status == 503;
    assert!(back, "{}", unreachable.status);
    let landed = pupil.post(&lender, "/connexion/passe", &[("retour", "/moi")]);
    assert_eq!((landed.status, landed.field("location")), (303, Some("/moi")), "{}", landed.text());
    let me = pupil.get(&lender, "/moi").text();
    let (_, rest) = me.split_once("name=\"id\" value=\"").unwrap();
    let id = rest.split('"').next().unwrap().to_owned();
    let mut other_device = pupil.clone();
    let csrf = pupil.csrf(&lender);
    let revoked = pupil.post(&lender, "/moi/laissez-passer", &[("csrf", &csrf), ("id", &id)]);
    assert_eq!(revoked.status, 303);
    other_device.cookies.remove("__Host-preau");
    let refused = other_device.post(&lender, "/connexion/passe", &[]);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("retiré"), "{}", refused.text());
}

#[test]
fn signing_out_of_a_device_that_is_not_ones_own_takes_its_pass_back() {
    let ent = Ent::start();
    let lender = Lender::start_with(&ent.settings());
    let mut pupil = Member::pupil(&lender, "p1");
    let left_behind = pupil.cookies["__Host-preau-pass"].clone();
    let csrf = pupil.csrf(&lender);
    pupil.post(&lender, "/deconnexion", &[("csrf", &csrf), ("appareil", "oublier")]);
    let mut next = Member::default();
    next.cookies.insert("__Host-preau-pass".into(), left_behind);
    assert_eq!(next.post(&lender, "/connexion/passe", &[]).status, 403);
}

#[test]
fn a_reading_app_comes_in_by_the_key_its_person_made() {
    let ent = Ent::start();
    let lender = Lender::start_with(&ent.settings());
    let mut pupil = Member::pupil(&lender, "p1");
    let csrf = pupil.csrf(&lender);
    let page = pupil.post(&lender, "/moi/cle", &[("csrf", &csrf), ("nom", "Thorium <3")]);
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    let (_, rest) = text.split_once("class=\"secret\">").unwrap();
    let key = rest.split('<').next().unwrap().to_owned();
    assert!(!pupil.get(&lender, "/moi").text().contains(&key), "it is shown once");
    let basic = |key: &str| {
        let word = STANDARD.encode(format!("moi:{key}"));
        Member::default().get_with(&lender, "/opds", &format!("Authorization: Basic {word}\r\n"))
    };
    let feed = basic(&key);
    assert_eq!(feed.status, 200, "{}", feed.text());
    assert_eq!(feed.field("content-type"), Some("application/opds+json"));
    assert_eq!(basic("AAAA").status, 401);

    // Taken back on its own: the app is out, the person is not.
    let mine = pupil.get(&lender, "/moi").text();
    let (_, rest) = mine.split_once("/moi/cle/retirer").unwrap();
    let (_, rest) = rest.split_once("name=\"id\" value=\"").unwrap();
    let form = [("csrf", csrf.as_str()), ("id", rest.split('"').next().unwrap())];
    let mut other = Member::pupil(&lender, "p2");
    let theirs = other.csrf(&lender);
    let foreign = other.post(&lender, "/moi/cle/retirer", &[("csrf", &theirs), form[1]]);
    assert_eq!((foreign.status, basic(&key).status), (404, 200), "another's key");
    assert_eq!(pupil.post(&lender, "/moi/cle/retirer", &form).status, 303);
    assert_eq!((basic(&key).status, pupil.get(&lender, "/moi").status), (401, 200));
    let mine = pupil.get(&lender, "/moi").text();
    assert!(mine.contains("clé d’application retirée"), "{mine}");
}
