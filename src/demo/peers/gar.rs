//! A GAR for one school: *abonnements*, *décompte des affectations*, *liste ressources*.

use std::{fmt::Write as _, ops::Range, sync::Arc};

use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use jiff::{Timestamp, tz::TimeZone};
use quick_xml::{Reader, events::Event};
use serde_json::{Value, json};
use url::Url;

use super::below;
use crate::{
    config::Uai,
    demo::{
        manuals::Manual,
        people::{DemoPerson, person},
    },
    net::{
        body::Body,
        serve::{Handler, plain},
    },
};

/// A question's body is a few filters.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// `idDistributeurCom` of the demo's distributor: an invented SIREN and no ISNI.
const DISTRIBUTOR: &str = "999999999_0000000000000000";
/// Another school, whose subscription must not come to ours.
const OTHER_SCHOOL: &str = "0670007U";
/// Pupils that each manual is assigned to, in the order of the shelf.
const PUPILS: [u64; 12] = [176, 168, 144, 96, 88, 420, 180, 72, 120, 164, 34, 132];

/// One subscription.
#[derive(Debug)]
struct Subscription {
    id: String,
    school: String,
    manual: usize,
    assigned: u64,
    /// For the whole school rather than for some pupils.
    open: bool,
    /// `publicCible`.
    publics: &'static [&'static str],
    /// It ended with the school year before.
    past: bool,
}

/// Books for teachers: the pupils' subscription does not exist.
const FOR_TEACHERS: &str = "philosophie-terminale";
/// The pupils' subscription was not renewed; the teachers' was.
const ENDED_FOR_PUPILS: &str = "svt-terminale";
const EVERYONE: &[&str] = &["ELEVE", "ENSEIGNANT", "DOCUMENTALISTE", "AUTRE PERSONNEL"];
const LEARNERS: &[&str] = &["ELEVE", "ENSEIGNANT", "DOCUMENTALISTE"];
const TEACHERS: &[&str] = &["ENSEIGNANT", "DOCUMENTALISTE"];
const PUPILS_ONLY: &[&str] = &["ELEVE"];

/// The GAR.
#[derive(Debug, Clone)]
pub(super) struct Gar {
    known: Arc<Known>,
}

#[derive(Debug)]
struct Known {
    school: String,
    subscriptions: Vec<Subscription>,
    manuals: Vec<Manual>,
    distributor: Url,
    /// Calendar years in which the school year begins and ends.
    year: (i16, i16),
}

impl Gar {
    /// One subscription a manual for the school, an ended one beside one of them, and one for
    /// another school.
    pub(super) fn new(uai: &Uai, manuals: &[Manual], distributor: &Url, now: Timestamp) -> Self {
        let today = now.to_zoned_datetime(TimeZone::UTC);
        let begins = if today.month() >= 8 { today.year() } else { today.year() - 1 };
        let mut subscriptions: Vec<Subscription> = (0..manuals.len())
            .zip(PUPILS.into_iter().cycle())
            .map(|(manual, assigned)| {
                let slug = manuals.get(manual).map_or("", |manual| manual.slug);
                let for_teachers = [FOR_TEACHERS, ENDED_FOR_PUPILS].contains(&slug);
                let open = manual % 5 == 0;
                Subscription {
                    id: format!("DEMO_{uai}_{:05}", 21_001 + manual),
                    school: uai.to_string(),
                    manual,
                    assigned: if for_teachers { 0 } else { assigned },
                    open,
                    publics: match (for_teachers, open) {
                        (true, _) => TEACHERS,
                        (false, true) => EVERYONE,
                        (false, false) => LEARNERS,
                    },
                    past: false,
                }
            })
            .collect();
        let ended = manuals.iter().position(|manual| manual.slug == ENDED_FOR_PUPILS);
        subscriptions.extend(ended.map(|manual| Subscription {
            id: format!("DEMO_{uai}_20099"),
            school: uai.to_string(),
            manual,
            assigned: 0,
            open: false,
            publics: PUPILS_ONLY,
            past: true,
        }));
        subscriptions.push(Subscription {
            id: format!("DEMO_{OTHER_SCHOOL}_20001"),
            school: OTHER_SCHOOL.to_owned(),
            manual: 0,
            assigned: 12,
            open: false,
            publics: LEARNERS,
            past: false,
        });
        subscriptions.sort_by(|a, b| a.id.cmp(&b.id));
        let known = Known {
            school: uai.to_string(),
            subscriptions,
            manuals: manuals.to_vec(),
            distributor: distributor.clone(),
            year: (begins, begins + 1),
        };
        Self { known: Arc::new(known) }
    }
}

