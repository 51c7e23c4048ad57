//! Asking the GAR, or the region's relay of it.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use futures_util::future::join_all;
use http::{Method, StatusCode};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    SourceError,
    ask::{Question, ask, below, read},
    told,
};
use crate::{
    catalogue::{
        entry::{Entry, Kept, MAX_ENTRIES, Missing, Outcome, Part},
        gar::{self, Page, Place},
        text::Notes,
    },
    config::{AnswerFormat, ResourceListSource, SubscriptionMethod, SubscriptionSource},
    net::client::Client,
};

/// Subscriptions asked for at once, as the GAR's other clients do.
const PAGE_RECORDS: usize = 5_000;
/// Pages asked for at most.
const MAX_PAGES: usize = 20;
/// Counts asked for at once.
const COUNTS_AT_ONCE: usize = 4;
/// Subscriptions whose counts are asked for.
const MAX_COUNTED: usize = 5_000;
/// Longest that counting may take: the list is not to wait for it for ever.
const COUNTING_TIME: Duration = Duration::from_mins(5);
/// Key of the one part of a subscription list.
const WHOLE: &str = "abonnements";

pub(super) fn accept(format: AnswerFormat) -> &'static str {
    match format {
        AnswerFormat::Json => "application/json",
        AnswerFormat::Xml => "application/xml",
    }
}

/// *Liste ressources*, once a school: a school that fails keeps what it last had.
pub(super) async fn resource_list(
    source: &ResourceListSource,
    client: &Client,
    place: &Place,
    now: Timestamp,
) -> Outcome {
    let mut schools: Vec<&str> = source.uais.iter().map(crate::config::Uai::as_str).collect();
    if schools.is_empty() {
        schools.push(&place.uai);
    }
    let mut outcome = Outcome::default();
    let mut notes = Notes::default();
    let (mut failed, mut failures) = (Vec::new(), Vec::new());
    for uai in schools {
        let url = below(&source.url, &["ressources", &source.ent, uai, &source.person]);
        match resources_of(client, Question::get(url, accept(source.format))).await {
            Ok(page) => {
                notes.extend(page.refused);
                let key = uai.to_owned();
                outcome.parts.push(Part { key, at: now, entries: page.entries });
            }
            Err(error) => {
                failures.push(format!("{uai}: {error}"));
                failed.push(uai.to_owned());
            }
        }
    }
    if !failed.is_empty() {
        outcome.missing = Missing::These(failed);
    }
    outcome.failure = told(&failures);
    outcome.refused = notes.into_lines();
    outcome
}

async fn resources_of(client: &Client, question: Question<'_>) -> Result<Page, SourceError> {
    let (bytes, url) = ask(client, question).await?;
    read(move || gar::resources(&bytes))
        .await?
        .map_err(|reason| SourceError::Answer { url: (&url).into(), reason })
}

/// *Abonnements* to their last page, then the *décompte* of each. Half a list is no list: one
/// page that fails, and the last good answer stays whole.
pub(super) async fn subscriptions(
    source: &SubscriptionSource,
    client: &Client,
    place: &Place,
    old: Option<&Kept>,
    now: Timestamp,
) -> Outcome {
    let mut notes = Notes::default();
    let mut entries = match every_page(source, client, place, &mut notes).await {
        Ok(entries) => entries,
        Err(error) => return super::nothing(error.to_string()),
    };
    let failure = assigned(source, client, place, old, &mut entries).await.err();
    Outcome {
        parts: vec![Part { key: WHOLE.to_owned(), at: now, entries }],
        failure: failure.map(|error| format!("assigned pupils: {error}")),
        refused: notes.into_lines(),
        ..Outcome::default()
    }
}

async fn every_page(
    source: &SubscriptionSource,
    client: &Client,
    place: &Place,
    notes: &mut Notes,
) -> Result<Vec<Entry>, SourceError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    for page in 0..MAX_PAGES {
        let answer = one_page(source, client, place, page * PAGE_RECORDS).await?;
        notes.extend(answer.refused);
        let before = known.len();
        for entry in answer.entries {
            let id = entry.licences.first().map(|licence| licence.id.clone());
            // Pages overlap when the other side counts `fin` in.
            if id.is_some_and(|id| known.insert(id)) && entries.len() < MAX_ENTRIES {
                entries.push(entry);
            }
        }
        // A server that ignores `debut` gives the same page for ever.
        if answer.records < PAGE_RECORDS || known.len() == before {
            return Ok(entries);
        }
    }
    notes.add(&format!("subscriptions past page {MAX_PAGES}"));
    Ok(entries)
}

