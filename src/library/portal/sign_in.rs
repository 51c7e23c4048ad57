//! Coming in, by the ENT, by this device's pass or by a help code; and going out.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode},
};

use super::{
    super::{
        Shared,
        request::{Asked, page},
        shell::Shell,
        words::Speech,
    },
    blocking, form,
    form::Form,
    retry_after, see_other, unkept,
};
use crate::{
    access::{
        CodeError, Entered, PassError, PassState, Proof, Revoke, SignInError, Visitor, local_path,
    },
    net::serve::Peer,
};

/// Bytes of a single logout's request.
const MAX_LOGOUT_BYTES: usize = 32 * 1024;
/// When to try again an ENT that does not answer.
const ENT_PAUSE: Duration = Duration::from_secs(30);

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    /// Why the last try failed.
    wrong: Option<String>,
    ent: Option<String>,
    pass: Pass,
    back: &'a str,
    csrf: &'a str,
}

/// What the page offers for this device's pass.
enum Pass {
    None,
    Plain,
    Bound(String),
    Bad(String),
}

/// The sign-in page, with what went wrong before.
pub fn page_for(
    shared: &Shared,
    asked: &Asked,
    status: StatusCode,
    back: &str,
    wrong: Option<String>,
) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let back = local_path(back);
    let encoded: String = url::form_urlencoded::byte_serialize(back.as_bytes()).collect();
    let content = SignInPage {
        say,
        shell: Shell { sign_in: None, ..Shell::of(shared, asked) },
        wrong,
        ent: shared.access.has_ent().then(|| format!("/connexion/ent?retour={encoded}")),
        pass: match shared.access.pass_state(&asked.headers, asked.now) {
            PassState::None => Pass::None,
            PassState::Plain => Pass::Plain,
            PassState::Bound { challenge } => Pass::Bound(challenge),
            PassState::Bad(error) => Pass::Bad(of_pass(&say, &error).1),
        },
        back,
        csrf: asked.session().map_or("", |session| session.csrf.as_str()),
    };
    unkept(page(asked, status, &content))
}

/// `/connexion`: the ways in.
pub async fn choices(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    if matches!(asked.visitor, Visitor::Anyone) {
        return see_other("/", Vec::new());
    }
    page_for(&shared, &asked, StatusCode::OK, asked.value("retour"), None)
}

/// `/connexion/ent`: off to the ENT.
pub async fn to_ent(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let back = asked.value("retour");
    match shared.access.begin(back, &asked.headers, asked.now).await {
        Ok(begun) => see_other(begun.to.as_str(), begun.cookies),
        Err(error) => failed(&shared, &asked, back, &error),
    }
}

/// `/connexion/retour`: back from the ENT.
pub async fn from_ent(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    match shared.access.finish(asked.query(), &asked.headers, asked.now).await {
        Ok(entered) => welcome(entered),
        Err(error) => failed(&shared, &asked, "/", &error),
    }
}

/// The ENT says that a person left it (CAS single logout). It comes from the ENT's server or the
/// region's relay, with no cookie: the ticket it names is what gives it force.
pub async fn single_logout(State(shared): State<Arc<Shared>>, request: Request) -> StatusCode {
    match form::read(request.into_body(), MAX_LOGOUT_BYTES).await {
        Ok(body) => {
            let ended = shared.access.single_logout(&body);
            tracing::info!(ended, "single logout");
            StatusCode::NO_CONTENT
        }
        Err(status) => status,
    }
}

fn welcome(entered: Entered) -> Response<Body> {
    see_other(local_path(&entered.back), entered.cookies)
}

fn failed(shared: &Shared, asked: &Asked, back: &str, error: &SignInError) -> Response<Body> {
    let (status, why) = match error {
        SignInError::NotConfigured => (StatusCode::NOT_FOUND, "ent-none"),
        SignInError::Unreachable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "ent-unreachable"),
        SignInError::Attempt => (StatusCode::BAD_REQUEST, "ent-attempt"),
        SignInError::OtherBrowser => (StatusCode::BAD_REQUEST, "ent-other-browser"),
        SignInError::Refused { .. } => (StatusCode::FORBIDDEN, "ent-refused"),
        SignInError::Answer { .. } => (StatusCode::BAD_GATEWAY, "ent-answer"),
        SignInError::Unmapped(_) => (StatusCode::FORBIDDEN, "ent-missing"),
        SignInError::OtherSchool => (StatusCode::FORBIDDEN, "ent-other-school"),
        SignInError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "ent-busy"),
    };
    tracing::warn!(%error, "sign-in at the ENT failed");
    let why = shared.words.speak(asked.language).say(why).into_owned();
    let mut response = page_for(shared, asked, status, back, Some(why));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        retry_after(&mut response, ENT_PAUSE);
    }
    response
}

