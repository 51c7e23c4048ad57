//! What a provider says of itself: its discovery document and its keys, asked once for all who
//! wait, kept for a while, asked again when a key is new.

use std::sync::{Arc, Mutex, PoisonError};

use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header::ACCEPT};
use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreProviderMetadata};
use url::Url;

use super::token::asymmetric;
use crate::{
    access::{
        SignInError,
        asking::{self, below, is_private},
    },
    net::client::Client,
};

/// How long addresses and keys are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How long a failure is: a class that signs in at once shall not wait for it one by one.
const FAILURE_KEPT: SignedDuration = SignedDuration::from_secs(3);
/// Keys are read again at most this often, however many tokens name unknown ones.
const BETWEEN_NEWER: SignedDuration = SignedDuration::from_secs(10);
/// OpenID Connect Discovery 1.0 §4, and what some ENTs have in its place.
const PLACES: [&[&str]; 2] = [&[".well-known", "openid-configuration"], &[".well-known"]];

/// What it said.
#[derive(Debug)]
pub(super) struct Known {
    /// With its keys.
    pub(super) metadata: CoreProviderMetadata,
    algorithms: Vec<CoreJwsSigningAlgorithm>,
}

impl Known {
    pub(super) fn issuer(&self) -> &str {
        self.metadata.issuer()
    }

    /// Signatures accepted.
    pub(super) fn algorithms(&self) -> &[CoreJwsSigningAlgorithm] {
        &self.algorithms
    }
}

type Asked = Shared<BoxFuture<'static, Result<Arc<Known>, SignInError>>>;

/// One question, under way or answered.
#[derive(Debug, Clone)]
struct Question {
    begun: Timestamp,
    /// Asked because the keys of the one before did not do.
    again: bool,
    asked: Asked,
}

/// A provider, by its issuer.
#[derive(Debug)]
pub(super) struct Provider {
    client: Client,
    issuer: Url,
    last: Mutex<Option<Question>>,
}

impl Provider {
    pub(super) fn new(issuer: &Url, client: Client) -> Self {
        Self { client, issuer: without_place(issuer), last: Mutex::default() }
    }

    /// What it said lately, or says now.
    pub(super) async fn known(&self, now: Timestamp) -> Result<Arc<Known>, SignInError> {
        self.question(now, false, |question| {
            let kept = match question.asked.peek() {
                Some(Err(_)) => FAILURE_KEPT,
                Some(Ok(_)) | None => KEPT,
            };
            age(question, now).is_some_and(|age| age < kept)
        })
        .await
    }

    /// What it says since `old`, whose keys do not do: at once the first time, then not more often
    /// than the limit.
    pub(super) async fn newer(
        &self,
        old: &Arc<Known>,
        now: Timestamp,
    ) -> Result<Arc<Known>, SignInError> {
        self.question(now, true, |question| match question.asked.peek() {
            // Somebody else asked meanwhile.
            Some(Ok(known)) if !Arc::ptr_eq(known, old) => true,
            _ => question.again && age(question, now).is_some_and(|age| age < BETWEEN_NEWER),
        })
        .await
    }

    /// The last question, if it does; else a new one, which all who come meanwhile share.
    fn question(&self, now: Timestamp, again: bool, does: impl FnOnce(&Question) -> bool) -> Asked {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(question) = last.as_ref()
            && does(question)
        {
            return question.asked.clone();
        }
        let asked = discover(self.client.clone(), self.issuer.clone()).boxed().shared();
        *last = Some(Question { begun: now, again, asked: asked.clone() });
        asked
    }
}

/// None after a clock jumped back.
fn age(question: &Question, now: Timestamp) -> Option<SignedDuration> {
    let age = now.duration_since(question.begun);
    (!age.is_negative()).then_some(age)
}

async fn discover(client: Client, issuer: Url) -> Result<Arc<Known>, SignInError> {
    let mut refused = SignInError::answer("there is no discovery document");
    for place in PLACES {
        let url = below(&issuer, place);
        let read = document(&client, url.clone()).await.and_then(|body| metadata(&body, &issuer));
        match read {
            Ok(metadata) => return with_keys(&client, metadata).await,
            // No answer here is none there.
            Err(error @ SignInError::Unreachable { .. }) => return Err(error),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

async fn with_keys(
    client: &Client,
    metadata: CoreProviderMetadata,
) -> Result<Arc<Known>, SignInError> {
    let body = document(client, metadata.jwks_uri().url().clone()).await?;
    let keys: CoreJsonWebKeySet = serde_json::from_slice(&body)
        .map_err(|error| SignInError::answer(format!("the keys are not read: {error}")))?;
    let algorithms = asymmetric(metadata.id_token_signing_alg_values_supported());
    Ok(Arc::new(Known { metadata: metadata.set_jwks(keys), algorithms }))
}

async fn document(client: &Client, url: Url) -> Result<Bytes, SignInError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let path = url.path().to_owned();
    let reply = asking::ask(client, Method::GET, url, headers, Bytes::new()).await?;
    if reply.status != StatusCode::OK {
        return Err(SignInError::answer(format!("{path} answered {}", reply.status.as_u16())));
    }
    Ok(reply.body)
}

/// A document that is this issuer's (Discovery §4.3), and sends people nowhere without TLS.
fn metadata(body: &[u8], issuer: &Url) -> Result<CoreProviderMetadata, SignInError> {
    let metadata: CoreProviderMetadata = serde_json::from_slice(body).map_err(|error| {
        SignInError::answer(format!("the discovery document is not read: {error}"))
    })?;
    // A final slash is all that people get wrong when they copy an issuer.
    if metadata.issuer().trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
        return Err(SignInError::answer("the discovery document is of another issuer"));
    }
    if !is_private(metadata.authorization_endpoint().url()) {
        return Err(SignInError::answer("its sign-in page is not over HTTPS"));
    }
    Ok(metadata)
}

/// The issuer, of an address that somebody copied with the document's place.
fn without_place(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    for place in PLACES {
        let end = format!("/{}", place.join("/"));
        if let Some(path) = issuer.path().trim_end_matches('/').strip_suffix(&end) {
            url.set_path(path);
            return url;
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document_of(issuer: &str, authorization: &str) -> Vec<u8> {
        serde_json::json!({
            "issuer": issuer,
            "authorization_endpoint": authorization,
            "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn an_issuer_copied_with_its_documents_place_is_the_issuer() {
        for end in ["", "/.well-known", "/.well-known/openid-configuration", "/.well-known/"] {
            let url = format!("https://sso.example.org/oidc{end}").parse().unwrap();
            assert_eq!(without_place(&url).as_str(), "https://sso.example.org/oidc");
        }
    }

    #[test]
    fn a_document_of_another_issuer_or_without_tls_is_refused() {
        let issuer: Url = "https://sso.example.org/oidc/".parse().unwrap();
        let read = |said: &str, page: &str| metadata(&document_of(said, page), &issuer).is_ok();
        assert!(read("https://sso.example.org/oidc", "https://sso.example.org/authorize"));
        assert!(!read("https://evil.example.org/oidc", "https://sso.example.org/authorize"));
        assert!(!read("https://sso.example.org/oidc", "http://sso.example.org/authorize"));
        assert!(metadata(b"{}", &issuer).is_err());
    }
}