impl Handler for Gar {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "64 KiB at most\n");
        };
        let query = head.uri.query().unwrap_or_default();
        let asking = head.method == Method::GET || head.method == Method::POST;
        let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        match path.as_slice() {
            ["gar", "abonnements"] if asking => {
                let filters = String::from_utf8_lossy(&body.to_bytes()).into_owned();
                json_answer(StatusCode::OK, &self.known.subscriptions(&filters, query))
            }
            ["gar", "decompteaffectations"] if asking => self.known.counts(query),
            ["gar", "ressources", _ent, uai, person] if head.method == Method::GET => {
                self.known.resources(uai, person, head.uri.path())
            }
            _ => plain(StatusCode::NOT_FOUND, "not an interface of this GAR\n"),
        }
    }
}

impl Known {
    fn subscriptions(&self, filters: &str, query: &str) -> Value {
        let schools = filter_values(filters, "uaiEtab");
        let distributors = filter_values(filters, "idDistributeurCom");
        let wanted: Vec<&Subscription> = self
            .subscriptions
            .iter()
            .filter(|s| schools.is_empty() || schools.contains(&s.school))
            .filter(|_| distributors.is_empty() || distributors.iter().any(|d| d == DISTRIBUTOR))
            .collect();
        let range = page(query, wanted.len());
        let records: Vec<Value> = wanted
            .get(range)
            .unwrap_or_default()
            .iter()
            .filter_map(|s| self.subscription(s))
            .collect();
        json!({ "abonnements": records })
    }

    fn subscription(&self, subscription: &Subscription) -> Option<Value> {
        let manual = self.manuals.get(subscription.manual)?;
        let (from, to, last_day) = match (self.year, subscription.past) {
            ((from, to), false) => (from, to, "08-15"),
            ((from, _), true) => (from - 1, from, "07-31"),
        };
        let mut record = json!({
            "idAbonnement": subscription.id,
            "idDistributeurCom": DISTRIBUTOR,
            "idRessource": manual.ark,
            "typeIdRessource": "ARK",
            "libelleRessource": manual.title,
            "debutValidite": format!("{from}-08-01T00:00:00.000+02:00"),
            "finValidite": format!("{to}-{last_day}T23:59:59.000+02:00"),
            "anneeFinValidite": format!("{from}-{to}"),
            "uaiEtab": subscription.school,
            "categorieAffectation": "transferable",
            "typeAffectation": if subscription.open { "ETABL" } else { "INDIV" },
            "publicCible": subscription.publics,
        });
        if subscription.open {
            record["nbLicenceGlobale"] = json!("ILLIMITE");
        } else {
            // Some more licences than pupils, as schools order them.
            record["nbLicenceEleve"] = json!((subscription.assigned + 8).to_string());
            record["nbLicenceEnseignant"] = json!("ILLIMITE");
        }
        Some(record)
    }

    fn counts(&self, query: &str) -> Response<Body> {
        let ids: Vec<String> = values(query, "idAbonnement");
        let mut csv = String::from(
            "UAI;idAbonnement;codeProjetRessource;idRessource;cumulAffectationEleve;\
             cumulAffectationEnseignant;cumulAffectationDocumentaliste;\
             cumulAffectationAutrePersonnel\n",
        );
        for s in &self.subscriptions {
            let Some(manual) = self.manuals.get(s.manual) else { continue };
            if ids.is_empty() || ids.contains(&s.id) {
                let teachers = s.assigned / 30 + 1;
                let pupils = match s.assigned {
                    0 => "null".to_owned(),
                    count => count.to_string(),
                };
                let (school, id, ark) = (&s.school, &s.id, &manual.ark);
                let _ = writeln!(csv, "{school};{id};null;{ark};{pupils};{teachers};1;null");
            }
        }
        typed(StatusCode::OK, "text/csv; charset=utf-8", csv)
    }

