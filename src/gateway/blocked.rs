//! `/bloque`: what this device was refused lately, a form by which it asks the CMIL to look at one
//! of these again, and what was answered. It works without scripts.

use std::{net::IpAddr, time::Duration};

use askama::Template;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION},
};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use ring::hmac;
use url::form_urlencoded;

use super::{Gateway, Shared, recent::Refused, refusal::answer as page_of};
use crate::{
    access::same_origin,
    filter::reviews::{MAX_PHRASE_CHARS, Review, ReviewError, Reviews, Wish},
    library::Speech,
    net::{body::Body, serve::plain},
};

/// Where a device sees what it was refused.
pub const LATELY: &str = "/bloque";
/// Bytes of a form: a site, a token, and a phrase whose every byte may take three.
const MAX_FORM_BYTES: usize = 8 * 1024;
/// Fields looked at.
const MAX_FIELDS: usize = 8;
/// How long a form may take to come.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// As the other pages', but that its own form may be sent to this very box.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

/// Where requests to look again are kept, and what proves that a form is the box's own.
#[derive(Debug)]
pub struct Asking {
    /// Nothing: nobody is asked.
    reviews: Option<Reviews>,
    /// Of this process: forms of an earlier one are made anew.
    key: hmac::Key,
}

impl Asking {
    pub fn new(reviews: Option<Reviews>) -> Self {
        Self { reviews, key: hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()) }
    }

    /// What the forms of this device carry: no other site can read it there.
    fn token(&self, device: IpAddr) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, device.to_string().as_bytes()))
    }

    fn holds(&self, device: IpAddr, token: &str) -> bool {
        let seal = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        hmac::verify(&self.key, device.to_string().as_bytes(), &seal).is_ok()
    }
}

#[derive(Template)]
#[template(path = "proxy_blocked.html")]
struct BlockedPage<'a> {
    say: Speech<'a>,
    /// What came of a form.
    trouble: Option<String>,
    rows: Vec<Row>,
    asked: Vec<Asked>,
    contact: String,
    csrf: String,
    most_chars: usize,
}

/// Something that was refused.
struct Row {
    number: usize,
    host: String,
    when: String,
    category: Option<String>,
    rule: String,
    offer: Offer,
}

/// What can be done about it.
#[derive(PartialEq, Eq)]
enum Offer {
    Nothing,
    /// To ask, by what names it in the form.
    Form(String),
    /// It was asked, then.
    Waits(String),
}

/// A request of this device. Not what was written: tomorrow the address may be another's.
struct Asked {
    host: String,
    when: String,
    /// When, and what.
    answer: Option<(String, String)>,
}

/// Why a form was not taken.
#[derive(Debug)]
enum Trouble {
    /// Not of this box's page, or of an earlier one.
    Old,
    /// Not a form, too large, or too slow.
    Broken(StatusCode),
    /// It is no longer among what was refused lately.
    Gone,
    /// Nobody keeps it.
    Unkept,
    Review(ReviewError),
}

impl Trouble {
    /// The status, and the name of its words.
    fn said(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Old => (StatusCode::FORBIDDEN, "review-old"),
            Self::Broken(status) => (*status, "review-broken"),
            Self::Gone => (StatusCode::NOT_FOUND, "review-gone"),
            Self::Review(ReviewError::TooOften) => {
                (StatusCode::TOO_MANY_REQUESTS, "review-too-often")
            }
            Self::Review(ReviewError::Full) => (StatusCode::SERVICE_UNAVAILABLE, "review-full"),
            Self::Unkept | Self::Review(_) => (StatusCode::SERVICE_UNAVAILABLE, "review-unkept"),
        }
    }
}

/// A device looks, or asks.
pub async fn answer(
    gateway: &Gateway,
    request: Request<Incoming>,
    device: IpAddr,
) -> Response<Body> {
    let (shared, device) = (&gateway.shared, device.to_canonical());
    let (parts, body) = request.into_parts();
    match parts.method {
        Method::GET | Method::HEAD => page(shared, &parts.headers, device, None),
        Method::POST => match ask(shared, &parts.headers, body, device).await {
            Ok(()) => seen_again(),
            Err(trouble) => {
                tracing::debug!(?trouble, %device, "a request to look again is not taken");
                page(shared, &parts.headers, device, Some(&trouble))
            }
        },
        _ => {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, POST\n");
            let allowed = HeaderValue::from_static("GET, HEAD, POST");
            refused.headers_mut().insert(ALLOW, allowed);
            refused
        }
    }
}