/// `/connexion/passe`: in by this device's pass.
pub async fn by_pass(
    State(shared): State<Arc<Shared>>,
    peer: Option<axum::Extension<Peer>>,
    form: Form,
) -> Response<Body> {
    let proof = (!form.value("signature").is_empty()).then(|| Proof {
        challenge: form.value("challenge").to_owned(),
        signature: form.value("signature").to_owned(),
    });
    let (access, headers, now) =
        (shared.access.clone(), form.asked.headers.clone(), form.asked.now);
    let peer = peer.map(|peer| peer.0.address);
    let entering = move || access.enter_by_pass(&headers, peer, proof.as_ref(), now);
    let entered = blocking(entering).await;
    match entered.unwrap_or_else(|| Err(PassError::Unkept("panic".to_owned()))) {
        Ok(entered) => see_other(local_path(form.value("retour")), entered.cookies),
        Err(error) => {
            let say = shared.words.speak(form.asked.language);
            let (status, why) = of_pass(&say, &error);
            let back = form.value("retour");
            let mut response = page_for(&shared, &form.asked, status, back, Some(why));
            if let PassError::Wait(wait) = error {
                retry_after(&mut response, wait);
            }
            response
        }
    }
}

fn of_pass(say: &Speech<'_>, error: &PassError) -> (StatusCode, String) {
    let (status, why) = match error {
        PassError::None | PassError::NotHere => (StatusCode::FORBIDDEN, "pass-none"),
        PassError::Bad => (StatusCode::FORBIDDEN, "pass-bad"),
        PassError::Expired => (StatusCode::FORBIDDEN, "pass-expired"),
        PassError::Revoked => (StatusCode::FORBIDDEN, "pass-revoked"),
        PassError::Copied => (StatusCode::FORBIDDEN, "pass-copied"),
        PassError::ProofNeeded => (StatusCode::FORBIDDEN, "pass-proof-needed"),
        PassError::BadProof => (StatusCode::FORBIDDEN, "pass-bad-proof"),
        PassError::Wait(wait) => return (StatusCode::TOO_MANY_REQUESTS, waiting(say, *wait)),
        PassError::Unkept(_) => (StatusCode::INTERNAL_SERVER_ERROR, "pass-unkept"),
    };
    (status, say.say(why).into_owned())
}

/// `/connexion/code`: in by a help code.
pub async fn by_code(
    State(shared): State<Arc<Shared>>,
    peer: Option<axum::Extension<Peer>>,
    form: Form,
) -> Response<Body> {
    let (access, headers, now) =
        (shared.access.clone(), form.asked.headers.clone(), form.asked.now);
    let (code, peer) = (form.value("code").to_owned(), peer.map(|peer| peer.0.address));
    let entered = blocking(move || access.enter_by_code(&code, &headers, peer, now)).await;
    match entered.unwrap_or_else(|| Err(CodeError::Unkept("panic".to_owned()))) {
        Ok(entered) => see_other(local_path(form.value("retour")), entered.cookies),
        Err(error) => {
            let say = shared.words.speak(form.asked.language);
            let (status, why) = match &error {
                CodeError::Wait(wait) | CodeError::TooOften(wait) => {
                    (StatusCode::TOO_MANY_REQUESTS, waiting(&say, *wait))
                }
                CodeError::Unkept(_) => {
                    (StatusCode::INTERNAL_SERVER_ERROR, say.say("pass-unkept").into_owned())
                }
                _ => (StatusCode::FORBIDDEN, say.say("code-unknown").into_owned()),
            };
            let back = form.value("retour");
            let mut response = page_for(&shared, &form.asked, status, back, Some(why));
            if let CodeError::Wait(wait) | CodeError::TooOften(wait) = error {
                retry_after(&mut response, wait);
            }
            response
        }
    }
}

/// Too many tries: how long to wait, in words.
pub fn waiting(say: &Speech<'_>, wait: Duration) -> String {
    if wait < Duration::from_mins(2) {
        return say.say_with("wait-seconds", "seconds", wait.as_secs().max(1)).into_owned();
    }
    say.say_with("wait-minutes", "minutes", wait.as_secs().div_ceil(60)).into_owned()
}

#[derive(Template)]
#[template(path = "leave.html")]
struct LeavePage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    csrf: &'a str,
    has_pass: bool,
}

/// `/deconnexion`: asks whether the device is to be forgotten too.
pub async fn leave(State(shared): State<Arc<Shared>>, asked: Asked) -> Response<Body> {
    let Some(session) = asked.session() else { return see_other("/connexion", Vec::new()) };
    let has_pass = matches!(
        shared.access.pass_state(&asked.headers, asked.now),
        PassState::Plain | PassState::Bound { .. }
    );
    let (say, shell) = (shared.words.speak(asked.language), Shell::of(&shared, &asked));
    unkept(page(&asked, StatusCode::OK, &LeavePage { say, shell, csrf: &session.csrf, has_pass }))
}

/// Goes out.
pub async fn left(State(shared): State<Arc<Shared>>, form: Form) -> Response<Body> {
    let Some(session) = form.session() else { return see_other("/connexion", Vec::new()) };
    if form.value("appareil") == "oublier"
        && let Some(pass) = session.pass.clone()
    {
        let (access, now) = (shared.access.clone(), form.asked.now);
        let revoked = blocking(move || access.revoke(Revoke::Pass(pass), now)).await;
        if !matches!(revoked, Some(Ok(_))) {
            tracing::error!("a pass could not be revoked at sign-out");
        }
    }
    let cookies = shared.access.sign_out(&session);
    see_other("/connexion", cookies)
}
