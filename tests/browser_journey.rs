//! The whole way in a real browser: sign in at an ENT written by others, read, lose the Internet,
//! come in again with the pass, help another with a code, take a manual home, lose the box, read.
//!
//! Ignored by a plain `cargo test`, because they need Chromium: `scripts/test` runs them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod journey_support;
mod support;
mod takehome_support;

use journey_support::{Kind, School, Someone};
use takehome_support::Published;
use tokio::task::block_in_place;

const TITLE: &str = "Le grand manuel";
/// What the box says to who has not signed in.
const AT_THE_DOOR: &str = "Dites d’abord qui vous êtes";
const PAGES: u32 = 6;
/// Widths name browsers: each width has a profile of its own.
const PUPIL: u32 = 400;
const TEACHER: u32 = 1024;
const FRIEND: u32 = 420;
const THIEF: u32 = 440;

fn manual() -> Published {
    Published::big("manuel", TITLE, PAGES, 60_000, 1)
}

/// The reader shows the manual, page by page.
async fn reads(someone: &Someone) {
    someone.open_book(TITLE).await;
    someone.press("main a[href^='/lire/']").await;
    someone.await_at("/lire/").await;
    someone.open_at(1).await;
    someone.open_at(2).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn a_school_day_from_the_ent_to_a_kitchen_table_without_network() {
    let Some(mut school) = block_in_place(|| School::start(Kind::Cas, &[manual()])) else { return };

    let pupil = school.someone(PUPIL).await;
    pupil.goto("/").await;
    pupil.await_words(AT_THE_DOOR).await;
    pupil.sign_in("amina", "/").await;
    reads(&pupil).await;
    pupil.await_bound_pass().await;
    let teacher = school.someone(TEACHER).await;
    teacher.sign_in("farid", "/codes").await;

    block_in_place(|| school.cut_the_internet());
    pupil.goto("/connexion/ent").await;
    pupil.await_words("ENT ne répond pas").await;
    pupil.close_and_come_back().await;
    pupil.goto("/").await;
    pupil.await_words(AT_THE_DOOR).await;
    pupil.enter_by_pass("/").await;
    reads(&pupil).await;

    teacher.goto("/codes").await;
    teacher.fill("#classe", "Seconde 4").await;
    teacher.press("form[action='/codes'] button").await;
    teacher.await_words("Seconde 4").await;
    let code = teacher.client.find(fantoccini::Locator::Css(".slip-code")).await.unwrap();
    let code = code.text().await.unwrap();
    let friend = school.someone(FRIEND).await;
    friend.goto("/connexion").await;
    friend.fill("#code", &code).await;
    friend.press("form[action='/connexion/code'] button").await;
    friend.await_words("Mon étagère").await;
    reads(&friend).await;
    friend.close_and_come_back().await;
    friend.goto("/connexion").await;
    friend.fill("#code", &code).await;
    friend.press("form[action='/connexion/code'] button").await;
    friend.await_words("code").await;
    assert!(friend.at().await.starts_with("/connexion"), "a code opened twice");

    pupil.open_book(TITLE).await;
    pupil.press("#takehome button").await;
    pupil.await_words("est sur cet appareil").await;
    pupil
        .client
        .execute_async(
            "navigator.serviceWorker.ready.then(arguments[arguments.length - 1])",
            vec![],
        )
        .await
        .ok();
    block_in_place(|| school.school = None);
    pupil.goto("/emporter").await;
    pupil.await_words(TITLE).await;
    pupil.picture("journey-at-home.png").await;
    pupil.press("#kept a[href^='/lire/']").await;
    // `open_at` goes on from where the browser is: a press returns before the page has changed.
    pupil.await_at("/lire/").await;
    pupil.open_at(1).await;
    pupil.open_at(2).await;

    for someone in [pupil, teacher, friend] {
        someone.leave().await;
    }
    block_in_place(|| drop(school));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn a_pass_copied_to_another_device_opens_nothing_there() {
    let Some(mut school) = block_in_place(|| School::start(Kind::Cas, &[manual()])) else { return };
    let pupil = school.someone(PUPIL).await;
    pupil.sign_in("bruno", "/").await;
    pupil.await_bound_pass().await;
    let pass = pupil.client.get_named_cookie("__Host-preau-pass").await.unwrap();
    block_in_place(|| school.cut_the_internet());

    let thief = school.someone(THIEF).await;
    thief.goto("/aide").await;
    school.browser.cookie(&thief.client, &school.home, pass.name(), pass.value()).await;
    thief.goto("/connexion").await;
    thief.await_words("laissez-passer").await;
    // The page offers nothing without the key; nor does the box when asked past the page.
    let pressed = "const form = document.querySelector(\"form[action='/connexion/passe']\");
                   form.querySelector('button').disabled = false; form.submit();";
    thief.client.execute(pressed, vec![]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    thief.goto("/").await;
    thief.await_words(AT_THE_DOOR).await;

    pupil.close_and_come_back().await;
    pupil.enter_by_pass("/").await;
    for someone in [pupil, thief] {
        someone.leave().await;
    }
    block_in_place(|| drop(school));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: scripts/test runs it"]
async fn an_openid_provider_is_signed_into_and_its_stop_in_the_middle_is_said_plainly() {
    let Some(mut school) = block_in_place(|| School::start(Kind::Oidc, &[manual()])) else {
        return;
    };
    let pupil = school.someone(PUPIL).await;
    pupil.sign_in("amina", "/").await;
    reads(&pupil).await;
    pupil.await_bound_pass().await;

    // In the middle: at the provider's own page when it goes.
    let friend = school.someone(FRIEND).await;
    friend.goto("/connexion").await;
    friend.press("a[href^='/connexion/ent']").await;
    friend
        .client
        .wait()
        .for_element(fantoccini::Locator::Css("input[name=password]"))
        .await
        .unwrap();
    block_in_place(|| school.idp.stop());
    friend.goto("/connexion/ent").await;
    friend.await_words("ENT ne répond pas").await;
    friend.picture("journey-ent-away.png").await;
    pupil.close_and_come_back().await;
    pupil.enter_by_pass("/").await;
    reads(&pupil).await;

    block_in_place(|| school.idp.start_again());
    friend.sign_in("bruno", "/").await;
    for someone in [pupil, friend] {
        someone.leave().await;
    }
    block_in_place(|| drop(school));
}