    fn resources(&self, uai: &str, id: &str, path: &str) -> Response<Body> {
        let refused = |message: &str| {
            let error = json!({ "Erreur": {
                "Code": "Bad Request",
                "Message": message,
                "Resource": path.trim_start_matches("/gar/"),
            }});
            json_answer(StatusCode::BAD_REQUEST, &error)
        };
        if uai != self.school {
            return refused("Établissement non trouvé");
        }
        let Some(person) = person(id) else { return refused("Utilisateur non trouvé") };
        let theirs = |(place, manual): (usize, &Manual)| {
            self.may_open(person, place, manual).then(|| self.resource(manual))
        };
        let resources: Vec<Value> = self.manuals.iter().enumerate().filter_map(theirs).collect();
        json_answer(StatusCode::OK, &json!({ "listeRessources": { "ressource": resources } }))
    }

    /// By a subscription of this year for their role, open to all or given to them.
    fn may_open(&self, person: &DemoPerson, place: usize, manual: &Manual) -> bool {
        let mine = self.subscriptions.iter().filter(|s| s.manual == place && !s.past);
        let mut mine = mine.filter(|s| s.school == self.school);
        let role = person.role.public();
        mine.any(|s| s.publics.contains(&role) && (s.open || person.was_given(manual.slug)))
    }

    fn resource(&self, manual: &Manual) -> Value {
        let term = |name: &str| json!([{ "uri": format!("urn:preau:{name}"), "nom": name }]);
        json!({
            "idRessource": manual.ark,
            "idType": "ARK",
            "nomRessource": manual.title,
            "idEditeur": DISTRIBUTOR,
            "nomEditeur": manual.publisher,
            "description": format!("Manuel de démonstration, {}.", manual.level),
            "typePresentation": { "code": "MAN", "nom": "manuels numériques" },
            "domaineEnseignement": term(manual.subject),
            "niveauEducatif": term(manual.level),
            "typologieDocument": [],
            "typePedagogique": term("cours / présentation"),
            "urlAccesRessource": below(&self.distributor, &format!("lire/{}", manual.slug)),
            "urlVignette": below(&self.distributor, &format!("covers/{}.jpg", manual.slug)),
            "nomSourceEtiquetteGar": "GAR",
            "distributeurTech": DISTRIBUTOR,
            "validateurTech": DISTRIBUTOR,
        })
    }
}

/// Which of `count` records the query asks for: from `debut` to before `fin`.
fn page(query: &str, count: usize) -> Range<usize> {
    let number = |name| values(query, name).first().and_then(|value| value.parse().ok());
    let from = number("debut").unwrap_or(0).min(count);
    from..number("fin").unwrap_or(count).clamp(from, count)
}

fn values(query: &str, name: &str) -> Vec<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// Values of one filter in a `filtres` document; a document that is none filters nothing.
fn filter_values(filters: &str, name: &str) -> Vec<String> {
    let mut reader = Reader::from_str(filters);
    let (mut element, mut current) = (String::new(), String::new());
    let mut found = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => start.local_name().as_ref().clone_into(&mut element),
            Ok(Event::End(_)) => element.clear(),
            Ok(Event::Text(text)) => {
                let text = text.xml10_content().trim().to_owned();
                match element.as_str() {
                    "filtreNom" => current = text,
                    "filtreValeur" if current == name => found.push(text),
                    _ => {}
                }
            }
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

fn json_answer(status: StatusCode, value: &Value) -> Response<Body> {
    typed(status, "application/json;charset=UTF-8", value.to_string())
}

/// An answer of a few kilobytes.
pub(super) fn typed(status: StatusCode, media_type: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
