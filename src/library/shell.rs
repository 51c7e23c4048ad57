//! What stands around every page: the school's name, the way to one's own things, the languages.

use super::{Shared, request::Asked};
use crate::access::{Role, Visitor};

/// The frame of a page.
#[derive(Debug)]
pub struct Shell<'a> {
    /// The school's name.
    pub school: &'a str,
    /// This page in the other language.
    pub switch: String,
    /// Where to sign in, when nobody did and one must.
    pub sign_in: Option<String>,
    /// Somebody signed in.
    pub signed_in: bool,
    /// May make codes and class moments.
    pub teaches: bool,
    /// May see the indicators.
    pub counts: bool,
}

impl<'a> Shell<'a> {
    /// The frame of the page that is asked for.
    pub fn of(shared: &'a Shared, asked: &Asked) -> Self {
        let nobody = matches!(asked.visitor, Visitor::Nobody);
        let role = asked.session().map(|session| session.person.role);
        Self {
            school: &shared.school,
            switch: asked.switch(),
            sign_in: nobody.then(|| sign_in_at(&asked.with("", ""))),
            signed_in: role.is_some(),
            teaches: role.is_some_and(Role::teaches),
            counts: role.is_some_and(Role::sees_indicators),
        }
    }

    /// The same, saying nothing of who asks: for pages that a device keeps.
    pub fn of_nobody(shared: &'a Shared, asked: &Asked) -> Self {
        Self {
            school: &shared.school,
            switch: asked.switch(),
            sign_in: None,
            signed_in: false,
            teaches: false,
            counts: false,
        }
    }
}

/// Where to sign in to come back to `path`.
pub fn sign_in_at(path: &str) -> String {
    if path == "/" || path.starts_with("/connexion") {
        return "/connexion".to_owned();
    }
    let back: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
    format!("/connexion?retour={back}")
}
