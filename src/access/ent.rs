//! The school's ENT, whichever protocol it speaks.

use jiff::Timestamp;
use url::Url;

use super::{SignInError, attempt::Attempt, attributes::Said, cas, oidc};

/// Who the ENT says it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// Attributes by name; the CAS user is `user`, the OpenID subject `sub`.
    pub(super) attributes: Said,
    /// The CAS ticket, which a single logout names.
    pub(super) ticket: Option<String>,
}

/// One protocol.
#[derive(Debug)]
pub(super) enum Ent {
    /// No ENT: passes and help codes alone.
    None,
    Cas(cas::Client),
    Oidc(oidc::Client),
}

impl Ent {
    /// Where the browser is sent to sign in.
    pub(super) async fn address(
        &self,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Url, SignInError> {
        match self {
            Self::None => Err(SignInError::NotConfigured),
            Self::Cas(client) => client.address(&attempt.service()).await,
            Self::Oidc(client) => client.address(attempt, now).await,
        }
    }

    /// Who came back, from the query they came back with.
    pub(super) async fn identify(
        &self,
        query: &[(String, String)],
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Identity, SignInError> {
        match self {
            Self::None => Err(SignInError::NotConfigured),
            Self::Cas(client) => client.identify(query, attempt).await,
            Self::Oidc(client) => client.identify(query, attempt, now).await,
        }
    }
}
