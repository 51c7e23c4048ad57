//! A reader of the demo school: asks the box what a browser would, signs in at the ENT as a browser
//! would, and checks what comes.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE},
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::store::BlobId;

/// An answer must begin within this.
const HEAD_PATIENCE: Duration = Duration::from_secs(20);

type Pool = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A reader on the school's network, with the cookies of one browser.
#[derive(Debug)]
pub struct Reader {
    pool: Pool,
    home: Url,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// A book as the box's feed offers it.
#[derive(Debug, Clone)]
pub struct Offered {
    /// Name of its package.
    pub blob: BlobId,
    /// Bytes of it.
    pub size: u64,
}

/// How a reader came in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameBack {
    /// The session had outlived the restart.
    BySession,
    /// By the pass that the box gave to this browser.
    ByPass,
}

impl Reader {
    /// A reader of the box at this address, who trusts the authority in this file.
    pub fn new(home: &Url, authority: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority)?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        let pool = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { pool, home: home.clone(), cookies: Mutex::default() })
    }

    /// One exchange, as a browser makes it: cookies are for the box alone, forms say where they
    /// come from.
    async fn send(&self, url: &Url, form: Option<String>) -> Result<Response<Incoming>> {
        let at_home = url.origin() == self.home.origin();
        let mut request = Request::new(Full::new(Bytes::from(form.clone().unwrap_or_default())));
        *request.uri_mut() = url.as_str().parse::<Uri>()?;
        let fields = request.headers_mut();
        if form.is_some() {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            fields.insert(CONTENT_TYPE, kind);
            fields.insert(ORIGIN, url.origin().ascii_serialization().parse()?);
            fields.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
            *request.method_mut() = Method::POST;
        }
        if at_home && let Some(cookies) = self.cookie_field() {
            request.headers_mut().insert(COOKIE, cookies.parse()?);
        }
        let answer = tokio::time::timeout(HEAD_PATIENCE, self.pool.request(request)).await;
        let response =
            answer.with_context(|| format!("{url}: no answer in {HEAD_PATIENCE:?}"))??;
        if at_home {
            self.remember(&response);
        }
        Ok(response)
    }

    fn cookie_field(&self) -> Option<String> {
        let jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn remember(&self, response: &Response<Incoming>) {
        let mut jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for field in response.headers().get_all(SET_COOKIE) {
            let Some(Ok(cookie)) = field.to_str().ok().map(cookie::Cookie::parse) else { continue };
            let gone = cookie.max_age().is_some_and(cookie::time::Duration::is_zero);
            if gone || cookie.value().is_empty() {
                jar.remove(cookie.name());
            } else {
                jar.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }

    /// Signs in at the ENT as this person: the box sends there, one chooses, the ENT sends back.
    pub async fn sign_in(&self, person: &str) -> Result<()> {
        let begin = self.home.join("connexion/ent?retour=%2F")?;
        let login = location(&begin, &self.send(&begin, None).await?)?;
        ensure!(login.origin() != self.home.origin(), "the box did not send to the ENT");
        let chooser = whole(self.send(&login, None).await?).await?;
        let chooser = String::from_utf8_lossy(&chooser).into_owned();
        ensure!(chooser.contains(&format!("value=\"{person}\"")), "the ENT knows no {person}");
        let service = login.query_pairs().find(|(name, _)| name == "service");
        let service = service.map(|(_, value)| value.into_owned()).context("no service")?;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("service", &service)
            .append_pair("person", person)
            .finish();
        let mut choose = login;
        choose.set_query(None);
        let back = location(&choose, &self.send(&choose, Some(form)).await?)?;
        let entered = location(&back, &self.send(&back, None).await?)
            .context("the box did not let the person in")?;
        ensure!(entered.origin() == self.home.origin(), "the sign-in ends at {entered}");
        Ok(())
    }

    /// Comes in again without the ENT.
    pub async fn come_back(&self) -> Result<CameBack> {
        let (status, _) = self.look("").await?;
        if status == StatusCode::OK {
            return Ok(CameBack::BySession);
        }
        self.forget_session();
        self.enter_by_pass().await?;
        Ok(CameBack::ByPass)
    }

    /// As when the browser was closed, or the session ended.
    pub fn forget_session(&self) {
        let mut jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        jar.retain(|name, _| name.ends_with("-pass"));
    }

    /// Comes in by the pass of this browser.
    pub async fn enter_by_pass(&self) -> Result<()> {
        let url = self.home.join("connexion/passe")?;
        let response = self.send(&url, Some("retour=%2F&csrf=".to_owned())).await?;
        let status = response.status();
        if status != StatusCode::SEE_OTHER {
            bail!("the pass does not let in: {status}");
        }
        self.page("").await.map(drop)
    }

    /// An answer, whatever its status.
    pub async fn look(&self, path: &str) -> Result<(StatusCode, String)> {
        let response = self.send(&self.home.join(path)?, None).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// A whole answer, which must be a success.
    pub async fn read(&self, path: &str) -> Result<Bytes> {
        let asked = self.send(&self.home.join(path)?, None).await;
        let response = asked.with_context(|| format!("asking the box for {path}"))?;
        whole(response).await.with_context(|| format!("reading {path}"))
    }

    /// A page, as text.
    pub async fn page(&self, path: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.read(path).await?).into_owned())
    }

    async fn json(&self, path: &str) -> Result<Value> {
        serde_json::from_slice(&self.read(path).await?)
            .with_context(|| format!("{path} is no JSON"))
    }

    /// What the box lends now, from its feed.
    pub async fn offered(&self) -> Result<Vec<Offered>> {
        let feed = self.json("opds").await?;
        let publications = feed["publications"].as_array().map_or(&[][..], Vec::as_slice);
        let offered = publications.iter().filter_map(|p| p["links"].as_array()).flatten();
        let packages = offered.filter_map(|link| {
            let blob = link["properties"]["hash"][0]["value"].as_str()?.parse().ok()?;
            Some(Offered { blob, size: link["size"].as_u64()? })
        });
        Ok(packages.collect())
    }

    /// Reads a manual: its manifest, each page of the reader, each resource. Gives the resources.
    pub async fn read_whole(&self, blob: &BlobId) -> Result<usize> {
        let manifest = self.json(&format!("p/{blob}/manifest.json")).await?;
        let list = |key: &str| manifest[key].as_array().cloned().unwrap_or_default();
        let order = list("readingOrder");
        ensure!(!order.is_empty(), "{blob} has no page");
        for page in 1..=order.len() {
            self.read(&format!("lire/{blob}/{page}")).await?;
        }
        let mut read = 0;
        for link in order.iter().chain(&list("resources")) {
            let href = link["href"].as_str().context("a link without href")?;
            let bytes = self.read(href).await?;
            let size = link["size"].as_u64();
            ensure!(size == Some(bytes.len() as u64), "{href} has {} bytes", bytes.len());
            read += 1;
        }
        Ok(read)
    }

    /// Downloads a package and checks that it is what its name says.
    pub async fn download(&self, blob: &BlobId) -> Result<u64> {
        let path = format!("p/{blob}/package");
        let response = self.send(&self.home.join(&path)?, None).await?;
        ensure!(response.status() == StatusCode::OK, "{path} answers {}", response.status());
        let (mut hasher, mut body, mut received) = (Sha256::new(), response.into_body(), 0);
        while let Some(frame) = body.frame().await {
            if let Ok(chunk) = frame?.into_data() {
                received += chunk.len() as u64;
                hasher.update(&chunk);
            }
        }
        ensure!(BlobId(hasher.finalize().into()) == *blob, "{path} arrived changed");
        Ok(received)
    }
}

async fn whole(response: Response<Incoming>) -> Result<Bytes> {
    let status = response.status();
    ensure!(status == StatusCode::OK, "the answer is {status}");
    Ok(response.into_body().collect().await?.to_bytes())
}

/// Where an answer sends to.
fn location(from: &Url, response: &Response<Incoming>) -> Result<Url> {
    let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    let to = to.with_context(|| format!("{} instead of a redirect", response.status()))?;
    Ok(from.join(to)?)
}
