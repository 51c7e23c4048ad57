//! Sign-in at an OpenID provider written by others (oidc-provider, with the paths of Apereo CAS).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use preau::access::{Role, SignInError, attributes::Unmapped};
use support::{
    door::{Cookies, Door, SERVICE, oidc, value, with},
    idp::{self, Idp},
};
use url::Url;

fn door(idp: &Idp, client: &str) -> Door {
    Door::open(idp, &oidc(&idp.base, client))
}

/// Signs a person in at the ENT, for the box; the address they are sent back to.
async fn at_the_ent(idp: &Idp, door: &Door, cookies: &mut Cookies, login: &str) -> Url {
    let to = cookies.begin(door, "/lire/livre", Timestamp::now()).await;
    idp.visitor().sign_in(&to, login, &format!("pass-{login}"), SERVICE)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_with_either_kind_of_client_and_either_place_of_discovery() {
    if !idp::present() {
        return;
    }
    for (plain, client) in [(false, "preau"), (true, "preau"), (false, "preau-public")] {
        let idp = Idp::oidc(SERVICE, plain);
        let door = door(&idp, client);
        let mut pupil = Cookies::default();
        let to = pupil.begin(&door, "/", Timestamp::now()).await;
        assert_eq!(value(&to, "code_challenge_method"), "S256");
        assert_eq!(value(&to, "redirect_uri"), SERVICE);
        assert!(value(&to, "state").starts_with("0510035L.") && !value(&to, "nonce").is_empty());
        let back = at_the_ent(&idp, &door, &mut pupil, "amina").await;
        let entered = pupil.finish(&door, &back, Timestamp::now()).await.unwrap();
        assert_eq!(entered.session.person.id, "a0000001");
        assert_eq!(entered.session.person.role, Role::Pupil);
        assert_eq!(entered.session.person.classes, ["Seconde 4"]);
        assert_eq!(entered.back, "/lire/livre");
        assert!(pupil.signed_in(&door, Timestamp::now()));
        let mut parent = Cookies::default();
        let back = at_the_ent(&idp, &door, &mut parent, "karim").await;
        let error = parent.finish(&door, &back, Timestamp::now()).await.unwrap_err();
        assert!(matches!(error, SignInError::Unmapped(Unmapped::UnknownRole { .. })), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_in_one_browser_for_one_sign_in() {
    if !idp::present() {
        return;
    }
    let idp = Idp::oidc(SERVICE, false);
    let door = door(&idp, "preau");
    let mut owner = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut owner, "amina").await;

    // Login CSRF: somebody is made to come back with another's code.
    let mut victim = Cookies::default();
    let begun = victim.begin(&door, "/", Timestamp::now()).await;
    let forced = victim.finish(&door, &back, Timestamp::now()).await;
    assert!(matches!(forced, Err(SignInError::OtherBrowser)), "{forced:?}");
    let unknown = with(&back, "state", "0510035L.unknown");
    let error = victim.finish(&door, &unknown, Timestamp::now()).await;
    assert!(matches!(error, Err(SignInError::Attempt)), "{error:?}");
    // Code injection: the code verifier of the victim's own attempt is another (PKCE).
    let injected = with(&back, "state", &value(&begun, "state"));
    let error = victim.finish(&door, &injected, Timestamp::now()).await.unwrap_err();
    assert!(
        matches!(&error, SignInError::Refused { reason } if reason == "invalid_grant"),
        "{error}"
    );
    assert!(!victim.signed_in(&door, Timestamp::now()));

    let mut owner = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut owner, "amina").await;
    owner.finish(&door, &back, Timestamp::now()).await.unwrap();
    let again = owner.finish(&door, &back, Timestamp::now()).await;
    assert!(again.is_err(), "{again:?}");
    let begun = owner.begin(&door, "/", Timestamp::now()).await;
    let replayed = with(&back, "state", &value(&begun, "state"));
    let error = owner.finish(&door, &replayed, Timestamp::now()).await.unwrap_err();
    assert!(
        matches!(&error, SignInError::Refused { reason } if reason == "invalid_grant"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_gives_up_at_the_ent_is_told_so() {
    if !idp::present() {
        return;
    }
    let idp = Idp::oidc(SERVICE, false);
    let door = door(&idp, "preau");
    let mut cookies = Cookies::default();
    let to = cookies.begin(&door, "/", Timestamp::now()).await;
    let mut back: Url = SERVICE.parse().unwrap();
    back.query_pairs_mut()
        .append_pair("state", &value(&to, "state"))
        .append_pair("error", "access_denied");
    let error = cookies.finish(&door, &back, Timestamp::now()).await.unwrap_err();
    assert!(
        matches!(&error, SignInError::Refused { reason } if reason == "access_denied"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_the_provider_changed_are_read_again() {
    if !idp::present() {
        return;
    }
    let mut idp = Idp::oidc(SERVICE, false);
    let door = door(&idp, "preau");
    let mut first = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut first, "amina").await;
    first.finish(&door, &back, Timestamp::now()).await.unwrap();
    idp.stop();
    idp.start_again();
    let mut second = Cookies::default();
    let back = at_the_ent(&idp, &door, &mut second, "bruno").await;
    let later = Timestamp::now() + SignedDuration::from_secs(20);
    let entered = second.finish(&door, &back, later).await.unwrap();
    assert_eq!(entered.session.person.id, "a0000002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_stopped_in_the_middle_is_said_at_once_and_opens_nothing() {
    if !idp::present() {
        return;
    }
    let mut idp = Idp::oidc(SERVICE, false);
    let door_open = door(&idp, "preau");
    let mut cookies = Cookies::default();
    let back = at_the_ent(&idp, &door_open, &mut cookies, "amina").await;
    idp.stop();
    let begun = Instant::now();
    let error = cookies.finish(&door_open, &back, Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, SignInError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains(&value(&back, "code")), "{error}");
    assert!(!cookies.signed_in(&door_open, Timestamp::now()));

    // A box that starts meanwhile cannot begin a sign-in; it can as soon as the ENT is back.
    let late = door(&idp, "preau");
    let nothing = http::HeaderMap::new();
    let error = late.access.begin("/", &nothing, Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, SignInError::Unreachable { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    idp.start_again();
    let later = Timestamp::now() + SignedDuration::from_secs(5);
    late.access.begin("/", &nothing, later).await.unwrap();
}
