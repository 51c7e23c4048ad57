//! An ENT that believes everyone: a CAS server over TLS whose tickets say who has them, and a
//! browser that signs in there.

use std::{
    collections::{BTreeMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use hyper::body::Incoming;
use preau::{
    demo::authority::Authority,
    net::{
        body::Body,
        certificate::Certificate,
        listen,
        serve::{Handler, serve_tls},
        tls::Certificates,
    },
};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use super::{
    super::support::http::{self as plain, Page},
    Lender,
};

/// The ENT of a test.
pub struct Ent {
    address: SocketAddr,
    folder: TempDir,
    _runtime: tokio::runtime::Runtime,
}

/// Answers `p3/serviceValidate`; each ticket once.
#[derive(Clone, Default)]
struct Tickets(Arc<Mutex<HashSet<String>>>);

impl Handler for Tickets {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let query = request.uri().query().unwrap_or_default();
        let pairs: BTreeMap<_, _> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let ticket = pairs.get("ticket").cloned().unwrap_or_default();
        let parts: Vec<&str> = ticket.split('.').collect();
        let (said, fresh) = (parts.as_slice(), self.0.lock().unwrap().insert(ticket.clone()));
        let inside = match said {
            [_, id, role, uai, class, _] if fresh => format!(
                "<cas:authenticationSuccess><cas:user>{id}</cas:user><cas:attributes>\
                 <cas:ENTPersonProfils>{role}</cas:ENTPersonProfils>\
                 <cas:ENTPersonStructRattachRNE>{uai}</cas:ENTPersonStructRattachRNE>\
                 <cas:ENTEleveClasses>{class}</cas:ENTEleveClasses>\
                 </cas:attributes></cas:authenticationSuccess>"
            ),
            _ => "<cas:authenticationFailure code=\"INVALID_TICKET\"/>".to_owned(),
        };
        let xml = format!(
            "<cas:serviceResponse xmlns:cas=\"http://www.yale.edu/tp/cas\">{inside}</cas:serviceResponse>"
        );
        Response::new(Body::Bytes(xml.into()))
    }
}

impl Ent {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let inside = runtime.enter();
        let listener = listen::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap().remove(0);
        drop(inside);
        let address = listener.local_addr().unwrap();
        let authority = Authority::new("test").unwrap();
        let issued = authority.issue_now(&["localhost"]).unwrap();
        let certificates = Certificates::default();
        let chain =
            Certificate::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), "localhost");
        certificates.put(chain.unwrap());
        let tls = certificates.server_config().unwrap();
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        let places = Arc::new(Semaphore::new(16));
        runtime.spawn(serve_tls(listener, tls, Tickets::default(), places, tracker, token));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("authority.pem"), authority.pem()).unwrap();
        Self { address, folder, _runtime: runtime }
    }

    /// The settings of a box that signs in here.
    pub fn settings(&self) -> String {
        format!(
            "[network]\nallow_private = [\"127.0.0.0/8\", \"::1/128\"]\n\
             extra_authorities = [\"{}/authority.pem\"]\n\
             [access.cas]\nurl = \"https://localhost:{}/\"\n",
            self.folder.path().display(),
            self.address.port(),
        )
    }
}

/// Someone with a browser.
#[derive(Debug, Default, Clone)]
pub struct Member {
    pub cookies: BTreeMap<String, String>,
}

impl Member {
    /// A pupil of 2DE3.
    pub fn pupil(lender: &Lender, id: &str) -> Self {
        Self::signed_in(lender, id, "National_ELV", "2DE3")
    }

    /// A teacher.
    pub fn teacher(lender: &Lender, id: &str) -> Self {
        Self::signed_in(lender, id, "National_ENS", "2DE3")
    }

    /// Someone of this role and class.
    pub fn signed_in(lender: &Lender, id: &str, role: &str, class: &str) -> Self {
        let mut member = Self::default();
        let landed = member.sign_in(lender, &format!("{id}.{role}.0510035L.{class}"), "/");
        assert_eq!(landed.status, 303, "{}", landed.text());
        member
    }

    /// Signs in as `who` (`id.role.uai.class`), from a page that is to come back to `back`.
    pub fn sign_in(&mut self, lender: &Lender, who: &str, back: &str) -> Page {
        let back: String = url::form_urlencoded::byte_serialize(back.as_bytes()).collect();
        let away = self.get(lender, &format!("/connexion/ent?retour={back}"));
        assert_eq!(away.status, 303, "{}", away.text());
        let login: Url = away.field("location").unwrap().parse().unwrap();
        let service = login.query_pairs().find(|(name, _)| name == "service").unwrap().1;
        let service: Url = service.parse().unwrap();
        let ticket = format!("ST-1.{who}.{}", rand::random::<u64>());
        self.get(lender, &format!("/connexion/retour?{}&ticket={ticket}", service.query().unwrap()))
    }

    fn fields(&self) -> String {
        let pairs: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) }
    }

    fn keep(&mut self, page: &Page) {
        for line in page.head.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            if !name.eq_ignore_ascii_case("set-cookie") {
                continue;
            }
            let (name, value) = value.trim().split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// A GET with this browser's cookies.
    pub fn get(&mut self, lender: &Lender, path: &str) -> Page {
        self.get_with(lender, path, "")
    }

    /// A GET with more fields.
    pub fn get_with(&mut self, lender: &Lender, path: &str, fields: &str) -> Page {
        let page = plain::get(lender.address, path, &format!("{}{fields}", self.fields()));
        self.keep(&page);
        page
    }

    /// A form of the box's own page.
    pub fn post(&mut self, lender: &Lender, path: &str, form: &[(&str, &str)]) -> Page {
        let origin =
            format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", lender.address);
        self.post_with(lender, path, form, &origin)
    }

    /// A form that says this of where it comes from.
    pub fn post_with(
        &mut self,
        lender: &Lender,
        path: &str,
        form: &[(&str, &str)],
        fields: &str,
    ) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let fields = format!("{}{fields}{kind}", self.fields());
        let page = plain::send(lender.address, "POST", path, &fields, body.as_bytes());
        self.keep(&page);
        page
    }

    /// The token of this session's forms.
    pub fn csrf(&mut self, lender: &Lender) -> String {
        let page = self.get(lender, "/deconnexion").text();
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}