/// RFC 9110 §15.4.4: what was sent is not sent again by who looks again.
fn seen_again() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(LATELY));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn ask(
    shared: &Shared,
    fields: &HeaderMap,
    body: Incoming,
    device: IpAddr,
) -> Result<(), Trouble> {
    let form = read(fields, body).await?;
    let value =
        |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim());
    if !same_origin(fields) || !shared.asking.holds(device, value("csrf")) {
        return Err(Trouble::Old);
    }
    // What is kept of the refusal is what the box itself knows of it.
    let now = Timestamp::now();
    let lately = shared.recent.of(device, now);
    let refused = lately.into_iter().find(|one| one.asked.to_string() == value("site"));
    let Refused { asked, denial, .. } = refused.ok_or(Trouble::Gone)?;
    let wish = Wish {
        site: asked.host.to_string(),
        category: denial.category,
        rule: denial.rule,
        profile: denial.profile,
        role: denial.role,
        phrase: value("phrase").to_owned(),
    };
    let reviews = shared.asking.reviews.clone().ok_or(Trouble::Unkept)?;
    let asking = tokio::task::spawn_blocking(move || reviews.ask(device, wish, now));
    let asked = asking.await.map_err(|_| Trouble::Unkept)?.map_err(Trouble::Review)?;
    tracing::info!(id = asked.id, "a device asks to look at a refusal again");
    Ok(())
}

async fn read(fields: &HeaderMap, body: Incoming) -> Result<Vec<(String, String)>, Trouble> {
    let kind = fields.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Trouble::Broken(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let reading = Limited::new(body, MAX_FORM_BYTES).collect();
    let whole = tokio::time::timeout(FORM_TIMEOUT, reading).await;
    let whole = whole.map_err(|_| Trouble::Broken(StatusCode::REQUEST_TIMEOUT))?;
    let whole = whole.map_err(|_| Trouble::Broken(StatusCode::PAYLOAD_TOO_LARGE))?.to_bytes();
    Ok(form_urlencoded::parse(&whole).into_owned().take(MAX_FIELDS).collect())
}

fn page(
    shared: &Shared,
    fields: &HeaderMap,
    device: IpAddr,
    trouble: Option<&Trouble>,
) -> Response<Body> {
    let (say, now) = (shared.pages.speak(fields), Timestamp::now());
    let asking = shared.asking.reviews.as_ref();
    let own: Option<Vec<Review>> = asking.map(|reviews| reviews.of(device, now));
    let refused = shared.recent.of(device, now).into_iter().enumerate();
    let rows = refused.map(|(number, one)| row(&say, number, one, own.as_deref()));
    let rows = rows.collect();
    let asked = own.iter().flatten().map(|review| of_review(&say, review)).collect();
    let (status, words) = trouble.map_or((StatusCode::OK, None), |trouble| {
        let (status, id) = trouble.said();
        (status, Some(say.say(id).into_owned()))
    });
    let content = BlockedPage {
        say,
        trouble: words,
        rows,
        asked,
        contact: shared.pages.whom(&say),
        csrf: shared.asking.token(device),
        most_chars: MAX_PHRASE_CHARS,
    };
    let mut response = page_of("text/html", content.render().unwrap_or_default());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

fn row(say: &Speech<'_>, number: usize, one: Refused, own: Option<&[Review]>) -> Row {
    let host = one.asked.host.to_string();
    let waits = |review: &&Review| review.wish.site == host && review.answer.is_none();
    let offer = match own.map(|own| own.iter().find(waits)) {
        None => Offer::Nothing,
        Some(None) => Offer::Form(one.asked.to_string()),
        Some(Some(review)) => Offer::Waits(say.moment(review.at)),
    };
    let mut when = say.moment(one.at);
    if one.times > 1 {
        when.push_str(&format!(", {}", say.say_with("blocked-times", "count", one.times)));
    }
    let (category, rule) = (one.denial.category, one.denial.rule);
    Row { number, host, when, category, rule, offer }
}

fn of_review(say: &Speech<'_>, review: &Review) -> Asked {
    let answer = review.answer.as_ref();
    Asked {
        host: review.wish.site.clone(),
        when: say.moment(review.at),
        answer: answer.map(|answer| (say.moment(answer.at), answer.text.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_s_token_is_its_device_s_own_and_of_this_process() {
        let (one, other) = (Asking::new(None), Asking::new(None));
        let (mine, theirs) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert!(one.holds(mine, &one.token(mine)));
        assert!(!one.holds(theirs, &one.token(mine)) && !other.holds(mine, &one.token(mine)));
        assert!(!one.holds(mine, "") && !one.holds(mine, "é"));
    }
}
