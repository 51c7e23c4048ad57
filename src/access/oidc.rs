//! OpenID Connect Core 1.0: discovery, code with PKCE, ID token and nonce.

use url::Url;

use super::{SignInError, attempt::Attempt, ent::Identity};
use crate::{config, net};

/// The ENT's OpenID provider.
#[derive(Debug)]
pub(super) struct Client {
    config: config::Oidc,
    client: net::client::Client,
}

impl Client {
    pub(super) fn new(config: config::Oidc, client: net::client::Client) -> Self {
        Self { config, client }
    }

    pub(super) async fn address(&self, attempt: &Attempt) -> Result<Url, SignInError> {
        let _ = (&self.config, attempt);
        std::future::ready(Err(SignInError::NotConfigured)).await
    }

    pub(super) async fn identify(
        &self,
        query: &[(String, String)],
        attempt: &Attempt,
    ) -> Result<Identity, SignInError> {
        let _ = (&self.client, query, attempt);
        std::future::ready(Err(SignInError::NotConfigured)).await
    }
}
