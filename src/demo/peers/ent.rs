//! An ENT that speaks CAS 3: a page where one chooses who to be, tickets, attributes, single
//! logout. It asks for no password, since it has nothing to protect.

mod tickets;

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use quick_xml::escape::escape;
use tokio::time::Instant;
use url::Url;

use self::tickets::{Refused, SignedIn, Tickets};
use super::{LIMITS, gar::typed};
use crate::{
    access::Role,
    demo::people::{DemoPerson, PEOPLE, person},
    net::{
        body::Body,
        client::{Ask, Client},
        serve::{Handler, plain},
    },
};

/// A form names a person and an address.
const MAX_FORM_BYTES: usize = 16 * 1024;
const HTML: &str = "text/html; charset=utf-8";
const HEAD: &str = include_str!("ent/page.html");
const FOOT: &str = "</main>\n</body>\n</html>\n";

/// The ENT. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Ent {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    uai: String,
    /// The one service that is registered here: the box's own address.
    service: Url,
    /// Tells the box who left.
    client: Client,
    tickets: Mutex<Tickets>,
}

impl Ent {
    pub(super) fn new(uai: &str, service: Url, client: Client) -> Self {
        let tickets = Mutex::default();
        Self { shared: Arc::new(Shared { uai: uai.to_owned(), service, client, tickets }) }
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.shared.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is it an address of the registered service?
    fn registered(&self, service: &str) -> Option<Url> {
        let url: Url = service.parse().ok()?;
        (url.origin() == self.shared.service.origin()).then_some(url)
    }

    /// CAS 3.0 §2.1: the page where one says who one is.
    fn ask_who(&self, service: &str) -> Response<Body> {
        if self.registered(service).is_none() {
            return not_registered();
        }
        let mut page = HEAD.to_owned();
        page.push_str("<h1>ENT de démonstration</h1>\n<p>Qui êtes-vous ? Aucun mot de passe : ces personnes sont inventées.</p>\n<ul>\n");
        for one in &PEOPLE {
            let classes = one.classes.join(", ");
            let what = if classes.is_empty() {
                one.does().to_owned()
            } else {
                format!("{}, {classes}", one.does())
            };
            let _ = writeln!(
                page,
                "<li><form method=\"post\" action=\"login\">\
                 <input type=\"hidden\" name=\"service\" value=\"{}\">\
                 <input type=\"hidden\" name=\"person\" value=\"{}\">\
                 <button>{}<small>{what}</small></button></form></li>",
                escape(service),
                one.id,
                one.name,
            );
        }
        page.push_str("</ul>\n");
        page.push_str(FOOT);
        typed(StatusCode::OK, HTML, page)
    }

    /// §2.2.4: sends the person back with a ticket.
    fn sign_in(&self, service: &str, id: &str) -> Response<Body> {
        let (Some(mut back), Some(person)) = (self.registered(service), person(id)) else {
            return not_registered();
        };
        let ticket = format!("ST-{:032x}", rand::random::<u128>());
        if !self.tickets().give(&ticket, service, person.id, Instant::now()) {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "Trop de connexions en cours.\n");
        }
        back.query_pairs_mut().append_pair("ticket", &ticket);
        let Ok(to) = HeaderValue::from_str(back.as_str()) else { return not_registered() };
        let mut response = plain(StatusCode::SEE_OTHER, "\n");
        response.headers_mut().insert(LOCATION, to);
        response
    }

    /// §2.8: who is it, if the ticket is good.
    fn validate(&self, service: &str, ticket: &str) -> Response<Body> {
        let said = if service.is_empty() || ticket.is_empty() {
            failure("INVALID_REQUEST")
        } else {
            let taken = self.tickets().take(ticket, service, Instant::now());
            match taken.and_then(|id| person(id).ok_or(Refused::Ticket)) {
                Ok(person) => success(person, &self.shared.uai),
                Err(refused) => failure(refused.code()),
            }
        };
        let answer = format!(
            "<cas:serviceResponse xmlns:cas=\"http://www.yale.edu/tp/cas\">{said}</cas:serviceResponse>"
        );
        typed(StatusCode::OK, "application/xml; charset=utf-8", answer)
    }