async fn one_page(
    source: &SubscriptionSource,
    client: &Client,
    place: &Place,
    from: usize,
) -> Result<Page, SourceError> {
    let mut url = below(&source.url, &[WHOLE]);
    url.query_pairs_mut()
        .append_pair("debut", &from.to_string())
        .append_pair("fin", &(from + PAGE_RECORDS).to_string());
    let method = match source.method {
        SubscriptionMethod::Post => Method::POST,
        SubscriptionMethod::Get => Method::GET,
    };
    let body = Some(filters(&place.uai, source.distributor.as_deref()));
    let question = Question { method, url, accept: accept(source.format), body };
    let (bytes, url) = ask(client, question).await?;
    let place = place.clone();
    read(move || gar::subscriptions(&bytes, &place))
        .await?
        .map_err(|reason| SourceError::Answer { url: (&url).into(), reason })
}

/// The filter that both ways of asking carry. Sorted, so that pages follow one another.
fn filters(uai: &str, distributor: Option<&str>) -> String {
    let filter = |name: &str, value: &str| {
        let value = quick_xml::escape::escape(value);
        format!(
            "<filtre><filtreNom>{name}</filtreNom><filtreValeur>{value}</filtreValeur></filtre>"
        )
    };
    let distributor = distributor.map(|id| filter("idDistributeurCom", id)).unwrap_or_default();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <filtres xmlns=\"http://www.atosworldline.com/wsabonnement/v1.0/\">{distributor}{}\
         <triPar>idAbonnement</triPar><tri>ASC</tri></filtres>",
        filter("uaiEtab", uai)
    )
}

/// Fills in the *décompte*. A count that cannot be had stays what it last was; a relay that does
/// not know the question at all (404, 405, 501) is no failure.
async fn assigned(
    source: &SubscriptionSource,
    client: &Client,
    place: &Place,
    old: Option<&Kept>,
    entries: &mut [Entry],
) -> Result<(), SourceError> {
    let mut counts: BTreeMap<String, u64> = old
        .into_iter()
        .flat_map(Kept::entries)
        .flat_map(|entry| &entry.licences)
        .map(|licence| (licence.id.clone(), licence.assigned_pupils))
        .collect();
    let ids: Vec<String> =
        entries.iter().flat_map(|e| &e.licences).map(|l| l.id.clone()).take(MAX_COUNTED).collect();
    let (mut end, mut covered) = (Ok(()), HashSet::new());
    let begun = Instant::now();
    'asking: for (round, some) in ids.chunks(COUNTS_AT_ONCE).enumerate() {
        if begun.elapsed() > COUNTING_TIME {
            let (done, of) = (round * COUNTS_AT_ONCE, ids.len());
            end = Err(SourceError::Unfinished { done, of, within: COUNTING_TIME });
            break;
        }
        // Some servers tell of every subscription whichever is asked for: that is then enough.
        let due: Vec<&String> = some.iter().filter(|id| !covered.contains(*id)).collect();
        let answers = due.iter().map(|id| counts_of(source, client, place, id));
        for (id, answer) in due.iter().zip(join_all(answers).await) {
            match answer {
                Ok(answer) => {
                    counts.insert((*id).clone(), 0);
                    covered.extend(answer.keys().cloned());
                    counts.extend(answer);
                }
                Err(SourceError::Status {
                    status:
                        StatusCode::NOT_FOUND
                        | StatusCode::METHOD_NOT_ALLOWED
                        | StatusCode::NOT_IMPLEMENTED,
                    ..
                }) => break 'asking,
                Err(error) => {
                    end = Err(error);
                    break 'asking;
                }
            }
        }
    }
    for licence in entries.iter_mut().flat_map(|entry| &mut entry.licences) {
        licence.assigned_pupils = counts.get(&licence.id).copied().unwrap_or(0);
    }
    end
}

async fn counts_of(
    source: &SubscriptionSource,
    client: &Client,
    place: &Place,
    id: &str,
) -> Result<BTreeMap<String, u64>, SourceError> {
    let mut url = below(&source.url, &["decompteaffectations"]);
    url.query_pairs_mut().append_pair("idAbonnement", id);
    let (bytes, _) = ask(client, Question::get(url, "text/csv")).await?;
    Ok(gar::counts(&bytes, &place.uai))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_names_the_school_and_escapes_what_is_typed() {
        let body = filters("0670007U", Some("a<b"));
        assert!(body.contains("<filtreNom>uaiEtab</filtreNom><filtreValeur>0670007U<"), "{body}");
        assert!(body.contains("<filtreValeur>a&lt;b<"), "{body}");
    }
}
