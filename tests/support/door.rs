//! The room that knows who asks, opened without pages, and one browser's cookies at it.

use std::fs;

use http::{HeaderMap, HeaderValue, header::COOKIE};
use jiff::Timestamp;
use preau::{
    access::{Access, Entered, SignInError, Visitor},
    config::Config,
    store::{Store, StoreOptions},
};
use tempfile::TempDir;
use url::Url;

use super::idp::Idp;

/// The school of most people of the test's ENT.
pub const UAI: &str = "0510035L";
/// The registered address that people come back to.
pub const SERVICE: &str = "https://retour.example.org/preau";

/// The secret of the client `preau`.
const SECRET: &str = "secret-of-preau";

/// A box's `access`.
#[derive(Debug)]
pub struct Door {
    pub access: Access,
    folder: TempDir,
}

impl Door {
    /// A box of the school that trusts `idp`'s authority; `ent` is its section of the settings,
    /// where `SECRET` stands for the file with the client secret.
    pub fn open(idp: &Idp, ent: &str) -> Self {
        let line = format!("extra_authorities = [\"{}\"]", idp.authority.display());
        Self::with(&line, ent)
    }

    /// The same, with one line of `[network]`.
    pub fn with(network: &str, ent: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let ent = ent.replace("SECRET", &secret.display().to_string());
        let settings = format!(
            "[school]\nuai = \"{UAI}\"\nname = \"Lycée d'essai\"\n\
             [network]\nallow_private = [\"127.0.0.0/8\", \"::1/128\"]\n\
             {network}\n[store]\npath = \"{}/data\"\nreserve = \"10 MB\"\n\
             [access]\nservice = \"{SERVICE}\"\n{ent}\n",
            folder.path().display(),
        );
        let (config, _) = Config::parse("test", &settings).unwrap();
        let store = Store::open(StoreOptions::of(&config.store)).unwrap();
        let Config { school, access, https, network, .. } = &config;
        let access = Access::open(school, access, https, network, store).unwrap();
        Self { access, folder }
    }

    /// A box that signs in by CAS.
    pub fn cas(idp: &Idp) -> Self {
        Self::open(idp, &format!("[access.cas]\nurl = \"{}\"", idp.base))
    }
}

/// `[access.oidc]` for an issuer and one of the test's clients.
pub fn oidc(issuer: &Url, client: &str) -> String {
    let secret = if client == "preau" { "client_secret_file = \"SECRET\"\n" } else { "" };
    format!(
        "[access.oidc]\nissuer = \"{issuer}\"\nclient_id = \"{client}\"\nscopes = [\"ent\"]\n{secret}"
    )
}

/// One browser, as the box sees it.
#[derive(Debug, Default)]
pub struct Cookies(std::collections::BTreeMap<String, String>);

impl Cookies {
    /// The header fields it sends.
    pub fn headers(&self) -> HeaderMap {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(&pairs.join("; ")).unwrap());
        headers
    }

    fn keep(&mut self, set: &[HeaderValue]) {
        for value in set {
            let pair = value.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.0.insert(name.to_owned(), value.to_owned());
        }
        self.0.retain(|_, value| !value.is_empty());
    }

    /// Asks to sign in; the address at the ENT.
    pub async fn begin(&mut self, door: &Door, back: &str, now: Timestamp) -> Url {
        let begun = door.access.begin(back, &self.headers(), now).await.unwrap();
        self.keep(&begun.cookies);
        begun.to
    }

    /// Comes back at this address.
    pub async fn finish(
        &mut self,
        door: &Door,
        at: &Url,
        now: Timestamp,
    ) -> Result<Entered, SignInError> {
        let query: Vec<_> = at.query_pairs().into_owned().collect();
        let entered = door.access.finish(&query, &self.headers(), now).await?;
        self.keep(&entered.cookies);
        Ok(entered)
    }

    /// Is somebody signed in here?
    pub fn signed_in(&self, door: &Door, now: Timestamp) -> bool {
        matches!(door.access.visitor(&self.headers(), now), Visitor::Session(_))
    }
}

/// `at` with one value of its query replaced.
pub fn with(at: &Url, name: &str, value: &str) -> Url {
    let pairs: Vec<(String, String)> = at.query_pairs().into_owned().collect();
    let mut changed = at.clone();
    changed.query_pairs_mut().clear().extend_pairs(
        pairs.iter().map(|(n, v)| (n.as_str(), if n == name { value } else { v.as_str() })),
    );
    changed
}

/// The value of one name of a query.
pub fn value(at: &Url, name: &str) -> String {
    at.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}
