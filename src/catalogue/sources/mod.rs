//! The sources that `preau.toml` names, and how each is asked. What comes is an `Outcome`; what
//! to keep of it is decided elsewhere.

mod ask;
mod feed;
mod gar;
mod personal;

pub use self::personal::{Given, NotGiven, PersonalSource};

use std::{fs::File, io::Read as _, path::Path, time::Duration};

use jiff::Timestamp;
use url::Url;

use super::{
    entry::{Kept, Kind, Missing, Outcome},
    gar::Place,
    lenient::BadAnswer,
};
use crate::{
    config::{
        Catalogue as Config, Credentials, FeedSource, Network, ResourceListSource,
        SubscriptionSource,
    },
    net::client::{Client, ClientError, ClientOptions, Shown},
};

/// Largest token file, in bytes.
const MAX_TOKEN_BYTES: u64 = 16 * 1024;
/// Failures told of one source at once.
const MAX_TOLD: usize = 3;

/// Why a source gave nothing of use.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{url}: status {status}{says}; 200 was expected")]
    Status { url: Shown, status: http::StatusCode, says: String },
    #[error("{url}: {reason}")]
    Answer { url: Shown, reason: BadAnswer },
    #[error("{url}: the request cannot be written: {reason}")]
    Request { url: Shown, reason: String },
    #[error("token file {path}: {reason}")]
    Token { path: String, reason: String },
    #[error("{done} of {of} subscriptions were counted within {within:?}")]
    Unfinished { done: usize, of: usize, within: Duration },
    #[error("the task that reads the answer failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// One source of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Subscriptions(SubscriptionSource),
    ResourceList(ResourceListSource),
    Feed(FeedSource),
}

impl Source {
    /// All of them, in the order in which they are shown.
    pub(super) fn of(config: &Config) -> Vec<Self> {
        let subscriptions = config.subscriptions.iter().cloned().map(Self::Subscriptions);
        let lists = config.resource_lists.iter().cloned().map(Self::ResourceList);
        let feeds = config.feeds.iter().cloned().map(Self::Feed);
        subscriptions.chain(lists).chain(feeds).collect()
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Subscriptions(source) => &source.name,
            Self::ResourceList(source) => &source.name,
            Self::Feed(source) => &source.name,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Subscriptions(_) => Kind::Subscriptions,
            Self::ResourceList(_) => Kind::ResourceList,
            Self::Feed(_) => Kind::Feed,
        }
    }

    fn parts(&self) -> (&Url, &Credentials) {
        match self {
            Self::Subscriptions(source) => (&source.url, &source.credentials),
            Self::ResourceList(source) => (&source.url, &source.credentials),
            Self::Feed(source) => (&source.url, &source.credentials),
        }
    }

    /// The client that shows this source's credentials, to its own origin only. Reads files; done
    /// anew for each round, so that a renewed token or certificate is taken up.
    pub(super) fn client(&self, network: &Network) -> Result<Client, SourceError> {
        let (url, credentials) = self.parts();
        client_for(url, credentials, network)
    }

    /// Asks once. `old` is the last good answer, for what need not be asked again or failed.
    pub(super) async fn ask(
        &self,
        client: &Client,
        place: &Place,
        old: Option<&Kept>,
        now: Timestamp,
    ) -> Outcome {
        match self {
            Self::Subscriptions(source) => {
                gar::subscriptions(source, client, place, old, now).await
            }
            Self::ResourceList(source) => gar::resource_list(source, client, place, now).await,
            Self::Feed(source) => feed::walk(source, client, place, now).await,
        }
    }
}

/// A client that shows `credentials` to the origin of `url` only. Reads files.
fn client_for(
    url: &Url,
    credentials: &Credentials,
    network: &Network,
) -> Result<Client, SourceError> {
    let bearer = credentials.token_file.as_deref().map(read_token).transpose()?;
    Ok(Client::new(ClientOptions {
        allow_private: network.allow_private.clone(),
        extra_authorities: network.extra_authorities.clone(),
        identity: credentials.certificate.clone().zip(credentials.key.clone()),
        bearer,
        bearer_origin: Some(url.clone()),
    })?)
}

fn read_token(path: &Path) -> Result<String, SourceError> {
    let fault = |reason: String| SourceError::Token { path: path.display().to_string(), reason };
    let mut text = String::new();
    let mut file = File::open(path).map_err(|error| fault(error.to_string()))?;
    (&mut file)
        .take(MAX_TOKEN_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| fault(error.to_string()))?;
    if text.len() as u64 > MAX_TOKEN_BYTES {
        return Err(fault(format!("longer than {MAX_TOKEN_BYTES} bytes")));
    }
    let token = text.trim();
    if token.is_empty() { Err(fault("empty".to_owned())) } else { Ok(token.to_owned()) }
}

/// Nothing came at all.
pub(super) fn nothing(failure: String) -> Outcome {
    Outcome { missing: Missing::Unknown, failure: Some(failure), ..Outcome::default() }
}

/// A few of the failures in one line, and how many more there were.
fn told(failures: &[String]) -> Option<String> {
    let more = failures.len().saturating_sub(MAX_TOLD);
    let shown: Vec<&str> = failures.iter().take(MAX_TOLD).map(String::as_str).collect();
    match (shown.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(shown.join("; ")),
        (false, more) => Some(format!("{}; and {more} more", shown.join("; "))),
    }
}
