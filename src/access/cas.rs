//! CAS 3 (Apereo CAS Protocol 3.0).

use url::Url;

use super::{SignInError, attempt::Attempt, ent::Identity};
use crate::{config, net};

/// The ENT's CAS server.
#[derive(Debug)]
pub(super) struct Client {
    config: config::Cas,
    client: net::client::Client,
}

impl Client {
    pub(super) fn new(config: config::Cas, client: net::client::Client) -> Self {
        Self { config, client }
    }

    pub(super) fn address(&self, attempt: &Attempt) -> Result<Url, SignInError> {
        let _ = (&self.config, attempt);
        Err(SignInError::NotConfigured)
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

/// The ticket that a `samlp:LogoutRequest` names, in the form body that the ENT posts.
pub(super) fn logout_ticket(body: &[u8]) -> Option<String> {
    let _ = body;
    None
}