    /// §2.3 and appendix C: leaves the ENT, and with it every service.
    async fn sign_out(&self, id: &str) -> Response<Body> {
        let gone = self.tickets().sign_out(id);
        for one in &gone {
            if let Err(error) = self.tell(one).await {
                tracing::debug!(%error, "a service was not told of a logout");
            }
        }
        let page = format!(
            "{HEAD}<h1>ENT de démonstration</h1>\n<p>Déconnexion faite, ici et sur {} service(s).</p>\n{FOOT}",
            gone.len()
        );
        typed(StatusCode::OK, HTML, page)
    }

    async fn tell(&self, one: &SignedIn) -> Result<(), crate::net::client::ClientError> {
        let Some(url) = self.registered(&one.service) else { return Ok(()) };
        let request = format!(
            "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             ID=\"LR-{:032x}\" Version=\"2.0\" IssueInstant=\"{}\">\
             <saml:NameID xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">@NOT_USED@</saml:NameID>\
             <samlp:SessionIndex>{}</samlp:SessionIndex></samlp:LogoutRequest>",
            rand::random::<u128>(),
            Timestamp::now(),
            one.ticket
        );
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("logoutRequest", &request)
            .finish();
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, kind);
        let body = Bytes::from(form);
        self.shared
            .client
            .send(Ask { method: Method::POST, url, headers, body, limits: LIMITS })
            .await?;
        Ok(())
    }
}

impl Handler for Ent {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let query = Form::of(head.uri.query().unwrap_or_default().as_bytes());
        match (head.method, head.uri.path()) {
            (Method::GET, "/cas/login") => self.ask_who(query.value("service")),
            (Method::POST, "/cas/login") => {
                let Ok(body) = Limited::new(body, MAX_FORM_BYTES).collect().await else {
                    return plain(StatusCode::PAYLOAD_TOO_LARGE, "16 KiB at most\n");
                };
                let form = Form::of(&body.to_bytes());
                self.sign_in(form.value("service"), form.value("person"))
            }
            (Method::GET, "/cas/p3/serviceValidate" | "/cas/serviceValidate") => {
                self.validate(query.value("service"), query.value("ticket"))
            }
            (Method::GET, "/cas/logout") => self.sign_out(query.value("person")).await,
            _ => plain(StatusCode::NOT_FOUND, "Cette page n’est pas de cet ENT.\n"),
        }
    }
}

/// Names and values of a query or a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn of(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

fn not_registered() -> Response<Body> {
    plain(StatusCode::FORBIDDEN, "Ce service n’est pas déclaré à l’ENT de démonstration.\n")
}

fn failure(code: &str) -> String {
    format!(
        "<cas:authenticationFailure code=\"{code}\">Ticket not recognized</cas:authenticationFailure>"
    )
}

fn success(person: &DemoPerson, uai: &str) -> String {
    let profile = match person.role {
        Role::Pupil => "National_ELV",
        Role::Teacher => "National_ENS",
        Role::Documentaliste => "National_DOC",
        Role::Head => "National_DIR",
        Role::Staff => "National_ETA",
    };
    let mut attributes = String::new();
    let mut add = |name: &str, value: &str| {
        let _ = write!(attributes, "<cas:{name}>{}</cas:{name}>", escape(value));
    };
    add("uid", person.id);
    add("ENTPersonProfils", profile);
    add("ENTPersonStructRattachRNE", uai);
    person.classes.iter().for_each(|class| add("ENTEleveClasses", class));
    format!(
        "<cas:authenticationSuccess><cas:user>{}</cas:user>\
         <cas:attributes>{attributes}</cas:attributes></cas:authenticationSuccess>",
        person.id
    )
}
