//! Asking the GAR, or the region's relay of it, what one person was given.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use tokio::time::Instant;

use super::{
    SourceError,
    ask::{Question, ask_with_head, below, read},
    client_for,
    gar::accept,
};
use crate::{
    catalogue::gar,
    config::{Network, PersonalList, Uai},
    net::client::Client,
};

/// A client is used for this long, then made anew: a renewed token or certificate is taken up.
const CLIENT_TIME: Duration = Duration::from_mins(10);

/// Where persons' lists are asked.
#[derive(Debug)]
pub struct PersonalSource {
    list: PersonalList,
    network: Network,
    client: Mutex<Option<(Client, Instant)>>,
}

/// What one person was given at one school.
#[derive(Debug)]
pub struct Given {
    /// Canonical identifiers.
    pub names: Vec<String>,
    /// The answer's head, which may say for how long it counts.
    pub headers: HeaderMap,
}

/// Why there is no answer; names no person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotGiven(String);

impl PersonalSource {
    /// Asks nothing yet.
    pub fn new(list: PersonalList, network: Network) -> Self {
        Self { list, network, client: Mutex::default() }
    }

    /// The list of a person, by the ENT's opaque identifier, at one school.
    pub async fn ask(&self, uai: &Uai, person: &str) -> Result<Given, NotGiven> {
        let url = below(&self.list.url, &["ressources", &self.list.ent, uai.as_str(), person]);
        let own = url.path_segments().and_then(Iterator::last).unwrap_or_default().to_owned();
        let question = Question::get(url, accept(self.list.format));
        let asked = async {
            let (bytes, url, headers) = ask_with_head(&self.client().await?, question).await?;
            let page = read(move || gar::resources(&bytes)).await?;
            let page = page.map_err(|reason| SourceError::Answer { url: (&url).into(), reason })?;
            let names = page.entries.into_iter().flat_map(|entry| entry.identifiers).collect();
            Ok(Given { names, headers })
        };
        // What is logged names the school, and nobody.
        asked.await.map_err(|error: SourceError| NotGiven(error.to_string().replace(&own, "…")))
    }

    async fn client(&self) -> Result<Client, SourceError> {
        let known = || self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, made)) = &*known()
            && made.elapsed() < CLIENT_TIME
        {
            return Ok(client.clone());
        }
        let (list, network) = (self.list.clone(), self.network.clone());
        let make = move || client_for(&list.url, &list.credentials, &network);
        let client = tokio::task::spawn_blocking(make).await??;
        *known() = Some((client.clone(), Instant::now()));
        Ok(client)
    }
}
