//! `/moi`: what the box holds of a person; they may take back a pass, or have all of it erased.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::State,
    http::{Response, StatusCode},
};
use jiff::Timestamp;

use super::{
    super::{
        Shared, pages,
        request::{Asked, page},
        shell::Shell,
        words::Speech,
    },
    blocking,
    door::Signed,
    form::Form,
    see_other, sign_in_first, unkept,
};
use crate::access::{About, Access, AccessError, Role, Session, Way};

/// Characters of a reading app's name.
const MAX_NAME_CHARS: usize = 40;

#[derive(Template)]
#[template(path = "me.html")]
struct MePage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    csrf: &'a str,
    about: About,
    role: String,
    schools: String,
    /// A key that was just made, shown this once.
    key: Option<String>,
    feed: String,
    wrong: Option<String>,
}

impl MePage<'_> {
    fn way(&self, way: Way) -> String {
        let id = match way {
            Way::Ent => "way-ent",
            Way::Pass => "way-pass",
            Way::Code => "way-code",
            Way::AppKey => "way-app",
        };
        self.say.say(id).into_owned()
    }

    /// A line of the audit, in words; what this version does not know, as it was written.
    fn done(&self, what: &str) -> String {
        let id = match what {
            "codes made" => "audit-codes-made",
            "code used" => "audit-code-used",
            "app key made" => "audit-key-made",
            "app key revoked" => "audit-key-revoked",
            "person revoked" => "audit-person-revoked",
            other => return other.to_owned(),
        };
        self.say.say(id).into_owned()
    }
}

/// A role, in words.
pub fn role_of(say: &Speech<'_>, role: Role) -> String {
    let id = match role {
        Role::Pupil => "role-pupil",
        Role::Teacher => "role-teacher",
        Role::Documentaliste => "role-documentaliste",
        Role::Head => "role-head",
        Role::Staff => "role-staff",
    };
    say.say(id).into_owned()
}

/// `GET /moi`
pub async fn show(State(shared): State<Arc<Shared>>, signed: Signed) -> Response<Body> {
    me(&shared, &signed.asked, &signed.session, StatusCode::OK, None, None).await
}

async fn me(
    shared: &Shared,
    asked: &Asked,
    session: &Arc<Session>,
    status: StatusCode,
    key: Option<String>,
    wrong: Option<&str>,
) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let (access, of) = (shared.access.clone(), session.clone());
    let Some(about) = blocking(move || access.about(&of)).await else {
        let (heading, text) = (say.say("me-title"), say.say("me-unread"));
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return pages::error(shared, asked, status, heading.into_owned(), text.into_owned());
    };
    let schools: Vec<_> = about.person.uais.iter().map(ToString::to_string).collect();
    let content = MePage {
        say,
        shell: Shell::of(shared, asked),
        csrf: &session.csrf,
        role: role_of(&say, about.person.role),
        schools: schools.join(", "),
        about,
        key,
        feed: format!("{}/opds", asked.origin()),
        wrong: wrong.map(|id| say.say(id).into_owned()),
    };
    unkept(page(asked, status, &content))
}

/// `POST /moi/laissez-passer`: takes back one of one's own passes. Somebody else's is not there,
/// whatever its name.
pub async fn revoke_pass(State(shared): State<Arc<Shared>>, form: Form) -> Response<Body> {
    take_back(&shared, &form, Access::revoke_own_pass).await
}

/// `POST /moi/cle/retirer`: takes back the key of one of one's own reading apps.
pub async fn revoke_key(State(shared): State<Arc<Shared>>, form: Form) -> Response<Body> {
    take_back(&shared, &form, Access::revoke_app_key).await
}

/// `how` takes back what the form names, if it is the person's own, and says whether it was.
async fn take_back(
    shared: &Shared,
    form: &Form,
    how: fn(&Access, &Session, &str, Timestamp) -> Result<bool, AccessError>,
) -> Response<Body> {
    let Some(session) = form.session() else { return sign_in_first(shared, &form.asked) };
    let (id, now) = (form.value("id").to_owned(), form.asked.now);
    let (access, holder) = (shared.access.clone(), session.clone());
    match blocking(move || how(&access, &holder, &id, now)).await {
        Some(Ok(true)) => see_other("/moi", Vec::new()),
        Some(Ok(false)) => pages::not_found(shared, &form.asked),
        _ => unkept_change(shared, form, &session).await,
    }
}

/// `POST /moi/cle`: a key for a reading app.
pub async fn make_key(State(shared): State<Arc<Shared>>, form: Form) -> Response<Body> {
    let Some(session) = form.session() else { return sign_in_first(&shared, &form.asked) };
    let name: String = form.value("nom").chars().take(MAX_NAME_CHARS).collect();
    let (access, holder, now) = (shared.access.clone(), session.clone(), form.asked.now);
    match blocking(move || access.make_app_key(&holder, &name, now)).await {
        Some(Ok(key)) => me(&shared, &form.asked, &session, StatusCode::OK, Some(key), None).await,
        Some(Err(error)) => {
            tracing::warn!(%error, "no key for a reading app");
            let status = StatusCode::CONFLICT;
            me(&shared, &form.asked, &session, status, None, Some("me-key-refused")).await
        }
        None => unkept_change(&shared, &form, &session).await,
    }
}

/// `POST /moi/effacer`: erases everything, and goes out.
pub async fn erase(State(shared): State<Arc<Shared>>, form: Form) -> Response<Body> {
    let Some(session) = form.session() else { return sign_in_first(&shared, &form.asked) };
    if form.value("oui") != "oui" {
        let status = StatusCode::BAD_REQUEST;
        return me(&shared, &form.asked, &session, status, None, Some("me-erase-unsure")).await;
    }
    let (access, holder, now) = (shared.access.clone(), session.clone(), form.asked.now);
    match blocking(move || access.erase(&holder, now)).await {
        Some(Ok(())) => see_other("/connexion", shared.access.sign_out(&session)),
        _ => unkept_change(&shared, &form, &session).await,
    }
}

async fn unkept_change(shared: &Shared, form: &Form, session: &Arc<Session>) -> Response<Body> {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    me(shared, &form.asked, session, status, None, Some("pass-unkept")).await
}
