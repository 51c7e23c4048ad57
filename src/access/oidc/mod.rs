//! OpenID Connect Core 1.0: discovery, code with PKCE (RFC 7636), ID token, nonce, userinfo.

mod claims;
mod http;
mod provider;
mod token;

use std::{fs::File, io::Read as _, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use openidconnect::{
    AccessToken, AuthType, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret,
    ConfigurationError, CsrfToken, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SubjectIdentifier, TokenResponse as _,
    UserInfoError, core::CoreResponseType,
};
use serde_json::Value;
use url::Url;

use self::{
    claims::add,
    http::Asker,
    provider::{Known, Provider},
    token::{Answer, IdToken, Party, UserInfo},
};
use super::{AccessError, SignInError, asking, attempt::Attempt, attributes::Said, ent::Identity};
use crate::{config, net};

/// From a person's return to the end of the last check; longer is a page that seems dead.
const WHOLE: Duration = Duration::from_secs(12);
/// Bytes of a file with a client secret.
const MAX_SECRET_BYTES: u64 = 4 * 1024;
/// Characters of a code, an error or an issuer that comes back in the address.
const MAX_RETURNED_CHARS: usize = 4 * 1024;

/// The ENT's OpenID provider.
#[derive(Debug)]
pub(super) struct Client {
    client_id: ClientId,
    secret: Option<ClientSecret>,
    scopes: Vec<Scope>,
    client: net::client::Client,
    provider: Provider,
}

impl Client {
    /// Reads the client secret. Blocking.
    pub(super) fn new(
        config: &config::Oidc,
        client: net::client::Client,
    ) -> Result<Self, AccessError> {
        let secret = config.client_secret_file.as_deref().map(secret).transpose()?;
        Ok(Self {
            client_id: ClientId::new(config.client_id.clone()),
            secret,
            scopes: config.scopes.iter().cloned().map(Scope::new).collect(),
            provider: Provider::new(&config.issuer, client.clone()),
            client,
        })
    }

    /// Where the browser is sent to sign in.
    pub(super) async fn address(
        &self,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Url, SignInError> {
        let known = within(self.provider.known(now)).await?;
        let party = self.party(&known, attempt);
        let verifier = PkceCodeVerifier::new(attempt.verifier.clone());
        let (state, nonce) = (attempt.state.clone(), attempt.nonce.clone());
        let (url, _, _) = party
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(self.scopes.iter().cloned())
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        asking::await_sign_in_page(&self.client, &url).await?;
        Ok(url)
    }

    /// Who came back, from the query they came back with.
    pub(super) async fn identify(
        &self,
        query: &[(String, String)],
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Identity, SignInError> {
        let attributes = within(self.said(query, attempt, now)).await?;
        Ok(Identity { attributes, ticket: None })
    }

    async fn said(
        &self,
        query: &[(String, String)],
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Said, SignInError> {
        if let Some(error) = value(query, "error") {
            return Err(SignInError::refused(error));
        }
        let code = value(query, "code")
            .ok_or_else(|| SignInError::answer("the person came back without a code"))?;
        let known = self.provider.known(now).await?;
        // RFC 9207: the answer of another provider is not taken for this one's.
        if value(query, "iss").is_some_and(|issuer| issuer != known.issuer()) {
            return Err(SignInError::answer("it is another provider's"));
        }
        let answer = self.exchange(&known, attempt, code).await?;
        let id_token = answer.id_token().ok_or_else(|| SignInError::answer("no ID token came"))?;
        let access = answer.access_token();
        let claims = self.believed(&known, attempt, id_token, access, now).await?;
        let mut said = Said::default();
        let subject = claims.subject().clone();
        // First, so that no claim passes for it.
        said.add("sub", &subject);
        if said.values("sub").is_empty() {
            return Err(SignInError::answer("the subject of the ID token cannot be kept"));
        }
        add(&mut said, &serde_json::to_value(&claims).unwrap_or(Value::Null));
        if let Some(more) = self.user_info(&known, attempt, access, subject).await? {
            add(&mut said, &more);
        }
        Ok(said)
    }

    /// The code for tokens, once.
    async fn exchange(
        &self,
        known: &Known,
        attempt: &Attempt,
        code: &str,
    ) -> Result<Answer, SignInError> {
        let party = self.party(known, attempt);
        let asker = Asker(&self.client);
        let answered = party
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(lacking)?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()))
            .request_async(&asker)
            .await;
        answered.map_err(|error| match error {
            RequestTokenError::Request(error) => error,
            // Its word only: a description may repeat what was sent.
            RequestTokenError::ServerResponse(said) => SignInError::refused(said.error().as_ref()),
            RequestTokenError::Parse(error, _) => {
                SignInError::answer(format!("the tokens are not read: {}", error.path()))
            }
            RequestTokenError::Other(reason) => SignInError::answer(reason),
        })
    }

    /// The claims of a token that holds; keys are read again when its own is not known yet.
    async fn believed(
        &self,
        known: &Arc<Known>,
        attempt: &Attempt,
        id_token: &IdToken,
        access: &AccessToken,
        now: Timestamp,
    ) -> Result<token::Claims, SignInError> {
        let check = |known: &Known| {
            let party = self.party(known, attempt);
            let nonce = Nonce::new(attempt.nonce.clone());
            token::verify(&party, known.algorithms(), id_token, access, &nonce, now)
        };
        match check(known) {
            Err(token::Unbelieved::UnknownKey) => {
                let newer = self.provider.newer(known, now).await?;
                check(&newer).map_err(SignInError::from)
            }
            other => other.map_err(SignInError::from),
        }
    }

    /// What userinfo adds, when the provider has it. Its subject must be the token's (Core §5.3.2).
    async fn user_info(
        &self,
        known: &Known,
        attempt: &Attempt,
        access: &AccessToken,
        subject: SubjectIdentifier,
    ) -> Result<Option<Value>, SignInError> {
        let party = self.party(known, attempt);
        if party.user_info_url().is_none() {
            return Ok(None);
        }
        let asker = Asker(&self.client);
        let asked = party.user_info(access.clone(), Some(subject)).map_err(lacking)?;
        let claims: Result<UserInfo, _> = asked.request_async(&asker).await;
        let claims = claims.map_err(|error| match error {
            UserInfoError::Request(error) => error,
            // The library's words may hold identifiers and claims.
            UserInfoError::ClaimsVerification(_) => {
                SignInError::answer("userinfo is not of the person of the ID token")
            }
            UserInfoError::Response(status, _, _) => {
                SignInError::answer(format!("userinfo answered {}", status.as_u16()))
            }
            _ => SignInError::answer("userinfo is not read"),
        })?;
        Ok(serde_json::to_value(&claims).ok())
    }

    fn party(&self, known: &Known, attempt: &Attempt) -> Party {
        Party::from_provider_metadata(
            known.metadata.clone(),
            self.client_id.clone(),
            self.secret.clone(),
        )
        .set_redirect_uri(RedirectUrl::from_url(attempt.registered.clone()))
        .set_auth_type(AuthType::BasicAuth)
    }
}

async fn within<T>(work: impl Future<Output = Result<T, SignInError>>) -> Result<T, SignInError> {
    tokio::time::timeout(WHOLE, Box::pin(work)).await.unwrap_or_else(|_| {
        Err(SignInError::Unreachable { reason: format!("not done within {WHOLE:?}") })
    })
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    found.filter(|value| value.chars().nth(MAX_RETURNED_CHARS).is_none())
}

fn lacking(error: ConfigurationError) -> SignInError {
    SignInError::answer(format!("the discovery document lacks an address: {error}"))
}

fn secret(path: &Path) -> Result<ClientSecret, AccessError> {
    let unusable = |reason: String| AccessError::Settings {
        what: "access.oidc.client_secret_file",
        reason: format!("{}: {reason}", path.display()),
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_SECRET_BYTES).read_to_string(&mut text))
        .map_err(|error| unusable(error.to_string()))?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(unusable("it is empty".to_owned()));
    }
    Ok(ClientSecret::new(secret.to_owned()))
}
