//! Help codes: for one pupil who has no pass with them, or a sheet for a class, to be cut up.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::State,
    http::{Response, StatusCode},
};

use super::{
    super::{
        Shared,
        request::{Asked, page},
        shell::Shell,
        words::Speech,
    },
    blocking,
    door::{Signed, not_yours},
    form::Form,
    retry_after,
    sign_in::waiting,
    sign_in_first, unkept,
};
use crate::access::{CodeError, HelpCode, Role, Session};

/// Characters of a class's name.
const MAX_CLASS_CHARS: usize = 40;
/// Codes of one sheet.
const MAX_CODES: usize = 40;

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    csrf: &'a str,
    classes: &'a [String],
    class: &'a str,
    most: usize,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "code_sheet.html")]
struct SheetPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    class: &'a str,
    address: String,
    until: String,
    codes: Vec<HelpCode>,
}

/// `GET /codes`
pub async fn ask(State(shared): State<Arc<Shared>>, signed: Signed) -> Response<Body> {
    if let Some(refused) = signed.refused(&shared, Role::teaches) {
        return refused;
    }
    asking(&shared, &signed.asked, &signed.session, StatusCode::OK, "", None)
}

fn asking(
    shared: &Shared,
    asked: &Asked,
    session: &Session,
    status: StatusCode,
    class: &str,
    wrong: Option<String>,
) -> Response<Body> {
    let content = CodesPage {
        say: shared.words.speak(asked.language),
        shell: Shell::of(shared, asked),
        csrf: &session.csrf,
        classes: &session.person.classes,
        class,
        most: MAX_CODES,
        wrong,
    };
    unkept(page(asked, status, &content))
}

/// `POST /codes`: the sheet, shown once.
pub async fn make(State(shared): State<Arc<Shared>>, form: Form) -> Response<Body> {
    let Some(session) = form.session() else { return sign_in_first(&shared, &form.asked) };
    if !session.person.role.teaches() {
        return not_yours(&shared, &form.asked);
    }
    let say = shared.words.speak(form.asked.language);
    let class: String = form.value("classe").chars().take(MAX_CLASS_CHARS).collect();
    let count = form.value("nombre").parse().unwrap_or(0);
    let (access, by, of, now) =
        (shared.access.clone(), session.clone(), class.clone(), form.asked.now);
    let made = blocking(move || access.make_codes(&by, count, &of, now)).await;
    let error = match made.unwrap_or_else(|| Err(CodeError::Unkept("panic".to_owned()))) {
        Ok(codes) => {
            let until = codes.iter().map(|code| code.until).min().unwrap_or(now);
            let content = SheetPage {
                say,
                shell: Shell::of(&shared, &form.asked),
                class: &class,
                address: form.asked.origin(),
                until: say.moment(until),
                codes,
            };
            return unkept(page(&form.asked, StatusCode::OK, &content));
        }
        Err(error) => error,
    };
    let (status, wrong) = match &error {
        CodeError::NotForRole => return not_yours(&shared, &form.asked),
        CodeError::Count { most } => {
            (StatusCode::BAD_REQUEST, say.say_with("codes-count", "most", *most).into_owned())
        }
        CodeError::Class => (StatusCode::BAD_REQUEST, say.say("codes-class").into_owned()),
        CodeError::TooOften(wait) | CodeError::Wait(wait) => {
            (StatusCode::TOO_MANY_REQUESTS, waiting(&say, *wait))
        }
        CodeError::Unknown | CodeError::Unkept(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, say.say("pass-unkept").into_owned())
        }
    };
    let mut response = asking(&shared, &form.asked, &session, status, &class, Some(wrong));
    if let CodeError::TooOften(wait) | CodeError::Wait(wait) = error {
        retry_after(&mut response, wait);
    }
    response
}
